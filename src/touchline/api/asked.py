"""In: who is there, or what an own system has to say. Out: what to say now; the notice's message; what became of either. Writes what the workspace's verbs write."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Body, Header, Path, Query, Router, Status

from touchline.api import problems
from touchline.api.doors import Caller, Key
from touchline.api.shapes import (
    AskNext,
    ConsentBody,
    ConsentTaken,
    NextAnswer,
    NoticeBody,
    NoticeTaken,
    Outcome,
    OutcomeTaken,
)
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import format_instant
from touchline.workspace import upnext
from touchline.workspace.notices import LONGEST_KEY, Notice
from touchline.workspace.recognised import person

router = Router()


def caller(request: HttpRequest) -> Caller:
    """Whose key it was."""
    who: Caller = request.auth  # type: ignore[attr-defined] # the library puts there what the key's check returned
    return who


@router.get("/next", auth=Key("next", "serve"), response=NextAnswer, operation_id="next", summary="What to say now")
def ask_next(request: HttpRequest, asked: Query[AskNext]) -> dict[str, Any]:
    """What to say now to whoever is there, on that channel. It is reserved and counts as said; whoever asks again within its time gets the same.

    `conversation` is null for somebody who is not known as it is for somebody for whom nothing fits. Scope `next` or `serve`.
    """
    who = caller(request)
    identifier = asked.identifier
    try:
        channel, touchpoint = upnext.place(who.workspace, asked.channel, asked.touchpoint)
    except UnknownName as fault:
        raise NotThere(fault.detail, remedy=fault.how) from None
    found = who.workspace.next_conversation(upnext.Wanted(identifier, channel, touchpoint))
    said = found.said
    told = None
    if said is not None:
        told = {**vars(said), "name": said.conversation, "until": format_instant(said.until)}
    return {"conversation": told, "held": list(found.held) if who.scope == "serve" else []}


@router.post(
    "/next/{message_id}",
    auth=Key("next", "serve"),
    response=OutcomeTaken,
    operation_id="tell_next",
    summary="What became of it",
)
def tell_next(
    request: HttpRequest,
    message_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    told: Body[Outcome],
) -> dict[str, Any]:
    """Say that an answer was shown, accepted, declined or not shown. What is never told of counts as said. Scope `next` or `serve`."""
    news = caller(request).workspace.tell_shown(message_id, told.outcome)
    return {"message_id": message_id, "outcome": told.outcome, "news": news}


@router.post(
    "/messages",
    auth=Key("serve"),
    response={202: NoticeTaken},
    operation_id="send_notice",
    summary="Send a notice of your own",
)
def send_notice(
    request: HttpRequest,
    notice: Body[NoticeBody],
    key: Annotated[str, Header(alias="Idempotency-Key", pattern=f"^[\\x20-\\x7e]{{1,{LONGEST_KEY}}}$")],
) -> Status[dict[str, Any]]:
    """Send one customer a notice that the contract or the law asks for. The same key and body again is the same notice. Scope `serve`.

    409 where a rule on contact holds it, with what holds it; nothing is kept then, and the same key may be used again.
    """
    taken = caller(request).workspace.send_notice(
        Notice(notice.conversation, notice.to.identifier, notice.variables, key, notice.channel)
    )
    return Status(202, vars(taken))


@router.post(
    "/consents", auth=Key("serve"), response=ConsentTaken, operation_id="set_consent", summary="Record a consent"
)
def set_consent(request: HttpRequest, consent: Body[ConsentBody]) -> dict[str, Any]:
    """Record that one address agreed to a purpose on a channel, or refused it, with what shows it; in force at once. Scope `serve`."""
    workspace = caller(request).workspace
    who = person(workspace, consent.to.identifier)
    if who is None:
        raise UnknownName("that customer", remedy="Tell of them first: an identify event makes them known.")
    changed = workspace.opt(
        who.persona_id,
        [(consent.purpose, consent.channel)],
        allow=consent.allow,
        evidence=dict(consent.evidence),
        source="api",
    )
    return {"changed": bool(changed)}


class NotThere(problems.BadValues):
    """The playbook has no such place."""

    code = "unknown_place"
