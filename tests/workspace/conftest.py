"""Workspaces to test on: a small lived-in one, copied for each test, and one with the real CDNOW purchases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stores
from touchline import playbook
from touchline.kernel.times import FixedClock, parse_instant
from touchline.site.entry import open_workspace
from touchline.workspace.opened import Workspace
from touchline.world import retail

NOW = parse_instant("2026-06-24T10:00:00+02:00")


@pytest.fixture(scope="session")
def _lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retail base of 150 people over 400 days, imported and decided for once."""
    from django.db import connections

    root = tmp_path_factory.mktemp("lived") / "w"
    playbook.new(root, "retail")
    opened = open_workspace(root, FixedClock(NOW))
    for name, path in retail.generate(root / "data" / "demo", 150, 400, 3, until=NOW).files.items():
        opened.import_files([path], name)
    opened.decide(as_of=NOW)
    connections.close_all()
    return root


@pytest.fixture
def lived(_lived: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A copy of the lived-in base, open, its clock standing at its last instant."""
    from django.db import connections

    root = tmp_path / "w"
    stores.copied(_lived, root)
    yield open_workspace(root, FixedClock(NOW))
    connections.close_all()
