"""In: a workspace. Out: whether this process can serve it. Writes no interactions."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from django.db import DatabaseError, connection

from touchline.site import database
from touchline.workspace.opened import Workspace

OK = "ok"


def checks(workspace: Workspace) -> dict[str, str]:
    """What must hold -> `ok`, or one word of what does not."""
    reached = _reached()
    return {
        "database": reached,
        "migrations": (OK if database.up_to_date() else "behind") if reached == OK else "unknown",
        "ledger": _writable(workspace),
    }


def _reached() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except DatabaseError:
        connection.close()
        return "unreachable"
    return OK


def _writable(workspace: Workspace) -> str:
    """Whether a file can be put where the ledger is; an object store is asked for its newest version only."""
    try:
        if "://" in workspace.settings.ledger:
            workspace.ledger.last_seq()
            return OK
        folder = Path(workspace.settings.ledger)
        folder = folder if folder.exists() else workspace.settings.state
        probe = folder / f".ready-{os.getpid()}-{uuid.uuid4().hex}"
        try:
            probe.write_bytes(b"")
        finally:
            with suppress(OSError):
                probe.unlink()
    except Exception:  # whatever it is, this process cannot write there, and says so instead of failing
        return "unwritable"
    return OK
