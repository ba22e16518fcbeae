"""What every ledger does, in a folder or in memory, read by either engine: one body, all of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.ledger.rows import START, make_rows
from touchline.interactions import row
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY, SECOND
from touchline.ledger import AnyLedger, Ledger, MemoryLedger, RowsRefused

New = Callable[[], AnyLedger]


@pytest.fixture(params=["folder", "memory"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> New:
    if request.param == "memory":
        return MemoryLedger
    made = iter(range(1000))
    return lambda: Ledger.create(tmp_path / f"ledger{next(made)}")


@pytest.fixture
def ledger(new: New) -> AnyLedger:
    return new()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param)


def read(ledger: AnyLedger, engine: Engine, *columns: str, **bounds: Any) -> pl.DataFrame:
    return engine.collect(ledger.frame(engine, columns or None, **bounds))


def seqs(ledger: AnyLedger, engine: Engine | None = None, **bounds: Any) -> list[int]:
    return sorted(read(ledger, engine or Engine(), "seq", **bounds)["seq"])


def as_polars(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def test_an_empty_ledger_gives_an_empty_frame_of_every_column(ledger: AnyLedger, engine: Engine) -> None:
    frame = read(ledger, engine)
    assert frame.height == 0
    assert frame.schema == as_polars(row.empty()).schema
    assert read(ledger, engine, "kind", "seq", buckets=[3], personas=range(5000)).columns == ["kind", "seq"]
    assert (ledger.last_seq(), ledger.count(), ledger.seq_known_at(START), ledger.last_transaction("drain")) == (
        0,
        0,
        0,
        None,
    )


def test_rows_come_back_as_they_were_given(ledger: AnyLedger, engine: Engine) -> None:
    rows = make_rows(
        50, emotional=[None, -1.0, 0.25, 1.0, 0.0] * 10, text=["grüße\n'\"", None, "", "x" * 32_000, "\U0001f600"] * 10,
        revenue_minor=2**62, step=-3, episode_closes=True, answer=[1e-300, -1e300, 0.1, None, 5.0] * 10,
    )  # fmt: skip
    assert ledger.append(rows)
    back = read(ledger, engine).sort("seq")
    assert back.schema == as_polars(row.empty()).schema
    assert back.equals(as_polars(rows))


def test_several_appends_add_up_and_reach_every_bucket(ledger: AnyLedger, engine: Engine) -> None:
    for batch in range(4):
        ledger.append(make_rows(100, first_seq=1 + batch * 100, seed=batch, batch=batch))
    assert seqs(ledger, engine) == list(range(1, 401))
    assert ledger.count() == 400
    assert ledger.last_seq() == 400
    parts = [seqs(ledger, engine, buckets=range(first, first + 16)) for first in range(0, 64, 16)]
    assert sorted(seq for part in parts for seq in part) == list(range(1, 401))


def test_a_batch_number_lands_once(ledger: AnyLedger) -> None:
    rows = make_rows(10)
    assert ledger.append(rows, transaction=("drain", 7))
    version = ledger.version
    assert not ledger.append(rows, transaction=("drain", 7))
    assert not ledger.append(make_rows(10, first_seq=11), transaction=("drain", 6))
    assert (ledger.count(), ledger.version, ledger.last_transaction("drain")) == (10, version, 7)


def test_each_application_counts_for_itself(ledger: AnyLedger) -> None:
    assert ledger.append(make_rows(10), transaction=("drain", 1))
    assert ledger.append(make_rows(10, first_seq=11), transaction=("import:crm", 1))
    assert ledger.append(make_rows(10, first_seq=21))
    assert (ledger.last_transaction("drain"), ledger.last_transaction("import:crm"), ledger.last_transaction("x")) == (
        1,
        1,
        None,
    )


def test_an_empty_batch_records_its_number(ledger: AnyLedger) -> None:
    assert ledger.append(row.empty(), transaction=("drain", 3))
    assert ledger.last_transaction("drain") == 3
    version = ledger.version
    assert ledger.append(row.empty())
    assert ledger.version == version


def test_text_of_any_arrow_flavour_is_taken(ledger: AnyLedger) -> None:
    rows = make_rows(20)
    kinds = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 10, pa.int32()), pa.array(["bought", "asked"]))
    flavours = {"id": rows["id"].cast(pa.large_string()), "kind": kinds, "name": pa.array(["n"] * 20, pa.string_view())}
    for name, column in flavours.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    assert ledger.append(rows)
    assert ledger.append(as_polars(make_rows(20, first_seq=21)).to_arrow())
    assert set(read(ledger, Engine(), "kind")["kind"]) == {"bought", "asked", "visited"}


REFUSED: dict[str, Callable[[], pa.Table]] = {
    "a missing column": lambda: make_rows(5).drop_columns(["digest"]),
    "an unknown column": lambda: make_rows(5).append_column("more", pa.nulls(5)),
    "a column twice": lambda: make_rows(5).append_column("seq", pa.nulls(5, pa.int64())),
    "another type": lambda: make_rows(5).set_column(0, "seq", pa.array([1.0] * 5)),
    "a number as text": lambda: make_rows(5).set_column(1, "id", pa.array([1] * 5)),
    "no id": lambda: make_rows(5, id=["a", "b", None, "c", "d"]),
    "no kind": lambda: make_rows(5, kind=None),
    "a reading that is NaN": lambda: make_rows(5, emotional=[None, None, float("nan"), 0.5, 0.5]),
    "an infinite answer": lambda: make_rows(5, answer=float("inf")),
    "an infinite gift": lambda: make_rows(5, given=float("-inf")),
    "a reading beyond one": lambda: make_rows(5, relevance=1.5),
    "a bucket beyond 63": lambda: make_rows(5, bucket=64),
    "a negative bucket": lambda: make_rows(5, bucket=-1),
    "a persona of zero": lambda: make_rows(5, persona_id=0, bucket=0),
    "a kind outside the catalogue": lambda: make_rows(5, kind=["visited", "visited", "danced", "visited", "visited"]),
    "a role outside the catalogue": lambda: make_rows(5, role="robot"),
    "a text beyond 32 KB": lambda: make_rows(5, text=["x" * (row.TEXT_LIMIT + 1), None, None, None, None]),
    "a payload beyond 32 KB in bytes": lambda: make_rows(5, payload="é" * (row.TEXT_LIMIT // 2 + 1)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_batch_with_a_wrong_row_is_refused_whole(ledger: AnyLedger, what: str) -> None:
    version = ledger.version
    with pytest.raises(RowsRefused):
        ledger.append(REFUSED[what](), transaction=("drain", 1))
    assert (ledger.count(), ledger.version, ledger.last_transaction("drain")) == (0, version, None)


def test_a_refusal_tells_no_value(ledger: AnyLedger) -> None:
    with pytest.raises(RowsRefused) as refusal:
        ledger.append(make_rows(2, text="secret " * 6000, role="jane@example.org"))
    assert "secret" not in str(refusal.value)
    assert "jane" not in str(refusal.value)


def test_an_unknown_column_is_named_with_the_nearest(ledger: AnyLedger) -> None:
    with pytest.raises(UnknownName, match="touchpoint"):
        ledger.frame(Engine(), ["touchpiont"])


def test_bounds_are_as_documented_at_their_edges(ledger: AnyLedger, engine: Engine) -> None:
    ledger.append(make_rows(9, occurred_at=[START + seq * SECOND for seq in range(1, 10)]))
    assert seqs(ledger, engine, seq_after=7) == [8, 9]
    assert seqs(ledger, engine, seq_until=2) == [1, 2]
    assert seqs(ledger, engine, occurred_from=START + 8 * SECOND) == [8, 9]
    assert seqs(ledger, engine, occurred_until=START + 2 * SECOND) == [1, 2]
    assert seqs(ledger, engine, beyond=(7, START + 9 * SECOND)) == [8, 9]
    assert seqs(ledger, engine, beyond=(9, START + 5 * SECOND)) == [6, 7, 8, 9]
    assert (
        seqs(ledger, engine, buckets=[]) == seqs(ledger, engine, personas=[]) == seqs(ledger, engine, sources=[]) == []
    )


def test_many_personas_are_joined_and_few_are_listed_alike(ledger: AnyLedger, engine: Engine) -> None:
    ledger.append(make_rows(3000, personas=2500))
    rows = read(ledger, engine, "persona_id", "seq")
    for wanted in (range(1, 40), range(1, 1800)):
        expected = rows.filter(pl.col("persona_id").is_in(list(wanted)))["seq"].sort()
        assert seqs(ledger, engine, personas=wanted) == expected.to_list()


BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "buckets": st.sets(st.integers(0, 63), max_size=5),
        "seq_after": st.integers(-5, 600),
        "seq_until": st.integers(-5, 600),
        "occurred_from": st.integers(START - 400 * DAY, START),
        "occurred_until": st.integers(START - 400 * DAY, START),
        "beyond": st.tuples(st.integers(-5, 600), st.integers(START - 400 * DAY, START)),
        "personas": st.sets(st.integers(1, 90), max_size=5),
        "sources": st.sets(st.sampled_from(["crm", "shop", "shops", "segment", "none"]), max_size=3),
    },
)
SOURCES = ["crm", "shops", "segment"]


def expected_seqs(rows: pl.DataFrame, bounds: dict[str, Any]) -> list[int]:
    tests: dict[str, Callable[[dict[str, Any], Any], bool]] = {
        "buckets": lambda r, v: r["bucket"] in v,
        "seq_after": lambda r, v: r["seq"] > v,
        "seq_until": lambda r, v: r["seq"] <= v,
        "occurred_from": lambda r, v: r["occurred_at"] >= v,
        "occurred_until": lambda r, v: r["occurred_at"] <= v,
        "beyond": lambda r, v: r["seq"] > v[0] or r["occurred_at"] > v[1],
        "personas": lambda r, v: r["persona_id"] in v,
        "sources": lambda r, v: r["source"] in v,
    }
    return sorted(r["seq"] for r in rows.to_dicts() if all(tests[name](r, value) for name, value in bounds.items()))


@pytest.fixture(scope="module", params=["folder", "compacted", "memory"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AnyLedger:
    ledger: AnyLedger = MemoryLedger()
    if request.param != "memory":
        ledger = Ledger.create(tmp_path_factory.mktemp("filled") / "ledger")
    for batch in range(6):
        first, low = 1 + batch * 100, batch * 15
        personas = [random.Random(first + n).randint(low + 1, low + 15) for n in range(100)]
        ledger.append(
            make_rows(100, first_seq=first, seed=batch, persona_id=personas, source=SOURCES[batch % 3]),
            transaction=("drain", batch),
        )
    if request.param == "compacted":
        ledger.maintain(whole=True, keep_hours=0)
    return ledger


@given(bounds=BOUNDS, engine_name=st.sampled_from(ENGINES))
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_files_left_out_never_held_a_wanted_row(filled: AnyLedger, bounds: dict[str, Any], engine_name: str) -> None:
    rows = read(filled, Engine(), "seq", "bucket", "occurred_at", "persona_id", "source")
    assert rows.height == 600
    assert seqs(filled, Engine(engine_name), **bounds) == expected_seqs(rows, bounds)


def test_a_frame_goes_on_into_other_set_work(ledger: AnyLedger, engine: Engine) -> None:
    ledger.append(make_rows(200, personas=10))
    frame = ledger.frame(engine, ["persona_id", "seq"]).group_by("persona_id").agg(nw.col("seq").max())
    rows = read(ledger, engine, "persona_id", "seq").group_by("persona_id").agg(pl.col("seq").max())
    assert engine.collect(frame).sort("persona_id").equals(rows.sort("persona_id"))


def test_known_at_is_the_seq_before_the_first_row_received_later(ledger: AnyLedger) -> None:
    # seq 1 to 5 by an import that was still running while 6 to 8 were drained
    received = [10, 20, 90, 95, 99, 30, 40, 50]
    ledger.append(make_rows(5, received_at=received[:5]), transaction=("import", 1))
    ledger.append(make_rows(3, first_seq=6, received_at=received[5:]), transaction=("drain", 1))
    assert [ledger.seq_known_at(instant) for instant in (9, 10, 19, 20, 60, 89, 90, 98, 99, 1000)] == [
        0, 1, 1, 2, 2, 2, 3, 4, 8, 8,
    ]  # fmt: skip


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(-1, 31), st.integers(1, 5))
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_known_at_equals_its_definition(new: New, received: list[int], instant: int, batches: int) -> None:
    ledger = new()
    size = -(-len(received) // batches)
    for first in range(0, len(received), size):
        part = received[first : first + size]
        ledger.append(make_rows(len(part), first_seq=first + 1, received_at=part))
    later = [seq for seq, at in enumerate(received, start=1) if at > instant]
    assert ledger.seq_known_at(instant) == (min(later) - 1 if later else len(received))


def test_maintenance_changes_no_row(ledger: AnyLedger, engine: Engine) -> None:
    for batch in range(5):
        ledger.append(
            make_rows(300, first_seq=1 + batch * 300, seed=batch, text=f"batch {batch}"), transaction=("drain", batch)
        )
    before, last = read(ledger, engine).sort("seq"), ledger.last_seq()
    ledger.maintain(whole=True, keep_hours=0)
    assert read(ledger, engine).sort("seq").equals(before)
    assert (ledger.last_seq(), ledger.count(), ledger.last_transaction("drain")) == (last, 1500, 4)
    assert not ledger.append(make_rows(1, first_seq=9999), transaction=("drain", 4))
    assert ledger.append(make_rows(1, first_seq=1501), transaction=("drain", 5))


def test_the_erased_are_gone_and_the_others_stay(ledger: AnyLedger, engine: Engine) -> None:
    ledger.append(make_rows(300, personas=30), transaction=("drain", 1))
    ledger.maintain(whole=True, keep_hours=0)
    ledger.append(make_rows(300, first_seq=301, personas=30, seed=1), transaction=("drain", 2))
    before = read(ledger, engine).sort("seq")
    gone = before.filter(pl.col("persona_id").is_in([3, 17]))
    assert ledger.erase([3, 17, 9999]) == gone.height
    assert read(ledger, engine).sort("seq").equals(before.filter(~pl.col("persona_id").is_in([3, 17])))
    assert ledger.erase([3, 17]) == 0
    assert ledger.last_transaction("drain") == 2


def test_single_rows_of_others_that_tell_of_the_erased_go_with_them(ledger: AnyLedger, engine: Engine) -> None:
    ledger.append(make_rows(300, personas=30))
    before = read(ledger, engine).sort("seq")
    told = before.filter(pl.col("persona_id") == 5)["id"].head(2).to_list()
    gone = (pl.col("persona_id") == 3) | pl.col("id").is_in(told)
    assert ledger.erase([3], {5: told, 6: told}) == before.filter(gone).height
    assert read(ledger, engine).sort("seq").equals(before.filter(~gone))


def test_the_last_seq_outlives_the_erasure_of_its_row(ledger: AnyLedger) -> None:
    ledger.append(make_rows(10, persona_id=[1] * 5 + [2] * 5))
    ledger.erase([2])
    assert ledger.last_seq() == 10
    ledger.erase([1])
    assert (ledger.count(), ledger.last_seq()) == (0, 10)
    ledger.append(make_rows(1, first_seq=11))
    assert ledger.last_seq() == 11


def test_history_names_what_each_commit_did(ledger: AnyLedger) -> None:
    ledger.append(make_rows(10, personas=2), transaction=("drain", 1))
    ledger.append(make_rows(5, first_seq=11, personas=2))
    newest, oldest = [commit for commit in ledger.history() if commit.operation == "append"]
    assert (oldest.rows, oldest.seq, oldest.transaction) == (10, (1, 10), ("drain", 1))
    assert (newest.rows, newest.seq, newest.transaction) == (5, (11, 15), None)
    assert newest.version > oldest.version
    assert newest.at >= oldest.at > 0
