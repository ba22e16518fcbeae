"""In: a table and a path. Out: a CSV or Parquet file, written whole or not at all. Writes no interactions."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from touchline.kernel.errors import UnknownName
from touchline.kernel.spreadsheets import guarded_frame


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write to FILE.csv or FILE.parquet; in CSV a text that a spreadsheet would run is preceded by an apostrophe."""
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise UnknownName(f"file type {suffix or path.name!r}", remedy="Name the file FILE.csv or FILE.parquet.")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        if suffix == ".csv":
            guarded_frame(frame).write_csv(draft)
        else:
            frame.write_parquet(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
