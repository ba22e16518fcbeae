"""In: a workspace. Out: what each programme changed against its control, hand-raisers beside the others. Writes no interactions."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from touchline.console.answering import answers
from touchline.kernel.times import DAY
from touchline.report import figures
from touchline.workspace import census
from touchline.workspace.opened import Workspace


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; its table is worked out when it is asked for by itself."""
    if not (request.htmx or request.GET.get("now") == "1"):  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/proof.html", {"nav": "proof"})
    told = [_told(one) for one in census.proven(ws)["programmes"]]
    whole = "console/proof_table.html" if request.htmx else "console/proof.html"  # type: ignore[attr-defined] # as above
    return render(request, whole, {"nav": "proof", "programmes": told, "loaded": True})


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """A programme's groups as rows, each with its sentence."""
    groups = [
        {"name": "everybody", **_group(one)},
        {"name": "hand-raisers, who had agreed by an act of their own before", **_group(one["hand_raisers"])},
        {"name": "the others", **_group(one["others"])},
    ]
    return {**one, "groups": groups, "answer": answer(one), "days": round(one["within"] / DAY)}


def _group(group: dict[str, Any]) -> dict[str, Any]:
    names = ("n_treated", "n_control", "treated", "control", "difference", "low", "high")
    made = {name: group[name] for name in names}
    made["interval"] = "" if made["low"] is None else f"{_points(made['low'])} to {_points(made['high'])}"
    made["points"] = "" if made["difference"] is None else _points(made["difference"])
    return made


def _points(share: float) -> str:
    return figures.signed(100 * share, 1)


def answer(one: dict[str, Any]) -> str:
    """What a programme changed, in a sentence with its interval; `one` is a programme of `census.proven`."""
    name = figures.upper(figures.words(one["name"]))
    if one["difference"] is None:
        return f"{name}: nothing to compare yet"
    between = f"95 % {_points(one['low'])} to {_points(one['high'])}"
    if one["low"] > 0:
        return f"{name} brought {_points(one['difference'])} points of {figures.words(one['goal'])} ({between})"
    if one["high"] < 0:
        return f"{name} cost {_points(one['difference'])} points of {figures.words(one['goal'])} ({between})"
    return (
        f"{name}: no difference shown in {figures.words(one['goal'])} ({_points(one['difference'])} points, {between})"
    )


urlpatterns = [path("proof/", show, name="proof")]
