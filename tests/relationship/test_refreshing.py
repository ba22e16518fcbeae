"""Whatever was snapshot, and in whatever order rows arrived: a refresh equals a rebuild from nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.relationship import lines
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.times import DAY
from touchline.ledger.memory import MemoryLedger
from touchline.ledger.snapshots import Snapshots
from touchline.relationship import refreshing, slices
from touchline.relationship.deriving import NotFolded, slots_of
from touchline.relationship.layout import Layout
from touchline.relationship.refreshing import advance, keep, narrowed, relationships, state_at

BOOK = lines.playbook()
LAYOUT = lines.layout(BOOK)
NAMES = lines.everything(BOOK)


def ledger_of(rows: list[dict[str, Any]]) -> MemoryLedger:
    """A ledger of the rows as they are numbered."""
    ledger = MemoryLedger()
    ledger.append(lines.table(rows))
    return ledger


def arrived(random: Random, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows in another order of arrival, by which seq and received_at are given."""
    random.shuffle(rows)
    return [row | {"seq": n, "received_at": lines.A - 100 * DAY + n} for n, row in enumerate(rows, start=1)]


def served(
    ledger: MemoryLedger, snapshots: Snapshots | None, people: pl.DataFrame, at: int, engine: Engine,
    names: Any = NAMES, **how: Any,
) -> pl.DataFrame:  # fmt: skip
    held = state_at(ledger, snapshots, LAYOUT, engine, at, **how)
    return engine.collect(relationships(held, people, BOOK, engine, wanted=names)).sort("customer")


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(6))
def test_a_refresh_equals_a_rebuild_with_late_rows_links_and_splits(seed: int, tmp_path: Path) -> None:
    random, engine = Random(seed), Engine("polars")
    crowd = lines.crowd(random, 8)
    everyone = [persona for own in crowd.values() for persona in own]
    rows = arrived(random, lines.history(random, [p.persona_id for p in everyone], 200))
    snapshots = Snapshots(tmp_path / str(seed))
    so_far = 0
    for cut in sorted(random.sample(range(20, 200), 2)):  # each snapshot is built on the one before
        first = ledger_of(rows[:cut])
        at = lines.A - random.choice((400, 90, 30, 5, 0)) * DAY
        keep(state_at(first, snapshots, LAYOUT, engine, at), snapshots)
        so_far = cut
    assert so_far
    ledger = ledger_of(rows)
    apart = {persona.persona_id: [persona] for persona in everyone}
    for personas in (crowd, apart):
        at = lines.A - random.choice((0, 0, 10)) * DAY
        refreshed = served(ledger, snapshots, lines.people(personas), at, engine)
        assert not lines.differences(refreshed, lines.expected(BOOK, rows, personas, NAMES, at), NAMES)


def test_a_refresh_on_duckdb_equals_a_rebuild(tmp_path: Path) -> None:
    random, engine = Random(3), Engine("duckdb")
    crowd = lines.crowd(random, 12)
    rows = arrived(random, lines.history(random, [p.persona_id for own in crowd.values() for p in own], 300))
    snapshots = Snapshots(tmp_path)
    keep(state_at(ledger_of(rows[:200]), None, LAYOUT, engine, lines.A - 20 * DAY), snapshots)
    names = (
        "experience.overall",
        "care.due",
        "care.missed",
        "contact.all_7d",
        "days_to_renewal",
        "count.asked",
        "prefers.days",
    )
    names = tuple(name for name in names if name in NAMES or name.startswith("contact"))
    got = served(ledger_of(rows), snapshots, lines.people(crowd), lines.A, engine, names)
    assert not lines.differences(got, lines.expected(BOOK, rows, crowd, names), names)


def test_the_latest_snapshot_that_fits_is_the_base(tmp_path: Path) -> None:
    random, engine, snapshots = Random(4), Engine("polars"), Snapshots(tmp_path)
    rows = arrived(random, lines.history(random, range(1, 9), 100))
    ledger = ledger_of(rows)
    early = keep(state_at(ledger, None, LAYOUT, engine, lines.A - 90 * DAY), snapshots)
    late = keep(state_at(ledger, snapshots, LAYOUT, engine, lines.A - 9 * DAY), snapshots)
    assert state_at(ledger, snapshots, LAYOUT, engine, lines.A).base == late
    assert state_at(ledger, snapshots, LAYOUT, engine, lines.A - 30 * DAY).base == early
    assert state_at(ledger, snapshots, LAYOUT, engine, lines.A - 91 * DAY).base is None
    other = Layout.of(lines.playbook(care_reading=-0.25))
    assert state_at(ledger, snapshots, other, engine, lines.A).base is None


def test_a_past_decision_is_repeated_as_it_was_known(tmp_path: Path) -> None:
    random, engine, snapshots = Random(5), Engine("polars"), Snapshots(tmp_path)
    crowd = lines.crowd(random, 8)
    rows = arrived(random, lines.history(random, [p.persona_id for own in crowd.values() for p in own], 200))
    known_at = rows[119]["received_at"]
    keep(state_at(ledger_of(rows), None, LAYOUT, engine, lines.A - 9 * DAY), snapshots)  # knows too much
    got = served(ledger_of(rows), snapshots, lines.people(crowd), lines.A, engine, known_at=known_at)
    assert not lines.differences(got, lines.expected(BOOK, rows[:120], crowd, NAMES), NAMES)


