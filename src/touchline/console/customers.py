"""In: a search, a condition, an order, columns. Out: the customers who are meant, page by page, or as a file. Writes no interactions.

The address holds everything: what is looked for, the condition, the order, the columns, the page. A condition is checked as it
is typed; its count and its table load by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from touchline import playbook
from touchline.console.answering import answers
from touchline.console.customer import windowed
from touchline.expressions import ExpressionFault
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type, Value
from touchline.report import Setting, figures, line
from touchline.report.story import line_of
from touchline.team.roles import Right
from touchline.workspace import listing
from touchline.workspace.listing import Listed
from touchline.workspace.opened import Workspace

PAGE = 25
LONGEST = 2_000
"""Characters of a condition or a search."""
COLUMNS = ("stage", "experience.overall", "experience.n", "care.due", "value.balance", "sum.revenue")
MOST_COLUMNS = 10
OFFERED = (
    "stage", "experience.overall", "experience.emotional", "experience.reliability", "experience.responsiveness", "experience.n",
    "care.due", "care.missed", "value.given", "value.asked", "value.balance", "dialogue.open", "dialogue.overdue", "hand_raiser",
    "tenure_days", "days_to_renewal", "days_since.bought", "count.bought", "sum.revenue", "sum.cost",
)  # fmt: skip
"""Measures that the choice of columns offers; the address takes any."""
EXAMPLES = (
    ("care is due", "care.due"),
    ("unhappy", "experience.overall < -0.2"),
    ("delighted", "experience.overall > 0.3"),
    ("waits for an answer", "dialogue.open > 0"),
    ("raised a hand", "hand_raiser"),
    ("renews within 60 days", "days_to_renewal BETWEEN 0 AND 60"),
    ("balance overdrawn", "value.balance < 0"),
)
COMPARED = ("<", "<=", "=", "<>", ">=", ">", "IS NULL", "IS NOT NULL")


@dataclass(frozen=True)
class Asked:
    """What the address asks for. `order` begins with a minus where the largest stands first."""

    q: str
    where: str
    order: str
    columns: tuple[str, ...]
    page: int

    @classmethod
    def of(cls, request: HttpRequest, ws: Workspace) -> Asked:
        """Read from the address; raises UnknownName for a column that is no measure."""
        told = request.GET
        names = ws.playbook.measures
        columns = tuple(dict.fromkeys(name for name in told.getlist("col") if name))[:MOST_COLUMNS]
        columns = columns or tuple(name for name in COLUMNS if names.type_of(name) is not None)
        for name in (*columns, told.get("order", "").removeprefix("-") or "stage"):
            if names.type_of(name) is None and name != "stage":
                raise UnknownName(f"measure {name[:80]!r}", remedy=did_you_mean(name[:80], names.known()))
        page = told.get("page", "1")
        return cls(
            q=told.get("q", "").replace("\x00", "")[:LONGEST].strip(),
            where=built(ws, request) or told.get("where", "").replace("\x00", "")[:LONGEST].strip(),
            order=told.get("order", ""),
            columns=columns,
            page=max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 7 else 1,
        )

    def address(self, **changed: Any) -> str:
        """The same question with something else in it."""
        told = {"q": self.q, "where": self.where, "order": self.order, "page": self.page, **changed}
        columns = [("col", name) for name in self.columns] if self.columns != COLUMNS else []
        kept = [(name, value) for name, value in told.items() if value and not (name == "page" and value == 1)]
        return f"?{urlencode([*kept, *columns])}"


def built(ws: Workspace, request: HttpRequest) -> str:
    """The condition of the builder's three fields joined to the text; '' where the builder was not used."""
    name, compared, value = (request.GET.get(field, "").strip()[:200] for field in ("measure", "compared", "value"))
    kind = ws.playbook.measures.type_of(name) if name else None
    if kind is None or compared not in COMPARED:
        return ""
    text = value.replace("'", "''")
    literal = f"'{text}'" if kind is Type.TEXT else value
    if kind is Type.BOOLEAN:
        clause = {"=": name, "<>": f"NOT {name}"}.get(compared, f"{name} {compared}")
    else:
        clause = f"{name} {compared}" if "NULL" in compared else f"{name} {compared} {literal}"
    before = request.GET.get("where", "").strip()
    return f"({before}) AND {clause}" if before else clause


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; who alone is meant is shown at once, a table of many loads by itself: it reads what each of them did."""
    asked = Asked.of(request, ws)
    if "measure" in request.GET:
        return redirect(f"{reverse('customers')}{asked.address(page=1)}")
    faults = faults_in(ws, asked.where)
    hits = listing.found(ws, asked.q) if asked.q else None
    if hits is not None and len(hits) == 1 and not asked.where:
        return redirect("customer", hits[0])
    context: dict[str, Any] = {
        "nav": "customers", "asked": asked, "faults": faults, "hits": hits, "examples": EXAMPLES, "compared": COMPARED,
        "offered": [name for name in OFFERED if ws.playbook.measures.type_of(name) is not None],
        "stages": [stage.name for stage in ws.playbook.stages], "query": request.GET.urlencode(),
    }  # fmt: skip
    if faults:
        return render(request, "console/customers.html", {**context, "table": False})
    if not request.htmx and request.GET.get("now") != "1":  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/customers.html", {**context, "lazily": True})
    context |= _table(ws, asked, hits)
    whole = "console/customers_table.html" if request.htmx else "console/customers.html"  # type: ignore[attr-defined] # as above
    return render(request, whole, context)


def _table(ws: Workspace, asked: Asked, hits: list[int] | None) -> dict[str, Any]:
    start, total = (asked.page - 1) * PAGE, None
    shown: list[int]
    if hits is not None:
        wanted = set(listing.chosen(ws, asked.where)) if asked.where else None
        customers = [one for one in hits if wanted is None or one in wanted]
        total, shown = len(customers), customers[start : start + PAGE]
    elif asked.where or asked.order:
        name = asked.order.removeprefix("-") or None
        customers = listing.chosen(ws, asked.where, name, down=asked.order.startswith("-"))
        total, shown = len(customers), customers[start : start + PAGE]
    else:
        total, shown = listing.total_if_known(ws), listing.first(start, PAGE)
    setting, now = Setting.of(ws.playbook), ws.clock.now()
    rows = [_row(one, asked, setting, now) for one in listing.page(ws, shown, asked.columns)]
    return {
        "table": True,
        "total": total,
        "rows": rows,
        "heads": [_head(name, asked) for name in asked.columns],
        "from": start + 1,
        "to": start + len(rows),
        "before": asked.address(page=asked.page - 1) if asked.page > 1 else None,
        "after": asked.address(page=asked.page + 1)
        if (len(shown) == PAGE if total is None else start + PAGE < total)
        else None,
        "export": f"{reverse('customers-export')}{asked.address(page=1)}",
    }


def _row(one: Listed, asked: Asked, setting: Setting, now: int) -> dict[str, Any]:
    view = windowed(line_of(one.name, one.rows, setting, now), whole=False)
    cells = [(shown(one.measures.get(name)), isinstance(one.measures.get(name), int | float)) for name in asked.columns]
    last = view.marks[-1] if view.marks else None
    return {"customer": one.customer, "name": one.name, "line": line.draw_small(view), "cells": cells, "last": last}


def _head(name: str, asked: Asked) -> dict[str, Any]:
    down, up = asked.order == f"-{name}", asked.order == name
    return {
        "name": name,
        "words": figures.words(name.replace("experience.", "").replace(".", " ")),
        "sort": "descending" if down else "ascending" if up else None,
        "href": asked.address(order=name if down else f"-{name}", page=1),
    }


def shown(value: Value) -> str:
    """A measure's value for a cell."""
    return figures.words(value) if isinstance(value, str) else figures.shown(value, unknown="")


