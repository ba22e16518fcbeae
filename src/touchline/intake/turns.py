"""In: a ledger that several processes write. Out: one writer at a time between taking numbers and committing them. Writes no interactions.

A snapshot says that it holds everything up to a seq. That is true only if a smaller number never arrives after a larger one;
so whoever reserves numbers keeps the turn until their rows are committed.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

_LOCK = 0x746F757365  # 'touse': any constant that nobody else takes on this database
_THREADS = threading.RLock()
_depth = threading.local()


@contextmanager
def turn() -> Iterator[None]:
    """Hold the writers' turn; others wait. Kept by PostgreSQL itself, or by a lock on a file beside the SQLite one.

    A process that dies gives its turn back. May be taken again by the thread that has it.
    """
    with _THREADS:
        if getattr(_depth, "held", 0):
            yield
            return
        _depth.held = 1
        try:
            with _between_processes():
                yield
        finally:
            _depth.held = 0


@contextmanager
def _between_processes() -> Iterator[None]:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        return
    name = str(connection.settings_dict["NAME"])
    if ":memory:" in name or "mode=memory" in name:
        yield  # such a database has one process only
        return
    with Path(f"{name}.writer").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
