"""Machines' keys: shown once, kept as a digest, bound to a scope, ended for good."""

from __future__ import annotations

import hashlib
import sqlite3
import time

import pytest

from touchline.kernel.errors import UnknownName
from touchline.team import keys
from touchline.team.keys import KeyFault
from touchline.workspace.opened import Workspace


@pytest.mark.sqlite
def test_a_key_is_shown_once_and_kept_as_its_digest_alone(office: Workspace) -> None:
    made = office.create_key("shop", "write")
    assert len(made.key) > 40
    (kept,) = office.machine_keys()
    assert kept.digest == hashlib.sha256(made.key.encode()).hexdigest()
    assert made.key.startswith(kept.hint)
    with sqlite3.connect(office.settings.state / "touchline.sqlite") as database:
        assert made.key not in "".join(database.iterdump())


def test_a_key_opens_its_own_scope_only(office: Workspace) -> None:
    made = office.create_key("shop", "write")
    actor = keys.verify(made.key, "write")
    assert actor is not None
    assert (actor.kind, actor.name, actor.id) == ("key", "shop", made.id)
    assert keys.verify(made.key, "read") is None
    assert keys.verify(made.key + "x", "write") is None
    assert keys.verify("", "write") is None
    assert keys.verify("\ud800", "write") is None


def test_a_revoked_key_opens_nothing(office: Workspace) -> None:
    made = office.create_key("shop", "write")
    assert office.revoke_key(made.id)
    assert keys.verify(made.key, "write") is None
    assert not office.revoke_key(made.id)
    with pytest.raises(UnknownName):
        office.revoke_key(made.id + 1)


@pytest.mark.parametrize(("name", "scope"), [("", "write"), ("  ", "read"), ("x" * 200, "read"), ("shop", "admin")])
def test_a_key_without_a_name_or_with_an_unknown_scope_is_not_made(office: Workspace, name: str, scope: str) -> None:
    with pytest.raises(KeyFault):
        office.create_key(name, scope)
    assert office.machine_keys() == []


@pytest.mark.sqlite
def test_a_key_is_looked_up_while_somebody_else_writes(office: Workspace) -> None:
    made = office.create_key("shop", "write")
    writer = sqlite3.connect(office.settings.state / "touchline.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    assert keys.verify(made.key, "write") is not None
    assert time.monotonic() - begun < 5
    writer.execute("ROLLBACK")
    writer.close()
    assert office.machine_keys()[0].last_used_at is None
    assert office.create_key("till", "read").id == made.id + 1, "other writers wait as long as before"


def test_use_of_a_key_is_noted_about_hourly(office: Workspace) -> None:
    made = office.create_key("shop", "read")
    keys.verify(made.key, "read")
    (first,) = office.machine_keys()
    keys.verify(made.key, "read")
    (second,) = office.machine_keys()
    assert first.last_used_at == second.last_used_at is not None
