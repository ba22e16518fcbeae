"""Snapshots appear whole or not at all, and are found by what they hold."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.errors import LedgerFault, UnknownName
from touchline.kernel.times import DAY, parse_instant
from touchline.ledger import Snapshot, SnapshotKey, Snapshots

PROJECT = Path(__file__).parents[2]
STATE = pl.DataFrame(
    {
        "persona_id": pl.Series([1, 2, 3, 4], dtype=pl.Int64),
        "bucket": pl.Series([1, 1, 2, 63], dtype=pl.Int16),
        "sum": [0.1, None, -5.0, 1e300],
        "stage": ["a", None, "ä", ""],
        "due": [True, None, False, True],
    }
)


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param)


def save(snapshots: Snapshots, at: int, seq: int = 1, layout: str = "l") -> Snapshot:
    return snapshots.save(SnapshotKey(seq, at, layout), {"state": STATE})


def test_a_table_comes_back_as_it_was_saved(snapshots: Snapshots, engine: Engine) -> None:
    ways: dict[str, Any] = {"eager": STATE, "lazy": engine.lazy(STATE), "files": [engine.lazy(STATE[:3]), STATE[3:]]}
    for layout, table in ways.items():
        saved = snapshots.save(SnapshotKey(5, 6, layout), {"state": table, "other": STATE.head(0)})
        found = snapshots.latest(6, 5, layout)
        assert found == saved
        assert engine.collect(found.frame(engine, "state")).sort("persona_id").equals(STATE)
        assert engine.collect(found.frame(engine, "other")).equals(STATE.head(0))
        assert (found.rows("state"), found.rows("other")) == (4, 0)
        assert found.size() > 0
        assert found.is_sound()


def test_a_snapshot_can_be_read_by_column_and_bucket(snapshots: Snapshots, engine: Engine) -> None:
    for layout, table in (("one", [STATE]), ("many", STATE.partition_by("bucket", maintain_order=True))):
        saved = snapshots.save(SnapshotKey(1, 1, layout), {"state": table})
        read = engine.collect(saved.frame(engine, "state", ["sum", "persona_id"], buckets=[1, 63]))
        assert read.columns == ["sum", "persona_id"]
        assert sorted(read["persona_id"]) == [1, 2, 4]
        for buckets in ([], [5]):
            assert engine.collect(saved.frame(engine, "state", buckets=buckets)).height == 0


def test_reading_a_bucket_leaves_the_other_files_closed(snapshots: Snapshots, engine: Engine) -> None:
    saved = snapshots.save(SnapshotKey(1, 1, "l"), {"state": STATE.partition_by("bucket", maintain_order=True)})
    for number in (0, 2):
        (saved.folder / "state" / f"part-{number:05d}.parquet").unlink()
    assert engine.collect(saved.frame(engine, "state", buckets=[2]))["persona_id"].to_list() == [3]


def test_integers_that_delta_lacks_become_int64(snapshots: Snapshots, engine: Engine) -> None:
    frame = pl.DataFrame(
        {"persona_id": [1, 2], "n": pl.Series([3, 4], dtype=pl.UInt32), "k": pl.Series([1, 2], dtype=pl.UInt8)}
    )
    summed = engine.lazy(frame).group_by("persona_id").agg(nw.col("k").sum().alias("k"), nw.col("n").max().alias("n"))
    for layout, table in (("plain", frame), ("summed", summed)):
        saved = snapshots.save(SnapshotKey(1, 1, layout), {"state": table})
        read = engine.collect(saved.frame(engine, "state", ["persona_id", "k", "n"])).sort("persona_id")
        assert read.equals(pl.DataFrame({"persona_id": [1, 2], "k": [1, 2], "n": [3, 4]}))
        assert set(read.schema.values()) == {pl.Int64()}


def test_other_tools_read_a_snapshot_as_delta(snapshots: Snapshots) -> None:
    saved = snapshots.save(SnapshotKey(1, 1, "l"), {"state": [STATE[:2], STATE[2:]]})
    assert pl.read_delta(str(saved.folder / "state")).sort("persona_id").equals(STATE)


def test_the_latest_that_fits_is_found(snapshots: Snapshots) -> None:
    for at, seq in ((100, 10), (200, 20), (200, 25), (300, 30)):
        save(snapshots, at, seq)
    save(snapshots, 250, 22, layout="other")

    def latest(at: int, seq_until: int, layout: str = "l") -> tuple[int, int] | None:
        found = snapshots.latest(at, seq_until, layout)
        return None if found is None else (found.key.at, found.key.seq)

    assert latest(99, 99) is None
    assert latest(100, 10) == (100, 10)
    assert latest(250, 99) == (200, 25)
    assert latest(250, 24) == (200, 20)
    assert latest(999, 19) == (100, 10)
    assert latest(999, 999) == (300, 30)
    assert latest(999, 999, "other") == (250, 22)
    assert latest(999, 999, "none") is None


def test_times_before_1970_keep_their_order(snapshots: Snapshots) -> None:
    for at in (-3 * DAY, -5 * DAY, 2 * DAY):
        save(snapshots, at)
    found = snapshots.latest(-1, 1, "l")
    assert found is not None
    assert found.key.at == -3 * DAY


def test_a_key_is_saved_once(snapshots: Snapshots) -> None:
    first = save(snapshots, 1)
    stamp = (first.folder / "snapshot.json").stat().st_mtime_ns
    assert save(snapshots, 1) == first
    assert (first.folder / "snapshot.json").stat().st_mtime_ns == stamp


def test_what_cannot_be_saved_is_refused_and_leaves_nothing(snapshots: Snapshots) -> None:
    for layout in ("", "../x", "a b", "a_b", "x" * 65):
        with pytest.raises(LedgerFault):
            save(snapshots, 1, layout=layout)
    wrong: list[dict[str, Any]] = [{"../x": STATE}, {"state": []}, {"state": [STATE, STATE.drop("sum")]}]
    for tables in wrong:
        with pytest.raises(LedgerFault):
            snapshots.save(SnapshotKey(1, 1, "l"), tables)

    def failing() -> Iterator[pl.DataFrame]:
        yield STATE
        raise RuntimeError("the fold failed")

    with pytest.raises(RuntimeError):
        snapshots.save(SnapshotKey(1, 1, "l"), {"state": failing()})
    assert list(snapshots.root.iterdir()) == []
    with pytest.raises(UnknownName, match="state"):
        save(snapshots, 1).frame(Engine(), "sate")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def rename_key(path: Path) -> None:
    path.write_text(path.read_text().replace('"seq": 2', '"seq": 3'))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: (folder / "snapshot.json").unlink(),
    "a manifest cut short": lambda folder: truncate(folder / "snapshot.json"),
    "a manifest of nothing": lambda folder: (folder / "snapshot.json").write_text("[]"),
    "a manifest of another": lambda folder: rename_key(folder / "snapshot.json"),
    "a missing file": lambda folder: (folder / "state" / "part-00000.parquet").unlink(),
    "a file cut short": lambda folder: truncate(folder / "state" / "part-00000.parquet"),
    "an empty file": lambda folder: (folder / "state" / "part-00000.parquet").write_bytes(b""),
    "a missing table": lambda folder: shutil.rmtree(folder / "state"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_passed_over_told_and_made_again(snapshots: Snapshots, damage: str) -> None:
    older, newer = save(snapshots, 1, 1), save(snapshots, 2, 2)
    DAMAGES[damage](newer.folder)
    assert snapshots.latest(9, 9, "l") == older
    (broken,) = snapshots.broken()
    assert broken.folder == newer.folder
    assert broken.why
    again = save(snapshots, 2, 2)
    assert snapshots.latest(9, 9, "l") == again
    assert snapshots.prune(9) == 1
    assert snapshots.broken() == ()
    assert snapshots.list() == (older, again)


def test_a_changed_byte_is_found_by_reading_all(snapshots: Snapshots) -> None:
    saved = save(snapshots, 1)
    path = saved.folder / "state" / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    assert not saved.is_sound()


KILLED = """
import sys, time
import polars as pl
from touchline.ledger import SnapshotKey, Snapshots
def frames():
    yield pl.DataFrame({"persona_id": [1]})
    print("half", flush=True)
    time.sleep(60)
