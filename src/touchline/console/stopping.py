"""In: a workspace, and what somebody stops or resumes with one press. Out: it waits, or goes on; what is stopped, by whom and since when. Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from touchline.console.answering import answers, done
from touchline.delivery.stops import Stop
from touchline.report import figures
from touchline.team.roles import Right
from touchline.workspace import stopping as workspace_stopping
from touchline.workspace.opened import Workspace


@answers(Right.CONVERSE)
@require_POST
def press(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Stop what the button stands for, at once."""
    sort, name = _meant(request)
    news = ws.stop_sending(sort, name, service_too=request.POST.get("service_too") == "yes")
    if not news:
        return done(request, _back(request), "It is stopped already.", warn=True)
    waiting = next((one.waiting for one in ws.stops() if (one.sort, one.name) == (sort, name)), 0)
    wait = f"{figures.plural(waiting, 'message')} {'waits' if waiting == 1 else 'wait'}"
    return done(
        request, _back(request), f"Stopped: {figures.lower(what(sort, name))}. {wait} until somebody resumes it."
    )


@answers(Right.CONVERSE)
@require_POST
def resume(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Let it go on."""
    sort, name = _meant(request)
    if not ws.resume_sending(sort, name):
        return done(request, _back(request), "It was not stopped any more.", warn=True)
    said = "What waits goes next; whatever else holds a message holds it still."
    return done(request, _back(request), f"Resumed: {figures.lower(what(sort, name))}. {said}")


def shown(stops: Sequence[Stop]) -> list[dict[str, Any]]:
    """Stops as the pages tell of them."""
    return [{**vars(one), "what": what(one.sort, one.name, service_too=one.service_too)} for one in stops]


def words(ws: Workspace) -> dict[str, str]:
    """Conversation -> who has stopped it and since when; those that go are not in it."""
    zone = ws.playbook.organisation.zone
    return {
        name: f"stopped by {one.by} since {figures.date_time(one.since, zone)}"
        for name, one in workspace_stopping.by_conversation(ws).items()
    }


def what(sort: str, name: str, *, service_too: bool = False) -> str:
    """What is stopped, in words."""
    if sort == "all":
        return "Everything that goes out" if service_too else "Everything but what is owed"
    return f"The {sort} {figures.words(name)}"


def _meant(request: HttpRequest) -> tuple[str, str]:
    told = (request.POST.get(field, "").replace("\x00", "")[:128] for field in ("sort", "name"))
    sort, name = told
    return sort, name


def _back(request: HttpRequest) -> str:
    back = request.POST.get("back", "")
    here = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return back if here and back.startswith("/") else reverse("outbox")


urlpatterns = [
    path("sending/stop", press, name="sending-stop"),
    path("sending/resume", resume, name="sending-resume"),
]
