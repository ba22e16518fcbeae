"""In: a path or a database URL. Out: Django's default connection on it, its tables up to date. Writes no interactions.

SQLite runs with a write-ahead log and takes its write lock when a transaction begins, so that two writers wait
for each other instead of failing; PostgreSQL is taken as it is.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, connections, transaction

from touchline.kernel.errors import TouchlineError
from touchline.site.start import setup

BUSY_SECONDS = 60
"""How long a SQLite writer waits for another's transaction before it fails."""

KEPT_SECONDS = 600
"""How long a connection serves one page after another before a new one is opened."""

_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;"
_MIGRATION_LOCK = 0x746F756368  # 'touch': any constant that nobody else takes on this database
_PLACE_IN_QUERY = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}


class BadDatabase(TouchlineError):
    """The database cannot be used."""

    code = "bad_database"
    remedy = "Set DATABASE_URL to sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME, or leave it unset."


def use(where: str | Path) -> None:
    """Point Django's default connection at a SQLite file or a database URL, and start Django if need be.

    Connections of this thread are closed; a thread that has one of its own open keeps it until it closes it.
    Raises BadDatabase where the URL names no database that Touchline speaks to.
    """
    settings = described(where)
    setup()
    connections.close_all()
    connections.settings["default"] = connections.configure_settings({"default": settings})["default"]
    with suppress(AttributeError):  # this thread may not have opened it yet
        del connections["default"]


def described(where: str | Path) -> dict[str, Any]:
    """Django's settings of a database; a plain path is a SQLite file. The password is in no error."""
    text = str(where)
    scheme, separator, _ = text.partition("://")
    if not separator or isinstance(where, Path):
        return _sqlite(text)
    if scheme == "sqlite":
        path = unquote(text.removeprefix("sqlite://").removeprefix("/"))
        if not path:
            raise BadDatabase("sqlite:// without a path")
        return _sqlite(path)
    if scheme not in ("postgres", "postgresql"):
        raise BadDatabase(f"scheme {scheme!r}")
    return _postgres(text)


def _sqlite(path: str) -> dict[str, Any]:
    options = {"transaction_mode": "IMMEDIATE", "timeout": BUSY_SECONDS, "init_command": _PRAGMAS}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "CONN_MAX_AGE": KEPT_SECONDS, "OPTIONS": options}


def _postgres(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadDatabase("the host or port cannot be read") from None
    settings: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": KEPT_SECONDS,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {},
    }
    for key, value in parse_qsl(parts.query):
        if key in _PLACE_IN_QUERY:
            settings[_PLACE_IN_QUERY[key]] = value
        else:
            settings["OPTIONS"][key] = value
    if not settings["NAME"]:
        raise BadDatabase("postgresql:// without a database name")
    return settings


def migrate() -> bool:
    """Bring the tables up to date; True where there was anything to do.

    The digest of every migration is kept in the database, so that nothing but one SELECT is done where it agrees.
    """
    wanted = _digest()
    if _applied() == wanted:
        return False
    if connection.vendor == "sqlite":
        Path(connection.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    with _alone():
        if _applied() == wanted:
            return False
        call_command("migrate", verbosity=0, interactive=False)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS touchline_schema (digest TEXT NOT NULL)")
            cursor.execute("DELETE FROM touchline_schema")
            cursor.execute("INSERT INTO touchline_schema (digest) VALUES (%s)", [wanted])
    return True


def up_to_date() -> bool:
    """Whether every migration that this program knows is applied to the database."""
    return _applied() == _digest()


def _digest() -> str:
    digest = hashlib.sha256()
    for config in sorted(apps.get_app_configs(), key=lambda found: found.label):
        for file in sorted((Path(config.path) / "migrations").glob("*.py")):
            digest.update(f"{config.label}/{file.name}\x1f".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _applied() -> str | None:
    if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT digest FROM touchline_schema")
            row = cursor.fetchone()
    except DatabaseError:
        return None  # no such table: a new database
    return row[0] if row else None


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process migrates a database at a time."""
    if connection.vendor == "sqlite":
        with Path(f"{connection.settings_dict['NAME']}.migrating").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
