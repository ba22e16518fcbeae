"""The page Outbox: what waits and why, in words; messages are released and stopped by who may, and both are audited."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.delivery.offers import known, messages, proposal, reserved
from tests.faces import member
from touchline.console.outbox import why
from touchline.delivery import outbox
from touchline.kernel.times import HOUR
from touchline.team import audit
from touchline.workspace.opened import Workspace


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(member(role))
    return client


@pytest.fixture
def held(office: Workspace) -> list[str]:
    """Three messages that are held by quiet hours, and one that waits for its sender."""
    now = office.clock.now()
    everybody = known(4)
    reserved(*(proposal(customer) for customer in everybody[:3]), now=now)
    for message in outbox.lease("w", ["email"], now, 10):
        outbox.put_off(message, "quiet_hours", now + HOUR)
    reserved(proposal(everybody[3], "farewell"), now=now)
    return [row["message_id"] for row in messages()]


def test_an_empty_outbox_teaches_what_will_be_there(office: Workspace) -> None:
    page = signed_in("viewer").get("/outbox/").content.decode()
    assert "No message waits to go" in page
    assert "touchline up" in page
    assert 'href="/outbox/"' in page


def test_it_says_what_waits_and_why_and_its_filters_live_in_the_address(held: list[str]) -> None:
    viewer = signed_in("viewer")
    page = viewer.get("/outbox/").content.decode()
    assert "4 messages wait to go, 3 of them held, for quiet hours" in page
    assert "Quiet hours: it goes when they are over" in page
    assert page.count("Customer ") == 4
    assert 'type="checkbox"' not in page, "who only looks is not offered to steer"
    assert viewer.get("/outbox/?state=held&reason=quiet_hours").content.decode().count("#sent") == 3
    assert viewer.get("/outbox/?conversation=farewell").content.decode().count("#sent") == 1
    assert "None fits what is asked for" in viewer.get("/outbox/?state=sent").content.decode()
    assert viewer.get("/outbox/?state=lost").status_code == 404
    assert viewer.get("/outbox/?before=99999999999999999999&channel=%00'").status_code == 200
    counts = viewer.get("/outbox/?state=held&counts=1", headers={"HX-Request": "true"}).content.decode()
    assert "held 3" in counts
    assert "reserved 1" in counts
    assert "<html" not in counts


def test_whoever_may_converse_releases_and_stops_and_both_are_audited(held: list[str]) -> None:
    marketer = signed_in("marketer")
    assert marketer.get("/outbox/").content.decode().count('type="checkbox"') == 4
    told = marketer.post("/outbox/steer?state=held", {"do": "release", "message": [held[0], "x' OR 1=1", "0" * 32]})
    assert (told.status_code, told["Location"]) == (302, "/outbox/?state=held")
    assert "1 message can go now" in marketer.get("/outbox/").content.decode()
    assert marketer.post("/outbox/steer", {"do": "stop", "message": held[1:3]}).status_code == 302
    assert [row["state"] for row in messages()] == ["reserved", "failed", "failed", "reserved"]
    assert [(one.operation, one.about) for one in audit.entries(limit=2)] == [
        ("messages.stop", "2 messages"),
        ("messages.release", "1 messages"),
    ]
    page = marketer.get("/outbox/?state=failed").content.decode()
    assert "stopped by the team" in page
    assert marketer.post("/outbox/steer", {"do": "stop"}).status_code == 302
    assert "Tick the messages that are meant first" in marketer.get("/outbox/").content.decode()


def test_whoever_may_not_converse_steers_nothing(held: list[str]) -> None:
    assert signed_in("agent").post("/outbox/steer", {"do": "stop", "message": held}).status_code == 403
    assert [row["state"] for row in messages()] == ["held"] * 3 + ["reserved"]


def test_a_reason_is_told_in_words() -> None:
    assert why("missing first_name") == "its words need what is not known of this customer: first_name"
    assert why("smtp_451") == "the mail server answered 451"
    assert why("cap.overall") == "cap: overall"
