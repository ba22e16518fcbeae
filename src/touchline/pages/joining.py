"""In: an address and what its owner wants to hear. Out: agreement, once the address' own link was confirmed by a POST. Writes `opted_in`.

Confirmed opt-in: a form may name anybody's address, so that nothing is allowed until whoever reads mail there says yes.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from touchline.delivery.links import NoLink
from touchline.kernel.errors import UnknownName
from touchline.pages.visits import field, gone, page, shown, visited
from touchline.playbook.compiled import Playbook
from touchline.team.actors import Actor
from touchline.team.roles import Right
from touchline.workspace import serving
from touchline.workspace.sentences import CHANNELS, PURPOSES
from touchline.workspace.wishes import REFUSABLE, BadWish

CHANNEL = "email"
SOURCE = "pages"
_SOMEBODY = Actor("customer", "somebody at the form", frozenset({Right.SERVE}))


def purposes(playbook: Playbook, channel: str = CHANNEL) -> list[str]:
    """Purposes that need agreement and that the playbook's conversations have on the channel."""
    used = {
        talk.purpose for talk in playbook.conversations.values() if any(way.channel == channel for way in talk.ways)
    }
    return [name for name in REFUSABLE if name in used and name != "listening"]


@page
def join(request: HttpRequest) -> HttpResponse:
    """The form; its answer is the same whoever the address belongs to."""
    workspace = serving.current().acting_as(_SOMEBODY)
    offered = purposes(workspace.playbook)
    if not offered or "confirm_opt_in" not in workspace.playbook.conversations:
        return gone(request)
    told = {"offered": [(name, _(PURPOSES[name])) for name in offered], "address": "", "state": "asked", "fault": ""}
    if request.method == "POST":
        wanted = [name for name in request.POST.getlist("purpose")[:20] if name in offered]
        told.update(address=field(request, "address"), wanted=wanted)
        if not wanted:
            told["fault"] = _("Choose at least one.")
        else:
            try:
                workspace.ask_to_join(str(told["address"]), CHANNEL, wanted)
                told["state"] = "sent"
            except BadWish:
                told["fault"] = _("This is no e-mail address.")
            except UnknownName:
                return gone(request)
    return shown(request, "join", told, status=422 if told["fault"] else 200)


@page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The question once more; only its POST is a yes."""
    visit = visited(token, "confirm")
    if len(visit.link.about) < 2:
        raise NoLink
    channel, *wanted = visit.link.about
    about = {"purposes": ", ".join(_(PURPOSES[name]) for name in wanted), "channel": _(CHANNELS[channel])}
    words = _("Yes, {organisation} may write to me: {purposes}, by {channel}.").format(
        organisation=visit.workspace.playbook.organisation.name, **about
    )
    if request.method == "POST":
        try:
            visit.workspace.opt(
                visit.person.persona_id,
                [(name, channel) for name in wanted],
                allow=True,
                evidence={"page": "confirm", "words": words, "link": token[-12:]},
                source=SOURCE,
            )
        except BadWish:
            raise NoLink from None
    told = {**about, "words": words, "token": token, "state": "done" if request.method == "POST" else "asked"}
    return shown(request, "confirm", told)
