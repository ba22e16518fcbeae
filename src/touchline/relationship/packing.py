"""In: a time and a small value. Out: an integer whose maximum is the latest; its parts. Writes no interactions.

`max_by` does not exist in Narwhals and is no monoid on its own; the maximum of such an integer is one. Among equal
times the larger value wins, so that the result does not depend on the order of the rows.
"""

from __future__ import annotations

import narwhals as nw

VALUES = 2**20
"""A value packed beside a time is below it; the time is in milliseconds, good for some 278 years about 1970."""

STEPS = 500_000
"""Steps of a reading from 0 to 1: one of up to five decimals comes back as it was, others within 1e-6."""

PLACES = 512
"""A place's number packed beside a time is below it; the time stays in microseconds."""

STEPPED = 1000
"""A step's place packed beside a time is below it; the time stays in microseconds."""

LEFT = 999
"""The place of who left a programme, or stands at a step that is gone with all that followed it: after every other one."""

Expr = nw.Expr
_MILLI = 1000


def value_at(time: Expr, value: Expr) -> Expr:
    """Time (µs) and a whole value from 0 to 2^20 - 1."""
    return (time // _MILLI) * VALUES + value


def value_of(packed: Expr) -> Expr:
    """The value packed by `value_at`."""
    return packed % VALUES


def reading_at(time: Expr, reading: Expr) -> Expr:
    """Time (µs) and a reading in [-1, 1]."""
    return value_at(time, ((reading + 1.0) * float(STEPS) + 0.5).floor().cast(nw.Int64))


def reading_of(packed: Expr) -> Expr:
    """The reading packed by `reading_at`, within 1e-6."""
    return value_of(packed).cast(nw.Float64) / float(STEPS) - 1.0


def place_at(time: Expr, place: Expr) -> Expr:
    """Time (µs) and a place's number."""
    return time * PLACES + place


def place_of(packed: Expr) -> Expr:
    """The number of the place packed by `place_at`."""
    return packed % PLACES


def time_of_place(packed: Expr) -> Expr:
    """The time (µs) packed by `place_at`."""
    return packed // PLACES


def step_at(time: Expr, place: Expr) -> Expr:
    """Time (µs) and the place of a step."""
    return time * STEPPED + place


def step_of(packed: Expr) -> Expr:
    """The place of the step packed by `step_at`."""
    return packed % STEPPED


def time_of_step(packed: Expr) -> Expr:
    """The time (µs) packed by `step_at`."""
    return packed // STEPPED


def flag_at(time: Expr, flag: Expr) -> Expr:
    """Time (µs) and a whole flag, 0 or 1."""
    return time * 2 + flag


def flag_of(packed: Expr) -> Expr:
    """The flag packed by `flag_at`."""
    return packed % 2


def time_of_flag(packed: Expr) -> Expr:
    """The time (µs) packed by `flag_at`."""
    return packed // 2
