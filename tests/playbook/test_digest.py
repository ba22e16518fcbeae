"""A playbook's digest says what was authored: it changes with any value, and with nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.playbook import hearth
from touchline import playbook

CALL = "playbook/conversations/renewal_call.yaml"


def _turned_round(conversation: str) -> str:
    """The same keys, those on one line in the opposite order."""
    first, channels, last = conversation.partition("channels:")
    return "\n".join([*reversed(first.splitlines()), channels + last])


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    return playbook.load(hearth.write(tmp_path_factory.mktemp("hearth"))).digest


def test_a_digest_is_sixteen_hex_digits(digest: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", digest)


def test_the_same_playbook_has_the_same_digest_anywhere(digest: str, tmp_path: Path) -> None:
    assert playbook.load(hearth.write(tmp_path / "elsewhere")).digest == digest


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"touchline.yaml": "# a comment\n" + hearth.FILES["touchline.yaml"]}, id="a comment"),
        pytest.param({"playbook/README.md": "Notes."}, id="a note beside"),
        pytest.param({CALL: _turned_round(hearth.FILES[CALL])}, id="the order of keys"),
        pytest.param({CALL: None, "playbook/conversations/another.yaml": hearth.FILES[CALL]}, id="a file's name"),
        pytest.param(
            {"playbook/templates/renewal_call.liquid": "The text of renewal_call.liquid.\r\n"}, id="line ends"
        ),
        pytest.param(hearth.replaced(CALL, "lever: 1.0\n", ""), id="a default left out"),
    ],
)
def test_what_is_not_said_does_not_change_it(changes: dict[str, str | None], digest: str, tmp_path: Path) -> None:
    root = hearth.write(tmp_path)
    for file, text in changes.items():
        (root / file).unlink(missing_ok=True)
        if text is not None:
            (root / file).write_bytes(text.encode())
    assert playbook.load(root).digest == digest


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(hearth.replaced("touchline.yaml", "180 d", "181 d"), id="the organisation"),
        pytest.param(hearth.replaced("playbook/touchpoints.yaml", "weight: 3", "weight: 4"), id="a weight"),
        pytest.param(hearth.replaced("playbook/stages.yaml", "< 45", "< 46"), id="a condition"),
        pytest.param(hearth.replaced("playbook/policies.yaml", "at_most: 3", "at_most: 4"), id="a cap"),
        pytest.param(hearth.replaced("playbook/audiences.yaml", "> 180", "> 181"), id="an audience"),
        pytest.param(hearth.replaced("playbook/mapping.yaml", "-0.6}", "-0.5}"), id="a reading"),
        pytest.param(hearth.replaced(CALL, "lever: 1.0", "lever: 1.5"), id="a lever"),
        pytest.param(hearth.replaced("playbook/imports/cdnow.yaml", "dollars < 0", "dollars <= 0"), id="an import"),
        pytest.param({"playbook/templates/thanks.mjml": "Another text."}, id="a template's text"),
    ],
)
def test_any_value_changes_it(changes: dict[str, str | None], digest: str, tmp_path: Path) -> None:
    assert playbook.load(hearth.write(tmp_path, changes)).digest != digest


def test_the_order_of_stages_changes_it(digest: str, tmp_path: Path) -> None:
    lines = hearth.FILES["playbook/stages.yaml"].splitlines()
    swapped = "\n".join([lines[1], lines[0], *lines[2:], ""])
    assert playbook.load(hearth.write(tmp_path, {"playbook/stages.yaml": swapped})).digest != digest
