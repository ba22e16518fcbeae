"""In: one customer's facts, a plan, an instant. Out: the facts with every programme moved on, and the steps taken. Writes no interactions.

The row-wise twin of `sequence`, written apart from it so that each is a check on the other; `explain` tells from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from touchline.decision.plan import A_DAY, RECURS, Plan
from touchline.decision.sequence import name_of
from touchline.expressions import evaluate
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import END, Programme, Step

Facts = Mapping[str, Value]


@dataclass(frozen=True)
class Taken:
    """One step taken, as its `stepped` row.

    step         the place that was come to, END outside
    occurred_at  when it was so
    via          the place whose way was taken, END where the programme's own `enter` or `exit` led
    """

    programme: str
    recurrence: str
    step: int
    name: str | None
    reason: str
    occurred_at: int
    via: int


def advance_row(facts: Facts, plan: Plan, at: int) -> tuple[dict[str, Value], tuple[Taken, ...]]:
    """The facts (a value a measure of `plan.measures`) after every programme moved on as far as it goes."""
    moved, taken = dict(facts), []
    for programme in plan.programmes:
        walk = _Walk(facts, programme, at)
        walk.go()
        taken += walk.taken
        for member, value in walk.told().items():
            moved[f"programme.{programme.name}.{member}"] = value
    return moved, tuple(taken)


class _Walk:
    """One customer in one programme at one instant; conditions read the facts as they were before anybody moved."""

    def __init__(self, facts: Facts, programme: Programme, at: int) -> None:
        self.facts, self.programme, self.at = facts, programme, at
        self.place = _instant(self._fact("step")) or END
        self.since, self.entered = _instant(self._fact("since")), _instant(self._fact("entered"))
        self.before = self.since
        self.taken: list[Taken] = []

    def go(self) -> None:
        """In, out, or from step to step."""
        leave = self.programme.exit is not None and evaluate(self.programme.exit, self.facts) is True
        if self.place != END and leave:
            self._come(END, self.at, "exited")
        elif self.place == END and not leave and self._may_enter():
            self.entered = self.at
            self._come(1, self.at, "entered")
        while self.place != END and self._leave(self.programme.steps[self.place - 1]):
            pass

    def told(self) -> dict[str, Value]:
        """The measures that moved."""
        return {
            "step": self.place,
            "since": self.since,
            "entered": self.entered,
            "days_in_step": self._days(self.since) if self.place != END else None,
            "days_since_entry": self._days(self.entered),
        }

    def _may_enter(self) -> bool:
        if evaluate(self.programme.enter, self.facts) is not True or self.facts["arm.global"] != "treated":
            return False
        if self.since is not None and self.since >= self.at:
            return False
        if self.entered is None:
            return True
        if self.programme.recurs == "once":
            return False
        if self.programme.recurs == "every":
            return self.at - self.entered >= (self.programme.recurs_every or 0)
        days = self.facts[RECURS[self.programme.recurs]]
        return isinstance(days, int | float) and self.at - math.floor(days * DAY + 0.5) > self.entered

    def _leave(self, step: Step) -> bool:
        """Whether the customer left the step."""
        since = self.since
        if since is None:
            return False
        if step.branches:
            for branch in step.branches:
                if branch.when is None or evaluate(branch.when, self.facts) is True:
                    return self._come(branch.go, since, "branched" if branch.go != END else "exited", step.place)
            return self._on(step, since, "branched")
        if step.conversation is not None:
            act, limit = _instant(self.facts[f"done.{step.conversation}"]), step.within
            if act is not None and act >= since:
                return self._on(step, act, "done")
        elif step.until is not None:
            limit = step.at_most
            if evaluate(step.until, self.facts) is True:
                return self._on(step, self.at, "waited")
        else:
            return since + step.wait <= self.at and self._on(step, since + step.wait, "waited")
        if limit is None or since + limit > self.at:
            return False
        if step.otherwise == "exit":
            return self._come(END, since + limit, "exited", step.place)
        return self._on(step, since + limit, "skipped")

    def _on(self, step: Step, since: int, reason: str) -> bool:
        """To the next step, or past the last one."""
        if step.place == len(self.programme.steps):
            return self._come(END, since, "finished", step.place)
        return self._come(step.place + 1, since, reason, step.place)

    def _come(self, place: int, since: int, reason: str, via: int = END) -> bool:
        recurrence = str(self.entered if self.entered is not None else self.before)
        self.place, self.since = place, since
        name = name_of(self.programme, place)
        self.taken.append(Taken(self.programme.name, recurrence, place, name, reason, since, via))
        return True

    def _fact(self, member: str) -> Value:
        return self.facts[f"programme.{self.programme.name}.{member}"]

    def _days(self, instant: int | None) -> float | None:
        return None if instant is None else (self.at - instant) * A_DAY


def _instant(value: Value) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise TypeError("steps and times are integers")
