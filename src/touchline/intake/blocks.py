"""In: how many rows are to be appended, and what a ledger holds. Out: their numbers, and which rows the ledger lost. Writes no interactions.

A block is noted in the step that takes its numbers, before its rows are in the ledger, and marked when they are. A ledger that
was put back from an older copy, or lost a file, then lacks rows of marked blocks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

import polars as pl
from django.db import transaction

from touchline.kernel.engines import Engine
from touchline.ledger import AnyLedger
from touchline.recognition.counting import reserve
from touchline.recognition.staging import execute, insert, read, staged

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


def erased(seqs: Sequence[int]) -> int:
    """Say that the ledger is about to lose the rows of these numbers for good: their blocks are parted around them. How many were in one.

    Called before the rows are erased, so that no crash in between makes them look lost.
    """
    if not seqs:
        return 0
    gone = sorted(set(seqs))
    with transaction.atomic():
        blocks = read(
            'SELECT first_seq AS first, "rows" AS expected, batch, committed FROM intake_block ORDER BY first_seq',
            {**_BLOCK, "batch": pl.Int64},
        )
        firsts = blocks["first"].to_list()
        within: dict[int, list[int]] = defaultdict(list)
        for seq in gone:
            place = bisect_right(firsts, seq) - 1
            if place >= 0 and seq < firsts[place] + blocks["expected"][place]:
                within[place].append(seq)
        parts = []
        for place, lost in within.items():
            row = blocks.row(place, named=True)
            begin = row["first"]
            for seq in [*lost, row["first"] + row["expected"]]:
                if seq > begin:
                    parts.append((begin, seq - begin, row["batch"], bool(row["committed"])))
                begin = seq + 1
        changed = pl.DataFrame({"first": [firsts[place] for place in within]}, schema={"first": pl.Int64})
        with staged("parted", changed):
            execute("DELETE FROM intake_block WHERE first_seq IN (SELECT first FROM parted)")
        insert(
            "intake_block",
            pl.DataFrame(
                parts,
                schema={"first_seq": pl.Int64, "rows": pl.Int64, "batch": pl.Int64, "committed": pl.Boolean},
                orient="row",
            ),
        )
        return sum(len(lost) for lost in within.values())


def vanished_rows(ledger: AnyLedger, engine: Engine) -> list[tuple[int, int, int]]:
    """[(first seq, rows expected, rows found)] of each block that the ledger no longer holds as it was committed, by first seq.

    A block that was never marked, as a crash leaves it, may be there or not, but not in part: a commit is whole. Rows that were
    appended before blocks were noted are in none and are not asked after. Whoever erases rows says so before, by `erased`,
    or they are told of here as lost.
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