Snapshots(sys.argv[1]).save(SnapshotKey(1, 1, "l"), {"state": frames()})
"""


def test_a_killed_save_leaves_no_snapshot(snapshots: Snapshots) -> None:
    writer = subprocess.Popen([sys.executable, "-c", KILLED, str(snapshots.root)], cwd=PROJECT, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"half\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert snapshots.latest(9, 9, "l") is None
    assert len(snapshots.broken()) == 1
    assert save(snapshots, 1) == snapshots.latest(9, 9, "l")
    assert snapshots.prune(1) == 1
    assert len(list(snapshots.root.iterdir())) == 1


def test_pruning_keeps_the_newest_and_the_last_of_each_month(snapshots: Snapshots) -> None:
    days = ["2024-01-10", "2024-01-31", "2024-02-01", "2024-02-29", "2024-03-01", "2024-03-02", "2024-03-03"]
    instants = {day: parse_instant(f"{day}T12:00:00Z") for day in days}
    for at in instants.values():
        save(snapshots, at)
    save(snapshots, 5, layout="other")
    assert snapshots.prune(2, months=3) == 3
    assert [snapshot.key.at for snapshot in snapshots.list()] == [
        5, *(instants[day] for day in ("2024-01-31", "2024-02-29", "2024-03-02", "2024-03-03")),
    ]  # fmt: skip
    assert snapshots.prune(0) == 5
    assert snapshots.list() == ()
