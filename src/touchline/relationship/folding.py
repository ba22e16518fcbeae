"""In: ledger rows. Out: one row of folded state a persona; states merged and rebased. Writes no interactions.

The law: `fold(A ∪ B) = merge(fold(A), fold(B))` for disjoint A and B, in any order and partition. Sums are kept
against a reference instant and agree within 1e-9 of their size; all else is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import polars as pl

from touchline.expressions import to_frame
from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import COMPLETION, HARD_BOUNCE, PRINCIPLES, READINGS, RESERVED
from touchline.kernel.engines import MEMORY, Engine
from touchline.kernel.measures import SIDES
from touchline.relationship import packing
from touchline.relationship.layout import (
    ENCOUNTERS,
    Layout,
    Slot,
    episode_reading_of,
    episode_weight_of,
    reading_of,
    weight_of,
)

Frame = nw.LazyFrame[Any]

COLUMNS: tuple[str, ...] = (
    "persona_id", "occurred_at", "kind", "source", "touchpoint", "about", "about_touchpoint", "about_episode_type",
    "about_at", "episode_type", *READINGS, "revenue_minor", "cost_minor", "given", "asked", "purpose", "channel",
    "conversation", "name", "answer", "evidence", "reason", "machine",
)  # fmt: skip
"""Ledger columns that the fold reads, beside those that a trigger's `where` names and, with programmes, _SEQUENCE."""

_SEQUENCE = ("programme", "step", "arm")

_PERMISSION = ("opted_in", "opted_out", "preferred", "suppressed", "released", "reported_spam", "failed")
_CONTACTS = ("sent", "called", "failed")
_BOOKKEEPING = (*(k.name for k in KINDS.values() if k.way == "administration"), "assigned")
_NO_KIND = -1


@dataclass(frozen=True)
class State:
    """The folded state of some personas, in one or two layers.

    rows       `persona_id` and the layout's slots; at most one row a persona, none where there is nothing to say
    layout
    reference  the instant, in microseconds, at which a decayed sum weighs 1
    light      the same rows carried by Polars, for whoever picks a few of them; None where there is nothing but `rows`
    over       rows that stand in place of those of `rows` of the same persona, carried by Polars: a large state is so
               merged with a small one without being copied
    replaced   `persona_id` of `over`, carried by Polars
    """

    rows: Frame
    layout: Layout
    reference: int
    light: Frame | None = None
    over: Frame | None = None
    replaced: Frame | None = None

    @property
    def picking(self) -> Frame:
        """`rows` carried by Polars: DuckDB would read all columns of a file for a few of its rows, again and again."""
        if self.light is not None:
            return self.light
        return self.rows if isinstance(self.rows.to_native(), pl.LazyFrame) else MEMORY.lazy(MEMORY.collect(self.rows))

    def flat(self, engine: Engine, slots: Iterable[str] | None = None) -> Frame:
        """All rows in one frame of the engine; with `slots` those columns beside `persona_id`."""
        names = ("persona_id", *((slot.name for slot in self.layout.slots) if slots is None else slots))
        rows = (self.picking if engine.name == MEMORY.name else self.rows).select(*names)
        if self.over is None or self.replaced is None:
            return rows
        over, replaced = moved(self.over.select(*names), engine), moved(self.replaced, engine)
        return nw.concat([rows.join(replaced, on="persona_id", how="anti"), over], how="vertical")


def moved(frame: Frame, engine: Engine) -> Frame:
    """A small frame carried by Polars, carried by the engine."""
    return frame if engine.name == MEMORY.name else engine.lazy(MEMORY.collect(frame))


def columns(layout: Layout) -> tuple[str, ...]:
    """The ledger columns that folding under this layout reads."""
    named = [name.partition(".")[2] for due in layout.dues if due.where is not None for name in due.where.names]
    return tuple(dict.fromkeys((*COLUMNS, *named, *(_SEQUENCE if layout.sequences else ()))))


def fold(rows: Frame, layout: Layout, reference: int) -> State:
    """Fold ledger rows into one state a persona. Machine activity is left out."""
    return State(_joined(_parts(rows, layout, reference), layout), layout, reference)


