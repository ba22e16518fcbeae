"""In: a customer's number. Out: their page: the line, how they experienced us, what comes next, what is allowed, who they are.
Writes what its verbs write: permissions, preferences, links."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console import stopping
from touchline.console.answering import answers, done
from touchline.decision.explaining import Explained
from touchline.interactions.catalogue import CHANNELS, KINDS, REACHED_BY
from touchline.interactions.row import RESERVED
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY
from touchline.report import Setting, charts, figures, line
from touchline.report.facts import facts
from touchline.report.holds import policy_words
from touchline.report.marks import Row, reading_of
from touchline.report.story import Side, answer, coming, in_order, line_of, sides, state_of
from touchline.report.view import LineView
from touchline.team.roles import Right
from touchline.workspace import portrait as portraits
from touchline.workspace.opened import Workspace
from touchline.workspace.portrait import Portrait
from touchline.workspace.wishes import REFUSABLE

SHRUNK_BY = 1.0
"""The `k` of the law: evidence that an experience is shrunk by."""
NEXT = 6
LATELY = 12
"""Encounters that the list shows at once."""
WINDOW = 400 * DAY
"""Of a line that is longer, so much is drawn at first."""


@dataclass(frozen=True)
class Weighed:
    """One reading of a side with what it weighs today, and what share of the side's figure rests on it."""

    mark: str
    at: int
    what: str
    reading: float
    weight: float
    share: float


def told_rows(portrait: Portrait) -> list[Row]:
    """The rows that have happened: without messages that are only reserved."""
    return [row for row in portrait.rows if not (row["kind"] == "sent" and row["reason"] == RESERVED)]


def view_of(portrait: Portrait, setting: Setting) -> LineView:
    """The line of a portrait."""
    return line_of(
        portrait.name,
        told_rows(portrait),
        setting,
        portrait.now,
        stages=portrait.stages,
        explanation=portrait.explanation,
    )


def windowed(view: LineView, *, whole: bool) -> LineView:
    """The line's last year or so, where it is much longer than that; who looks for the whole gets it."""
    start = view.now - WINDOW
    return view if whole or view.start > start - WINDOW // 12 else view.since(start)


def weighed(rows: Sequence[Row], setting: Setting, now: int, side: str) -> list[Weighed]:
    """How one side of the experience came about, the heaviest first."""
    made = []
    for row in rows:
        value = reading_of(row, side)
        if value is None:
            continue
        place = row["about_touchpoint"] if row["about"] is not None else row["touchpoint"]
        since = row["about_at"] if row["about_at"] is not None else row["occurred_at"]
        weight = setting.weight(place) * 2.0 ** (-(now - since) / setting.half_life)
        what = KINDS[row["kind"]].means.split(";")[0] + (f", {figures.words(place)}" if place else "")
        made.append((row["id"], row["occurred_at"], figures.upper(what), value, weight))
    total = sum(one[-1] for one in made) + SHRUNK_BY
    return sorted((Weighed(*one, one[-1] / total) for one in made), key=lambda one: -one.share)


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """The page; a persona that was linked leads to the customer it belongs to."""
    lazily = request.htmx and request.GET.get("next") == "1"  # type: ignore[attr-defined] # django-htmx's
    try:
        portrait = portraits.portrait(ws, customer, wait=bool(lazily))
    except UnknownName:
        return redirect("customer", ws.customer(str(customer)))
    setting = Setting.of(ws.playbook)
    view = view_of(portrait, setting)
    if lazily:
        return render(request, "console/customer_next.html", _next(portrait, view, stopping.words(ws)))
    window = windowed(view, whole=request.GET.get("line") == "whole")
    rows = told_rows(portrait)
    context = {
        "nav": "customers",
        "one": portrait,
        "name": portrait.name,
        "under": _under(portrait),
        "answer": answer(view),
        "drawing": line.draw(window, prefix="l-"),
        "key": line.key(),
        "view": view,
        "window": window,
        "earlier": len(view.marks) - len(window.marks),
        "marks": view.marks,
        "lately": list(reversed(view.marks))[:LATELY],
        "before": list(reversed(view.marks))[LATELY:],
        "latest": view.marks[-1] if view.marks else None,
        "facts": facts(portrait.measures, rows, setting, portrait.now) if portrait.measures else (),
        "sides": [(side, _interval(side)) for side in sides(rows, setting, portrait.now)],
        "on_scale": {
            side.name: charts.on_scale(side.estimate) for side in sides(rows, setting, portrait.now) if side.estimate
        },
        "voices": [mark for mark in reversed(view.marks) if mark.words][:4],
        "messages_sent": list(reversed(portrait.messages))[:12],
        "traits": sorted((key, value) for key, value in portrait.traits.items() if key != "name"),
        **_permissions(portrait),
        **_identity(portrait),
        **_next(portrait, view, stopping.words(ws)),
    }
    return render(request, "console/customer.html", context)


