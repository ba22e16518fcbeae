"""In: the log of the table. Out: its rows in fewer, ordered files, or without some personas. Writes no interactions.

Both rewrite files by ranges of buckets, so that memory is bounded by a pass and not by the table, and commit only where
the files that they read still stand; where an append came between it stays, where an erasure did they start again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake.transaction import AddAction

from touchline.kernel.errors import LedgerFault
from touchline.kernel.ids import BUCKETS
from touchline.ledger.admission import in_order
from touchline.ledger.files import LOOSE, SETTLED, WIDE, Folder, write
from touchline.ledger.log import Log
from touchline.ledger.selection import Selection

HIGH_WATER = "touchline.seq"
"""Application of the transaction in which erasure keeps the highest seq that the table ever held."""

ROWS_A_FILE = 65_536
"""A compacted table has as many files, at most one a bucket, as leave each this many rows."""

ROWS_A_PASS = 500_000
"""As many rows, or one file's where that is more, are in memory at once, beside those being written."""

LOOSE_SHARE = 0.1
"""Of the table's rows; beyond it all is laid anew, so that a row is rewritten seldom as the table grows."""

LOOSE_ROWS = 1_000_000
"""A loose file of so many rows is not merged with others again before the whole is laid anew."""

_ROUNDS = 10


@dataclass(frozen=True)
class Maintained:
    """What maintenance did.

    files_before  files of the table before it, and after
    files_after
    rows          rewritten
    swept         files deleted that no commit of the kept hours names
    """

    files_before: int
    files_after: int
    rows: int
    swept: int


def maintain(log: Log, *, whole: bool, keep_hours: int) -> Maintained:
    """Compact where it pays, or `whole`; then sweep, write a checkpoint and clean the log."""
    before, rows = len(log.active()), 0
    for _ in range(_ROUNDS):
        done = _compact(log, whole=whole)
        if done is not None:
            rows = done
            break
    else:
        raise LedgerFault(
            f"others rewrote the same files {_ROUNDS} times", remedy="Let one process maintain the table."
        )
    swept = log.sweep(keep_hours=keep_hours)
    log.condense()
    return Maintained(before, len(log.active()), rows, swept)


def erase(log: Log, personas: frozenset[int], also: Mapping[int, Collection[str]]) -> int:
    """Take out all rows of the personas, and every byte of them from the folder; returns how many rows.

    also    other persona -> ids of single rows of theirs that go too

    Waits for writers on this machine's folder; rows that are appended later are new facts and stay. Frames made before
    and not yet collected fail, since the files that they would read are gone.
    """
    removed = 0
    for _ in range(_ROUNDS):
        found = _remove(log, personas, also)
        removed += found or 0
        if found == 0:
            break
    else:
        raise LedgerFault(
            f"rows were added or rewritten in all of {_ROUNDS} rounds", remedy="Stop intake of these people first."
        )
    log.sweep(keep_hours=0)
    log.condense()
    return removed


def last_seq(log: Log) -> int:
    """The highest seq that the table ever held, erased rows included; 0 where there were none."""
    most = log.active().select(pl.col("most.seq").max()).item()
    return max(most or 0, log.last(HIGH_WATER) or 0)


def width(rows: int) -> int:
    """How many buckets a file of the compacted table of so many rows holds: a power of two, 1 for large tables."""
    files = 1
    while files < BUCKETS and files * 2 * ROWS_A_FILE <= rows:
        files *= 2
    return BUCKETS // files


