"""In: how many rows are to be appended, and what a ledger holds. Out: their numbers, and which rows the ledger lost. Writes no interactions.

A block is noted in the step that takes its numbers, before its rows are in the ledger, and marked when they are. A ledger that
was put back from an older copy, or lost a file, then lacks rows of marked blocks.
"""

from __future__ import annotations

import polars as pl
from django.db import transaction

from touchline.kernel.engines import Engine
from touchline.ledger import AnyLedger
from touchline.recognition.counting import reserve
from touchline.recognition.staging import execute, read

_BLOCK = {"first": pl.Int64, "expected": pl.Int64, "committed": pl.Boolean}


def reserved(rows: int, batch: int) -> int:
    """Take the next numbers for so many rows of a batch and note the block; returns the first."""
    with transaction.atomic():
        first = reserve("seq", rows)
        if rows:
            execute(
                'INSERT INTO intake_block (first_seq, "rows", batch, committed) VALUES (%s, %s, %s, %s)',
                [first, rows, batch, False],
            )
    return first


def committed(first: int) -> None:
    """The block's rows are in the ledger."""
    execute("UPDATE intake_block SET committed = %s WHERE first_seq = %s", [True, first])


def forgotten(first: int) -> None:
    """The block's numbers were taken in vain: its rows are in the ledger by others."""
    execute("DELETE FROM intake_block WHERE first_seq = %s", [first])


def vanished_rows(ledger: AnyLedger, engine: Engine) -> list[tuple[int, int, int]]:
    """[(first seq, rows expected, rows found)] of each block that the ledger no longer holds as it was committed, by first seq.

    A block that was never marked, as a crash leaves it, may be there or not, but not in part: a commit is whole. Rows that were
    appended before blocks were noted are in none and are not asked after. Whoever erases rows must lower `rows` of their
    blocks by as many in the same operation, or they are told of here as lost.
    """
    # The blocks first: what is marked by then is in the ledger that is read after.
    blocks = read('SELECT first_seq, "rows", committed FROM intake_block ORDER BY first_seq', _BLOCK)
    if blocks.is_empty():
        return []
    # Eight bytes a row; and Narwhals has no join on ranges that both engines know.
    seq = engine.collect(ledger.frame(engine, ["seq"]), streaming=True)["seq"]
    block = blocks["first"].search_sorted(seq, side="right").cast(pl.Int64) - 1
    numbered = pl.DataFrame({"seq": seq, "block": block}).filter(pl.col("block") >= 0)
    counted = (
        numbered.with_columns(blocks[["first", "expected"]][numbered["block"]])
        .filter(pl.col("seq") < pl.col("first") + pl.col("expected"))
        .group_by("first")
        .agg(pl.len().cast(pl.Int64).alias("found"))
    )
    held = blocks.join(counted, on="first", how="left").with_columns(pl.col("found").fill_null(0))
    whole = pl.col("found") == pl.col("expected")
    absent = ~pl.col("committed") & (pl.col("found") == 0)
    lost = held.filter(~whole & ~absent).sort("first").select("first", "expected", "found")
    return [(first, expected, found) for first, expected, found in lost.iter_rows()]
