"""ARCHITECTURE.md is true: every module has its one line, in the order in which the data flows."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "touchline"
LINE = re.compile(r"^- `([a-z_]+(?:/[a-z0-9_]+)*\.py)` (\S.*)$", re.MULTILINE)


def _lines() -> list[tuple[str, str]]:
    return LINE.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def _modules() -> set[str]:
    found = (path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
    return {name for name in found if not name.endswith("__init__.py") and "/migrations/" not in name}


def _rooms() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    return [room.strip().removeprefix("touchline.") for layer in reversed(layers) for room in layer.split("|")]


def test_every_module_has_exactly_one_line() -> None:
    listed = [name for name, _ in _lines()]
    assert sorted(listed) == sorted(set(listed)), "a module is listed twice"
    assert set(listed) == _modules()


def test_rooms_stand_in_the_order_that_the_layers_enforce() -> None:
    order = list(dict.fromkeys(name.split("/")[0] for name, _ in _lines()))
    assert order == _rooms()


def test_every_room_on_disk_is_a_layer() -> None:
    on_disk = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert on_disk == set(_rooms())


def _opening(name: str) -> str:
    docstring = ast.get_docstring(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))) or ""
    return re.sub(r"\s+", " ", docstring)


def test_every_line_says_what_the_module_itself_says() -> None:
    said = {name: re.match(r"In: (.*?)\. Out: (.*?)\.(?= |$)", _opening(name)) for name, _ in _lines()}
    wrong = [name for name, line in _lines() if (found := said[name]) is None or line != f"{found[1]} → {found[2]}"]
    assert wrong == [], "their lines in ARCHITECTURE.md are not `what comes in → what goes out` of their docstrings"


@pytest.mark.parametrize("name", sorted(_modules()))
def test_a_module_opens_by_saying_what_comes_in_and_what_goes_out(name: str) -> None:
    opening = _opening(name)
    assert opening.startswith("In: "), "the docstring opens with what comes in"
    assert " Out: " in opening, "and what goes out"
    assert " Writes " in opening, "and which interactions it writes"


@pytest.mark.parametrize("name", sorted(_modules()))
def test_no_module_is_named_after_nothing(name: str) -> None:
    assert Path(name).stem not in {"utils", "helpers", "common", "manager", "base", "misc"}


def test_every_ignored_lint_has_its_reason_beside_it() -> None:
    bare = []
    for path in [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = re.search(r"#\s*(noqa|type:\s*ignore)\S*(.*)$", line)
            if found and path != Path(__file__) and not re.search(r"[a-z]{3,}", found[2].split("]", 1)[-1]):
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []
