"""In: lines that cannot become interactions, each with its number and reason. Out: a rejects file. Writes no interactions.

The file names places and reasons and repeats none of the content, so that nothing personal lies about in it; the
content is in the file that was imported. Every cell is safe to open in a spreadsheet.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import polars as pl

from touchline.interactions.catalogue import CHANNELS, PURPOSES
from touchline.interactions.preferences import ALLOWED, YES_OR_NO, is_key
from touchline.kernel.spreadsheets import guarded

SCHEMA: dict[str, pl.DataType] = {
    "row_number": pl.Int64(),
    "line": pl.Int64(),
    "reason": pl.String(),
    "column": pl.String(),
}
"""row_number: of the record, from 1. line: of the text file, NULL in Parquet. column: where the fault is, NULL where it is the whole row."""

REASONS: dict[str, str] = {
    "wrong_field_count": "The line has more or fewer fields than the header.",
    "bad_quotes": "A quoted field does not end, or something follows its end.",
    "not_utf8": "The line is no text of the import's `encoding`, which is UTF-8 unless it says otherwise.",
    "null_character": "The line holds U+0000.",
    "separator_character": "A part of the key holds U+001F.",
    "line_too_long": "The line is longer than 4 MB.",
    "field_too_long": "A field is longer than 1 MB.",
    "bad_json": "The line is no JSON object.",
    "unknown_field": "The object has a field that `expect` does not list.",
    "bad_integer": "The value is no integer of at most 18 digits.",
    "bad_number": "The value is no number; write a decimal point and no thousands.",
    "bad_boolean": "The value is neither true nor false.",
    "bad_time": "The value is no time, or one that cannot be.",
    "naive_time": "The time has no zone and the mapping gives none.",
    "not_finite": "The number is infinite, or not a number.",
    "too_long": "The value is longer than its column allows: 512 characters, text and payload 32 KB.",
    "no_identifier": "Nothing in the line says whose interaction it is.",
    "empty_key": "Every part of the line's key is empty, so that nothing tells it from other lines.",
    "bad_identifier": "The address is none, or is longer than an address can be.",
    "missing_value": "The kind requires a value here.",
    "unknown_kind": "The kind is not in the catalogue.",
    "unknown_touchpoint": "The playbook declares no such touchpoint.",
    "unknown_channel": f"There is no such channel; there are {', '.join(CHANNELS)}.",
    "unknown_purpose": f"There is no such purpose; there are {', '.join(PURPOSES)}.",
    "unknown_episode_type": "The playbook declares no such type of episode.",
    "unknown_target": "`about` is none of interaction:ID, episode:ID, touchpoint:NAME, none.",
    "unknown_preference": "There is no such preference, or the value makes no sense for it; allowed is for "
    f"{'; '.join(f'{key} {what}' for key, what in ALLOWED.items())}; for others {YES_OR_NO}.",
    "time_before_1900": "It happened before 1900.",
    "time_in_future": "It happened more than a day after it was received.",
    "reading_out_of_range": "A reading lies in [-1, 1].",
    "amount_too_large": "The amount is beyond 2^53 minor units.",
    "negative_revenue": "A purchase brings money in.",
    "positive_refund": "A refund takes money out.",
    "number_too_large": "The number does not fit its column.",
    "other_currency": "The organisation has one currency, and this is another.",
    "broken_event": "The event could not be mapped.",
}
"""Reason -> what it says to people; a mapping's own `reject_when` reasons come beside them."""


def meaning(reason: str, column: str | None) -> str:
    """What a reason says to people about a value of that column: of a preference, also what may be told."""
    if reason == "unknown_preference" and column is not None:
        key = column.removeprefix("preference.")
        if is_key(key):
            return f"The value makes no sense for the preference {key}: allowed is {ALLOWED.get(key, YES_OR_NO)}."
    return REASONS.get(reason, "The mapping rejects such lines.")


class Rejects:
    """One rejects file, made at the first reject: columns file, row_number, line, reason, column, means.

    counts   reason -> lines
    path     None while nothing was rejected
    """

    def __init__(self, directory: Path | None, name: str) -> None:
        self._directory = directory
        self._name = name
        self._handle: IO[str] | None = None
        self._writer: Any = None
        self.counts: Counter[str] = Counter()
        self.path: Path | None = None

    @property
    def total(self) -> int:
        """Lines rejected so far."""
        return self.counts.total()

    def add(self, file: str, rejected: pl.DataFrame) -> None:
        """Note rejected lines (SCHEMA), one row a line."""
        if rejected.is_empty():
            return
        for reason, count in rejected["reason"].value_counts().iter_rows():
            self.counts[reason] += count
        if self._directory is None:
            return
        writer = self._opened()
        for row_number, line, reason, column in rejected.select(*SCHEMA).iter_rows():
            means = meaning(reason, column)
            place = "" if line is None else line
            writer.writerow([guarded(file), row_number, place, guarded(reason), guarded((column or "")[:200]), means])

    def _opened(self) -> Any:
        if self._directory is not None and self._handle is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            number = 1
            while self._handle is None:
                path = self._directory / f"{self._name}-{number:04d}.csv"
                try:
                    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                except FileExistsError:
                    number += 1
                    continue
                self.path = path
                self._handle = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
            self._writer = csv.writer(self._handle)
            self._writer.writerow(["file", "row_number", "line", "reason", "column", "means"])
        return self._writer

    def __enter__(self) -> Rejects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.close()


def rejected(rows: Sequence[tuple[int, int | None, str, str | None]]) -> pl.DataFrame:
    """Rejected lines (row_number, line, reason, column) as a frame."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
