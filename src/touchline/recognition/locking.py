"""In: people whose facts are about to change, or to be relied on. Out: whoever else asks for them waits until this transaction ends. Writes no interactions.

PostgreSQL holds an advisory lock for each bucket; SQLite has one writer at a time anyway, from the moment its transaction begins.
Buckets are taken before `counting.lock`, in rising order and at once, so that nobody waits in a circle.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl
from django.db import connection

from touchline.kernel.ids import BUCKETS
from touchline.recognition.staging import execute, read, staged

_BUCKET, _NAME = 0x746F62, 0x746F6E  # 'tob', 'ton': any two constants that nobody else takes on this database
_MANY = 2_000
"""From so many customers on, every bucket is taken: looking up theirs would find nearly all of them."""


def hold(buckets: Iterable[int]) -> None:
    """Hold these buckets until the transaction ends. Must be called inside one."""
    _inside()
    if connection.vendor == "postgresql":
        execute("SELECT pg_advisory_xact_lock(%s, b) FROM unnest(%s::int[]) AS b", [_BUCKET, sorted(set(buckets))])


def hold_name(name: str) -> None:
    """Hold what goes by that name until the transaction ends: a pool of codes, a sender's rate."""
    _inside()
    if connection.vendor == "postgresql":
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big", signed=True)
        execute("SELECT pg_advisory_xact_lock(%s, %s)", [_NAME, number])


def hold_customers(customers: pl.Series) -> pl.Series:
    """Hold the buckets of all personas of these customers; those of them that are still the same people afterwards.

    A customer who was linked to somebody else while this waited is left out, so that no lock is asked for out of order.
    """
    _inside()
    wanted = customers.unique()
    if wanted.len() >= _MANY or connection.vendor != "postgresql":
        hold(range(BUCKETS))
        return wanted
    held = buckets_of(wanted).get_column("bucket").unique()
    hold(held.to_list())
    beyond = buckets_of(wanted).filter(~pl.col("bucket").is_in(held.implode())).get_column("customer")
    return wanted.filter(~wanted.is_in(beyond.implode()))


def buckets_of(customers: pl.Series) -> pl.DataFrame:
    """[customer, bucket] of every persona of these customers."""
    with staged("asked", customers.to_frame("customer"), key=["customer"]):
        return read(
            # CROSS JOIN: SQLite then begins with the few that are asked for.
            "SELECT p.customer, p.draw %% %s FROM asked a CROSS JOIN recognition_persona p"
            " WHERE p.customer = a.customer AND NOT (p.customer = p.persona_id)"
            " UNION ALL SELECT p.customer, p.draw %% %s FROM asked a CROSS JOIN recognition_persona p"
            " WHERE p.persona_id = a.customer AND p.customer = p.persona_id",
            {"customer": pl.Int64, "bucket": pl.Int64},
            [BUCKETS, BUCKETS],
        )


def _inside() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("a lock lasts as long as its transaction, and there is none")
