"""The intake for tests: a real server on a database of its own, or the callable alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.api.asking import KEY, Asking
from tests.api.serving import Served, served
from touchline.api.segment import Intake


@dataclass(frozen=True)
class Site:
    """A server and its SQLite file."""

    server: Served
    database: Path


@pytest.fixture(scope="module")
def site(_migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that listens, on an empty database; needs the mark `network`."""
    file = tmp_path_factory.mktemp("intake") / "touchline.sqlite"
    shutil.copyfile(_migrated, file)
    with served(file) as server:
        yield Site(server, file)


@pytest.fixture
def asking(database: Path) -> Iterator[Asking]:
    """An intake without a server, on an empty database, which one key may write to."""
    found = Asking(Intake(lambda key, scope: key if (key, scope) == (KEY, "write") else None, seconds=0.2))
    yield found
    found.close()
