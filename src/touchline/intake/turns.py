"""In: a ledger that several processes write. Out: one writer at a time, and one import at a time of each kind. Writes no interactions.

A snapshot says that it holds everything up to a seq. That is true only if a smaller number never arrives after a larger one;
so whoever reserves numbers keeps the turn until their rows are committed. An import asks once what the ledger holds of its
source; so nobody else may import that source until it is done.
"""

from __future__ import annotations

import fcntl
import hashlib
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
            with _held(_LOCK, "writer"):
                yield
        finally:
            _depth.held = 0


@contextmanager
def importing(source: str) -> Iterator[None]:
    """Hold an import's source for a whole run; others that import it wait, in other threads too. Not to be taken twice.

    Whoever wants both takes this first and the writers' turn after.
    """
    digest = hashlib.blake2b(f"touchline import {source}".encode(), digest_size=8).digest()
    # Two sources of one number would merely wait for each other.
    with _held(int.from_bytes(digest, "big", signed=True), f"import-{source}"):
        yield


@contextmanager
def _held(number: int, file: str) -> Iterator[None]:
    """The lock of that number on PostgreSQL, else one on a file beside the SQLite one."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [number])
        return
    name = str(connection.settings_dict["NAME"])
    if ":memory:" in name or "mode=memory" in name:
        yield  # such a database has one process only
        return
    with Path(f"{name}.{file}").open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