@pytest.mark.parametrize("name", ENGINES)
def test_undrained_rows_count_as_drained_ones(name: str) -> None:
    engine, rows = Engine(name), arrived(Random(6), lines.history(Random(6), range(1, 9), 120))
    names = ("experience.overall", "count.sent", "dialogue.open", "sum.revenue")
    people = lines.people({n: [lines.Persona(n, "email", n)] for n in range(1, 9)})
    pending = lines.frame(engine, rows[80:])
    got = served(ledger_of(rows[:80]), None, people, lines.A, engine, names, pending=pending)
    whole = served(ledger_of(rows), None, people, lines.A, engine, names)
    assert got.drop("experience__overall").equals(whole.drop("experience__overall"))
    assert got["experience__overall"].to_list() == pytest.approx(whole["experience__overall"].to_list(), abs=1e-9)


def test_touched_customers_alone_are_as_among_all(tmp_path: Path) -> None:
    random, engine, snapshots = Random(7), Engine("polars"), Snapshots(tmp_path)
    crowd = lines.crowd(random, 10)
    rows = arrived(random, lines.history(random, [p.persona_id for own in crowd.values() for p in own], 250))
    ledger = ledger_of(rows)
    keep(state_at(ledger, None, LAYOUT, engine, lines.A - 9 * DAY), snapshots)
    some = {customer: own for customer, own in crowd.items() if customer % 2}
    personas = [p.persona_id for own in some.values() for p in own]
    with pytest.raises(ValueError, match="all of the ledger"):
        keep(state_at(ledger, snapshots, LAYOUT, engine, lines.A, personas=personas), snapshots)
    got = served(ledger, snapshots, lines.people(some), lines.A, engine, personas=personas)
    assert not lines.differences(got, lines.expected(BOOK, rows, some, NAMES), NAMES)


@pytest.mark.parametrize("name", ENGINES)
def test_a_refresh_of_few_columns_is_as_one_of_all_and_is_never_kept(name: str, tmp_path: Path) -> None:
    random, engine, snapshots = Random(10), Engine(name), Snapshots(tmp_path)
    crowd = lines.crowd(random, 10)
    rows = arrived(random, lines.history(random, [p.persona_id for own in crowd.values() for p in own], 250))
    keep(state_at(ledger_of(rows[:200]), None, LAYOUT, engine, lines.A - 9 * DAY), snapshots)
    names = ("experience.overall", "care.due", "count.asked", "sum.revenue", "hand_raiser", "prefers.language")
    slots = slots_of(BOOK, LAYOUT, names)
    held = state_at(ledger_of(rows), snapshots, LAYOUT, engine, lines.A, slots=slots)
    assert len(held.state.layout.slots) < len(LAYOUT.slots)
    got = engine.collect(relationships(held, lines.people(crowd), BOOK, engine, wanted=names))
    assert not lines.differences(got.sort("customer"), lines.expected(BOOK, rows, crowd, names), names)
    with pytest.raises(ValueError, match="all of the ledger"):
        keep(held, snapshots)


@pytest.mark.parametrize("name", ENGINES)
def test_a_resident_state_is_advanced_step_by_step(name: str) -> None:
    random, engine = Random(9), Engine(name)
    crowd = lines.crowd(random, 8)
    rows = lines.history(random, [p.persona_id for own in crowd.values() for p in own], 160)
    rows = [row | {"seq": n} for n, row in enumerate(sorted(rows, key=lambda row: int(row["occurred_at"])), start=1)]
    names = (
        NAMES if name == "polars" else ("experience.overall", "care.due", "count.asked", "prefers.language", "stage")
    )
    first, last = rows[79]["occurred_at"], rows[119]["occurred_at"]
    cuts = [sum(row["occurred_at"] <= at for row in rows) for at in (first, last, lines.A)]
    resident = state_at(ledger_of(rows[: cuts[0]]), None, LAYOUT, engine, first)
    for at, start, stop in ((last, cuts[0], cuts[1]), (lines.A, cuts[1], cuts[2])):
        resident = advance(resident, lines.frame(engine, rows[start:stop]), engine, at=at, seq=stop)
    got = engine.collect(relationships(resident, lines.people(crowd), BOOK, engine, wanted=names))
    assert not lines.differences(got, lines.expected(BOOK, rows, crowd, names), names)
    some = {customer: own for customer, own in crowd.items() if customer % 2}
    few = narrowed(resident, [p.persona_id for own in some.values() for p in own], engine)
    got = engine.collect(relationships(few, lines.people(some), BOOK, engine, wanted=names))
    assert not lines.differences(got, lines.expected(BOOK, rows, some, names), names)


