"""In: a table of rows offered to the ledger. Out: the same rows, checked and in order. Writes no interactions.

The checks are set-based and cheap; what a single event may say is checked by intake, where its sender can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from touchline.interactions import row
from touchline.interactions.catalogue import KINDS
from touchline.kernel.errors import LedgerFault
from touchline.kernel.ids import BUCKETS

PERSONA_LIMIT = 2**56
"""Persona ids lie below it, so that bucket and persona fit into one 64-bit sort key."""

_FLOATS = tuple(c.name for c in row.COLUMNS if pa.types.is_floating(c.type))
_LIMITED = ("text", "payload")
_LARGE = 2**30
"""Bytes from which a text column is widened before it is reordered: 32-bit offsets end at 2 GiB."""


class RowsRefused(LedgerFault):
    """Rows were refused, and none of them was written."""

    code = "rows_refused"
    remedy = "Mend the rows; the ledger takes all of a batch or nothing."


def admit(rows: pa.Table) -> pa.Table:
    """The rows in exactly `row.SCHEMA`; raises RowsRefused.

    Refused: other columns or types, NULL in a required column, a float that is not finite, a reading outside [-1, 1],
    a bucket outside 0 to 63, a persona id below 1, a kind or role outside the catalogue, `text` or `payload` beyond
    32 KB. Texts may come as any Arrow flavour of text, since Polars has its own.
    """
    rows = _typed(rows)
    for column in row.COLUMNS:
        nulls = rows[column.name].null_count
        if column.required and nulls:
            raise RowsRefused(f"{nulls} rows have no `{column.name}`")
    for name in _FLOATS:
        if not _all(rows[name], pc.is_finite):
            raise RowsRefused(f"`{name}` holds a number that is not finite")
    for name in row.READINGS:
        _within(rows, name, -1, 1)
    _within(rows, "bucket", 0, BUCKETS - 1)
    _within(rows, "persona_id", 1, PERSONA_LIMIT - 1)
    for name, known in (("kind", set(KINDS)), ("role", set(row.ROLES))):
        unknown = set(pc.unique(rows[name]).to_pylist()) - known
        if unknown:
            raise RowsRefused(f"`{name}` holds {len(unknown)} values outside the catalogue")
    for name in _LIMITED:
        longest = None if _is_empty(rows[name]) else pc.max(pc.binary_length(rows[name])).as_py()
        if longest is not None and longest > row.TEXT_LIMIT:
            raise RowsRefused(f"`{name}` holds {longest} bytes; {row.TEXT_LIMIT} is the limit")
    return rows


def in_order(rows: pa.Table, pool: ThreadPoolExecutor) -> pa.Table:
    """The rows sorted by bucket, persona_id, occurred_at and, among equals, seq."""
    keys = pl.from_arrow(rows.select(["bucket", "persona_id", "occurred_at", "seq"]))
    if not isinstance(keys, pl.DataFrame):
        raise TypeError("a table has columns")
    place = pl.col("bucket").cast(pl.Int64) * PERSONA_LIMIT + pl.col("persona_id")
    order = keys.select(pl.arg_sort_by(place, "occurred_at", "seq").cast(pl.Int64)).to_series().to_arrow()

    def reordered(name: str) -> pa.ChunkedArray:
        column = rows[name]
        if _is_empty(column):
            return column
        if column.nbytes > _LARGE and pa.types.is_string(column.type):
            column = column.cast(pa.large_string())
        return column.take(order)

    return pa.table(list(pool.map(reordered, rows.column_names)), names=rows.column_names)


def _typed(rows: pa.Table) -> pa.Table:
    missing = [name for name in row.SCHEMA.names if name not in rows.schema.names]
    foreign = [name for name in rows.schema.names if name not in row.BY_NAME]
    if missing or foreign or len(rows.schema.names) != len(row.COLUMNS):
        raise RowsRefused(f"columns differ: {len(missing)} missing {missing[:3]}, {len(foreign)} unknown {foreign[:3]}")
    arrays = []
    for column in row.COLUMNS:
        given = rows[column.name]
        if given.type != column.type:
            if not (_is_text(given.type) and _is_text(column.type)):
                raise RowsRefused(f"`{column.name}` is {given.type}, not {column.type}")
            given = given.cast(column.type if given.nbytes <= _LARGE else pa.large_string())
        arrays.append(given)
    return pa.table(arrays, names=row.SCHEMA.names)


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return _is_text(type_.value_type)
    return any((pa.types.is_string(type_), pa.types.is_large_string(type_), pa.types.is_string_view(type_)))


def _is_empty(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def _all(column: pa.ChunkedArray, test: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> bool:
    return _is_empty(column) or bool(pc.all(test(column)).as_py())


def _within(rows: pa.Table, name: str, least: int, most: int) -> None:
    if _is_empty(rows[name]):
        return
    bounds = pc.min_max(rows[name]).as_py()
    if bounds["min"] < least or bounds["max"] > most:
        raise RowsRefused(f"`{name}` lies outside {least} to {most}")
