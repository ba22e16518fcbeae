"""In: customers' folded states, their slice, an instant. Out: measures, one row a customer. Writes no interactions.

Only the measures wanted are computed: the parts of the slice that they need are joined to what recognition knows,
that to the state, and one select does the rest. The row-wise twin is `reference`; tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import narwhals as nw

from touchline.expressions import to_frame
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.measures import SCORES, column
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type
from touchline.playbook.compiled import Playbook
from touchline.relationship import slices
from touchline.relationship.combining import Customers
from touchline.relationship.formulas import Formula, Formulas
from touchline.relationship.layout import Layout
from touchline.relationship.scores import Scores

Frame = nw.LazyFrame[Any]

TYPES: dict[Type, Any] = {
    Type.NUMBER: nw.Float64,
    Type.INTEGER: nw.Int64,
    Type.BOOLEAN: nw.Boolean,
    Type.TEXT: nw.String,
    Type.TIME: nw.Int64,
}
"""Column types of measures."""


class NotFolded(TouchlineError):
    """The state was folded without what that measure needs."""

    code = "not_folded"
    remedy = "Name the measure when the layout is made: Layout.of(playbook, also=[...])."


def measures_of(playbook: Playbook, layout: Layout, scored: Iterable[str] = ()) -> tuple[str, ...]:
    """Every measure that a state of this layout yields: what `derive` computes where nothing is named.

    Of score tables only the `scored` ones; of contact windows those of 7 and 30 days for purposes and channels in use.
    """
    formulas = Formulas(playbook, layout, at=0, reference=0)
    talks = playbook.conversations.values()
    used = {"all", *(talk.purpose for talk in talks), *(way.channel for talk in talks for way in talk.ways)}
    published = set(scored)

    def yields(name: str) -> bool:
        window = playbook.measures.window(name)
        if window is not None:
            return window[0] in used
        return name == "stage" or name in published or formulas.of(name) is not None

    return tuple(name for name in playbook.measures.known() if yields(name))


def slots_of(playbook: Playbook, layout: Layout, wanted: Iterable[str], scored: Iterable[str] = ()) -> frozenset[str]:
    """The state's columns that these measures are derived from. Raises as `derive` does."""
    # What is read does not depend on who is where: nobody's zone or language has to be looked up for it.
    nobody = frozenset[int]()
    formulas = Formulas(playbook, layout, at=0, reference=0, zones=nobody, languages=nobody)
    needed = _formulas(tuple(wanted), playbook, formulas, frozenset(scored))
    return _slots(layout) & _reads(needed)


def derive(
    customers: Customers,
    slice_: Frame,
    playbook: Playbook,
    at: int,
    *,
    wanted: Iterable[str] | None = None,
    scores: Sequence[Scores] = (),
) -> Frame:
    """`customer`, `draw` and a column per wanted measure (`measures.column`), typed as kernel.measures says.

    `slice_` has `customer` in place of `persona_id`. A measure of score tables that is in none of `scores` is NULL.
    Raises UnknownName for what is no measure, and NotFolded for one whose columns the layout lacks.
    """
    layout = customers.layout
    published = frozenset(measure for table in scores for measure in table.measures)
    names = tuple(dict.fromkeys(measures_of(playbook, layout, published) if wanted is None else wanted))
    formulas = Formulas(
        playbook, layout, at=at, reference=customers.reference, zones=customers.zones, languages=customers.languages
    )
    needed = _formulas(names, playbook, formulas, published)
    windows = {name: window for name in needed if (window := playbook.measures.window(name)) is not None}
    parts = dict.fromkeys(part for formula in needed.values() for part in formula.parts)
    frames = [_part(part, slice_, playbook, formulas, windows) for part in parts]
    facts = customers.identities
    if frames:
        facts = facts.join(_beside(frames), on="customer", how="left")
    for table in scores:
        facts = facts.join(table.rows, on="customer", how="left")

    # What the state alone yields is computed before the join, which then moves measures and not all that they are made of.
    slots = _slots(layout)
    early = {name: formula for name, formula in needed.items() if not formula.parts and formula.reads <= slots}
    late = {name: formula for name, formula in needed.items() if name not in early}
    raw = sorted(slots & _reads(late))
    derived = [formula.value.alias(column(name)) for name, formula in early.items()]
    number = len(customers.layers)
    layers = [
        (rows.with_columns(**formulas.sums) if formulas.sums else rows).select(
            *derived, *raw, _key=nw.col("customer") * number + index
        )
        for index, rows in enumerate(customers.layers)
    ]
    facts = facts.with_columns(_key=nw.col("customer") * number + nw.col("layer"))
    rows = nw.concat(layers, how="vertical").join(facts, on="_key", how="inner")
    rows = rows.select(
        "customer",
        "draw",
        *(formula.finished(nw.col(column(name))).alias(column(name)) for name, formula in early.items()),
        *(column(name) for name in sorted(published)),
        *(formula.finished(formula.value).alias(column(name)) for name, formula in late.items()),
    )
    values = {name: _stage(playbook) if name == "stage" else nw.col(column(name)) for name in names}
    return rows.select(
        "customer", "draw", *(value.cast(_type(playbook, name)).alias(column(name)) for name, value in values.items())
    )


