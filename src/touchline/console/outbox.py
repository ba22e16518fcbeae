"""In: a workspace and what the address asks for. Out: what waits and why, the latest messages, what is released or stopped.
Writes what its verbs write: `failed` for what is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console import stopping
from touchline.console.answering import answers, done
from touchline.delivery.states import STATES
from touchline.delivery.stops import BY_HAND
from touchline.interactions.catalogue import CHANNELS
from touchline.interactions.row import HARD_BOUNCE
from touchline.report import figures
from touchline.report.holds import policy_words
from touchline.team.roles import Right
from touchline.workspace import outgoing
from touchline.workspace.opened import Workspace
from touchline.workspace.outgoing import Waits

PAGE = 50
BAD = ("failed", "uncertain")
"""States of which a person should know."""
MEANS = {
    "reserved": "wait for their sender",
    "held": "are held",
    "sending": "are being sent, or are calls to make",
    "sent": "went",
    "delivered": "arrived",
    "failed": "did not arrive",
    "uncertain": "may have arrived, and are not sent again",
    "expired": "were not said in time, or what they rested on ended",
}
WHY = {
    "": "its sender takes it next",
    "quiet_hours": "quiet hours: it goes when they are over",
    "care_first": "something went badly for them: care comes first",
    "consent": "they do not allow it any more",
    "suppression": "nothing at all may be sent to them",
    "preference.channel": "they asked for another channel",
    "preference.topic": "they asked not to hear of this",
    "step_left": "they left the step of the programme that it belongs to",
    "conversation_gone": "the playbook does not have this conversation any more",
    "look_failed": "whether it may still go could not be looked up; it is tried again",
    "gift_pool_empty": "it carries a gift, and no code is left to give: load more",
    "no_link": "its words need a link that cannot be made",
    "cannot_be_rendered": "its words cannot be written for this customer",
    "interrupted": "a try was cut short; it goes again",
    "worker_died": "a try was cut short when it may have arrived",
    "handed": "stands on the list of calls",
    "released": "released by the team: it goes next, unless something holds it still",
    "stopped": "stopped by the team",
    BY_HAND: "stopped by hand: it goes on when somebody resumes it",
    "too_late": "it waited longer than it may",
    "gave_up": "it was tried as long as it may be",
    HARD_BOUNCE: "the address does not exist",
    "sender_broke": "its sender broke in the middle",
}
"""Reason -> why a message is in its state, in words."""


@dataclass(frozen=True)
class Asked:
    """What the address asks for; empty where it does not."""

    state: str
    reason: str
    conversation: str
    channel: str
    before: int | None

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """Read from the address."""
        told = {name: request.GET.get(name, "").replace("\x00", "")[:200] for name in _NAMES}
        before = request.GET.get("before", "")
        number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
        return cls(told["state"], told["reason"], told["conversation"], told["channel"], number)

    def address(self, **changed: Any) -> str:
        """The same question with something else in it; from the latest message where nothing else is said."""
        told = {name: getattr(self, name) for name in _NAMES} | changed
        return f"?{urlencode([(name, value) for name, value in told.items() if value])}"


_NAMES = ("state", "reason", "conversation", "channel")


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; how many messages are in each state is counted by itself."""
    asked = Asked.of(request)
    if request.htmx and request.GET.get("counts") == "1":  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/outbox_counts.html", {"states": _states(asked, ws.message_counts())})
    found = outgoing.page(
        state=asked.state, reason=asked.reason, conversation=asked.conversation, channel=asked.channel,
        before=asked.before, most=PAGE + 1,
    ).to_dicts()  # fmt: skip
    now = ws.clock.now()
    rows = [_row(row, asked, now) for row in found[:PAGE]]
    waits, stops = outgoing.waits(), ws.stops()
    counts = ws.message_counts() if request.GET.get("counts") == "1" else None
    context = {
        "nav": "outbox",
        "asked": asked,
        "answer": _answer(waits, stopped=bool(stops)),
        "stops": stopping.shown(stops),
        "all_stopped": any(one.sort == "all" for one in stops),
        "by_hand": BY_HAND,
        "service_stopped": any(one.service_too for one in stops),
        "title": MEANS.get(asked.state, ""),
        "why": why(asked.reason) if asked.reason else "",
        "waits": [(one, why(one.reason), Asked(one.state, one.reason, "", "", None).address()) for one in waits],
        "states": _states(asked, counts),
        "counted": counts is not None,
        "here": asked.address(),
        "rows": rows,
        "can": any(row["free"] for row in rows),
        "conversations": sorted(ws.playbook.conversations),
        "channels": CHANNELS,
        "after": asked.address(before=found[PAGE - 1]["id"]) if len(found) > PAGE else None,
        "newest": asked.address() if asked.before is not None else None,
    }
    return render(request, "console/outbox.html", context)


