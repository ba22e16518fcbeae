"""In: a counter's name. Out: blocks of numbers that nobody else gets. Writes no interactions."""

from __future__ import annotations

import polars as pl
from django.db import connection, transaction

from touchline.recognition.staging import execute, read


def reserve(name: str, n: int) -> int:
    """Take the next `n` numbers of a counter, which begins at 1, and return the first.

    The counter stays locked until the caller's transaction ends, and a rollback gives the numbers back.
    """
    if n < 0:
        raise ValueError("a block has no negative length")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO recognition_counter (name, next) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE SET next = recognition_counter.next + %s RETURNING next",
            [name, 1 + n, n],
        )
        return int(cursor.fetchone()[0]) - n


def lock() -> None:
    """Until the transaction ends nobody else recognises, links or splits. Must be called inside one."""
    if not connection.in_atomic_block:
        raise RuntimeError("a lock lasts as long as its transaction, and there is none")
    execute("INSERT INTO recognition_counter (name, next) VALUES ('persona', 1) ON CONFLICT (name) DO NOTHING")
    execute("UPDATE recognition_counter SET next = next WHERE name = 'persona'")


def counts() -> tuple[int, int]:
    """How many personas were ever made, and how often some were erased."""
    known = read(
        "SELECT name, next - 1 FROM recognition_counter WHERE name IN ('persona', 'erasure')",
        {"name": pl.String, "n": pl.Int64},
    )
    found = dict(known.iter_rows())
    return found.get("persona", 0), found.get("erasure", 0)