def promised(playbook: Playbook) -> dict[str, int]:
    """Touchpoint -> the time in which it promises to answer a question; the strictest where it promises several."""
    return {
        touchpoint.name: min(times)
        for touchpoint in playbook.touchpoints.values()
        if (times := [p.within for p in touchpoint.promises if p.from_kind == "asked" and p.within is not None])
    }


def _formulas(
    names: Sequence[str], playbook: Playbook, formulas: Formulas, published: frozenset[str]
) -> dict[str, Formula]:
    """The formula of each measure named, and of those that the stages read; scores come joined or are unknown."""
    needed = dict.fromkeys(names)
    if "stage" in needed:
        needed |= dict.fromkeys(name for stage in playbook.stages if stage.when for name in stage.when.names)
    found = {}
    for name in needed:
        if playbook.measures.type_of(name) is None:
            raise UnknownName(f"measure {name!r}", remedy=did_you_mean(name, playbook.measures.known()))
        if name == "stage" or name in published:
            continue
        formula = formulas.of(name)
        if formula is None and (name in SCORES or name in playbook.measures.scores):
            formula = Formula(nw.lit(None, _type(playbook, name)))
        if formula is None or formula.reads & formulas.layout.left_out:
            raise NotFolded(name)
        found[name] = formula
    return found


def _beside(parts: Sequence[Frame]) -> Frame:
    """The columns of all parts in one row a customer: one group-by instead of a join a part."""
    rows = nw.concat(parts, how="diagonal")
    names = [name for name in rows.collect_schema().names() if name != "customer"]
    return rows.group_by("customer").agg(*(nw.col(name).max() for name in names))


def _reads(formulas: Mapping[str, Formula]) -> frozenset[str]:
    return frozenset(name for formula in formulas.values() for name in formula.reads)


def _slots(layout: Layout) -> frozenset[str]:
    return frozenset(slot.name for slot in layout.slots)


def _type(playbook: Playbook, name: str) -> Any:
    return TYPES[playbook.measures.type_of(name) or Type.NUMBER]


def _part(
    part: str, slice_: Frame, playbook: Playbook, formulas: Formulas, windows: dict[str, tuple[str, int]]
) -> Frame:
    """One part of the slice's measures: `customer` and what the formulas read."""
    at, policies = formulas.at, playbook.policies
    match part:
        case "contacts":
            return slices.contacts(slice_, at, windows, {t.name: t.channel for t in playbook.touchpoints.values()})
        case "questions":
            return slices.questions(slice_, at, promised(playbook))
        case "replies":
            return slices.replies(slice_, at)
        case "cases":
            return slices.cases(slice_, at)
        case "missed":
            return slices.missed(slice_, at, policies.care_resolved_by, policies.care_missed_after)
        case "agreements":
            return slices.agreements(slice_, at)
        case "episodes":
            return slices.episodes(slice_, at)
        case "last_episode":
            return slices.last_episode(slice_, at, playbook.episodes)
        case "arms":
            return slices.arms(slice_, at, formulas.year)
    raise ValueError(f"no part is called {part!r}")


def _stage(playbook: Playbook) -> nw.Expr:
    """The first stage whose rule holds; an unknown rule does not hold."""
    value: nw.Expr = nw.lit(None, nw.String)
    for stage in reversed(playbook.stages):
        name = nw.lit(stage.name)
        value = name if stage.when is None else nw.when(to_frame(stage.when)).then(name).otherwise(value)
    return value
