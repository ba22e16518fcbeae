"""In: differences with their intervals, the base's distribution, its course. Out: charts of them, with the table behind each. Writes no interactions.

What a chart needs to be read stands in it: names and values beside the marks, a line at zero, every interval.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from touchline.report import figures
from touchline.report.curve import Point
from touchline.report.figures import Estimate
from touchline.report.line import tone
from touchline.report.scales import month_ticks
from touchline.report.totals import EDGES
from touchline.report.vega import Chart, colour, themed

ROW = 48
"""Pixels of a row of intervals: a line of text, and the interval under it."""
AXIS = 44
"""Pixels of an axis with its title."""
NAMED, MEANT = 18, 24
"""Letters of a group's name, and of a goal, for which a chart has room; Vega would cut letters beyond its first plane in two."""
TONES = {"good": "good", "bad": "bad", "neu": "neutral", "unk": "neutral"}
"""Class of a reading -> its token."""


@dataclass(frozen=True)
class Compared:
    """Two arms of one group.

    name        of the group
    n_treated, n_control  customers of the arms; `treated` and `control` the shares of them that reached the goal
    difference  of the shares, with its interval; None where there is nothing to compare
    """

    name: str
    n_treated: int
    n_control: int
    treated: float | None
    control: float | None
    difference: float | None
    low: float | None
    high: float | None


@lru_cache(maxsize=64)
def differences(title: str, goal: str, groups: tuple[Compared, ...]) -> Chart:
    """Each group's difference with its 95 % interval against zero, in percentage points."""
    import altair as alt

    rows = [_compared(place, one) for place, one in enumerate(groups)]
    known = [one for one in rows if one["low"] is not None]
    low, high = min([0.0, *(one["low"] for one in known)]), max([0.0, *(one["high"] for one in known)])
    room = 0.05 * (high - low) or 1.0
    where = alt.Y("row:O", axis=None, scale=alt.Scale(domain=list(range(len(rows))), padding=0))
    scale = alt.Scale(domain=[low - room, high + room], nice=False)
    axis = alt.Axis(
        title=f"difference in {_short(goal, MEANT)}, points; n treated + control", tickCount=5, labelExpr=_SIGNED
    )
    ground = alt.Chart(alt.Data(values=rows)).encode(y=where)
    held = alt.Chart(alt.Data(values=known)).encode(y=where)
    chart = alt.layer(
        ground.mark_tick(orient="vertical", size=16, thickness=1, yOffset=12, opacity=1, color=colour("soft")).encode(
            x=alt.XDatum(0, scale=scale, axis=axis, type="quantitative")
        ),
        held.mark_rule(strokeWidth=3, yOffset=12, strokeCap="round", opacity=0.45, aria=True).encode(
            x="low:Q", x2="high:Q", description="told:N"
        ),
        held.mark_point(filled=True, size=64, opacity=1, yOffset=12, aria=True).encode(
            x="value:Q", description="told:N"
        ),
        ground.mark_text(align="left", yOffset=-8).encode(x=alt.XValue(0), text="name:N"),
        ground.mark_text(align="right", yOffset=-8).encode(x=alt.XValue("width"), text="figure:N"),
    )
    return Chart(
        title,
        " ".join(one["told"] + "." for one in rows),
        themed(chart.to_dict(), ROW * len(rows) + AXIS),
        ("who", "treated, n", "reached", "control, n", "reached", "difference, points", "95 %"),
        tuple(_row(one) for one in groups),
    )


def _compared(place: int, one: Compared) -> dict[str, Any]:
    sizes = f"n {figures.number(one.n_treated)} + {figures.number(one.n_control)}"
    name = f"{_short(figures.upper(one.name), NAMED)}, {sizes}"
    if one.difference is None or one.low is None or one.high is None:
        told = f"{name}: nothing to compare yet"
        return {"row": place, "name": name, "figure": "nothing to compare yet", "told": told, "low": None}
    value, low, high = 100 * one.difference, 100 * one.low, 100 * one.high
    figure = f"{figures.signed(value, 1)} (95 % {figures.signed(low, 1)} to {figures.signed(high, 1)})"
    places = {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}
    return {"row": place, "name": name, "figure": figure, "told": f"{name}: {figure} points", **places}


