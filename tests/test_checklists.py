"""The checklists of CONTRIBUTING.md: each test fails when a step was left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from touchline.expressions.functions import FUNCTIONS, Function
from touchline.interactions import row
from touchline.interactions.catalogue import CHANNELS, IDENTIFIER_TYPES, KINDS, PURPOSES, REACHED_BY
from touchline.kernel.measures import SCORES, Measures
from touchline.report.view import SHAPES

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def _page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_kind_is_documented_and_requires_only_columns_that_exist(kind: object) -> None:
    name, means, requires = kind.name, kind.means, kind.requires  # type: ignore[attr-defined] # parametrised by the catalogue
    assert re.search(rf"^\| `{name}` \|.*\| {re.escape(means)} \|$", _page("kinds.md"), re.MULTILINE)
    for alternatives in requires:
        assert set(alternatives.split("|")) <= set(row.BY_NAME)


def test_sources_and_reasons_that_rooms_must_agree_on_are_written_once() -> None:
    package = Path(__file__).parent.parent / "src" / "touchline"
    for word in (row.COMPLETION, row.HARD_BOUNCE):
        written = {path for path in package.rglob("*.py") if f'"{word}"' in path.read_text(encoding="utf-8")}
        assert written == {package / "interactions" / "row.py"}, word


def test_every_measure_group_is_documented() -> None:
    measures = Measures(
        kinds=("KIND",),
        purposes=("PURPOSE",),
        channels=("CHANNEL",),
        places=("NAME",),
        topics=("TOPIC",),
        conversations=("CONVERSATION",),
        programmes=("NAME",),
    )
    page = _page("measures.md")
    for name in measures.known():
        shown = re.sub(r"_(7|30)d$", "_Nd", name)
        assert f"`{shown}`" in page, f"{name} has no line in docs/reference/measures.md"


def test_no_measure_is_documented_that_does_not_exist() -> None:
    measures = Measures(
        kinds=("KIND",),
        purposes=("PURPOSE",),
        channels=("CHANNEL",),
        places=("NAME",),
        topics=("TOPIC",),
        conversations=("CONVERSATION",),
        programmes=("NAME",),
    )
    for name in re.findall(r"`([a-z_]+(?:\.[A-Za-z0-9_]+){0,2})`", _page("measures.md")):
        if "." in name:
            real = re.sub(r"contact\.\w+_Nd", "contact.all_7d", name)
            assert measures.type_of(real) is not None or name in SCORES, name


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_channel_is_documented_with_whom_a_message_on_it_is_addressed_to(channel: str) -> None:
    addressed = f"`{REACHED_BY[channel]}`" if channel in REACHED_BY else "nobody"
    assert re.search(rf"^\| `{channel}` \| {addressed}", _page("channels.md"), re.MULTILINE)
    assert REACHED_BY.get(channel, "email") in IDENTIFIER_TYPES


def test_every_channel_has_a_shape_on_the_line() -> None:
    assert set(CHANNELS) <= set(SHAPES)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_purpose_is_documented_with_its_class(purpose: str) -> None:
    assert f"| `{purpose}` | {PURPOSES[purpose]} |" in _page("channels.md")


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=lambda function: function.name)
def test_a_function_is_documented_framed_and_evaluated(function: Function) -> None:
    where = "imports and mapping" if function.mapping else "everywhere"
    means = function.means.replace("|", "\\|")
    line = f"| `{function.name}` | {function.arity} | {means} | {where} |"
    assert line in _page("expressions.md")
    rooms = Path(__file__).parent.parent / "src" / "touchline" / "expressions"
    for module in ("framing.py", "evaluation.py"):
        assert re.search(
            rf"\b{function.name}\b|\b{function.name.title()}\b", (rooms / module).read_text(encoding="utf-8")
        )
