"""The organisation's name, colour and logo; whatever colour is authored, what is written in it can be read."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from touchline import playbook
from touchline.pages import looks
from touchline.report.tokens import DARK, LIGHT, contrast
from touchline.workspace import authoring
from touchline.workspace.opened import Workspace

COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")


@given(COLOURS)
def test_text_in_the_authored_colour_and_on_it_can_be_read(colour: str) -> None:
    for theme in (LIGHT, DARK):
        used = looks.accent(colour, theme)
        assert used in (colour, theme["ink"])
        assert contrast(used, theme["paper"]) >= 4.5
        assert contrast(used, theme["wash"]) >= 4.5


def test_the_style_has_the_authored_colour_and_the_page_the_logo(company: Workspace) -> None:
    assert "--accent:#0b6462;" in Client().get("/u/style.css").content.decode()
    logo = Client().get("/u/logo")
    assert logo.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in logo.headers["Content-Security-Policy"]
    assert b"<svg" in logo.content


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("colour: teal", "`teal` is not a colour."),
        ('colour: "#12345"', "`#12345` is not a colour."),
        ("logo: ../../etc/passwd.png", "`../../etc/passwd.png` is not the name of a picture."),
        ("logo: logo.html", "`logo.html` is not the name of a picture."),
        ("logo: missing.svg", "There is no file `missing.svg` beside it, or it has more than 256 KB."),
        ("reciprocity: {weather: sun}", "weather"),
    ],
)
def test_a_wrong_colour_logo_or_promise_is_a_fault(tmp_path: Path, line: str, what: str) -> None:
    root = playbook.new(tmp_path / "w", "blank")
    text = (root / "touchline.yaml").read_text()
    (root / "touchline.yaml").write_text(text + dedent(line) + "\n")
    assert any(what in fault.what for fault in authoring.check(root))
