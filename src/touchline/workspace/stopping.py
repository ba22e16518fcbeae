"""In: a conversation, a programme, or everything that goes out. Out: it waits until it is resumed, and who waits for what. Writes no interactions.

A stop is committed before anything else is done about it: what waits for it is noted afterwards, however much that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline.decision import Plan
from touchline.delivery import stops
from touchline.delivery.stops import SORTS, THINGS, Stop
from touchline.interactions.catalogue import PURPOSES
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import format_instant
from touchline.playbook.compiled import Playbook
from touchline.workspace import acting

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


class StopFault(TouchlineError):
    """What is to be stopped or resumed is not clear."""

    code = "not_clear"


def press(workspace: Workspace, sort: str, name: str, *, service_too: bool) -> bool:
    """Stop it; False where it was stopped already. Raises UnknownName for what the playbook does not have."""
    book = workspace.playbook
    known = {"conversation": book.conversations, "programme": book.programmes}.get(sort)
    _is_sort(sort)
    if known is not None and name not in known:
        raise UnknownName(f"{sort} {name[:80]!r}", remedy=did_you_mean(name[:80], known))
    if known is None:
        name = ""
    now = workspace.clock.now()
    with transaction.atomic():
        news = stops.press(sort, name, now, workspace.actor.name, service_too=service_too and sort == "all")
        acting.note(about(sort, name), news=news, **({"service_too": service_too} if sort == "all" else {}))
    stops.hold(now)
    return news


def lift(sort: str, name: str) -> bool:
    """Resume it; False where it was not stopped. What the playbook no longer has can be resumed too."""
    _is_sort(sort)
    with transaction.atomic():
        lifted = stops.lift(sort, "" if sort == "all" else name)
        acting.note(about(sort, name), news=lifted)
    return lifted


def about(sort: str, name: str) -> str:
    """What was stopped, in the audit's words."""
    return "everything" if sort == "all" else f"{sort} {name}"


def listed() -> list[Stop]:
    """Everything that is stopped, the oldest first."""
    return stops.listed()


def by_conversation(workspace: Workspace) -> dict[str, Stop]:
    """Conversation of the playbook -> the nearest stop that holds it, its own before its programme's; none for one that goes."""
    found: dict[str, Stop] = {}
    for row in stops.stopping(_things(workspace.playbook)).iter_rows(named=True):
        stop = Stop(**{name: row[name] for name in ("sort", "name", "service_too", "since", "by")})
        before = found.get(row["conversation"])
        if before is None or SORTS.index(stop.sort) < SORTS.index(before.sort):
            found[row["conversation"]] = stop
    return found


def holding(workspace: Workspace, conversation: str) -> list[Stop]:
    """The stops that hold one conversation of the playbook, the oldest first, each with what waits for it."""
    mine = _things(workspace.playbook).filter(pl.col("conversation") == conversation)
    found = set(stops.stopping(mine).select("sort", "name").iter_rows())
    return [stop for stop in stops.listed() if (stop.sort, stop.name) in found] if found else []


def going(workspace: Workspace) -> Plan:
    """What may be reserved now: the plan without what is stopped, so that of the rest whatever matters most goes first."""
    return workspace.plan.without(by_conversation(workspace))


def told(stop: Stop) -> dict[str, Any]:
    """A stop without whose hand it was: the name is for the console alone."""
    return {
        "sort": stop.sort,
        "name": stop.name,
        "service_too": stop.service_too,
        "since": format_instant(stop.since),
        "waiting": stop.waiting,
    }


def lines(held: Mapping[str, Stop]) -> list[str]:
    """A sentence for each stop: which conversations it holds."""
    said: dict[str, list[str]] = {}
    for name, stop in held.items():
        said.setdefault(stop_words(stop), []).append(name)
    return [f"{words}: {', '.join(names)}; none is reserved, and what waits is held" for words, names in said.items()]


def stop_words(stop: Stop) -> str:
    """What is stopped, and since when, as an explanation says it."""
    what = {"all": " with everything", "programme": f" with the programme {stop.name}"}.get(stop.sort, "")
    return f"stopped by hand{what} since {format_instant(stop.since)}"


def _things(book: Playbook) -> pl.DataFrame:
    steps = {step.conversation: one.name for one in book.programmes.values() for step in one.steps}
    rows = [(talk.name, steps.get(talk.name), PURPOSES[talk.purpose]) for talk in book.conversations.values()]
    return pl.DataFrame(rows, schema=THINGS, orient="row")


def _is_sort(sort: str) -> None:
    if sort not in SORTS:
        raise UnknownName(f"what to stop, {sort[:40]!r}", remedy=f"It is one of {', '.join(SORTS)}.")
