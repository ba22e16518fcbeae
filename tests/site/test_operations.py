"""Whether the service is ready, what it measures, and what it logs."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from tests.faces import member
from touchline.site import logs, metrics
from touchline.workspace.opened import Workspace


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, object]]]:
    """What the service logs, as it is written."""
    written: list[dict[str, object]] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(logs.Lines().format(record)))

    logger = logging.getLogger("touchline")
    handler = Keep()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel("INFO")
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def _looks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("touchline.site.operations._FRESH", 0.0)


def test_a_sound_service_is_ready(office: Workspace) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"database": "ok", "migrations": "ok", "ledger": "ok"}}


def test_a_service_behind_its_migrations_is_not_ready(office: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE touchline_schema SET digest = 'of an older Touchline'")
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, "behind")


@pytest.mark.sqlite
def test_a_service_without_its_ledger_or_database_is_not_ready(office: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(office.settings.state)
    (office.settings.state).write_text("no folder", encoding="utf-8")
    connection.close()
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": "unreachable", "migrations": "unknown", "ledger": "unwritable"}


def test_metrics_are_for_whoever_has_a_key_to_read(office: Workspace) -> None:
    read, write = office.create_key("prometheus", "read").key, office.create_key("shop", "write").key
    assert Client().get("/metrics").status_code == 401
    assert Client(headers={"authorization": f"Bearer {write}"}).get("/metrics").status_code == 401
    text = Client(headers={"authorization": f"Bearer {read}"}).get("/metrics").content.decode()
    for name in ("touchline_requests_total", "touchline_request_seconds_bucket", "touchline_drain_waiting 0.0",
                 "touchline_drain_lag_seconds", "touchline_messages", "touchline_intake_accepted_total",
                 "touchline_intake_queued", "touchline_turn_seconds_count"):  # fmt: skip
        assert name in text, name


def test_what_waits_and_how_long_is_measured(office: Workspace) -> None:
    from touchline.intake import buffer

    now = office.clock.now()
    buffer.accept([{"type": "track", "messageId": "m1", "userId": "u", "event": "x"}], received_at=now - 90_000_000)
    text = metrics.exposed(lambda: now).decode()
    assert "touchline_drain_waiting 1.0" in text
    assert "touchline_drain_lag_seconds 90.0" in text


def test_messages_are_measured_by_state(company: Workspace) -> None:
    text = metrics.exposed(company.clock.now).decode()
    counts = company.message_counts()
    assert counts
    for state, number in counts.items():
        assert f'touchline_messages{{state="{state}"}} {float(number)}' in text


def test_intake_s_counts_are_carried_over_once() -> None:
    class Taking:
        accepted, duplicates, queued, refused = 5, 2, 3, {"bad_event": 1}

    before = {name: _value(name) for name in ("accepted", "duplicates")}
    mirror = metrics.Mirror(Taking)
    mirror.carry()
    mirror.carry()
    Taking.accepted = 9
    mirror.carry()
    assert _value("accepted") - before["accepted"] == 9
    assert _value("duplicates") - before["duplicates"] == 2


def _value(name: str) -> float:
    return {"accepted": metrics.ACCEPTED, "duplicates": metrics.DUPLICATES}[
        name
    ]._value.get()  # its value has no other way out


def test_a_request_is_logged_by_its_route_never_its_path(office: Workspace, lines: list[dict[str, object]]) -> None:
    user = member("agent")
    client = Client()
    client.force_login(user)
    token = office.invite("ada@lantern.example", "viewer").token
    client.get(f"/join/{token}/?who=ada@lantern.example", headers={"user-agent": "spy", "referer": "https://x.example"})
    client.get("/accounts/2fa/")
    told = json.dumps(lines)
    for secret in (token, "ada@lantern", "agent@lantern", "127.0.0.1", "spy", "x.example", "who="):
        assert secret not in told
    join, factor = lines
    assert (join["route"], join["status"], join["method"]) == ("join/<str:token>/", 200, "GET")
    assert (factor["route"], factor["user"]) == ("accounts/2fa/", user.pk)
    assert isinstance(join["ms"], float)


def test_a_fault_is_logged_by_its_type_and_place_never_its_words(
    office: Workspace, lines: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> dict[str, str]:
        raise ValueError("Key (email)=(ada@lantern.example) already exists")

    monkeypatch.setattr("touchline.site.readiness.checks", broken)
    answer = Client(raise_request_exception=False).get("/readyz")
    assert answer.status_code == 500
    assert "ada@" not in answer.content.decode()
    fault, request = lines
    assert fault["fault"] == "ValueError"
    assert "test_operations.py" in str(fault["where"])
    assert request["status"] == 500
    assert "ada@" not in json.dumps(lines)


def test_other_libraries_messages_are_logged_without_what_was_filled_in() -> None:
    def line(name: str, message: str, *filled: object) -> dict[str, object]:
        record = logging.LogRecord(name, logging.WARNING, __file__, 1, message, filled, None)
        return json.loads(logs.Lines().format(record))

    assert line("smtplib", "refused %s", "ada@lantern.example")["message"] == "refused %s"
    assert line("touchline.worker", "turn %d", 3)["message"] == "turn 3"
    assert line("_granian", "raised\nTraceback: ada@lantern.example")["message"] == "raised"
    assert logs.configuration()["loggers"]["django"]["handlers"] == ["nowhere"]  # type: ignore[index] # a plain tree


def test_no_route_is_unmatched_quietly(office: Workspace, lines: list[dict[str, object]]) -> None:
    assert Client().get("/u/ada@lantern.example/nowhere/at/all").status_code == 404
    assert [line["route"] for line in lines] == ["unmatched"]
    assert sys.exc_info() == (None, None, None)
