"""In: a workspace that is served for weeks. Out: its playbook, read again once it has changed and is sound. Writes no interactions.

A playbook with faults is not taken up: what was sound before goes on until it is mended. A change is waited for until it has come to
rest, so that a folder that is being written to is not read half.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from django.db import DatabaseError

from touchline import playbook as playbooks
from touchline.kernel.errors import TouchlineError
from touchline.playbook.folder import PLAYBOOK
from touchline.workspace import versions
from touchline.workspace.settings import MARKER

if TYPE_CHECKING:
    from pathlib import Path

    from touchline.workspace.opened import Workspace

LOOKED = 1.0
"""Seconds between two looks."""

Stamp = frozenset[tuple[str, int, int]]
_log = logging.getLogger("touchline.playbook")


def stamp(root: Path) -> Stamp:
    """What tells one state of the playbook's folder from another: each file's name, time of change and size."""
    found = set()
    for file in (root / MARKER, *(root / PLAYBOOK).rglob("*")):
        try:
            known = file.stat()
        except OSError:
            continue  # it was taken away a moment ago, which the next look sees
        found.add((str(file.relative_to(root)), known.st_mtime_ns, known.st_size))
    return frozenset(found)


class Watch:
    """Looks after one workspace's playbook, for all copies that share its stores."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._looking = threading.Lock()
        self._looked = time.monotonic()
        self._settled = False
        self._taken = self._seen = stamp(workspace.settings.root)

    def renewed(self) -> bool:
        """Look, at most every LOOKED seconds; whether another playbook holds from now on."""
        if time.monotonic() - self._looked < LOOKED or not self._looking.acquire(blocking=False):
            return False
        try:
            self._looked = time.monotonic()
            if not self._settled:
                self._settle()
            found = stamp(self._workspace.settings.root)
            rests, self._seen = found == self._seen, found
            if found == self._taken or not rests:
                return False
            self._taken = found
            return self._take()
        finally:
            self._looking.release()

    def _settle(self) -> None:
        """Go on with an approved version that a process which ended did not put in place."""
        try:
            versions.settle(self._workspace)
            self._settled = True
        except (TouchlineError, OSError, DatabaseError) as fault:
            _log.warning("an approved version is not yet in place", extra={"fault": type(fault).__name__})

    def _take(self) -> bool:
        self._settle()
        try:
            read = playbooks.load(self._workspace.settings.root)
        except (TouchlineError, OSError) as fault:
            _log.warning(
                "the changed playbook is not taken up: `touchline check` says why",
                extra={"fault": type(fault).__name__},
            )
            return False
        self._workspace.stores.put("playbook", read)
        self._workspace.stores.forget("plan")
        _log.info("the changed playbook holds from now on")
        return True
