"""In: a line view. Out: the line as SVG, large for a page or small for a table. Writes no interactions.

Good is above the axis, bad below, unknown on it; filled is the customer's act, hollow the organisation's; the shape
tells
the channel. Every mark has its sentence as a title, can be reached by keyboard, and leads to its row in the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from touchline.kernel.times import DAY
from touchline.report import figures
from touchline.report.curve import Point
from touchline.report.labels import Box, Labels, width_of
from touchline.report.markup import Child, Markup, element, figure, fragment
from touchline.report.scales import Linear, month_ticks
from touchline.report.view import SHAPES, Coming, LineView, Mark, Shape, Span

WIDTH = 1072.0
LEFT = 40.0
AHEAD = 236.0
"""Width kept right of today where something comes or is held."""
TOP, REACH = 32.0, 92.0
"""Height of the band of stage names; distance from the axis of a reading of 1."""
AXIS = TOP + REACH
LANE, LANES = 11.0, 3
LABELS = 7
COMING = 5
KNOWN, UNKNOWN = 4.6, 2.7
"""Radius of a mark with a reading, and without one."""


@dataclass(frozen=True)
class _Placed:
    mark: Mark
    x: float
    y: float
    r: float


def draw(view: LineView, *, prefix: str = "") -> Markup:
    """The line at full size. `prefix` begins the ids of the list's rows, to which the marks lead."""
    today = WIDTH - AHEAD if view.coming else WIDTH - 76
    x = Linear((view.start, view.now), (LEFT, today))
    y = Linear((-1, 1), (AXIS + REACH, AXIS - REACH))
    placed = _place(view.marks, x, y)
    lanes = _lanes(view.episodes, x, view.now)
    bottom = AXIS + REACH + 10
    under = bottom + LANE * max(1, min(LANES, 1 + max((lane for _, lane in lanes), default=0)))
    height = under + 40
    labels = Labels(Box(LEFT + 2, TOP - 6, today - 4, bottom))
    for one in placed:
        labels.block(Box(one.x - one.r, one.y - one.r, one.x + one.r, one.y + one.r))
    return element(
        "svg",
        {
            "class": "line",
            "viewBox": f"0 0 {figure(WIDTH)} {figure(height)}",
            "role": "group",
            "aria-label": describe(view),
            "xmlns": "http://www.w3.org/2000/svg",
        },
        _stages(view, x, bottom),
        element("line", {"class": "axis", "x1": LEFT, "x2": WIDTH - 6, "y1": AXIS, "y2": AXIS}),
        element("text", {"class": "side", "x": LEFT - 8, "y": AXIS - REACH + 4}, "good"),
        element("text", {"class": "side", "x": LEFT - 8, "y": AXIS + REACH + 4}, "bad"),
        _band(view.curve, x, y),
        _path("curve", view.curve, x, y),
        _ticks(view, x, under + 14, bottom),
        _episodes(lanes, x, bottom, view),
        element("line", {"class": "today", "x1": today, "x2": today, "y1": TOP - 24, "y2": under}),
        element("text", {"class": "tick", "x": today, "y": under + 14}, "today"),
        _ahead(view, today, y),
        [_stem(one) for one in placed],
        [_mark(one, prefix, height - 5, view.zone) for one in placed],
        _names(placed, labels),
    )


def draw_small(view: LineView, width: float = 168.0, height: float = 30.0) -> Markup:
    """The line for a table's cell: axis, curve with its band, a tick for each reading; the title says what it shows."""
    x = Linear((view.start, view.now), (2, width - 6))
    y = Linear((-1, 1), (height - 2, 2))
    middle = height / 2
    ticks = [
        element(
            "line", {"class": f"t {tone(m.reading)}", "x1": x(m.at), "x2": x(m.at), "y1": middle, "y2": y(m.reading)}
        )
        for m in view.marks
        if m.reading is not None
    ]
    end = (
        []
        if view.experience is None
        else [element("circle", {"class": "now", "cx": width - 6, "cy": y(view.experience.value), "r": 2.4})]
    )
    return element(
        "svg",
        {
            "class": "small",
            "viewBox": f"0 0 {figure(width)} {figure(height)}",
            "width": width,
            "height": height,
            "role": "img",
            "xmlns": "http://www.w3.org/2000/svg",
        },
        element("title", {}, describe(view)),
        element("line", {"class": "axis", "x1": 2, "x2": width - 2, "y1": middle, "y2": middle}),
        ticks,
        _band(view.curve, x, y),
        _path("curve", view.curve, x, y),
        end,
    )


