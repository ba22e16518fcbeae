"""Every character of Unicode: outside of the listed ones the three forms agree on its case."""

from __future__ import annotations

import pytest

from tests.expressions.frames import ENGINES, NAMES, by_reference, on_engine, table
from touchline.expressions import check
from touchline.expressions.casing import NO_LOWER, NO_UPPER

CHARACTERS = [chr(point) for point in range(1, 0x110000) if not 0xD800 <= point <= 0xDFFF]
FORMS = [("LOWER", NO_LOWER), ("UPPER", NO_UPPER)]


def odd(runs: tuple[tuple[int, int], ...]) -> set[str]:
    return {chr(point) for first, last in runs for point in range(first, last + 1)}


@pytest.mark.parametrize(("function", "runs"), FORMS)
def test_every_letter_has_the_same_case_everywhere(function: str, runs: tuple[tuple[int, int], ...]) -> None:
    letters = sorted({c for c in CHARACTERS if c.lower() != c or c.upper() != c} | odd(runs))
    frame, expression = table({"s": letters}), check(f"{function}(s)", NAMES)
    (told,) = by_reference([expression], frame)
    assert {c for c, value in zip(letters, told, strict=True) if value is None} == odd(runs)
    for engine in ENGINES:
        (got,) = on_engine(engine, [expression], frame)
        assert [(c, w, g) for c, w, g in zip(letters, told, got, strict=True) if w != g] == [], engine.name


@pytest.mark.parametrize(("function", "runs"), FORMS)
def test_no_engine_changes_what_has_no_case(function: str, runs: tuple[tuple[int, int], ...]) -> None:
    left_out = odd(runs)
    caseless = "".join(c for c in CHARACTERS if c.lower() == c == c.upper() and c not in left_out)
    pieces = [caseless[place : place + 500] for place in range(0, len(caseless), 500)]
    for engine in ENGINES:
        (got,) = on_engine(engine, [check(f"{function}(s)", NAMES)], table({"s": pieces}))
        assert [(piece, g) for piece, g in zip(pieces, got, strict=True) if g != piece] == [], engine.name
