"""In: nothing. Out: the five value types of expressions, measures and mappings. Writes no interactions."""

from __future__ import annotations

from enum import StrEnum

Value = float | int | str | bool | None
"""What an expression or a measure can be: a time is an int of microseconds UTC; unknown is None."""


class Type(StrEnum):
    """A value's type. An integer is accepted wherever a number is."""

    NUMBER = "number"
    INTEGER = "integer"
    TEXT = "text"
    BOOLEAN = "boolean"
    TIME = "time"
