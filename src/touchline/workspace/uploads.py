"""In: files that members bring to the console. Out: the same looked at, tried and imported, each by a process of its own. Writes what their imports write.

Nothing of a file from outside is decoded in a process that serves pages: a child of it does, which may take its time, be killed, or run out
of memory, and leaves everything whole. While it works it holds a lock of the kernel's; a job that is told to run and whose lock is free was
interrupted, and is gone on with by doing it again, because an import adds only what is missing.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction

from touchline.intake.heads import Head, look, printable
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import DAY, SystemClock
from touchline.workspace import acting
from touchline.workspace.settings import Settings

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

LARGEST = 2 * 1024**3
"""Bytes of an uploaded file."""
KEPT = 7
"""Days after which a file is deleted, imported or not."""
AT_ONCE = 2
"""Jobs that may run at once in one workspace: each takes a core and some hundred megabytes."""
TOGETHER = 100_000
"""Lines that an import takes in at once here: pages and events are waited for no longer, and the page says how far it is."""
LOOK, CHECK, IMPORT = "look", "check", "import"
RUNNING, DONE, FAILED, STOPPED, INTERRUPTED = "running", "done", "failed", "stopped", "interrupted"
COMMAND = (sys.executable, "-m", "touchline.site.importer")
"""What does a job: it is given the number of the upload, the job, and the number of the member in whose name it acts."""
_LOCK, _HEAD, _PROGRESS, _STOP = "lock", "head.json", "progress.json", "stop"
_REJECTS = re.compile(r"[a-z0-9_]+-[0-9]{4,}\.csv")


class UploadFault(TouchlineError):
    """That cannot be done with the file."""

    code = "upload"


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    done     lines
    of       all lines, estimated from bytes; None while nothing is known
    rate     lines a second
    left     seconds; None while nothing is known
    """

    done: int
    of: int | None
    rate: float
    left: float | None

    @property
    def share(self) -> float | None:
        """0 to 1; None while nothing is known."""
        return None if not self.of else min(1.0, self.done / self.of)


@dataclass(frozen=True)
class Shown:
    """An upload as pages show it: its row, its state (`interrupted` where its process is gone), and whether its file is still there."""

    row: Any
    state: str
    there: bool

    @property
    def can_go(self) -> bool:
        """Whether something may be started with it now."""
        return self.there and self.state != RUNNING


def folder(settings: Settings, upload: int) -> Path:
    """Where one upload lies: its file, what was seen of it, how far its job is."""
    return settings.uploads / str(int(upload))


def file_of(settings: Settings, upload: int) -> Path:
    """The file itself, under a name of our own: what the client called it leads nowhere."""
    return folder(settings, upload) / f"upload-{int(upload)}"


def draft(settings: Settings) -> Path:
    """A new path to receive a file at, beside those that are there."""
    settings.uploads.mkdir(parents=True, exist_ok=True)
    return settings.uploads / f"arriving-{secrets.token_hex(8)}"


def listed(settings: Settings, *, before: int | None = None, most: int = 50) -> list[Shown]:
    """The latest uploads."""
    rows = _table().order_by("-upload_id")
    return [_shown(settings, row) for row in (rows if before is None else rows.filter(upload_id__lt=before))[:most]]


def found(settings: Settings, upload: int) -> Shown:
    """One upload; raises UnknownName."""
    row = _table().filter(upload_id=upload).first()
    if row is None:
        raise UnknownName(f"upload {upload}", remedy="The page Imports lists those that there are.")
    return _shown(settings, row)


