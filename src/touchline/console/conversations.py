"""In: a workspace. Out: what the playbook has to say, to whom it would go now, who is held by what, where the programmes stand,
and the words as a customer would read them. Writes no interactions.

Figures that need the whole base load by themselves.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console import outbox, proof, stopping
from touchline.console.answering import answers, done
from touchline.console.customers import LONGEST
from touchline.delivery.states import SAID, WAITING
from touchline.interactions.catalogue import KINDS, PURPOSES
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook.compiled import Conversation, Programme, Step, Trigger
from touchline.report import figures
from touchline.report.holds import policy_words, says
from touchline.team.roles import Right
from touchline.workspace import census, meant, outgoing, outlook, trials
from touchline.workspace import stopping as stopped
from touchline.workspace.opened import Workspace
from touchline.workspace.outlook import Place, Reach

NOBODY = "FALSE"
"""The audience of what is said only when somebody asks for it, as a link that they wanted."""
RECURS = {"once": "once", "episode": "once an episode", "term": "once a term of the agreement"}


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; who would be reached, who stands where and what came of it are counted by themselves."""
    loaded = bool(request.htmx) or request.GET.get("now") == "1"  # type: ignore[attr-defined] # django-htmx's
    book = ws.playbook
    now = outlook.outlook(ws) if loaded else None
    stands = outlook.standing(ws) if loaded else None
    results = {one["name"]: proof.answer(one) for one in census.proven(ws)["programmes"]} if loaded else {}
    talks = sorted(book.conversations.values(), key=lambda talk: (PURPOSES[talk.purpose], talk.name))
    steps = {step.conversation: programme.name for programme in book.programmes.values() for step in programme.steps}
    held, pressed = stopped.by_conversation(ws), ws.stops()
    context = {
        "nav": "conversations",
        "answer": _answer(len(talks), len(book.programmes)),
        "loaded": loaded,
        "now": now,
        "stands": stands,
        "stops": stopping.shown(pressed),
        "talks": [
            ({**_told(talk), "stopped": talk.name in held and held[talk.name].sort != "all"}, steps.get(talk.name), _reach(now, talk.name)) for talk in talks
        ],
        "programmes": [
            {**_programme(one, ws, stands, now), "result": results.get(one.name), "stopped": ("programme", one.name) in
             {(stop.sort, stop.name) for stop in pressed}}
            for one in book.programmes.values()
        ],
    }  # fmt: skip
    whole = "console/conversations_now.html" if request.htmx else "console/conversations.html"  # type: ignore[attr-defined] # as above
    return render(request, whole, context)


@answers()
@require_safe
def one(request: HttpRequest, ws: Workspace, name: str) -> HttpResponse:
    """One conversation: when it is said to whom, its words for a real customer, who is held by what."""
    talks = ws.playbook.conversations
    if name not in talks:
        raise UnknownName(f"conversation {name[:80]!r}", remedy=did_you_mean(name[:80], talks))
    talk = talks[name]
    loaded = bool(request.htmx) or request.GET.get("now") == "1"  # type: ignore[attr-defined] # django-htmx's
    now = outlook.outlook(ws) if loaded else None
    reach = _reach(now, name)
    pressed = stopped.holding(ws, name)
    context: dict[str, Any] = {
        "nav": "conversations", "talk": _told(talk), "loaded": loaded, "now": now, "reach": reach,
        "stops": stopping.shown(pressed), "stopped_here": any(one.sort == "conversation" for one in pressed),
    }  # fmt: skip
    if reach is not None:
        context |= {
            "fits": listing(meant.fits(ws.plan, name)),
            "more": reach.goes - len(reach.who),
            "held": [
                (policy_words(policy), says(policy), n, listing(meant.held(ws.plan, name, policy)))
                for policy, n in reach.held
            ],
        }
    if request.htmx:  # type: ignore[attr-defined] # django-htmx's
        return render(request, "console/conversation_now.html", context)
    latest = outgoing.page(conversation=name, most=1)
    context |= {
        "answer": f"{figures.upper(figures.words(name))}: {talk.purpose}, by {_listed([way.channel for way in talk.ways])}",
        "file": file if (ws.settings.root / (file := f"playbook/conversations/{name}.yaml")).is_file() else "",
        "ways": talk.ways,
        "variants": [(way.channel, variant.name) for way in talk.ways for variant in way.variants],
        "languages": talk.languages,
        "programmes": [p.name for p in ws.playbook.programmes.values() if any(s.conversation == name for s in p.steps)],
        "latest": latest["customer"][0] if latest.height else None,
        "asked": (asked := {key: request.GET.get(key, "").replace("\x00", "").strip()[:512] for key in _ASKED}),
        **_preview(ws, name, asked),
    }
    return render(request, "console/conversation.html", context)


