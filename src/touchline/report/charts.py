"""In: the base's figures. Out: small drawings of them: distribution, course over time, a value on its scale, a bar.
Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence

from touchline.report import figures
from touchline.report.curve import Point
from touchline.report.figures import Estimate
from touchline.report.line import tone
from touchline.report.markup import Markup, element, figure
from touchline.report.scales import Linear, month_ticks
from touchline.report.totals import EDGES

XMLNS = "http://www.w3.org/2000/svg"


def distribution(histogram: Sequence[int]) -> Markup:
    """Customers by experience, twenty bars from -1 to 1, zero marked, the tallest labelled."""
    width, height, base = 520.0, 150.0, 124.0
    x = Linear((-1, 1), (6, width - 6))
    tallest = max(histogram, default=0) or 1
    bars: list[Markup] = []
    for low, high, count in zip(EDGES[:-1], EDGES[1:], histogram, strict=True):
        top = base - 100 * count / tallest
        told = f"{figures.number(low, 1)} to {figures.number(high, 1)}: {figures.plural(count, 'customer')}"
        bars.append(
            element(
                "g",
                {"class": "hist"},
                element("title", {}, told),
                element(
                    "rect",
                    {
                        "class": tone((low + high) / 2),
                        "x": x(low) + 1,
                        "y": top,
                        "width": x(high) - x(low) - 2,
                        "height": max(base - top, 0.8 if count else 0.0),
                    },
                ),
            )
        )
    peak = histogram.index(tallest) if tallest in histogram else 0
    at = x((EDGES[peak] + EDGES[peak + 1]) / 2)
    return element(
        "svg",
        {
            "class": "dist",
            "viewBox": f"0 0 {figure(width)} {figure(height)}",
            "role": "img",
            "aria-label": "Customers by experience from −1 to 1",
            "xmlns": XMLNS,
        },
        bars,
        element("line", {"class": "axis", "x1": 6, "x2": width - 6, "y1": base, "y2": base}),
        element("line", {"class": "zero", "x1": x(0), "x2": x(0), "y1": base, "y2": base + 5}),
        [
            element("text", {"class": "tick", "x": x(v), "y": base + 18}, figures.signed(v, 1) if v else "0")
            for v in (-1.0, -0.5, 0.0, 0.5, 1.0)
        ],
        element("text", {"class": "tick", "x": at, "y": base - 106}, figures.number(tallest))
        if sum(histogram)
        else None,
    )


def course(points: Sequence[Point], zone: str) -> Markup:
    """The base's mean experience over time with its interval; the scale is its own and is written beside it."""
    width, height, left = 520.0, 150.0, 40.0
    low, high = min(0.0, *(p.low for p in points)), max(0.0, *(p.high for p in points))
    room = (high - low) * 0.12 or 0.05
    y = Linear((low - room, high + room), (124, 8))
    x = Linear((points[0].at, points[-1].at), (left, width - 62))
    upper = [f"{figure(x(p.at))},{figure(y(p.high))}" for p in points]
    lower = [f"{figure(x(p.at))},{figure(y(p.low))}" for p in reversed(points)]
    lowest = min(points, key=lambda p: p.value)
    last = points[-1]
    marked = [
        element(
            "g",
            {},
            element(
                "title",
                {},
                _told(p, zone),
            ),
            element("circle", {"class": "pt", "cx": x(p.at), "cy": y(p.value), "r": 2.2}),
        )
        for p in points
    ]
    ticks = [
        element("text", {"class": "tick", "x": x(t.at), "y": 142}, t.text)
        for t in month_ticks(points[0].at, points[-1].at, zone, 6)
        if x(t.at) < width - 90 and x(t.at) > left + 8
    ]
    levels = [value for value in (low, 0.0, high) if value == 0.0 or abs(value) > 0.15 * (high - low)]
    return element(
        "svg",
        {
            "class": "course",
            "viewBox": f"0 0 {figure(width)} {figure(height)}",
            "role": "img",
            "aria-label": "Mean experience of the base over time",
            "xmlns": XMLNS,
        },
        [
            element("line", {"class": "axis", "x1": left, "x2": width - 62, "y1": y(v), "y2": y(v)})
            for v in dict.fromkeys(levels)
        ],
        [
            element("text", {"x": left - 6, "y": y(v) + 4, "text-anchor": "end"}, figures.signed(v) if v else "0")
            for v in dict.fromkeys(levels)
        ],
        element("path", {"class": "band", "d": f"M{' L'.join(upper + lower)}Z"}),
        element(
            "path", {"class": "curve", "d": "M" + " L".join(f"{figure(x(p.at))},{figure(y(p.value))}" for p in points)}
        ),
        marked,
        ticks,
        element(
            "text", {"class": "lab", "x": x(last.at) + 8, "y": y(last.value) + 4}, f"{figures.signed(last.value)} now"
        ),
        element(
            "text",
            {"class": "lab", "x": x(lowest.at), "y": y(lowest.low) + 14, "text-anchor": "middle"},
            f"{figures.signed(lowest.value)}",
        )
        if lowest is not last and lowest.value < last.value - 0.1 * (high - low)
        else None,
    )


def on_scale(estimate: Estimate) -> Markup:
    """A value and its interval on the scale from -1 to 1, zero marked."""
    x = Linear((-1, 1), (4, 96))
    low, high = max(-1.0, estimate.low), min(1.0, estimate.high)
    return element(
        "svg",
        {"viewBox": "0 0 100 14", "preserveAspectRatio": "none", "aria-hidden": "true", "xmlns": XMLNS},
        element("line", {"class": "axis", "x1": 0, "x2": 100, "y1": 7, "y2": 7}),
        element("line", {"class": "zero", "x1": x(0), "x2": x(0), "y1": 3, "y2": 11}),
        element("rect", {"class": "iv", "x": x(low), "y": 5, "width": max(0.6, x(high) - x(low)), "height": 4}),
        element(
            "rect",
            {
                "class": "pt",
                "x": x(max(-1.0, min(1.0, estimate.value))) - 1.4,
                "y": 2.5,
                "width": 2.8,
                "height": 9,
                "rx": 1,
            },
        ),
    )


def bar(share: float) -> Markup:
    """A share of one as a bar on its track."""
    return element(
        "svg",
        {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria-hidden": "true", "xmlns": XMLNS},
        element("rect", {"class": "track", "x": 0, "y": 0, "width": 100, "height": 10}),
        element("rect", {"class": "bar", "x": 0, "y": 0, "width": max(0.0, min(1.0, share)) * 100, "height": 10}),
    )


def _told(p: Point, zone: str) -> str:
    between = f"{figures.number(p.low, 2)} to {figures.number(p.high, 2)}"
    return f"{figures.date(p.at, zone)}: {figures.signed(p.value)} (95\N{NARROW NO-BREAK SPACE}% {between})"
