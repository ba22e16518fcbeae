"""In: rows in order. Out: Parquet files under the root, and the add-actions that commit them. Writes no interactions.

Row groups hold whole buckets where they can, so that a reader of one bucket skips the others. Statistics, in the
footers and in the log, are kept for `STATISTICS` alone, so that no personal value stands anywhere but in its page.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction

from touchline.interactions import row

STATISTICS: tuple[str, ...] = ("seq", "persona_id", "bucket", "occurred_at", "received_at", "batch", "source")
"""Columns whose least and greatest values are kept per file and row group; none of them is personal."""

LOOSE, SETTLED = "loose", "settled"
"""How a file's name begins: as appended, over all buckets; or as compaction laid it, one for a range of buckets."""

ROW_GROUP_LEAST, ROW_GROUP_MOST = 32_768, 131_072

_DISTINCT = {"id", "episode_id", "agreement_id", "message_id", "in_reply_to", "case_id", "about", *row.PERSONAL}
_DICTIONARY = [c.name for c in row.COLUMNS if c.type == pa.string() and c.name not in _DISTINCT]
# Sorted and slowly growing integers shrink to their differences: a tenth smaller and a third faster to scan than plain.
_DELTAS = {c.name: "DELTA_BINARY_PACKED" for c in row.COLUMNS if c.type == pa.int64()}
WIDE: pa.Schema = pa.schema(
    [
        pa.field(c.name, pa.large_string() if c.type == pa.string() else c.type, nullable=not c.required)
        for c in row.COLUMNS
    ]
)
"""The ledger's columns with texts that may pass 2 GiB a table; the files are the same."""


class Folder:
    """Where the table's files lie: a local folder, or an object store's URL whose options come from the environment.

    root    as given
    local   the folder; None in an object store
    """

    def __init__(self, root: str | Path) -> None:
        text = str(root)
        scheme, mark, rest = text.partition("://")
        remote = bool(mark) and scheme != "file"
        self.local = None if remote else Path(rest if mark else text).resolve()
        self.root = text if remote else str(self.local)
        self._files: pafs.FileSystem | None = None

    @property
    def files(self) -> pafs.FileSystem:
        """The folder as a file system, names being relative to the root."""
        if self._files is None:
            if self.local is not None:
                self._files = pafs.SubTreeFileSystem(str(self.local), pafs.LocalFileSystem())
            else:
                self._files = pafs.PyFileSystem(DeltaStorageHandler(self.root))
        return self._files

    def path(self, name: str) -> str:
        """The full path or URL of a file."""
        return f"{self.root}/{name}"

    def settle(self, *names: str) -> None:
        """Have the files and the folders that hold them reach the disk; object stores do so by themselves.

        A file that is gone is passed over: a log entry may have been cleaned away behind a checkpoint meanwhile.
        """
        if self.local is None:
            return
        paths = [self.local / name for name in names]
        for path in (*paths, *{path.parent for path in paths}):
            with suppress(FileNotFoundError):
                settle(path)

    def discard(self, names: Iterable[str]) -> None:
        """Delete files that no commit names."""
        for name in names:
            self.files.delete_file(name)


def settle(path: Path) -> None:
    """Have a local file or folder reach the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(folder: Folder, kind: str, tables: Iterable[pa.Table]) -> AddAction | None:
    """One Parquet file of the tables, each in order and wholly before the next; None where they have no rows.

    kind    LOOSE or SETTLED
    """
    name = f"{kind}-{uuid4().hex}.parquet"
    writer: pq.ParquetWriter | None = None
    seen: list[dict[str, tuple[object, object]]] = []
    count = 0
    try:
        for table in tables:
            if not table.num_rows:
                continue
            schema = row.SCHEMA if table.schema.types == row.SCHEMA.types else WIDE
            if writer is None:
                writer = _writer(folder, name, schema)
            if writer.schema != schema:
                schema = writer.schema
            typed = pa.table([table[n].cast(t) for n, t in zip(schema.names, schema.types, strict=True)], schema=schema)
            seen.append({n: _bounds(typed[n]) for n in STATISTICS})
            count += typed.num_rows
            for start, end in row_groups(typed["bucket"].to_numpy()):
                writer.write_table(typed.slice(start, end - start), row_group_size=end - start)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        return None
    folder.settle(name)
    statistics = {
        "numRecords": count,
        "minValues": {n: min(bounds[n][0] for bounds in seen) for n in STATISTICS},  # type: ignore[type-var]  # one column's values compare
        "maxValues": {n: max(bounds[n][1] for bounds in seen) for n in STATISTICS},  # type: ignore[type-var]  # as above
        "nullCount": dict.fromkeys(STATISTICS, 0),
    }
    size = folder.files.get_file_info(name).size
    return AddAction(name, size, {}, time.time_ns() // 1_000_000, True, json.dumps(statistics))


def row_groups(buckets: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Iterator[tuple[int, int]]:
    """(start, end) of each row group: whole buckets until ROW_GROUP_LEAST rows, at most ROW_GROUP_MOST rows."""
    edges = np.append(np.flatnonzero(np.diff(buckets)) + 1, len(buckets))
    start = 0
    for edge in edges.tolist():
        if edge - start < ROW_GROUP_LEAST and edge != len(buckets):
            continue
        while edge - start > ROW_GROUP_MOST:
            yield start, start + ROW_GROUP_MOST
            start += ROW_GROUP_MOST
        if edge > start:
            yield start, edge
        start = edge


def _writer(folder: Folder, name: str, schema: pa.Schema) -> pq.ParquetWriter:
    # The Arrow schema is left out of the footer: Delta's log says the types, and narrow and wide text are one there.
    return pq.ParquetWriter(
        name, schema, filesystem=folder.files, compression="zstd", compression_level=1, use_dictionary=_DICTIONARY,
        column_encoding=_DELTAS, write_statistics=list(STATISTICS), store_schema=False,
    )  # fmt: skip


def _bounds(column: pa.ChunkedArray) -> tuple[object, object]:
    bounds = pc.min_max(column).as_py()
    return bounds["min"], bounds["max"]
