"""In: a report's typed parts. Out: one self-contained HTML file, without script and without anything from outside.
Writes no interactions.

A section's title is its answer; every number stands with its n and its interval; whoever wants to know how it was
computed reads the foot.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from touchline.report import figures
from touchline.report.circle import Circle, circle_section
from touchline.report.curve import Point
from touchline.report.holds import Holds
from touchline.report.map import Map
from touchline.report.markup import Markup, element, fragment, raw_style
from touchline.report.overview import base_section, holds_section, map_section
from touchline.report.person import people_section
from touchline.report.setting import Setting
from touchline.report.story import CustomerStory
from touchline.report.tokens import style_sheet
from touchline.report.totals import Base


@dataclass(frozen=True)
class Report:
    """Everything that the file shows.

    as_of   the instant of all of it, microseconds UTC
    series  the base's mean experience over time; empty leaves it out
    circle  what was said and what it changed; None where nothing was
    """

    setting: Setting
    as_of: int
    base: Base
    map: Map
    holds: Holds
    people: tuple[CustomerStory, ...]
    series: tuple[Point, ...] = ()
    circle: Circle | None = None


def render(report: Report) -> str:
    """The file's text; the same report gives the same text."""
    css = style_sheet()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, f"{report.setting.organisation} · Touchline"),
        raw_style(css),
    )
    body = element(
        "body",
        {},
        _top(report),
        element(
            "main",
            {"id": "main"},
            base_section(report.base, report.series, report.setting.zone, headline(report)),
            map_section(report.map),
            circle_section(report.circle) if report.circle is not None else None,
            holds_section(report.holds),
            people_section(report.people),
        ),
        _foot(report),
    )
    return f"<!doctype html>{element('html', {'lang': 'en'}, head, body)}\n"


def headline(report: Report) -> str:
    """The report's title: what costs the base most, or that nothing does."""
    worst = report.map.worst()
    if worst is not None and (estimate := worst.cells[-1].estimate) is not None:
        between = f"95 % {figures.interval(estimate)}, {figures.plural(estimate.n, 'customer')}"
        return f"You lose most at {figures.words(worst.name)}: {figures.signed(estimate.value)} ({between})"
    e = report.base.overall
    if e is None:
        return "Nothing is known yet of how your customers experience you"
    return f"No touchpoint costs you: experience {figures.signed(e.value)} ({figures.backing(e, 'customer')})"


def _top(report: Report) -> Markup:
    links = [("base", "The base"), ("map", "Map"), ("holds", "Held and proposed"), ("people", "Customers")]
    if report.circle is not None:
        links.insert(2, ("circle", "Said and proven"))
    return fragment(
        element("a", {"class": "skip", "href": "#main"}, "to the report"),
        element(
            "nav",
            {"class": "top"},
            element("b", {}, report.setting.organisation),
            [element("a", {"href": f"#{at}"}, text) for at, text in links],
            element("span", {}, f"as of {figures.date_time(report.as_of, report.setting.zone)}"),
        ),
    )


def _foot(report: Report) -> Markup:
    setting = report.setting
    days = figures.number(setting.half_life / 86_400_000_000, 0)
    experience = (
        "is the sum of weight × decay × reading over the sum of weight × decay plus 1, decay halving every "
        f"{days} days; a reading’s weight is its touchpoint’s. A customer without any reading has none."
    )
    band = (
        "is the 95 % interval of that weighted mean, in which the 1 of the law is one more reading of 0 with the "
        "variance 1/3 of a reading nobody knows."
    )
    means = (
        "carry the normal 95 % interval over customers, shares that of Wilson (1927). The base is complete: its "
        "intervals say how far another base of the same kind could differ."
    )
    held = (
        "counts are those of the decision at the instant above under the playbook named below; a customer’s "
        "candidates are explained by the reference evaluator of the same plan."
    )
    said = (("Experience", experience), ("The band on a line", band), ("Means", means), ("Held", held))
    return element(
        "footer",
        {},
        [element("p", {}, element("b", {}, term), f" {text}") for term, text in said],
        element(
            "p",
            {},
            f"{setting.organisation} · as of {figures.date_time(report.as_of, setting.zone)} ({setting.zone}) · "
            f"playbook {setting.digest} · made by Touchline",
        ),
    )
