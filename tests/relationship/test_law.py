"""The law: folding, merging, rebasing, snapshots, links and splits never change what a relationship is."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.relationship import lines
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.times import DAY
from touchline.relationship import slices
from touchline.relationship.combining import combine, of_customers
from touchline.relationship.deriving import derive
from touchline.relationship.folding import State, fold, fold_bucket, merge, rebase
from touchline.relationship.reference import Persona

BOOK = lines.playbook()
LAYOUT = lines.layout(BOOK)
REFERENCE = LAYOUT.reference(lines.A)
NAMES = lines.everything(BOOK)
POLARS = Engine("polars")

seeds = st.integers(0, 2**32 - 1)


def folded(rows: list[dict[str, Any]], engine: Engine = POLARS, reference: int = REFERENCE) -> State:
    return held(fold(lines.frame(engine, rows), LAYOUT, reference), engine)


def held(state: State, engine: Engine = POLARS) -> State:
    """The same state in memory, so that nothing is folded twice."""
    return State(engine.lazy(engine.collect(state.flat(engine))), state.layout, state.reference)


def settled(state: State, engine: Engine = POLARS) -> pl.DataFrame:
    """The state's rows in order; a sum of nothing is 0 on one engine and NULL on another, and means the same."""
    sums = [slot.name for slot in LAYOUT.slots if slot.operation == "sum"]
    return engine.collect(state.flat(engine)).sort("persona_id").with_columns(pl.col(sums).fill_null(0))


def assert_same(one: State, other: State, engine: Engine = POLARS) -> None:
    mine, theirs = settled(one, engine), settled(other, engine)
    decayed = [slot.name for slot in LAYOUT.slots if slot.type == "decayed"]
    assert mine.drop(decayed).equals(theirs.drop(decayed))
    for name in decayed:
        gap = (mine[name] - theirs[name]).abs() - 1e-9 * (1 + mine[name].abs())
        assert gap.is_empty() or gap.max() <= 0, name  # type: ignore[operator] # a column of numbers


def derived(
    rows: list[dict[str, Any]], people: pl.DataFrame, engine: Engine, at: int = lines.A, names: Any = NAMES
) -> pl.DataFrame:
    rows = [row for row in rows if row["occurred_at"] <= at]
    state = fold(lines.frame(engine, rows), LAYOUT, LAYOUT.reference(at))
    recent = slices.cut(lines.frame(engine, rows), LAYOUT, at)
    customers = combine(state, people, engine)
    return engine.collect(derive(customers, of_customers(recent, people, engine), BOOK, at, wanted=names))


@given(seed=seeds, parts=st.integers(1, 4))
@settings(max_examples=examples(12))
def test_the_fold_of_all_rows_is_the_merge_of_the_folds_of_any_partition(seed: int, parts: int) -> None:
    random = Random(seed)
    rows = lines.history(random, range(1, 9), random.randrange(120))
    whole = folded(rows)
    random.shuffle(rows)
    pieces: list[list[dict[str, Any]]] = [[] for _ in range(parts)]
    for row in rows:
        random.choice(pieces).append(row)
    merged = folded(pieces[0])
    for piece in pieces[1:]:
        merged = merge(merged, folded(piece))  # in layers, as a worker that is never restarted
    assert_same(merged, whole)


@pytest.mark.parametrize("name", ENGINES)
def test_merging_is_the_same_in_either_order(name: str) -> None:
    engine, rows = Engine(name), lines.history(Random(5), range(1, 30), 300)
    one, other = folded(rows[:200], engine), folded(rows[200:], engine)
    assert_same(merge(one, other), merge(other, one), engine)
    assert_same(merge(one, other), folded(rows, engine), engine)


def test_merging_with_nothing_changes_nothing() -> None:
    state = folded(lines.history(Random(6), range(1, 9), 100))
    assert_same(merge(state, folded([])), state)
    assert_same(merge(folded([]), state), state)


