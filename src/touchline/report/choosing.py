"""In: relationships of the whole base. Out: a few customers worth reading, each with why it was picked. Writes no
interactions.

The picks are extremes of measures, one customer for each, ties by the smallest key; so the same base gives the same
ten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.kernel.measures import column

ENOUGH = 5
"""Readings from which an experience is worth comparing."""


@dataclass(frozen=True)
class Pick:
    """A customer and the reason for the pick, one phrase."""

    customer: int
    why: str


@dataclass(frozen=True)
class _Rule:
    why: str
    needs: tuple[str, ...]
    where: Callable[[], nw.Expr]
    by: str
    descending: bool


def _m(measure: str) -> nw.Expr:
    return nw.col(column(measure))


def _known() -> nw.Expr:
    return _m("experience.n") >= ENOUGH


RULES: tuple[_Rule, ...] = (
    _Rule("the most is known of them", ("experience.n",), _known, "experience.n", descending=True),
    _Rule(
        "care is due, and much was bought",
        ("care.due", "sum.revenue", "experience.n"),
        lambda: _m("care.due") & (_m("experience.n") >= 3),
        "sum.revenue",
        descending=True,
    ),
    _Rule(
        "lowest experience of those well known",
        ("experience.overall", "experience.n"),
        _known,
        "experience.overall",
        descending=False,
    ),
    _Rule(
        "highest experience of those well known",
        ("experience.overall", "experience.n"),
        _known,
        "experience.overall",
        descending=True,
    ),
    _Rule(
        "most uneven between channels and departments",
        ("experience.spread", "experience.n"),
        _known,
        "experience.spread",
        descending=True,
    ),
    _Rule(
        "complained, and thinks well of us",
        ("count.complained", "experience.overall", "experience.n"),
        lambda: (_m("count.complained") >= 1) & _known(),
        "experience.overall",
        descending=True,
    ),
    _Rule(
        "a question is overdue",
        ("dialogue.overdue", "experience.n"),
        lambda: (_m("dialogue.overdue") >= 1) & (_m("experience.n") >= 2),
        "experience.n",
        descending=True,
    ),
    _Rule("bought most", ("sum.revenue",), lambda: _m("sum.revenue") > 0, "sum.revenue", descending=True),
    _Rule(
        "most messages of the last quarter",
        ("contact.all_90d", "experience.n"),
        lambda: _m("experience.n") >= 2,
        "contact.all_90d",
        descending=True,
    ),
    _Rule(
        "a care need that nobody met",
        ("care.missed", "experience.n"),
        lambda: (_m("care.missed") >= 1) & (_m("experience.n") >= 3),
        "experience.n",
        descending=True,
    ),
    _Rule(
        "joined last", ("tenure_days", "experience.n"), lambda: _m("experience.n") >= 2, "tenure_days", descending=False
    ),
    _Rule("many readings", ("experience.n",), lambda: _m("experience.n") >= 1, "experience.n", descending=True),
    _Rule("smallest key", (), lambda: nw.lit(value=True), "", descending=False),
)
"""Tried in this order, one customer each, until there are enough; the last gives as many as are missing."""


def choose(relationships: Any, count: int = 10) -> tuple[Pick, ...]:
    """`count` customers of a relationships frame (column `customer` and a column a measure), fewer where there are
    fewer."""
    frame = nw.from_native(relationships).lazy()
    has = set(frame.collect_schema().names())
    picks: dict[int, str] = {}
    for rule in RULES:
        if len(picks) >= count or not all(column(need) in has for need in rule.needs):
            continue
        last = rule is RULES[-1]
        wanted = frame.filter(rule.where()) if rule.needs else frame
        if rule.by:
            wanted = wanted.filter(~_m(rule.by).is_null()).sort(
                column(rule.by), "customer", descending=[rule.descending, False]
            )
        else:
            wanted = wanted.sort("customer")
        found = wanted.select("customer").head(len(picks) + (count if last else 1)).collect()["customer"].to_list()
        for customer in found:
            if customer not in picks and len(picks) < count:
                picks[customer] = rule.why
                if not last:
                    break
    return tuple(Pick(customer, why) for customer, why in picks.items())
