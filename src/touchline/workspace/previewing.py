"""In: a conversation and a customer, or the list of calls. Out: what would be read, or said. Writes no interactions."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from touchline.delivery import calls
from touchline.kernel.errors import BadFile, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import format_instant
from touchline.playbook.compiled import Way
from touchline.workspace import carrying

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


def preview(
    workspace: Workspace,
    conversation: str,
    customer: int,
    *,
    channel: str | None = None,
    variant: str | None = None,
    language: str | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """The message as the customer would read it, or the names that are missing; nothing is reserved or sent.

    out   where the HTML or the PDF is written. Raises UnknownName for what the playbook does not have.
    """
    way, wording = chosen(workspace, conversation, channel, variant)
    with closing(carrying.Carried(workspace, {})) as carried:
        seen = carried.preview(customer, conversation, way.channel, wording, language)
    rendered = seen.rendered
    if out is not None:
        content = None if rendered is None else rendered.pdf or (rendered.html or rendered.text).encode()
        if content is None:
            raise BadFile(f"nothing for {out}", remedy="The message would be held; see `missing`.")
        out.write_bytes(content)
    return {
        "conversation": conversation,
        "channel": way.channel,
        "variant": seen.words.variant,
        "language": seen.words.language,
        "subject": None if rendered is None else rendered.subject,
        "text": None if rendered is None else rendered.text,
        "say": list(rendered.call.say) if rendered is not None and rendered.call is not None else [],
        "missing": list(seen.missing),
        "out": None if out is None else str(out),
    }


def chosen(workspace: Workspace, conversation: str, channel: str | None, variant: str | None) -> tuple[Way, str]:
    """The way of that channel, else the first, and its wording of that name, else the first; raises UnknownName."""
    talks = workspace.playbook.conversations
    if conversation not in talks:
        raise UnknownName(f"conversation {conversation!r}", remedy=did_you_mean(conversation, talks))
    ways = {way.channel: way for way in talks[conversation].ways}
    if channel is not None and channel not in ways:
        raise UnknownName(f"channel {channel!r} of {conversation}", remedy=did_you_mean(channel, ways))
    way = next(iter(ways.values())) if channel is None else ways[channel]
    variants = [one.name for one in way.variants]
    if not variants:
        raise UnknownName(f"no words for {conversation} by {way.channel}", remedy="Give it a variant with a template.")
    if variant is not None and variant not in variants:
        raise UnknownName(f"variant {variant!r} of {conversation}", remedy=did_you_mean(variant, variants))
    return way, variant or variants[0]


def tasks() -> list[dict[str, Any]]:
    """The calls to make, the most urgent first: number, customer, until when, and the brief."""
    return [
        {
            "task": task.task,
            "customer": task.customer,
            "conversation": task.conversation,
            "opened_at": format_instant(task.opened_at),
            "expires_at": format_instant(task.expires_at),
            "brief": json.loads(task.brief or "{}"),
        }
        for task in calls.tasks()
    ]