def test_a_narrowed_state_has_what_was_asked_for_and_says_what_it_has_not() -> None:
    random, engine, names = (
        Random(10),
        Engine("polars"),
        ("experience.site", "care.due", "reach.email", "prefers.language"),
    )
    crowd = lines.crowd(random, 8)
    rows = lines.history(random, [p.persona_id for own in crowd.values() for p in own], 160)
    rows = [row | {"seq": n} for n, row in enumerate(sorted(rows, key=lambda row: int(row["occurred_at"])), start=1)]
    middle = rows[79]["occurred_at"]
    early = [row for row in rows if row["occurred_at"] <= middle]
    held = state_at(ledger_of(early), None, LAYOUT, engine, middle)
    everyone = [p.persona_id for own in crowd.values() for p in own]
    narrow = narrowed(held, everyone, engine, slots_of(BOOK, LAYOUT, names))
    narrow = advance(narrow, lines.frame(engine, rows[len(early) :]), engine, at=lines.A, seq=len(rows))
    got = engine.collect(relationships(narrow, lines.people(crowd), BOOK, engine, wanted=names))
    assert not lines.differences(got, lines.expected(BOOK, rows, crowd, names), names)
    with pytest.raises(NotFolded, match=r"count\.asked"):
        relationships(narrow, lines.people(crowd), BOOK, engine, wanted=["count.asked"])


def test_a_long_history_is_folded_bucket_by_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    random, engine = Random(8), Engine("polars")
    rows = [row | {"bucket": row["persona_id"] % 3} for row in arrived(random, lines.history(random, range(1, 5), 60))]
    people = lines.people({n: [lines.Persona(n, "email", n)] for n in range(1, 5)})
    monkeypatch.setattr(refreshing, "AT_ONCE", 10)
    monkeypatch.setattr(refreshing, "BUCKETS", 3)
    got = served(ledger_of(rows), None, people, lines.A, engine)
    personas = {n: [lines.Persona(n, "email", n)] for n in range(1, 5)}
    assert not lines.differences(got, lines.expected(BOOK, rows, personas, NAMES), NAMES)


def test_a_state_far_from_its_reference_is_rebased_and_nothing_overflows(tmp_path: Path) -> None:
    hourly = replace(BOOK, organisation=replace(BOOK.organisation, half_life=DAY // 24))
    layout, engine, snapshots = Layout.of(hourly), Engine("polars"), Snapshots(tmp_path)
    rows = [lines.interaction("visited", lines.A - 300 * DAY, touchpoint="site", emotional=1.0, seq=1),
            lines.interaction("visited", lines.A, touchpoint="site", emotional=0.5, seq=2)]  # fmt: skip
    keep(state_at(ledger_of(rows), None, layout, engine, lines.A - 299 * DAY), snapshots)
    held = state_at(ledger_of(rows), snapshots, layout, engine, lines.A)
    people = lines.people({1: [lines.Persona(1, "email", 1)]})
    got = engine.collect(relationships(held, people, hourly, engine, wanted=["experience.site", "experience.n"]))
    assert held.base is not None
    assert got.row(0)[2:] == (pytest.approx(0.25 / 1.5), 2)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(10))
def test_what_a_snapshot_keeps_of_old_agreements_is_all_that_a_later_instant_needs(seed: int) -> None:
    random, engine, kept_at = Random(seed), Engine("polars"), lines.A - 700 * DAY

    def agreed(number: int, latest: int) -> dict[str, Any]:
        at = latest - random.randrange(0, 2000) * DAY
        told = {
            "term_start": at + random.randrange(-900, 900) * DAY,
            "renewal_at": at + random.randrange(1, 1500) * DAY,
        }
        terms = {key: value for key, value in told.items() if random.random() < 0.8}
        kind = random.choice(("joined", *["renewed"] * 5, "left"))
        own = {"persona_id": random.randrange(1, 31), "agreement_id": random.choice(("a", "b", None))}
        return lines.interaction(kind, at, id=f"g{number}", **own, **({} if kind == "left" else terms))

    before = [agreed(number, kept_at) for number in range(300)]
    later = [
        agreed(number, lines.A) for number in range(30, 36)
    ]  # some of them late: they happened before the snapshot
    whole = slices.cut(lines.frame(engine, before), LAYOUT, kept_at)
    kept = slices.settled(whole, kept_at)
    assert engine.collect(kept).height < engine.collect(whole).height
    added = slices.cut(lines.frame(engine, later), LAYOUT, lines.A)
    # Personas 1 and 2 are linked later, so that what one of them had superseded may count for both.
    whose = pl.when(pl.col("persona_id") == 2).then(1).otherwise("persona_id").alias("customer")

    def in_force(old: Any, at: int) -> pl.DataFrame:
        rows = nw.concat([old, added], how="vertical").to_native().with_columns(whose)
        return engine.collect(slices.agreements(nw.from_native(rows), at)).sort("customer")

    for at in (kept_at, kept_at + 300 * DAY, lines.A):
        assert in_force(kept, at).equals(in_force(whole, at))
