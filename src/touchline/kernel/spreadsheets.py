"""In: cells of a CSV file that Touchline writes. Out: the same, harmless in a spreadsheet. Writes no interactions.

A text that a spreadsheet would run as a formula is preceded by an apostrophe (OWASP, CSV injection).
"""

from __future__ import annotations

import polars as pl

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def guarded(cell: str) -> str:
    """The cell, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def guarded_frame(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with every text cell guarded, a NULL left as it is."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    risky = {name: pl.col(name).str.slice(0, 1).is_in(FORMULA_STARTS) for name in texts}
    return frame.with_columns(
        pl.when(risk).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name, risk in risky.items()
    )
