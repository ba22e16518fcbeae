"""The terminal as a process sees it: arguments in, one JSON object or words out, an exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from touchline.cli import output, session
from touchline.cli.main import app
from touchline.site.entry import open_workspace


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as one object."""
        told = json.loads(self.out)
        assert isinstance(told, dict)
        return told


@pytest.fixture
def touchline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """Run a command in this process, as `touchline ARGUMENTS` would."""
    from django.db import connections
    from rich.console import Console

    monkeypatch.delenv("TOUCHLINE_WORKSPACE", raising=False)
    session.install(open_workspace)

    def run(*arguments: str | Path) -> Ran:
        # Rich binds its streams when it is made, so each run has consoles of its own.
        monkeypatch.setattr(output, "words", Console(highlight=False, width=160))
        monkeypatch.setattr(output, "notes", Console(stderr=True, highlight=False, width=160))
        result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    yield run
    connections.close_all()
