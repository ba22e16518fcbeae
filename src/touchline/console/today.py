"""In: a workspace. Out: what needs a person, how the base is, what changed. Writes no interactions.

What a person must do stands first and is there at once; figures that need the whole base load by themselves.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, path, reverse
from django.views.decorators.http import require_safe

from touchline.console import saving, stopping
from touchline.console.answering import answers
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import parse_instant
from touchline.report import charts, figures, plots
from touchline.report.figures import Estimate
from touchline.workspace import census, listing, outgoing
from touchline.workspace.opened import Workspace

SHOWN_CALLS = 6
NEEDS = {
    "failed": ("did not arrive", True),
    "uncertain": ("may have arrived, and are not sent again", True),
    "held": ("are held for now", False),
}
"""State of messages -> how it is told, and whether somebody must look."""

UNREAD = "Readings come from surveys, reviews and promises: import some, or connect where they arise."


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    calls = ws.calls()
    shown = [{**one, "until": parse_instant(one["expires_at"])} for one in calls[:SHOWN_CALLS]]
    context = {"nav": "today", "calls": shown, "more": len(calls) - len(shown), "n_calls": len(calls), "now": ws.clock.now()}  # fmt: skip
    return render(request, "console/today.html", context)


@answers()
@require_safe
def messages(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """What is stopped, and messages of which a person should know, by state."""
    counts = outgoing.amiss()
    told = [
        {"state": state, "n": counts[state], "words": words, "must": must, "href": _outbox(state)}
        for state, (words, must) in NEEDS.items()
        if counts.get(state)
    ]
    return render(request, "console/today_messages.html", {"states": told, "stops": stopping.shown(ws.stops())})


def _outbox(state: str) -> str | None:
    try:
        return f"{reverse('outbox')}?state={state}"
    except NoReverseMatch:
        return None


@answers()
@require_safe
def base(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The figures of the base, each with what it rests on; with a format, the distribution as a file."""
    told, stages = census.base(ws)
    chart = plots.distribution(told.histogram, told.overall) if told.overall else None
    if form := saving.form_of(request):
        if chart is None:
            raise UnknownName("any reading", remedy=UNREAD)
        return saving.saved(chart, form, "experience")
    known = sum(n for _, n in stages)
    context = {
        "base": told,
        "stages": [(name, n, charts.bar(n / known)) for name, n in stages],
        "due": round(told.care_due.value * told.care_due.n) if told.care_due else 0,
        "plot": saving.shown(request, chart) if chart else None,
        "backing": {name: _backing(getattr(told, name), share=name in SHARES) for name in (*MEANS, *SHARES)},
    }
    return render(request, "console/today_base.html", context)


MEANS, SHARES = ("overall", "balance"), ("happy", "unhappy", "care_due", "raised")
"""Figures of the base that are means, and that are shares."""


def _backing(estimate: Estimate | None, *, share: bool) -> str:
    if estimate is None:
        return ""
    interval = figures.share_interval(estimate) if share else figures.interval(estimate)
    return f"95 % {interval}, n {figures.number(estimate.n)}"


@answers()
@require_safe
def course(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The base's experience over a year; with a format, as a file. By itself, since it reads the ledger back that far."""
    points, step = census.course(ws)
    chart = plots.course(points, ws.playbook.organisation.zone) if len(points) > 1 else None
    if form := saving.form_of(request):
        if chart is None:
            raise UnknownName("a course over time", remedy=UNREAD)
        return saving.saved(chart, form, "experience-over-time")
    context = {
        "plot": saving.shown(request, chart) if chart else None,
        "n": points[-1].n if points else 0,
        "step": step,
    }
    return render(request, "console/today_course.html", context)


@answers()
@require_safe
def week(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """What changed within a week, and what went badly."""
    weeks, bad, total = census.week(ws)
    names = {one.customer: one.name for one in listing.page(ws, [each.customer for each in bad], ())}
    worst = [{"bad": one, "name": names.get(one.customer, f"Customer {one.customer}")} for one in bad]
    return render(request, "console/today_week.html", {"weeks": weeks, "worst": worst, "total": total})


urlpatterns = [
    path("", show, name="today"),
    path("today/messages", messages, name="today-messages"),
    path("today/base", base, name="today-base"),
    path("today/course", course, name="today-course"),
    path("today/week", week, name="today-week"),
]
