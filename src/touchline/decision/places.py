"""In: one customer's facts before and after a tick. Out: where they stand in each programme, and what moves them on. Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from touchline.decision.plan import Plan
from touchline.decision.rules import Facts, shown
from touchline.decision.standing import Taken
from touchline.expressions import Expression, evaluate
from touchline.kernel.times import DAY, format_instant
from touchline.kernel.types import Value
from touchline.playbook.compiled import END, Programme, Step


@dataclass(frozen=True)
class Place:
    """One customer in one programme.

    step      id of the step where they stand; None where they stand at none
    place     1-based, 0 outside
    since     microseconds: when they came there, or left; entered likewise, NULL where they never did
    arm       `treated` or `control`
    assigned  when the arm was written down; None: it is only drawn so far
    onward    what moves them on from there, or keeps them out, a sentence without its end
    taken     the steps that this tick takes
    """

    programme: str
    step: str | None
    place: int
    steps: int
    since: int | None
    entered: int | None
    arm: str
    assigned: int | None
    onward: str
    taken: tuple[Taken, ...]

    def as_dict(self) -> dict[str, Any]:
        """Times as text."""
        return {
            "programme": self.programme,
            "step": self.step,
            "place": self.place,
            "since": None if self.since is None else format_instant(self.since),
            "entered": None if self.entered is None else format_instant(self.entered),
            "arm": self.arm,
            "assigned": None if self.assigned is None else format_instant(self.assigned),
            "onward": self.onward,
            "taken": [
                {"step": taken.step, "reason": taken.reason, "occurred_at": format_instant(taken.occurred_at)}
                for taken in self.taken
            ],
        }

    def line(self) -> str:
        """What people read."""
        arm = self.arm if self.assigned is not None else f"{self.arm} (drawn, not yet written down)"
        where = (
            f"at step {self.step} ({self.place} of {self.steps}) since {format_instant(self.since)}"
            if self.step is not None and self.since is not None
            else "not in it"
        )
        return f"programme {self.programme}, {arm}: {where}; {self.onward}"


def places(before: Facts, moved: Facts, taken: Sequence[Taken], plan: Plan) -> tuple[Place, ...]:
    """The customer in every programme; conditions are told of the facts before the tick, by which they were judged."""
    found = []
    for programme in plan.programmes:
        name = f"programme.{programme.name}"
        place, since, entered = (_integer(moved[f"{name}.{member}"]) for member in ("step", "since", "entered"))
        step = programme.steps[place - 1] if place else None
        onward = _outside(programme, before, entered) if step is None else _onward(step, programme, since or 0)
        found.append(
            Place(
                programme=programme.name,
                step=None if step is None else step.id,
                place=place or END,
                steps=len(programme.steps),
                since=since,
                entered=entered,
                arm=str(moved[f"{name}.arm"]),
                assigned=_integer(moved[f"{name}.assigned"]),
                onward=onward,
                taken=tuple(t for t in taken if t.programme == programme.name),
            )
        )
    return tuple(found)


def _onward(step: Step, programme: Programme, since: int) -> str:
    """What lets a customer leave the step where they stay after the tick."""
    limit = step.within if step.conversation is not None else step.at_most
    missed = ""
    if limit is not None:
        last = step.place == len(programme.steps) or step.otherwise == "exit"
        missed = f", or at {format_instant(since + limit)} without it {'out' if last else 'to the next step'}"
    if step.conversation is not None:
        offered = f" (offered from {format_instant(since + step.wait)})" if step.wait else ""
        return f"on once {step.conversation} is {step.done}{offered}{missed}"
    if step.until is not None:
        return f"on once {step.until.text}{missed}"
    return f"on at {format_instant(since + step.wait)}"


def _outside(programme: Programme, facts: Facts, entered: int | None) -> str:
    """Why a customer who is outside after the tick did not come in."""
    if programme.exit is not None and evaluate(programme.exit, facts) is True:
        return f"its exit condition holds: {_told(programme.exit, facts)}"
    if evaluate(programme.enter, facts) is not True:
        return f"its enter condition does not hold: {_told(programme.enter, facts)}"
    if facts["arm.global"] != "treated":
        return "held out by the global control group of the year"
    if entered is None:
        return "may enter"
    again = {
        "once": "it is entered once",
        "term": "it is entered once per agreement term",
        "episode": "it is entered once per episode",
        "every": f"it is entered once in {(programme.recurs_every or 0) / DAY:g} days",
    }[programme.recurs]
    return f"{again}, and was on {format_instant(entered)}"


def _told(expression: Expression, facts: Facts) -> str:
    read = ", ".join(f"{name} is {shown(facts[name])}" for name in expression.names)
    return f"{expression.text}, where {read}" if read else expression.text


def _integer(value: Value) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise TypeError("steps and times are integers")
