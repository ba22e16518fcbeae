"""In: a folder for what does not fit into memory. Out: a DuckDB connection that keeps quiet and within bounds. Writes no interactions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import duckdb

MEMORY = "1GB"
"""Beyond it DuckDB goes on in the folder."""


def connected(folder: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A connection of its own; with a folder it may spill there, and only hashes and numbers ever should.

    Without one it is a cursor on the process's one database in memory, which takes longer to open than most questions to answer.
    """
    connection = _database().cursor() if folder is None else duckdb.connect(":memory:")
    # Standard output belongs to whoever called.
    connection.execute("SET enable_progress_bar = false")
    if folder is not None:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute("SET temp_directory = $folder", {"folder": str(folder)})
    return connection


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")
