"""Intervals: known answers of the papers, and what must hold for any counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.proof import difference, sample_ratio, wilson

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_the_interval_is_that_of_newcombes_table(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, table II, method 10."""
    found = difference(a, m, b, n)
    assert found.difference == pytest.approx(a / m - b / n)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(
    ("reached", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_newcombes_other_table(reached: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    assert wilson(reached, n) == pytest.approx((low, high), abs=5e-5)


@given(counts, counts)
def test_an_interval_holds_its_difference_and_turns_round_with_the_arms(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    there, back = difference(*one, *other), difference(*other, *one)
    assert there.difference is not None
    assert there.low is not None
    assert there.high is not None
    assert back.low is not None
    assert back.high is not None
    assert -1 <= there.low <= there.difference + 1e-12
    assert there.difference - 1e-12 <= there.high <= 1
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_an_empty_arm_has_no_difference() -> None:
    assert difference(3, 10, 0, 0).difference is None
    assert difference(3, 10, 0, 0).treated == pytest.approx(0.3)
    assert difference(0, 0, 0, 0).low is None


def test_the_sample_ratio_is_pearsons() -> None:
    """821,588 against 815,482 at one half is the mismatch of Kohavi, Tang and Xu 2020, chapter 3: p = 1.8e-6."""
    assert sample_ratio(821_588, 815_482, 0.5) == pytest.approx(1.8e-6, rel=0.03)
    assert sample_ratio(900, 100, 0.1) == 1.0
    # The chi-square of 3.841 with one degree of freedom has p = 0.05.
    n, share = 1000, 0.1
    off = math.sqrt(3.841458820694124 * n * share * (1 - share))
    assert sample_ratio(n - 100 - round(off), 100 + round(off), share) == pytest.approx(0.05, abs=0.01)


def test_without_a_holdout_there_is_no_ratio_to_look_at() -> None:
    assert sample_ratio(10, 0, 0.0) is None
    assert sample_ratio(0, 0, 0.1) is None