def fold_bucket(rows: Frame, layout: Layout, reference: int, engine: Engine) -> pl.DataFrame:
    """As `fold`, at once and in memory: each part of the state is computed by the engine on its own and then joined.

    DuckDB binds a lazy plan anew at each of its steps, which for hundreds of columns takes longer than the work.
    """
    first, *others = (engine.collect(_kept(part, layout)) for part in _parts(rows, layout, reference))
    keys = first.select("persona_id")
    beside = [keys.join(part, on="persona_id", how="left", maintain_order="left").drop("persona_id") for part in others]
    state = pl.concat([first, *beside], how="horizontal")
    return state.select("persona_id", *(slot.name for slot in layout.slots))


def _kept(part: Frame, layout: Layout) -> Frame:
    """A part without what a narrowed layout leaves out, which is then not computed either."""
    if layout.kept is None:
        return part
    return part.select("persona_id", *(name for name in part.collect_schema().names() if name in layout.kept))


def merge(state: State, other: State) -> State:
    """Both as one. `other` should be the smaller: what it does not touch is passed by."""
    slots = state.layout.slots
    added = rebase(other, state.reference).flat(MEMORY)
    keys = added.select("persona_id")
    before = state.picking.join(keys, on="persona_id", how="semi")
    if state.over is None or state.replaced is None:
        return replace(state, over=_pairwise(added, before, slots), replaced=keys)
    before = before.join(state.replaced, on="persona_id", how="anti")
    again = nw.concat([before, state.over.join(keys, on="persona_id", how="semi")], how="vertical")
    over = [_pairwise(added, again, slots), state.over.join(keys, on="persona_id", how="anti")]
    replaced = nw.concat([keys, state.replaced], how="vertical").unique()
    return replace(state, over=nw.concat(over, how="vertical"), replaced=replaced)


def combined(rows: Frame, slots: Iterable[Slot], key: str) -> Frame:
    """Rows of equal key as one, each slot by its operation; the columns are `key` and the slots."""
    slots = tuple(slots)
    return (
        rows.group_by(key)
        .agg(*(getattr(nw.col(slot.name), slot.operation)() for slot in slots))
        .select(key, *(_typed(nw.col(slot.name), slot.type).alias(slot.name) for slot in slots))
    )


def rebase(state: State, reference: int) -> State:
    """The same state against another reference, whole half-lives away: an exact scaling by a power of two."""
    halvings, remainder = divmod(reference - state.reference, state.layout.half_life)
    if remainder:
        raise ValueError("references lie whole half-lives apart")
    if not halvings:
        return state
    scale = math.ldexp(1.0, -halvings)
    decayed = [nw.col(slot.name) * scale for slot in state.layout.slots if slot.type == "decayed"]
    light, over = (None if frame is None else frame.with_columns(*decayed) for frame in (state.light, state.over))
    return replace(state, rows=state.rows.with_columns(*decayed), light=light, over=over, reference=reference)


def weight(time: nw.Expr, reference: int, half_life: int) -> nw.Expr:
    """2^((time - reference) / half-life)."""
    return ((time - reference).cast(nw.Float64) * (math.log(2.0) / half_life)).exp()


def tangible() -> nw.Expr:
    """The mean of a row's known principles; NULL without any."""
    known = (nw.when(nw.col(name).is_null()).then(nw.lit(0.0)).otherwise(nw.lit(1.0)) for name in PRINCIPLES)
    number = nw.sum_horizontal(*known)
    return nw.when(number > 0).then(nw.sum_horizontal(*(nw.col(name).cast(nw.Float64) for name in PRINCIPLES)) / number)


def is_bad(layout: Layout) -> nw.Expr:
    """Whether the worse of a row's two sides, `emotional` and `tangible`, is a care need; NULL without a reading."""
    return nw.min_horizontal(nw.col("emotional").cast(nw.Float64), nw.col("tangible")) <= layout.care_reading


def codes(name: str, words: tuple[str, ...], *, first: int, default: int) -> nw.Expr:
    """A text column as small integers: its place in `words` counted from `first`, else `default`."""
    if not words:
        return nw.lit(default, nw.Int16)
    return nw.col(name).replace_strict(
        list(words), list(range(first, first + len(words))), default=default, return_dtype=nw.Int16
    )


def _parts(rows: Frame, layout: Layout, reference: int) -> list[Frame]:
    """The state's columns in groups that look at different rows; the first has every persona."""
    human = rows.filter(~nw.col("machine"))
    parts = [_acts(human, layout, reference), _readings(human, layout, reference), _permissions(human, layout)]
    parts += [_contacts(human, layout)] if layout.conversations else []
    parts += [_dues(human, layout)] if layout.dues else []
    return parts + ([_programmes(human, layout)] if layout.sequences else [])


