"""The chief paths of each role in a real browser: what they come for is there, nothing is amiss on the way, and pictures are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.console import walk
from tests.console.walker import CHROMIUM, chromium, served
from touchline.delivery.models import Message
from touchline.kernel.times import HOUR
from touchline.team.models import User
from touchline.workspace import rehearsing, uploads
from touchline.workspace.opened import Workspace

pytestmark = pytest.mark.network


@pytest.fixture
def cast(company: Workspace, monkeypatch: pytest.MonkeyPatch) -> walk.Cast:
    """The team, a day whose calls are still to be made, a message that quiet hours hold; files are worked on within the answer."""
    pytest.importorskip("playwright.sync_api")
    pytest.importorskip("axe_playwright_python.sync_playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")

    def begin(_settings: Any, command: Sequence[str], _lock: int) -> None:
        member = User.objects.get(pk=int(command[-1]))
        uploads.work(company.acting_as(member.actor), int(command[-3]), command[-2])

    monkeypatch.setattr(uploads, "_begin", begin)
    walk.staff(company)
    if not company.calls():
        rehearsing.forward(company, 1, calls_wait=True)
    held = Message.objects.filter(channel="email").order_by("message_id")[0]
    due = company.clock.now() + HOUR
    Message.objects.filter(message_id=held.message_id).update(state="held", reason="quiet_hours", due_at=due)
    return walk.cast_of(company)


@pytest.mark.parametrize("roles", [("viewer", "marketer", "admin"), ("agent",)], ids="-".join)
def test_each_role_finds_what_it_comes_for(
    company: Workspace, cast: walk.Cast, tmp_path: Path, roles: tuple[str, ...]
) -> None:
    with served() as base, chromium() as browser:
        done = walk.walked(browser, base, cast, roles, tmp_path)
    assert [fault for one in done for fault in one.faults] == []
    made = [name for one in done for name in one.pictures]
    assert sorted(made) == sorted({path.name for path in tmp_path.iterdir()})
    assert min((tmp_path / name).stat().st_size for name in made) > 10_000
