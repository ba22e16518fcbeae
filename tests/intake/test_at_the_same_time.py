"""Several processes bring things in at the same time, and each thing is stored once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger, parquet, purchases, run, stored
from tests.intake.importing import main
from tests.processes import Started, barrier, queue
from touchline.intake import drain, vanished_rows
from touchline.intake.turns import importing
from touchline.kernel.engines import Engine

LINES = 3_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    columns = {
        "customer": [f"c{i % 90}" for i in range(LINES)],
        "at": ["2026-01-02T10:00:00Z"] * LINES,
        "amount": [float(i % 4) for i in range(LINES)],
        "words": [f"w{i % 150}" for i in range(LINES)],
    }
    ledger(tmp_path)
    return parquet(tmp_path / "file.parquet", columns)


def together(folder: Path, sources: Sequence[str]) -> list[tuple[int, int]]:
    """(accepted, duplicates) of processes that begin their imports at the same time, the smaller first."""
    begin, done = barrier(len(sources)), queue()
    running = [Started(main, folder, source, begin, done) for source in sources]
    told = sorted(done.get(timeout=120) for _ in running)
    for one in running:
        one.well()
    return told


def test_two_processes_that_import_one_file_at_once_store_it_once(database: Path, tmp_path: Path, file: Path) -> None:
    assert together(tmp_path, ["shop", "shop"]) == [(0, LINES), (LINES, 0)]
    rows = stored(tmp_path)
    assert rows.height == rows["id"].n_unique() == rows["seq"].n_unique() == LINES
    assert vanished_rows(ledger(tmp_path), Engine("polars")) == []


def test_two_processes_that_import_different_sources_at_once_store_both(
    database: Path, tmp_path: Path, file: Path
) -> None:
    assert together(tmp_path, ["shop", "branch"]) == [(LINES, 0), (LINES, 0)]
    rows = stored(tmp_path)
    assert dict(rows["source"].value_counts().iter_rows()) == {"shop": LINES, "branch": LINES}
    assert rows["id"].is_unique().all()
    assert rows["seq"].is_unique().all()


def test_an_import_waits_for_another_thread_of_the_same_source_only(database: Path, tmp_path: Path, file: Path) -> None:
    from django.db import connection

    done: list[str] = []

    def imports(source: str) -> None:
        run(tmp_path, file, purchases(name=source, format_="parquet"))
        done.append(source)
        connection.close()

    threads = [threading.Thread(target=imports, args=(source,)) for source in ("shop", "branch")]
    with importing("shop"):
        for one in threads:
            one.start()
        threads[1].join()
        assert done == ["branch"]
    threads[0].join()
    assert done == ["branch", "shop"]


def test_an_import_that_fails_lets_the_next_one_in(database: Path, tmp_path: Path, file: Path) -> None:
    def broken(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, file, purchases(format_="parquet", occurrence=True), progress=broken)
    run(tmp_path, file, purchases(format_="parquet", occurrence=True))
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert stored(tmp_path).filter(pl.col("source") == "shop").height == LINES


@pytest.mark.network
def test_on_postgresql_too_one_file_is_stored_once(postgres: str, tmp_path: Path, file: Path) -> None:
    from django.db import connection

    told: list[tuple[int, int]] = []

    def imports() -> None:
        result = run(tmp_path, file, purchases(format_="parquet", occurrence=True))
        told.append((result.accepted, result.duplicates))
        connection.close()

    threads = [threading.Thread(target=imports) for _ in range(2)]
    with importing("shop"):
        for one in threads:
            one.start()
        threads[0].join(1)
        assert told == [], "the lock is held here"
    for one in threads:
        one.join()
    assert told == [(LINES, 0), (0, LINES)]
    assert stored(tmp_path)["seq"].is_unique().all()
    assert vanished_rows(ledger(tmp_path), Engine("polars")) == []
