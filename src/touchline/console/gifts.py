"""In: a workspace. Out: the pools of codes: what is left, given, redeemed. Writes `redeemed` for a code that a customer used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console.answering import answers, done
from touchline.kernel.errors import UnknownName
from touchline.report import figures
from touchline.team.roles import Right
from touchline.workspace.opened import Workspace

LONGEST = 200
"""Characters of a code."""


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    return _page(request, ws)


@answers(Right.SERVE)
@require_POST
def redeem(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Note that a code was used; one that nobody was given is refused beside its field."""
    pool, code = (request.POST.get(name, "").replace("\x00", "").strip()[:LONGEST] for name in ("pool", "code"))
    try:
        news = ws.redeem(pool, code)
    except UnknownName as fault:
        return _page(request, ws, told={"pool": pool, "code": code}, fault=fault, status=400)
    said = f"{code} is noted as used." if news else f"{code} was used before: that is noted already."
    return done(request, reverse("gifts"), said, warn=not news)


def _page(
    request: HttpRequest,
    ws: Workspace,
    *,
    told: dict[str, str] | None = None,
    fault: UnknownName | None = None,
    status: int = 200,
) -> HttpResponse:
    pools = [_pool(ws, one) for one in ws.gift_pools()]
    context = {"nav": "gifts", "pools": pools, "answer": _answer(pools), "told": told or {}, "fault": fault}
    return render(request, "console/gifts.html", context, status=status)


def _pool(ws: Workspace, one: dict[str, Any]) -> dict[str, Any]:
    organisation, pool = ws.playbook.organisation, ws.playbook.pools[one["pool"]]
    talks = [talk.name for talk in ws.playbook.conversations.values() if talk.gift and talk.gift.pool == pool.name]
    return {
        **one,
        "talks": talks,
        "until": None if pool.expires is None else pool.expires - 1,  # it ends with the day that the playbook names
        "over": pool.expires is not None and pool.expires <= ws.clock.now(),
        "spent": figures.money(one["worth"], organisation.currency),
        "may": None if one["budget"] is None else figures.money(one["budget"], organisation.currency),
    }


def _answer(pools: Sequence[dict[str, Any]]) -> str:
    if not pools:
        return "No pool of gifts yet"
    empty = [one["pool"] for one in pools if not one["left"] or one["over"]]
    left, given, used = (sum(one[name] for one in pools) for name in ("left", "given", "redeemed"))
    head = (
        f"{figures.plural(left, 'code')} left to give; {figures.number(given)} given, {figures.number(used)} redeemed"
    )
    return f"Nothing is left of {', '.join(map(figures.words, empty))}. {head}" if empty else head


urlpatterns = [
    path("gifts/", show, name="gifts"),
    path("gifts/redeem", redeem, name="gifts-redeem"),
]
