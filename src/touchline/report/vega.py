"""In: a chart in Vega-Lite with the table behind it. Out: its SVG for a page of either theme; SVG and PNG to save. Writes no interactions.

Vega draws with the names of the tokens for colours (`var(--accent)`), so one drawing serves light and dark. What comes back is
built anew from a closed list of elements and attributes: no style, script, link or class passes, whatever Vega emits. What goes in
is cleaned of characters that XML forbids, since one of them in a text ends the whole process: vl-convert measures texts by way of
SVG and takes it for granted that it parses. Vega runs in V8, which is loaded at the first drawing; until then this module costs nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

from touchline.report.markup import Markup, clean, element, figure
from touchline.report.tokens import palette

WIDTH = 358
"""Pixels of every chart: a phone's page, or the narrower column of a wide one, so that texts keep their size on both."""
FONT = "Inter, system-ui, sans-serif"
KEPT = 256
"""Drawings that one process keeps, some 5 KB each."""
FORMATS = {"svg": "image/svg+xml", "png": "image/png"}
"""What a chart can be saved as, with the type that says so."""
SCALE = 2
"""Pixels of a saved PNG for each of the drawing."""

_VARIABLE = re.compile(r"var\(--([a-z0-9-]+)\)")
_SHAPES = frozenset({"path", "line", "rect", "circle"})
_ALLOWED = frozenset((
    "d", "x", "y", "x1", "x2", "y1", "y2", "dx", "dy", "cx", "cy", "r", "rx", "ry", "width", "height", "transform",
    "fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap",
    "stroke-linejoin", "stroke-miterlimit", "opacity", "font-size", "font-weight", "text-anchor",
))  # fmt: skip
_NOTHING = {"opacity": "1", "transform": "translate(0,0)", "font-weight": "normal"}
"""Attributes whose value changes nothing."""
_LONG = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True)
class Chart:
    """A chart.

    title       what it shows, and `told` what can be seen in it, for those who do not see it
    spec        in Vega-Lite, as JSON; colours are variables of the tokens
    head, rows  the table behind it, as texts; its first column names the row
    """

    title: str
    told: str
    spec: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def colour(token: str) -> str:
    """How a chart names a colour of the tokens."""
    return f"var(--{token})"


def themed(spec: dict[str, Any], height: int) -> str:
    """A Vega-Lite object as the `spec` of a chart: every text clean, the shared theme and size with it."""
    size = {"width": WIDTH, "height": height, "autosize": {"type": "fit", "contains": "padding"}, "padding": 1}
    return json.dumps({**_cleaned(spec), **size, "config": _config()}, sort_keys=True, allow_nan=False)


def _cleaned(part: Any) -> Any:
    """The same without characters that XML forbids, in whatever text."""
    if isinstance(part, str):
        return clean(part)
    if isinstance(part, dict):
        return {clean(key): _cleaned(value) for key, value in part.items()}
    return [_cleaned(one) for one in part] if isinstance(part, list) else part


def _config() -> dict[str, Any]:
    """The theme: the page's own text, lines instead of boxes, no legend, nothing that is not asked for."""
    quiet = {"labelColor": colour("soft"), "titleColor": colour("soft"), "titleFontWeight": "normal"}
    sizes = {"labelFontSize": 12, "titleFontSize": 12, "labelPadding": 5, "titlePadding": 6}
    lines = {"grid": False, "ticks": False, "domainColor": colour("rule"), "gridColor": colour("rule")}
    return {
        "background": None,
        "font": FONT,
        "mark": {"aria": False, "color": colour("accent")},
        "rule": {"color": colour("accent")},
        "text": {"fontSize": 12, "color": colour("ink")},
        "axis": {**quiet, **sizes, **lines, "aria": False, "labelFlush": True},
        "legend": {"disable": True},
        "view": {"stroke": None},
    }


@lru_cache(maxsize=KEPT)
def svg(chart: Chart) -> Markup:
    """The chart for a page that has the tokens: `<svg class="chart" role="img">` with title and description."""
    root = _drawn(chart.spec)
    return element(
        "svg",
        {"class": "chart", **_named(root)},
        *_said(chart),
        *(_rebuilt(child, lambda value: value) for child in root),
    )


@lru_cache(maxsize=16)
def saved(chart: Chart, form: str) -> bytes:
    """The chart as a file that stands by itself: `svg` or `png`, on paper, in the light theme's colours."""
    root, light = _drawn(chart.spec), palette("light")
    paper = element("rect", {"width": "100%", "height": "100%", "fill": light["paper"]})

    def put_in(value: str) -> str:
        return _VARIABLE.sub(lambda found: light[found[1]], value)

    text = str(
        element(
            "svg",
            {"font-family": FONT, **_named(root)},
            *_said(chart),
            paper,
            *(_rebuilt(child, put_in) for child in root),
        )
    )
    if form == "svg":
        return text.encode()
    import vl_convert

    return bytes(vl_convert.svg_to_png(text, scale=SCALE))


def warm() -> None:
    """Load what charts are drawn with, so that the first page with one need not wait for it."""
    import altair as alt

    one = alt.Chart(alt.Data(values=[{"x": 0}])).mark_rule().encode(x="x:Q")
    _drawn(themed(one.to_dict(), 20))


def _named(root: ET.Element) -> dict[str, str | int | float | None]:
    """What the drawing is, and its size."""
    size = {name: root.get(name) for name in ("viewBox", "width", "height")}
    return {"role": "img", "xmlns": "http://www.w3.org/2000/svg", **size}


def _said(chart: Chart) -> tuple[Markup, Markup]:
    return element("title", {}, chart.title), element("desc", {}, chart.told)


def _drawn(spec: str) -> ET.Element:
    """What Vega makes of it; its own text, in which all outside text is escaped."""
    import vl_convert

    return ET.fromstring(vl_convert.vegalite_to_svg(spec))  # noqa: S314 - made here, without a document type


def _rebuilt(node: ET.Element, shown: Callable[[str], str]) -> Markup | None:
    """The element with what is allowed of it, or None where nothing of it would be seen."""
    name = node.tag.rpartition("}")[2]
    if node.get("display") == "none" or node.get("opacity") == "0":
        return None
    kept = {
        key: shown(_LONG.sub(lambda found: figure(float(found[0])), value))
        for key, value in node.attrib.items()
        if key in _ALLOWED and _NOTHING.get(key) != value
    }
    if name == "g":
        inner = [made for child in node if (made := _rebuilt(child, shown)) is not None]
        return element("g", dict(kept), inner) if inner else None
    if name in _SHAPES and (kept.get("fill") or kept.get("stroke")):
        label = node.get("aria-label")
        return element(name, dict(kept), element("title", {}, label) if label else None)
    if name in ("text", "tspan"):
        lines = [made for child in node if (made := _rebuilt(child, shown)) is not None]
        return element(name, dict(kept), node.text, lines)
    return None
