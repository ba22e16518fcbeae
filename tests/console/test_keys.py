"""The page Keys: a key is shown once, works, and is refused when it was revoked."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.faces import member
from touchline.team import audit, keys

pytestmark = pytest.mark.usefixtures("office")


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(member("admin"))
    return client


def test_a_key_is_shown_once_with_what_sends_a_first_event_and_ends_when_it_is_revoked(admin: Client) -> None:
    assert "No machine can write or read here yet" in admin.get("/keys/").content.decode()
    told = admin.post("/keys/create", {"name": "the <b>till</b>", "scope": "write"})
    page = told.content.decode()
    made = re.search(r'<code id="made">(tlw_[^<]+)</code>', page)
    assert made is not None
    assert keys.verify(made[1], "write") is not None
    assert f"curl -u {made[1]}:" in page
    assert told["Cache-Control"] == "no-store"
    again = admin.get("/keys/").content.decode()
    assert made[1] not in again
    assert "the &lt;b&gt;till&lt;/b&gt;" in again
    assert "1 key can write, 0 can read" in again
    number = keys.listed()[0].pk
    assert admin.post(f"/keys/{number}/revoke").status_code == 302
    assert keys.verify(made[1], "write") is None
    assert [one.operation for one in audit.entries(limit=2)] == ["keys.revoke", "keys.create"]
    assert "Revoked" in admin.get("/keys/").content.decode()


def test_a_key_without_a_name_is_refused_beside_its_field(admin: Client) -> None:
    told = admin.post("/keys/create", {"name": " ", "scope": "read"})
    assert told.status_code == 400
    assert 'id="k-fault"' in told.content.decode()
    assert keys.listed() == []
    assert admin.post(f"/keys/{10**19}/revoke").status_code == 404
