"""In: rows, by batches. Out: lazy frames of them on either engine. Writes whatever interactions it is given.

The one append-only table of everything that happened, a Delta Lake table that other tools read as it is. What chooses
rows is in `selection`, what lays and erases files in `maintenance`, what commits them in `log`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from os import cpu_count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import narwhals as nw
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction

from touchline.interactions import row
from touchline.kernel.engines import MEMORY, Engine
from touchline.kernel.errors import LedgerFault
from touchline.ledger import files, maintenance
from touchline.ledger.admission import admit, in_order
from touchline.ledger.log import Commit, Log
from touchline.ledger.maintenance import Maintained
from touchline.ledger.selection import Selection, select

_SPLIT_ROWS = 200_000
"""Rows from which another processor writes a file of its own."""


class Ledger:
    """The table of interactions in a folder or an object store. Safe to use from several threads and processes.

    root    folder, or URL that deltalake knows; its options are then read from the environment
    """

    def __init__(self, root: str | Path) -> None:
        self._folder = files.Folder(root)
        self._log = Log(self._folder)

    @classmethod
    def create(cls, root: str | Path) -> Self:
        """An empty table at the root; raises LedgerFault where there is one already."""
        Log.create(files.Folder(root))
        return cls(root)

    @classmethod
    def open(cls, root: str | Path) -> Self:
        """The table at the root; raises LedgerFault where there is none or it has other columns."""
        return cls(root)

    @classmethod
    def at(cls, root: str | Path) -> Self:
        """The table at the root, made empty where there is none; two processes that begin at once share one."""
        try:
            return cls(root)
        except LedgerFault:
            with suppress(LedgerFault):  # another process may have made it a moment ago
                Log.create(files.Folder(root))
            return cls(root)

    def append(self, rows: pa.Table, *, transaction: tuple[str, int] | None = None) -> bool:
        """Add rows in one commit; False, and nothing written, where the transaction is there already.

        rows          columns as in `row.SCHEMA`, checked as `admission.admit` says; raises RowsRefused
        transaction   (application, number). Numbers of one application only grow: one not above the last is there
                      already. Without rows only the number is recorded.
        """
        rows = admit(rows)
        if self._log.holds(transaction):
            return False
        if transaction is None and not rows.num_rows:
            return True
        with self._log.latch.shared():
            added = self._write(rows)
            bounds = pc.min_max(rows["seq"]).as_py()
            seq = [bounds["min"], bounds["max"]] if rows.num_rows else None
            note = {"operation": "append", "rows": rows.num_rows, "seq": seq}
            landed = self._log.commit(added, note, transaction, unless=lambda: self._log.holds(transaction))
            if not landed:
                self._folder.discard(action.path for action in added)
            return landed

    def frame(
        self,
        engine: Engine,
        columns: Collection[str] | None = None,
        *,
        buckets: Collection[int] | None = None,
        seq_after: int | None = None,
        seq_until: int | None = None,
        occurred_from: int | None = None,
        occurred_until: int | None = None,
        beyond: tuple[int, int] | None = None,
        personas: Collection[int] | None = None,
        sources: Collection[str] | None = None,
    ) -> nw.LazyFrame[Any]:
        """The rows now in the table that fit, in no particular order; `selection.Selection` says what each bound means.

        The files are chosen at once, by the statistics in the log, and read when the frame is collected. Columns as in
        `row.SCHEMA`; raises UnknownName for any other.
        """
        selection = select(
            columns, buckets, personas, sources, seq_after=seq_after, seq_until=seq_until,
            occurred_from=occurred_from, occurred_until=occurred_until, beyond=beyond,
        )  # fmt: skip
        return self._frame(engine, selection, selection.files(self._log.active()))

    def paths(self) -> list[str]:
        """The Parquet files that make up the table now."""
        return [self._folder.path(name) for name in self._log.active()["path"]]

    def last_transaction(self, app: str) -> int | None:
        """The number of the application's last transaction; None where it has none."""
        return self._log.last(app)

    def last_seq(self) -> int:
        """The highest seq that the table ever held, erased rows included; 0 where there were none."""
        return maintenance.last_seq(self._log)

    def seq_known_at(self, instant: int) -> int:
        """The highest seq such that no row up to it was received after the instant (microseconds UTC).

        So a row that was received in time, but has a higher seq than one that was not, is left out: an import that was
        still running then shows what was before it. Without any later row it is the last seq.
        """
        active = self._log.active()
        wholly = active.filter(pl.col("least.received_at") > instant)
        # Files without statistics, as another program may have written them, are among the mixed ones.
        mixed = active.filter(
            (pl.col("most.received_at").is_null() | (pl.col("most.received_at") > instant))
            & ~pl.col("path").is_in(wholly["path"].to_list())
        )
        firsts = [wholly["least.seq"].min()]
        if not mixed.is_empty():
            engine = MEMORY
            frame = self._frame(engine, Selection(columns=("seq", "received_at")), mixed)
            first = frame.filter(nw.col("received_at") > instant).select(nw.col("seq").min())
            firsts.append(engine.collect(first).item())
        known = [int(str(first)) - 1 for first in firsts if first is not None]
        return min(known) if known else self.last_seq()

    @property
    def version(self) -> int:
        """The number of the table's newest commit; it grows with every change."""
        return self._log.version()

    def count(self) -> int:
        """Rows in the table."""
        return int(self._log.active()["rows"].sum())

    def size(self) -> int:
        """Bytes of the files that make up the table now; those kept for running readers are not counted."""
        return int(self._log.active()["size"].sum())

    def history(self) -> list[Commit]:
        """The commits since the last log clean-up, newest first."""
        return self._log.history()

    def maintain(self, *, whole: bool = False, keep_hours: int = 24) -> Maintained:
        """Compact, sweep, write a checkpoint and clean the log; seq, ids and application transactions stay.

        whole       lay all rows anew, one file a bucket (fewer for small tables), even where few are loose
        keep_hours  0 to 24: for so long the replaced files serve frames that were made before
        """
        return maintenance.maintain(self._log, whole=whole, keep_hours=keep_hours)

    def erase(self, persona_ids: Collection[int], also: Mapping[int, Collection[str]] = MappingProxyType({})) -> int:
        """Take out all rows of the personas and every byte of them from the folder; returns how many rows.

        also    other persona -> ids of single rows of theirs that tell of the erased, and go too
        Frames made before and not yet collected fail. Rows appended later are new facts and stay.
        """
        return maintenance.erase(self._log, frozenset(persona_ids), also)

    def _frame(self, engine: Engine, selection: Selection, chosen: pl.DataFrame) -> nw.LazyFrame[Any]:
        if chosen.is_empty():
            return selection.rows(engine.lazy(row.empty()), engine)
        paths = [self._folder.path(name) for name in chosen["path"]]
        return selection.rows(engine.scan_parquet(paths), engine)

    def _write(self, rows: pa.Table) -> list[AddAction]:
        workers = cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            ordered = in_order(rows, pool)
            parts = _parts(ordered, min(workers, 1 + rows.num_rows // _SPLIT_ROWS))
            written = pool.map(lambda part: files.write(self._folder, files.LOOSE, [part]), parts)
            return [action for action in written if action is not None]


def _parts(ordered: pa.Table, count: int) -> list[pa.Table]:
    """The table in so many parts of about as many rows, divided between buckets."""
    buckets = ordered["bucket"].to_numpy()
    inner = [int(buckets.searchsorted(buckets[len(buckets) * part // count])) for part in range(1, count)]
    return [ordered.slice(start, end - start) for start, end in pairwise([0, *inner, len(buckets)])]
