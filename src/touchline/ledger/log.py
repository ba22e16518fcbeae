"""In: files written, and files to be taken away. Out: commits, and the files that stand. Writes no interactions.

Each commit is made from the handle that was looked at, and is looked at again where another came between; so no batch
lands twice, and no compaction brings back what an erasure took.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from touchline.interactions import row
from touchline.kernel.errors import LedgerFault
from touchline.ledger.files import STATISTICS, Folder
from touchline.ledger.latch import Latch

CONFIGURATION: dict[str, str] = {
    # Other programs that write to the table keep statistics of these columns only: none is personal.
    "delta.dataSkippingStatsColumns": ",".join(STATISTICS),
    "delta.checkpointInterval": "50",
    # Maintenance and erasure clean the log, and then wholly: an old log would go on naming what was taken away.
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 0 days",
    # Files that compaction replaced serve running readers for a day; erasure does not wait for it.
    "delta.deletedFileRetentionDuration": "interval 1 days",
}

_ATTEMPTS = 200
_REOPENINGS = 3
_STATISTIC_TYPES: dict[str, pl.DataType] = {
    name: pl.String() if row.BY_NAME[name].type == pa.string() else pl.Int64() for name in STATISTICS
}


@dataclass(frozen=True)
class Commit:
    """One commit of the log; those before the last log clean-up are gone.

    version      of the table after it
    at           when it was made, microseconds UTC, by the writer's clock
    operation    append, compact, erase, or the name that another program or delta-rs gave
    rows         appended, rewritten or removed; None where unknown
    seq          (least, greatest) of appended rows; None for other operations
    transaction  (application, number); None where the commit has none
    """

    version: int
    at: int
    operation: str
    rows: int | None
    seq: tuple[int, int] | None
    transaction: tuple[str, int] | None


class Log:
    """The Delta log of the table in a folder. Safe to use from several threads and processes.

    folder  where the table lies
    latch   held shared from the writing of files to their commit, exclusively while files are swept away
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.latch = Latch(None if folder.local is None else folder.local.with_name(folder.local.name + ".lock"))
        self._mutex = threading.RLock()
        try:
            self._table = DeltaTable(folder.root)
        except DeltaError as fault:
            raise LedgerFault(
                f"there is no table that can be read at {folder.root}",
                remedy="Make one with `touchline new`, or set TOUCHLINE_LEDGER.",
            ) from fault
        if self._table.schema().to_json() != DeltaSchema.from_arrow(row.SCHEMA).to_json():
            raise LedgerFault(
                f"the table at {folder.root} has other columns than this version's",
                remedy="Open it with the version that made it.",
            )

    @staticmethod
    def create(folder: Folder) -> None:
        """The log of an empty table; raises LedgerFault where there is one."""
        if folder.local is not None:
            folder.local.parent.mkdir(parents=True, exist_ok=True)
        try:
            DeltaTable.create(folder.root, row.SCHEMA, mode="error", name="interactions", configuration=CONFIGURATION)
        except DeltaError as fault:
            raise LedgerFault(
                f"there is a table already at {folder.root}", remedy="Open that, or name another folder."
            ) from fault

    def version(self) -> int:
        """The number of the newest commit."""
        with self._mutex:
            return self._refresh().version()

    def last(self, application: str) -> int | None:
        """The number of the application's last transaction; None where it has none."""
        with self._mutex:
            return self._refresh().transaction_version(application)

    def holds(self, transaction: tuple[str, int] | None) -> bool:
        """Whether a transaction of that application with that number, or a greater one, was committed."""
        last = None if transaction is None else self.last(transaction[0])
        return transaction is not None and last is not None and transaction[1] <= last

    def active(self) -> pl.DataFrame:
        """The files that make up the table now.

        Columns: path (relative to the root), rows, size (bytes), and per column X of STATISTICS least.X and most.X,
        NULL where another program wrote the file without them.
        """
        with self._mutex:
            listed = pl.from_arrow(pa.table(self._refresh().get_add_actions(flatten=True)))
        if not isinstance(listed, pl.DataFrame):
            raise TypeError("a table has columns")
        bounds = [
            (pl.col(f"{theirs}.{name}") if f"{theirs}.{name}" in listed.columns else pl.lit(None))
            .cast(type_)
            .alias(f"{ours}.{name}")
            for name, type_ in _STATISTIC_TYPES.items()
            for ours, theirs in (("least", "min"), ("most", "max"))
        ]
        return listed.select(
            "path", pl.col("num_records").cast(pl.Int64).alias("rows"), pl.col("size_bytes").alias("size"), *bounds
        ).sort("path")

    def commit(
        self,
        actions: Sequence[AddAction | RemoveAction],
        note: dict[str, Any],
        transaction: tuple[str, int] | None = None,
        *,
        unless: Callable[[], bool],
    ) -> bool:
        """One commit, made from a state in which `unless` does not hold; False, and nothing done, where it does.

        delta-rs by itself would rebase a commit over those that came between, and would let two compactions of the same
        files both land; so it may not retry, and every attempt looks at the newest state.
        """
        message = {"touchline": {**note, "transaction": None if transaction is None else list(transaction)}}
        properties = CommitProperties(
            custom_metadata=message,
            max_commit_retries=0,
            app_transactions=None if transaction is None else [Transaction(*transaction)],
        )
        hooks = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
        for attempt in range(_ATTEMPTS):
            with self._mutex:
                self._refresh()
                if unless():
                    return False
                ours = self._table.version() + 1
                try:
                    self._table.create_write_transaction(
                        list(actions), "append", self._table.schema(),
                        commit_properties=properties, post_commithook_properties=hooks,
                    )  # fmt: skip
                except CommitFailedError:
                    pass
                else:
                    self.folder.settle(f"_delta_log/{ours:020d}.json")
                    return True
            time.sleep(random.random() * min(0.1, 0.005 * (attempt + 1)))  # noqa: S311 - spreads writers, guards nothing
        raise LedgerFault(f"other writers came first {_ATTEMPTS} times", remedy="Run it again when fewer write.")

    def replace(
        self,
        removed: Iterable[str],
        added: Sequence[AddAction],
        note: dict[str, Any],
        transaction: tuple[str, int] | None = None,
        *,
        changes: bool,
    ) -> bool:
        """Put files in the place of others in one commit; False, and nothing done, where one of those is gone already.

        changes  whether rows differ; false for compaction, so that whoever follows the table's changes skips it
        """
        gone = frozenset(removed)
        now = time.time_ns() // 1_000_000
        actions = [RemoveAction(path, changes, now) for path in sorted(gone)]
        return self.commit([*actions, *added], note, transaction, unless=lambda: not gone <= set(self.active()["path"]))

    def sweep(self, *, keep_hours: int) -> int:
        """Delete the files that no commit of the last hours names, torn writes among them; returns how many.

        Waits for writers on this machine's folder. In an object store, which has no locks, only a `keep_hours` longer
        than any write protects a file between its writing and its commit.
        """
        with self.latch.exclusive(), self._mutex:
            found = self._refresh().vacuum(
                retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False, full=True
            )
            return len(set(found))

    def condense(self) -> None:
        """Write a checkpoint, and delete the log before it. Application transactions live on in the checkpoint."""
        with self._mutex:
            table = self._refresh()
            table.create_checkpoint()
            table.cleanup_metadata()

    def history(self) -> list[Commit]:
        """The commits since the last log clean-up, newest first."""
        with self._mutex:
            entries = self._refresh().history()
        commits = []
        for entry in entries:
            note = entry.get("touchline") or {}
            seq, transaction = note.get("seq"), note.get("transaction")
            commits.append(
                Commit(
                    version=int(entry["version"]),
                    at=int(entry["timestamp"]) * 1000,
                    operation=str(note.get("operation") or entry.get("operation")),
                    rows=note.get("rows"),
                    seq=None if seq is None else (seq[0], seq[1]),
                    transaction=None if transaction is None else (transaction[0], transaction[1]),
                )
            )
        return commits

    def _refresh(self) -> DeltaTable:
        for _ in range(_REOPENINGS):
            try:
                self._table.update_incremental()
            except DeltaError:
                # The log was cleaned between its listing and its reading; the checkpoint in its place is whole.
                self._table = DeltaTable(self.folder.root)
            else:
                break
        return self._table