def _compact(log: Log, *, whole: bool) -> int | None:
    """Rows rewritten; None where files that were read are gone and it must start again."""
    with log.latch.shared():  # from the listing on, so that no sweep takes a file that is about to be read
        active = log.active()
        loose = active.filter(~pl.col("path").str.starts_with(SETTLED))
        if loose.is_empty():
            return 0
        anew = whole or int(loose["rows"].sum()) > LOOSE_SHARE * int(active["rows"].sum())
        chosen = active if anew else loose.filter(pl.col("rows") < LOOSE_ROWS)
        if not anew and len(chosen) < 2:
            return 0
        rows = int(chosen["rows"].sum())
        if anew:
            written = _lay(log.folder, chosen, width(rows))
        else:
            written = [write(log.folder, LOOSE, _passes(log.folder, chosen, 1))]
        added = [replace(action, data_change=False) for action in written if action is not None]
        if log.replace(chosen["path"], added, {"operation": "compact", "rows": rows}, changes=False):
            return rows
        log.folder.discard(action.path for action in added)
    return None


def _lay(folder: Folder, chosen: pl.DataFrame, step: int) -> list[AddAction | None]:
    """A settled file for each range of `step` buckets, written beside the reading of the next pass."""
    pending: list[Future[AddAction | None]] = []
    done: list[AddAction | None] = []
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        for table in _passes(folder, chosen, step):
            buckets = table["bucket"].to_numpy()
            for first in range(int(buckets[0]) // step * step, int(buckets[-1]) + 1, step):
                low, high = buckets.searchsorted([first, first + step])
                pending.append(pool.submit(write, folder, SETTLED, [table.slice(low, high - low)]))
            # A table is held until its files are written: waiting here keeps at most two passes in memory.
            while len(pending) > 1:
                done.append(pending.pop(0).result())
        done.extend(future.result() for future in pending)
    return done


def _passes(folder: Folder, chosen: pl.DataFrame, step: int, kept: ds.Expression | None = None) -> Iterator[pa.Table]:
    """The rows of the chosen files in order, in tables of whole ranges of `step` buckets; `kept` narrows them."""
    files = ds.dataset(chosen["path"].to_list(), schema=WIDE, filesystem=folder.files, format="parquet")
    # Reading ahead would hold whole files, where a pass wants a slice of each.
    little = ds.ParquetFragmentScanOptions(pre_buffer=False)
    share = max(1, ROWS_A_PASS * BUCKETS // max(1, int(chosen["rows"].sum())))
    wide = min(BUCKETS, max(step, share // step * step))
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        for first in range(0, BUCKETS, wide):
            wanted = (ds.field("bucket") >= first) & (ds.field("bucket") < first + wide)
            rows = files.to_table(
                filter=wanted if kept is None else wanted & kept, fragment_scan_options=little,
                batch_readahead=2, fragment_readahead=2,
            )  # fmt: skip
            if rows.num_rows:
                yield in_order(rows, pool)


def _remove(log: Log, personas: frozenset[int], also: Mapping[int, Collection[str]]) -> int | None:
    """Rows removed; 0 where none is left; None where files that were read are gone and it must start again."""
    unwanted = ds.field("persona_id").isin(sorted(personas))
    told = sorted({id_ for ids in also.values() for id_ in ids})
    if told:
        unwanted |= ds.field("persona_id").isin(sorted(also)) & ds.field("id").isin(told)
    gone: list[str] = []
    added: list[AddAction] = []
    removed = 0
    with log.latch.shared():  # as above
        candidates = Selection(personas=personas | frozenset(also)).files(log.active())
        for number, path in enumerate(candidates["path"]):
            file = ds.dataset([path], schema=WIDE, filesystem=log.folder.files, format="parquet")
            hits = file.count_rows(filter=unwanted)
            if not hits:
                continue
            removed += hits
            gone.append(path)
            kind = SETTLED if path.startswith(SETTLED) else LOOSE
            kept = write(log.folder, kind, _passes(log.folder, candidates[number : number + 1], 1, ~unwanted))
            if kept is not None:
                added.append(kept)
        if not gone:
            return 0
        note = {"operation": "erase", "rows": removed}
        if log.replace(gone, added, note, (HIGH_WATER, last_seq(log)), changes=True):
            return removed
        log.folder.discard(action.path for action in added)
    return None
