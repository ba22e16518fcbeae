"""In: what is asked of the ledger. Out: which files can hold it, and which rows do. Writes no interactions.

A file is left out by the least and greatest values that the log keeps of it; rows are then chosen exactly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa

from touchline.interactions import row
from touchline.kernel.engines import Engine
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean

_LISTED = 1000
"""So many persona ids are written into the query; more are joined."""


@dataclass(frozen=True)
class Selection:
    """Rows of the ledger; every field narrows, None does not.

    columns         names, in the order wanted; None: all
    buckets         0 to 63
    seq_after       seq greater than it
    seq_until       seq at most it
    occurred_from   microseconds UTC, inclusive
    occurred_until  microseconds UTC, inclusive
    beyond          (S, T): rows with seq > S or occurred_at > T, what a snapshot (S, T) does not hold
    personas        persona ids
    sources         values of `source`
    """

    columns: tuple[str, ...] | None = None
    buckets: frozenset[int] | None = None
    seq_after: int | None = None
    seq_until: int | None = None
    occurred_from: int | None = None
    occurred_until: int | None = None
    beyond: tuple[int, int] | None = None
    personas: frozenset[int] | None = None
    sources: frozenset[str] | None = None

    def __post_init__(self) -> None:
        for name in self.columns or ():
            if name not in row.BY_NAME:
                raise UnknownName(f"column {name!r} of the ledger", remedy=did_you_mean(name, row.BY_NAME))

    def files(self, active: pl.DataFrame) -> pl.DataFrame:
        """Of the active files those that may hold such rows: columns path, rows, size, least.X and most.X."""
        kept = pl.lit(True)
        if self.seq_after is not None:
            kept &= pl.col("most.seq") > self.seq_after
        if self.seq_until is not None:
            kept &= pl.col("least.seq") <= self.seq_until
        if self.occurred_from is not None:
            kept &= pl.col("most.occurred_at") >= self.occurred_from
        if self.occurred_until is not None:
            kept &= pl.col("least.occurred_at") <= self.occurred_until
        if self.beyond is not None:
            kept &= (pl.col("most.seq") > self.beyond[0]) | (pl.col("most.occurred_at") > self.beyond[1])
        # A file without statistics, as another program may have written it, can hold anything.
        found = active.filter(kept.fill_null(True))
        for column, wanted in (("bucket", self.buckets), ("persona_id", self.personas), ("source", self.sources)):
            if wanted is not None:
                found = found.filter(_touched(found, column, wanted))
        return found

    def rows(self, frame: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
        """Exactly those rows of a frame of the ledger's columns."""
        tests: list[nw.Expr] = []
        if self.seq_after is not None:
            tests.append(nw.col("seq") > self.seq_after)
        if self.seq_until is not None:
            tests.append(nw.col("seq") <= self.seq_until)
        if self.occurred_from is not None:
            tests.append(nw.col("occurred_at") >= self.occurred_from)
        if self.occurred_until is not None:
            tests.append(nw.col("occurred_at") <= self.occurred_until)
        if self.beyond is not None:
            tests.append((nw.col("seq") > self.beyond[0]) | (nw.col("occurred_at") > self.beyond[1]))
        if self.buckets is not None:
            tests.append(nw.col("bucket").is_in(sorted(self.buckets)))
        if self.sources is not None:
            tests.append(nw.col("source").is_in(sorted(self.sources)))
        if self.personas is not None and len(self.personas) <= _LISTED:
            tests.append(nw.col("persona_id").is_in(sorted(self.personas)))
        if any(wanted is not None and not wanted for wanted in (self.buckets, self.personas, self.sources)):
            # Engines differ over membership in nothing; of a required column this is as empty.
            tests = [nw.col("seq").is_null()]
        if tests:
            frame = frame.filter(*tests)
        if self.personas is not None and len(self.personas) > _LISTED:
            wanted = engine.lazy(pa.table({"persona_id": pa.array(sorted(self.personas), pa.int64())}))
            frame = frame.join(wanted, on="persona_id", how="semi")
        return frame.select(*(self.columns if self.columns is not None else row.SCHEMA.names))


def select(
    columns: Collection[str] | None, buckets: Collection[int] | None, personas: Collection[int] | None,
    sources: Collection[str] | None, **bounds: Any,
) -> Selection:  # fmt: skip
    """A Selection of whatever collections the caller has."""
    return Selection(
        columns=None if columns is None else tuple(columns),
        buckets=None if buckets is None else frozenset(buckets),
        personas=None if personas is None else frozenset(personas),
        sources=None if sources is None else frozenset(sources),
        **bounds,
    )


def _touched(files: pl.DataFrame, column: str, wanted: Collection[Any]) -> pl.Series:
    # The least wanted value at or above a file's least one must not be above its greatest one.
    kind = object if files.schema[f"least.{column}"] == pl.String else np.int64
    values = np.array(sorted(wanted), dtype=kind)
    if not len(values):
        return pl.repeat(False, len(files), eager=True)
    known = (files[f"least.{column}"].is_not_null() & files[f"most.{column}"].is_not_null()).to_numpy()
    filler = values[0] if kind is object else int(values[0])
    least = files[f"least.{column}"].fill_null(filler).to_numpy().astype(kind)
    most = files[f"most.{column}"].fill_null(filler).to_numpy().astype(kind)
    places = np.searchsorted(values, least)
    touched = (places < len(values)) & (values[np.minimum(places, len(values) - 1)] <= most)
    return pl.Series(~known | touched)
