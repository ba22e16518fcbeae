"""The benchmarks of intake and of the way to a reservation do what they say, at a size at which their figures mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from touchline.benchmarks import b6_intake, b7_freshness
from touchline.site.entry import open_workspace

KEYS = {"id", "work", "figure", "unit", "reference", "ratio", "peak_mib", "met", "engines"}

pytestmark = pytest.mark.network


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own are for figures; the servers that are measured are processes all the same."""

    def here(work: Callable[..., Mapping[str, Any]], *arguments: object) -> dict[str, Any]:
        return {**work(*arguments), "peak_mib": 0}

    for module in (b6_intake, b7_freshness):
        monkeypatch.setattr(module, "alone", here)
    for name in ("DATABASE_URL", "TOUCHLINE_LEDGER", "TOUCHLINE_WORKSPACE"):
        monkeypatch.setenv(name, "")  # so that what the benchmark does to it is undone
        monkeypatch.delenv(name)


def test_b6_finds_exactly_what_was_acknowledged_on_both_databases() -> None:
    figures = b6_intake.run(open_workspace, seconds=0.3)
    assert set(figures) == KEYS
    assert (figures["id"], figures["met"]) == ("B6", False)
    assert set(figures["engines"]) == {"sqlite", "postgresql"}
    assert figures["reference"] > 0
    for engine in figures["engines"].values():
        assert engine["exact"] is True
        for part in ("single", "batch"):
            assert set(engine[part]["statuses"]) == {200}
            assert engine[part]["events"] > 0


def test_b7_sees_every_reservation_and_every_event_in_the_relationships(tmp_path: Path) -> None:
    figures = b7_freshness.measured(open_workspace, str(tmp_path), "", seconds=0.5, base=20, warm=0.1)
    assert figures["exact"] is True
    assert 0 < figures["p50_s"] <= figures["p95_s"] <= figures["longest_s"] < b7_freshness.PATIENCE
    assert figures["reservations"] >= 30
    assert figures["sustained"] > 0
