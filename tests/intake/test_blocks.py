"""Rows that were committed and are no longer in the ledger are told of, and nothing else is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger, parquet, purchases, run, stored
from tests.intake.test_events import event
from touchline.intake import accept, blocks, drain, vanished_rows
from touchline.kernel.engines import ENGINES, Engine
from touchline.ledger import Ledger

pytestmark = pytest.mark.usefixtures("database")

Came = Callable[[Path, int], None]


def by_file(folder: Path, number: int) -> None:
    columns = {
        "customer": [f"c{i}" for i in range(10)],
        "at": ["2026-01-02T10:00:00Z"] * 10,
        "amount": [1.0] * 10,
        "words": [f"w{number}"] * 10,
    }
    run(folder, parquet(folder / "file.parquet", columns), purchases(format_="parquet"))


def by_event(folder: Path, number: int) -> None:
    accept([event(10 * number + i) for i in range(10)], received_at=NOW)
    drain(playbook(), ledger(folder), received_at=NOW)


def found(folder: Path, engine: Any = "polars") -> list[tuple[int, int, int]]:
    return vanished_rows(ledger(folder), Engine(engine))


def put_back(folder: Path) -> None:
    """The ledger as it was when it was copied, as from a backup."""
    shutil.rmtree(folder / "ledger")
    shutil.copytree(folder / "copy", folder / "ledger")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("come", [by_file, by_event])
def test_a_ledger_that_has_everything_has_lost_nothing(tmp_path: Path, come: Came, engine: str) -> None:
    ledger(tmp_path)
    assert found(tmp_path, engine) == []
    come(tmp_path, 1)
    come(tmp_path, 2)
    by_event(tmp_path, 3)
    ledger(tmp_path).maintain(whole=True)
    come(tmp_path, 2)
    assert found(tmp_path, engine) == []
    assert stored(tmp_path).height == 30


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("come", [by_file, by_event])
def test_rows_of_a_ledger_put_back_from_a_copy_are_told_of_with_their_numbers(
    tmp_path: Path, come: Came, engine: str
) -> None:
    come(tmp_path, 1)
    shutil.copytree(tmp_path / "ledger", tmp_path / "copy")
    come(tmp_path, 2)
    put_back(tmp_path)
    assert found(tmp_path, engine) == [(11, 10, 0)]
    come(tmp_path, 3)
    assert found(tmp_path, engine) == [(11, 10, 0)], "what comes after does not hide it"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_block_that_lost_some_of_its_rows_is_told_of(tmp_path: Path, engine: str) -> None:
    by_file(tmp_path, 1)
    by_file(tmp_path, 2)
    rows = stored(tmp_path)
    gone = rows.filter(pl.col("seq").is_between(9, 13))["persona_id"].unique().to_list()
    ledger(tmp_path).erase(gone)
    left = stored(tmp_path)["seq"]
    due = [(first, 10, int(left.is_between(first, first + 9).sum())) for first in (1, 11)]
    assert all(count < 10 for _, _, count in due)
    assert found(tmp_path, engine) == due


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_that_are_erased_on_purpose_are_not_told_of_and_others_still_are(tmp_path: Path, engine: str) -> None:
    by_file(tmp_path, 1)
    by_file(tmp_path, 2)
    rows = stored(tmp_path)
    gone = rows.filter(pl.col("seq").is_in([1, 5, 20]))["persona_id"].unique().to_list()
    lost = rows.filter(pl.col("persona_id").is_in(gone))["seq"].to_list()
    assert blocks.erased(lost) == len(lost)
    assert blocks.erased(lost) == 0
    ledger(tmp_path).erase(gone)
    assert found(tmp_path, engine) == []
    left = stored(tmp_path)
    ledger(tmp_path).erase(left["persona_id"].head(1).to_list())
    assert sum(due - there for _, due, there in found(tmp_path, engine)) == left.height - stored(tmp_path).height


@pytest.mark.parametrize("landed", [False, True])
def test_a_block_whose_commit_nobody_saw_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, landed: bool
) -> None:
    by_event(tmp_path, 1)
    real = Ledger.append

    def crash(self: Ledger, rows: Any, *, transaction: Any = None) -> bool:
        if landed:
            real(self, rows, transaction=transaction)
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "append", crash)
    with pytest.raises(KeyboardInterrupt):
        by_event(tmp_path, 2)
    monkeypatch.setattr(Ledger, "append", real)
    assert found(tmp_path) == []
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert stored(tmp_path).height == 20
    assert found(tmp_path) == []


def test_a_block_whose_commit_nobody_saw_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    by_file(tmp_path, 1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE intake_block SET committed = %s", [False])
    assert found(tmp_path) == []
    ledger(tmp_path).erase(stored(tmp_path)["persona_id"].head(1).to_list())
    assert found(tmp_path) == [(1, 10, 9)]


def test_a_dry_run_notes_no_block(tmp_path: Path) -> None:
    columns = {"customer": ["c"], "at": ["2026-01-02T10:00:00Z"], "amount": [1.0], "words": ["w"]}
    run(tmp_path, parquet(tmp_path / "f.parquet", columns), purchases(format_="parquet"), dry_run=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM intake_block")
        assert cursor.fetchone() == (0,)
