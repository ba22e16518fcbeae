"""In: a workspace, an instant. Out: each programme against its control. Writes no interactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from touchline import proof
from touchline.proof.proving import Proof

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

COLUMNS = (
    "persona_id", "kind", "occurred_at", "programme", "arm", "purpose", "evidence", "message_id", "reason", "cost_minor",
    "machine",
)  # fmt: skip


def prove(workspace: Workspace, at: int, programme: str | None = None) -> list[Proof]:
    """Each programme that has a goal, or the one named, by what the ledger held; raises UnknownName."""
    owners = workspace.engine.lazy(workspace.people().select("persona_id", "customer"))
    rows = workspace.interactions().select(*COLUMNS).join(owners, on="persona_id", how="inner")
    return proof.prove(rows, workspace.playbook, at, programme)


def told(workspace: Workspace, at: int, programme: str | None = None) -> dict[str, Any]:
    """The object that `touchline proof --json` prints."""
    return {"programmes": [proof.as_json(one) for one in prove(workspace, at, programme)]}
