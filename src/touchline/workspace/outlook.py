"""In: a workspace. Out: what a decision made now would say to whom, who is held by what, who stands where. Writes no interactions.

Both need the whole base: they are worked out once in MINUTES for all pages of a process, and say as of when.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from touchline.kernel.measures import column
from touchline.kernel.times import MINUTE
from touchline.workspace import outgoing

if TYPE_CHECKING:
    from touchline.decision import Plan
    from touchline.workspace.deciding import Decided
    from touchline.workspace.opened import Workspace

MINUTES = 10 * MINUTE

SOME = 8
"""Customers who are named as examples."""

T = TypeVar("T")
_lock = threading.RLock()


@dataclass(frozen=True)
class Reach:
    """One conversation in numbers of customers.

    reached  in its audience, with its trigger due
    open     of those, whom nothing holds back on at least one channel
    goes     of those, to whom it goes now; the others get something that matters more
    held     policy -> how many of the reached it holds back on at least one channel, the most first
    who      some of those to whom it goes now
    """

    conversation: str
    reached: int
    open: int
    goes: int
    held: tuple[tuple[str, int], ...]
    who: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """A dry decision as of an instant (microseconds), over so many customers: conversation -> Reach.

    held  policy -> how many customers it holds from at least one conversation in whose audience they are
    """

    at: int
    customers: int
    reach: Mapping[str, Reach]
    held: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """How many customers stand at a step, and how many of them are in the control group, told nothing."""

    n: int
    control: int


@dataclass(frozen=True)
class Standing:
    """As of an instant (microseconds).

    places  programme -> place of a step -> who stands there
    said    conversation of a step -> state -> how many messages of it are in that state, ever since
    """

    at: int
    places: Mapping[str, Mapping[int, Place]]
    said: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def outlook(workspace: Workspace) -> Outlook:
    """What would be said now, to whom, and who is held by what."""
    return _kept(workspace, "outlook", lambda: of(workspace, workspace.decide(dry_run=True), workspace.clock.now()))


def standing(workspace: Workspace) -> Standing:
    """How many stand at which step of which programme, in which arm, and what was said there."""
    return _kept(workspace, "standing", lambda: _standing(workspace))


def _kept(workspace: Workspace, name: str, work: Callable[[], T]) -> T:
    key = (workspace.playbook.digest, workspace.clock.now() // MINUTES)
    kept: dict[str, tuple[Any, T]] = workspace.stores.get("outlook", dict)
    with _lock:  # who comes meanwhile waits for the one answer instead of working it out again
        found = kept.get(name)
        if found is None or found[0] != key:
            kept[name] = found = (key, work())
    return found[1]


def of(workspace: Workspace, decided: Decided, at: int) -> Outlook:
    """What a decision that was made as of then comes to."""
    if decided.made is None:
        return Outlook(at, decided.summary["customers"], {})
    plan, chosen = workspace.plan, decided.made.chosen
    goes = dict(decided.proposals.group_by("conversation").agg(pl.col("customer").n_unique()).iter_rows())
    few = (
        decided.proposals.sort("customer")
        .group_by("conversation")
        .agg(pl.col("customer").unique(maintain_order=True).head(SOME))
    )
    who = {name: tuple(some) for name, some in few.iter_rows()}
    counts = [count for name in plan.conversations for count in _counts(plan, name)]
    row = chosen.select(counts).row(0, named=True)
    reach = {}
    for name in plan.conversations:
        held = ((policy, int(row.get(f"{name} held {policy}") or 0)) for policy in plan.policies)
        most = sorted((one for one in held if one[1]), key=lambda one: (-one[1], one[0]))
        reach[name] = Reach(
            name,
            row[f"{name} reached"] or 0,
            row[f"{name} open"] or 0,
            goes.get(name, 0),
            tuple(most),
            who.get(name, ()),
        )
    return Outlook(at, chosen.height, reach, decided.summary["held"])


def _counts(plan: Plan, conversation: str) -> list[pl.Expr]:
    """Sums over the masks of a conversation's ways: -1 outside the audience, else a bit for each policy that blocks."""
    ways = [candidate for candidate in plan.candidates if candidate.conversation == conversation]
    masks = [pl.col(candidate.mask) for candidate in ways]
    made = [
        reduce(or_, (mask >= 0 for mask in masks)).sum().alias(f"{conversation} reached"),
        reduce(or_, (mask == 0 for mask in masks)).sum().alias(f"{conversation} open"),
    ]
    for policy in sorted({rule.policy for candidate in ways for rule in candidate.rules}):
        bit = plan.bit(policy)
        blocked = reduce(or_, ((mask >= 0) & ((mask & bit) != 0) for mask in masks))
        made.append(blocked.sum().alias(f"{conversation} held {policy}"))
    return made


def _standing(workspace: Workspace) -> Standing:
    at, names = workspace.clock.now(), list(workspace.playbook.programmes)
    if not names:
        return Standing(at, {})
    wanted = [f"programme.{name}.{member}" for name in names for member in ("step", "arm")]
    frame = workspace.engine.collect(workspace.relationships(at, measures=wanted))
    places: dict[str, dict[int, Place]] = {}
    for name in names:
        step, arm = column(f"programme.{name}.step"), column(f"programme.{name}.arm")
        counted = frame.group_by(step).agg(pl.len(), control=(pl.col(arm) == "control").sum())
        places[name] = {int(place): Place(n, control) for place, n, control in counted.iter_rows() if place}
    return Standing(at, places, outgoing.of_programmes())
