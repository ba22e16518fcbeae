"""The same tests on SQLite and on PostgreSQL."""

from __future__ import annotations

import pytest

BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.network))


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database of each kind; its kind."""
    request.getfixturevalue("database" if request.param == "sqlite" else "postgres")
    return str(request.param)
