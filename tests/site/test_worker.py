"""The worker process of the service: its turns, measured; in a world that stands still, only when something has come in."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from touchline.intake import buffer
from touchline.kernel.times import FixedClock
from touchline.site import logs, metrics
from touchline.site.worker import Turns, work
from touchline.team import audit
from touchline.workspace import worldly
from touchline.workspace.opened import Workspace
from touchline.workspace.running import FAILED
from touchline.workspace.worldly import followed


class UntilDrained(Turns):
    """Stops once everything that came in is in the ledger."""

    def tell(self, what: str, done: int, of: int | None, unit: str) -> None:
        super().tell(what, done, of, unit)
        if not buffer.waiting():
            self.stopped.set()


def _value(name: str, **labels: str) -> float:
    found = metrics._registry.get_sample_value(name, labels)
    return found or 0.0


def test_in_a_world_the_worker_takes_up_what_comes_in(company: Workspace) -> None:
    now = company.clock.now()
    event = {"type": "track", "messageId": "of the worker's test", "userId": "nobody yet", "event": "Seen"}
    assert buffer.accept([event], received_at=now).accepted == 1
    before = _value("touchline_turn_seconds_count")
    work(company, UntilDrained())
    assert buffer.waiting() == 0
    assert _value("touchline_turn_seconds_count") > before
    (entry, *_) = audit.entries(operation="run", limit=1)
    assert entry.actor_kind == "worker"
    assert company.clock.now() == now, "time stands still"


def test_elsewhere_the_worker_runs_until_it_is_told_to_stop(office: Workspace) -> None:
    event = {"type": "track", "messageId": "m1", "userId": "u1", "event": "Seen"}
    assert buffer.accept([event], received_at=office.clock.now()).accepted == 1
    work(office, UntilDrained())
    assert office.ledger.count() > 0


def test_a_turn_that_fails_is_counted_and_logged_without_its_words(
    office: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from touchline.workspace import importing, running

    turns = Turns()

    def broken(_: object) -> None:
        turns.stopped.set()
        raise ValueError("ada@lantern.example")

    monkeypatch.setattr(importing, "catch_up", broken)
    monkeypatch.setattr(running, "PAUSE", 0.0)
    monkeypatch.setattr(logging.getLogger("touchline"), "propagate", True)
    before = _value("touchline_turn_faults_total", fault="ValueError")
    with caplog.at_level("ERROR", logger="touchline.worker"):
        work(office, turns)
    assert _value("touchline_turn_faults_total", fault="ValueError") == before + 1
    (record,) = (each for each in caplog.records if each.name == "touchline.worker")
    line = logs.Lines().format(record)
    assert json.loads(line)["fault"] == "ValueError"
    assert "ada@" not in line
    assert FAILED == "failed: "


def test_a_followed_clock_stands_where_the_world_does(company: Workspace) -> None:
    clock = followed(company.settings)
    assert clock is not None
    assert clock.now() == company.clock.now()
    file = company.settings.world / worldly.CLOCK
    kept = file.read_text(encoding="utf-8")
    try:
        draft = file.with_name(".moved")
        draft.write_text(json.dumps({"now": clock.now() + 5, "seen": 0}), encoding="utf-8")
        draft.replace(file)
        assert clock.now() == company.clock.now() + 5
        file.unlink()
        assert clock.now() == company.clock.now() + 5, "while the file is replaced, it stands where it stood"
    finally:
        file.write_text(kept, encoding="utf-8")
    assert isinstance(clock, FixedClock)


def test_outside_of_a_world_no_clock_is_followed(office: Workspace) -> None:
    assert followed(office.settings) is None


def test_the_worker_goes_on_with_a_changed_playbook(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from touchline.workspace import freshness, running

    monkeypatch.setattr(freshness, "LOOKED", 0.0)
    monkeypatch.setattr(running, "PAUSE", 0.0)
    before = office.playbook
    stages = office.settings.root / "playbook" / "stages.yaml"

    class UntilTaken(Turns):
        def tell(self, what: str, done: int, of: int | None, unit: str) -> None:
            super().tell(what, done, of, unit)
            if office.playbook is not before or done > 200:
                self.stopped.set()

    stages.write_text(stages.read_text(encoding="utf-8") + "\n# told apart\n", encoding="utf-8")
    turns = UntilTaken()
    monkeypatch.setattr(freshness, "stamp", _once_before(freshness.stamp))
    work(office, turns)
    assert office.playbook is not before
    assert len(audit.entries(operation="run")) == 2, "one run for each playbook"


def _once_before(stamp: Any) -> Any:
    """The state before the change at the first look, then as it is."""
    looks: list[int] = []

    def looked(root: Path) -> Any:
        looks.append(1)
        return frozenset() if len(looks) == 1 else stamp(root)

    return looked
