"""Numbers as people read them, and intervals with known answers."""

from __future__ import annotations

import math

import pytest

from touchline.kernel.times import DAY, HOUR, MINUTE, parse_instant
from touchline.report import figures
from touchline.report.figures import Estimate, mean_of, share_of


def test_thousands_are_parted_and_minus_is_a_minus() -> None:
    assert figures.number(1234567) == "1\u202f234\u202f567"
    assert figures.number(-0.314, 2) == "\u22120.31"
    assert figures.number(-0.001, 2) == "0.00"


def test_a_sign_stands_before_what_has_one() -> None:
    assert [figures.signed(value) for value in (0.314, -0.314, 0.001, -0.001)] == [
        "+0.31",
        "\u22120.31",
        "0.00",
        "0.00",
    ]


def test_wilson_is_wilson() -> None:
    estimate = share_of(10, 100)
    assert estimate is not None
    assert (estimate.low, estimate.high) == (pytest.approx(0.0552, abs=1e-4), pytest.approx(0.1744, abs=1e-4))


def test_a_share_of_none_is_unknown_and_of_all_stays_below_one() -> None:
    assert share_of(0, 0) is None
    every = share_of(5, 5)
    assert every is not None
    assert every.low < 1 == every.high


def test_the_mean_of_one_has_no_interval() -> None:
    alone = mean_of(0.4, None, 1)
    assert alone is not None
    assert math.isinf(alone.low)
    assert figures.interval(alone) == "no interval from one"


def test_a_mean_carries_its_normal_interval() -> None:
    assert mean_of(0.2, 0.5, 100) == Estimate(0.2, pytest.approx(0.102, abs=1e-3), pytest.approx(0.298, abs=1e-3), 100)


def test_money_has_its_sign_and_its_digits() -> None:
    assert figures.money(54.9, "EUR") == "€54.90"
    assert figures.money(-1200.0, "EUR") == "\u2212€1\u202f200"
    assert figures.money(10.0, "CHF") == "CHF 10.00"


def test_dates_are_those_of_the_readers_zone() -> None:
    instant = parse_instant("2026-01-31T23:30:00Z")
    assert figures.date(instant, "Europe/Berlin") == "1 Feb 2026"
    assert figures.date_time(instant, "UTC") == "31 Jan 2026, 23:30"


@pytest.mark.parametrize(
    ("back", "text"),
    [
        (HOUR, "today"),
        (DAY, "yesterday"),
        (20 * DAY, "20 days ago"),
        (100 * DAY, "3 months ago"),
        (800 * DAY, "2 years ago"),
    ],
)
def test_how_long_ago(back: int, text: str) -> None:
    assert figures.ago(0, back) == text


@pytest.mark.parametrize(
    ("micros", "text"), [(40 * MINUTE, "40 min"), (130 * MINUTE, "2 h 10 min"), (3 * DAY, "3 days")]
)
def test_how_long_it_took(micros: int, text: str) -> None:
    assert figures.duration(micros) == text


def test_the_ends_of_a_narrow_interval_are_told_apart() -> None:
    assert figures.interval(Estimate(0.071, 0.0707, 0.0716, 9)) == "0.071 to 0.072"
    assert figures.interval(Estimate(0.1, 0.1, 0.1, 9)) == "0.10 to 0.10"
