"""In: the link at a message's end. Out: the purpose refused on that channel, by a POST alone. Writes `opted_out`, and `opted_in` where it is taken back.

RFC 8058: a mail program posts `List-Unsubscribe=One-Click` and the person is out; a GET, which scanners do, changes nothing.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from touchline import permission, recognition
from touchline.delivery import links
from touchline.delivery.links import NoLink
from touchline.pages.visits import Visit, page, shown, visited
from touchline.workspace.sentences import CHANNELS, PURPOSES
from touchline.workspace.wishes import BadWish

SOURCE = "pages"


@page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """One button to leave; once left, one to take it back."""
    visit = visited(token, "unsubscribe")
    if len(visit.link.about) != 2:
        raise NoLink
    purpose, channel = visit.link.about
    about = {"purpose": _(PURPOSES[purpose]), "channel": _(CHANNELS[channel])}
    told: dict[str, Any] = {**about, "token": token, "preferences": _preferences(visit), "state": "asked"}
    if request.method == "POST" and request.POST.get("List-Unsubscribe") == "One-Click":
        words = _("No more {purpose} by {channel}.").format(**about)
        _opt(visit, allow=False, words=words)
        told["state"] = "left"
    elif request.method == "POST" and request.POST.get("undo") == "yes" and _has_left(visit):
        words = _("Yes, send me {purpose} by {channel} again.").format(**about)
        _opt(visit, allow=True, words=words)
        told["state"] = "back"
    return shown(request, "unsubscribe", told)


def _has_left(visit: Visit) -> bool:
    """Whether this address refused it: only what was refused here is taken back here, nothing is agreed to for the first time."""
    people = recognition.people(of=pl.Series([visit.person.customer], dtype=pl.Int64))
    purpose, channel = visit.link.about
    theirs = permission.permissions(people).consents.filter(
        (pl.col("persona_id") == visit.person.persona_id)
        & (pl.col("purpose") == purpose)
        & (pl.col("channel") == channel)
    )
    return bool(theirs["withdrawn_at"].is_not_null().any())


def _opt(visit: Visit, *, allow: bool, words: str) -> None:
    purpose, channel = visit.link.about
    try:
        visit.workspace.opt(
            visit.person.persona_id,
            [(purpose, channel)],
            allow=allow,
            evidence={"page": "unsubscribe", "words": words},
            source=SOURCE,
        )
    except BadWish:
        raise NoLink from None  # it was made for what cannot be refused


def _preferences(visit: Visit) -> str:
    return links.token("preferences", visit.person.persona_id, visit.workspace.clock.now())
