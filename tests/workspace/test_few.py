"""A few customers are read row by row, all by frames: both say the same of everybody."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.workspace import lively
from touchline.kernel.times import FixedClock
from touchline.relationship import few
from touchline.site.entry import open_workspace


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
def test_every_measure_of_a_few_is_what_the_frames_say(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHLINE_ENGINE", engine)
    root = lively.make(tmp_path / "w", customers=6, programme=True)
    workspace = open_workspace(root, FixedClock(lively.NOW))
    workspace.merge(["u1", "u2"], why="one person")
    workspace.run(until_idle=True, senders={})  # reservations wait, steps and arms are written
    customers = workspace.people()["customer"].unique().to_list()
    names = workspace.plan.measures if engine == "duckdb" else None

    def told() -> pl.DataFrame:
        frame = workspace.relationships(measures=names, customers=customers)
        return workspace.engine.collect(frame).sort("customer")

    row_by_row = told()
    monkeypatch.setattr(few, "FEW", 0)
    by_frames = told()
    assert row_by_row.schema == by_frames.schema
    assert row_by_row.height == 5
    numbers = [name for name, dtype in by_frames.schema.items() if dtype == pl.Float64]
    assert row_by_row.drop(numbers).equals(by_frames.drop(numbers))
    for name in numbers:
        one, other = row_by_row[name], by_frames[name]
        assert one.is_null().equals(other.is_null()), name
        assert one.drop_nulls().to_list() == pytest.approx(other.drop_nulls().to_list(), rel=1e-9, abs=1e-9), name


def test_so_many_rows_that_they_take_longer_are_left_to_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lively.make(tmp_path / "w", customers=2)
    workspace = open_workspace(root, FixedClock(lively.NOW))
    monkeypatch.setattr(few, "MOST_ROWS", 1)
    monkeypatch.setattr(few, "relationships", None)  # whoever asked it would break
    some = workspace.people()["customer"].to_list()
    assert workspace.engine.collect(workspace.relationships(measures=["stage"], customers=some)).height == 2


def test_a_condition_that_names_no_measure_is_one_for_everybody(tmp_path: Path) -> None:
    root = lively.make(tmp_path / "w", customers=2)
    workspace = open_workspace(root, FixedClock(lively.NOW))
    assert workspace.relationships_table(where="TRUE", measures=["stage"]).height == 2
    assert workspace.relationships_table(where="1 > 2", measures=["stage"]).height == 0
