"""What the organisation authored: read from its folder, checked as a whole, compiled for every later room."""

from __future__ import annotations

from pathlib import Path

from touchline.kernel.errors import Fault, FaultsFound
from touchline.playbook.checking import check_playbook
from touchline.playbook.checking.closed import condition
from touchline.playbook.compiled import Playbook
from touchline.playbook.compiling import compile_playbook
from touchline.playbook.folder import read_folder
from touchline.playbook.schemas import export_schemas
from touchline.playbook.templates import new, template_names


def load(path: str | Path) -> Playbook:
    """The compiled playbook of a workspace; raises FaultsFound with all faults, NotAWorkspace where there is none."""
    checked, faults = check_playbook(*read_folder(Path(path)))
    if checked is None:
        raise FaultsFound(faults)
    return compile_playbook(checked)


def check(path: str | Path) -> list[Fault]:
    """Every fault of a workspace's playbook, by file and line; raises NotAWorkspace where there is none."""
    return check_playbook(*read_folder(Path(path)))[1]


__all__ = ["Playbook", "check", "condition", "export_schemas", "load", "new", "template_names"]
