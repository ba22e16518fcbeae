"""In: a workspace, and changes of its playbook that are not live. Out: every fault that it would have, and the folder that it would be. Writes no interactions.

Nothing of the workspace is touched: the folder is laid out elsewhere for as long as it is looked at.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from touchline.kernel.errors import Fault, TouchlineError
from touchline.playbook.folder import ORGANISATION
from touchline.playbook.texts import Changes, digest, lay_out
from touchline.workspace.authoring import Examined, examine
from touchline.workspace.freshness import stamp

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

KEPT = 8
"""Results that a process remembers: whoever types asks again and again."""

AT_ONCE = 2
"""Looked at in one process at the same time, so that pages are still answered."""

PATIENCE = 4.0
"""Seconds that somebody waits for their turn."""

_turns = threading.BoundedSemaphore(AT_ONCE)
_lock = threading.Lock()
_log = logging.getLogger("touchline.playbook")


class StillChecking(TouchlineError):
    """Other changes are being checked."""

    code = "still_checking"
    remedy = "It is checked again as soon as you type on."


def examined(workspace: Workspace, changes: Changes, root: Path | None = None) -> Examined:
    """Every fault of the playbook with these changes, or the playbook; raises StillChecking where too many ask at once.

    root  where it is laid out already
    """
    key = key_of(workspace, changes)
    kept: OrderedDict[str, Examined] = workspace.stores.get("examined", OrderedDict)
    found = kept.get(key)
    if found is None:
        if root is not None:
            found = _examined(workspace, root)
        else:
            with laid_out(workspace, changes) as folder:
                found = _examined(workspace, folder)
        with _lock:
            kept[key] = found
            while len(kept) > KEPT:
                kept.popitem(last=False)
    return found


def key_of(workspace: Workspace, changes: Changes) -> str:
    """What tells one state of the folder with changes from another."""
    folder = sorted(stamp(workspace.settings.root))
    told = sorted((file, digest(text), text is None) for file, text in changes.items())
    return hashlib.sha256(repr((folder, told)).encode()).hexdigest()


@contextmanager
def laid_out(workspace: Workspace, changes: Changes) -> Iterator[Path]:
    """A folder with the workspace's authored part and these changes, gone afterwards."""
    if not _turns.acquire(timeout=PATIENCE):
        raise StillChecking
    try:
        with TemporaryDirectory(prefix="touchline-draft-") as folder:
            lay_out(workspace.settings.root, changes, Path(folder))
            yield Path(folder)
    finally:
        _turns.release()


def _examined(workspace: Workspace, root: Path) -> Examined:
    if not (root / ORGANISATION).is_file():
        return Examined([Fault(ORGANISATION, 0, "The file is missing.", "A playbook is nothing without it.")], None)
    try:
        return examine(root, beside=workspace.settings.root)
    except Exception as error:  # whatever somebody wrote, it is a fault of the text for whoever wrote it
        _log.exception("a draft could not be checked")
        what = f"The playbook cannot be checked as it is written ({type(error).__name__})."
        return Examined(
            [Fault(ORGANISATION, 0, what, "Take the last change back, and make it in smaller steps.")], None
        )
