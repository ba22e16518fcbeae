"""What only the table in a folder can show: Delta's log, statistics, several processes, killed ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.ledger.rows import make_rows
from touchline.interactions import row
from touchline.kernel.engines import Engine
from touchline.kernel.errors import LedgerFault
from touchline.ledger import Ledger
from touchline.ledger.files import STATISTICS, row_groups

PROJECT = Path(__file__).parents[2]


def all_seqs(ledger: Ledger) -> list[int]:
    engine = Engine()
    return sorted(engine.collect(ledger.frame(engine, ["seq"]))["seq"])


def listed(root: Path) -> dict[str, list[object]]:
    """The add-actions that stand, by column."""
    return dict(pa.table(DeltaTable(str(root)).get_add_actions(flatten=True)).to_pydict())


def test_a_ledger_is_made_once_and_opened_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(LedgerFault, match="no table"):
        Ledger.open(tmp_path / "a")
    Ledger.create(tmp_path / "deep" / "er" / "a").append(make_rows(3))
    with pytest.raises(LedgerFault, match="already"):
        Ledger.create(tmp_path / "deep" / "er" / "a")
    assert all_seqs(Ledger.open(str(tmp_path / "deep" / "er" / "a"))) == [1, 2, 3]


def test_a_table_of_other_columns_is_refused(tmp_path: Path) -> None:
    write_deltalake(str(tmp_path / "a"), make_rows(2).select(["seq", "id"]))
    with pytest.raises(LedgerFault, match="other columns"):
        Ledger.open(tmp_path / "a")


def test_a_file_url_is_the_same_folder(tmp_path: Path) -> None:
    Ledger.create(f"file://{tmp_path}/a").append(make_rows(3))
    assert Ledger.open(tmp_path / "a").count() == 3


def test_other_delta_readers_see_the_same_rows(tmp_path: Path) -> None:
    rows = make_rows(500, text="hello")
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(rows)
    ledger.maintain(whole=True)
    theirs = pl.scan_delta(str(tmp_path / "a")).sort("seq").collect()
    assert theirs.to_dicts() == rows.to_pylist()
    assert DeltaTable(str(tmp_path / "a")).count() == 500


def test_statistics_are_kept_of_no_personal_column(tmp_path: Path) -> None:
    assert not row.PERSONAL & set(STATISTICS)
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(200, identifier="a@b.example", text="said", evidence="{}", payload="{}"))
    ledger.maintain(whole=True)
    ledger.append(make_rows(200, first_seq=201, identifier="a@b.example"))
    for file in (tmp_path / "a").glob("*.parquet"):
        groups = pq.read_metadata(file)
        for group in range(groups.num_row_groups):
            for number in range(groups.num_columns):
                column = groups.row_group(group).column(number)
                assert (column.statistics is not None) == (column.path_in_schema in STATISTICS)
    assert {name.partition(".")[2] for name in listed(tmp_path / "a") if name.startswith("min.")} == set(STATISTICS)
    for log in (tmp_path / "a" / "_delta_log").glob("*.json"):
        assert b"a@b.example" not in log.read_bytes()


def test_what_other_programs_append_is_read_and_has_no_personal_statistics(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(20))
    write_deltalake(str(tmp_path / "a"), make_rows(20, first_seq=21, text="foreign"), mode="append")
    assert all_seqs(ledger) == list(range(1, 41))
    assert not any(name.endswith((".text", ".payload", ".identifier", ".evidence")) for name in listed(tmp_path / "a"))
    ledger.maintain(whole=True, keep_hours=0)
    assert all_seqs(ledger) == list(range(1, 41))


def test_a_file_without_statistics_is_always_read(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    table = DeltaTable(str(tmp_path / "a"))
    table.alter.set_table_properties({"delta.dataSkippingStatsColumns": "seq"})
    write_deltalake(str(tmp_path / "a"), make_rows(50), mode="append")
    ledger.append(make_rows(50, first_seq=51))
    engine = Engine()
    found = engine.collect(ledger.frame(engine, ["seq"], buckets=range(64), sources=["test"]))
    assert sorted(found["seq"]) == list(range(1, 101))
    assert ledger.seq_known_at(0) == 0


def test_a_reader_of_the_tail_opens_the_last_files_only(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    for batch in range(4):
        ledger.append(make_rows(50, first_seq=1 + 50 * batch, occurred_at=1000 + batch))
    old = {path.name for path in (tmp_path / "a").glob("*.parquet")}
    ledger.append(make_rows(50, first_seq=201, occurred_at=1003))
    for name in old:
        (tmp_path / "a" / name).unlink()
    engine = Engine()
    for bounds in ({"seq_after": 200}, {"beyond": (200, 1003)}):
        assert engine.collect(ledger.frame(engine, ["seq"], **bounds)).height == 50


def test_rows_lie_in_order_and_row_groups_hold_whole_buckets(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(90_000, personas=5000))
    (file,) = (tmp_path / "a").glob("*.parquet")
    key = ["bucket", "persona_id", "occurred_at"]
    rows = pl.read_parquet(file, columns=key)
    assert rows.equals(rows.sort(key))
    metadata = pq.read_metadata(file)
    number = metadata.schema.names.index("bucket")
    bounds = [metadata.row_group(g).column(number).statistics for g in range(metadata.num_row_groups)]
    assert len(bounds) > 1
    assert all(before.max < after.min for before, after in pairwise(bounds))


def test_row_groups_cover_every_row_once() -> None:
    for counts in ([1], [0, 200_000, 0, 3], [10_000] * 64, [131_072, 131_073, 1], [5] * 64):
        buckets = pl.Series([b for b, n in enumerate(counts) for _ in range(n)], dtype=pl.Int16).to_numpy()
        groups = list(row_groups(buckets))
        assert groups[0][0] == 0
        assert groups[-1][1] == len(buckets)
        assert all(before[1] == after[0] for before, after in pairwise(groups))
        assert all(0 < end - start <= 131_072 for start, end in groups)


def test_two_handles_cannot_land_one_batch_twice(tmp_path: Path) -> None:
    Ledger.create(tmp_path / "a")
    handles = [Ledger.open(tmp_path / "a") for _ in range(4)]
    landed: list[bool] = []

    def drain(ledger: Ledger) -> None:
        rows = (make_rows(20, first_seq=1 + 20 * batch) for batch in range(10))
        landed.extend(ledger.append(part, transaction=("drain", batch)) for batch, part in enumerate(rows))

    threads = [threading.Thread(target=drain, args=(ledger,)) for ledger in handles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(landed) == 10
    assert all_seqs(handles[0]) == list(range(1, 201))
    assert {path.name for path in (tmp_path / "a").glob("*.parquet")} == set(listed(tmp_path / "a")["path"])


WRITER = """
import sys
from tests.ledger.rows import make_rows
from touchline.ledger import Ledger
root, application, first, batches, size = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
ledger = Ledger.open(root)
print("ready", flush=True)
for batch in range(batches):
    rows = make_rows(size, first_seq=first + batch * size, id_prefix=application)
    ledger.append(rows, transaction=(application, batch + 1))
    print(batch + 1, flush=True)