@answers()
@require_safe
def letter(request: HttpRequest, ws: Workspace, name: str) -> HttpResponse:
    """The letter that the address's customer would get, as a PDF; nothing is kept of it."""
    channel, _, variant = request.GET.get("way", "").partition(":")
    number = ws.customer(request.GET.get("customer", "").replace("\x00", "")[:512])
    with TemporaryDirectory() as folder:
        file = Path(folder) / "letter.pdf"
        language = request.GET.get("language", "") or None
        told = ws.preview(
            name, str(number), channel=channel or None, variant=variant or None, language=language, out=file
        )
        content = file.read_bytes()
    if not content.startswith(b"%PDF-"):
        raise UnknownName(f"letter by {told['channel']}", remedy="Only what goes by post is a letter.")
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{number}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


@answers(Right.CONVERSE)
@require_POST
def test(request: HttpRequest, ws: Workspace, name: str) -> HttpResponse:
    """Send the message of the preview to the member who asks; the address is theirs, whatever the request says."""
    told = {key: request.POST.get(key, "").replace("\x00", "").strip()[:512] for key in _ASKED}
    back = f"{reverse('conversation', args=[name])}?{urlencode({key: one for key, one in told.items() if one})}#seen"
    channel, _, variant = told["way"].partition(":")
    try:
        sent = ws.send_test(
            name, told["customer"], channel=channel or None, variant=variant or None, language=told["language"] or None
        )
    except UnknownName:
        raise
    except TouchlineError as fault:
        return done(request, back, f"No test was sent: {fault}", warn=True)
    if sent.state == "sent":
        return done(request, back, f"A test is on its way to {sent.to}.")
    return done(request, back, f"The test to {sent.to} did not go: {outbox.why(sent.reason)}.", warn=True)


_ASKED = ("customer", "way", "language")


def _preview(ws: Workspace, name: str, asked: dict[str, str]) -> dict[str, Any]:
    """The words for the customer whom the address names; or what is wrong with that, beside the field."""
    if not asked["customer"]:
        return {}
    channel, _, variant = asked["way"].partition(":")
    try:
        number = ws.customer(asked["customer"])
        told = ws.preview(
            name, str(number), channel=channel or None, variant=variant or None, language=asked["language"] or None
        )
    except TouchlineError as fault:
        return {"fault": fault}
    paper = f"?{urlencode({**asked, 'customer': number})}" if told["channel"] == "post" and not told["missing"] else ""
    return {
        "seen": told, "reader": number, "paper": paper, "test_mark": trials.MARK,
        "can_test": told["channel"] == "email" and not told["missing"], "server": ws.settings.smtp_url is not None,
    }  # fmt: skip


def listing(where: str | None) -> str:
    """The address at which the page Customers lists for whom a condition holds; empty where it cannot be asked for there."""
    if where is None or len(where) > LONGEST:
        return ""
    return f"{reverse('customers')}?{urlencode({'where': where})}"


def _told(talk: Conversation) -> dict[str, Any]:
    """A conversation in words."""
    goal = talk.goal
    return {
        "name": talk.name,
        "purpose": talk.purpose,
        "class": PURPOSES[talk.purpose],
        "channels": [way.channel for way in talk.ways],
        "audience": "" if talk.audience.text == NOBODY else talk.audience.text,
        "when": _when(talk.trigger),
        "recurs": RECURS.get(talk.recurs) or f"every {figures.duration(talk.recurs_every or 0)}",
        "goal": f"{figures.words(goal.kind)} within {figures.duration(goal.within)}" if goal else "",
        "given": talk.given,
        "asked": talk.asked,
        "gift": talk.gift.pool if talk.gift else "",
        "topic": talk.topic,
    }


def _when(trigger: Trigger | None) -> str:
    if trigger is None:
        return "whenever it matters most"
    lasting = f"for {figures.duration(trigger.within)}"
    if trigger.of is not None:
        each = f", each {figures.duration(trigger.every)}" if trigger.every else ""
        shift = (
            f"{figures.duration(abs(trigger.at))} {'after' if trigger.at > 0 else 'before'} " if trigger.at else "on "
        )
        return f"{shift}{figures.words(trigger.of)}{each}, {lasting}"
    kind = KINDS[trigger.kind].means.split(";")[0] if trigger.kind in KINDS else figures.words(trigger.kind or "")
    place = f", {figures.words(trigger.touchpoint)}" if trigger.touchpoint else ""
    where = f", where {trigger.where.text}" if trigger.where else ""
    wait = f"{figures.duration(trigger.wait)} after" if trigger.wait else "after"
    return f"{wait}: {kind}{place}{where}; {lasting}"