def faults_in(ws: Workspace, where: str) -> list[tuple[str, str]]:
    """What is wrong with a condition, and what to do about it; none for an empty one."""
    if not where:
        return []
    try:
        playbook.condition(where, ws.playbook)
    except ExpressionFault as fault:
        return list(fault.faults)
    return []


@answers()
@require_safe
def count(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """How many a condition holds for, as it is typed; or its faults."""
    where = request.GET.get("where", "").replace("\x00", "")[:LONGEST].strip()
    faults = faults_in(ws, where)
    context = {
        "faults": faults,
        "n": None if faults else listing.counted(ws, where),
        "where": where,
        "all": listing.total(ws),
    }
    return render(request, "console/customers_count.html", context)


@answers(Right.EXPORT)
@require_safe
def export(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The customers and columns of the address as CSV: cells that a spreadsheet would run are made harmless."""
    asked = Asked.of(request, ws)
    hits = listing.found(ws, asked.q) if asked.q else None
    name = asked.order.removeprefix("-") or None
    numbers = listing.chosen(ws, asked.where, name, down=asked.order.startswith("-"))
    if hits is not None:
        numbers = [one for one in numbers if one in set(hits)]
    csv = ws.export_table(numbers, asked.columns)
    answer = HttpResponse(csv, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="customers.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


urlpatterns = [
    path("customers/", show, name="customers"),
    path("customers/count", count, name="customers-count"),
    path("customers/export", export, name="customers-export"),
]
