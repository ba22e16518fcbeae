"""In: nothing. Out: the closed list of functions and the limits of a text. Writes no interactions.

Adding a function is a step list in CONTRIBUTING.md; a test fails when a step is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_TEXT = 20_000
"""Characters of one expression."""
DEEPEST = 20
"""Levels of parentheses, CASE and signs inside one another."""
DEEPEST_TREE = 100
"""Levels of operations, `a + b + c` having two."""
LARGEST_SIZE = 10_000
"""Operations of the frame form, guards included."""
MOST_NAMES = 100
"""Different names that one expression may read."""
LARGEST_INTEGER = 2**53
"""Up to here float64 holds every integer."""
MICROS_PER_DAY = 86_400_000_000.0


@dataclass(frozen=True)
class Function:
    """One function of the language.

    least, most  number of arguments; `most` None is any number
    mapping      only in imports and mapping, not in conditions
    means        one sentence for people, with what it does to NULL
    """

    name: str
    least: int
    most: int | None
    means: str
    mapping: bool = False

    def takes(self, count: int) -> bool:
        """Whether so many arguments are allowed."""
        return self.least <= count and (self.most is None or count <= self.most)

    @property
    def arity(self) -> str:
        """`1 argument`, `2 or more arguments`."""
        if self.most is None:
            return f"{self.least} or more arguments"
        if self.least != self.most:
            return f"{self.least} to {self.most} arguments"
        return f"{self.least} argument{'s' if self.least > 1 else ''}"


FUNCTIONS: Mapping[str, Function] = {
    function.name: function
    for function in (
        Function("COALESCE", 2, None, "the first argument that is known"),
        Function("NULLIF", 2, 2, "NULL where both are equal, else the first"),
        Function("ABS", 1, 1, "size without sign, a number"),
        Function("LEAST", 2, None, "the smallest of the arguments that are known; NULL where none is"),
        Function("GREATEST", 2, None, "the largest of the arguments that are known; NULL where none is"),
        Function("LOWER", 1, 1, "small letters, each one for one; NULL where Unicode has no one-for-one form"),
        Function(
            "UPPER", 1, 1, "capital letters, each one for one, and SS for ß; NULL where Unicode has no one-for-one form"
        ),
        Function("TRIM", 1, 1, "without spaces (U+0020) at both ends"),
        Function("LENGTH", 1, 1, "number of characters (code points)"),
        Function("CONCAT", 2, None, "texts in a row; NULL where one is"),
        Function(
            "CAST", 1, 1, "CAST(x AS integer|number|text|boolean); NULL where the text is no such value", mapping=True
        ),
        Function(
            "INSTANT", 2, 3, "INSTANT(text, 'format', 'zone'); NULL where the text is no such instant", mapping=True
        ),
    )
}
FIRST_YEAR, LAST_YEAR = 1900, 2099
"""INSTANT is NULL outside: libraries do not agree on the rules of zones there."""
ZONES_SINCE = 1970
"""Before this year the zone's offset at its beginning is used, since libraries keep older changes of the clocks or not."""
