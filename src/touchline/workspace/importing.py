"""In: files and an import's name. Out: counts, and the ledger with what was new. Writes every kind that the import's mapping names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import permission
from touchline.intake.drain import drain
from touchline.intake.imports import Progress, import_file
from touchline.intake.rejects import REASONS as MEANINGS
from touchline.kernel.errors import BadFile, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.permission import forgetting
from touchline.permission.reading import KINDS, ROWS
from touchline.workspace import giving

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

REDEEMED = "redeemed"

__all__ = ["MEANINGS", "Tell", "catch_up", "run"]

Tell = Callable[[str, int, int | None, str], None]
"""What is being done, how many of how many (None: unknown) are done, and the unit."""


def run(
    workspace: Workspace,
    files: Sequence[Path],
    name: str,
    *,
    dry_run: bool = False,
    tell: Tell | None = None,
    rows_at_once: int | None = None,
) -> dict[str, Any]:
    """Import files of one kind; {"read","accepted","duplicates","differing","rejected","rejects_file","customers","reasons"}.

    Raises UnknownName where the playbook has no such import, BadFile where a file is not what the import expects.
    """
    known = workspace.playbook.imports
    if name not in known:
        raise UnknownName(f"import {name!r}", remedy=did_you_mean(name, known))
    for path in files:
        if not path.is_file():
            raise BadFile(f"{path} is no file", remedy="Give the path of a CSV, Parquet or NDJSON file.")

    def told(progress: Progress) -> None:
        if tell is not None:
            whole = int(progress.read / progress.share) if progress.share > 0 else None
            tell(f"importing {progress.file}", progress.read, whole, "lines")

    result = import_file(
        files,
        known[name],
        workspace.playbook,
        workspace.ledger,
        received_at=workspace.clock.now(),
        progress=told,
        rejects_dir=workspace.settings.rejects,
        dry_run=dry_run,
        rows_at_once=rows_at_once,
    )
    if not dry_run:
        catch_up(workspace)
    return {
        "read": result.read,
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "differing": result.differing,
        "rejected": result.rejected,
        "rejects_file": None if result.rejects_file is None else str(result.rejects_file),
        "customers": result.customers,
        "reasons": dict(result.reasons),
    }


def catch_up(workspace: Workspace) -> None:
    """Drain what intake holds, then take the ledger's new rows into the current permissions, and codes as used."""
    now = workspace.clock.now()
    drain(workspace.playbook, workspace.ledger, received_at=now)
    if forgetting.suppress_returned(now):
        drain(workspace.playbook, workspace.ledger, received_at=now)
    last = workspace.ledger.last_seq()
    since = permission.read_until()
    if last <= since:
        return
    wanted = tuple(dict.fromkeys((*ROWS, "occurred_at", "payload")))
    frame = workspace.ledger.frame(workspace.engine, wanted, seq_after=since, seq_until=last)
    rows = workspace.engine.collect(frame.filter(nw.col("kind").is_in([*KINDS, REDEEMED])))
    giving.note(rows.filter(pl.col("kind") == REDEEMED))
    permission.refresh(rows.filter(pl.col("kind") != REDEEMED).select(*ROWS), last)
