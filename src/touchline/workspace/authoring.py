"""In: a workspace's folder. Out: every fault of what is authored there, the limits of later rooms included. Writes no interactions."""

from __future__ import annotations

from pathlib import Path

from touchline import playbook
from touchline.decision import compile_plan
from touchline.decision.rules import PlanFault
from touchline.kernel.errors import Fault
from touchline.relationship.layout import Layout, TooManyTouchpoints


def check(root: Path) -> list[Fault]:
    """Every fault of the playbook; where each part is sound, also that it fits one plan and one layout."""
    found = playbook.check(root)
    if found:
        return found
    book = playbook.load(root)
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
    return limits
