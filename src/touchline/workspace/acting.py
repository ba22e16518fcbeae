"""In: a verb of the workspace, the right that it needs, and who acts. Out: the same verb, authorised and audited. Writes no interactions itself.

    class Workspace:
        @operation(Right.SERVE, "calls.close", about=lambda given: f"call {given['task']}")
        def close_call(self, task, outcome, note=""): ...

The right is asked for before anything is done. The entry is written where the verb itself calls `note`, inside its own
transaction, so that the change and its entry stand or fall together; a verb that does not is noted when it has come to its
end, or, with `first=True`, before it begins, because it may run for weeks. A verb that another verb calls is part of that
one, where the actor is the same: it is neither asked nor noted again.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from django.db import transaction

from touchline.team import audit
from touchline.team.actors import Actor
from touchline.team.roles import Right

P = ParamSpec("P")
R = TypeVar("R")


class Acts(Protocol):
    """What has verbs: something with an actor."""

    actor: Actor


@dataclass
class _Doing:
    """A verb that is under way: whose, what it is called, and whether its entry is written."""

    actor: Actor
    operation: str
    about: str = ""
    noted: bool = False
    details: dict[str, object] = field(default_factory=dict)


_doing: ContextVar[_Doing | None] = ContextVar("touchline_doing", default=None)


def operation(
    right: Right,
    name: str | None = None,
    *,
    about: Callable[[Mapping[str, Any]], str] | None = None,
    when: Callable[[Mapping[str, Any]], bool] | None = None,
    first: bool = False,
    whole: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a method of the workspace an operation: it raises NotAllowed unless `self.actor` has the right, and is audited.

    name   in the audit; else the method's
    about  what it is done to, from its arguments by name: numbers and names of conversations, never identifiers of people
    when   from its arguments by name, whether the call changes anything: a dry run needs Right.SEE only, and is not audited
    first  the entry is written before it begins
    whole  it runs in one transaction with its entry; only for verbs that touch nothing but the database
    """

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        called = name or verb.__name__
        signature = inspect.signature(verb)

        @functools.wraps(verb)
        def performed(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = cast("Acts", args[0]).actor
            outer = _doing.get()
            if outer is not None and outer.actor == actor:
                with _under_way(_Doing(actor, called, noted=True)):  # what it notes is no part of the outer one's entry
                    return verb(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            if when is not None and not when(given):
                actor.require(Right.SEE, called)
                return verb(*args, **kwargs)
            actor.require(right, called)
            doing = _Doing(actor, called, about(given) if about is not None else "")
            with _under_way(doing):
                if first:
                    note()
                if whole:
                    with transaction.atomic():
                        return _finished(doing, verb(*args, **kwargs))
                return _finished(doing, verb(*args, **kwargs))

        performed.__operation__ = (called, right)  # type: ignore[attr-defined] # what tests and documents ask a verb for
        return performed

    return decorate


def note(about: str | None = None, **details: object) -> None:
    """Write the entry of the verb that is under way, now, in the caller's transaction; further details are lost after that.

    Outside of any verb, and where it is written already, nothing is done.
    """
    doing = _doing.get()
    if doing is None or doing.noted:
        return
    doing.noted = True
    doing.details.update(details)
    audit.record(doing.actor, doing.operation, doing.about if about is None else about, doing.details)


def tell(about: str | None = None, **details: object) -> None:
    """Say what the entry of the verb that is under way will hold, without writing it yet."""
    doing = _doing.get()
    if doing is not None:
        doing.about = doing.about if about is None else about
        doing.details.update(details)


@contextmanager
def _under_way(doing: _Doing) -> Iterator[None]:
    token = _doing.set(doing)
    try:
        yield
    finally:
        _doing.reset(token)


def _finished(doing: _Doing, result: R) -> R:
    if not doing.noted:
        note()
    return result
