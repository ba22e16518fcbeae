"""In: the path of a lock file. Out: shared and exclusive holds on it, in every process. Writes no interactions.

Whoever writes files and commits them holds it shared; whoever deletes files that no commit names holds it exclusively,
so that a file is never swept away between its writing and its commit. The system frees it when a process dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Latch:
    """A lock that many may hold shared or one exclusively; not re-entrant.

    path    of the lock file, made at first use; None (object storage has no locks) makes every hold an empty gesture
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it beside others; waits while it is held exclusively."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone; waits until nobody else does."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _held(self, how: int) -> Iterator[None]:
        if self.path is None:
            yield
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)
