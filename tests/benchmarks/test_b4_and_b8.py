"""The benchmarks of deciding do what they say: every policy at work, one answer on each engine and by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from touchline.benchmarks import b4_decide, b8_audience, relationships
from touchline.benchmarks.process import alone
from touchline.decision.plan import compile_plan
from touchline.decision.rules import POLICIES
from touchline.kernel.engines import ENGINES


def base(folder: Path) -> list[str]:
    authored = relationships.playbook()
    return relationships.write(folder, compile_plan(authored).measures, authored.measures, customers=3000)


def test_both_engines_count_the_same_decision_of_every_policy(tmp_path: Path) -> None:
    paths = base(tmp_path)
    polars, duckdb = (b4_decide.work(name, paths, 1)["summary"] for name in ENGINES)
    assert polars == duckdb
    assert polars["customers"] == 3000
    assert 0 < polars["decided"] < 3000
    assert len([talk for talk, n in polars["by_conversation"].items() if n]) > 10
    working = {
        name.partition(".")[0] if name.startswith(("cap.", "own.")) else name for name, n in polars["held"].items() if n
    }
    # The benchmark's instant is a working day's morning.
    assert working == {policy.name for policy in POLICIES} - {"quiet_hours"}


@pytest.mark.parametrize(
    ("missed", "met"),
    [
        ({}, True),
        ({("polars", 0): {"seconds": 2.0}}, False),
        ({("duckdb", 0): {"seconds": 5.0}}, False),
        ({("polars", 10): {"seconds": 2.0}}, False),
        ({("duckdb", 10): {"seconds": 5.0}}, False),
        ({("duckdb", 10): {"summary": {"customers": 1}}}, False),
    ],
)
def test_the_benchmark_is_met_only_where_it_is_with_programmes_too(
    missed: dict[tuple[str, int], dict[str, Any]], met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alone(
        work: Callable[..., Any], name: str, paths: Sequence[str], times: int = 1, programmes: int = 0
    ) -> dict[str, Any]:
        return {"seconds": 1.0, "scan": 1.0, "summary": {}, "peak_mib": 1.0} | missed.get((name, programmes), {})

    monkeypatch.setattr(b4_decide, "alone", alone)
    monkeypatch.setattr(relationships, "write", lambda *given, **named: [])
    told = b4_decide.run()
    assert told["met"] is met
    assert told["programmes"]["met"] is (met or not any(programmes for _, programmes in missed))


def test_the_condition_by_hand_is_the_same_condition(tmp_path: Path) -> None:
    types = relationships.playbook().measures
    paths = relationships.write(tmp_path, b8_audience.MEASURES, types, customers=3000)
    found = [b8_audience.work(name, paths, 1) for name in ENGINES]
    assert found[0]["counts"] == found[1]["counts"] == found[0]["counts_by_hand"]
    assert all(0 < n < 3000 for n in found[0]["counts"])


def test_a_process_of_its_own_tells_its_memory(tmp_path: Path) -> None:
    figures = alone(b4_decide.work, "polars", base(tmp_path), 1)
    assert figures["peak_mib"] > 0
    assert figures["scan"] > 0
