"""In: the base, the map, the holds. Out: the report's sections about all customers. Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence

from touchline.report import charts, figures
from touchline.report.curve import Point
from touchline.report.figures import Estimate
from touchline.report.holds import Held, Holds, policy_words
from touchline.report.map import SMALL, Cell, Line, Map
from touchline.report.markup import Child, Markup, element
from touchline.report.tokens import FULL, STEPS, heat_class
from touchline.report.totals import HAPPY, UNHAPPY, Base


def base_section(base: Base, series: Sequence[Point], zone: str, title: str) -> Markup:
    """The base in figures, its distribution and its course."""
    silent = base.customers - (base.overall.n if base.overall else 0)
    lead = f"{figures.plural(base.customers, 'customer')}, {figures.plural(base.interactions, 'interaction')}. "
    if base.overall is not None:
        lead += f"Mean experience is {figures.signed(base.overall.value)} on a scale from −1 to 1; "
        lead += f"of {figures.number(silent)} customers nothing is known."
    figs: list[Child] = [
        _figure("unhappy", base.unhappy, f"experience ≤ {figures.number(UNHAPPY, 1)}"),
        _figure("happy", base.happy, f"experience ≥ {figures.number(HAPPY, 1)}"),
        _figure("care is due", base.care_due, "open case, overdue question or bad reading"),
        _figure("a need nobody met", base.missed, "counted after its time had passed"),
        _figure("raised a hand", base.raised, "opted in by an act of their own"),
        _plain("questions open", base.open, f"{figures.number(base.overdue)} of them past their promise"),
        _mean("experience", base.overall),
        _mean("value balance", base.balance),
    ]
    return element(
        "section",
        {"id": "base"},
        element("h1", {}, title),
        element("p", {"class": "lead"}, lead),
        element("dl", {"class": "figs"}, figs),
        element(
            "div",
            {"class": "pair"},
            element(
                "div",
                {},
                element("h3", {}, "Customers by experience"),
                charts.distribution(base.histogram)
                if base.overall
                else empty("No reading yet. Import surveys, reviews or promises kept and broken."),
            ),
            element(
                "div",
                {},
                element("h3", {}, "The base’s experience over time"),
                charts.course(series, zone)
                if len(series) > 1
                else empty("One instant only. The course over time appears with several."),
            ),
        ),
    )


def map_section(map_: Map) -> Markup:
    """Touchpoint by stage, as a table that is its own picture."""
    if not map_.lines:
        return element(
            "section",
            {"id": "map"},
            element("h2", {}, "No touchpoint has a reading yet"),
            empty("Readings come from promises, surveys and reviews; see the how-to on readings."),
        )
    head = [element("th", {}, "touchpoint")]
    for stage, reach in zip(map_.stages, map_.reach, strict=True):
        head.append(element("th", {}, figures.words(stage), element("span", {}, figures.number(reach))))
    head.append(element("th", {}, "spread", element("span", {}, "all")))
    steps = [element("i", {"class": heat_class(FULL * step / STEPS)}) for step in range(-STEPS, STEPS + 1)]
    return element(
        "section",
        {"id": "map"},
        element("h2", {}, _map_answer(map_)),
        element(
            "p",
            {"class": "note"},
            "Mean experience of the customers in each stage who had that touchpoint, with half its 95 % interval "
            f"and n. Cells of fewer than {SMALL} customers stay without colour. Spread is the standard deviation "
            "between customers.",
        ),
        element(
            "div",
            {"class": "wide", "tabindex": 0, "role": "region", "aria-label": "Map of touchpoint by stage"},
            element(
                "table",
                {"class": "map"},
                element("thead", {}, element("tr", {}, head)),
                element("tbody", {}, [_map_row(one) for one in map_.lines]),
            ),
        ),
        element(
            "p",
            {"class": "scale"},
            f"{figures.number(-FULL, 1)} and less",
            steps,
            f"{figures.signed(FULL, 1)} and more",
        ),
    )


def _map_answer(map_: Map) -> str:
    touchpoints = [(one, one.cells[-1].estimate) for one in map_.lines if not one.is_department]
    known = [(one, e) for one, e in touchpoints if e is not None and e.n >= SMALL]
    if len(known) < 2:
        return "Too little is known to compare touchpoints"
    best, worst = max(known, key=lambda pair: pair[1].value), min(known, key=lambda pair: pair[1].value)
    ends = [f"{figures.words(one.name)} ({figures.signed(e.value)})" for one, e in (best, worst)]
    return f"Best experienced is {ends[0]}, worst {ends[1]}"


def _map_row(one: Line) -> Markup:
    note = None if one.is_department else element("span", {}, figures.words(one.channel or ""))
    spread = one.cells[-1].spread
    return element(
        "tr",
        {"class": "dep" if one.is_department else None},
        element("th", {"scope": "row"}, figures.words(one.name), note),
        [_map_cell(cell) for cell in one.cells],
        element("td", {"class": "q"}, "" if spread is None else figures.number(spread, 2)),
    )


def _map_cell(cell: Cell) -> Markup:
    e = cell.estimate
    if e is None:
        return element("td", {"class": "few"}, element("span", {}, "–"))
    few = e.n < SMALL
    spread = f", spread {figures.number(cell.spread, 2)}" if cell.spread is not None else ""
    half = "" if e.n < 2 else f"±{_half(e)} · "
    return element(
        "td",
        {
            "class": "few" if few else heat_class(e.value),
            "title": f"{figures.signed(e.value)}, {figures.backing(e, 'customer')}{spread}",
        },
        element("b", {}, figures.signed(e.value)),
        element("span", {}, f"{half}{figures.number(e.n)}"),
    )


def _half(e: Estimate) -> str:
    """Half the interval, with the decimals that it takes to see it."""
    half = (e.high - e.low) / 2
    return figures.number(half, 2 if half >= 0.01 else 3)


def holds_section(holds: Holds) -> Markup:
    """Who is held by what, and what goes to how many."""
    silent = holds.customers - holds.decided
    have = "customer has" if holds.decided == 1 else "customers have"
    title = f"{figures.number(holds.decided)} {have} something to hear now; {figures.number(silent)} do not"
    held = [one for one in holds.held if one.customers]
    idle = [policy_words(one.policy) for one in holds.held if not one.customers]
    return element(
        "section",
        {"id": "holds"},
        element("h2", {}, title),
        element(
            "p",
            {"class": "note"},
            f"A decision over {figures.plural(holds.customers, 'customer')}. {figures.number(holds.eligible)} could be "
            "talked to; of classes 2 to 5 one conversation goes first. A customer counts once for each policy that "
            "holds back at least one conversation meant for them, so the bars add up to more than the base.",
        ),
        element(
            "div",
            {"class": "pair"},
            element(
                "div",
                {},
                element("h3", {}, "Who is held by what"),
                _held_table(held) if held else empty("Nobody is held by any policy."),
                element("p", {"class": "note"}, f"Held nobody: {', '.join(idle)}.") if idle else None,
            ),
            element(
                "div",
                {},
                element("h3", {}, "What goes to how many"),
                _proposed_table(holds) if holds.proposed else empty("The playbook has no conversations yet."),
            ),
        ),
    )


def _held_table(held: Sequence[Held]) -> Markup:
    rows = [
        element(
            "tr",
            {"title": _counted(one.share)},
            element(
                "th", {"scope": "row"}, policy_words(one.policy), element("small", {}, one.says) if one.says else None
            ),
            element("td", {"class": "g"}, charts.bar(one.share.value if one.share else 0.0)),
            element("td", {"class": "n"}, figures.number(one.customers)),
            element("td", {"class": "n q"}, figures.percent(one.share.value) if one.share else ""),
        )
        for one in held
    ]
    return element("table", {"class": "bars"}, element("tbody", {}, rows))


def _proposed_table(holds: Holds) -> Markup:
    rows = [
        element(
            "tr",
            {"class": None if one.customers else "q", "title": _counted(one.share)},
            element("th", {"scope": "row"}, figures.words(one.conversation), element("small", {}, one.purpose)),
            element("td", {"class": "g"}, charts.bar(one.share.value if one.share else 0.0)),
            element("td", {"class": "n"}, figures.number(one.customers)),
            element("td", {"class": "n q"}, figures.percent(one.share.value) if one.share else ""),
        )
        for one in holds.proposed
    ]
    return element("table", {"class": "bars"}, element("tbody", {}, rows))


def _figure(term: str, share: Estimate | None, note: str) -> Markup | None:
    if share is None:
        return None
    return element(
        "div",
        {},
        element("dt", {}, term),
        element(
            "dd",
            {},
            element("b", {}, figures.percent(share.value)),
            element("span", {}, f"95 % {figures.share_interval(share)}, n {figures.number(share.n)}"),
            element("span", {}, note),
        ),
    )


def _mean(term: str, mean: Estimate | None) -> Markup | None:
    if mean is None:
        return None
    return element(
        "div",
        {},
        element("dt", {}, f"{term}, mean"),
        element(
            "dd",
            {},
            element("b", {}, figures.signed(mean.value, 3)),
            element("span", {}, f"95 % {figures.interval(mean, 3)}, n {figures.number(mean.n)}"),
        ),
    )


def _plain(term: str, count: int, note: str) -> Markup:
    return element(
        "div",
        {},
        element("dt", {}, term),
        element(
            "dd",
            {},
            element("b", {}, figures.number(count)),
            element("span", {}, "a full count"),
            element("span", {}, note),
        ),
    )


def _counted(share: Estimate | None) -> str | None:
    return (
        None
        if share is None
        else f"{figures.percent(share.value)} of {figures.number(share.n)} (95 % {figures.share_interval(share)})"
    )


def empty(text: str) -> Markup:
    """What stands where there is nothing yet: what will be here, and the next step."""
    return element("p", {"class": "note"}, text)
