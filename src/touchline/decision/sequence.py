"""In: relationships, a plan, an instant. Out: where everybody then stands in every programme, and the steps taken. Writes no interactions.

The law of a sequence, for all customers at once: every condition is asked once, then each place is gone through in order,
and whoever may leave it does. Steps lead only forward, so one round per place is enough, and several steps may pass in
one tick. `standing` is the row-wise twin; a test holds the two together.

Place and time are one integer while customers move, `place * ROOM + since`: whoever stands at a place for long enough is
then between two constants, and goes on by an addition. Two columns took three times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Literal

import narwhals as nw

from touchline.decision.plan import A_DAY, RECURS, Plan
from touchline.expressions import Expression, to_frame
from touchline.kernel.measures import column
from touchline.kernel.times import DAY
from touchline.playbook.compiled import END, Programme, Step
from touchline.relationship.layout import conditions_of

Frame = nw.LazyFrame[Any]
Expr = nw.Expr
Reason = Literal["entered", "done", "waited", "skipped", "branched", "exited", "finished"]

MOVED = ("step", "since", "entered", "days_in_step", "days_since_entry")
"""Members of `programme.NAME` that a tick moves on."""

ROOM = 2**53
"""Microseconds beside a place: until the year 2255; places are then below 1024. Who never was in a programme stands at 0."""

ENTERS, LEAVES = 1, 2


@dataclass(frozen=True)
class Exit:
    """One way out of a step.

    holds   where customers stand -> whether they take it
    to      where customers stand -> where they are then
    go      the place that it leads to
    reason  as `stepped` rows tell it
    """

    holds: Callable[[Expr], Expr]
    to: Callable[[Expr], Expr]
    go: int
    reason: Reason


def advance(relationships: Frame, plan: Plan, at: int) -> Frame:
    """Move everybody on, as far as it goes at that instant.

    relationships  customer and one column a measure of `plan.measures`

    The same columns out, those of the programmes moved on, and beside them `moved` (int8: 1 for who took a step), per
    programme `assign_NAME` (int8: 1 for who is to be written down as treated, 2 as control), and what `steps` reads.
    """
    if not plan.programmes:
        return relationships
    frame = relationships.with_columns(*begun(plan, at))
    for columns in rounds(plan, at):
        frame = frame.with_columns(*columns)
    return frame.with_columns(*read_off(plan, at, [f"programme.{p.name}.{m}" for p in plan.programmes for m in MOVED]))


def steps(moved: Frame, plan: Plan, at: int) -> Frame:
    """One row a step taken, of a frame that `advance` made for that instant. It is read many times, so collect it first.

    Columns: customer, programme, recurrence (text: microseconds of the entry), step (int16, 0: left), name (ids of the
    step and of all that follow it, each between commas; NULL: left), reason, occurred_at (microseconds: when it was so),
    via (int16: place of the step whose way was taken, 0: the programme's own `enter` or `exit`).
    """
    parts = [part for programme in plan.programmes for part in _taken(moved, programme, plan, at)]
    return nw.concat(parts, how="vertical")


def name_of(programme: Programme, place: int) -> str | None:
    """What a `stepped` row tells of its step, so that a playbook edited later finds the next one that remains."""
    return None if place == END else f",{','.join(step.id for step in programme.steps[place - 1 :])},"


def begun(plan: Plan, at: int) -> list[Expr]:
    """What the rounds read, of the facts as they were before anybody moved.

    Columns: was_NAME (place and time as one integer), began_NAME (int8: ENTERS, LEAVES or 0), arm_NAME (int8: 0 where the
    arm is written, else 1 treated, 2 control), asked_N (int8: whether a condition of a step holds).
    """
    columns = [_code((to_frame(asked), 1)).alias(name) for asked, name in _asked(plan).items()]
    for programme in plan.programmes:
        name = programme.name
        step, since = _measure(name, "step").fill_null(END), _measure(name, "since")
        columns.append((step * ROOM + since.fill_null(0)).alias(f"was_{name}"))
        columns.append(_began(programme, step, since, at).alias(f"began_{name}"))
        unwritten, control = _measure(name, "assigned").is_null(), _measure(name, "arm") == "control"
        columns.append(_code((unwritten & control, 2), (unwritten, 1)).alias(f"arm_{name}"))
    return columns


def needed(plan: Plan) -> list[str]:
    """Columns of relationships that the rounds read beside those of `begun`."""
    names = {f"programme.{programme.name}.entered" for programme in plan.programmes}
    said = {step.conversation for programme in plan.programmes for step in programme.steps}
    return sorted(column(name) for name in names | {f"done.{name}" for name in said if name is not None})


def rounds(plan: Plan, at: int) -> Iterator[list[Expr]]:
    """Columns to be added one list after the other, stood_NAME: where everybody is after another place."""
    for index in range(max(len(programme.steps) for programme in plan.programmes)):
        columns = []
        for programme in plan.programmes:
            if index < len(programme.steps):
                stood = nw.col(f"stood_{programme.name}") if index else _entered(programme, at)
                exits = _exits(programme, programme.steps[index], plan, at)
                columns.append(_left(stood, exits).alias(f"stood_{programme.name}"))
        yield columns


def read_off(plan: Plan, at: int, measures: Collection[str]) -> list[Expr]:
    """After the last round: those measures of programmes, entered_NAME, moved and moved_NAME, assign_NAME."""
    columns, any_ = [], []
    for programme in plan.programmes:
        name = programme.name
        stood, was, began = (nw.col(f"{what}_{name}") for what in ("stood", "was", "began"))
        entered = nw.when(began == ENTERS).then(nw.lit(at, nw.Int64)).otherwise(_measure(name, "entered"))
        since = nw.when(stood > 0).then(stood % ROOM)
        told = {
            "step": stood // ROOM,
            "since": since,
            "entered": entered,
            "days_in_step": nw.when(stood >= ROOM).then((at - since).cast(nw.Float64) * A_DAY),
            "days_since_entry": (at - entered).cast(nw.Float64) * A_DAY,
        }
        columns += [
            value.alias(column(f"programme.{name}.{member}"))
            for member, value in told.items()
            if f"programme.{name}.{member}" in measures
        ]
        columns.append(entered.alias(f"entered_{name}"))
        any_.append(_code((stood != was, 1)))
        columns.append(any_[-1].alias(f"moved_{name}"))
        applies = (was >= ROOM) | (began == ENTERS)
        columns.append(
            nw.when(applies).then(nw.col(f"arm_{name}")).otherwise(nw.lit(0, nw.Int8)).alias(f"assign_{name}")
        )
    columns.append((nw.max_horizontal(*any_) if len(any_) > 1 else any_[0]).alias("moved"))
    return columns


def stands(programme: str, place: int, wait: int, at: int) -> Expr:
    """After the last round: whether customers stand at that place, and have for so long."""
    return nw.col(f"stood_{programme}").is_between(place * ROOM, place * ROOM + at - wait)


def ends(programme: str, place: int, within: int) -> Expr:
    """After the last round: when the time of that place is over, of customers who stand there."""
    return nw.col(f"stood_{programme}") + (within - place * ROOM)


def _began(programme: Programme, step: Expr, since: Expr, at: int) -> Expr:
    """Who enters: who stands nowhere in it, fits it, may come again, and is not left alone this year; and who is sent out."""
    entered = _measure(programme.name, "entered")
    again = entered.is_null()
    if programme.recurs == "every":
        again = again | (at - entered >= (programme.recurs_every or 0))
    elif programme.recurs in RECURS:
        again = again | (ago(nw.col(column(RECURS[programme.recurs])), at) > entered)
    free = (step == END) & (since.fill_null(0) < at) & (nw.col(column("arm.global")) == "treated")
    enters = (free & again & to_frame(programme.enter), ENTERS)
    if programme.exit is None:
        return _code(enters)
    exit_ = to_frame(programme.exit)
    return _code((exit_ & (step != END), LEAVES), (exit_, 0), enters)


def ago(days: Expr, at: int) -> Expr:
    """The instant (µs) so many days ago, exact for some thirty years: it undoes what days are made by."""
    return at - (days * float(DAY) + 0.5).floor().cast(nw.Int64)


def _entered(programme: Programme, at: int) -> Expr:
    """Where customers are after entries and exits."""
    first, out = nw.lit(ROOM + at, nw.Int64), nw.lit(at, nw.Int64)
    how = nw.col(f"began_{programme.name}")
    return nw.when(how == ENTERS).then(first).when(how == LEAVES).then(out).otherwise(nw.col(f"was_{programme.name}"))


def _exits(programme: Programme, step: Step, plan: Plan, at: int) -> list[Exit]:
    """The ways out of a step; of several that hold the first is taken."""
    here = step.place * ROOM
    following = END if step.place == len(programme.steps) else step.place + 1
    asked = _asked(plan)

    def stays(stood: Expr, holds: Expr | None = None) -> Expr:
        inside = stood.is_between(here, here + ROOM - 1)
        return inside if holds is None else inside & holds

    def onward(holds: Callable[[Expr], Expr], to: Callable[[Expr], Expr], reason: Reason) -> Exit:
        return Exit(holds, to, following, "finished" if following == END else reason)

    def after(limit: int, reason: Reason, go: int = following) -> Exit:
        """Who stands there for so long goes on, since when it was so long."""

        def holds(stood: Expr) -> Expr:
            return stood.is_between(here, here + at - limit)

        shift = (go - step.place) * ROOM + limit
        return Exit(holds, lambda stood: stood + shift, go, reason)

    def missed(limit: int) -> Exit:
        if step.otherwise == "exit":
            return after(limit, "exited", END)
        return after(limit, "finished" if following == END else "skipped")

    if step.conversation is not None:
        act = nw.col(column(f"done.{step.conversation}"))
        done = onward(lambda stood: (stood >= here) & (stood <= act + here), lambda _: act + following * ROOM, "done")
        return [done] if step.within is None else [done, missed(step.within)]
    if step.until is not None:
        holds = nw.col(asked[step.until]) == 1
        now = onward(partial(stays, holds=holds), lambda _: nw.lit(following * ROOM + at, nw.Int64), "waited")
        return [now] if step.at_most is None else [now, missed(step.at_most)]
    if not step.branches:
        return [after(step.wait, "finished" if following == END else "waited")]
    exits = []
    for branch in step.branches:
        holds_ = None if branch.when is None else nw.col(asked[branch.when]) == 1
        to = partial(_shifted, by=(branch.go - step.place) * ROOM)
        exits.append(Exit(partial(stays, holds=holds_), to, branch.go, "exited" if branch.go == END else "branched"))
    if step.branches[-1].when is not None:
        exits.append(onward(stays, partial(_shifted, by=(following - step.place) * ROOM), "branched"))
    return exits


def _shifted(stood: Expr, by: int) -> Expr:
    return stood + by


def _left(stood: Expr, exits: Sequence[Exit]) -> Expr:
    """Where customers are once whoever may leave a step has left it."""
    value = stood
    for way in reversed(exits):
        value = nw.when(way.holds(stood)).then(way.to(stood)).otherwise(value)
    return value


def _taken(moved: Frame, programme: Programme, plan: Plan, at: int) -> Iterator[Frame]:
    """The steps taken in one programme: those who moved go through it once more, place by place, and each is written down."""
    name = programme.name
    said = {column(f"done.{step.conversation}") for step in programme.steps if step.conversation is not None}
    asked = {_asked(plan)[condition] for step in programme.steps for condition in conditions_of(step)}
    rows = moved.filter(nw.col(f"moved_{name}") == 1)
    rows = rows.select("customer", f"was_{name}", f"began_{name}", f"entered_{name}", *sorted(said | asked))
    how, after = nw.col(f"began_{name}"), _entered(programme, at)
    for code, go, reason in ((ENTERS, 1, "entered"), (LEAVES, END, "exited")):
        yield _rows(rows.filter(how == code), after, go, reason, programme, END)
    rows = rows.with_columns(after.alias("_stood"))
    stood = nw.col("_stood")
    for step in programme.steps:
        exits = _exits(programme, step, plan, at)
        for number, way in enumerate(exits):
            takes = [other.holds(stood).fill_null(False) for other in exits[: number + 1]]
            alone = reduce(lambda taken, other: taken & ~other, takes[:-1], takes[-1])
            yield _rows(rows.filter(alone), way.to(stood), way.go, way.reason, programme, step.place)
        rows = rows.with_columns(_left(stood, exits).alias("_stood"))


def _rows(rows: Frame, stood: Expr, go: int, reason: str, programme: Programme, via: int) -> Frame:
    entered = nw.coalesce(nw.col(f"entered_{programme.name}"), nw.col(f"was_{programme.name}") % ROOM)
    return rows.select(
        "customer",
        nw.lit(programme.name).alias("programme"),
        entered.cast(nw.String).alias("recurrence"),
        nw.lit(go, nw.Int16).alias("step"),
        nw.lit(name_of(programme, go), nw.String).alias("name"),
        nw.lit(reason).alias("reason"),
        (stood % ROOM).alias("occurred_at"),
        nw.lit(via, nw.Int16).alias("via"),
    )


def _asked(plan: Plan) -> dict[Expression, str]:
    """The distinct conditions of all steps, each with its column."""
    conditions = (c for programme in plan.programmes for step in programme.steps for c in conditions_of(step))
    return {condition: f"asked_{place}" for place, condition in enumerate(dict.fromkeys(conditions))}


def _code(*codes: tuple[Expr, int]) -> Expr:
    """The number of the first condition that holds, 0 where none does or it is unknown."""
    value: Expr = nw.lit(0, nw.Int8)
    for holds, number in reversed(codes):
        value = nw.when(holds).then(nw.lit(number, nw.Int8)).otherwise(value)
    return value


def _measure(programme: str, member: str) -> Expr:
    return nw.col(column(f"programme.{programme}.{member}"))
