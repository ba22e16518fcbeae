"""In: a user, a key, or nobody in particular. Out: the actor in whose name something is done. Writes no interactions.

There is no operation without an actor: whoever has a shell on the machine is TERMINAL, the loop is WORKER, and whoever
comes by the network is a user, a key, or a customer with a link of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from touchline.kernel.errors import TouchlineError
from touchline.team.roles import EVERYTHING, Right

Kind = Literal["terminal", "user", "key", "customer", "worker"]


class NotAllowed(TouchlineError):
    """You may not do that."""

    code = "not_allowed"
    remedy = "An admin can give you a role that may: `touchline team role`, or the page Team."


@dataclass(frozen=True)
class Actor:
    """In whose name something is done.

    kind    what sort of actor it is
    name    shown in the audit; never an identifier of a customer
    rights  what they may do
    id      number of the user or key; of a customer their number; None for the terminal and the worker
    """

    kind: Kind
    name: str
    rights: frozenset[Right]
    id: int | None = None

    def may(self, right: Right) -> bool:
        """Whether they may."""
        return right in self.rights

    def require(self, right: Right, what: str = "") -> None:
        """Raise NotAllowed unless they may; `what` says in words what was asked for."""
        if right not in self.rights:
            raise NotAllowed(f"{what or right.value} needs the right `{right.value}`")


TERMINAL = Actor("terminal", "terminal", EVERYTHING)
"""Whoever has a shell beside the workspace's own files."""

WORKER = Actor("worker", "worker", EVERYTHING)
"""The loop."""


def customer(number: int, rights: frozenset[Right] = frozenset({Right.SERVE})) -> Actor:
    """A customer on their own pages: they may change what is theirs, and the verb holds them to that."""
    return Actor("customer", f"customer {number}", rights, number)
