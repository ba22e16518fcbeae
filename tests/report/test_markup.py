"""Outside text stays text."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.report.markup import element, escaped, figure, fragment, raw_style


@given(st.text())
def test_any_text_stays_one_text_node_and_one_attribute(text: str) -> None:
    tree = ElementTree.fromstring(str(element("p", {"title": text}, text)))
    assert len(tree) == 0
    assert set(tree.attrib) == {"title"}


def test_markup_in_a_name_is_written_out() -> None:
    assert str(element("b", {}, "<script>alert(1)</script>")) == "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>"
    assert str(element("b", {"title": '"><img src=x>'})) == '<b title="&quot;&gt;&lt;img src=x&gt;"></b>'


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert escaped("a\x00b\x1f\ud800c") == "a\ufffdb\ufffd\ufffdc"


def test_direction_controls_are_left_out() -> None:
    assert escaped("\u202egnp.exe\u2066") == "gnp.exe"


def test_what_is_markup_already_is_not_escaped_again() -> None:
    assert str(element("p", {}, element("b", {}, "a & b"), fragment("c", None, [1, element("br")]))) == (
        "<p><b>a &amp; b</b>c1<br/></p>"
    )


def test_an_attribute_of_none_is_left_out() -> None:
    assert str(element("td", {"class": None, "x": 1.50})) == '<td x="1.5"></td>'


@pytest.mark.parametrize(("value", "text"), [(1.0, "1"), (-0.001, "0"), (0.125, "0.12"), (12.3456, "12.35"), (7, "7")])
def test_figures_are_written_short(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_sheet_that_closes_its_element_is_refused() -> None:
    with pytest.raises(ValueError, match="close"):
        raw_style("</style><script>")
