"""The curve is the law, and its band says how little is known."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.sample import NOW, SETTING
from touchline.kernel.times import DAY
from touchline.report.curve import Curve, Reading
from touchline.report.story import readings_of, rows_of

H = 180 * DAY


def test_one_fresh_reading_is_halved_by_the_k_of_the_law() -> None:
    estimate = Curve([Reading(0, 0, 0.8, 1.0)], H).at(0)
    assert estimate is not None
    assert (estimate.value, estimate.n) == (pytest.approx(0.4), 1)


def test_after_a_half_life_it_weighs_half() -> None:
    estimate = Curve([Reading(0, 0, 0.8, 1.0)], H).at(H)
    assert estimate is not None
    assert estimate.value == pytest.approx(0.5 * 0.8 / 1.5)


def test_a_reading_about_something_older_decays_from_that() -> None:
    late = Curve([Reading(H, 0, 0.8, 2.0)], H)
    assert late.at(H - 1) is None
    known = late.at(H)
    assert known is not None
    assert known.value == pytest.approx(1.0 * 0.8 / 2.0)


def test_nothing_is_known_before_the_first_reading() -> None:
    curve = Curve([Reading(5 * DAY, 5 * DAY, 0.5, 1.0)], H)
    assert curve.at(4 * DAY) is None
    assert curve.before(5 * DAY) is None
    assert curve.points(0, 30 * DAY, DAY)[0].at == 5 * DAY


def test_the_band_is_wide_for_little_and_widens_as_it_grows_old() -> None:
    one = Curve([Reading(0, 0, 0.5, 1.0)], H)
    many = Curve([Reading(0, 0, 0.5, 1.0)] * 20, H)

    def width(curve: Curve, at: int) -> float:
        estimate = curve.at(at)
        assert estimate is not None
        return estimate.high - estimate.low

    assert width(many, 0) < width(one, 0)
    assert width(many, 4 * H) > width(many, 0)
    assert width(one, 40 * H) == pytest.approx(2.0)


def test_the_band_has_its_known_answer() -> None:
    # u = 4: m = 4 x 0.4 / 5, v = (4 x (0.4 - m)^2 + 1/3) / 5, standard error = sqrt(v (16 + 1)) / 5
    estimate = Curve([Reading(0, 0, 0.4, 4.0)], H).at(0)
    assert estimate is not None
    assert estimate.value == pytest.approx(0.32)
    assert estimate.high - estimate.value == pytest.approx(1.959964 * ((4 * 0.08**2 + 1 / 3) / 5 * 17) ** 0.5 / 5)


def test_a_leap_has_both_its_sides() -> None:
    curve = Curve([Reading(0, 0, 1.0, 1.0), Reading(10 * DAY, 10 * DAY, -1.0, 1.0)], H)
    values = [point.value for point in curve.points(0, 20 * DAY, 50 * DAY) if point.at == 10 * DAY]
    assert len(values) == 2
    assert values[0] > values[1]


@given(
    st.lists(
        st.builds(
            Reading,
            known_at=st.integers(0, 10 * H),
            counts_from=st.integers(0, 10 * H),
            value=st.floats(-1, 1),
            weight=st.floats(0, 5),
        ),
        max_size=12,
    ),
    st.randoms(),
)
def test_the_order_of_readings_does_not_matter_and_bounds_hold(readings: list[Reading], random: object) -> None:
    shuffled = sorted(readings, key=lambda _: random.random())  # type: ignore[attr-defined] # Hypothesis' Random
    one, other = Curve(readings, H).at(11 * H), Curve(shuffled, H).at(11 * H)
    assert one == other
    if one is not None:
        assert -1 <= one.low <= one.value <= one.high <= 1


def test_the_curves_end_is_the_measure_of_the_base(ledger: pl.DataFrame, relationships: pl.DataFrame) -> None:
    known = relationships.filter(pl.col("experience__n") >= 3).head(40)
    assert known.height > 20
    for customer, overall, n in known.select("customer", "experience__overall", "experience__n").rows():
        rows = rows_of(ledger.filter(pl.col("persona_id") == customer), NOW)
        estimate = Curve(readings_of(rows, SETTING), SETTING.half_life).at(NOW)
        assert estimate is not None
        assert (estimate.value, estimate.n) == (pytest.approx(overall, abs=1e-6), n)
