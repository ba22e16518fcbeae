"""In: what happened, in arrays, kind by kind. Out: one frame of touches and one of messages, ids and references set.
Writes no interactions.

An id is the letter of its sort and a number, so that a row can name another (an answer its question, a refund its
order) before the file is written.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]

COLUMNS: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "who": pl.Int64(),
    "at": pl.Int64(),
    "kind": pl.String(),
    "touchpoint": pl.String(),
    "order_no": pl.String(),
    "closes": pl.Boolean(),
    "amount": pl.Float64(),
    "cost": pl.Float64(),
    "days_late": pl.Int64(),
    "damaged": pl.Boolean(),
    "waited_min": pl.Int64(),
    "stars": pl.Int64(),
    "score": pl.Int64(),
    "survey": pl.String(),
    "question": pl.String(),
    "in_time": pl.Boolean(),
    "reply_to": pl.String(),
    "about": pl.String(),
    "message_id": pl.String(),
    "conversation": pl.String(),
    "purpose": pl.String(),
    "machine": pl.Boolean(),
    "case_no": pl.String(),
    "contract_no": pl.String(),
    "term_start": pl.Int64(),
    "renews_at": pl.Int64(),
    "gift": pl.Int64(),
    "signed_in": pl.Boolean(),
    "words": pl.String(),
    "reason": pl.String(),
}
"""Column -> type of what the diary holds; `who` is the place of the person in the world's people, times are
microseconds."""


class Diary:
    """What happened, in the order it was written down; numbers are given out per letter."""

    def __init__(self) -> None:
        self._pages: list[pl.DataFrame] = []
        self._given: dict[str, int] = {}

    def numbers(self, letter: str, count: int) -> pl.Series:
        """The next `count` ids of that letter: `q0000001`."""
        first = self._given.get(letter, 0) + 1
        self._given[letter] = first + count - 1
        number = pl.Series(np.arange(first, first + count))
        return pl.select(pl.concat_str(pl.lit(letter), number.cast(pl.String).str.zfill(7))).to_series()

    def note(self, kind: str, letter: str, who: Ints, at: Ints, touchpoint: Any = None, **columns: Any) -> pl.Series:
        """Write down one interaction for each of `who`; a column is an array, a series or one value for all. Returns
        the ids."""
        ids = self.numbers(letter, len(who))
        if len(who):
            given = {"event_id": ids, "who": who, "at": at, "kind": kind, "touchpoint": touchpoint, **columns}
            series = [_series(name, value, len(who)) for name, value in given.items()]
            self._pages.append(pl.DataFrame(series))
        return ids

    def frame(self, until: int) -> pl.DataFrame:
        """Everything that happened up to the instant, by time; equal times in the order written down."""
        empty = pl.DataFrame(schema=COLUMNS)
        return (
            pl.concat([empty, *self._pages], how="diagonal")
            .filter(pl.col("at") <= until)
            .sort("at", maintain_order=True)
        )


def _series(name: str, value: Any, count: int) -> pl.Series:
    type_ = COLUMNS[name]
    if isinstance(value, pl.Series):
        return value.cast(type_).alias(name)
    if isinstance(value, np.ndarray):
        return (
            pl.Series(name, value, dtype=type_)
            if value.dtype != object
            else pl.Series(name, value.tolist(), dtype=type_)
        )
    return pl.Series(name, [value], dtype=type_).new_from_index(0, count)