def _under(portrait: Portrait) -> str:
    stage = portrait.measures.get("stage")
    parts = [figures.words(str(stage))] if stage else []
    town = portrait.traits.get("city") or portrait.traits.get("town")
    parts += [str(town)] if town else []
    parts.append(f"customer {portrait.customer}")
    parts.append(figures.plural(len(portrait.personas), "identifier"))
    return " · ".join(parts)


def _interval(side: Side) -> str:
    return "" if side.estimate is None else f"95 % {figures.interval(side.estimate)}"


def _next(portrait: Portrait, view: LineView, stopped: Mapping[str, str]) -> dict[str, Any]:
    """What goes and what is held, one way a conversation; what is stopped is held by hand, whatever is decided."""
    if portrait.explanation is None:
        return {"waiting": bool(portrait.measures), "one": portrait}
    first: dict[str, Explained] = {}
    for candidate in in_order(portrait.explanation.candidates):
        if candidate.reached:
            first.setdefault(candidate.conversation, candidate)
    items = [
        {
            "name": c.conversation,
            "state": "held" if c.conversation in stopped else state_of(c),
            "channel": c.channel,
            "purpose": c.purpose,
            "priority": c.priority,
            "blocks": _by_hand(c, stopped)
            + [(policy_words(a.policy), a.why or "blocks") for a in c.policies if a.blocks],
        }
        for c in first.values()
    ]
    candidates = portrait.explanation.candidates
    return {
        "waiting": False,
        "one": portrait,
        "coming": items[:NEXT],
        "more": max(0, len(items) - NEXT),
        "candidates": len({c.conversation for c in candidates}),
        "programmes": [text for place in portrait.explanation.programmes if " at step " in (text := place.line())],
        "goes": [item for item in items if item["state"] == "goes"],
        "drawing": line.draw(windowed(view, whole=False), prefix="l-"),
        "held": len([one for one in coming(candidates) if one.state == "held"]),
    }


def _by_hand(candidate: Explained, stopped: Mapping[str, str]) -> list[tuple[str, str]]:
    """That the team has stopped it, as a policy would say why it holds."""
    return [("a stop", stopped[candidate.conversation])] if candidate.conversation in stopped else []


def _permissions(portrait: Portrait) -> dict[str, Any]:
    """Consents by purpose and channel, what the customer prefers, what forbids every message."""
    consents = portrait.permissions.consents.sort("purpose", "channel").to_dicts()
    address = {one["persona_id"]: one for one in portrait.personas}
    told = [{**row, "address": address.get(row["persona_id"], {}).get("value", "")} for row in consents]
    reach = [
        {"persona": one["persona_id"], "channel": channel, "address": one["value"]}
        for one in portrait.personas
        for channel in CHANNELS
        if REACHED_BY.get(channel) == one["type"] and channel in ("email", "sms", "phone", "post")
    ]
    return {
        "consents": [row for row in told if row["in_force"] or row["withdrawn_at"] is not None or row["granted_at"]],
        "preferences": [_preference(row) for row in portrait.permissions.preferences.sort("key").iter_rows(named=True)],
        "suppressions": portrait.permissions.suppressions.to_dicts(),
        "reach": reach,
        "purposes": REFUSABLE,
    }


