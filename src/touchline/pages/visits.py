"""In: a request with a link's token. Out: whose page it is, in which language, and headers that give nothing away. Writes no interactions.

The token is all that says who somebody is: there is no account, no session and no cookie, so that a foreign site has nothing to
forge a request with. Django's own check against forgery would refuse our forms, since a page that sends no referrer sends no
origin either; browsers say by `Sec-Fetch-Site` where a form was sent from, and that is checked instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.csrf import csrf_exempt

from touchline import permission, recognition
from touchline.delivery import links
from touchline.delivery.links import Link, NoLink
from touchline.interactions.preferences import language_of
from touchline.kernel.errors import UnknownName
from touchline.pages.looks import look
from touchline.team.actors import customer as acting_customer
from touchline.team.roles import Right
from touchline.workspace import serving, wishes
from touchline.workspace.opened import Workspace
from touchline.workspace.wishes import Owner

View = Callable[..., HttpResponse]

CONTENT = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
LONGEST_TEXT = 2_000
"""Characters of one field of a form."""

SPOKEN: tuple[str, ...] = ("en", "de")
_RIGHTS = frozenset({Right.SERVE, Right.ERASE})


@dataclass(frozen=True)
class Visit:
    """Somebody who came by a link of their own.

    workspace   acting in their name
    link        what the link says
    person      whose address it was sent to
    token       the link's text, for the page's own forms
    """

    workspace: Workspace
    link: Link
    person: Owner
    token: str


def visited(token: str, use: str) -> Visit:
    """Who came, their language switched on; raises NoLink for whatever is not a link for that use of somebody who is known."""
    workspace = serving.current()
    link = links.read(token, use, workspace.clock.now())
    try:
        person = wishes.owner(link.persona)
    except UnknownName:
        raise NoLink from None
    acted = workspace.acting_as(acting_customer(person.customer, _RIGHTS))
    translation.activate(_told_language(person) or translation.get_language())
    return Visit(acted, link, person, token)


def page(view: View) -> View:
    """A customers' page: its language, its headers, and for whatever is no link the one page that says so."""

    @csrf_exempt  # see above
    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override(_asked_language(request)):
            if request.method not in ("GET", "HEAD", "POST"):
                response = HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
            elif request.method == "POST" and not _sent_from_here(request):
                response = gone(request)
            else:
                try:
                    response = view(request, *args, **kwargs)
                except (NoLink, UnknownName):  # they may be erased while they tap
                    response = gone(request)
            response.headers["Content-Language"] = translation.get_language() or SPOKEN[0]
        return _private(response)

    return answered


def shown(request: HttpRequest, template: str, told: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
    """A page in the organisation's look."""
    context = {"look": look(serving.current().playbook), "language": translation.get_language(), **(told or {})}
    return render(request, f"pages/{template}.html", context, status=status)


def gone(request: HttpRequest) -> HttpResponse:
    """What is shown for a link that is changed, has ended, is of another purpose or of nobody: the same for all."""
    return shown(request, "gone", status=404)


def field(request: HttpRequest, name: str) -> str:
    """A text of the form; empty where there is none, cut where nobody would write so much."""
    return (request.POST.get(name) or "").replace("\x00", "")[:LONGEST_TEXT].strip()


def _sent_from_here(request: HttpRequest) -> bool:
    """Whether a form is one of our own pages', a program's, or of a mail program that unsubscribes."""
    return request.headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none") or _is_one_click(request)


def _is_one_click(request: HttpRequest) -> bool:
    return (request.POST.get("List-Unsubscribe") or "") == "One-Click"


def _asked_language(request: HttpRequest) -> str:
    """What the browser asks for first, of the languages that the pages speak."""
    for asked, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        primary = str(asked).partition("-")[0]
        if primary in SPOKEN:
            return primary
    return SPOKEN[0]


def _told_language(person: Owner) -> str | None:
    """The language that the customer told, where the pages speak it."""
    told = permission.permissions(recognition.people(of=_series(person.customer))).preferences
    found = dict(told.select("key", "answer").iter_rows()).get("language")
    if found is None or found >= 26 * 26:
        return None
    spoken = language_of(int(found))
    return spoken if spoken in SPOKEN else None


def _series(customer: int) -> pl.Series:
    return pl.Series([customer], dtype=pl.Int64)


def _private(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = CONTENT
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log the path, which is the link
    return response
