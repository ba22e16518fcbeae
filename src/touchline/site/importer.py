"""In: the number of an upload, a job, and in whose name. Out: the file looked at, tried or imported, and what came of it. Writes what the import writes.

This is the process that `workspace/uploads.py` starts for each job: `python -m touchline.site.importer UPLOAD JOB MEMBER`. It ends with the
one that started it. It may be killed at any time: whoever starts the job again completes it.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection, connections

from touchline.site import database, logs
from touchline.site.entry import open_workspace
from touchline.site.parent import end_with_parent
from touchline.team.models import User
from touchline.workspace import uploads
from touchline.workspace.opened import Workspace

_log = logging.getLogger("touchline.importer")


def main(upload: int, job: str, member: int) -> int:
    """The process; its exit code."""
    logs.configure()
    end_with_parent()
    _expendable()
    try:
        workspace = open_workspace(os.environ["TOUCHLINE_WORKSPACE"])
        workspace = workspace.acting_as(User.objects.get(pk=member).actor)
        threading.Thread(target=_stopped, args=[workspace, upload], daemon=True, name="touchline-stop").start()
        uploads.work(workspace, upload, job, lambda: _aside(workspace, upload))
    except KeyboardInterrupt:
        return 130
    except BaseException as fault:  # a library's panic is no Exception, and its words may quote what the file holds
        _log.exception("a job on an uploaded file failed")
        with suppress(Exception):
            uploads.failed(upload, fault)
        return 1
    return 0


def _stopped(workspace: Workspace, upload: int) -> None:
    """Interrupt the job as Ctrl-C would, once it was asked to stop."""
    uploads.asked_to_stop(workspace.settings, upload)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@contextmanager
def _aside(workspace: Workspace, upload: int) -> Iterator[None]:
    """Work on a copy of the SQLite file: a dry run is one long transaction, and everybody else would wait for it. PostgreSQL needs none."""
    if connection.vendor != "sqlite":
        yield
        return
    copy = uploads.folder(workspace.settings, upload) / "trial.sqlite"
    copy.unlink(missing_ok=True)
    connection.ensure_connection()
    with sqlite3.connect(copy) as beside:
        connection.connection.backup(beside)
    beside.close()
    database.use(copy)
    try:
        yield
    finally:
        database.use(workspace.settings.database_url)
        for suffix in ("", "-wal", "-shm"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _expendable() -> None:
    """Where memory runs out, the system is to end this process first, and not the service: a small file can unpack to a vast one."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")


if __name__ == "__main__":
    code = main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    connections.close_all()
    logging.shutdown()
    os._exit(code)  # libraries that are torn down in order write lines to standard error that are no log
