"""In: personas, ids of messages. Out: the files of the workspace, and the SQLite file itself, without a byte of them. Writes no interactions."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl
from django.db import OperationalError, connection

from touchline.delivery.senders import letter

_TRIES = 40
_PAUSE = 0.25


def decisions(folder: Path, personas: Collection[int]) -> int:
    """Take customers out of the kept decisions; how many rows went. What a decision cut short left is deleted."""
    removed = 0
    if not folder.is_dir():
        return 0
    for left in folder.glob(".*"):
        left.unlink(missing_ok=True)
    unwanted = pl.Series(sorted(personas), dtype=pl.Int64)
    for path in sorted(folder.glob("*.parquet")):
        rows = pl.read_parquet(path)
        kept = rows.filter(~pl.col("customer").is_in(unwanted.implode()))
        if kept.height < rows.height:
            removed += rows.height - kept.height
            draft = path.with_name(f".{path.name}")
            kept.write_parquet(draft)
            draft.replace(path)
    return removed


def letters(folder: Path, messages: Sequence[str]) -> int:
    """Delete letters, and make their lines in the printer's manifests illegible; how many letters."""
    return letter.erase(folder, messages)


def rehearsal(state: Path) -> None:
    """Delete the files that a rehearsed world wrote to have them imported: they are in, and hold everybody."""
    for name in ("history", "enrolled"):
        shutil.rmtree(state / name, ignore_errors=True)


def report(root: Path) -> None:
    """Delete the demonstration's report: it tells single customers' stories; `touchline demo` writes it anew."""
    from touchline.workspace.demonstration import MARK  # it stands on the loop, which stands on this

    if (root / MARK).exists():  # else a file of that name is the organisation's own
        (root / "report.html").unlink(missing_ok=True)


def scrub() -> bool:
    """Write the SQLite file anew without its free pages, and empty its log; False where a reader stands in the way for too long, or the disk is full.

    On PostgreSQL rows that are gone are overwritten by its own vacuum; its log and its backups are their keeper's.
    """
    if connection.vendor != "sqlite":
        return True
    if connection.in_atomic_block:
        raise RuntimeError("a file is not written anew inside of a transaction")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA temp_store=FILE")  # a large file would not fit into memory a second time
        try:
            cursor.execute("VACUUM")
        except OperationalError:
            return False
        finally:
            cursor.execute("PRAGMA temp_store=MEMORY")
        for _ in range(_TRIES):
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if cursor.fetchone()[0] == 0:
                return True
            time.sleep(_PAUSE)
    return False
