"""In: a workspace. Out: what each programme changed against its control, hand-raisers beside the others. Writes no interactions."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from touchline.console import saving
from touchline.console.answering import answers
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import DAY
from touchline.report import figures, plots
from touchline.report.vega import Chart
from touchline.workspace import census
from touchline.workspace.opened import Workspace


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; its charts are drawn when they are asked for by themselves. With a format, one programme's chart as a file."""
    if form := saving.form_of(request):
        one = _named(ws, request.GET.get("programme", ""))
        return saving.saved(_chart(one), form, f"proof-{one['name']}")
    if not (request.htmx or request.GET.get("now") == "1"):  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/proof.html", {"nav": "proof"})
    currency = ws.playbook.organisation.currency
    told = [_told(request, one, currency) for one in census.proven(ws)["programmes"]]
    whole = "console/proof_table.html" if request.htmx else "console/proof.html"  # type: ignore[attr-defined] # as above
    return render(request, whole, {"nav": "proof", "programmes": told, "loaded": True})


def _named(ws: Workspace, name: str) -> dict[str, Any]:
    programmes = {one["name"]: one for one in census.proven(ws)["programmes"]}
    if name not in programmes:
        raise UnknownName("that programme with a goal", remedy=did_you_mean(name, programmes))
    return programmes[name]


def _told(request: HttpRequest, one: dict[str, Any], currency: str) -> dict[str, Any]:
    """A programme with its sentence, and its chart with the table behind it."""
    plot = saving.shown(request, _chart(one), programme=one["name"])
    cost = figures.money(one["cost"], currency)
    return {**one, "answer": answer(one), "days": round(one["within"] / DAY), "cost": cost, "plot": plot}


def _chart(one: dict[str, Any]) -> Chart:
    groups = {"everybody": one, "hand-raisers": one["hand_raisers"], "the others": one["others"]}
    arms = tuple(_compared(name, group) for name, group in groups.items())
    title = f"{figures.upper(figures.words(one['name']))}: treated against control"
    return plots.differences(title, figures.words(one["goal"]), arms)


def _compared(name: str, group: dict[str, Any]) -> plots.Compared:
    names = ("n_treated", "n_control", "treated", "control", "difference", "low", "high")
    return plots.Compared(name, *(group[each] for each in names))


def _points(share: float) -> str:
    return figures.signed(100 * share, 1)


def answer(one: dict[str, Any]) -> str:
    """What a programme changed, in a sentence with its interval; `one` is a programme of `census.proven`."""
    name = figures.upper(figures.words(one["name"]))
    if one["difference"] is None:
        return f"{name}: nothing to compare yet"
    if not one["complete"]:
        return f"{name}: too early to tell, nobody is past their {round(one['within'] / DAY)} days"
    between = f"95 % {_points(one['low'])} to {_points(one['high'])}"
    if one["low"] > 0:
        return f"{name} brought {_points(one['difference'])} points of {figures.words(one['goal'])} ({between})"
    if one["high"] < 0:
        return f"{name} cost {_points(one['difference'])} points of {figures.words(one['goal'])} ({between})"
    return (
        f"{name}: no difference shown in {figures.words(one['goal'])} ({_points(one['difference'])} points, {between})"
    )


urlpatterns = [path("proof/", show, name="proof")]