@answers(Right.CONVERSE)
@require_POST
def steer(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Release or stop the messages that were ticked, and come back to the same list."""
    back = f"{reverse('outbox')}{Asked.of(request).address()}"
    chosen = [text for text in dict.fromkeys(request.POST.getlist("message")) if len(text) == 32 and text.isalnum()]
    verb = {"release": ws.release_messages, "stop": ws.stop_messages}.get(request.POST.get("do", ""))
    if not chosen or verb is None:
        return done(request, back, "Tick the messages that are meant first.", warn=True)
    changed = verb(chosen[:PAGE])
    return done(request, back, _said(request.POST["do"], changed, len(chosen)), warn=changed == 0)


def why(reason: str) -> str:
    """Why a message is in its state, in words; a sender's own word stays as it is."""
    if reason in WHY:
        return WHY[reason]
    kind, _, names = reason.partition(" ")
    if kind == "missing":
        return f"its words need what is not known of this customer: {names}"
    for sort, of in (("smtp_", "the mail server"), ("http_", "the receiving service")):
        if kind.startswith(sort):
            return f"{of} answered {kind.removeprefix(sort)}"
    return f"{policy_words(kind)} {names}".strip()


def _said(verb: str, changed: int, of: int) -> str:
    left = f" {figures.plural(of - changed, 'other')} had gone on or waited for nothing." if changed < of else ""
    if not changed:
        return "Nothing was changed: they have gone on in the meantime, or wait for nothing."
    if verb == "stop":
        return f"{figures.plural(changed, 'message')} will not go.{left}"
    return f"{figures.plural(changed, 'message')} can go now; what still holds one holds it again.{left}"


def _answer(waits: Sequence[Waits], *, stopped: bool = False) -> str:
    total = sum(one.n for one in waits)
    if not total:
        return "Stopped by hand; no message waits to go" if stopped else "No message waits to go"
    by_hand = sum(one.n for one in waits if one.reason == BY_HAND)
    if by_hand:
        return f"{figures.number(by_hand)} of {figures.plural(total, 'waiting message')} {'is' if by_hand == 1 else 'are'} stopped by hand"
    held = [one for one in waits if one.state == "held"]
    head = "1 message waits to go" if total == 1 else f"{figures.number(total)} messages wait to go"
    if not held:
        return f"{head}, none is held"
    what = "want of a gift code" if held[0].reason == "gift_pool_empty" else policy_words(held[0].reason)
    most = f", most for {what}" if len(held) > 1 else f", for {what}"
    return f"{head}, {figures.number(sum(one.n for one in held))} of them held{most}"


def _states(asked: Asked, counts: Mapping[str, int] | None) -> list[dict[str, Any]]:
    """Each state as a link, with its count where it is counted."""
    made = []
    for state in STATES:
        n = None if counts is None else counts.get(state, 0)
        made.append({
            "state": state, "means": MEANS[state], "n": n, "here": state == asked.state, "bad": state in BAD and bool(n),
            "href": f"{reverse('outbox')}{Asked(state, '', asked.conversation, asked.channel, None).address()}",
        })  # fmt: skip
    return made


def _row(row: dict[str, Any], asked: Asked, now: int) -> dict[str, Any]:
    waits = row["state"] in ("reserved", "held")
    leased = row["lease_until"] is not None and row["lease_until"] > now
    return {
        **row,
        "bad": row["state"] in BAD,
        "why": why(row["reason"]) if row["reason"] or waits else "",
        "free": waits and not leased,
        "later": row["due_at"] if waits and row["due_at"] > now else None,
        "same": asked.address(conversation=row["conversation"]),
    }


urlpatterns = [
    path("outbox/", show, name="outbox"),
    path("outbox/steer", steer, name="outbox-steer"),
]
