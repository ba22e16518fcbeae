"""In: what a verb returned. Out: one JSON object on standard output, or words and tables for people. Writes no interactions."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDEST = 14
"""Columns that a table on a screen may have."""

words = Console(highlight=False)
"""What people read; standard output."""

notes = Console(stderr=True, highlight=False)
"""Progress and logs; standard error."""


def emit(result: Mapping[str, Any]) -> None:
    """One JSON object on standard output; a number that JSON has no word for is null."""
    sys.stdout.write(json.dumps(_sayable(result), ensure_ascii=False, default=str, allow_nan=False) + "\n")


def say(text: str, style: str | None = None) -> None:
    """One line for people; text from outside is escaped, so that it cannot style or hide anything."""
    words.print(escape(text), style=style, soft_wrap=True)


def rows(titles: Sequence[str], body: Sequence[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """A plain table; the columns numbered in `right` hold figures."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, title in enumerate(titles):
        # A measure's name breaks at its dot, so that a table of many stays within the screen.
        table.add_column(
            escape(title.replace(".", ".\n")),
            justify="right" if index in right else "left",
            no_wrap=index == 0,
            overflow="fold",
        )
    for line in body:
        table.add_row(*(escape(_cell(value)) for value in line))
    words.print(table)


def frame(data: pl.DataFrame, *, limit: int = 40) -> None:
    """A frame as a table: its first rows, and how many more there are; one of many columns as its first row, downwards."""
    if data.width > WIDEST and data.height:
        rows(["column", "value"], list(data.row(0, named=True).items()))
        say(f"The first of {data.height:,} rows; name fewer columns, or write them all with --out FILE.csv.", "dim")
        return
    right = [i for i, dtype in enumerate(data.dtypes) if dtype.is_numeric()]
    rows(data.columns, data.head(limit).rows(), right=right)
    if data.height > limit:
        say(f"… and {data.height - limit:,} more rows; write them all with --out FILE.csv or FILE.parquet.", "dim")


def _sayable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _sayable(each) for key, each in value.items()}
    return [_sayable(each) for each in value] if isinstance(value, list | tuple) else value


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | Decimal):
        number = float(value)
        return f"{number:,.2f}" if abs(number) < 1e9 else f"{number:.3g}"
    return str(value)
