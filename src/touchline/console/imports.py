"""In: files that members bring, and the playbook's imports. Out: which of them fit, what an import would do, how far it is, what was rejected. Writes what its imports write.

What a file holds is shown to who may see it while it lies here: escaped, cut short, never logged. The import itself runs in a process of its
own; a page only asks how far it is.
"""

from __future__ import annotations

import io
import os
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from touchline.console.answering import answers, done
from touchline.intake import heads, proposing, rejects
from touchline.intake.heads import Head
from touchline.intake.readers import Mismatch
from touchline.kernel.errors import UnknownName
from touchline.report import figures
from touchline.team.roles import Right
from touchline.workspace import uploads
from touchline.workspace.opened import Workspace
from touchline.workspace.uploads import (
    CHECK,
    DONE,
    FAILED,
    IMPORT,
    INTERRUPTED,
    LOOK,
    RUNNING,
    STOPPED,
    Shown,
    UploadFault,
)

PAGE = 50
SHOWN = 40
"""Columns of a file that are shown, and names in a sentence."""
FIELD = "file"
SAYS = {
    (LOOK, RUNNING): "is being looked at",
    (CHECK, RUNNING): "is being tried",
    (IMPORT, RUNNING): "is being imported",
    (CHECK, DONE): "was tried",
    (IMPORT, DONE): "imported",
}
"""(job, state) -> what becomes of a file, where the state alone does not say it."""
STATES = {
    FAILED: "failed",
    STOPPED: "stopped",
    INTERRUPTED: "interrupted",
    DONE: "waits for you",
    RUNNING: "is under way",
}


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page."""
    return _page(request, ws)


@csrf_exempt
@answers(Right.CONVERSE)
@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """Take a file in, straight to where it will lie; GET says whether whoever asks may send one. The token is looked at as everywhere, one step later."""
    if request.method == "GET":
        return HttpResponse(status=204)
    arriving = _Arriving(uploads.draft(ws.settings))
    request.upload_handlers = [arriving]
    try:
        return _received(request, ws, arriving)
    finally:
        arriving.place.unlink(missing_ok=True)


@csrf_protect
def _received(request: HttpRequest, ws: Workspace, arriving: _Arriving) -> HttpResponse:
    try:
        brought = request.FILES.get(FIELD)
        if arriving.full:
            raise UploadFault("there is no room for it", remedy="Free some of the disk, and choose it again.")
        if brought is None:
            raise UploadFault("no file came with the form", remedy="Choose one first.")
        number = ws.keep_upload(arriving.place, brought.name or "")
    except UploadFault as fault:
        if request.htmx:  # type: ignore[attr-defined] # django-htmx's
            return HttpResponse(str(fault), status=400, content_type="text/plain; charset=utf-8")
        return _page(request, ws, fault=fault, status=400)
    there = reverse("import", args=[number])
    return HttpResponseClientRedirect(there) if request.htmx else HttpResponseRedirect(there)  # type: ignore[attr-defined] # as above


@answers()
@require_safe
def one(request: HttpRequest, ws: Workspace, upload: int) -> HttpResponse:
    """One file: what it holds, what fits it, what became of it."""
    return _one(request, ws, upload)


@answers()
@require_safe
def state(request: HttpRequest, ws: Workspace, upload: int) -> HttpResponse:
    """How far its job is; once it has come to its end, the page is asked for anew."""
    shown = uploads.found(ws.settings, upload)
    if shown.state != RUNNING:
        return HttpResponseClientRefresh()
    return render(request, "console/import_state.html", _running(ws, shown))


@answers(Right.CONVERSE)
@require_POST
def start(request: HttpRequest, ws: Workspace, upload: int, job: str) -> HttpResponse:
    """Look at it again, try it, or import it; what forbids that stands on the page."""
    try:
        ws.start_upload(upload, job, request.POST.get("as", "").replace("\x00", "")[:63])
    except UploadFault as fault:
        return _one(request, ws, upload, fault=fault)
    return HttpResponseRedirect(reverse("import", args=[upload]))


@answers(Right.CONVERSE)
@require_POST
def stop(request: HttpRequest, ws: Workspace, upload: int) -> HttpResponse:
    """Ask its job to stop."""
    ws.stop_upload(upload)
    return done(request, reverse("import", args=[upload]), "It stops as soon as what was begun is whole.")


@answers(Right.CONVERSE)
@require_POST
def discard(request: HttpRequest, ws: Workspace, upload: int) -> HttpResponse:
    """Delete the file."""
    try:
        ws.discard_upload(upload)
    except UploadFault as fault:
        return _one(request, ws, upload, fault=fault)
    return done(request, reverse("imports"), "The file is deleted. What was imported of it stays.")


@answers()  # type: ignore[arg-type] # it streams, and `answers` only hands it on
@require_GET
def rejected(request: HttpRequest, ws: Workspace, upload: int) -> FileResponse:  # noqa: ARG001 - a view's signature
    """The rejects file that its import wrote: numbers and reasons, nothing of the lines."""
    found = uploads.rejects_of(ws.settings, uploads.found(ws.settings, upload))
    if found is None:
        raise UnknownName(f"rejects of upload {upload}", remedy="None of its lines were rejected, or the file is gone.")
    return FileResponse(
        found.open("rb"), as_attachment=True, filename=found.name, content_type="text/csv; charset=utf-8"
    )


class _Arriving(FileUploadHandler):
    """Writes the one file of a form to its place as it comes.

    full   whether the disk had no room for it
    """

    chunk_size = 1024 * 1024

    def __init__(self, place: Any) -> None:
        super().__init__()
        self.place, self.full = place, False
        self._out: Any = None

    def new_file(self, *given: Any, **named: Any) -> None:
        """Begin with the first file of the right field; others are passed over."""
        super().new_file(*given, **named)
        if self.field_name != FIELD or self._out is not None:
            raise SkipFile
        self._out = os.fdopen(os.open(self.place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002 - Django's own signature
        """Write what came."""
        try:
            self._out.write(raw_data)
        except OSError:
            self.full = True
            raise StopUpload(connection_reset=False) from None

    def file_complete(self, file_size: int) -> UploadedFile:
        """What the form gets: a name and a size."""
        try:
            self._out.close()
        except OSError:
            self.full = True
        return UploadedFile(io.BytesIO(), self.file_name, size=file_size)

    def upload_interrupted(self) -> None:
        """Let go of what came so far."""
        if self._out is not None:
            self._out.close()


def _page(request: HttpRequest, ws: Workspace, *, fault: UploadFault | None = None, status: int = 200) -> HttpResponse:
    asked = request.GET.get("before", "")
    before = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
    found = uploads.listed(ws.settings, before=before, most=PAGE + 1)
    rows = found[:PAGE]
    context = {
        "nav": "imports",
        "answer": _answer(rows),
        "rows": [{"shown": each, "says": _says(each), "bad": each.state in (FAILED, INTERRUPTED)} for each in rows],
        "known": ws.playbook.imports,
        "fault": fault,
        "largest": uploads.LARGEST,
        "most": f"{uploads.LARGEST // 1024**3} GB",
        "days": uploads.KEPT,
        "after": f"?before={rows[-1].row.pk}" if len(found) > PAGE else None,
        "newest": reverse("imports") if before is not None else None,
    }
    return render(request, "console/imports.html", context, status=status)


def _one(request: HttpRequest, ws: Workspace, upload: int, *, fault: UploadFault | None = None) -> HttpResponse:
    shown = uploads.found(ws.settings, upload)
    head = uploads.head(ws.settings, upload) if shown.there else None
    row = shown.row
    fits, others = _fits(ws, head)
    name, text = proposing.proposal(head, ws.playbook, row.name) if head is not None else ("", "")
    chosen = row.import_name if row.import_name in fits else next(iter(fits), "")
    context = {
        **_running(ws, shown),
        "nav": "imports",
        "answer": _title(shown, head, fits),
        "fault": fault,
        "head": head,
        "kind": "" if head is None else heads.CALLED[head.format],
        "columns": [] if head is None else [(each, guess) for each, guess in _columns(head)],
        "fits": fits,
        "others": others,
        "chosen": chosen,
        "tried": shown.state == DONE and row.job == CHECK and row.import_name in fits,
        "unfinished": shown.there and row.job == IMPORT and shown.state in (INTERRUPTED, STOPPED, FAILED),
        "imported": row.job == IMPORT and shown.state == DONE,
        "told": row.told,
        "reasons": [
            (reason, rejects.meaning(reason, None), lines)
            for reason, lines in sorted(row.told.get("reasons", {}).items(), key=lambda pair: -pair[1])
        ],
        "rejects": uploads.rejects_of(ws.settings, shown) is not None,
        "failed": [each for each in row.fault.split("\n") if each.strip()] if shown.state == FAILED else [],
        "text": text,
        "file": f"playbook/imports/{name}.yaml",
        "days": uploads.KEPT,
    }
    answer = render(request, "console/import.html", context, status=200 if fault is None else 400)
    answer["Cache-Control"] = "no-store"
    return answer


def _running(ws: Workspace, shown: Shown) -> dict[str, Any]:
    """What the part of the page shows that asks again every second."""
    pk = shown.row.pk
    how = uploads.progress(ws.settings, pk) if shown.state == RUNNING else None
    return {
        "shown": shown,
        "row": shown.row,
        "running": shown.state == RUNNING,
        "says": _says(shown),
        "how": how,
        "percent": None if how is None or how.share is None else round(100 * how.share),
        "left": "" if how is None or how.left is None else _left(how.left),
        "stopping": uploads.stopping(ws.settings, pk),
    }


def _left(seconds: float) -> str:
    if seconds < 1:
        return "almost done"
    if seconds < 90:
        return f"{figures.plural(round(seconds), 'second')} left"
    return f"{figures.duration(round(seconds) * 1_000_000)} left"


def _fits(ws: Workspace, head: Head | None) -> tuple[list[str], list[tuple[str, str]]]:
    """(imports that the file fits, (another import, what keeps it from fitting)): those that lack the least first."""
    if head is None:
        return [], []
    fits, others = [], []
    for name, imp in sorted(ws.playbook.imports.items()):
        found = heads.fit(head, imp)
        if isinstance(found, str):
            others.append((1_000_000, name, found))
        elif found:
            others.append((len(found.missing) + len(found.extra) + len(found.twice), name, _lacks(found)))
        else:
            fits.append(name)
    return fits, [(name, why) for _, name, why in sorted(others)]


def _lacks(found: Mismatch) -> str:
    told = (("Missing", found.missing), ("Not expected", found.extra), ("There twice", found.twice))
    return " ".join(f"{what}: {_named(names)}." for what, names in told if names)


def _named(names: tuple[str, ...]) -> str:
    shown = ", ".join(heads.printable(name)[:60] for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _columns(head: Head) -> list[tuple[heads.Seen, str]]:
    """The first columns, each with what it seems to hold."""
    guessed = {each.seen.name: each.role or each.type for each in proposing.guesses(head)}
    return [(each, figures.words(guessed.get(each.name, "is not read"))) for each in head.columns[:SHOWN]]


def _says(shown: Shown) -> str:
    return SAYS.get((shown.row.job, shown.state)) or STATES[shown.state]


def _answer(rows: list[Shown]) -> str:
    if not rows:
        return "No file was brought here yet"
    going = sum(each.state == RUNNING for each in rows)
    broken = sum(each.there and each.state == INTERRUPTED for each in rows)
    waits = sum(each.there and each.state not in (RUNNING, INTERRUPTED) and each.row.job != IMPORT for each in rows)
    told = [f"{figures.plural(going, 'file')} under way"] if going else []
    told += [f"{figures.plural(broken, 'import')} interrupted"] if broken else []
    told += [f"{figures.plural(waits, 'file')} waiting for you"] if waits else []
    return figures.upper(", ".join(told)) if told else "Every file that was brought here is dealt with"


def _title(shown: Shown, head: Head | None, fits: list[str]) -> str:
    row, told = shown.row, shown.row.told
    as_ = f" as {figures.words(row.import_name)}" if row.import_name else ""
    if shown.state == RUNNING:
        return f"The file {_says(shown)}{as_}"
    if shown.state == DONE and row.job in (CHECK, IMPORT):
        would = "would be " if row.job == CHECK else ""
        accepted, refused = (
            figures.plural(told.get("accepted", 0), "interaction"),
            figures.plural(told.get("rejected", 0), "line"),
        )
        return f"{accepted} {would or 'were '}imported{as_}, {refused} {would or 'were '}rejected"
    if not shown.there:
        return "The file is not here any more"
    if shown.state == INTERRUPTED:
        return f"{'The import' if row.job == IMPORT else 'The try' if row.job == CHECK else 'The first look'} was interrupted: go on with it"
    if shown.state == STOPPED:
        return f"{'The import' if row.job == IMPORT else 'The try'} was stopped"
    if shown.state == FAILED:
        return "The file cannot be read so"
    if head is None:
        return "The file was not looked at yet"
    if not fits:
        return "No import of the playbook fits this file yet"
    return f"{figures.plural(len(fits), 'import')} of the playbook {'fits' if len(fits) == 1 else 'fit'} this file"


urlpatterns = [
    path("imports/", show, name="imports"),
    path("imports/upload", receive, name="imports-upload"),
    path("imports/<int:upload>/", one, name="import"),
    path("imports/<int:upload>/state", state, name="import-state"),
    path("imports/<int:upload>/look", start, {"job": LOOK}, name="import-look"),
    path("imports/<int:upload>/check", start, {"job": CHECK}, name="import-check"),
    path("imports/<int:upload>/import", start, {"job": IMPORT}, name="import-run"),
    path("imports/<int:upload>/stop", stop, name="import-stop"),
    path("imports/<int:upload>/discard", discard, name="import-discard"),
    path("imports/<int:upload>/rejects.csv", rejected, name="import-rejects"),
]
