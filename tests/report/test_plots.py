"""Charts: what is drawn is what the table says, on either theme, under the strict policy, whatever names hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from touchline.kernel.times import DAY
from touchline.report import plots, vega
from touchline.report.curve import Point
from touchline.report.figures import Estimate
from touchline.report.plots import Compared
from touchline.report.tokens import palette

SVG = "{http://www.w3.org/2000/svg}"
NOW = 1_780_000_000_000_000
HOSTILE = '</text><script>alert(1)</script> & "x" {{datum}} \x00\u202e' + "\U0001f469" * 40
GROUPS = (
    Compared("everybody", 800, 200, 0.31, 0.27, 0.04, -0.012, 0.083),
    Compared(HOSTILE, 80, 20, 0.4, 0.27, 0.13, 0.04, 0.221),
    Compared("the others", 0, 0, None, None, None, None, None),
)
HISTOGRAM = (0, 0, 0, 0, 0, 1, 4, 9, 20, 40, 60, 30, 10, 5, 2, 0, 0, 0, 0, 0)
MEAN = Estimate(0.021, -0.004, 0.046, 181)
POINTS = tuple(Point(NOW + 30 * DAY * i, 0.02 * i - 0.05, 0.02 * i - 0.08, 0.02 * i - 0.02, 40 + i) for i in range(8))


def charts() -> tuple[vega.Chart, ...]:
    return (
        plots.differences("Welcome", "renewed", GROUPS),
        plots.distribution(HISTOGRAM, MEAN),
        plots.course(POINTS, "Europe/Berlin"),
    )


def drawn(chart: vega.Chart) -> ET.Element:
    return ET.fromstring(vega.svg(chart).text)


def at(node: ET.Element) -> tuple[float, float]:
    found = re.fullmatch(r"translate\(([-\d.]+),([-\d.]+)\)", node.get("transform", "translate(0,0)"))
    assert found
    return float(found[1]), float(found[2])


def told(node: ET.Element) -> str:
    return node.findtext(f"{SVG}title") or ""


def test_the_ends_of_an_interval_stand_where_the_axis_says_that_they_are() -> None:
    root = drawn(plots.differences("Welcome", "renewed", GROUPS))
    ticks = {text.text: at(text)[0] for text in root.iter(f"{SVG}text") if text.text in ("0", "+10", "+20")}
    unit = (ticks["+20"] - ticks["0"]) / 20
    intervals = [line for line in root.iter(f"{SVG}line") if told(line)]
    points = [path for path in root.iter(f"{SVG}path") if told(path)]
    known = [one for one in GROUPS if one.difference is not None]
    assert (len(intervals), len(points)) == (len(known), len(known))
    for one, line, point in zip(known, intervals, points, strict=True):
        start, length = at(line)[0], float(line.get("x2", "0"))
        for place, share in ((start, one.low), (start + length, one.high), (at(point)[0], one.difference)):
            assert share is not None
            assert place == pytest.approx(ticks["0"] + 100 * share * unit, abs=1), one.name
    zeroes = [path for path in root.iter(f"{SVG}path") if path.get("fill") == "var(--soft)"]
    places = [float(re.match(r"M([-\d.]+),", path.get("d", ""))[1]) for path in zeroes]  # type: ignore[index] # always drawn so
    assert places == [pytest.approx(ticks["0"], abs=1)] * len(GROUPS)


def test_the_table_says_what_is_written_beside_the_marks() -> None:
    chart = plots.differences("Welcome", "renewed", GROUPS)
    texts = [text.text or "" for text in drawn(chart).iter(f"{SVG}text")]
    for row in chart.rows[:2]:
        assert f"{row[5]} (95 % {row[6]})" in texts
    assert chart.rows[2][5:] == ("unknown", "")
    assert "nothing to compare yet" in texts


def test_bars_are_as_tall_as_their_bins_are_full() -> None:
    chart = plots.distribution(HISTOGRAM, MEAN)
    bars = {told(path): path for path in drawn(chart).iter(f"{SVG}path") if "customer" in told(path)}
    heights = {
        name: abs(float(re.search(r"v([-\d.]+)", path.get("d", ""))[1]))  # type: ignore[index] # as above
        for name, path in bars.items()
    }
    for span, customers, _ in chart.rows:
        found = next(height for name, height in heights.items() if name.startswith(f"{span}:"))
        assert found == pytest.approx(int(customers) * max(heights.values()) / 60, abs=0.5)


def test_a_course_passes_through_its_points() -> None:
    chart = plots.course(POINTS, "Europe/Berlin")
    dots = [path for path in drawn(chart).iter(f"{SVG}path") if told(path)]
    slope = (at(dots[-1])[1] - at(dots[0])[1]) / (POINTS[-1].value - POINTS[0].value)
    for one, dot in zip(POINTS, dots, strict=True):
        assert at(dot)[1] - at(dots[0])[1] == pytest.approx((one.value - POINTS[0].value) * slope, abs=1)
    assert [row[1] for row in chart.rows] == [str(one.n) for one in POINTS]


def test_whatever_a_name_holds_it_stays_text() -> None:
    root = drawn(plots.differences(HOSTILE, HOSTILE, GROUPS))
    allowed = {f"{SVG}{name}" for name in ("svg", "g", "path", "line", "rect", "text", "tspan", "title", "desc")}
    assert {node.tag for node in root.iter()} <= allowed
    assert "<script>alert(1)" in (root.findtext(f"{SVG}title") or "")
    for node in root.iter():
        assert not {"style", "class", "href", "onclick"} & node.attrib.keys() - ({"class"} if node is root else set())


def test_a_page_of_either_theme_colours_the_same_drawing() -> None:
    for chart in charts():
        root = drawn(chart)
        colours = {node.get(name) for node in root.iter() for name in ("fill", "stroke")} - {None, "none"}
        names = {re.fullmatch(r"var\(--([a-z]+)\)", str(colour)) for colour in colours}
        assert all(found and found[1] in palette("dark") for found in names), colours
        assert not any("font-family" in node.attrib for node in root.iter())
        assert {node.get("font-size") for node in root.iter(f"{SVG}text")} == {"12px"}
        assert (root.get("role"), bool(root.findtext(f"{SVG}desc"))) == ("img", True)


def test_a_saved_chart_stands_by_itself() -> None:
    for chart in charts():
        text = vega.saved(chart, "svg").decode()
        assert "var(" not in text
        assert palette("light")["accent"] in text
        ET.fromstring(text)
    assert vega.saved(charts()[0], "png").startswith(b"\x89PNG\r\n")
