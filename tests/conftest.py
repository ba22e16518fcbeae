"""What every test stands on: a fresh database in milliseconds, no network, and repeatable examples."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture
def postgres() -> Iterator[str]:
    """A fresh migrated PostgreSQL schema as Django's default connection; its URL. Needs the mark `network`.

    Skips with a word where there is no server.
    """
    psycopg = pytest.importorskip("psycopg")
    from django.db import connections

    from touchline.site import database as operational

    url = postgres_url()
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            schema = f"touchline_test_{uuid.uuid4().hex[:12]}"
            connection.execute(f"CREATE SCHEMA {schema}")
    except psycopg.Error as why:
        pytest.skip(f"no PostgreSQL to test against (TOUCHLINE_TEST_POSTGRES_URL): {type(why).__name__}")
    own = f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{schema}"
    try:
        operational.use(own)
        operational.migrate()
        yield own
    finally:
        connections.close_all()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
