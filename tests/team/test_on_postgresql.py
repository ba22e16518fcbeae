"""The team on PostgreSQL: the same verbs, and failed sign-ins that several processes count together."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache, caches

from touchline import playbook
from touchline.site import place
from touchline.site.entry import open_workspace
from touchline.team import audit, invitations, keys, members
from touchline.team.members import TeamFault


@pytest.mark.network
def test_people_keys_and_audit_are_the_same(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_passwords: None
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    office = open_workspace(playbook.new(tmp_path / "w", "blank"))
    link = invitations.first().token
    user = invitations.take_up(link, name="Ada", password="a long enough password", email="Ada@lantern.example")
    assert members.has_admin()
    made = office.acting_as(user.actor).create_key("shop", "write")
    actor = keys.verify(made.key, "write")
    assert actor is not None
    assert actor.id == made.id
    with pytest.raises(TeamFault):
        office.set_role("ada@lantern.example", "viewer")
    assert [(entry.operation, entry.actor_name) for entry in audit.entries()] == [
        ("keys.create", "Ada"), ("team.join", "Ada"),
    ]  # fmt: skip


@pytest.mark.network
def test_processes_count_failed_sign_ins_in_the_database(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    for name in ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "CACHES"):
        monkeypatch.setattr(settings, name, getattr(settings, name))
    office = open_workspace(playbook.new(tmp_path / "w", "blank"))
    place.take(office.settings, {})
    try:
        assert cache.add("sign-ins", [1.0], 60)
        assert not cache.add("sign-ins", [2.0], 60)
        del caches["default"]  # another process has another cache object
        assert cache.get("sign-ins") == [1.0]
    finally:
        monkeypatch.undo()
        place.forget_caches()
