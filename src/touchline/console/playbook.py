"""In: a workspace. Out: its playbook: drafts that wait for approval, every file, every version with what it changed. Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_POST, require_safe

from touchline.console.answering import answers, done
from touchline.kernel.errors import Fault, TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook import folder
from touchline.playbook.texts import authored_text, authored_texts, is_authored
from touchline.report import figures
from touchline.report.difference import Difference, difference
from touchline.team.roles import Right
from touchline.workspace import drafting, versions
from touchline.workspace.drafting import Draft
from touchline.workspace.opened import Workspace
from touchline.workspace.versions import FOLDER, Version

LINES = 5_000
"""Lines of differences that one page shows."""

PAGE = 12
"""Versions that are shown at once."""

MEANS = {
    folder.ORGANISATION: "name, zone, currency, brands",
    folder.TOUCHPOINTS: "where encounters happen, and what is promised there",
    folder.MAPPING: "what comes in, and what it means",
    folder.STAGES: "where a customer is in life with you",
    folder.AUDIENCES: "conditions with a name",
    folder.POLICIES: "when a message may not go",
    folder.GIFTS: "pools of codes, and their budgets",
}
GROUPS: tuple[tuple[str, str, str], ...] = (
    ("rules", "Rules", ""),
    ("conversations", "Conversations", folder.CONVERSATIONS),
    ("programmes", "Programmes", folder.PROGRAMMES),
    ("imports", "Imports", folder.IMPORTS),
    ("templates", "Words", folder.TEMPLATES),
)
"""Name, title and folder of each group of files."""


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; whether the folder has faults is looked up by itself."""
    if request.htmx or request.GET.get("check") == "1":  # type: ignore[attr-defined] # django-htmx's
        told = {"faults": [fault_row(one, None, "") for one in drafting.faults_of(ws, {})]}
        if request.htmx:  # type: ignore[attr-defined] # as above
            return render(request, "console/playbook_live.html", told)
    else:
        told = {}
    live = versions.look(ws)
    before = request.GET.get("before", "")
    number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
    kept = versions.listed(PAGE + 1, number)
    proposed, opened = drafting.listed(drafting.PROPOSED), drafting.listed(drafting.OPEN)
    context = {
        "nav": "playbook",
        "answer": _answer(len(proposed), live),
        "live": live,
        "proposed": proposed,
        "opened": opened,
        "ended": drafting.listed(drafting.WITHDRAWN, most=5),
        "groups": grouped(list(live.files)),
        "kinds": [(where, title) for _, title, where in GROUPS if where],
        "versions": [(one, _changes(one, kept)) for one in kept[:PAGE]],
        "after": f"?before={kept[PAGE - 1].number}" if len(kept) > PAGE else None,
        "newest": number is not None,
        "checked": "faults" in told,
        "mine": my_drafts(ws),
        **told,
    }
    return render(request, "console/playbook.html", context)


@answers()
@require_safe
def file(request: HttpRequest, ws: Workspace, file: str) -> HttpResponse:
    """One file as the folder has it, with its lines; whoever may converse takes it into a draft from here."""
    text = authored_text(ws.settings.root, file) if is_authored(file) else None
    if text is None:
        raise UnknownName(f"file {file[:120]!r} of the playbook", remedy=did_you_mean(file[:120], _names(ws)))
    context = {
        "nav": "playbook",
        "file": file,
        "means": MEANS.get(file, ""),
        "lines": text.removesuffix("\n").split("\n"),
        "mine": my_drafts(ws),
    }
    return render(request, "console/playbook_file.html", context)


@answers()
@require_safe
def version(request: HttpRequest, ws: Workspace, number: int) -> HttpResponse:
    """What one version changed, file by file."""
    told, live = versions.one(number), versions.look(ws)
    previous = versions.before(told)
    was = {} if previous is None else previous.texts
    texts = told.texts
    changes = {} if previous is None else versions.difference(was, texts)
    shown = differences([(name, was.get(name), text) for name, text in changes.items()])
    context = {
        "nav": "playbook",
        "version": told,
        "live": live.files == told.files,
        "first": previous is None,
        "count": len(told.files),
        "files": [(name, shown[name], text is None, name not in was) for name, text in changes.items()],
    }
    return render(request, "console/playbook_version.html", context)


