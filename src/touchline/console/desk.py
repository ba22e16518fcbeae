"""In: who calls, writes or stands there. Out: who it is, what happened last, what to say; the form of the encounter.
Writes what `workspace/desk.py` writes, `called` where a call is closed, and `opted_in` where a customer agrees."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console.answering import DIGITS, answers, done
from touchline.console.customer import told_rows, view_of, windowed
from touchline.decision.explaining import Explained
from touchline.delivery.calls import OUTCOMES as CALL_OUTCOMES
from touchline.delivery.calls import TaskFault
from touchline.interactions.catalogue import KINDS
from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import DAY, parse_instant
from touchline.report import Setting, line
from touchline.report.facts import facts
from touchline.report.marks import Row
from touchline.report.story import answer, in_order
from touchline.report.view import LineView, Mark
from touchline.team.actors import NotAllowed
from touchline.team.roles import Right
from touchline.workspace import desk, listing, stopping
from touchline.workspace import portrait as portraits
from touchline.workspace.desk import Encounter
from touchline.workspace.opened import Workspace
from touchline.workspace.portrait import Portrait

LONGEST = 512
ASKED_LATELY = 60 * DAY
"""For so long a survey's question is not asked again."""
WRONG = -0.4
OPEN_SHOWN, LAST_SHOWN, SAY_SHOWN = 5, 8, 3


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The desk: the search alone with the calls to make; or, once somebody is recognised, all that serving them needs."""
    text = request.GET.get("q", "").replace("\x00", "")[:LONGEST].strip()
    hits = listing.found(ws, text) if text else []
    if len(hits) == 1:
        return _page(request, ws, hits[0], text, request.GET.get("call", ""))
    context: dict[str, Any] = {"nav": "desk", "q": text, "calls": _calls(ws), "now": ws.clock.now()}
    context["hits"] = listing.page(ws, hits[:20], ("stage",)) if hits else []
    return render(request, "console/desk.html", context)


def _calls(ws: Workspace) -> list[dict[str, Any]]:
    return [{**one, "until": parse_instant(one["expires_at"])} for one in ws.calls()]


def _page(
    request: HttpRequest,
    ws: Workspace,
    customer: int,
    text: str,
    task: str,
    *,
    told: dict[str, Any] | None = None,
    fault: TouchlineError | None = None,
) -> HttpResponse:
    """The desk with a customer; what to say loads by itself where that has to be worked out for long. `told` is what was typed into
    a form that has a fault."""
    wanted = request.GET.get("say") == "1"
    portrait = portraits.portrait(ws, customer, wait=wanted or bool(told and told["agree"]))
    context: dict[str, Any] = {"nav": "desk", "q": text, "one": portrait, "told": told, "fault": fault}
    context |= {"offers": _offers(ws, portrait), "say": _say(portrait, stopping.by_conversation(ws))}
    if wanted and request.htmx:  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/desk_say.html", context | {"lazily": True})
    context["waiting"] = bool(portrait.measures) and portrait.explanation is None and not wanted
    mine = [one for one in _calls(ws) if one["customer"] == customer]
    context["call"] = next((one for one in mine if str(one["task"]) == task), mine[0] if mine else None)
    context |= {"now": ws.clock.now(), **_served(ws, portrait)}
    context["once"] = (told and told["once"]) or secrets.token_hex(16)
    return render(request, "console/desk.html", context, status=400 if fault else 200)


def _served(ws: Workspace, portrait: Portrait) -> dict[str, Any]:
    """What an agent needs of one customer."""
    setting, rows = Setting.of(ws.playbook), told_rows(portrait)
    view = view_of(portrait, setting)
    drawn = windowed(view, whole=False)
    return {
        "one": portrait,
        "answer": answer(view),
        "line": line.draw_small(drawn, 360.0, 54.0),
        "facts": facts(portrait.measures, rows, setting, portrait.now) if portrait.measures else (),
        "open": [_question(row) for row in desk.open_questions(rows)[:OPEN_SHOWN]],
        "wrong": wrong(view) if portrait.measures.get("care.due") else None,
        "last": last_by_channel(view),
        "dont": _dont(rows, portrait),
        "places": desk.places(ws),
        "about": desk.ABOUT,
        "outcomes": desk.OUTCOMES,
        "call_outcomes": CALL_OUTCOMES,
        "reading": view.experience,
    }


def last_by_channel(view: LineView) -> list[Mark]:
    """The latest encounter on each channel, the latest first."""
    latest: dict[str, Mark] = {}
    for mark in view.marks:
        latest[mark.channel or ""] = mark
    return sorted(latest.values(), key=lambda mark: -mark.at)[:LAST_SHOWN]


def wrong(view: LineView) -> Mark | None:
    """The latest encounter that went badly, else the latest that was not good: where care is due, it is what has to be put right."""
    bad = [mark for mark in view.marks if (mark.reading or 0.0) < 0]
    return next((mark for mark in reversed(bad) if (mark.reading or 0.0) <= WRONG), bad[-1] if bad else None)


def _question(row: Row) -> dict[str, Any]:
    return {"id": row["id"], "kind": KINDS[row["kind"]].means.split(";")[0], "at": row["occurred_at"], "words": row["text"],
            "touchpoint": row["touchpoint"]}  # fmt: skip


def _offers(ws: Workspace, portrait: Portrait) -> list[dict[str, Any]]:
    """Opt-ins to ask for now, each pair with what its tick is called in the form."""
    return [
        {"conversation": one.conversation, "pairs": [(_tick(one, pair), *pair) for pair in one.pairs]}
        for one in desk.offers(ws, portrait)
    ]


def _tick(offer: desk.Offer, pair: tuple[str, str, int, str]) -> str:
    purpose, channel, persona, _ = pair
    return f"{offer.conversation}:{purpose}:{channel}:{persona}"


def _say(portrait: Portrait, stopped: Collection[str]) -> list[Explained]:
    """What is worth saying now: what goes next or is open, one way a conversation; nothing that the team has stopped."""
    if portrait.explanation is None:
        return []
    first: dict[str, Explained] = {}
    for candidate in in_order(portrait.explanation.candidates):
        if candidate.eligible and candidate.conversation not in stopped:
            first.setdefault(candidate.conversation, candidate)
    return list(first.values())[:SAY_SHOWN]


def _dont(rows: list[Row], portrait: Portrait) -> list[str]:
    """What not to ask, or not to offer: it was asked lately, told already, refused, or must wait."""
    made = [
        f"{(row['question'] or row['survey'] or 'the survey').replace('_', ' ')}: answered {row['answer']:g}"
        if row["answer"] is not None
        else f"{(row['question'] or row['survey'] or 'the survey').replace('_', ' ')}: answered lately"
        for row in reversed(rows)
        if row["kind"] == "answered" and row["occurred_at"] > portrait.now - ASKED_LATELY
    ][:3]
    made += [
        f"their {key.replace('_', ' ')}: {value}" for key, value in sorted(portrait.traits.items()) if key in _KNOWN
    ]
    refused = portrait.permissions.consents.filter(~portrait.permissions.consents["in_force"])
    made += [
        f"{row['purpose']} by {row['channel']}: they refused"
        for row in refused.iter_rows(named=True)
        if row["withdrawn_at"] is not None
    ]
    if portrait.measures.get("care.due"):
        made.insert(0, "no offer: first put right what went wrong")
    return list(dict.fromkeys(made))


_KNOWN = ("language", "city", "town", "birthday", "household", "home", "email", "phone")


@answers(Right.SERVE)
@require_POST
def note(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Note the encounter with its outcome; what they agreed to; and close the call it was, all in one form. Where something is
    wrong nothing is written, and the form is there again with what was typed."""
    told = request.POST
    customer = ws.customer(told.get("customer", ""))
    back = f"{reverse('desk')}?{urlencode({'q': customer})}"
    outcome = told.get("call_outcome", "")
    encounter = _encounter(told) if told.get("about") else None
    try:
        if encounter is not None:
            desk.check(ws, encounter)  # first, since a call that is closed stays closed
        if outcome:
            ws.close_call(_task(ws, customer, told.get("call", "")), outcome, told.get("note", ""))
        if encounter is not None:
            ws.note_encounter(customer, encounter)
    except NotAllowed:
        raise
    except TouchlineError as fault:
        return _page(request, ws, customer, str(customer), told.get("call", ""), told=_typed(told), fault=fault)
    try:
        agreed = _agreed(ws, customer, told.getlist("agree"))
    except NotAllowed:
        raise
    except TouchlineError as fault:
        return done(request, back, f"{fault.detail or fault}. {fault.how}", warn=True)
    said = "Noted." if not agreed else f"Noted; they agreed to {', '.join(agreed)}."
    return done(request, back, said if encounter or outcome or agreed else "There was nothing to note.")


