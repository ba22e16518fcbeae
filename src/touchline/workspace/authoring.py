"""In: a workspace's folder. Out: every fault of what is authored there, the limits of later rooms included. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import narwhals as nw

from touchline.decision import compile_plan
from touchline.decision.rules import PlanFault
from touchline.kernel.errors import Fault
from touchline.playbook.checking import check_playbook
from touchline.playbook.checking.wording import MayHold, check_wording, may_hold
from touchline.playbook.compiled import Playbook
from touchline.playbook.compiling import compile_playbook
from touchline.playbook.folder import read_folder
from touchline.playbook.steps import GoneStep, standing, steps_gone
from touchline.relationship.layout import Layout, TooManyTouchpoints

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

LARGEST_LOGO = 256 * 1024
"""Bytes."""


@dataclass(frozen=True)
class Examined:
    """What a folder's authored part comes to: every fault, or the playbook that it makes."""

    faults: list[Fault]
    playbook: Playbook | None


def check(root: Path) -> list[Fault]:
    """Every fault of the playbook; where each part is sound, also that it fits one plan and one layout."""
    return examine(root).faults


def examine(root: Path, *, beside: Path | None = None) -> Examined:
    """The same with the playbook where there is none; pictures are looked for in `beside` where it is another folder."""
    authored, unread = read_folder(root)
    checked, found = check_playbook(authored, unread)
    found += [fault for fault in check_wording(root, authored) if fault not in found]
    if found or checked is None:
        return Examined(sorted(found), None)
    book = compile_playbook(checked)
    limits = []
    try:
        compile_plan(book)
    except PlanFault as fault:
        limits.append(
            Fault("playbook/policies.yaml", 0, f"The playbook cannot be decided by: {fault.detail}.", fault.how)
        )
    try:
        Layout.of(book)
    except TooManyTouchpoints as fault:
        limits.append(
            Fault("playbook/touchpoints.yaml", 0, f"There are too many touchpoints: {fault.detail}.", fault.how)
        )
    logo = book.organisation.logo
    if logo is not None and not _is_picture((beside or root) / logo):
        what = f"There is no file `{logo}` beside it, or it has more than {LARGEST_LOGO // 1024} KB."
        limits.append(Fault("touchline.yaml", 0, what, "Put the logo there, or take the line out."))
    return Examined(limits, None if limits else book)


def _is_picture(path: Path) -> bool:
    return path.is_file() and path.stat().st_size <= LARGEST_LOGO


def holding(root: Path) -> list[MayHold]:
    """What messages read that may be missing of a customer, who is then not written to: no fault, but good to know."""
    return may_hold(root, read_folder(root)[0])


def gone(workspace: Workspace) -> list[GoneStep]:
    """Steps at which customers stand and that the playbook has no longer: how many, and where each goes on."""
    if not workspace.playbook.programmes:
        return []
    owners = workspace.engine.lazy(workspace.people().select("persona_id", "customer"))
    wanted = ("persona_id", "kind", "programme", "step", "name", "occurred_at")
    rows = workspace.interactions().select(*wanted).filter(nw.col("kind") == "stepped")
    return steps_gone(workspace.playbook, standing(rows.join(owners, on="persona_id", how="inner")))
