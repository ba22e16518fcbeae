"""In: rows, by batches. Out: lazy frames of them on either engine. Writes whatever interactions it is given.

The ledger in memory, for tests, rehearsals and what must leave no trace; the table's conformance tests hold for it too.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from touchline.interactions import row
from touchline.kernel.engines import Engine
from touchline.kernel.times import Clock, SystemClock
from touchline.ledger.admission import admit
from touchline.ledger.log import Commit
from touchline.ledger.maintenance import Maintained
from touchline.ledger.selection import select


class MemoryLedger:
    """What `Ledger` is, without a folder.

    clock   tells when commits are made
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._mutex = threading.RLock()
        self._rows = row.empty()
        self._transactions: dict[str, int] = {}
        self._high_water = 0
        self._commits: list[Commit] = []

    def append(self, rows: pa.Table, *, transaction: tuple[str, int] | None = None) -> bool:
        """As `Ledger.append`."""
        rows = pa.table(
            [column.cast(t) for column, t in zip(admit(rows).columns, row.SCHEMA.types, strict=True)], schema=row.SCHEMA
        )
        with self._mutex:
            if transaction is not None:
                last = self._transactions.get(transaction[0])
                if last is not None and transaction[1] <= last:
                    return False
                self._transactions[transaction[0]] = transaction[1]
            elif not rows.num_rows:
                return True
            bounds = pc.min_max(rows["seq"]).as_py()
            seq = (bounds["min"], bounds["max"]) if rows.num_rows else None
            self._rows = pa.concat_tables([self._rows, rows])
            self._high_water = max(self._high_water, *(seq or (0,)))
            self._note("append", rows.num_rows, seq, transaction)
            return True

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
        """As `Ledger.frame`."""
        selection = select(
            columns, buckets, personas, sources, seq_after=seq_after, seq_until=seq_until,
            occurred_from=occurred_from, occurred_until=occurred_until, beyond=beyond,
        )  # fmt: skip
        return selection.rows(engine.lazy(self._rows), engine)

    def last_transaction(self, app: str) -> int | None:
        """As `Ledger.last_transaction`."""
        return self._transactions.get(app)

    def last_seq(self) -> int:
        """As `Ledger.last_seq`."""
        return self._high_water

    def seq_known_at(self, instant: int) -> int:
        """As `Ledger.seq_known_at`."""
        later = self._rows.filter(pc.field("received_at") > instant)
        first = pc.min(later["seq"]).as_py()
        return self._high_water if first is None else int(first) - 1

    @property
    def version(self) -> int:
        """As `Ledger.version`."""
        return len(self._commits)

    def count(self) -> int:
        """As `Ledger.count`."""
        return int(self._rows.num_rows)

    def size(self) -> int:
        """Bytes that the rows take in memory."""
        return int(self._rows.nbytes)

    def history(self) -> list[Commit]:
        """As `Ledger.history`; nothing is ever cleaned away."""
        return self._commits[::-1]

    def maintain(self, *, whole: bool = False, keep_hours: int = 24) -> Maintained:  # noqa: ARG002 - as Ledger.maintain
        """As `Ledger.maintain`: puts the rows in the ledger's order; there are no files to lay or sweep."""
        with self._mutex:
            keys = [(name, "ascending") for name in ("bucket", "persona_id", "occurred_at", "seq")]
            self._rows = self._rows.sort_by(keys)
            return Maintained(0, 0, self.count(), 0)

    def erase(self, persona_ids: Collection[int], also: Mapping[int, Collection[str]] = MappingProxyType({})) -> int:
        """As `Ledger.erase`."""
        told = sorted({id_ for ids in also.values() for id_ in ids})
        with self._mutex:
            unwanted = pc.field("persona_id").isin(sorted(persona_ids))
            if told:
                unwanted |= pc.field("persona_id").isin(sorted(also)) & pc.field("id").isin(told)
            kept = self._rows.filter(~unwanted)
            removed = self.count() - int(kept.num_rows)
            self._rows = kept
            if removed:
                self._note("erase", removed, None, None)
            return removed

    def _note(
        self, operation: str, rows: int, seq: tuple[int, int] | None, transaction: tuple[str, int] | None
    ) -> None:
        self._commits.append(Commit(len(self._commits) + 1, self._clock.now(), operation, rows, seq, transaction))