def _task(ws: Workspace, customer: int, text: str) -> int:
    """The call that the form names, if it is this customer's and open; raises TaskFault."""
    if text.isascii() and text.isdecimal() and len(text) <= DIGITS:
        for one in ws.calls():
            if one["task"] == int(text) and one["customer"] == customer:
                return int(text)
    raise TaskFault("it is not an open call to this customer", remedy="The desk lists the calls that are to be made.")


_FIELDS = ("about", "outcome", "words", "note", "touchpoint", "answers", "call_outcome", "once")


def _typed(told: Any) -> dict[str, Any]:
    """What was typed and ticked, for the form to show again."""
    typed: dict[str, Any] = {name: told.get(name, "").replace("\x00", "") for name in _FIELDS}
    return typed | {"once": typed["once"][:64], "agree": told.getlist("agree")}


def _encounter(told: Any) -> Encounter:
    return Encounter(
        about=told.get("about", ""),
        touchpoint=told.get("touchpoint", ""),
        outcome=told.get("outcome", "solved"),
        words=told.get("words", "").strip(),
        note=told.get("note", "").strip(),
        answers=told.get("answers", "")[:64] or None,
        once=told.get("once", "")[:64],
    )


def _agreed(ws: Workspace, customer: int, chosen: list[str]) -> list[str]:
    """Keep what they agreed to, of what is offered now and nothing else; the evidence names who asked, and by which conversation."""
    if not chosen:
        return []
    offered = desk.offers(ws, portraits.portrait(ws, customer))
    made = []
    for offer in offered:
        for pair in offer.pairs:
            purpose, channel, persona, _ = pair
            if _tick(offer, pair) in chosen:
                evidence = {
                    "agent": ws.actor.name,
                    "conversation": offer.conversation,
                    "asked": "at the desk, in person",
                }
                if ws.opt(persona, [(purpose, channel)], allow=True, evidence=evidence, source="desk"):
                    made.append(f"{purpose} by {channel}")
    return made


urlpatterns = [path("desk/", show, name="desk"), path("desk/note", note, name="desk-note")]
