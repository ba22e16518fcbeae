"""Colours can be read, in both themes."""

from __future__ import annotations

import re

import pytest

from touchline.report.tokens import FULL, PAIRS, STEPS, contrast, heat_class, palette, style_sheet


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_every_text_stands_out_from_its_ground(theme: str, text: str, ground: str) -> None:
    colours = palette(theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_both_themes_have_the_same_names() -> None:
    assert palette("light").keys() == palette("dark").keys()


def test_the_sheet_uses_no_colour_that_is_not_a_token() -> None:
    sheet = style_sheet()
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", sheet)) - {"c"}
    assert used <= palette("light").keys()
    rules = sheet.split("hp0{", 1)[1]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(", rules) == []


def test_the_sheet_loads_nothing() -> None:
    assert "url(" not in style_sheet()
    assert "@import" not in style_sheet()


def test_the_scale_runs_from_rust_over_grey_to_blue_green() -> None:
    assert heat_class(-1.0) == heat_class(-FULL) == f"h hm{STEPS}"
    assert heat_class(0.0) == "h hp0"
    assert heat_class(FULL) == f"h hp{STEPS}"
    assert heat_class(None) == "h"