def head(settings: Settings, upload: int) -> Head | None:
    """What was seen of the file; None before it was looked at, and once it is deleted."""
    try:
        return Head.of_json((folder(settings, upload) / _HEAD).read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return None


def progress(settings: Settings, upload: int) -> Progress | None:
    """How far its job is; None before it said so."""
    try:
        told = json.loads((folder(settings, upload) / _PROGRESS).read_text("utf-8"))
        return Progress(**told)
    except (OSError, ValueError, TypeError):
        return None


def stopping(settings: Settings, upload: int) -> bool:
    """Whether its job was asked to stop."""
    return (folder(settings, upload) / _STOP).exists()


def rejects_of(settings: Settings, shown: Shown) -> Path | None:
    """The rejects file that its import wrote; None where there is none."""
    name = str(shown.row.told.get("rejects", ""))
    path = settings.rejects / name
    return path if _REJECTS.fullmatch(name) and path.is_file() else None


def keep(workspace: Workspace, arrived: Path, name: str) -> int:
    """Take a file in that has arrived, and have it looked at; its number. Raises UploadFault."""
    settings = workspace.settings
    expire(settings)
    size = arrived.stat().st_size if arrived.exists() else 0
    if not size:
        raise UploadFault("the file is empty", remedy="Choose a file with lines in it.")
    with transaction.atomic():
        row = _table().create(
            name=printable(name.replace("\\", "/").rpartition("/")[2].strip())[:200],
            size=size, uploaded_at=SystemClock().now(), uploaded_by=workspace.actor.name, state=DONE,
        )  # fmt: skip
        acting.note(f"upload {row.pk}", bytes=size)
        folder(settings, row.pk).mkdir(parents=True)
        try:
            arrived.replace(file_of(settings, row.pk))
        except FileNotFoundError:  # an erasure has taken it away while it arrived
            raise UploadFault("the file was deleted while it arrived", remedy="Choose it again.") from None
    with suppress(UploadFault):  # two others are under way: it is looked at when somebody asks again
        start(workspace, row.pk, LOOK)
    return int(row.pk)


def start(workspace: Workspace, upload: int, job: str, name: str = "") -> None:
    """Start a job on the file; `name` is the playbook's import for all but LOOK.

    Raises UnknownName where there is no such import, UploadFault where the file is gone, or something is under way.
    """
    settings, known = workspace.settings, workspace.playbook.imports
    shown = found(settings, upload)
    if job != LOOK and name not in known:
        raise UnknownName(f"import {name[:63]!r}", remedy=did_you_mean(name[:63], known))
    if not shown.there:
        raise UploadFault("the file is not here any more", remedy="Choose it again on the page Imports.")
    lock = _taken(
        settings, upload, tries=5 if shown.state == RUNNING else 100
    )  # one that has ended may still be leaving
    if lock is None:
        raise UploadFault("something is under way with this file", remedy="Stop it first, or wait until it has ended.")
    try:
        if sum(each.state == RUNNING for each in listed(settings) if each.row.pk != upload) >= AT_ONCE:
            raise UploadFault(f"{AT_ONCE} other files are under way", remedy="Try again when one of them has ended.")
        place = folder(settings, upload)
        for left in place.iterdir():  # of a job before, which may have been killed
            if left.name not in (_LOCK, _HEAD, file_of(settings, upload).name):
                left.unlink()
        _table().filter(pk=upload).update(
            job=job, state=RUNNING, import_name=name, begun_at=SystemClock().now(), ended_at=None, told={}, fault=""
        )
        _begin(settings, [*COMMAND, str(upload), job, str(workspace.actor.id or 0)], lock)
    finally:
        os.close(lock)  # the child holds it from now on


def stop(workspace: Workspace, upload: int) -> None:
    """Ask the job that runs on the file to stop; what it has added stays."""
    if found(workspace.settings, upload).state == RUNNING:
        with suppress(FileNotFoundError):
            (folder(workspace.settings, upload) / _STOP).touch()


def discard(workspace: Workspace, upload: int) -> None:
    """Delete the file; what was imported of it stays. Raises UploadFault while something is under way."""
    shown = found(workspace.settings, upload)
    if shown.state == RUNNING:
        raise UploadFault("something is under way with this file", remedy="Stop it first.")
    _deleted(workspace.settings, upload)


def work(
    workspace: Workspace, upload: int, job: str, aside: Callable[[], AbstractContextManager[None]] = nullcontext
) -> None:
    """Do a job, in the process that was started for it, and write down what came of it; raises whatever else went wrong.

    aside   within which a dry run is done: where one would keep the database from everybody else, on a copy of it
    """
    settings, path = workspace.settings, file_of(workspace.settings, upload)
    name = found(settings, upload).row.import_name
    try:
        if job == LOOK:
            _write(folder(settings, upload) / _HEAD, look(path).as_json())
            _ended(upload, DONE)
            return
        tell = _Teller(folder(settings, upload))
        with aside() if job == CHECK else nullcontext():
            counts = workspace.import_files([path], name, dry_run=job == CHECK, tell=tell, rows_at_once=TOGETHER)
    except KeyboardInterrupt:
        _ended(upload, STOPPED)
    except TouchlineError as fault:
        gone = not path.exists()
        _ended(upload, FAILED, fault=_GONE if gone else f"{_first(str(fault))}\n{fault.how}")
    else:
        rejects = counts.pop("rejects_file")
        _ended(upload, DONE, {**counts, "rejects": "" if rejects is None else Path(rejects).name})
        if job == IMPORT:
            _deleted(settings, upload)


def asked_to_stop(settings: Settings, upload: int) -> None:
    """Return once the job was asked to stop; for a thread of the process that does it."""
    while not stopping(settings, upload):
        time.sleep(0.2)


def failed(upload: int, fault: BaseException) -> None:
    """Write down that a job ended by a fault of the program itself, whose words may quote what the file holds, and are not kept."""
    _ended(
        upload,
        FAILED,
        fault=f"The program itself failed ({type(fault).__name__}); the log says where.\nTry again, and report it.",
    )


def expire(settings: Settings, now: int | None = None) -> None:
    """Delete files that have lain here for more than KEPT days, and what an upload that broke off left."""
    if not settings.uploads.is_dir():
        return
    until = (SystemClock().now() if now is None else now) - KEPT * DAY
    for place in settings.uploads.iterdir():
        with suppress(OSError):
            kept = file_of(settings, int(place.name)) if place.name.isdecimal() else place
            old = (kept if kept.exists() else place).stat().st_mtime * 1_000_000 < until
            if old and place.is_dir() and place.name.isdecimal():
                if not _alive(settings, int(place.name)):
                    _deleted(settings, int(place.name))
            elif old:
                place.unlink()


def wipe(settings: Settings) -> None:
    """Delete every uploaded file and all that was seen of it, and forget their names: somebody is to be erased, and any may hold them."""
    if settings.uploads.is_dir():
        for place in settings.uploads.iterdir():
            if place.name.isdecimal():
                _deleted(settings, int(place.name))
            else:
                place.unlink(missing_ok=True)
    _table().exclude(name="", fault="").update(name="", fault="")


_GONE = "The file was deleted because somebody was erased since, or because it lay here for too long.\nChoose it again: an import adds only what is missing."


class _Teller:
    """Writes how far an import is, at most twice a second."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._began = self._said = time.monotonic()

    def __call__(self, _what: str, done: int, of: int | None, _unit: str) -> None:
        now = time.monotonic()
        if now - self._said < 0.5 and done != of:
            return
        self._said = now
        spent = max(now - self._began, 1e-9)
        rate = done / spent
        left = (of - done) / rate if of and rate else None
        with suppress(OSError):  # an erasure may have taken the folder away
            _write(
                self._place / _PROGRESS,
                json.dumps({"done": done, "of": of, "rate": rate, "left": left}),
            )


def _write(path: Path, text: str) -> None:
    """The whole text at once, for whoever reads it meanwhile."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, "utf-8")
    beside.replace(path)


def _first(text: str) -> str:
    return printable(text.split("\n", 1)[0])[:1000]


def _ended(upload: int, state: str, told: dict[str, Any] | None = None, *, fault: str = "") -> None:
    _table().filter(pk=upload).update(
        state=state,
        ended_at=SystemClock().now(),
        told=told or {},
        fault="\n".join(map(printable, fault.split("\n")))[:4000],
    )


def _shown(settings: Settings, row: Any) -> Shown:
    state = row.state
    if state == RUNNING and not _alive(settings, row.pk):
        row.refresh_from_db()  # it may have come to its end between two looks
        state = INTERRUPTED if row.state == RUNNING else row.state
    return Shown(row, state, file_of(settings, row.pk).is_file())


def _taken(settings: Settings, upload: int, *, tries: int = 1) -> int | None:
    """The upload's lock as a descriptor; None where a process holds it, or nothing of it is left.

    tries   how often: whoever only looks whether it is free has it for an instant
    """
    try:
        lock = os.open(folder(settings, upload) / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    for left in reversed(range(tries)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02 if left else 0)
        else:
            return lock
    os.close(lock)
    return None


def _alive(settings: Settings, upload: int) -> bool:
    if not (folder(settings, upload) / _LOCK).exists():
        return False
    lock = _taken(settings, upload)
    if lock is None:
        return True
    os.close(lock)
    return False


def _deleted(settings: Settings, upload: int) -> None:
    """Delete the file and what was seen of it. The lock stays while a process holds it: nobody else may take it for free."""
    place = folder(settings, upload)
    if not place.is_dir():
        return
    held = _alive(settings, upload)
    for one in place.iterdir():
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        elif one.name != _LOCK or not held:
            one.unlink(missing_ok=True)
    with suppress(OSError):
        place.rmdir()


def _begin(settings: Settings, command: Sequence[str], lock: int) -> None:
    """Start the process with the lock in its hands, and reap it when it ends."""
    environment = {**os.environ, "TOUCHLINE_WORKSPACE": str(settings.root)}
    process = subprocess.Popen(  # noqa: S603 - the program's own command and two numbers
        command, env=environment, pass_fds=[lock], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    threading.Thread(target=process.wait, daemon=True, name="touchline-upload").start()


def _table() -> Any:
    """The rows of uploads; models are known only once Django has started."""
    return apps.get_model("intake", "Upload").objects
