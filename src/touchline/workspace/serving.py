"""In: the workspace of this process. Out: the same, for whoever serves it. Writes no interactions.

The composition root opens it, once for a process; faces ask for it here, and know no opener.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from touchline.kernel.errors import TouchlineError
from touchline.workspace.freshness import Watch

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

_current: list[tuple[Workspace, Watch]] = []


class NothingServed(TouchlineError):
    """This process serves no workspace."""

    code = "nothing_served"
    remedy = "Start it with `touchline up`."


def use(workspace: Workspace) -> None:
    """Serve this workspace from now on."""
    _current[:] = [(workspace, Watch(workspace))]


def current() -> Workspace:
    """The workspace that is served, with the playbook as it is now; raises NothingServed."""
    if not _current:
        raise NothingServed
    workspace, watch = _current[0]
    watch.renewed()
    return workspace