def _joined(parts: list[Frame], layout: Layout) -> Frame:
    state = parts[0]
    for part in parts[1:]:
        state = state.join(part, on="persona_id", how="left")
    return state.select("persona_id", *(slot.name for slot in layout.slots))


def _pairwise(rows: Frame, others: Frame, slots: Iterable[Slot]) -> Frame:
    """Rows of the first, each merged with the row of its persona in the second: a group-by of pairs, only quicker."""
    slots = tuple(slots)
    beside = others.select("persona_id", *(nw.col(slot.name).alias(f"{slot.name}:before") for slot in slots))
    both = rows.join(beside, on="persona_id", how="left")

    def merged(slot: Slot) -> nw.Expr:
        value, before = nw.col(slot.name), nw.col(f"{slot.name}:before")
        if slot.operation == "sum":
            return value.fill_null(0) + before.fill_null(0)
        return nw.max_horizontal(value, before) if slot.operation == "max" else nw.min_horizontal(value, before)

    return both.select("persona_id", *(_typed(merged(slot), slot.type).alias(slot.name) for slot in slots))


def _typed(value: nw.Expr, type_: str) -> nw.Expr:
    return value.cast({"decayed": nw.Float64, "count": nw.Int32, "whole": nw.Int64}[type_])


def _acts(rows: Frame, layout: Layout, reference: int) -> Frame:
    """Counts, times, points and money: first by persona and kind, then wide over those few rows."""
    kinds = tuple(KINDS)
    number = {kind: index for index, kind in enumerate(kinds)}
    at = nw.col("occurred_at")
    decay = weight(at, reference, layout.half_life)
    coded = rows.with_columns(
        _kind=nw.when(nw.col("source") == COMPLETION).then(nw.lit(_NO_KIND, nw.Int16))
        .otherwise(codes("kind", kinds, first=0, default=_NO_KIND)),
        _place=codes("touchpoint", layout.touchpoints, first=1, default=0).cast(nw.Int64),
    ).with_columns(_decay=decay)  # fmt: skip
    long = coded.group_by("persona_id", "_kind").agg(
        nw.len().cast(nw.Int32).alias("_n"),
        at.max().alias("_last"),
        at.min().alias("_first"),
        packing.place_at(at, nw.col("_place")).max().alias("_met"),
        (nw.col("given").cast(nw.Float64) * nw.col("_decay")).sum().alias("_given"),
        (nw.col("asked").cast(nw.Float64) * nw.col("_decay")).sum().alias("_asked"),
        nw.col("revenue_minor").sum().alias("_revenue"),
        nw.col("cost_minor").sum().alias("_cost"),
    )
    kind, counted = nw.col("_kind"), nw.col("_kind") != _NO_KIND

    def among(names: Iterable[str]) -> nw.Expr:
        return kind.is_in([number[name] for name in names])

    wide = long.group_by("persona_id").agg(
        nw.col("_n").sum().alias("rows"),
        *(
            nw.when(kind == number[k]).then(nw.col("_n")).max().alias(f"count:{k}")
            for k in layout.kinds
            if layout.keeps(f"count:{k}")
        ),
        *(
            nw.when(kind == number[k]).then(nw.col("_last")).max().alias(f"last:{k}")
            for k in layout.kinds
            if layout.keeps(f"last:{k}")
        ),
        *(nw.when(kind == number[k]).then(nw.col("_first")).min().alias(f"first:{k}") for k in layout.firsts),
        nw.when(counted & ~among(_BOOKKEEPING)).then(nw.col("_first")).min().alias("first"),
        nw.when(among(ENCOUNTERS)).then(nw.col("_met")).max().alias("encounter"),
        nw.when(among(layout.resolved_by)).then(nw.col("_last")).max().alias("resolved"),
        *(
            nw.when(counted).then(nw.col(f"_{name}")).sum().alias(name)
            for name in ("given", "asked", "revenue", "cost")
        ),
    )
    return wide.with_columns(nw.col("rows").cast(nw.Int32), nw.col("revenue", "cost").cast(nw.Int64))


