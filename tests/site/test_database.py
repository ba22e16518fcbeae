"""The operational database: which one, how it is opened, and its tables."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from tests.processes import Started, queue
from touchline.recognition import reserve
from touchline.site import database as operational
from touchline.site.database import BadDatabase, described

pytestmark = pytest.mark.sqlite


@pytest.fixture(autouse=True)
def _its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here tables are made as the product makes them, and not copied as for other tests."""
    monkeypatch.setattr(operational, "migrate", operational.migrate.__wrapped__)  # type: ignore[attr-defined] # see conftest


def _pragma(name: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


def test_sqlite_waits_for_writers_and_keeps_its_promises(database: Path) -> None:
    assert _pragma("journal_mode") == "wal"
    assert _pragma("synchronous") == 1
    assert _pragma("foreign_keys") == 1
    assert _pragma("busy_timeout") == operational.BUSY_SECONDS * 1000


def test_a_transaction_takes_the_write_lock_when_it_begins(database: Path) -> None:
    other = sqlite3.connect(database, timeout=0)
    with transaction.atomic(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_one_process_may_turn_from_workspace_to_workspace(database: Path, tmp_path: Path) -> None:
    assert reserve("batch", 7) == 1
    operational.use(tmp_path / "other" / "touchline.sqlite")
    assert operational.migrate()
    assert reserve("batch", 1) == 1
    operational.use(f"sqlite:///{database}")
    assert reserve("batch", 1) == 8


def test_tables_are_brought_up_to_date_once(tmp_path: Path) -> None:
    operational.use(tmp_path / "deep" / "er" / "touchline.sqlite")
    assert operational.migrate()
    assert not operational.migrate()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE touchline_schema SET digest = 'of an older Touchline'")
    assert operational.migrate()


def test_up_to_date_costs_one_question(database: Path, monkeypatch) -> None:
    monkeypatch.setattr(operational, "call_command", lambda *_, **__: pytest.fail("nothing is to be done"))
    with connection.execute_wrapper(lambda execute, *rest: asked.append(rest[0]) or execute(*rest)):
        asked: list[str] = []
        assert not operational.migrate()
    assert len(asked) == 1


def _migrate(where: str, done: Any) -> None:
    operational.use(where)
    done.put(operational.migrate())


def test_two_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    done = queue()
    workers = [Started(_migrate, str(tmp_path / "touchline.sqlite"), done) for _ in range(2)]
    assert sorted(done.get(timeout=120) for _ in workers) == [False, True]
    for worker in workers:
        worker.well(60)


def test_models_and_migrations_agree(database: Path) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.network
def test_postgresql_has_the_same_tables(postgres: str) -> None:
    assert not operational.migrate()
    assert connection.vendor == "postgresql"
    assert reserve("batch", 7) == 1
    assert reserve("batch", 1) == 8


def test_a_url_says_where_the_database_is() -> None:
    found = described("postgresql://ann:p%40ss@db.example:5433/line?sslmode=require&options=-csearch_path%3Dx")
    assert {key: found[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")} == {
        "NAME": "line", "USER": "ann", "PASSWORD": "p@ss", "HOST": "db.example", "PORT": "5433",
    }  # fmt: skip
    assert found["OPTIONS"] == {"sslmode": "require", "options": "-csearch_path=x"}
    assert described("postgres:///line?host=/var/run/postgresql")["HOST"] == "/var/run/postgresql"
    assert described("sqlite:////srv/touch%20line.sqlite")["NAME"] == "/srv/touch line.sqlite"
    assert described("sqlite:///here.sqlite")["NAME"] == described(Path("here.sqlite"))["NAME"] == "here.sqlite"


@pytest.mark.parametrize(
    "url",
    ["mysql://ann:secret@db/line", "sqlite://", "postgresql://ann:secret@db", "postgresql://ann:secret@db:port/line"],
)
def test_a_wrong_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadDatabase) as refused:
        described(url)
    assert "secret" not in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)
