"""In: a link that was sent to the address itself. Out: what is known of its owner: to see, to correct, to take along, to have erased. Writes `identified`; an erasure takes out."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from touchline.delivery import links
from touchline.pages.visits import Visit, field, shown, visited
from touchline.pages.visits import page as own_page
from touchline.workspace import asking, person_page, sentences
from touchline.workspace.erasing import OnItsWay
from touchline.workspace.wishes import BadWish

SOURCE = "pages"
MOST_TRAITS = 100


@own_page
def known(request: HttpRequest, token: str) -> HttpResponse:
    """What is known, as sentences; a POST corrects what they told of themselves."""
    visit = visited(token, "known")
    told: dict[str, Any] = {"token": token, "state": "", "fault": ""}
    if request.method == "POST":
        traits = {
            name.removeprefix("trait."): field(request, name)
            for name in list(request.POST)[:MOST_TRAITS]
            if name.startswith("trait.")
        }
        before = _known(visit).profile
        changed = {
            name: value for name, value in traits.items() if name in before and value and value != str(before[name])
        }
        try:
            visit.workspace.tell_traits(visit.person.persona_id, changed, source=SOURCE)
            told["state"] = "corrected" if changed else ""
        except BadWish:
            told["fault"] = _("That is too long; write at most 400 characters.")
    told["told"] = sentences.told(_known(visit), visit.workspace.playbook)
    return shown(request, "known", told, status=422 if told["fault"] else 200)


@own_page
def page(_request: HttpRequest, token: str) -> HttpResponse:
    """The same as one page to keep."""
    visit = visited(token, "known")
    text = person_page.page(_known(visit), visit.workspace.playbook, get_language() or "en")
    return _file(text, "text/html; charset=utf-8", "my-data.html")


@own_page
def export(_request: HttpRequest, token: str) -> HttpResponse:
    """Everything, for another program."""
    visit = visited(token, "known")
    told = visit.workspace.export_person(str(visit.person.customer))
    return _file(json.dumps(told, ensure_ascii=False, indent=1, default=str), "application/json", "my-data.json")


@own_page
def ask_erasure(request: HttpRequest, token: str) -> HttpResponse:
    """The first step: a link for the second, sent to the address; shown here where the playbook has no words for such a message."""
    visit = visited(token, "known")
    if request.method != "POST":
        return redirect("pages:known", token)
    if asking.can_mail(visit.workspace, visit.person.persona_id, "erase"):
        visit.workspace.send_link(visit.person.persona_id, "erase")
        return shown(request, "sent", {"token": token})
    return redirect("pages:erase", links.token("erase", visit.person.persona_id, visit.workspace.clock.now()))


@own_page
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """The second step: what will go and what stays; its POST erases."""
    visit = visited(token, "erase")
    if request.method == "POST" and request.POST.get("erase") == "yes":
        try:
            visit.workspace.erase(str(visit.person.customer), at_once=False)
        except OnItsWay:
            return shown(request, "erase", {"token": token, "state": "later"}, status=503)
        return shown(request, "erase", {"state": "done"})
    count = len(_known(visit).interactions)
    return shown(request, "erase", {"token": token, "state": "asked", "count": count})


def _known(visit: Visit) -> Any:
    return visit.workspace.known(str(visit.person.customer))


def _file(text: str, kind: str, name: str) -> HttpResponse:
    return HttpResponse(text, kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