def _short(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _row(one: Compared) -> tuple[str, ...]:
    arms = (_arm(one.n_treated, one.treated), _arm(one.n_control, one.control))
    if one.difference is None or one.low is None or one.high is None:
        return (one.name, *arms[0], *arms[1], "unknown", "")
    points, low, high = (figures.signed(100 * share, 1) for share in (one.difference, one.low, one.high))
    return (one.name, *arms[0], *arms[1], points, f"{low} to {high}")


def _arm(n: int, share: float | None) -> tuple[str, str]:
    return figures.number(n), "" if share is None else figures.percent(share)


@lru_cache(maxsize=16)
def distribution(histogram: tuple[int, ...], mean: Estimate) -> Chart:
    """Customers by experience in twenty bins from -1 to 1, and their mean with its interval above them."""
    import altair as alt

    bins = [_bin(low, high, n) for low, high, n in zip(EDGES[:-1], EDGES[1:], histogram, strict=True)]
    tallest = max(bins, key=lambda one: one["n"])
    centre = {"value": mean.value, "low": max(-1.0, mean.low), "high": min(1.0, mean.high)}
    centre |= {"name": max(-_INWARDS, min(_INWARDS, mean.value)), "zero": 0, "top": tallest["n"]}
    figure = f"mean {figures.signed(mean.value)} (95 % {figures.interval(mean)})"
    axis = alt.Axis(values=[-1, -0.5, 0, 0.5, 1], title="experience", labelExpr=_SIGNED)
    scale = alt.Scale(domain=[-1, 1], nice=False)
    upwards = alt.Scale(domain=[0, max(1, tallest["n"]) * 1.5], nice=False)
    bars = alt.Chart(alt.Data(values=bins)).encode(x=alt.X("from:Q", scale=scale, axis=axis), x2="to:Q")
    middle = alt.Chart(alt.Data(values=[centre]))
    chart = alt.layer(
        bars.mark_rect(opacity=0.85, aria=True).encode(
            y=alt.Y("n:Q", scale=upwards, axis=None),
            y2=alt.Y2Datum(0),
            color=alt.Color("tone:N", scale=None),
            description="told:N",
        ),
        alt.Chart(alt.Data(values=[tallest]))
        .mark_text(dy=-8, color=colour("soft"))
        .encode(x="middle:Q", y="n:Q", text="figure:N"),
        middle.mark_rule(color=colour("soft"), strokeDash=[2, 2]).encode(x="zero:Q", y="zero:Q", y2="top:Q"),
        middle.mark_text().encode(x="name:Q", y=alt.YValue(6), text=alt.TextValue(figure)),
        middle.mark_rule(strokeWidth=3, strokeCap="round", opacity=0.45).encode(
            x="low:Q", x2="high:Q", y=alt.YValue(22)
        ),
        middle.mark_point(filled=True, size=64, opacity=1).encode(x="value:Q", y=alt.YValue(22)),
    )
    n = figures.plural(mean.n, "customer")
    return Chart(
        f"Customers by experience from {figures.number(-1)} to 1",
        f"{n}, {figure}. Most, {tallest['figure']}, are between {tallest['span']}.",
        themed(chart.to_dict(), 190),
        ("experience", "customers", "share"),
        tuple((one["span"], one["figure"], figures.percent(one["n"] / max(1, sum(histogram)))) for one in bins),
    )


def _bin(low: float, high: float, n: int) -> dict[str, Any]:
    middle, span = (low + high) / 2, f"{figures.number(low, 1)} to {figures.number(high, 1)}"
    sides = {"from": low + 0.005, "to": high - 0.005, "middle": round(middle, 2)}
    shown = {"tone": colour(TONES[tone(middle)]), "figure": figures.number(n)}
    return {**sides, **shown, "n": n, "span": span, "told": f"{span}: {figures.plural(n, 'customer')}"}


@lru_cache(maxsize=16)
def course(points: tuple[Point, ...], zone: str) -> Chart:
    """The base's mean experience over time with its interval; at least two points."""
    import altair as alt

    first, last = points[0], points[-1]
    low, high = min(0.0, *(p.low for p in points)), max(0.0, *(p.high for p in points))
    room = 0.12 * (high - low) or 0.05
    ticks = month_ticks(first.at, last.at, zone, 5)
    named = f"{json.dumps([one.text for one in ticks])}[indexof({json.dumps([one.at for one in ticks])}, datum.value)]"
    along = alt.Scale(domain=[first.at, last.at], nice=False)
    axis = alt.Axis(values=[one.at for one in ticks], labelExpr=named, title=None)
    upwards = alt.Axis(title=None, tickCount=4, labelExpr=_SIGNED, grid=True, domain=False)
    scale = alt.Scale(domain=[low - room, high + room], nice=False)
    told = [{**vars(one), "told": _told(one, zone)} for one in points]
    shown = alt.Chart(alt.Data(values=told)).encode(
        x=alt.X("at:Q", scale=along, axis=axis), y=alt.Y("value:Q", scale=scale, axis=upwards)
    )
    end = {**told[-1], "figure": f"{figures.signed(last.value)} now"}
    latest = alt.Chart(alt.Data(values=[end])).encode(x="at:Q", y="value:Q", text="figure:N")
    chart = alt.layer(
        shown.mark_area(opacity=0.16).encode(y=alt.Y("low:Q"), y2="high:Q"),
        alt.Chart(alt.Data(values=[{}]))
        .mark_rule(color=colour("soft"))
        .encode(x=alt.XValue(0), x2=alt.X2Value("width"), y=alt.YDatum(0)),
        shown.mark_line(strokeWidth=2, strokeJoin="round"),
        shown.mark_point(filled=True, size=22, opacity=1, aria=True).encode(description="told:N"),
        latest.mark_text(align="right", dy=-14, fontWeight=600),
    )
    return Chart(
        "The base’s mean experience over time",
        f"From {_told(first, zone)} to {_told(last, zone)}.",
        themed(chart.to_dict(), 190),
        ("on", "customers", "experience, mean", "95 %"),
        tuple(
            (
                figures.date(one.at, zone),
                figures.number(one.n),
                figures.signed(one.value),
                _between(one),
            )
            for one in points
        ),
    )


def _told(one: Point, zone: str) -> str:
    return f"{figures.signed(one.value)} (95 % {_between(one)}) on {figures.date(one.at, zone)}"


def _between(one: Point) -> str:
    return figures.interval(Estimate(one.value, one.low, one.high, one.n))


_INWARDS = 0.44
"""How far from the middle the mean's text may stand, so that it ends within the chart."""
_SIGNED = "datum.value == 0 ? '0' : format(datum.value, '+~g')"
"""How an axis writes a value: with its sign, zero without."""
