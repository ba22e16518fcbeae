"""A workspace that is served for weeks reads its playbook again when it has changed, and only a sound one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workspace.lively import make
from touchline.site.entry import open_workspace
from touchline.team.actors import WORKER
from touchline.workspace import freshness, serving
from touchline.workspace.freshness import Watch
from touchline.workspace.opened import Workspace


@pytest.fixture
def lantern(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(freshness, "LOOKED", 0.0)
    return open_workspace(make(tmp_path / "w", customers=1))


def _write(workspace: Workspace, name: str, text: str) -> None:
    (workspace.settings.root / "playbook" / name).write_text(text, encoding="utf-8")


def test_a_changed_playbook_holds_once_it_has_come_to_rest(lantern: Workspace) -> None:
    watch, other = Watch(lantern), lantern.acting_as(WORKER)
    before = other.playbook, other.plan
    assert not watch.renewed()
    _write(lantern, "stages.yaml", '- {stage: patron, when: "count.bought > 0"}\n- {stage: prospect}\n')
    _write(lantern, "audiences.yaml", "customers: \"stage = 'patron'\"\n")
    assert not watch.renewed(), "it may be written to at this moment"
    assert watch.renewed()
    assert not watch.renewed()
    assert other.playbook is lantern.playbook is not before[0]
    assert other.plan is not before[1]
    assert other.relationships_table(measures=["stage"])["stage"].to_list() == ["patron"]


def test_a_playbook_with_faults_is_not_taken_up_and_the_mended_one_is(
    lantern: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving.use(lantern)
    before = lantern.playbook
    kept = (lantern.settings.root / "playbook" / "audiences.yaml").read_text(encoding="utf-8")
    _write(lantern, "audiences.yaml", "customers: \"stage = 'nobody'\"\n")
    for _ in range(3):
        assert serving.current().playbook is before
    _write(lantern, "audiences.yaml", kept + "\n")
    serving.current()
    assert serving.current().playbook is not before


def test_looks_are_seldom(lantern: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(lantern)
    monkeypatch.setattr(freshness, "LOOKED", 60.0)
    monkeypatch.setattr(freshness, "stamp", lambda _: pytest.fail("a second look within a minute"))
    assert not watch.renewed()