def key() -> Markup:
    """What the signs mean, once a page: each sign drawn as on the line."""
    signs: list[Child] = [
        _sign(_shape("circle", 8, 8, KNOWN), "m neu fill", "filled: the customer’s act"),
        _sign(_shape("circle", 8, 8, KNOWN), "m neu hollow", "hollow: ours"),
        _sign(_shape("circle", 8, 8, KNOWN), "m good hollow", "site, app, social"),
        _sign(_shape("square", 8, 8, KNOWN), "m good hollow", "mail, letter, text"),
        _sign(_shape("diamond", 8, 8, KNOWN), "m good hollow", "call, chat"),
        _sign(_shape("triangle", 8, 8, KNOWN), "m good hollow", "shop, delivery"),
        _sign(_gift(8, 8, "+"), "m", "given"),
        _sign(_gift(8, 8, "?"), "m", "asked for"),
        _sign(element("path", {"class": "curve", "d": "M0,11 C6,11 8,4 16,4"}), "", "cumulative experience, 95 % band"),
    ]
    return element("p", {"class": "key"}, signs)


def sign_of(mark: Mark) -> Markup:
    """A mark's own sign, for the row of a list."""
    filled = "fill" if mark.whose == "customer" else "hollow"
    r = UNKNOWN + 0.6 if mark.reading is None else KNOWN
    inner = element("g", {"class": f"m {tone(mark.reading)} {filled}"}, _shape(mark.shape, 8, 8, r))
    return element("svg", {"class": "sw", "viewBox": "0 0 16 16", "aria-hidden": "true"}, inner)


def describe(view: LineView) -> str:
    """What the drawing shows, in one sentence."""
    span = f"from {figures.date(view.start, view.zone)} to {figures.date(view.now, view.zone)}"
    counted = figures.plural(len(view.marks), "encounter")
    if view.experience is None:
        return f"{view.name}: {counted} {span}, none with a reading."
    e = view.experience
    return f"{view.name}: {counted} {span}; experience {figures.number(e.value, 2)} ({figures.backing(e, 'reading')})."


def sentence(mark: Mark, zone: str) -> str:
    """What a mark says when it is pointed at: when, where, what, in whose words, how it was experienced, what it
    did."""
    parts = [figures.date_time(mark.at, zone), mark.what + (f", {mark.where}" if mark.where else "")]
    if mark.words:
        parts.append(f"“{mark.words}”")
    parts.append("reading unknown" if mark.reading is None else f"reading {figures.signed(mark.reading)}")
    if mark.effect is not None:
        parts.append(f"moved the experience by {figures.signed(mark.effect)}")
    if mark.gift:
        parts.append("something given")
    if mark.ask:
        parts.append("something asked for")
    return " · ".join((*parts, *mark.facts))


def tone(reading: float | None) -> str:
    """The class of a reading: good, bad, neu within 0.05 of zero, unk."""
    if reading is None:
        return "unk"
    return "good" if reading > 0.05 else "bad" if reading < -0.05 else "neu"


def _place(marks: Sequence[Mark], x: Linear, y: Linear) -> list[_Placed]:
    """Marks at their time and reading; those that would cover one another move sideways, a dozen units at most, never
    up or down."""
    placed: list[_Placed] = []
    for mark in sorted(marks, key=lambda one: (one.at, one.id)):
        r = UNKNOWN if mark.reading is None else KNOWN
        at, height = x(mark.at), y(mark.reading or 0.0)
        near = [p for p in placed[-60:] if abs(p.y - height) < p.r + r and abs(p.x - at) < 30]
        at = next((at + d for d in _SHIFTS if all(_apart(at + d, height, r, p) for p in near)), at)
        placed.append(_Placed(mark, min(max(at, LEFT + r), x.range[1] - r), height, r))
    return placed


_SHIFTS = (0.0, *(sign * step for step in (3.0, 6.0, 9.0, 12.0, 15.0, 18.0) for sign in (1, -1)))


def _apart(x: float, y: float, r: float, other: _Placed) -> bool:
    return (x - other.x) ** 2 + (y - other.y) ** 2 >= (0.92 * (r + other.r)) ** 2


def _shape(shape: Shape, x: float, y: float, r: float) -> Markup:
    match shape:
        case "circle":
            return element("circle", {"cx": x, "cy": y, "r": r})
        case "square":
            side, corner = 1.72 * r, 0.8 if r > UNKNOWN else None
            return element("rect", {"x": x - side / 2, "y": y - side / 2, "width": side, "height": side, "rx": corner})
        case "diamond":
            d = 1.24 * r
            out, back = figure(d), figure(-d)
            corners = f"l{out},{out} l{back},{out} l{back},{back}z"
            return element("path", {"d": f"M{figure(x)},{figure(y - d)} {corners}"})
        case "triangle":
            d = 1.22 * r
            return element(
                "path", {"d": f"M{figure(x)},{figure(y - d)} l{figure(d)},{figure(1.8 * d)} h{figure(-2 * d)}z"}
            )


