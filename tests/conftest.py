"""What every test stands on: a fresh database in milliseconds, no network, and repeatable examples."""

from __future__ import annotations

import functools
import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from tests.effort import examples

# One database serves all examples of a test, which empties it first: a fresh one each would be nine tenths of the time.
_SLACK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("default", max_examples=examples(50), deadline=None, suppress_health_check=_SLACK)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("deep", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

pytest_plugins = ["tests.faces"]

LOOPBACK = ["127.0.0.1", "::1"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """In CI a skip is a failure: whatever a test needs, its set-up installs."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """No sockets but Unix ones; a test marked `network` may also talk to this machine's own servers."""
    if request.node.get_closest_marker("network"):
        socket_allow_hosts(LOOPBACK, allow_unix_socket=True)
    else:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One SQLite file with every table and no row, which each test gets a copy of."""
    from django.db import connection

    from touchline.site import database

    file = tmp_path_factory.mktemp("migrated") / "template.sqlite"
    database.use(file)
    database.migrate()
    connection.close()  # the last one to close folds the write-ahead log into the file
    return file


@pytest.fixture(scope="session", autouse=True)
def _tables_are_copied(_migrated: Path) -> Iterator[None]:
    """A new SQLite file gets its tables by copying those, which making them anew would take the better part of a second for.

    `migrate.__wrapped__` is the product's own, for the tests that are about it.
    """
    from django.db import connection

    from touchline.site import database

    own = database.migrate

    @functools.wraps(own)
    def migrate() -> bool:
        file = Path(connection.settings_dict["NAME"])
        if connection.vendor != "sqlite" or file.exists():
            return own()
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_migrated, file)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", migrate)
        yield


@pytest.fixture
def database(_migrated: Path, tmp_path: Path) -> Iterator[Path]:
    """A fresh migrated SQLite database as Django's default connection; its file."""
    from django.db import connections

    from touchline.site import database as operational

    file = tmp_path / "touchline.sqlite"
    shutil.copyfile(_migrated, file)
    operational.use(file)
    yield file
    connections.close_all()


def postgres_url() -> str:
    """Where the tests' PostgreSQL is, as libpq finds it by itself where no variable says so."""
    return os.environ.get("TOUCHLINE_TEST_POSTGRES_URL", "postgresql:///postgres?host=127.0.0.1")


@pytest.fixture(scope="session")
def _migrated_postgres() -> Iterator[str]:
    """One PostgreSQL database with every table and no row, which each test gets a copy of: its name, or why there is none."""
    psycopg = pytest.importorskip("psycopg")
    from django.db import connections

    from touchline.site import database as operational

    name = f"touchline_test_{uuid.uuid4().hex[:12]}"
    enable_socket()
    try:
        with psycopg.connect(postgres_url(), connect_timeout=5, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
    except psycopg.Error as why:
        pytest.skip(f"no PostgreSQL to test against (TOUCHLINE_TEST_POSTGRES_URL): {type(why).__name__}")
    try:
        operational.use(_of_database(name))
        operational.migrate()
        connections.close_all()
        yield name
    finally:
        connections.close_all()
        enable_socket()
        with psycopg.connect(postgres_url(), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres(_migrated_postgres: str) -> Iterator[str]:
    """A fresh migrated PostgreSQL database as Django's default connection; its URL. Needs the mark `network`.

    Skips with a word where there is no server, or none that lets us make databases.
    """
    import psycopg
    from django.db import connections

    from touchline.site import database as operational

    name = f"{_migrated_postgres}_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(postgres_url(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {_migrated_postgres}")
    try:
        operational.use(_of_database(name))
        yield _of_database(name)
    finally:
        connections.close_all()
        with psycopg.connect(postgres_url(), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _of_database(name: str) -> str:
    """The URL of another database of the same server."""
    known = urlsplit(postgres_url())
    return f"{known.scheme}://{known.netloc}/{name}?{known.query}"