def _programme(
    programme: Programme, ws: Workspace, stands: outlook.Standing | None, now: outlook.Outlook | None
) -> dict[str, Any]:
    """A programme's steps in words, each with who stands there, in which arm, and what is said there, where that was counted."""
    places = None if stands is None else stands.places.get(programme.name, {})
    most = max((place.n for place in places.values()), default=0) if places else 0
    step = f"programme.{programme.name}.step"
    return {
        "name": programme.name,
        "enter": programme.enter.text,
        "exit": programme.exit.text if programme.exit else "",
        "holdout": programme.holdout,
        "total": None if places is None else sum(place.n for place in places.values()),
        "href": listing(f"{step} > 0"),
        "steps": [
            {
                **_step(one, programme, ws),
                **({} if places is None else _standing(places.get(one.place), most)),
                "href": listing(f"{step} = {one.place}"),
                "control_href": listing(f"{step} = {one.place} AND programme.{programme.name}.arm = 'control'"),
                "told": _said(one, stands, now),
            }
            for one in programme.steps
        ],
    }


def _standing(place: Place | None, most: int) -> dict[str, Any]:
    """Who stands at a step, and the two lengths of its bar, of a thousand for where most stand."""
    if place is None:
        return {"n": 0}
    treated = place.n - place.control
    return {
        "n": place.n,
        "treated": treated,
        "control": place.control,
        "wide": 1000 * treated // most,
        "rest": max(1000 * place.control // most, 12) if place.control else 0,
    }


def _said(step: Step, stands: outlook.Standing | None, now: outlook.Outlook | None) -> str:
    """Who is reached at a step, who is held there, and what has been said there since ever."""
    if step.conversation is None or stands is None:
        return ""
    reach, counts = _reach(now, step.conversation), stands.said.get(step.conversation, {})
    parts = []
    if reach is not None and reach.reached:
        parts.append(
            f"{figures.number(reach.goes)} would be reached now, {figures.number(reach.reached - reach.open)} held"
        )
    waits = sum(counts.get(state, 0) for state in WAITING)
    parts += [f"{figures.plural(waits, 'message')} on the way"] if waits else []
    went = sum(counts.get(state, 0) for state in SAID)
    parts += [f"{figures.number(went)} went so far"] if went else []
    return "; ".join(parts)


def _step(step: Step, programme: Programme, ws: Workspace) -> dict[str, Any]:
    """A step in words: its sort, what happens there, and where a branch leads."""
    told: dict[str, Any] = {"id": step.id, "talk": step.conversation, "what": "", "sort": "wait"}
    if step.conversation is not None:
        channels = _listed([way.channel for way in ws.playbook.conversations[step.conversation].ways])
        within = f", within {figures.duration(step.within)}" if step.within else ""
        return {**told, "sort": "say", "what": f"by {channels}{within}"}
    if step.until is not None:
        most = f", at most {figures.duration(step.at_most)}" if step.at_most else ""
        return {**told, "what": f"waits until {step.until.text}{most}"}
    if step.branches:
        ways = []
        for way in step.branches:
            go = programme.steps[way.go - 1].id if way.go else ""
            ways.append({"when": way.when.text if way.when else "", "go": go, "words": figures.words(go)})
        return {**told, "sort": "branch", "ways": ways}
    return {**told, "what": f"waits {figures.duration(step.wait)}"}


def _reach(now: outlook.Outlook | None, name: str) -> Reach | None:
    return None if now is None else now.reach.get(name)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "no channel"


def _answer(talks: int, programmes: int) -> str:
    if not talks:
        return "Nothing to say yet"
    told = f"{figures.plural(talks, 'conversation')}"
    return f"{told}, {figures.plural(programmes, 'programme')}" if programmes else told


urlpatterns = [
    path("conversations/", show, name="conversations"),
    path("conversations/<str:name>/", one, name="conversation"),
    path("conversations/<str:name>/letter", letter, name="conversation-letter"),
    path("conversations/<str:name>/test", test, name="conversation-test"),
]