def _readings(rows: Frame, layout: Layout, reference: int) -> Frame:
    """Weights and readings: first by persona, place and episode type, then wide over those few rows."""
    at, elsewhere = nw.col("occurred_at"), ~nw.col("about").is_null()
    time = nw.coalesce(nw.col("about_at"), at)
    emotional, principles = nw.col("emotional"), nw.col("tangible")
    overall = nw.when(principles.is_null()).then(emotional).otherwise(
        nw.when(emotional.is_null()).then(principles).otherwise((emotional + principles) * 0.5)
    )  # fmt: skip
    unread = nw.all_horizontal(*(nw.col(name).is_null() for name in READINGS), ignore_nulls=False)
    read = rows.filter(~unread).with_columns(*(nw.col(name).cast(nw.Float64) for name in READINGS), tangible=tangible())
    coded = read.with_columns(
        overall=overall,
        _time=time,
        _decay=weight(time, reference, layout.half_life),
        _place=nw.when(elsewhere).then(codes("about_touchpoint", layout.touchpoints, first=1, default=0))
        .otherwise(codes("touchpoint", layout.touchpoints, first=1, default=0)),
        _episode=nw.when(elsewhere).then(codes("about_episode_type", layout.episode_types, first=1, default=0))
        .otherwise(codes("episode_type", layout.episode_types, first=1, default=0)),
        _bad=nw.when(is_bad(layout)).then(at),
    )  # fmt: skip
    known = {side: ~nw.col(side).is_null() for side in SIDES}
    long = coded.group_by("persona_id", "_place", "_episode").agg(
        *(nw.when(known[side]).then(nw.col("_decay")).sum().alias(f"_w_{side}") for side in SIDES),
        *((nw.col("_decay") * nw.col(side)).sum().alias(f"_r_{side}") for side in SIDES),
        nw.len().cast(nw.Int32).alias("_n"),
        packing.reading_at(nw.col("_time"), nw.col("overall")).max().alias("_latest"),
        nw.col("_bad").max().alias("_bad"),
    )
    wide = []
    for index, place in enumerate(layout.places):
        here = nw.col("_place") == index
        for side in SIDES:
            pair = {weight_of(place, side): f"_w_{side}", reading_of(place, side): f"_r_{side}"}
            wide += [nw.when(here).then(nw.col(of)).sum().alias(to) for to, of in pair.items() if layout.keeps(to)]
        for number, type_ in enumerate(layout.episode_types, start=1):
            there = here & (nw.col("_episode") == number)
            pair = {episode_weight_of(type_, place): "_w_overall", episode_reading_of(type_, place): "_r_overall"}
            wide += [nw.when(there).then(nw.col(of)).sum().alias(to) for to, of in pair.items() if layout.keeps(to)]
    return long.group_by("persona_id").agg(
        *wide,
        nw.col("_n").sum().cast(nw.Int32).alias("n"),
        nw.col("_latest").max().alias("latest"),
        nw.col("_bad").max().alias("bad"),
    )


def _permissions(rows: Frame, layout: Layout) -> Frame:
    """Consents, preferences and suppression: one wide step over the few rows that tell of them."""
    at, kind, reason = nw.col("occurred_at"), nw.col("kind"), nw.col("reason")
    proven = nw.when(nw.col("evidence").is_null()).then(nw.lit(0)).otherwise(nw.lit(1))
    bounce = reason.fill_null("") == HARD_BOUNCE
    wide = []
    for purpose, channel in layout.consents:
        if not (layout.keeps(f"granted:{purpose}:{channel}") or layout.keeps(f"withdrawn:{purpose}:{channel}")):
            continue
        of = (nw.col("purpose") == purpose) & (nw.col("channel") == channel)
        wide.append(
            nw.when((kind == "opted_in") & of)
            .then(packing.flag_at(at, proven))
            .max()
            .alias(f"granted:{purpose}:{channel}")
        )
        wide.append(nw.when((kind == "opted_out") & of).then(at).max().alias(f"withdrawn:{purpose}:{channel}"))
    answer = nw.col("answer")
    told = (kind == "preferred") & ~answer.is_null() & (answer >= 0) & (answer < packing.VALUES - 1)
    for key in filter(lambda key: layout.keeps(f"prefers:{key}"), layout.preferences):
        packed = packing.value_at(at, (answer + 0.5).floor().cast(nw.Int64))
        wide.append(nw.when(told & (nw.col("name") == key)).then(packed).max().alias(f"prefers:{key}"))
    return (
        _of_kinds(rows, _PERMISSION)
        .group_by("persona_id")
        .agg(
            *wide,
            nw.when(kind.is_in(["suppressed", "failed"]) & bounce).then(at).max().alias("bounced"),
            nw.when((kind == "reported_spam") | ((kind == "suppressed") & ~bounce)).then(at).max().alias("suppressed"),
            nw.when((kind == "released") & ~bounce).then(at).max().alias("released"),
            nw.when((kind == "released") & bounce).then(at).max().alias("released_bounce"),
        )
    )