@given(seed=seeds, halvings=st.integers(-12, 12))
@settings(max_examples=examples(10))
def test_a_rebased_state_is_the_fold_against_the_other_reference(seed: int, halvings: int) -> None:
    rows = lines.history(Random(seed), range(1, 5), 60)
    elsewhere = REFERENCE + halvings * LAYOUT.half_life
    assert_same(rebase(folded(rows), elsewhere), folded(rows, reference=elsewhere))


def test_rebasing_there_and_back_is_exact() -> None:
    state = folded(lines.history(Random(7), range(1, 9), 100))
    there = rebase(state, REFERENCE + 40 * LAYOUT.half_life)
    assert settled(rebase(there, REFERENCE)).equals(settled(state))


def test_a_state_is_not_rebased_by_part_of_a_half_life() -> None:
    with pytest.raises(ValueError, match="whole half-lives"):
        rebase(folded([]), REFERENCE + 1)


@pytest.mark.parametrize("name", ENGINES)
def test_a_bucket_folded_part_by_part_is_the_fold(name: str) -> None:
    engine, rows = Engine(name), lines.history(Random(8), range(1, 30), 300)
    at_once = replace(folded(rows), rows=POLARS.lazy(fold_bucket(lines.frame(engine, rows), LAYOUT, REFERENCE, engine)))
    assert_same(at_once, folded(rows))


@given(seed=seeds)
@settings(max_examples=examples(5))
def test_linked_customers_that_act_and_are_split_are_as_if_never_linked(seed: int) -> None:
    random = Random(seed)
    together = lines.crowd(random, 8, linked=0.7)
    everyone = [persona for own in together.values() for persona in own]
    rows = lines.history(random, [p.persona_id for p in everyone], 250)
    apart = {persona.persona_id: [persona] for persona in everyone}
    linked = derived(rows, lines.people(together), POLARS)
    split = derived(rows, lines.people(apart), POLARS)
    assert not lines.differences(linked, lines.expected(BOOK, rows, together, NAMES), NAMES)
    assert not lines.differences(split, lines.expected(BOOK, rows, apart, NAMES), NAMES)


def test_one_persons_consent_never_outlives_anothers_opt_out() -> None:
    yes = lines.interaction(
        "opted_in", lines.A - 9 * DAY, purpose="care", channel="email", identifier="a@x", evidence="{}"
    )
    no = lines.interaction(
        "opted_out", lines.A - 3 * DAY, persona_id=2, purpose="care", channel="email", identifier="b@x"
    )
    one, two = Persona(1, "email", 5), Persona(2, "email", 6)
    names = ("consent.care_email", "withdrawn.care_email", "hand_raiser")
    linked = derived([yes, no], lines.people({1: [one, two]}), POLARS, names=names)
    apart = derived([yes, no], lines.people({1: [one], 2: [two]}), POLARS, names=names).sort("customer")
    assert linked.rows() == [(1, 5, False, True, False)]
    assert apart.rows() == [(1, 5, True, False, True), (2, 6, False, True, False)]


def test_other_roles_than_customers_and_prospects_have_no_relationship() -> None:
    rows = [lines.interaction("visited", lines.A - DAY, persona_id=n, touchpoint="site") for n in (1, 2, 3, 4)]
    people = lines.people(
        {n: [Persona(n, "email", n)] for n in (1, 2, 3, 4)}, {2: "employee", 3: "prospect", 4: "partner"}
    )
    assert derived(rows, people, POLARS, names=("count.visited",))["customer"].sort().to_list() == [1, 3]


def test_someone_known_of_whom_nothing_is_told_has_no_relationship() -> None:
    rows = [lines.interaction("visited", lines.A - DAY, touchpoint="site")]
    people = lines.people({1: [Persona(1, "email", 1)], 2: [Persona(2, "phone", 2)]})
    assert derived(rows, people, POLARS, names=("reach.email", "reach.phone")).rows() == [(1, 1, True, False)]
