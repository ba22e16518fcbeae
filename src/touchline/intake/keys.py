"""In: key texts. Out: interaction ids, set-based, and which of them a ledger holds already. Writes no interactions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import numpy as np
import polars as pl

from touchline.intake.scratch import connected
from touchline.kernel.engines import MEMORY
from touchline.kernel.ids import SEPARATOR
from touchline.ledger import AnyLedger

DIGITS = 32
REFERENCE = r"^[0-9a-f]{32}$"
"""What is an interaction's id already; any other reference is a key of its own source."""


def ids(source: str, key: Sequence[pl.Expr], frame: pl.DataFrame) -> pl.Series:
    """`kernel.ids.interaction_id(source, *key)` of every row; a NULL part is as an empty text."""
    parts = [part.cast(pl.String).fill_null("") for part in key]
    texts = frame.select(pl.concat_str(pl.lit(source), *parts, separator=SEPARATOR).alias("id")).to_series()
    return _hashed(texts)


def line_ids(source: str, frame: pl.DataFrame, key: Sequence[str], nth: str, rule: str) -> pl.Series:
    """Ids of interactions that lines make: the key as read, how many equal keys came before, and which of the line's
    interactions it is where it is not the first: `interaction_id(source, *key, nth[, rule])`."""
    told = pl.when(pl.col(rule) > 0).then(
        pl.concat_str(pl.col(nth).cast(pl.String), pl.col(rule).cast(pl.String), separator=SEPARATOR)
    )
    return ids(source, [*(pl.col(name) for name in key), told.otherwise(pl.col(nth).cast(pl.String))], frame)


def resolved(source: str, reference: pl.Series, *suffix: str) -> pl.Series:
    """References as interaction ids: one that is no id yet is the key of an interaction of the same source."""
    strange = reference.is_not_null() & ~reference.str.contains(REFERENCE)
    if not strange.any():
        return reference
    distinct = reference.filter(strange).unique().to_frame("key")
    named = distinct.with_columns(ids(source, [pl.col("key"), *(pl.lit(part) for part in suffix)], distinct))
    return reference.replace(named["key"], named["id"])


class Known:
    """The ids that the ledger holds of one source, as 128-bit numbers that may lie on disk.

    scratch   folder where DuckDB may spill them
    """

    def __init__(self, ledger: AnyLedger, source: str, scratch: Path) -> None:
        self._connection = connected(scratch)
        engine = MEMORY
        found = ledger.frame(engine, ["id"], sources=[source])
        self._connection.execute("CREATE TABLE known (id UHUGEINT)")
        native: pl.LazyFrame = found.to_native()
        for part in native.collect_batches(chunk_size=1_000_000):
            self._connection.register("told", part.to_arrow())
            self._connection.execute("INSERT INTO known SELECT ('0x' || id)::UHUGEINT FROM told")
            self._connection.unregister("told")
        self.any = bool(self._connection.sql("SELECT count(*) FROM known").fetchall()[0][0])

    def among(self, ids_: pl.Series) -> pl.Series:
        """Boolean: which of the ids are known."""
        if not self.any or ids_.is_empty():
            return pl.repeat(value=False, n=len(ids_), dtype=pl.Boolean, eager=True)
        self._connection.register("told", ids_.to_frame("id").with_row_index("n").to_arrow())
        found = self._connection.sql(
            "SELECT n FROM (SELECT n, ('0x' || id)::UHUGEINT AS id FROM told) SEMI JOIN known USING (id)"
        ).to_arrow_table()
        self._connection.unregister("told")
        mask = np.zeros(len(ids_), dtype=np.bool_)
        mask[np.asarray(found["n"])] = True
        return pl.Series(mask)

    def close(self) -> None:
        """Give memory and disk back."""
        self._connection.close()


_FEW = 5_000
"""Texts that are hashed sooner than an engine is opened."""


def _hashed(texts: pl.Series) -> pl.Series:
    """The first 32 hex digits of each text's SHA-256."""
    if len(texts) <= _FEW:
        return pl.Series("id", [hashlib.sha256(text.encode()).hexdigest()[:DIGITS] for text in texts], dtype=pl.String)
    # DuckDB hashes one table on one processor, so each gets a part.
    workers = cpu_count() or 1
    size = -(-len(texts) // workers)
    with ThreadPoolExecutor(workers) as pool:
        return pl.concat(pool.map(_heads, (texts.slice(start, size) for start in range(0, len(texts), size))))


def _heads(texts: pl.Series) -> pl.Series:
    with connected() as engine:
        # The engine keeps the order of what it reads unless told otherwise.
        read = engine.from_arrow(texts.alias("text").to_frame().to_arrow())
        found = read.project(f"left(sha256(text), {DIGITS}) AS id").to_arrow_table()
    return pl.DataFrame(found)["id"]
