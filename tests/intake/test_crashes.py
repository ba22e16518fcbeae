"""A process that is killed at any step, and another that goes on, lose nothing and double nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import polars as pl
import pytest

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger, parquet, purchases, run, stored
from tests.intake.killed import STEPS, main
from tests.intake.test_events import event
from tests.processes import Started
from touchline.intake import accept, drain, waiting
from touchline.kernel.ids import interaction_id
from touchline.recognition import people
from touchline.recognition.administration import customers_rebuilt


def killed(folder: Path, what: str, step: str, times: int) -> None:
    """Run it in another process and see it die of the signal."""
    other = Started(main, folder, what, step, times)
    assert other.ended() == -signal.SIGKILL, other.said()


@pytest.mark.parametrize("step", STEPS)
def test_a_drain_killed_at_any_step_loses_and_doubles_nothing(database: Path, tmp_path: Path, step: str) -> None:
    book, table = playbook(), ledger(tmp_path)
    events = [
        event(20, "Rated", properties={"score": 1, "about": "interaction:m30"}),
        event(21, properties={"total": "bad"}),
    ]
    events += [event(i, type_="identify", user=f"u{i % 5}", anonymousId=f"a{i % 7}", traits={}) for i in range(10)]
    accept(events, received_at=NOW)
    accept([event(30, "Asked", properties={"ticket": "t"}), *(event(i) for i in range(31, 40))], received_at=NOW)
    killed(tmp_path, "drain", step, 2)
    drain(book, table, received_at=NOW)
    rows = stored(tmp_path)
    assert waiting() == 0
    assert rows["id"].is_unique().all()
    assert rows["seq"].is_unique().all()
    wanted = {interaction_id("segment", f"m{i}") for i in (*range(10), 20, *range(30, 40))}
    assert set(rows.filter(pl.col("source") == "segment")["id"]) == wanted
    assert rows.filter(pl.col("source") == "completion")["emotional"].to_list() == [-1.0]
    known = people()
    told = customers_rebuilt(known["persona_id"], rows.select("kind", "payload"))
    assert dict(told.select("persona_id", "customer").rows()) == dict(known.select("persona_id", "customer").rows()), (
        "every link is told"
    )


@pytest.mark.parametrize(("step", "times"), [("before the commit", 4), ("after the commit", 4)])
def test_an_import_killed_midway_and_run_again_is_the_one_that_never_was(
    database: Path, tmp_path: Path, step: str, times: int
) -> None:
    n = 1_000
    columns = {
        "customer": [f"c{i % 90}" for i in range(n)],
        "at": ["2026-01-02T10:00:00Z"] * n,
        "amount": [float(i % 4) for i in range(n)],
        "words": [f"w{i % 150}" for i in range(n)],
    }
    file = parquet(tmp_path / "file.parquet", columns)
    ledger(tmp_path)
    killed(tmp_path, "import", step, times)
    before = len(stored(tmp_path))
    assert 0 < before < n
    again = run(tmp_path, file, purchases(format_="parquet", occurrence=True))
    assert (again.accepted, again.duplicates, again.customers) == (n - before, before, 90)
    whole = tmp_path / "whole"
    whole.mkdir()
    run(whole, file, purchases(format_="parquet", occurrence=True))
    assert set(stored(tmp_path)["id"]) == set(stored(whole)["id"])
    assert len(stored(tmp_path)) == n
    assert stored(tmp_path)["seq"].is_unique().all()
