"""Compaction, checkpoint and log clean-up keep every row, its seq and every batch's number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from tests.ledger.rows import make_rows
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.errors import LedgerFault
from touchline.ledger import Ledger, maintenance
from touchline.ledger.files import LOOSE, SETTLED
from touchline.ledger.log import Log


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "a")


def all_rows(ledger: Ledger) -> pl.DataFrame:
    engine = Engine()
    return engine.collect(ledger.frame(engine)).sort("seq")


def active(ledger: Ledger) -> pl.DataFrame:
    return ledger._log.active()


def fill(ledger: Ledger, batches: int, size: int, first: int = 1) -> None:
    for batch in range(batches):
        ledger.append(make_rows(size, first_seq=first + batch * size, seed=batch, text=f"batch {batch}"))


@pytest.mark.parametrize(
    ("rows", "buckets"), [(0, 64), (65_535, 64), (131_072, 32), (1_000_000, 8), (5_000_000, 1), (10**9, 1)]
)
def test_larger_tables_have_more_files_up_to_one_a_bucket(rows: int, buckets: int) -> None:
    assert maintenance.width(rows) == buckets


def test_compaction_lays_one_sorted_file_a_bucket(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "ROWS_A_FILE", 20)
    monkeypatch.setattr(maintenance, "ROWS_A_PASS", 500)
    fill(ledger, 5, 600)
    before = all_rows(ledger)
    done = ledger.maintain(whole=True, keep_hours=0)
    assert (done.files_before, done.files_after, done.rows) == (5, 64, 3000)
    assert all_rows(ledger).equals(before)
    files = active(ledger)
    assert sorted(files["least.bucket"]) == sorted(files["most.bucket"]) == list(range(64))
    key = ["bucket", "persona_id", "occurred_at", "seq"]
    for name in files["path"]:
        rows = pl.read_parquet(tmp_path / "a" / name, columns=key)
        assert rows.equals(rows.sort(key))
    assert {path.name for path in (tmp_path / "a").glob("*.parquet")} == set(files["path"])


@pytest.mark.parametrize("engine_name", ENGINES)
def test_a_bucket_is_read_from_its_own_file(
    ledger: Ledger, tmp_path: Path, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "ROWS_A_FILE", 20)
    fill(ledger, 2, 2000)
    ledger.maintain(whole=True, keep_hours=0)
    expected = all_rows(ledger).filter(pl.col("bucket") == 5)
    for name, least in active(ledger).select("path", "least.bucket").iter_rows():
        if least != 5:
            (tmp_path / "a" / name).unlink()
    engine = Engine(engine_name)
    assert engine.collect(ledger.frame(engine, buckets=[5])).sort("seq").equals(expected)


def test_batch_numbers_outlive_compaction_checkpoint_cleanup_and_sweep(ledger: Ledger, tmp_path: Path) -> None:
    for number in range(1, 6):
        ledger.append(make_rows(50, first_seq=1 + 50 * number), transaction=("drain", number))
    ledger.append(make_rows(50, first_seq=1000), transaction=("import:crm", 9))
    for _ in range(2):
        ledger.maintain(whole=True, keep_hours=0)
    log = tmp_path / "a" / "_delta_log"
    assert len(list(log.glob("*.json"))) == 1
    assert len(list(log.glob("*.checkpoint.parquet"))) == 1
    for handle in (ledger, Ledger.open(tmp_path / "a")):
        assert (handle.last_transaction("drain"), handle.last_transaction("import:crm")) == (5, 9)
        assert not handle.append(make_rows(50, first_seq=5000), transaction=("drain", 5))
        assert not handle.append(make_rows(50, first_seq=5000), transaction=("import:crm", 9))
    assert ledger.count() == 300
    assert ledger.append(make_rows(50, first_seq=2000), transaction=("drain", 6))


def test_a_handle_that_was_open_all_along_goes_on_after_cleanup(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3, 20)
    other = Ledger.open(tmp_path / "a")
    assert other.count() == 60
    fill(ledger, 60, 5, first=61)
    ledger.maintain(whole=True, keep_hours=0)
    assert other.count() == 360
    assert other.append(make_rows(1, first_seq=361))
    assert ledger.count() == 361


def test_running_readers_keep_their_files_for_the_kept_hours(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3, 100)
    engine = Engine()
    running = ledger.frame(engine, ["seq"])
    ledger.maintain(whole=True)
    ledger.maintain(whole=True)
    assert engine.collect(running).height == 300
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 4
    ledger.maintain(keep_hours=0)
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 1


def test_few_new_rows_are_merged_beside_the_settled_ones(ledger: Ledger) -> None:
    fill(ledger, 1, 5000)
    ledger.maintain(whole=True)
    (settled,) = active(ledger)["path"]
    fill(ledger, 4, 20, first=5001)
    before = all_rows(ledger)
    done = ledger.maintain()
    names = active(ledger)["path"].to_list()
    assert done.rows == 80
    assert settled in names
    assert [name.split("-")[0] for name in sorted(names)] == [LOOSE, SETTLED]
    assert all_rows(ledger).equals(before)
    assert ledger.maintain().rows == 0


def test_many_new_rows_have_all_laid_anew(ledger: Ledger) -> None:
    fill(ledger, 1, 1000)
    ledger.maintain(whole=True)
    fill(ledger, 4, 100, first=1001)
    assert ledger.maintain().rows == 1400
    assert all(name.startswith(SETTLED) for name in active(ledger)["path"])


def test_maintaining_an_empty_or_settled_table_changes_nothing(ledger: Ledger) -> None:
    assert ledger.maintain(whole=True, keep_hours=0).rows == 0
    fill(ledger, 1, 100)
    ledger.maintain(whole=True, keep_hours=0)
    assert ledger.maintain(whole=True, keep_hours=0).rows == 0
    assert ledger.count() == 100


def interrupt(monkeypatch: pytest.MonkeyPatch, *between: object) -> list[object]:
    """Have each action done once between the writing of a compaction and its commit."""
    waiting = list(between)
    replace = Log.replace

    def interrupted(
        self: Log, removed: Sequence[str], added: Sequence[AddAction], *rest: object, **named: object
    ) -> bool:
        if waiting:
            waiting.pop(0)()  # type: ignore[operator] # a list of calls
        return replace(self, removed, added, *rest, **named)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(Log, "replace", interrupted)
    return waiting


def test_an_append_during_compaction_stays(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ledger, 3, 100)
    other = Ledger.open(tmp_path / "a")
    interrupt(monkeypatch, lambda: other.append(make_rows(10, first_seq=301), transaction=("drain", 1)))
    ledger.maintain(whole=True)
    assert all_rows(ledger)["seq"].to_list() == list(range(1, 311))
    assert ledger.last_transaction("drain") == 1


def test_a_compaction_during_compaction_doubles_no_row(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 3, 100)
    other = Ledger.open(tmp_path / "a")
    interrupt(monkeypatch, lambda: maintenance._compact(other._log, whole=True))
    ledger.maintain(whole=True, keep_hours=0)
    assert all_rows(ledger)["seq"].to_list() == list(range(1, 301))


def test_an_erasure_during_compaction_is_not_undone(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 3, 100)
    other = Ledger.open(tmp_path / "a")
    interrupt(monkeypatch, lambda: maintenance._remove(other._log, frozenset([1, 2]), {}))
    ledger.maintain(whole=True, keep_hours=0)
    rows = all_rows(ledger)
    assert not set(rows["persona_id"]) & {1, 2}
    assert 200 < rows.height < 300


def test_a_compaction_during_erasure_brings_nobody_back(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 3, 100)
    other = Ledger.open(tmp_path / "a")
    expected = all_rows(ledger).filter(~pl.col("persona_id").is_in([1, 2]))
    interrupt(monkeypatch, lambda: maintenance._compact(other._log, whole=True))
    assert ledger.erase([1, 2]) == 300 - expected.height
    assert all_rows(ledger).equals(expected)


def test_endless_interruption_is_told_and_leaves_the_rows(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ledger, 2, 50)
    monkeypatch.setattr(Log, "replace", lambda *_, **__: False)
    with pytest.raises(LedgerFault, match="rewrote the same files"):
        ledger.maintain(whole=True)
    monkeypatch.undo()
    assert ledger.count() == 100
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 2


def test_followers_of_the_table_see_no_change_in_a_compaction(ledger: Ledger, tmp_path: Path) -> None:
    fill(ledger, 3, 100)
    maintenance._compact(ledger._log, whole=True)
    log = max((tmp_path / "a" / "_delta_log").glob("*.json")).read_text()
    assert log.count('"dataChange":false') == 4
    assert '"dataChange":true' not in log
    assert DeltaTable(str(tmp_path / "a")).count() == 300
