"""A database that the previous release made is brought up to date by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from touchline.recognition import reserve
from touchline.site import database as operational

BEFORE = {"recognition": "0001", "intake": "0002", "permission": "0001", "delivery": "0001"}
"""The last migrations of the release without a team."""


@pytest.mark.sqlite
def test_tables_of_the_team_join_those_that_were_there(tmp_path: Path) -> None:
    operational.use(tmp_path / "touchline.sqlite")
    for app, last in BEFORE.items():
        call_command("migrate", app, last, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE touchline_schema (digest TEXT NOT NULL)")
        cursor.execute("INSERT INTO touchline_schema (digest) VALUES ('of the release before')")
    assert "team_user" not in connection.introspection.table_names()
    assert reserve("batch", 7) == 1
    assert not operational.up_to_date()
    assert operational.migrate()
    assert operational.up_to_date()
    assert {"team_user", "team_key", "team_entry", "team_invitation", "django_session", "account_emailaddress",
            "mfa_authenticator"} <= set(connection.introspection.table_names())  # fmt: skip
    assert reserve("batch", 1) == 8, "what was there is there"