def _stem(one: _Placed) -> Markup | None:
    if one.mark.reading is None or abs(one.y - AXIS) < one.r:
        return None
    end = one.y + one.r if one.y < AXIS else one.y - one.r
    return element("line", {"class": f"stem {tone(one.mark.reading)}", "x1": one.x, "x2": one.x, "y1": AXIS, "y2": end})


def _mark(one: _Placed, prefix: str, readout: float, zone: str) -> Markup:
    mark = one.mark
    told = sentence(mark, zone)
    filled = "fill" if mark.whose == "customer" else "hollow"
    anchor = "start" if one.x < WIDTH / 3 else "end" if one.x > WIDTH * 2 / 3 else "middle"
    place = {"start": max(LEFT, one.x - 60), "middle": one.x, "end": min(WIDTH - 6, one.x + 60)}[anchor]
    attributes: dict[str, str | int | float | None] = {
        "class": f"m {tone(mark.reading)} {filled}",
        "data-shape": mark.shape,
    }
    attributes |= {"href": f"#{prefix}{mark.id}"} if prefix else {"tabindex": 0, "role": "img"}
    return element(
        "a" if prefix else "g",
        attributes,
        element("title", {}, told),
        element("circle", {"class": "hit", "cx": one.x, "cy": one.y, "r": one.r + 4}),
        _shape(mark.shape, one.x, one.y, one.r),
        _gift(one.x, one.y - one.r - 9, "+") if mark.gift else None,
        _gift(one.x, one.y - one.r - 9, "?") if mark.ask and not mark.gift else None,
        element("text", {"class": "tip", "x": place, "y": readout, "text-anchor": anchor}, _short(told, 150)),
    )


def _gift(x: float, y: float, sign: str) -> Markup:
    return element(
        "g",
        {"class": "sign"},
        element("circle", {"cx": x, "cy": y, "r": 5.2}),
        element("text", {"x": x, "y": y + 3.4}, sign),
    )


def _sign(drawn: Markup, classes: str, meaning: str) -> Markup:
    return element(
        "span",
        {},
        element(
            "svg",
            {"class": "sg", "viewBox": "0 0 16 16", "width": 16, "height": 16, "aria-hidden": "true"},
            element("g", {"class": classes}, drawn),
        ),
        meaning,
    )


def _names(placed: Sequence[_Placed], labels: Labels) -> Markup:
    """Labels for the few marks that matter most, where there is room: a label never covers a mark or another label."""
    wanted = sorted(
        (p for p in placed if p.mark.label and p.mark.matters > 0),
        key=lambda p: (-p.mark.matters, p.mark.at, p.mark.id),
    )
    written: list[Markup] = []
    for one in wanted:
        if len(written) == LABELS:
            break
        text = _short(one.mark.label or "", 40)
        found = labels.place(one.x, one.y, one.r, width_of(text))
        if found is not None:
            written.append(
                element("text", {"class": "lab", "x": found.x, "y": found.y, "text-anchor": found.anchor}, text)
            )
    return fragment(written)


def _stages(view: LineView, x: Linear, bottom: float) -> Markup:
    """Quiet bands, every other one tinted; a name where it fits."""
    parts: list[Markup] = []
    right = -1.0
    for index, stage in enumerate(view.stages):
        start, end = max(LEFT, x(stage.start)), min(x.range[1], x(stage.end))
        if end <= start:
            continue
        lasted = f"{figures.date(stage.start, view.zone)} to {figures.date(stage.end, view.zone)}"
        parts.append(
            element(
                "rect",
                {
                    "class": "stage s1" if index % 2 else "stage",
                    "x": start,
                    "y": TOP - 24,
                    "width": end - start,
                    "height": bottom - TOP + 24,
                },
                element("title", {}, f"stage {figures.words(stage.name)}, {lasted}"),
            )
        )
        name = figures.words(stage.name)
        if end - start > width_of(name) + 8 and start >= right:
            parts.append(element("text", {"class": "stl", "x": start + 5, "y": TOP - 11}, name))
            right = start + 5 + width_of(name)
    return fragment(parts)


def _band(points: Sequence[Point], x: Linear, y: Linear) -> Markup | None:
    if len(points) < 2:
        return None
    upper = [f"{figure(x(p.at))},{figure(y(p.high))}" for p in points]
    lower = [f"{figure(x(p.at))},{figure(y(p.low))}" for p in reversed(points)]
    return element("path", {"class": "band", "d": f"M{' L'.join(upper + lower)}Z"})


