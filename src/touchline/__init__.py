"""Touchline: customer experience management, every touchpoint on one line.

import touchline as tl

ws = tl.open("DIR")
ws.relationships()      # lazy frame: one row a customer, a column a measure
ws.explain("ann@example.com")
tl.playbook.load("DIR")
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from touchline import playbook

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

__all__ = ["open", "playbook"]


def open(directory: str | Path | None = None) -> Workspace:  # noqa: A001 - `tl.open` is the promised name
    """The workspace of a folder; see `touchline.site.entry.open_workspace`."""
    from touchline.site.entry import open_workspace

    return open_workspace(directory)