def _preference(row: Mapping[str, Any]) -> dict[str, Any]:
    """A preference in the words in which it was told."""
    told_ = _told_as(row["told"], row["key"])
    return {"key": row["key"], "told": row["answer"] if told_ is None else told_, "told_at": row["told_at"]}


def _told_as(text: str | None, key: str) -> Any:
    try:
        told_ = json.loads(text or "")
    except ValueError:
        return text
    return told_.get(key, text) if isinstance(told_, dict) else told_


def _identity(portrait: Portrait) -> dict[str, Any]:
    names = {one["persona_id"]: one["value"] for one in portrait.personas}
    links = [
        {
            "a": names.get(link.persona_a, f"persona {link.persona_a}"),
            "b": names.get(link.persona_b, f"persona {link.persona_b}"),
            "rule": link.rule,
            "why": _evidence(link.evidence),
            "from_at": link.from_at,
            "to_at": link.to_at,
        }
        for link in portrait.links
    ]
    return {"personas": portrait.personas, "links": links}


def _evidence(evidence: Mapping[str, Any]) -> str:
    """What a link rests on, in words: who put them together and why, or what was seen together."""
    if evidence.get("actor"):
        return f"by {evidence['actor']}" + (f": {evidence['why']}" if evidence.get("why") else "")
    by, since = evidence.get("by"), evidence.get("since")
    seen = f"on one interaction: {figures.words(str(by))}" if by else ""
    return f"{seen}, first on {figures.date(since, 'UTC')}" if seen and isinstance(since, int) else seen


