"""`touchline people export|erase`: a person's rights from the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from typer.testing import CliRunner

from tests.workspace import lively
from touchline.cli import session
from touchline.cli.main import app
from touchline.site.entry import open_workspace


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    session.install(open_workspace)
    yield lively.make(tmp_path / "w", customers=2)
    connections.close_all()


def test_a_person_is_exported_then_erased(root: Path, tmp_path: Path) -> None:
    def touchline(*words: str, answer: str | None = None) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["people", *words, "-w", str(root)], input=answer)
        return result.exit_code, result.stdout

    code, said = touchline("export", "u1")
    assert code == 0
    assert json.loads(said)["people"][0]["profile"] == {"name": "Ada 1"}
    code, said = touchline("export", "u1", "--out", str(tmp_path / "ada.html"))
    assert (code, (tmp_path / "ada.html").exists()) == (0, True)
    assert touchline("export", "u1", "--out", str(tmp_path / "ada.doc"))[0] == 2
    assert touchline("erase", "u1", answer="n\n")[0] == 1
    assert touchline("export", "u1")[0] == 0
    code, said = touchline("erase", "u1", "--json")
    told = json.loads(said)
    assert (code, told["finished"], told["erased"][0]["personas"]) == (0, True, 4)
    assert touchline("erase", "u1", "u0", "--yes")[0] == 2, "one of them is not known, so that nobody is erased"
    code, said = touchline("erase", "u0", "--yes", "--forget-address")
    assert code == 0
    assert "What stays: an entry that somebody was erased, without who." in " ".join(said.split())
