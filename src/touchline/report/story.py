"""In: one customer's interactions, measures and explanation. Out: the line view, the one-sentence answer, the facts.
Writes no interactions.

Nothing is invented: a sentence says what rows and measures hold, in the catalogue's words.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.decision.explaining import Explained, Explanation
from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import COMPLETION, READINGS
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.report import figures
from touchline.report.curve import Curve, Reading
from touchline.report.facts import facts
from touchline.report.figures import Estimate
from touchline.report.holds import policy_words
from touchline.report.marks import Row, mark_of, messages_opened, reading_of
from touchline.report.setting import Setting
from touchline.report.view import Coming, LineView, Mark, Span, StageBand

UNSEEN = frozenset(
    {
        "assigned",
        "stepped",
        "linked",
        "unlinked",
        "suppressed",
        "released",
        "redeemed",
        "delivered",
        "opened",
        "clicked",
    }
)
"""Kinds that are no encounter of their own; a message opened or clicked by a person is told beside the message."""

FIRST = 2
"""The first readings move the curve by being first; what is said to have cost or given most comes after them."""

NOTABLE = 0.08
"""What an encounter must move the curve by to be named in the answer; half of it where it gives back."""


@dataclass(frozen=True)
class Side:
    """One side of the experience; None where there is no reading of it."""

    name: str
    estimate: Estimate | None


@dataclass(frozen=True)
class CustomerStory:
    """Everything that a report says of one customer.

    key      the customer's number
    name     as the report may call them; outside text
    answer   one sentence (or two) that says how it stands
    facts    term -> value, for the facts row
    sides    overall, emotional and the four principles
    explained candidates of the last decision: proposed, open, held, not offered
    """

    key: int
    name: str
    about: str
    answer: str
    view: LineView
    facts: tuple[tuple[str, str], ...]
    sides: tuple[Side, ...]
    explained: tuple[Explained, ...]


def tell(
    key: int,
    name: str,
    interactions: Any,
    measures: Mapping[str, Value],
    explanation: Explanation | None,
    setting: Setting,
    now: int,
    stages: Sequence[tuple[int, str]] = (),
    about: str = "",
) -> CustomerStory:
    """One customer's story.

    interactions  any frame that Narwhals takes, with the ledger's columns, of this customer alone
    measures      measure (`experience.overall`) -> value, as of `now`
    stages        (instant, stage) by time, as far as the relationship was derived at several instants
    """
    rows = rows_of(interactions, now)
    view = line_of(name, rows, setting, now, stages=stages, explanation=explanation)
    return CustomerStory(
        key=key,
        name=name,
        about=about,
        answer=answer(view),
        view=view,
        facts=facts(measures, rows, setting, now),
        sides=sides(rows, setting, now),
        explained=() if explanation is None else in_order(explanation.candidates),
    )


def rows_of(interactions: Any, now: int) -> list[dict[str, Any]]:
    """A customer's rows that had occurred by `now`, by time."""
    frame = nw.from_native(interactions).lazy().filter(nw.col("occurred_at") <= now).collect()
    return sorted(frame.rows(named=True), key=lambda row: (row["occurred_at"], row["seq"]))


def readings_of(rows: Iterable[Row], setting: Setting, side: str = "overall") -> list[Reading]:
    """The readings of one side as the law takes them: weight of the place judged, decay from the time of the thing
    judged."""
    made: list[Reading] = []
    for row in rows:
        value = reading_of(row, side)
        if value is not None:
            place = row["about_touchpoint"] if row["about"] is not None else row["touchpoint"]
            counts_from = row["about_at"] if row["about_at"] is not None else row["occurred_at"]
            made.append(Reading(row["occurred_at"], counts_from, value, setting.weight(place)))
    return made