def _contacts(rows: Frame, layout: Layout) -> Frame:
    """When each conversation was last had, or tried in vain: only another address is worth another try."""
    tried = (nw.col("kind") != "failed") | (nw.col("reason").fill_null("") != HARD_BOUNCE)
    long = (
        _of_kinds(rows, _CONTACTS)
        .filter(tried)
        .group_by("persona_id", "conversation")
        .agg(nw.col("occurred_at").max().alias("_last"))
    )
    which = nw.col("conversation")
    return long.group_by("persona_id").agg(
        *(nw.when(which == name).then(nw.col("_last")).max().alias(f"contact:{name}") for name in layout.conversations)
    )


def _dues(rows: Frame, layout: Layout) -> Frame:
    """When something last happened that starts a triggered conversation."""
    wide = []
    for due in layout.dues:
        holds = nw.col("kind") == nw.lit(due.kind)
        if due.touchpoint is not None:
            holds = holds & (nw.col("touchpoint") == nw.lit(due.touchpoint))
        if due.where is not None:
            holds = holds & to_frame(due.where, _event_column)
        wide.append(nw.when(holds).then(nw.col("occurred_at")).max().alias(f"due:{due.conversation}"))
    return _of_kinds(rows, {due.kind for due in layout.dues}).group_by("persona_id").agg(*wide)


def _programmes(rows: Frame, layout: Layout) -> Frame:
    """Where each sequence stands, when it was entered, which arm was written, and when its steps were done."""
    names = [sequence.programme for sequence in layout.sequences]
    kind, at, programme = nw.col("kind"), nw.col("occurred_at"), nw.col("programme")
    rows = _of_kinds(rows, {"stepped", "assigned", *(done for done, _ in layout.dones)})
    rows = rows.select(
        "persona_id", "occurred_at", "kind", "programme", "step", "name", "reason", "arm", "conversation"
    )
    told = rows.filter(kind == "stepped", programme.is_in(names)).select("programme", "name").unique()
    told = told.with_columns(_place=_place(layout).cast(nw.Int64))
    rows = rows.join(told, on=["programme", "name"], how="left")
    place = nw.when(nw.col("step") > 0).then(nw.col("_place")).fill_null(packing.LEFT)
    treated = nw.when(nw.col("arm") == "control").then(nw.lit(0)).otherwise(nw.lit(1))
    wide = []
    for name in names:
        stepped, assigned = (nw.when((kind == what) & (programme == name)) for what in ("stepped", "assigned"))
        entered = nw.when((kind == "stepped") & (programme == name) & (nw.col("reason") == "entered"))
        wide.append(stepped.then(packing.step_at(at, place)).max().alias(f"stood:{name}"))
        wide.append(entered.then(at).max().alias(f"entered:{name}"))
        wide.append(assigned.then(packing.flag_at(at, treated)).min().alias(f"arm:{name}"))
    # A message that waits counts wherever messages do, and completes no step.
    sent = nw.col("reason").fill_null("") != RESERVED
    for done, conversation in layout.dones:
        holds = (kind == done) & (nw.col("conversation") == conversation) & sent
        wide.append(nw.when(holds).then(at).max().alias(f"done:{done}:{conversation}"))
    return rows.group_by("persona_id").agg(*wide)


def _place(layout: Layout) -> nw.Expr:
    """The place of the step where a `stepped` row leaves the customer: its own, or the first that remains of those after it.

    `name` holds the ids of that step and of all that followed it when the row was written, each between commas.
    """
    name, place = nw.col("name"), nw.lit(packing.LEFT)
    for own in (False, True):  # what is asked last goes first
        for sequence in layout.sequences:
            of = nw.col("programme") == sequence.programme
            for number, step in reversed(tuple(enumerate(sequence.steps, start=1))):
                told = f",{step},"
                found = of & (name.str.starts_with(told) if own else name.str.contains(told, literal=True))
                place = nw.when(found.fill_null(False)).then(nw.lit(number)).otherwise(place)
    return place


def _of_kinds(rows: Frame, kinds: Iterable[str]) -> Frame:
    return rows.filter(nw.col("kind").is_in(sorted(kinds)), nw.col("source") != COMPLETION)


def _event_column(name: str) -> str:
    return name.removeprefix("event.")
