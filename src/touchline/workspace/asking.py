"""In: an address, and what its owner asked for. Out: a link of their own, sent to that address, or handed to whoever serves them. Writes no interactions.

That a link arrives shows that the address is theirs; so consent, data and erasure by a form always go this way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl
from django.db import transaction

from touchline.delivery import asked, links
from touchline.intake import buffer
from touchline.interactions.catalogue import CHANNELS, REACHED_BY
from touchline.kernel.errors import UnknownName
from touchline.recognition import SIGHTINGS, recognise
from touchline.recognition.normalise import normalised
from touchline.workspace import acting, wishes
from touchline.workspace.wishes import REFUSABLE, BadWish

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


def by_mail(workspace: Workspace, persona: int, use: str, about: tuple[str, ...] = ()) -> bool:
    """Send a persona a link for that use; False where the same was sent within the hour. Raises UnknownName where the playbook cannot say it."""
    person = wishes.owner(persona)
    name = asked.CONVERSATIONS[use]
    conversation = workspace.playbook.conversations.get(name)
    way = (
        next((way for way in conversation.ways if REACHED_BY.get(way.channel) == person.type), None)
        if conversation
        else None
    )
    if conversation is None or way is None or not way.variants or conversation.purpose != "service":
        raise UnknownName(
            f"conversation {name!r}",
            remedy=f"Write playbook/conversations/{name}.yaml of purpose service, by e-mail; the template `warranty` has one.",
        )
    acting.tell(f"customer {person.customer}", link=use)
    asking = asked.Asking(
        customer=person.customer,
        persona_id=persona,
        bucket=person.bucket,
        role=person.role,
        identifier=person.value,
        channel=way.channel,
        touchpoint=way.touchpoint,
        variant=way.variants[0].name,
        digest=workspace.playbook.digest,
    )
    with transaction.atomic():
        wishes.held(person)
        return asked.reserve(asking, use, about, workspace.clock.now())


def can_mail(workspace: Workspace, persona: int, use: str) -> bool:
    """Whether the playbook has words for such a link, and the persona an address for them."""
    conversation = workspace.playbook.conversations.get(asked.CONVERSATIONS[use])
    kind = wishes.owner(persona).type
    return conversation is not None and any(
        way.variants and REACHED_BY.get(way.channel) == kind for way in conversation.ways
    )


def link(workspace: Workspace, persona: int, use: str, about: tuple[str, ...] = ()) -> str:
    """The address of a link for that use, for whoever hands it over. Raises UnknownName for an unknown use or persona."""
    if use not in links.LASTING:
        raise UnknownName(f"link {use[:40]!r}", remedy=f"There are {', '.join(links.LASTING)}.")
    person = wishes.owner(persona)
    acting.tell(f"customer {person.customer}", link=use)
    return links.url(workspace.settings.public_url, use, persona, workspace.clock.now(), about)


def ask(workspace: Workspace, address: str, channel: str, purposes: Sequence[str]) -> bool:
    """Send an address the link by which it confirms; False where it was sent one within the hour, or too many are asked for."""
    if asked.is_crowded(workspace.clock.now()):
        return False
    return by_mail(workspace, join(workspace, address, channel, purposes), "confirm", (channel, *purposes))


def join(workspace: Workspace, address: str, channel: str, purposes: Sequence[str]) -> int:
    """The persona of an address that wants to hear from us, made where it is new. Nothing is allowed by that.

    Raises BadWish where the address is none, or a purpose or the channel is not one that can be agreed to.
    """
    kind = REACHED_BY.get(channel)
    if channel not in CHANNELS or kind is None or not purposes or any(one not in REFUSABLE for one in purposes):
        raise BadWish(
            "what was asked for", remedy=f"Purposes are {', '.join(REFUSABLE)}; the channel is one with addresses."
        )
    now = workspace.clock.now()
    region = workspace.playbook.organisation.country
    told = pl.DataFrame({"type": [kind], "scope": [""], "value": [address[:600]]})
    if normalised(told, region)["reason"][0] is not None:
        raise BadWish("the address", remedy="Write it as you would on a letter: name@example.org, +49 30 123456.")
    seen = told.with_columns(row=pl.lit(0, pl.Int64), name=pl.lit(None, pl.String), occurred_at=pl.lit(now, pl.Int64))
    with transaction.atomic():
        found = recognise(seen.select(*SIGHTINGS), region=region, now=now)
        buffer.accept_rows(found.administration, received_at=now)
    return int(found.rows["persona_id"][0])
