"""Every measure, on every engine, equals the row-wise reference evaluator's."""

from __future__ import annotations

from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.relationship import lines
from tests.relationship.test_law import derived
from touchline.interactions.catalogue import KINDS
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import SCORES, Measures, column
from touchline.relationship import slices
from touchline.relationship.combining import combine, of_customers
from touchline.relationship.deriving import NotFolded, derive, measures_of, slots_of
from touchline.relationship.folding import fold
from touchline.relationship.layout import Layout
from touchline.relationship.scores import ScoreTable, latest

BOOK = lines.playbook()
NAMES = lines.everything(BOOK)


def compare(seed: int, engine: Engine, names: tuple[str, ...] = NAMES, customers: int = 15) -> pl.DataFrame:
    random = Random(seed)
    crowd = lines.crowd(random, customers)
    rows = lines.history(random, [p.persona_id for own in crowd.values() for p in own], customers * 30)
    got = derived(rows, lines.people(crowd), engine, names=names)
    wrong = lines.differences(got, lines.expected(BOOK, rows, crowd, names), names)
    assert not wrong, f"seed {seed}: {len(wrong)} wrong, first {wrong[:5]}"
    return got


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(10))
def test_every_measure_equals_the_reference_on_polars(seed: int) -> None:
    compare(seed, Engine("polars"))


@pytest.mark.parametrize("third", range(3))
def test_every_measure_equals_the_reference_on_duckdb(third: int) -> None:
    engine = Engine("duckdb")
    compare(11, engine, names=NAMES[third::3], customers=12)


def test_the_random_lines_exercise_every_kind_and_every_measure() -> None:
    random = Random(1)
    rows = lines.history(random, range(1, 60), 3000)
    assert {row["kind"] for row in rows} == set(KINDS)
    got = compare(1, Engine("polars"), customers=400)
    told = [name for name in NAMES if got[column(name)].drop_nulls().n_unique() > 1]
    unsaid = {
        *SCORES, "quality.own", "clock.minute",
        "trigger.hello",  # has no trigger
        "done.before_renewal",  # is said by no step
        "reach.store",  # nobody is sent a message to a store
        "contact.care_1d",
    }  # fmt: skip
    assert sorted(set(NAMES) - set(told) - unsaid) == []


def test_no_measure_of_the_catalogue_lacks_a_derivation() -> None:
    layout = lines.layout(BOOK)
    yielded = set(measures_of(BOOK, layout, scored=(*SCORES, "quality.own")))
    unwindowed = {name for name in BOOK.measures.known() if BOOK.measures.window(name) is None}
    assert unwindowed <= yielded


def test_a_name_that_is_no_measure_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UnknownName, match=r"experience\.overall"):
        slots_of(BOOK, lines.layout(BOOK), ["experience.overal"])


def test_a_measure_that_was_not_folded_is_never_silently_empty() -> None:
    narrow = Layout.of(BOOK)
    assert ("selling", "store") not in narrow.consents
    with pytest.raises(NotFolded, match=r"consent\.selling_store"):
        slots_of(BOOK, narrow, ["consent.selling_store"])
    wide = Layout.of(BOOK, also=["consent.selling_store"])
    assert ("selling", "store") in wide.consents
    assert wide.digest != narrow.digest


def test_only_the_columns_that_a_measure_needs_are_read() -> None:
    layout = lines.layout(BOOK)
    assert slots_of(BOOK, layout, ["count.bought", "value.given"]) == {"count:bought", "given"}
    engine, rows = Engine("polars"), [lines.interaction("bought", lines.A - 5, revenue_minor=250)]
    people = lines.people({1: lines.crowd(Random(1), 1, linked=0)[1]})
    state = fold(lines.frame(engine, rows), layout, layout.reference(lines.A))
    narrow = combine(state, people, engine, slots_of(BOOK, layout, ["sum.revenue"]))
    recent = of_customers(slices.cut(lines.frame(engine, rows), layout, lines.A), people, engine)
    assert engine.collect(derive(narrow, recent, BOOK, lines.A, wanted=["sum.revenue"]))["sum__revenue"].to_list() == [
        2.5
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_the_latest_score_published_by_then_is_joined(name: str) -> None:
    engine = Engine(name)
    people = lines.people(
        {1: [lines.Persona(1, "email", 1), lines.Persona(2, "phone", 2)], 3: [lines.Persona(3, "email", 3)]}
    )
    rows = [lines.interaction("visited", lines.A - 9, persona_id=n, touchpoint="site") for n in (1, 3)]
    published = pl.DataFrame(
        {
            "persona_id": [1, 2, 2, 1, 3],
            "published_at": [lines.A - 5, lines.A - 3, lines.A + 1, lines.A - 4, lines.A + 1],
        }
    ).with_columns(p=pl.Series([0.1, 0.2, 0.3, 0.4, 0.5]), tier=pl.Series(["a", "b", "c", "d", "e"]))
    table = ScoreTable(engine.lazy(published), {"quality.p_alive": "p", "quality.tier": "tier"})
    wanted = ("quality.p_alive", "quality.tier", "trust.asked")
    layout = Layout.of(BOOK)
    state = fold(lines.frame(engine, rows), layout, layout.reference(lines.A))
    recent = of_customers(slices.cut(lines.frame(engine, rows), layout, lines.A), people, engine)
    scores = [latest(table, people, lines.A, engine)]
    got = engine.collect(derive(combine(state, people, engine), recent, BOOK, lines.A, wanted=wanted, scores=scores))
    assert got.sort("customer").drop("draw").rows() == [(1, 0.2, "b", None), (3, None, None, None)]


def test_a_published_score_may_be_a_measure_of_its_own_and_decide_a_stage() -> None:
    measures: Measures = BOOK.measures
    assert measures.type_of("quality.own") is not None
    values: dict[str, Any] = {"quality.own": 0.7}
    person = lines.Persona(1, "email", 1)
    want = lines.expected(BOOK, [lines.interaction("visited", lines.A - 1, touchpoint="site")], {1: [person]},
                          ["quality.own"], scores=[(lines.A - 2, values), (lines.A + 2, {"quality.own": 0.1})])  # fmt: skip
    assert want == {1: {"quality.own": 0.7}}
