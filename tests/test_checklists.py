"""The checklists of CONTRIBUTING.md: each test fails when a step was left out."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from touchline.delivery import senders
from touchline.expressions.functions import FUNCTIONS, Function
from touchline.interactions import row
from touchline.interactions.catalogue import CHANNELS, IDENTIFIER_TYPES, KINDS, PURPOSES, REACHED_BY
from touchline.kernel.measures import SCORES, Measures
from touchline.playbook.authored.programmes import SORTS, Step
from touchline.playbook.checking import programmes
from touchline.report.view import SHAPES
from touchline.workspace import carrying

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
SENDERS = [name for name in senders.__all__ if name.endswith("Sender") and name != "Sender"]


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


@pytest.mark.parametrize("name", SENDERS)
def test_a_sender_is_carried_passes_the_suite_and_is_documented(name: str) -> None:
    kind = getattr(senders, name)
    assert all(callable(getattr(kind, verb)) for verb in ("open", "send", "close"))
    assert name == "ConsoleSender" or f"{name}(" in inspect.getsource(carrying)
    assert re.search(
        rf"\b{name}\)?[(:]", (Path(__file__).parent / "delivery" / "test_senders.py").read_text(encoding="utf-8")
    )
    title = {"SmtpSender": "E-mail by SMTP", "LetterSender": "Letters", "CallSender": "Calls"}.get(
        name, name.removesuffix("Sender")
    )
    assert f"\n## {title}\n" in (REFERENCE / "senders.md").read_text(encoding="utf-8")


def test_every_setting_of_a_workspace_is_documented() -> None:
    from touchline.workspace import settings

    page = (REFERENCE / "terminal.md").read_text(encoding="utf-8")
    for name in re.findall(r'"(TOUCHLINE_[A-Z_]+|DATABASE_URL)"', inspect.getsource(settings)):
        assert f"| `{name}` |" in page, name


@pytest.mark.parametrize("sort", SORTS)
def test_a_sort_of_step_is_authored_checked_and_documented(sort: str) -> None:
    assert sort in Step.model_fields
    assert re.search(rf'"{sort}"', inspect.getsource(programmes))
    assert re.search(rf"^\| `{sort}`: ", (REFERENCE / "programmes.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_every_command_is_documented() -> None:
    from typer.main import get_command

    from touchline.cli.main import app

    page = (REFERENCE / "terminal.md").read_text(encoding="utf-8")
    for name, command in get_command(app).commands.items():
        assert f"`touchline {name}" in page, name
        for option in command.params:
            for flag in option.opts:
                if flag.startswith("--") and flag not in ("--workspace", "--json", "--as-of", "--help"):
                    assert flag in page, f"{name} {flag}"
