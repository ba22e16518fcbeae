"""In: rows of interactions, by batches. Out: lazy frames of them on either engine. Writes whatever interactions it is given.

The one append-only table: a Delta Lake table whose commits carry the numbers of the batches that they hold. Each commit is
made from the handle that was looked at, and is looked at again where another came between; so nothing lands twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from touchline.interactions import row
from touchline.kernel.engines import Engine
from touchline.kernel.errors import LedgerFault
from touchline.ledger import files, maintenance
from touchline.ledger.admission import admit, in_order
from touchline.ledger.latch import Latch
from touchline.ledger.selection import Selection, select

CONFIGURATION: dict[str, str] = {
    # Other programs that write to the table keep statistics of these columns only: none is personal.
    "delta.dataSkippingStatsColumns": ",".join(files.STATISTICS),
    "delta.checkpointInterval": "50",
    # The log is cleaned by maintenance and erasure, and then wholly: an old log would still name erased rows' bounds.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 0 days",
    # Files that compaction replaced serve running readers for a day; erasure does not wait for it.
    "delta.deletedFileRetentionDuration": "interval 1 days",
}

HIGH_WATER = "touchline.seq"
"""Application of the transaction in which erasure keeps the highest seq that the table ever held."""

_ATTEMPTS = 200
_SPLIT_ROWS = 200_000
"""Rows from which a file is written by each processor."""


@dataclass(frozen=True)
class Commit:
    """One commit of the log, newest first in `Ledger.history`; those before the last log clean-up are gone.

    version      of the table after it
    at           when it was made, microseconds UTC, by the writer's clock
    operation    append, compact, erase, or the name that another program gave
    rows         appended or removed; None where unknown
    seq          (least, greatest) of appended rows; None for other operations
    transaction  (application, number); None where the commit has none
    """

    version: int
    at: int
    operation: str
    rows: int | None
    seq: tuple[int, int] | None
    transaction: tuple[str, int] | None


class Ledger:
    """The table of interactions in a folder or an object store. Safe to use from several threads and processes.

    root    folder, or URL that deltalake knows; its options are then read from the environment
    """

    def __init__(self, root: str | Path) -> None:
        self.folder = files.Folder(root)
        local = self.folder.local
        self.latch = Latch(None if local is None else local.with_name(local.name + ".lock"))
        self._mutex = threading.RLock()
        try:
            self._table = DeltaTable(self.folder.root)
        except DeltaError as fault:
            raise LedgerFault(
                f"there is none that can be read at {root}", remedy="Make one with `touchline new`, or set TOUCHLINE_LEDGER."
            ) from fault
        if self._table.schema().to_json() != DeltaSchema.from_arrow(row.SCHEMA).to_json():
            raise LedgerFault(f"the table at {root} has other columns than this version", remedy="Open it with the version that made it.")

    @classmethod
    def create(cls, root: str | Path) -> Self:
        """An empty table at the root; raises LedgerFault where there is one already."""
        folder = files.Folder(root)
        if folder.local is not None:
            folder.local.parent.mkdir(parents=True, exist_ok=True)
        try:
            DeltaTable.create(folder.root, row.SCHEMA, mode="error", name="interactions", configuration=CONFIGURATION)
        except DeltaError as fault:
            raise LedgerFault(f"there is one already at {root}", remedy="Open that, or name another folder.") from fault
        return cls(root)

    @classmethod
    def open(cls, root: str | Path) -> Self:
        """The table at the root; raises LedgerFault where there is none or it has other columns."""
        return cls(root)

    # -- writing

    def append(self, rows: pa.Table, *, transaction: tuple[str, int] | None = None) -> bool:
        """Add rows in one commit; False, and nothing written, where the transaction is there already.

        rows          columns as in `row.SCHEMA`; checked as `admission.admit` says, raises RowsRefused
        transaction   (application, number): numbers of one application only grow, so that one at most the last is there
        """
        rows = admit(rows)
        if transaction is not None and self._has(transaction):
            return False
        if transaction is None and not rows.num_rows:
            return True
        with self.latch.shared():
            added = self._write(rows)
            bounds = pc.min_max(rows["seq"]).as_py()
            note = {"operation": "append", "rows": rows.num_rows, "seq": [bounds["min"], bounds["max"]]}
            landed = self.commit(
                added, note, transaction, unless=lambda: transaction is not None and self._has(transaction)
            )
            if not landed:
                self.folder.discard(action.path for action in added)
            return landed

    def _write(self, rows: pa.Table) -> list[AddAction]:
        workers = cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            ordered = in_order(rows, pool)
            parts = _parts(ordered, min(workers, max(1, rows.num_rows // _SPLIT_ROWS)))
            written = pool.map(lambda part: files.write(self.folder, files.LOOSE, [part]), parts)
            return [action for action in written if action is not None]

    def commit(
        self, actions: Sequence[AddAction | RemoveAction], note: dict[str, Any], transaction: tuple[str, int] | None = None,
        *, unless: Callable[[], bool],
    ) -> bool:  # fmt: skip
        """One commit, made only from a handle under which `unless` does not hold; False, and nothing done, where it does.

        delta-rs would itself rebase a commit over those that came between, and so let two compactions of the same files
        both land; therefore it may not retry, and each attempt looks at the newest state.
        """
        for attempt in range(_ATTEMPTS):
            with self._mutex:
                self._refresh()
                if unless():
                    return False
                try:
                    self._table.create_write_transaction(
                        list(actions), "append", self._table.schema(),
                        commit_properties=CommitProperties(
                            custom_metadata={"touchline": {**note, "transaction": transaction and list(transaction)}},
                            max_commit_retries=0,
                            app_transactions=[Transaction(*transaction)] if transaction is not None else None,
                        ),
                        post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
                    )  # fmt: skip
                except CommitFailedError:
                    pass
                else:
                    self._refresh()
                    self.folder.settle(f"_delta_log/{self._table.version():020d}.json")
                    return True
            time.sleep(random.random() * min(0.1, 0.005 * (attempt + 1)))  # noqa: S311 - spreads writers, keeps no secret
        raise LedgerFault(f"other writers came first {_ATTEMPTS} times", remedy="Run it again when fewer processes write.")
