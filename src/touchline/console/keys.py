"""In: a workspace. Out: the keys by which machines write and read here. Writes no interactions.

A key is shown once, on the page that answers its making, with what sends a first event by it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console.answering import answers, done
from touchline.report import figures
from touchline.team.keys import SCOPES, KeyFault, NewKey
from touchline.team.roles import Right
from touchline.workspace.opened import Workspace

MEANS = {
    "write": "sends events: a site, a server, a till",
    "read": "reads customers and metrics, and changes nothing: a server of your own",
    "next": "asks what to say now, and tells what became of it: the server behind a site, an app, a till",
    "serve": "does that, sends your own notices, and records consent: a server of your own",
}
"""What each scope is for."""


@answers(Right.ADMINISTER)
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    return _page(request, ws)


@answers(Right.ADMINISTER)
@require_POST
def create(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Make a key, and show it; what is wrong stands beside the field, with what was typed."""
    told = {name: request.POST.get(name, "").replace("\x00", "")[:200] for name in ("name", "scope")}
    try:
        made = ws.create_key(told["name"], told["scope"])
    except KeyFault as fault:
        return _page(request, ws, told=told, fault=fault, status=400)
    return _page(request, ws, made=made)


@answers(Right.ADMINISTER)
@require_POST
def revoke(request: HttpRequest, ws: Workspace, key: int) -> HttpResponse:
    """End a key."""
    ended = ws.revoke_key(key)
    said = "The key is revoked; whoever still sends it is refused within seconds." if ended else "It had ended already."
    return done(request, reverse("keys"), said)


def _page(
    request: HttpRequest,
    ws: Workspace,
    *,
    made: NewKey | None = None,
    told: dict[str, str] | None = None,
    fault: KeyFault | None = None,
    status: int = 200,
) -> HttpResponse:
    keys = ws.machine_keys()
    live = [one for one in keys if one.revoked_at is None]
    context: dict[str, Any] = {
        "nav": "keys",
        "live": live,
        "ended": [one for one in keys if one.revoked_at is not None],
        "answer": _answer([one.scope for one in live]),
        "scopes": [(scope, MEANS[scope]) for scope in SCOPES],
        "made": made,
        "host": ws.settings.public_url,
        "told": told or {"scope": "write"},
        "fault": fault,
    }
    answer = render(request, "console/keys.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


def _answer(scopes: list[str]) -> str:
    if not scopes:
        return "No machine can write or read here yet"
    write, read = scopes.count("write"), scopes.count("read")
    more = len(scopes) - write - read
    served = f", {figures.number(more)} can serve customers" if more else ""
    return f"{figures.plural(write, 'key')} can write, {figures.number(read)} can read{served}"


urlpatterns = [
    path("keys/", show, name="keys"),
    path("keys/create", create, name="keys-create"),
    path("keys/<int:key>/revoke", revoke, name="keys-revoke"),
]
