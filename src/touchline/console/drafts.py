"""In: a draft of the playbook, and what its author types. Out: its faults beside the field, what it changes in texts and for how many,
its words for a real customer; proposed, approved, withdrawn. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from touchline.console.answering import answers, done
from touchline.console.playbook import MEANS, differences, fault_row, said
from touchline.kernel.errors import Fault, FaultsFound, TouchlineError, UnknownName
from touchline.playbook.folder import CONVERSATIONS, TEMPLATES
from touchline.playbook.texts import (
    LARGEST_TEXT,
    Changes,
    authored_text,
    authored_texts,
    changed,
    digest,
    is_authored,
    is_taken,
)
from touchline.report import figures
from touchline.report.difference import difference
from touchline.report.holds import policy_words
from touchline.team.roles import Right
from touchline.workspace import drafting, forecasting, supposing
from touchline.workspace.drafting import Change, Draft, DraftFault
from touchline.workspace.forecasting import Forecast, Wording
from touchline.workspace.opened import Workspace

_LONGEST = 512


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace, number: int) -> HttpResponse:
    """A draft; its faults, and what it would change for how many, are worked out by themselves."""
    draft = drafting.read(ws, number)
    lazily, part = bool(request.htmx), request.GET.get("part", "")  # type: ignore[attr-defined] # django-htmx's
    context: dict[str, Any] = {"nav": "playbook", "draft": draft}
    if draft.is_alive and part == "faults":
        context |= {"faults": _faults(ws, draft.changes, number, ""), "checked": True}
    if draft.is_alive and part == "then":
        context |= {"then": _then(ws, draft.changes), "asked": True}
    if lazily:
        name = "console/draft_then.html" if part == "then" else "console/draft_faults.html"
        return render(request, name, context)
    mine = draft.is_of(ws.actor)
    shown = differences([(one.file, one.found, one.text) for one in draft.files])
    context |= {
        "answer": f"{draft.title}: {_state(draft)}",
        "files": [{"one": one, "difference": shown[one.file], "what": _what(one)} for one in draft.files],
        "mine": mine and ws.actor.may(Right.CONVERSE),
        "may_approve": drafting.may_approve(draft, ws.actor),
        "alone": mine and not drafting.others(draft.author),
        "may": ws.actor.may(Right.CONVERSE),
        "loads": draft.is_alive and bool(draft.files),
    }
    return render(request, "console/draft.html", context)


@answers(Right.CONVERSE)
@require_POST
def act(request: HttpRequest, ws: Workspace, number: int) -> HttpResponse:
    """Propose, approve or withdraw it."""
    here, revision = reverse("draft", args=[number]), request.POST.get("revision", "")
    seen = int(revision) if revision.isascii() and revision.isdecimal() and len(revision) < 10 else -1
    try:
        match request.POST.get("do", ""):
            case "propose":
                ws.propose_draft(number, request.POST.get("title", ""))
                told = "It is proposed. Whoever approves it lets it go live."
            case "approve":
                made = ws.approve_draft(number, seen)
                told = f"It is live as version {made}. Web and worker take it up within some seconds."
            case "withdraw":
                ws.withdraw_draft(number)
                told = "It is withdrawn, and kept to look at."
            case _:
                raise DraftFault("nothing was chosen", remedy="Choose what is to be done with it.")
    except (DraftFault, supposing.StillChecking) as fault:
        return done(request, here, said(fault), warn=True)
    return done(request, here, told)


@answers()
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, ws: Workspace, number: int, file: str) -> HttpResponse:
    """The editor of one file of a draft, and what it saves."""
    draft = drafting.read(ws, number)
    if not is_authored(file):
        raise UnknownName(f"file {file[:120]!r} of a playbook", remedy="The page Playbook lists them.")
    if request.method == "POST":
        return _save(request, ws, draft, file)
    return _editor(request, ws, draft, file)


@answers(Right.CONVERSE)
@require_POST
def check(request: HttpRequest, ws: Workspace, number: int, file: str) -> HttpResponse:
    """What is being typed: every fault of the whole playbook with it, and its words where a customer is named; nothing is kept."""
    draft = drafting.read(ws, number)
    if not is_authored(file):
        raise UnknownName(f"file {file[:120]!r} of a playbook", remedy="The page Playbook lists them.")
    context: dict[str, Any] = {"draft": draft, "file": file, "checked": True, "typed": True}
    try:
        changes = {**draft.changes, file: drafting.sound(request.POST.get("text", ""))}
        context["faults"] = _faults(ws, changes, number, file)
    except DraftFault as fault:
        context["faults"] = [
            fault_row(Fault(file, 0, f"{fault.detail[:1].upper()}{fault.detail[1:]}.", fault.how), number, file)
        ]
    except supposing.StillChecking:
        return HttpResponse(status=204)
    context["speaks"] = _speaks(file)
    if context["speaks"] and not context["faults"]:
        context |= {"asked": _asked(request.POST)} | _words(ws, changes, file, _asked(request.POST))
    return render(request, "console/draft_check.html", context)


@answers()
@require_safe
def letter(request: HttpRequest, ws: Workspace, number: int) -> HttpResponse:
    """The letter that a customer would get under the draft as it is saved, as a PDF; nothing is kept of it."""
    draft, asked = drafting.read(ws, number), _asked(request.GET)
    conversation, channel, variant, language = (asked["way"].split(":") + [""] * 4)[:4]
    with forecasting.tried(ws, draft.changes) as supposed, TemporaryDirectory() as folder:
        out = Path(folder) / "letter.pdf"
        supposed.preview(
            conversation, str(ws.customer(asked["customer"])), channel=channel or None, variant=variant or None,
            language=language or None, out=out,
        )  # fmt: skip
        content = out.read_bytes()
    if not content.startswith(b"%PDF-"):
        raise UnknownName("that letter", remedy="Only what goes by post is a letter.")
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'attachment; filename="draft-{number}.pdf"'
    answer["Cache-Control"] = "no-store"
    return answer


def _editor(
    request: HttpRequest,
    ws: Workspace,
    draft: Draft,
    file: str,
    typed: str | None = None,
    fault: TouchlineError | None = None,
) -> HttpResponse:
    """The editor; with what was typed and why it was not kept, where that is so."""
    root = ws.settings.root
    if is_taken(root, file):
        raise UnknownName(
            f"text {file[:120]!r}",
            remedy="It is a link, too large or no text: only whoever has the folder can change it.",
        )
    kept = next((one for one in draft.files if one.file == file), None)
    found = authored_text(root, file)
    begun = kept.text if kept is not None else found
    asked = _asked(request.POST if request.method == "POST" else request.GET)
    mine = draft.is_of(ws.actor) and draft.is_alive and ws.actor.may(Right.CONVERSE)
    context: dict[str, Any] = {
        "nav": "playbook", "draft": draft, "file": file, "means": MEANS.get(file, ""), "asked": asked, "mine": mine,
        "text": (begun or "") if typed is None else typed, "kept": kept, "found": found, "gone": kept is not None and kept.text is None,
        "new": found is None, "base": digest(found), "seen": digest(begun), "fault": fault, "state": _state(draft),
        "speaks": _speaks(file),
        "change": None if kept is None else difference(kept.found, kept.text),
        "theirs": difference(kept.base, kept.found) if kept is not None and kept.moved else None,
        "most": LARGEST_TEXT,
    }  # fmt: skip
    if asked["customer"] and context["speaks"] and typed is None:
        context |= _words(ws, draft.changes, file, asked)
    return render(request, "console/draft_file.html", context, status=200 if fault is None else 400)


def _save(request: HttpRequest, ws: Workspace, draft: Draft, file: str) -> HttpResponse:
    typed, do = request.POST.get("text", ""), request.POST.get("do", "save")
    found = authored_text(ws.settings.root, file)
    text = None if do == "delete" else found if do == "revert" else typed
    base, seen = request.POST.get("base", ""), request.POST.get("seen", "")
    try:
        ws.write_draft(draft.number, file, text, base=base, seen=seen)
    except DraftFault as fault:
        return _editor(request, ws, drafting.read(ws, draft.number), file, typed, fault)
    asked = {name: value for name, value in _asked(request.POST).items() if value}
    here = reverse("draft-file", args=[draft.number, file])
    where = f"{here}?{urlencode(asked)}" if asked else here
    if do == "revert":
        return done(request, reverse("draft", args=[draft.number]), f"{file} is as the folder has it.")
    return done(
        request, where, "The draft takes it away." if text is None else "Saved in the draft. It is not live yet."
    )


def _speaks(file: str) -> bool:
    """Whether there may be words in it that a customer reads."""
    return file.startswith((f"{CONVERSATIONS}/", f"{TEMPLATES}/"))


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name, "").replace("\x00", "").strip()[:_LONGEST] for name in ("customer", "way")}


def _faults(ws: Workspace, changes: Changes, number: int, here: str) -> list[dict[str, Any]]:
    rows = [fault_row(one, number, here) for one in drafting.faults_of(ws, changes)]
    return sorted(rows, key=lambda row: not row["here"])


def _words(ws: Workspace, changes: Changes, file: str, asked: dict[str, str]) -> dict[str, Any]:
    """The message of a file for the customer who is asked for, under the draft; or what is wrong with that."""
    texts = changed(authored_texts(ws.settings.root), changes)
    try:
        with forecasting.tried(ws, changes) as supposed:
            ways = forecasting.wordings(supposed.playbook, texts, file)
            told: dict[str, Any] = {"ways": [(_way(one), one) for one in ways]}
            if not asked["customer"] or not ways:
                return told
            chosen = next((one for one in ways if _way(one) == asked["way"]), ways[0])
            reader = ws.customer(asked["customer"])
            seen = supposed.preview(
                chosen.conversation, str(reader), channel=chosen.channel, variant=chosen.variant,
                language=chosen.language,
            )  # fmt: skip
            paper = urlencode({"customer": reader, "way": _way(chosen)}) if seen["channel"] in ("post", "print") else ""
            return {**told, "chosen": _way(chosen), "message": seen, "reader": reader, "paper": paper}
    except FaultsFound:
        return {"unseen": "Its words are shown once the playbook has no faults."}
    except TouchlineError as fault:
        return {"unseen": said(fault)}


def _way(one: Wording) -> str:
    return f"{one.conversation}:{one.channel}:{one.variant}:{one.language}"


def _then(ws: Workspace, changes: Changes) -> dict[str, Any]:
    """What the draft would change for how many, as rows; or why that cannot be said."""
    try:
        told = forecasting.forecast(ws, changes)
    except FaultsFound:
        return {"why": "It is worked out once the playbook has no faults."}
    except TouchlineError as fault:
        return {"why": said(fault)}
    return {"told": told, "talks": _talks(told), "held": _held(told), "gone": told.gone}


def _talks(told: Forecast) -> list[tuple[str, int | None, int | None]]:
    """Conversations that would go to another number of customers, as conversation, now, then; None: there is none."""
    rows = []
    for name in sorted({*told.now.reach, *told.then.reach}):
        pair = [None if name not in side.reach else side.reach[name].goes for side in (told.now, told.then)]
        if pair[0] != pair[1]:
            rows.append((name, pair[0], pair[1]))
    return rows


def _held(told: Forecast) -> list[tuple[str, int, int]]:
    names = sorted({*told.now.held, *told.then.held})
    rows = [(policy_words(name), told.now.held.get(name, 0), told.then.held.get(name, 0)) for name in names]
    return [row for row in rows if row[1] != row[2]]


def _what(one: Change) -> str:
    if one.found is None:
        return "new"
    return "taken away" if one.text is None else "changed"


def _state(draft: Draft) -> str:
    """Where it stands, in words."""
    told = {
        drafting.OPEN: f"being prepared by {draft.author.name}",
        drafting.PROPOSED: f"proposed by {draft.author.name}, waits for approval",
        drafting.APPROVED: f"live since {draft.ended_by} approved it",
        drafting.WITHDRAWN: f"withdrawn by {draft.ended_by}",
    }[draft.state]
    return f"{told}; {figures.plural(len(draft.files), 'file')}"


urlpatterns = [
    path("playbook/drafts/<int:number>/", show, name="draft"),
    path("playbook/drafts/<int:number>/do", act, name="draft-act"),
    path("playbook/drafts/<int:number>/letter", letter, name="draft-letter"),
    path("playbook/drafts/<int:number>/check/<path:file>", check, name="draft-check"),
    path("playbook/drafts/<int:number>/<path:file>", file, name="draft-file"),
]
