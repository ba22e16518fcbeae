"""Every character of Unicode: outside of the listed ones the three forms agree on its case."""

from __future__ import annotations

import pytest

from tests.expressions.frames import ENGINES, NAMES, by_reference, on_engine, table
from touchline.expressions import check
from touchline.expressions.casing import NO_LOWER, NO_UPPER

CHARACTERS = [chr(point) for point in range(1, 0x110000) if not 0xD800 <= point <= 0xDFFF]


@pytest.mark.parametrize(("function", "runs"), [("LOWER", NO_LOWER), ("UPPER", NO_UPPER)])
def test_every_character_has_the_same_case_everywhere(function: str, runs: tuple[tuple[int, int], ...]) -> None:
    cased = [c for c in CHARACTERS if c.lower() != c or c.upper() != c or any(a <= ord(c) <= b for a, b in runs)]
    frame, expression = table({"s": cased}), check(f"{function}(s)", NAMES)
    (told,) = by_reference([expression], frame)
    for engine in ENGINES:
        (got,) = on_engine(engine, [expression], frame)
        differing = [(hex(ord(c)), w, g) for c, w, g in zip(cased, told, got, strict=True) if w != g]
        assert differing == [], engine.name
    assert sum(value is None for value in told) == sum(last - first + 1 for first, last in runs)


def test_characters_that_python_thinks_caseless_are_left_alone_by_the_engines() -> None:
    caseless = [c for c in CHARACTERS if c.lower() == c == c.upper()]
    frame = table({"s": caseless})
    for function in ("LOWER", "UPPER"):
        expression = check(f"{function}(s)", NAMES)
        for engine in ENGINES:
            (got,) = on_engine(engine, [expression], frame)
            assert [g for c, g in zip(caseless, got, strict=True) if g not in (c, None)] == [], (function, engine.name)