def _path(name: str, points: Sequence[Point], x: Linear, y: Linear) -> Markup | None:
    if len(points) < 2:
        return None
    return element(
        "path", {"class": name, "d": "M" + " L".join(f"{figure(x(p.at))},{figure(y(p.value))}" for p in points)}
    )


def _ticks(view: LineView, x: Linear, baseline: float, bottom: float) -> Markup:
    parts: list[Markup] = []
    for tick in month_ticks(view.start, view.now, view.zone, 9):
        at = x(tick.at)
        if at < x.range[1] - 46 and at > LEFT + 14:
            parts.append(element("line", {"class": "axis", "x1": at, "x2": at, "y1": bottom - 5, "y2": bottom}))
            parts.append(element("text", {"class": "tick", "x": at, "y": baseline}, tick.text))
    return fragment(parts)


def _lanes(episodes: Sequence[Span], x: Linear, now: int) -> list[tuple[Span, int]]:
    """Each episode and its lane: the first in which it has room."""
    ends: list[float] = []
    made: list[tuple[Span, int]] = []
    for span in sorted(episodes, key=lambda one: (one.start, one.id)):
        start, end = x(span.start), max(x(span.start) + 5, x(span.end if span.end is not None else now))
        lane = next((index for index, taken in enumerate(ends) if start >= taken + 3), len(ends))
        if lane == len(ends):
            ends.append(end)
        ends[lane] = end
        made.append((span, lane))
    return made


def _episodes(lanes: Sequence[tuple[Span, int]], x: Linear, top: float, view: LineView) -> Markup:
    """Spans under the axis; the bad ones are thick, the open ones end in a dash. Lanes beyond the last share it."""
    parts: list[Markup] = []
    for span, lane in lanes:
        start, end = x(span.start), max(x(span.start) + 5, x(span.end if span.end is not None else view.now))
        height = top + LANE * min(lane, LANES - 1) + 5
        until = f"to {figures.date(span.end, view.zone)}" if span.end is not None else "still open"
        told = f"{figures.words(span.type)} {span.id}, {figures.date(span.start, view.zone)} {until}, " + (
            "reading unknown" if span.reading is None else f"reading {figures.signed(span.reading)}"
        )
        state = " open" if span.end is None else ""
        parts.append(
            element(
                "g",
                {"class": f"ep {tone(span.reading)}{state}"},
                element("title", {}, told),
                element("line", {"x1": start, "x2": min(end, x.range[1]), "y1": height, "y2": height}),
            )
        )
    return fragment(parts)


def _ahead(view: LineView, today: float, y: Linear) -> Markup:
    """Right of today: where the curve goes if nothing happens, what goes next, what is held and by which policy."""
    parts: list[Child] = []
    if view.ahead:
        x = Linear((view.now, max(view.now + DAY, view.ahead[-1].at)), (today, min(WIDTH - 4, today + 58)))
        parts.append(_path("fut", view.ahead, x, y))
    if not view.coming:
        return fragment(parts)
    shown = view.coming[:COMING]
    left, step = today + 70.0, 36.0
    first = max(TOP + 6, AXIS - step * (len(shown) - 1) / 2 - 4)
    for index, coming in enumerate(shown):
        parts.append(_coming(coming, left, first + index * step))
    if len(view.coming) > COMING:
        parts.append(
            element(
                "text",
                {"class": "why", "x": left + 14, "y": first + COMING * step - 6},
                f"and {len(view.coming) - COMING} more",
            )
        )
    return fragment(parts)


def _coming(coming: Coming, x: float, y: float) -> Markup:
    room = WIDTH - x - 16
    return element(
        "g",
        {"class": f"next {coming.state}"},
        element("title", {}, f"{figures.words(coming.name)} by {coming.channel}: {coming.state}, {coming.why}"),
        _shape(SHAPES.get(coming.channel, "circle"), x, y, KNOWN),
        element("line", {"class": "bar", "x1": x - 8, "x2": x - 8, "y1": y - 6, "y2": y + 6})
        if coming.state == "held"
        else None,
        element("text", {"class": "lab", "x": x + 14, "y": y + 1}, _fitting(figures.words(coming.name), room)),
        element("text", {"class": "why", "x": x + 14, "y": y + 14}, _fitting(f"{coming.state}: {coming.why}", room)),
    )


def _fitting(text: str, room: float) -> str:
    """The text, shortened to so many units."""
    if width_of(text) <= room:
        return text
    kept = text
    while kept and width_of(kept + "…") > room:
        kept = kept[:-1]
    return kept.rstrip(" ,;:") + "…"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
