"""The page Audit: who did what, the latest first; filters and pages live in the address; the file is harmless."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.test import Client

from tests.faces import member
from touchline.team import audit
from touchline.team.actors import TERMINAL, Actor
from touchline.team.roles import Right

pytestmark = pytest.mark.usefixtures("office")

EVE = Actor("user", "=Eve()", frozenset({Right.SEE}), 7)


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(member("admin"))
    return client


def test_entries_stand_page_by_page_under_filters_that_the_address_keeps(admin: Client) -> None:
    assert "Latest: Ada Admin did access.sign_in" in admin.get("/audit/").content.decode()
    for n in range(60):
        audit.record(EVE, "people.merge", f"customer {n}", {"n": n, "why": "<b>same</b>"})
    audit.record(TERMINAL, "run")
    first = admin.get("/audit/?operation=people.&kind=user").content.decode()
    assert "Latest: =Eve() did people.merge, customer 59" in first
    assert "&lt;b&gt;same&lt;/b&gt;" in first
    assert first.count("<tr>") == 51
    after = re.search(r'href="(\?[^"]+)" rel="next"', first)
    assert after is not None
    second = admin.get(f"/audit/{after[1].replace('&amp;', '&')}").content.decode()
    assert second.count("<tr>") == 11
    assert "did people.merge, customer 9" in second
    assert "did run" in admin.get("/audit/?kind=terminal").content.decode()
    assert "customer 3" in admin.get("/audit/?about=customer+3").content.decode()
    assert "Nothing of that was done" in admin.get(f"/audit/?operation=%00x&before={10**18}").content.decode()
    assert admin.get(f"/audit/?before={10**30}").status_code == 200


def test_the_file_holds_what_the_address_asks_for_and_runs_nothing_in_a_spreadsheet(admin: Client) -> None:
    audit.record(EVE, "people.merge", "customer 1", {"n": 2})
    audit.record(TERMINAL, "run")
    told = admin.get("/audit/export?kind=user&operation=people.")
    rows = list(csv.DictReader(io.StringIO(told.content.decode())))
    assert [(row["actor_name"], row["operation"], row["details"]) for row in rows] == [
        ("'=Eve()", "people.merge", '{"n": 2}')
    ]
    assert told["Content-Disposition"] == 'attachment; filename="audit.csv"'
