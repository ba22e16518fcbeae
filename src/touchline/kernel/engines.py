"""In: an engine's name. Out: lazy frames on it, and tables from them. Writes no interactions.

All set work is Narwhals over lazy frames; this module alone knows which library carries them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa

from touchline.kernel.errors import UnknownName

EngineName = Literal["polars", "duckdb"]
ENGINES: tuple[EngineName, ...] = ("polars", "duckdb")


def known(name: str) -> str:
    """The name, where there is such an engine; raises UnknownName."""
    if name not in ENGINES:
        raise UnknownName(f"engine {name!r}", remedy=f"Set TOUCHLINE_ENGINE to one of {', '.join(ENGINES)}.")
    return name


class Engine:
    """One engine that carries frames; a DuckDB engine owns one in-memory connection.

    name            `polars` or `duckdb`
    memory_limit    DuckDB only, for example `4GB`; beyond it DuckDB spills to `spill_directory`
    """

    def __init__(self, name: str = "polars", *, memory_limit: str | None = None, spill_directory: str = "") -> None:
        self.name = known(name)
        self._connection: duckdb.DuckDBPyConnection | None = None
        # DuckDB would draw its progress on standard output, where a command's one JSON object goes.
        self._settings = {"TimeZone": "UTC", "preserve_insertion_order": "false", "enable_progress_bar": "false"}
        if memory_limit is not None:
            self._settings["memory_limit"] = memory_limit
        if spill_directory:
            self._settings["temp_directory"] = spill_directory

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The DuckDB connection, opened at first use."""
        if self._connection is None:
            self._connection = duckdb.connect(":memory:")
            for key, value in self._settings.items():
                self._connection.execute(f"SET {key} = '{value}'")
        return self._connection

    def scan_parquet(self, paths: Sequence[str], columns: Sequence[str] | None = None) -> nw.LazyFrame[Any]:
        """Parquet files as one lazy frame."""
        frame: nw.LazyFrame[Any]
        if self.name == "polars":
            frame = nw.from_native(pl.scan_parquet(list(paths), glob=False)).lazy()
        else:
            frame = nw.from_native(self.connection.read_parquet(list(paths))).lazy()
        return frame.select(*columns) if columns is not None else frame

    def lazy(self, table: pa.Table | pl.DataFrame) -> nw.LazyFrame[Any]:
        """A table in memory as a lazy frame, without a copy where the engine allows it."""
        if self.name == "polars":
            native = table if isinstance(table, pl.DataFrame) else pl.from_arrow(table)
            if not isinstance(native, pl.DataFrame):
                raise TypeError("a table has columns")
            return nw.from_native(native.lazy())
        arrow = table.to_arrow() if isinstance(table, pl.DataFrame) else table
        return nw.from_native(self.connection.from_arrow(arrow))

    def collect(self, frame: nw.LazyFrame[Any], *, streaming: bool = False) -> pl.DataFrame:
        """The frame's rows, as a Polars frame whatever the engine."""
        native = frame.to_native()
        if isinstance(native, pl.LazyFrame):
            return native.collect(engine="streaming") if streaming else native.collect()
        result = pl.from_arrow(native.to_arrow_table())
        if not isinstance(result, pl.DataFrame):
            raise TypeError("a relation has columns")
        return result

    def sink_parquet(self, frame: nw.LazyFrame[Any], path: str) -> None:
        """Write the frame to one Parquet file without holding it whole."""
        native = frame.to_native()
        if isinstance(native, pl.LazyFrame):
            native.sink_parquet(path, compression="zstd", compression_level=1)
        else:
            native.write_parquet(path, compression="zstd")


MEMORY = Engine("polars")
"""For what is held in memory anyway, whatever carries the rest."""