"""


def start_writer(root: Path, application: str, first: int, batches: int, size: int) -> subprocess.Popen[str]:
    arguments = [str(root), application, str(first), str(batches), str(size)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_append_at_once_both_land(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    writers = [start_writer(tmp_path / "a", name, 1 + number * 1000, 10, 100) for number, name in enumerate("bc")]
    for _ in range(3):
        ledger.maintain(whole=True)
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    ledger.maintain(whole=True, keep_hours=0)
    assert all_seqs(ledger) == list(range(1, 2001))
    assert (ledger.last_transaction("b"), ledger.last_transaction("c")) == (10, 10)


@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_writer_leaves_whole_batches_and_nothing_else_counts(tmp_path: Path, after: int) -> None:
    ledger = Ledger.create(tmp_path / "a")
    writer = start_writer(tmp_path / "a", "drain", 1, 10_000, 3000)
    assert writer.stdout is not None
    while writer.stdout.readline().strip() != str(after):
        pass
    # Small delays of another length each time, so that over many runs the kill falls on every part of an append.
    time.sleep((os.getpid() + time.time_ns() // 1000) % 40 / 1000)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    engine = Engine()
    rows = engine.collect(ledger.frame(engine, ["seq", "id"]))
    last = ledger.last_transaction("drain")
    assert last is not None
    assert last >= after
    assert sorted(rows["seq"]) == list(range(1, last * 3000 + 1))
    assert rows["id"].n_unique() == rows.height
    assert not ledger.append(make_rows(3000, first_seq=1), transaction=("drain", last))
    assert ledger.append(make_rows(3000, first_seq=1 + last * 3000), transaction=("drain", last + 1))
    assert ledger.count() == (last + 1) * 3000


def test_a_file_whose_commit_never_came_is_not_read_and_is_swept(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(10))
    orphan, torn = tmp_path / "a" / "loose-orphan.parquet", tmp_path / "a" / "loose-torn.parquet"
    pq.write_table(make_rows(5, first_seq=100), orphan)
    torn.write_bytes(orphan.read_bytes()[:1000])
    assert all_seqs(ledger) == list(range(1, 11))
    ledger.maintain(keep_hours=24)
    assert orphan.exists()
    ledger.maintain(keep_hours=0)
    assert not orphan.exists()
    assert not torn.exists()
    assert all_seqs(ledger) == list(range(1, 11))


def test_a_sweep_waits_for_the_file_that_is_about_to_be_committed(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    other = Ledger.open(tmp_path / "a")
    ledger.append(make_rows(10, personas=3))
    swept = threading.Thread(target=other.erase, args=([1],))
    with ledger._log.latch.shared():
        orphan = tmp_path / "a" / "loose-underway.parquet"
        pq.write_table(make_rows(5, first_seq=100), orphan)
        swept.start()
        time.sleep(0.3)
        assert orphan.exists()
    swept.join()
    assert not orphan.exists()


def test_every_commit_says_which_rows_it_brought(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(10), transaction=("drain", 4))
    log = max((tmp_path / "a" / "_delta_log").glob("*.json")).read_text().splitlines()
    (transaction,) = [json.loads(line)["txn"] for line in log if '"txn"' in line]
    (info,) = [json.loads(line)["commitInfo"] for line in log if '"commitInfo"' in line]
    assert (transaction["appId"], transaction["version"]) == ("drain", 4)
    assert info["touchline"] == {"operation": "append", "rows": 10, "seq": [1, 10], "transaction": ["drain", 4]}
