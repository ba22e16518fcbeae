"""The benchmarks of bringing in, folding and refreshing do what they say, at a size at which their figures mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from touchline.benchmarks import b1_import, b2_fold, b3_refresh, population
from touchline.kernel.engines import ENGINES
from touchline.ledger import Ledger
from touchline.ledger.snapshots import Snapshots
from touchline.relationship.layout import Layout
from touchline.site.entry import open_workspace

KEYS = {"id", "work", "figure", "unit", "reference", "ratio", "peak_mib", "met", "engines"}
"""What every benchmark tells."""


def _here(work: Callable[..., Mapping[str, Any]], *arguments: object) -> dict[str, Any]:
    """As `process.alone`, in this process: starting dozens of others would take a minute and show nothing new."""
    return {**work(*arguments), "peak_mib": 1}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A population in two files, worked on in this process and once only."""
    monkeypatch.setattr(population, "BUCKETS", 2)
    for benchmark in (b2_fold, b3_refresh):
        monkeypatch.setattr(benchmark, "alone", _here)
    monkeypatch.setattr(b3_refresh, "TIMES", 1)


def test_b1_brings_every_interaction_in_and_tells_all_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Mapping[str, Any]] = {}

    def listening(work: Callable[..., Mapping[str, Any]], *arguments: object) -> Mapping[str, Any]:
        told[work.__name__] = alone(work, *arguments)
        return told[work.__name__]

    alone = b1_import.alone
    monkeypatch.setattr(b1_import, "alone", listening)
    # Whatever the caller works on must be left alone by the process that measures.
    monkeypatch.setenv("TOUCHLINE_LEDGER", str(tmp_path / "of_the_caller"))
    figures = b1_import.run(open_workspace, interactions=3000, customers=300)
    assert set(figures) == KEYS
    assert figures["id"] == "B1"
    assert figures["unit"] == "s"
    assert figures["work"].startswith("3,000 interactions of 300 customers")
    assert told["imported"]["accepted"] == 3000
    # Drawn 3000 times out of 300, a customer stays away with probability e^-10.
    assert 295 <= told["imported"]["known"] <= 300
    assert figures["peak_mib"] == figures["engines"]["polars"]["peak_mib"] == told["imported"]["peak_mib"] > 0
    assert set(figures["engines"]["polars"]) == {"seconds", "peak_mib", "rows_a_second"}
    assert not (tmp_path / "of_the_caller").exists()


@pytest.mark.usefixtures("small")
def test_b2_folds_the_same_on_each_engine_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(b2_fold, "LIMITS", dict.fromkeys(ENGINES, 1e9))
    figures = b2_fold.run(interactions=3000, customers=300)
    assert set(figures) == KEYS
    assert figures["id"] == "B2"
    assert figures["work"].startswith("3,000 interactions folded into 300 relationships")
    assert set(figures["engines"]) == set(ENGINES)
    for engine in figures["engines"].values():
        assert set(engine) == {"seconds", "peak_mib", "same", "ratio"}
        assert engine["same"] is True
    assert figures["met"] is True


@pytest.mark.usefixtures("small")
def test_b2_is_not_met_by_an_engine_that_folds_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(b2_fold, "LIMITS", dict.fromkeys(ENGINES, 1e9))
    fold = b2_fold.by_hand
    monkeypatch.setattr(b2_fold, "by_hand", lambda paths, target: fold(paths[:1], target))
    figures = b2_fold.run(interactions=300, customers=30)
    assert not any(engine["same"] for engine in figures["engines"].values())
    assert figures["met"] is False


@pytest.mark.usefixtures("small")
def test_b3_tells_each_way_of_refreshing_before_and_after_ten_times_the_history() -> None:
    figures = b3_refresh.run(customers=3000, new=30)
    assert set(figures) == KEYS | {"resident", "touched"}
    assert figures["id"] == "B3"
    assert figures["work"].startswith("30 interactions on 3,000 customers of ")
    assert set(figures["engines"]) == set(ENGINES)
    for engine in figures["engines"].values():
        assert set(engine) == {"stored", "after_ten_times", "ratio", "peak_mib"}
    assert set(figures["resident"]) == set(figures["touched"]) == {"short", "long"}


@pytest.mark.usefixtures("small")
def test_b3_stands_on_a_snapshot_of_the_history_and_a_ledger_of_what_is_new(tmp_path: Path) -> None:
    told = b3_refresh.prepare(tmp_path, 1, 3000, 30)
    layout = Layout.of(b3_refresh.playbook())
    assert told == {"columns": len(layout.slots)}
    ledger = Ledger.open(tmp_path / "ledger")
    history = 2 * 3000  # two interactions of each customer in a year
    assert ledger.count() == 30
    assert ledger.last_seq() == history + 30
    snapshot = Snapshots(tmp_path / "snapshots").latest(b3_refresh.AT, ledger.last_seq(), layout.digest)
    assert snapshot is not None
    assert (snapshot.key.seq, snapshot.key.at) == (history, population.END)
