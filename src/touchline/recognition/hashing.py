"""In: texts. Out: the head of each one's SHA-256, set-based. Writes no interactions.

Equal to `kernel.ids` by test. Few texts are hashed in Python, because an engine takes longer to open.
"""

from __future__ import annotations

import hashlib
from typing import Any

import duckdb
import polars as pl

_FEW = 20_000


def heads(texts: pl.Series, digits: int) -> pl.Series:
    """The first so many hex digits of each text's SHA-256; texts are not NULL."""
    if texts.len() <= _FEW:
        return pl.Series("head", [hashlib.sha256(t.encode()).hexdigest()[:digits] for t in texts], dtype=pl.String)
    answer: Any = pl.from_arrow(_asked(texts).project(f"n, left(sha256(text), {digits}) AS head").to_arrow_table())
    return answer.sort("n").get_column("head")


def numbers(texts: pl.Series, digits: int) -> pl.Series:
    """The same as integers; at most 15 digits, so that they are not negative."""
    if texts.len() <= _FEW:
        found = [int(hashlib.sha256(t.encode()).hexdigest()[:digits], 16) for t in texts]
        return pl.Series("number", found, dtype=pl.Int64)
    query = f"n, ('0x' || left(sha256(text), {digits}))::BIGINT AS number"
    answer: Any = pl.from_arrow(_asked(texts).project(query).to_arrow_table())
    return answer.sort("n").get_column("number")


def draws(keys: pl.Series) -> pl.Series:
    """`kernel.ids.draw` of each key `type U+001F scope U+001F value`."""
    return (numbers(keys, 8) // 2).alias("draw")


def _asked(texts: pl.Series) -> duckdb.DuckDBPyRelation:
    engine = duckdb.connect(":memory:")  # lives as long as the relation does
    return engine.from_arrow(pl.DataFrame({"text": texts}).with_row_index("n").to_arrow())
