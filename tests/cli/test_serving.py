"""Keys, team and service from the terminal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Ran
from tests.faces import PASSWORD
from touchline.cli import serving
from touchline.team import audit, invitations, keys
from touchline.workspace.opened import Workspace


def test_a_key_is_printed_once_listed_without_itself_and_ended(
    office: Workspace, touchline: Callable[..., Ran]
) -> None:
    at = ("--workspace", office.settings.root)
    made = touchline("keys", "create", "--name", "shop", "--scope", "write", "--json", *at).json
    assert set(made) == {"name", "scope", "key"}
    assert keys.verify(made["key"], "write") is not None
    (listed,) = touchline("keys", "list", "--json", *at).json["keys"]
    assert (listed["name"], listed["scope"], listed["revoked_at"]) == ("shop", "write", None)
    assert made["key"] not in str(listed)
    assert touchline("keys", "revoke", "1", "--json", *at).json == {"id": 1, "revoked": True}
    assert keys.verify(made["key"], "write") is None
    assert "already" in touchline("keys", "revoke", "1", *at).out
    shown = touchline("keys", "create", "--name", "till", "--scope", "read", *at)
    assert keys.verify(shown.out.strip(), "read") is not None
    assert "nobody can show it again" in shown.err
    assert "shop" in touchline("keys", "list", *at).out


def test_a_wrong_scope_is_wrong_use(office: Workspace, touchline: Callable[..., Ran]) -> None:
    ran = touchline("keys", "create", "--name", "x", "--scope", "all", "--json", "--workspace", office.settings.root)
    assert (ran.code, ran.json["error"]["code"]) == (2, "key")


def test_the_team_is_made_from_the_terminal(office: Workspace, touchline: Callable[..., Ran]) -> None:
    at = ("--workspace", office.settings.root)
    assert "Nobody yet" in touchline("team", "list", *at).out
    made = touchline("team", "invite", "ada@lantern.example", "--role", "admin", "--json", *at).json
    assert made["link"].startswith("http://localhost:8000/join/")
    (invited,) = touchline("team", "list", "--json", *at).json["invitations"]
    assert (invited["email"], invited["role"], invited["purpose"]) == ("ada@lantern.example", "admin", "join")
    invitations.take_up(made["link"].rstrip("/").rpartition("/")[2], name="Ada", password=PASSWORD)
    link = touchline("team", "invite", "eve@lantern.example", "--role", "viewer", *at).out.strip()
    invitations.take_up(link.rstrip("/").rpartition("/")[2], name="Eve", password=PASSWORD)
    assert touchline("team", "role", "eve@lantern.example", "agent", "--json", *at).json == {"id": 2, "role": "agent"}
    refused = touchline("team", "role", "ada@lantern.example", "viewer", "--json", *at)
    assert (refused.code, refused.json["error"]["code"]) == (2, "team")
    assert touchline("team", "remove", "eve@lantern.example", "--json", *at).json == {"id": 2, "active": False}
    assert "/join/" in touchline("team", "reset", "ada@lantern.example", *at).out
    told = touchline("team", "list", "--json", *at).json["members"]
    assert [(one["email"], one["active"]) for one in told] == [
        ("ada@lantern.example", True), ("eve@lantern.example", False),
    ]  # fmt: skip
    done = [entry.operation for entry in audit.entries()]
    assert done == [
        "team.let_reset", "team.active", "team.role", "team.join", "team.invite", "team.join", "team.invite",
    ]  # fmt: skip
    with sqlite3.connect(office.settings.state / "touchline.sqlite") as database:
        assert PASSWORD not in "".join(database.iterdump())


def test_up_hands_its_options_to_the_service(
    office: Workspace, touchline: Callable[..., Ran], monkeypatch: Any
) -> None:
    asked: list[dict[str, Any]] = []

    def start(directory: Path | None, **named: Any) -> None:
        named.pop("say")("It serves.")
        asked.append({"directory": directory, **named})

    monkeypatch.setattr(serving, "_up", [start])
    root = office.settings.root
    ran = touchline("up", "--port", "8123", "--host", "0.0.0.0", "--workers", "3", "--no-worker", "--workspace", root)
    assert (ran.code, ran.out.strip()) == (0, "It serves.")
    assert asked == [{"directory": root, "host": "0.0.0.0", "port": 8123, "workers": 3, "worker": False}]
    assert touchline("up", "--json", "--workspace", root).out == ""
