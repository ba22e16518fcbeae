"""What every test stands on: a fresh database in milliseconds, no network, and repeatable examples."""

from __future__ import annotations

import functools
import os
import shutil
import uuid
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from tests import stores
from tests.effort import examples

# One database serves all examples of a test, which empties it first: a fresh one each would be nine tenths of the time.
_SLACK = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile("default", max_examples=examples(50), deadline=None, suppress_health_check=_SLACK)
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.register_profile("deep", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

pytest_plugins = ["tests.faces"]

ROOT = Path(__file__).parent
LOOPBACK = ["127.0.0.1", "::1"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """In CI a skip is a failure: whatever a test needs, its set-up installs."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be skipped in CI: {report.longrepr}"
    return report


def pytest_configure(config: pytest.Config) -> None:
    """On PostgreSQL, threads that a test leaves to end take their kept connection with them, which psycopg minds and SQLite does not."""
    if stores.ELSEWHERE:
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, what a database has a part in, once; left out is what is about SQLite's own file, or runs on both anyway."""
    if not stores.ELSEWHERE:
        return

    def chosen(item: pytest.Item) -> bool:
        room = item.path.relative_to(ROOT).parts[0]
        both = {"store", "postgres", "vendor"} & set(getattr(item, "fixturenames", ()))
        return room in stores.ROOMS and not both and item.get_closest_marker("sqlite") is None

    left_out = [item for item in items if not chosen(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if chosen(item)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Databases that this run has made go with it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        enable_socket()
        with suppress(Exception):  # there may be no server, and none was needed
            stores.forget_all()


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
    if stores.ELSEWHERE:
        _template(tmp_path_factory)
        stores.take_over()
        file.touch()
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


@pytest.fixture(autouse=True)
def _databases_are_dropped(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where the suite runs on PostgreSQL, what a test has made goes with it."""
    folder = request.getfixturevalue("tmp_path") if stores.ELSEWHERE and "tmp_path" in request.fixturenames else None
    yield
    if folder is not None:
        from django.db import connections

        connections.close_all()
        stores.forget(folder)


@pytest.fixture
def database(_migrated: Path, tmp_path: Path) -> Iterator[Path]:
    """A fresh migrated SQLite database as Django's default connection; its file."""
    from django.db import connections

    from touchline.site import database as operational

    file = tmp_path / "touchline.sqlite"
    if not stores.ELSEWHERE:
        shutil.copyfile(_migrated, file)
    operational.use(file)
    yield file
    connections.close_all()


@pytest.fixture(scope="session")
def _migrated_postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One PostgreSQL database with every table and no row, which each test gets a copy of; its name."""
    return _template(tmp_path_factory)


def _template(factory: pytest.TempPathFactory) -> str:
    psycopg = pytest.importorskip("psycopg")
    enable_socket()
    try:
        return stores.template(_shared(factory) / "template.lock")
    except psycopg.Error as why:
        pytest.skip(f"no PostgreSQL to test against (TOUCHLINE_TEST_POSTGRES_URL): {type(why).__name__}")


@pytest.fixture
def postgres(_migrated_postgres: str) -> Iterator[str]:
    """A fresh migrated PostgreSQL database as Django's default connection; its URL. Needs the mark `network`.

    Skips with a word where there is no server, or none that lets us make databases.
    """
    from django.db import connections

    from touchline.site import database

    name = f"{stores.PREFIX}_{uuid.uuid4().hex[:8]}"
    stores.server(f"CREATE DATABASE {name} TEMPLATE {_migrated_postgres}")
    try:
        database.use(stores.url_of(name))
        yield stores.url_of(name)
    finally:
        connections.close_all()
        stores.server(f"DROP DATABASE {name} WITH (FORCE)")


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run have."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
