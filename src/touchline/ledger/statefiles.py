"""In: frames of one state table. Out: its Parquet files and the Delta log over them. Writes no interactions.

Written to be read fast: LZ4, large row groups, and no statistics at all, since state may hold personal columns. A
million rows of 160 columns, 85 % NULL, read in about a quarter of a second on two cores; zstd only slowed that.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow.parquet as pq
from deltalake import Schema as DeltaSchema
from deltalake.transaction import AddAction, create_table_with_add_actions

from touchline.kernel.errors import LedgerFault
from touchline.ledger.files import settle

Frame = pl.DataFrame | nw.LazyFrame[Any]

ROW_GROUP = 131_072
_FOREIGN = (nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64, nw.Int128, nw.UInt128)


@dataclass(frozen=True)
class StateFile:
    """One Parquet file of a snapshot.

    name     relative to the table's folder
    rows
    size     bytes
    crc      CRC-32 of its bytes
    buckets  (least, greatest) value of the column `bucket`; None where the table has none or the file no rows
    """

    name: str
    rows: int
    size: int
    crc: int
    buckets: tuple[int, int] | None


def save_table(folder: Path, frames: Frame | Iterable[Frame]) -> list[StateFile]:
    """A table in a new folder, one file a frame; raises LedgerFault where there is none or their columns differ."""
    folder.mkdir()
    files = []
    for number, frame in enumerate([frames] if isinstance(frames, pl.DataFrame | nw.LazyFrame) else frames):
        name = f"part-{number:05d}.parquet"
        write_state(frame, folder / name)
        files.append(described(folder, name))
    if not files:
        raise LedgerFault("a snapshot's table has no frames", remedy="Save an empty frame, which has columns.")
    log_over(folder, files)
    return files


def log_over(folder: Path, files: Sequence[StateFile]) -> None:
    """The Delta log over a table's files, for other tools; Touchline itself goes by the manifest."""
    schema, *others = (DeltaSchema.from_arrow(pq.read_schema(folder / file.name)) for file in files)
    if any(other.to_json() != schema.to_json() for other in others):
        raise LedgerFault(
            "the frames of a snapshot's table differ in their columns", remedy="Give all the same columns."
        )
    now = time.time_ns() // 1_000_000
    create_table_with_add_actions(
        str(folder),
        schema,
        [AddAction(file.name, file.size, {}, now, True, json.dumps({"numRecords": file.rows})) for file in files],
        configuration={"delta.dataSkippingNumIndexedCols": "0"},
    )


def write_state(frame: Frame, path: Path) -> None:
    """One Parquet file of the frame, without holding it whole; integers that Delta lacks become int64."""
    lazy = nw.from_native(frame.lazy()) if isinstance(frame, pl.DataFrame) else frame
    schema = lazy.collect_schema()
    foreign = [name for name, type_ in schema.items() if type_ in _FOREIGN]
    if foreign:
        lazy = lazy.with_columns(nw.col(*foreign).cast(nw.Int64))
    native = lazy.to_native()
    if isinstance(native, pl.LazyFrame):
        native.sink_parquet(path, compression="lz4", row_group_size=ROW_GROUP, statistics=False)
        return
    if not isinstance(native, duckdb.DuckDBPyRelation):
        raise TypeError("a frame is of Polars or DuckDB")
    # DuckDB's own writer cannot leave the statistics out.
    reader = native.to_arrow_reader(ROW_GROUP)
    with pq.ParquetWriter(path, reader.schema, compression="lz4", write_statistics=False, store_schema=False) as writer:
        for batch in reader:
            writer.write_batch(batch, row_group_size=ROW_GROUP)


def described(folder: Path, name: str) -> StateFile:
    """What the manifest says of a file that was just written; by then it has reached the disk."""
    path = folder / name
    rows = pq.read_metadata(path).num_rows
    scan = pl.scan_parquet(path, glob=False)
    buckets = None
    if rows and "bucket" in scan.collect_schema():
        least, most = scan.select(least=pl.col("bucket").min(), most=pl.col("bucket").max()).collect().row(0)
        buckets = None if least is None else (int(least), int(most))
    settle(path)
    return StateFile(name, rows, path.stat().st_size, checksum(path), buckets)


def is_whole(path: Path, size: int) -> bool:
    """Whether the file is there, as long as it was, and begins and ends as Parquet does."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(-4, os.SEEK_END)
            return start == file.read(4) == b"PAR1" and file.tell() == size
    except OSError:
        return False


def checksum(path: Path) -> int:
    """CRC-32 of the file's bytes."""
    value = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            value = zlib.crc32(chunk, value)
    return value