def line_of(
    name: str,
    rows: Sequence[Row],
    setting: Setting,
    now: int,
    *,
    stages: Sequence[tuple[int, str]] = (),
    explanation: Explanation | None = None,
) -> LineView:
    """The line of one customer's rows."""
    curve = Curve(readings_of(rows, setting), setting.half_life)
    opened = messages_opened(rows)
    seen = [row for row in rows if row["kind"] not in UNSEEN and row["source"] != COMPLETION]
    marks = tuple(mark_of(index, row, curve, setting, opened) for index, row in enumerate(seen))
    start = (min((row["occurred_at"] for row in rows), default=now - 30 * DAY)) - 3 * DAY
    ahead = () if curve.first is None else curve.points(now, now + 60 * DAY, 10 * DAY)
    return LineView(
        name=name,
        zone=setting.zone,
        start=start,
        now=now,
        marks=marks,
        curve=curve.points(start, now, max(DAY, (now - start) // 160)),
        ahead=ahead,
        stages=_bands(stages, start, now),
        episodes=_episodes(rows),
        coming=() if explanation is None else coming(explanation.candidates),
        experience=curve.at(now),
    )


def sides(rows: Sequence[Row], setting: Setting, now: int) -> tuple[Side, ...]:
    """Overall, emotional and the four principles, each by the law with its interval."""
    return tuple(
        Side(side, Curve(readings_of(rows, setting, side), setting.half_life).at(now))
        for side in ("overall", *READINGS)
    )


def answer(view: LineView) -> str:
    """How it stands, in words: what cost most, what gave most since, where the experience is and which way it goes."""
    e = view.experience
    if e is None:
        known = figures.plural(len(view.marks), "encounter")
        return f"Nothing is known of how they experienced us: {known}, none with a reading."
    stands = f"Experience {figures.number(e.value, 2)} ({figures.backing(e, 'reading')}), {_trend(view)}."
    moved = [mark for mark in view.marks if mark.effect is not None][FIRST:]
    fall = min(moved, key=lambda mark: (mark.effect or 0.0, mark.at), default=None)
    if fall is not None and (fall.effect or 0.0) <= -NOTABLE:
        rise = _most([mark for mark in moved if mark.at > fall.at])
        cost = f"{figures.upper(_cause(fall))} in {figures.month(fall.at, view.zone)} cost {_size(fall)}"
        if rise is not None and (rise.effect or 0.0) >= NOTABLE / 2:
            back = f"{_cause(rise)} in {figures.month(rise.at, view.zone)} gave {_size(rise)} back"
            return f"{cost}; {back}. {stands}"
        return f"{cost}, and no single encounter has made up for it since. {stands}"
    rise = _most(moved)
    if rise is not None and (rise.effect or 0.0) >= NOTABLE:
        when = figures.month(rise.at, view.zone)
        return f"{figures.upper(_cause(rise))} in {when} gave most, {_size(rise)}. {stands}"
    return f"No single encounter stands out. {stands}"


def in_order(candidates: Sequence[Explained]) -> tuple[Explained, ...]:
    """What goes first, then what is open, what is held, what is not offered; inside each by priority."""
    return tuple(
        sorted(candidates, key=lambda c: (not c.proposed, not c.eligible, not c.reached, c.class_, -c.priority, c.name))
    )


def coming(candidates: Sequence[Explained]) -> tuple[Coming, ...]:
    """What the line shows right of today: what goes, what is open, what is held and by which policies; one way a
    conversation."""
    made: dict[str, Coming] = {}
    for c in in_order(candidates):
        if not c.reached or c.conversation in made:
            continue
        state = state_of(c)
        blocks = ", ".join(policy_words(a.policy) for a in c.policies if a.blocks)
        why = {"goes": f"{c.purpose}, by {figures.words(c.channel)}", "open": "another goes first"}.get(state, blocks)
        made[c.conversation] = Coming(c.conversation, c.channel, state, why)  # type: ignore[arg-type] # state is one of three, mypy cannot see it
    return tuple(made.values())


def state_of(candidate: Explained) -> str:
    """goes | open | held | not offered."""
    if not candidate.reached:
        return "not offered"
    return "goes" if candidate.proposed else "open" if candidate.eligible else "held"


def _episodes(rows: Sequence[Row]) -> tuple[Span, ...]:
    spans: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row["episode_id"] and row["episode_type"] and KINDS[row["kind"]].way != "administration":
            spans[row["episode_type"], row["episode_id"]].append(row)
    made = []
    for (type_, id_), own in spans.items():
        read = [value for value in (reading_of(row, "overall") for row in own) if value is not None]
        closes = [row["occurred_at"] for row in own if row["episode_closes"] or row["kind"] == "case_resolved"]
        made.append(
            Span(
                type_,
                id_,
                own[0]["occurred_at"],
                max(closes) if closes else None,
                sum(read) / len(read) if read else None,
            )
        )
    return tuple(sorted(made, key=lambda span: (span.start, span.id)))


def _bands(stages: Sequence[tuple[int, str]], start: int, now: int) -> tuple[StageBand, ...]:
    bands: list[StageBand] = []
    ordered = sorted(stages)
    for index, (at, name) in enumerate(ordered):
        end = ordered[index + 1][0] if index + 1 < len(ordered) else now
        begin = start if index == 0 else at
        if bands and bands[-1].name == name:
            bands[-1] = StageBand(name, bands[-1].start, end)
        elif end > start:
            bands.append(StageBand(name, max(start, begin), end))
    return tuple(bands)


def _trend(view: LineView) -> str:
    """Against ninety days before; what moved less than 0.03 is steady."""
    now = view.experience.value if view.experience else 0.0
    before = [point.value for point in view.curve if point.at <= view.now - 90 * DAY]
    if not before:
        return "known for less than three months"
    change = now - before[-1]
    return (
        "steady over three months"
        if abs(change) < 0.03
        else f"{'up' if change > 0 else 'down'} {figures.number(abs(change), 2)} in three months"
    )


def _most(marks: Sequence[Mark]) -> Mark | None:
    return max(marks, key=lambda mark: (mark.effect or 0.0, -mark.at), default=None)


def _size(mark: Mark) -> str:
    return figures.number(abs(mark.effect or 0.0), 2)


def _cause(mark: Mark) -> str:
    """A mark as the subject of a sentence: `delivery`, `a complaint about delivery`."""
    return mark.subject or figures.lower(mark.what)


def name_of(rows: Iterable[Row]) -> str | None:
    """The name that the customer gave, from the latest `identified` row whose payload has one."""
    found = None
    for row in rows:
        if row["kind"] == "identified" and row["payload"]:
            payload = json.loads(row["payload"])
            if isinstance(payload, dict) and isinstance(payload.get("name"), str):
                found = payload["name"]
    return found