@answers(Right.CONVERSE)
@require_POST
def restore(request: HttpRequest, ws: Workspace, number: int) -> HttpResponse:
    """A draft of an old version."""
    try:
        made = ws.restore_version(number)
    except drafting.DraftFault as fault:
        return done(request, reverse("playbook-version", args=[number]), said(fault), warn=True)
    return done(request, reverse("draft", args=[made]), "A draft brings it back. Look at it, then propose it.")


@answers(Right.CONVERSE)
@require_POST
def begin(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Open a file in a draft: in the one that is named, else in a new one. The file may be one that there is not yet."""
    wanted = _wanted(request)
    if not is_authored(wanted):
        remedy = "Give it a name of letters, digits, `_`, `-` and `.`; those of YAML end in `.yaml`."
        return done(
            request, reverse("playbook"), f"{wanted[:80]} cannot be a file of the playbook. {remedy}", warn=True
        )
    number = request.POST.get("draft", "")
    draft = int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else None
    if draft is None:
        draft = ws.start_draft(wanted.removeprefix(f"{folder.PLAYBOOK}/"))
    return done(
        request, reverse("draft-file", args=[draft, wanted]), f"Draft {draft}: nothing is live until it is approved."
    )


def fault_row(fault: Fault, draft: int | None, here: str) -> dict[str, Any]:
    """A fault with the way to its line: in the draft where there is one, in the folder else."""
    href = ""
    if is_authored(fault.file):
        href = (
            reverse("playbook-file", args=[fault.file])
            if draft is None
            else reverse("draft-file", args=[draft, fault.file])
        )
    return {
        "fault": fault,
        "here": fault.file == here,
        "href": f"{href}#L{fault.line}" if href and fault.line else href,
    }


def differences(files: Sequence[tuple[str, str | None, str | None]]) -> dict[str, Difference]:
    """File -> what became of its text; of very many lines only the first files' are shown."""
    found, left = {}, LINES
    for name, old, new in files:
        told = difference(old, new)
        if len(told.lines) > left:
            told = replace(told, lines=(), more=told.out + told.into)
        left -= len(told.lines)
        found[name] = told
    return found


def my_drafts(ws: Workspace) -> list[Draft]:
    """Drafts that the member may go on with."""
    if not ws.actor.may(Right.CONVERSE):
        return []
    return [one for one, _ in drafting.listed(drafting.OPEN, drafting.PROPOSED) if one.is_of(ws.actor)][:8]


def grouped(files: list[str]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Files by group: title, and (path, short name, what it is for) each."""
    found = []
    for name, title, where in GROUPS:
        mine = [one for one in files if (one.startswith(f"{where}/") if where else one in folder.FILES)]
        if name == "rules":
            mine.sort(key=folder.FILES.index)
        short = f"{where or folder.PLAYBOOK}/"
        rows = [(one, one.removeprefix(short), MEANS.get(one, "")) for one in mine]
        if rows:
            found.append((title, rows))
    return found


def said(fault: TouchlineError) -> str:
    """A fault in one line."""
    return f"{str(fault).splitlines()[0]} {fault.how}".strip()


def _wanted(request: HttpRequest) -> str:
    if request.POST.get("file"):
        return request.POST["file"].strip()
    where, name = request.POST.get("folder", ""), request.POST.get("name", "").strip()
    ends = "" if where == folder.TEMPLATES or name.endswith(".yaml") else ".yaml"
    return f"{where}/{name}{ends}"


def _names(ws: Workspace) -> list[str]:
    return list(authored_texts(ws.settings.root))


def _changes(one: Version, kept: list[Version]) -> str:
    """How many files a version changed, against the one before it among these."""
    previous = next((other for other in kept if other.number < one.number), None)
    if previous is None:
        return figures.plural(len(one.files), "file")
    n = sum(1 for name in {*one.files, *previous.files} if one.files.get(name) != previous.files.get(name))
    return f"{figures.plural(n, 'file')} changed"


def _answer(proposed: int, live: Version) -> str:
    if proposed:
        return f"{figures.plural(proposed, 'change')} of the playbook wait{'s' if proposed == 1 else ''} for approval"
    made = "as the folder holds it" if live.author == FOLDER else f"by {live.author}: {live.title}"
    return f"Version {live.number} is live, {made}"


urlpatterns = [
    path("playbook/", show, name="playbook"),
    path("playbook/new", begin, name="playbook-new"),
    path("playbook/files/<path:file>", file, name="playbook-file"),
    path("playbook/versions/<int:number>/", version, name="playbook-version"),
    path("playbook/versions/<int:number>/restore", restore, name="playbook-restore"),
]
