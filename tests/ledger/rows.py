"""Valid rows of the ledger's table for tests of any room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from touchline.interactions import row
from touchline.kernel.ids import BUCKETS
from touchline.kernel.times import DAY

START = 1_700_000_000_000_000
"""The first row's `received_at`, microseconds UTC: 2023-11-14T22:13:20Z."""

_MASK = 2**63 - 1


def make_rows(
    n: int, *, first_seq: int = 1, personas: int | None = None, seed: int = 0, id_prefix: str = "", **overrides: Any
) -> pa.Table:
    """`n` valid rows in `row.SCHEMA`, the same for the same arguments.

    first_seq   seq runs from here; ids are a function of seq and `id_prefix`, so that blocks do not overlap
    personas    how many persona ids are drawn from, 1 upwards; default: n / 5, at least 1
    seed        of the personas drawn and the days on which the rows happened
    id_prefix   hex digits that begin every id
    overrides   column -> one value for all rows, or a sequence of n values; None is NULL

    Defaults: kind `visited` at touchpoint `site`, received one second apart from START, occurred up to 300 days
    earlier, bucket = persona_id % 64, batch 1, everything optional NULL.
    """
    unknown = set(overrides) - set(row.BY_NAME)
    if unknown:
        raise ValueError(f"no such column: {', '.join(sorted(unknown))}")
    random = np.random.default_rng(seed)
    seq = np.arange(first_seq, first_seq + n, dtype=np.int64)
    received = START + seq * 1_000_000
    persona = random.integers(1, (personas or max(1, n // 5)) + 1, n)
    columns: dict[str, Any] = {
        "seq": seq,
        "id": [(id_prefix + _hex(number))[:32] for number in seq.tolist()],
        "version": 1,
        "persona_id": persona,
        "occurred_at": received - random.integers(0, 300 * DAY, n),
        "received_at": received,
        "batch": 1,
        "kind": "visited",
        "role": "customer",
        "source": "test",
        "touchpoint": "site",
        "machine": False,
        "digest": "0" * 16,
        **overrides,
    }
    if "bucket" not in columns:
        columns["bucket"] = _array(columns["persona_id"], n, pa.int64()).to_numpy(zero_copy_only=False) % BUCKETS
    return pa.table([_array(columns.get(column.name), n, column.type) for column in row.COLUMNS], schema=row.SCHEMA)


def _hex(number: int) -> str:
    # Two odd multipliers scatter the number over 32 hex digits without a collision, as a hash would.
    return f"{number * 0x5851F42D4C957F2D & _MASK:016x}{number * 0x14057B7EF767814F & _MASK:016x}"


def _array(value: Any, n: int, type_: pa.DataType) -> pa.Array:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value.cast(type_)
    if isinstance(value, np.ndarray) or (isinstance(value, Sequence) and not isinstance(value, str)):
        return pa.array(value).cast(type_) if isinstance(value, np.ndarray) else pa.array(value, type_)
    return pa.nulls(n, type_) if value is None else pa.repeat(pa.scalar(value, type_), n)
