"""In: what was said, what became of it, and each programme against its control. Out: the report's section of the circle.
Writes no interactions.

A programme's difference stands with its interval, its n and its method; one whose interval holds zero is not called an
effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from touchline.report import charts, figures
from touchline.report.figures import Estimate
from touchline.report.markup import Markup, element


@dataclass(frozen=True)
class Said:
    """One conversation by one channel, over the time that the loop ran.

    said, waiting, failed, ended  messages; ended are those whose time was over, or whose ground was gone
    reached                share of those said whose goal was reached in its window, raw; None without a goal
    """

    conversation: str
    purpose: str
    channel: str
    said: int
    waiting: int
    failed: int
    ended: int = 0
    reached: Estimate | None = None


@dataclass(frozen=True)
class Lift:
    """One programme against its control, by intention to treat.

    treated, control  share of each arm that reached the goal
    difference        between them
    sample_ratio_p    how likely arms of these sizes are under the authored holdout
    """

    programme: str
    goal: str
    treated: Estimate
    control: Estimate
    difference: Estimate
    messages: int
    cost: float
    sample_ratio_p: float
    method: str

    @property
    def is_told(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True)
class Circle:
    """What was decided, said, and came of it.

    days      so long the loop ran
    recovery  (cases opened, of them resolved)
    """

    days: int
    said: tuple[Said, ...]
    lifts: tuple[Lift, ...]
    recovery: tuple[int, int] = (0, 0)
    currency: str = "EUR"


def circle_section(circle: Circle) -> Markup:
    """What was said in figures, and what it changed."""
    total, waiting = sum(one.said for one in circle.said), sum(one.waiting for one in circle.said)
    opened, resolved = circle.recovery
    lead = f"{figures.plural(total, 'message')} in {figures.plural(circle.days, 'day')}, "
    lead += f"{figures.number(waiting)} waiting. "
    if opened:
        lead += f"{figures.plural(opened, 'case')} opened after a bad encounter, {figures.number(resolved)} resolved."
    return element(
        "section",
        {"id": "circle"},
        element("h2", {}, answer(circle)),
        element("p", {"class": "note"}, lead),
        _lifts(circle) if circle.lifts else None,
        element("h3", {}, "What was said"),
        _said(circle.said)
        if circle.said
        else element("p", {"class": "note"}, "Nothing was said yet. `touchline run` says what is decided."),
    )


def answer(circle: Circle) -> str:
    """The section's title: the effect that is surest, or that none is proven."""
    told = [lift for lift in circle.lifts if lift.is_told]
    if not told:
        return (
            "No programme has proven an effect yet"
            if circle.lifts
            else "No programme has an arm to be compared with yet"
        )
    best = max(told, key=lambda lift: abs(lift.difference.value) / (lift.difference.high - lift.difference.low))
    more = "more" if best.difference.value > 0 else "fewer"
    points = figures.number(100 * abs(best.difference.value), 1)
    return (
        f"The {figures.words(best.programme)} programme brings {points} points {more} {figures.words(best.goal)} "
        f"(95 % {_points(best.difference)})"
    )


def _points(difference: Estimate) -> str:
    return f"{figures.signed(100 * difference.low, 1)} to {figures.signed(100 * difference.high, 1)}"


def _lifts(circle: Circle) -> Markup:
    head = ("programme", "treated", "control", "difference, points", "", "messages", "cost")
    rows = [
        element(
            "tr",
            {},
            element(
                "th",
                {"scope": "row"},
                figures.words(lift.programme),
                element("small", {}, f"{figures.words(lift.goal)}; {lift.method}"),
            ),
            _share(lift.treated),
            _share(lift.control),
            element(
                "td",
                {"class": "n"},
                element("b", {}, figures.signed(100 * lift.difference.value, 1)),
                element("small", {}, f"95 % {_points(lift.difference)}"),
            ),
            element("td", {"class": "g"}, charts.on_scale(lift.difference)),
            element("td", {"class": "n"}, figures.number(lift.messages)),
            element("td", {"class": "n"}, figures.money(lift.cost, circle.currency)),
        )
        for lift in circle.lifts
    ]
    skewed = [lift.programme for lift in circle.lifts if lift.sample_ratio_p < 0.001]
    warning = (
        f"The arms of {', '.join(map(figures.words, skewed))} are not of the sizes that were drawn: look there first."
    )
    return element(
        "div",
        {"class": "wide", "tabindex": 0, "role": "region", "aria-label": "Programmes against their controls"},
        element(
            "table",
            {"class": "bars told"},
            _head(head),
            element("tbody", {}, rows),
        ),
        element("p", {"class": "note"}, warning) if skewed else None,
    )


def _share(e: Estimate) -> Markup:
    return element(
        "td",
        {"class": "n", "title": f"95 % {figures.share_interval(e)}"},
        figures.percent(e.value),
        element("small", {}, f"n {figures.number(e.n)}"),
    )


def _said(said: Sequence[Said]) -> Markup:
    head = ("conversation", "said", "waiting", "failed", "given up", "goal reached")
    rows = [
        element(
            "tr",
            {"class": None if one.said else "q"},
            element(
                "th",
                {"scope": "row"},
                figures.words(one.conversation),
                element("small", {}, f"{one.purpose} by {one.channel}"),
            ),
            element("td", {"class": "n"}, figures.number(one.said)),
            element("td", {"class": "n"}, figures.number(one.waiting)),
            element("td", {"class": "n"}, figures.number(one.failed)),
            element("td", {"class": "n"}, figures.number(one.ended)),
            element("td", {"class": "n"}, "no goal")
            if one.reached is None
            else element(
                "td",
                {"class": "n"},
                figures.percent(one.reached.value),
                element("small", {}, f"95 % {figures.share_interval(one.reached)}, n {figures.number(one.reached.n)}"),
            ),
        )
        for one in said
    ]
    return element(
        "table",
        {"class": "bars told"},
        _head(head),
        element("tbody", {}, rows),
    )


def _head(titles: Sequence[str]) -> Markup:
    """Titles of a table: the first over names, the others over figures."""
    cells = [
        element("th", {"scope": "col", "class": "n" if place else None}, text) for place, text in enumerate(titles)
    ]
    return element("thead", {}, element("tr", {}, cells))
