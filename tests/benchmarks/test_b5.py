"""The benchmark of the gate does what it says, at a size at which its figures mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from touchline.benchmarks import b5_gate
from touchline.site.entry import open_workspace

KEYS = {"id", "work", "figure", "unit", "reference", "ratio", "peak_mib", "met", "engines"}


@pytest.mark.network
def test_b5_reserves_exactly_for_those_who_may_be_written_to_on_both_databases() -> None:
    figures = b5_gate.run(open_workspace, proposals=400)
    assert set(figures) == KEYS
    assert figures["id"] == "B5"
    assert set(figures["engines"]) == {"sqlite", "postgresql"}
    for engine in figures["engines"].values():
        assert engine["reserved"] == 320
        assert engine["exact"] is True


def test_b5_is_not_met_and_says_so_without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nowhere() -> Iterator[None]:
        yield None

    monkeypatch.setattr(b5_gate, "_schema", nowhere)
    for limit in ("A_SECOND", "SHARE"):
        monkeypatch.setattr(b5_gate, limit, 0)
    figures = b5_gate.run(open_workspace, proposals=200)
    assert figures["met"] is False
    assert "PostgreSQL" in figures["lacks"]
    assert figures["engines"]["sqlite"]["exact"] is True
