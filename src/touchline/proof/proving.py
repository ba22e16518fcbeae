"""In: ledger rows with their customers, a playbook, an instant. Out: each programme against its control, with n, interval and method. Writes no interactions.

A figure that compares those who were reached with those who were not, or before with after, is no proof: who is reached, and when, has causes of
its own. The arm is a draw, so the difference between the arms has only one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook.compiled import Goal, Playbook, Programme
from touchline.proof.counting import ARMS, Arm, Frame, arms, assigned, left_out, spent
from touchline.proof.intervals import Difference, difference, sample_ratio

METHOD = "intention to treat; Newcombe's hybrid score interval, 95 %"

MISMATCH = 0.001
"""A sample ratio less likely than this says that the arms are not what was drawn."""


@dataclass(frozen=True)
class Group:
    """Goal rates of a group, by arm, and their difference with its interval.

    n_treated, n_control   customers
    treated, control       share of each that reached the goal
    """

    n_treated: int
    n_control: int
    treated: float | None
    control: float | None
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Proof:
    """One programme against its control.

    goal            kind of interaction, and the time for it from the assignment in microseconds
    n               customers assigned, in one arm
    complete        those of them whose time for the goal is over; the others are in both arms alike
    left_out        customers in no arm, because they were linked from personas of both
    all             everybody assigned
    hand_raisers    those who had given a consent with evidence before; they differ from the others by nature, and the arms within are comparable
    others          everybody else
    messages, cost  what the programme said and its cost in major units of money; those of both arms, though nothing goes to control
    sample_ratio_p  how likely such sizes of the arms are under the drawn holdout; None without one
    trusted         whether the sizes are what was drawn
    """

    name: str
    goal: str
    within: int
    n: int
    complete: int
    left_out: int
    all: Group
    hand_raisers: Group
    others: Group
    messages: int
    cost: float
    sample_ratio_p: float | None
    trusted: bool
    method: str = METHOD


def prove(interactions: Frame, playbook: Playbook, at: int, programme: str | None = None) -> list[Proof]:
    """Each programme that has a goal, or the one named, by what the ledger held at the instant.

    interactions   ledger rows with `customer`: kind, occurred_at, programme, arm, purpose, evidence, message_id, reason, cost_minor
    Raises UnknownName for a programme that is not there or has no goal.
    """
    with_goal = {name: (one, one.goal) for name, one in playbook.programmes.items() if one.goal is not None}
    if programme is not None and programme not in with_goal:
        remedy = "Give it a goal." if programme in playbook.programmes else did_you_mean(programme, with_goal)
        raise UnknownName(f"programme {programme!r} with a goal", remedy=remedy)
    chosen = with_goal if programme is None else {programme: with_goal[programme]}
    minor = playbook.organisation.minor_units
    return [_proof(interactions, one, goal, at, minor) for one, goal in chosen.values()]


def as_json(proof: Proof) -> dict[str, Any]:
    """As `touchline proof --json` shows it: the figures of everybody on top, the groups beside them."""
    told = asdict(proof)
    return {**told.pop("all"), **told}


def _proof(interactions: Frame, programme: Programme, goal: Goal, at: int, minor_units: int) -> Proof:
    entered = assigned(interactions, programme.name, at)
    counts = arms(interactions, entered, goal, at)
    treated, control = ({raised: counts.get((arm, raised), Arm()) for raised in (True, False)} for arm in ARMS)
    ours, theirs = treated[True] + treated[False], control[True] + control[False]
    said = spent(interactions, programme.name, at)
    ratio = sample_ratio(ours.n, theirs.n, programme.holdout)
    return Proof(
        name=programme.name,
        goal=goal.kind,
        within=goal.within,
        n=ours.n + theirs.n,
        complete=ours.complete + theirs.complete,
        left_out=left_out(entered),
        all=_group(ours, theirs),
        hand_raisers=_group(treated[True], control[True]),
        others=_group(treated[False], control[False]),
        messages=said.messages,
        cost=said.cost_minor / minor_units,
        sample_ratio_p=ratio,
        trusted=ratio is None or ratio >= MISMATCH,
    )


def _group(treated: Arm, control: Arm) -> Group:
    found: Difference = difference(treated.reached, treated.n, control.reached, control.n)
    figures: Mapping[str, float | None] = asdict(found)
    return Group(n_treated=treated.n, n_control=control.n, **figures)
