"""An erased person's word is in no byte that the ledger or its snapshots keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ledger.rows import make_rows
from touchline.kernel.engines import ENGINES, Engine
from touchline.ledger import Ledger, SnapshotKey, Snapshots, maintenance

WORD = "zanzibarquetzal"
PERSONAL = ("identifier", "text", "evidence", "payload")


def places_of(word: str, root: Path) -> set[str]:
    """Every file under the root that holds the word, raw or in a page, a footer or a log entry."""
    found = set()
    for path in (p for p in root.rglob("*") if p.is_file()):
        held = word.encode() in path.read_bytes()
        if path.name.endswith(".parquet") and ".saving-" not in str(path):
            held |= word in str(pq.read_table(path).to_pylist()) or word in str(pq.read_metadata(path).to_dict())
        if held:
            found.add(str(path.relative_to(root)))
    return found


def planted(first: int, persona: int) -> pa.Table:
    """Forty rows, the first of them the persona's own and bearing the word in every personal column."""
    words: dict[str, Any] = {name: [f"{name} {WORD} é"] + [f"{name} other"] * 39 for name in PERSONAL}
    personas = [persona] + [persona + 1 + n % 20 for n in range(39)]
    return make_rows(40, first_seq=first, seed=first, persona_id=personas, **words)


@pytest.mark.parametrize("settled", [False, True])
def test_the_word_of_an_erased_person_is_in_no_file(tmp_path: Path, settled: bool) -> None:
    root = tmp_path / "a"
    ledger = Ledger.create(root)
    for first in (1, 101, 201):
        ledger.append(planted(first, 7))
    if settled:
        ledger.maintain(whole=True)
        ledger.append(planted(301, 7))
    pq.write_table(planted(901, 7), root / "loose-torn.parquet")
    assert len(places_of(WORD, tmp_path)) >= 3
    rows = ledger.count()
    removed = ledger.erase([7])
    assert removed == (4 if settled else 3)
    assert places_of(WORD, tmp_path) == set()
    assert ledger.count() == rows - removed
    assert len(places_of("other", tmp_path)) >= 1


def test_erasing_somebody_else_leaves_the_word(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(planted(1, 7))
    assert ledger.erase([8]) > 0
    assert places_of(WORD, tmp_path) != set()


def test_files_without_the_person_are_not_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "ROWS_A_FILE", 20)
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(3000, personas=300))
    ledger.maintain(whole=True, keep_hours=0)
    before = set(ledger._log.active()["path"])
    assert ledger.erase([1]) > 0
    assert len(before - set(ledger._log.active()["path"])) == 1


def test_erasing_a_whole_file_leaves_none_in_its_place(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "a")
    ledger.append(make_rows(10, persona_id=1))
    ledger.append(make_rows(10, first_seq=11, persona_id=2))
    assert ledger.erase([1]) == 10
    assert len(list((tmp_path / "a").glob("*.parquet"))) == 1
    assert ledger.erase([2]) == 10
    assert list((tmp_path / "a").glob("*.parquet")) == []
    assert ledger.append(make_rows(10, first_seq=21))


@pytest.mark.parametrize("engine_name", ENGINES)
def test_the_word_is_in_no_snapshot_either(tmp_path: Path, engine_name: str) -> None:
    snapshots = Snapshots(tmp_path / "snapshots")
    engine = Engine(engine_name)
    state = pl.DataFrame({"persona_id": [1, 2, 3], "told": ["a", WORD, "b"]})
    others = pl.DataFrame({"persona_id": [8, 9], "told": ["c", "d"]})
    snapshots.save(SnapshotKey(1, 10, "l"), {"state": [engine.lazy(state), engine.lazy(others)], "slice": state})
    snapshots.save(SnapshotKey(1, 10, "m"), {"state": others})
    snapshots.save(SnapshotKey(2, 20, "l"), {"by_word": pl.DataFrame({"told": [WORD], "n": [1]})})
    torn = tmp_path / "snapshots" / ".saving-torn"
    torn.mkdir()
    (torn / "part.parquet").write_bytes(WORD.encode())
    assert len(places_of(WORD, tmp_path)) == 4
    assert snapshots.erase([2]) == 3
    assert places_of(WORD, tmp_path) == set()
    assert [snapshot.key for snapshot in snapshots.list()] == [SnapshotKey(1, 10, "l"), SnapshotKey(1, 10, "m")]
    assert snapshots.broken() == ()
    kept = snapshots.list()[0]
    assert kept.is_sound()
    assert sorted(engine.collect(kept.frame(engine, "state"))["persona_id"]) == [1, 3, 8, 9]
    assert sorted(engine.collect(kept.frame(engine, "slice"))["persona_id"]) == [1, 3]
