"""In: a workspace and what the address asks for. Out: who did what to what, the latest first, as a page or a file. Writes no interactions."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from touchline.console.answering import answers
from touchline.kernel.spreadsheets import guarded
from touchline.kernel.times import format_instant
from touchline.report import figures
from touchline.team import audit
from touchline.team.roles import Right
from touchline.workspace.opened import Workspace

PAGE = 50
KINDS = ("user", "key", "customer", "worker", "terminal")
GROUPS = (
    "people.",
    "consents.",
    "preferences.",
    "gifts.",
    "messages.",
    "sending.",
    "imports.",
    "playbook.",
    "export",
    "team.",
    "keys.",
    "access.",
)
"""Groups of operations that the page offers; the address takes any operation, or a group with a dot at its end."""
COLUMNS = ("id", "at", "actor_kind", "actor_name", "operation", "about", "details")
MOST = 50_000
"""Entries that one file holds."""


@dataclass(frozen=True)
class Asked:
    """What the address asks for; empty where it does not."""

    operation: str
    kind: str
    about: str
    before: int | None

    @classmethod
    def of(cls, request: HttpRequest) -> Asked:
        """Read from the address."""
        told = {name: request.GET.get(name, "").replace("\x00", "").strip()[:200] for name in ("operation", "about")}
        kind, before = request.GET.get("kind", ""), request.GET.get("before", "")
        number = int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None
        return cls(told["operation"], kind if kind in KINDS else "", told["about"], number)

    def chosen(self) -> dict[str, Any]:
        """As the workspace's verb takes it."""
        named = {"operation": self.operation, "actor_kind": self.kind, "about": self.about}
        return {name: value for name, value in named.items() if value}

    def address(self, **changed: Any) -> str:
        """The same question with something else in it; from the newest entry where nothing else is said."""
        told = {"operation": self.operation, "kind": self.kind, "about": self.about, **changed}
        return f"?{urlencode([(name, value) for name, value in told.items() if value])}"


@answers(Right.ADMINISTER)
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    asked = Asked.of(request)
    found = ws.audit(**asked.chosen(), before=asked.before, limit=PAGE + 1)
    entries = found[:PAGE]
    context = {
        "nav": "audit",
        "asked": asked,
        "answer": _answer(entries, asked),
        "entries": [(one, _details(one.details), asked.address(about=one.about)) for one in entries],
        "groups": [(group, group.rstrip("."), asked.address(operation=group)) for group in GROUPS],
        "everything": asked.address(operation=""),
        "kinds": KINDS,
        "after": asked.address(before=entries[-1].pk) if len(found) > PAGE else None,
        "newest": asked.address() if asked.before is not None else None,
        "export": f"{reverse('audit-export')}{asked.address()}",
    }
    return render(request, "console/audit.html", context)


@answers(Right.ADMINISTER)
@require_safe
def export(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The entries that the address asks for, as CSV: cells that a spreadsheet would run are made harmless."""
    asked = Asked.of(request)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    before, written = asked.before, 0
    while written < MOST:
        entries = ws.audit(**asked.chosen(), before=before, limit=audit.MOST)
        if not entries:
            break
        for one in entries:
            told = json.dumps(one.details, ensure_ascii=False, sort_keys=True) if one.details else ""
            cells = (one.actor_kind, one.actor_name, one.operation, one.about, told)
            rows.writerow([one.pk, format_instant(one.at), *(guarded(cell) for cell in cells)])
        before, written = entries[-1].pk, written + len(entries)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="audit.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


def _details(details: dict[str, Any]) -> list[tuple[str, str]]:
    return [(figures.words(name), _shown(value)) for name, value in details.items()]


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
    return json.dumps(value, ensure_ascii=False)


def _answer(entries: list[Any], asked: Asked) -> str:
    if not entries:
        return "Nothing of that was done" if asked.chosen() or asked.before else "Nothing was done yet"
    latest = entries[0]
    about = f", {latest.about}" if latest.about else ""
    when = "Latest" if asked.before is None else "Earlier"
    return f"{when}: {latest.actor_name} did {latest.operation}{about}"


urlpatterns = [
    path("audit/", show, name="audit"),
    path("audit/export", export, name="audit-export"),
]