@answers()
@require_safe
def explained(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Every candidate of the decision: why it goes, is held, or is not offered."""
    portrait = portraits.portrait(ws, ws.customer(str(customer)))
    candidates = () if portrait.explanation is None else in_order(portrait.explanation.candidates)
    stopped = stopping.words(ws)
    states = ["held" if c.reached and c.conversation in stopped else state_of(c) for c in candidates]
    rows = [{"c": c, "state": state, "conditions": _conditions(c), "by_hand": _by_hand(c, stopped),
             "blocks": [a for a in c.policies if a.blocks], "passes": [a for a in c.policies if not a.blocks]}
            for c, state in zip(candidates, states, strict=True)]  # fmt: skip
    context = {
        "nav": "customers", "one": portrait, "rows": rows,
        "going": [c.conversation for c, state in zip(candidates, states, strict=True) if state == "goes"],
        "held": len({c.conversation for c, state in zip(candidates, states, strict=True) if state == "held"}),
        "programmes": [] if portrait.explanation is None else [place.line() for place in portrait.explanation.programmes],
    }  # fmt: skip
    return render(request, "console/customer_decisions.html", context)


def _conditions(c: Explained) -> list[dict[str, Any]]:
    made = []
    for name, condition in (("audience", c.audience), ("trigger", c.trigger), ("step", c.step)):
        if condition is not None:
            facts_ = [(fact, figures.shown(value)) for fact, value in condition.facts.items()]
            made.append({"name": name, "text": condition.text, "holds": condition.holds, "facts": facts_})
    return made


@answers()
@require_safe
def experience(request: HttpRequest, ws: Workspace, customer: int, side: str) -> HttpResponse:
    """How one side of the experience came about: every reading, what it weighs today, its share."""
    portrait = portraits.portrait(ws, ws.customer(str(customer)), wait=False)
    setting = Setting.of(ws.playbook)
    known = {one.name: one for one in sides(told_rows(portrait), setting, portrait.now)}
    if side not in known:
        raise UnknownName(f"side {side[:40]!r}", remedy=f"Sides are {', '.join(known)}.")
    readings = weighed(told_rows(portrait), setting, portrait.now, side)
    context = {
        "nav": "customers", "one": portrait, "side": known[side], "interval": _interval(known[side]), "readings": readings,
        "rest": 1 - sum(one.share for one in readings), "half_life": figures.duration(setting.half_life),
    }  # fmt: skip
    return render(request, "console/customer_experience.html", context)


@answers(Right.SERVE)
@require_POST
def consent(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Allow or refuse one purpose on one channel for one address, as the customer said to this member."""
    back = f"{reverse('customer', args=[customer])}#permissions"
    persona, _, channel = request.POST.get("address", "").partition(":")
    purpose, allow = request.POST.get("purpose", ""), request.POST.get("say") == "allow"
    if not persona.isdecimal() or not _owns(ws, customer, int(persona)):
        return done(request, back, "Choose one of the customer's own addresses.", warn=True)
    evidence = {"agent": ws.actor.name, "said": request.POST.get("words", "")[:300], "page": "customer"}
    changed = ws.opt(int(persona), [(purpose, channel)], allow=allow, evidence=evidence, source="console")
    verb = "allowed" if allow else "refused"
    said = f"{figures.upper(purpose)} by {channel} is {verb} from now on." if changed else "That was so already."
    return done(request, back, said)


@answers(Right.SERVE)
@require_POST
def told(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Note what the customer says of themselves."""
    name, value = request.POST.get("trait", "").strip(), request.POST.get("value", "")
    if not name:
        return done(request, f"{reverse('customer', args=[customer])}#who", "Say what it is about.", warn=True)
    noted = ws.tell_traits(ws.customer(str(customer)), {name: value}, source="console")
    return done(
        request, f"{reverse('customer', args=[customer])}#who", "Noted." if noted else "There was nothing to note."
    )


@answers(Right.IDENTIFY)
@require_POST
def merge(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Say that another customer is the same person; `split` undoes it."""
    other = ws.customer(request.POST.get("other", "").strip())
    result = ws.merge([str(customer), str(other)], why=request.POST.get("why", "")[:300])
    where = f"{reverse('customer', args=[result['customer']])}#who"
    return done(request, where, "They are one customer now. To undo it, part the personas below.")


@answers(Right.IDENTIFY)
@require_POST
def split(request: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Part personas from their customer; `merge` undoes it."""
    where = f"{reverse('customer', args=[customer])}#who"
    personas = [text for text in request.POST.getlist("persona") if text.isdecimal() and _owns(ws, customer, int(text))]
    if not personas:
        return done(request, where, "Choose the identifiers that belong to somebody else.", warn=True)
    result = ws.split(personas, why=request.POST.get("why", "")[:300])
    others = [number for number in result["customers"] if number != customer]
    back = reverse("customer", args=[result["customers"][0]])
    said = f"They are parted. The other is customer {', '.join(map(str, others))}; merge with that number to undo it."
    return done(request, f"{back}#who", said)


def _owns(ws: Workspace, customer: int, persona: int) -> bool:
    return ws.customer(str(persona)) == customer


@answers(Right.EXPORT)
@require_POST
def export(_: HttpRequest, ws: Workspace, customer: int) -> HttpResponse:
    """Everything that is known of one person, as a file to hand out."""
    told_ = ws.export_person(str(customer))
    answer_ = HttpResponse(
        json.dumps(told_, ensure_ascii=False, indent=1, default=str), content_type="application/json"
    )
    answer_["Content-Disposition"] = f'attachment; filename="customer-{customer}.json"'
    answer_["Cache-Control"] = "no-store"
    return answer_


urlpatterns = [
    path("customers/<int:customer>/", show, name="customer"),
    path("customers/<int:customer>/decisions/", explained, name="customer-decisions"),
    path("customers/<int:customer>/experience/<str:side>/", experience, name="customer-experience"),
    path("customers/<int:customer>/consent", consent, name="customer-consent"),
    path("customers/<int:customer>/told", told, name="customer-told"),
    path("customers/<int:customer>/merge", merge, name="customer-merge"),
    path("customers/<int:customer>/split", split, name="customer-split"),
    path("customers/<int:customer>/export", export, name="customer-export"),
]
