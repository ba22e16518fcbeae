"""The suite on PostgreSQL: with TOUCHLINE_TEST_STORE=postgresql each SQLite file that a test would use is a PostgreSQL database instead.

No test has to know: where the product is told a file, it takes the database of that file's name, which is made by copying a migrated one.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ELSEWHERE = os.environ.get("TOUCHLINE_TEST_STORE", "sqlite") == "postgresql"
RUN = os.environ.setdefault("TOUCHLINE_TEST_RUN", uuid.uuid4().hex[:10])
"""Names this run's databases; processes that a run starts inherit it."""

PREFIX = f"touchline_test_{RUN}"
TEMPLATE = f"{PREFIX}_template"
ROOMS = (
    "api", "assignment", "cli", "console", "decision", "delivery", "intake", "pages", "permission", "proof", "recognition", "site",
    "team", "workspace",
)  # fmt: skip
"""Folders of tests that a database has a part in."""

_made: dict[str, Path] = {}


def postgres_url() -> str:
    """Where the tests' PostgreSQL is, as libpq finds it by itself where no variable says so."""
    return os.environ.get("TOUCHLINE_TEST_POSTGRES_URL", "postgresql:///postgres?host=127.0.0.1")


def url_of(name: str) -> str:
    """The URL of another database of the same server."""
    known = urlsplit(postgres_url())
    return f"{known.scheme}://{known.netloc}/{name}?{known.query}"


def server(*statements: str) -> list[tuple[Any, ...]]:
    """Ask the server; the rows of the last statement."""
    import psycopg

    with psycopg.connect(postgres_url(), connect_timeout=5, autocommit=True) as connection:
        for statement in statements:
            answer = connection.execute(statement)
        return answer.fetchall() if answer.description else []


def name_of(file: str | Path) -> str:
    """The database in place of a file."""
    return f"{PREFIX}_{hashlib.sha256(str(Path(file).resolve()).encode()).hexdigest()[:16]}"


def take_over() -> None:
    """In this process, take databases instead of files from now on; does nothing where the suite runs on SQLite."""
    from touchline.site import database

    described, use = database.described, database.use
    if not ELSEWHERE or hasattr(use, "__wrapped__"):
        return

    @functools.wraps(described)
    def told(where: str | Path) -> dict[str, Any]:
        found = described(where)
        return described(url_of(name_of(found["NAME"]))) if _is_file(found) else found

    @functools.wraps(use)
    def used(where: str | Path) -> None:
        found = described(where)
        if _is_file(found):
            make(Path(found["NAME"]))
        use(where)

    database.described, database.use = told, used


def _is_file(found: Mapping[str, Any]) -> bool:
    return bool(found["ENGINE"].endswith("sqlite3") and found["NAME"] != ":memory:")


def template(lock: Path) -> str:
    """The database with every table and no row, made by the first of a run's processes that asks; its name."""
    from django.db import connections

    from touchline.site import database

    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not server(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"):
            server(f"CREATE DATABASE {TEMPLATE}_draft")
            database.use(url_of(f"{TEMPLATE}_draft"))
            getattr(database.migrate, "__wrapped__", database.migrate)()
            connections.close_all()
            server(f"ALTER DATABASE {TEMPLATE}_draft RENAME TO {TEMPLATE}")
    return TEMPLATE


def make(file: Path) -> None:
    """The database in place of a file, with every table, where there is none yet."""
    name = name_of(file)
    if name in _made or server(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        return
    server(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    _made[name] = file


def copied(tree: Path, to: Path) -> Path:
    """Copy a workspace's folder with its database; the copy."""
    shutil.copytree(tree, to)
    if ELSEWHERE:
        one, other = (name_of(folder / ".touchline" / "touchline.sqlite") for folder in (tree, to))
        server(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{one}'",  # nobody may be at what is copied
            f"CREATE DATABASE {other} TEMPLATE {one}",
        )
        _made[other] = to / ".touchline" / "touchline.sqlite"
    return to


def renamed(tree: Path, to: Path) -> Path:
    """Rename a workspace's folder with its database."""
    if ELSEWHERE:
        one, other = (name_of(folder / ".touchline" / "touchline.sqlite") for folder in (tree, to))
        server(f"ALTER DATABASE {one} RENAME TO {other}")
        _made.pop(one, None)
    return tree.rename(to)


def forget(under: Path) -> None:
    """Drop the databases of files in a folder that a test has left."""
    for name, file in list(_made.items()):
        if under in file.parents:
            server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            del _made[name]


def forget_all() -> None:
    """Drop whatever this run has left."""
    for (name,) in server(f"SELECT datname FROM pg_database WHERE datname LIKE '{PREFIX}%'"):
        server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
