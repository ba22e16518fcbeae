"""The base in figures: known answers on a few rows, and the law at each instant."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from tests.report.sample import NOW, SETTING
from touchline.kernel.times import DAY
from touchline.report import base_of, map_of, series_of
from touchline.report.map import EVERY

FEW = pl.DataFrame(
    {
        "customer": [1, 2, 3, 4],
        "stage": ["active", "active", "lapsed", None],
        "experience__overall": [0.5, -0.5, 1.0, None],
        "experience__delivery": [0.4, -0.8, None, None],
        "experience__logistics": [0.4, -0.8, None, None],
        "care__due": [False, True, None, False],
        "care__missed": [0, 2, 0, 0],
        "dialogue__open": [1, 0, 2, 0],
        "dialogue__overdue": [0, 0, 1, 0],
        "value__balance": [0.5, -0.5, 0.0, 0.0],
        "hand_raiser": [True, False, False, False],
    }
)


def test_figures_count_who_is_known_and_who_is_not() -> None:
    base = base_of(FEW, 17)
    assert (base.customers, base.interactions, base.open, base.overdue) == (4, 17, 3, 1)
    assert base.overall is not None
    assert (base.overall.n, base.overall.value) == (3, pytest.approx(1 / 3))
    assert base.unhappy is not None
    assert (base.unhappy.n, base.unhappy.value) == (3, pytest.approx(1 / 3))
    assert base.care_due is not None
    assert (base.care_due.n, base.care_due.value) == (4, 0.25)
    assert base.missed is not None
    assert base.missed.value == 0.25


def test_the_distribution_holds_everybody_once_the_ends_too() -> None:
    histogram = base_of(FEW, 0).histogram
    assert sum(histogram) == 3
    assert (histogram[5], histogram[15], histogram[19]) == (1, 1, 1)


def test_a_frame_without_a_measure_leaves_its_figure_out() -> None:
    base = base_of(pl.DataFrame({"customer": [1, 2]}), 0)
    assert (base.overall, base.care_due, base.raised, base.open) == (None, None, None, 0)


def test_the_map_has_every_stage_and_all_of_them() -> None:
    found = map_of(FEW, SETTING)
    assert found.stages == ("active", "lapsed", EVERY)
    assert found.reach == (2, 1, 4)
    assert [line.name for line in found.lines] == ["logistics", "delivery"]
    active, lapsed, every = found.lines[1].cells
    assert active.estimate is not None
    assert (active.estimate.n, active.estimate.value) == (2, pytest.approx(-0.2))
    assert lapsed.estimate is None
    assert every.estimate == active.estimate
    assert active.spread == pytest.approx(0.8485, abs=1e-4)


def test_worst_is_what_weighs_most_and_is_surely_below_zero() -> None:
    many = pl.concat([FEW] * 200).with_columns(experience__returns=pl.lit(-0.05), experience__invoice=pl.lit(-0.3))
    many = many.with_columns(
        experience__invoice=pl.when(pl.int_range(pl.len()) < 120).then("experience__invoice"),
        experience__returns=pl.col("experience__returns") - 0.001 * (pl.int_range(pl.len()) % 3),
    )
    worst = map_of(many, SETTING).worst()
    assert worst is not None
    # delivery has the lowest mean of all, over 400; returns the most customers, but little each
    assert worst.name == "delivery"


def test_a_place_that_is_good_on_average_costs_nothing() -> None:
    assert map_of(pl.concat([FEW.with_columns(experience__delivery=0.3)] * 200), SETTING).worst() is None


def test_the_course_ends_at_the_mean_of_the_base(ledger: pl.DataFrame, relationships: pl.DataFrame) -> None:
    points = series_of(ledger, SETTING, [NOW - 365 * DAY, NOW])
    base = base_of(relationships, 0)
    assert base.overall is not None
    assert points[-1].value == pytest.approx(base.overall.value, abs=1e-6)
    assert points[-1].low == pytest.approx(base.overall.low, abs=1e-6)
    assert points[0].at < points[1].at


def test_linked_people_count_once(ledger: pl.DataFrame) -> None:
    one = ledger.with_columns(customer=pl.lit(1))
    assert series_of(one, SETTING, [NOW]) == ()


def test_the_figures_are_the_same_on_duckdb(relationships: pl.DataFrame, ledger: pl.DataFrame) -> None:
    with duckdb.connect() as connection:
        connection.register("r", relationships.to_arrow())
        connection.register("l", ledger.to_arrow())
        there, rows = connection.table("r"), connection.table("l")
        assert base_of(there, 5).histogram == base_of(relationships, 5).histogram
        polars, duck = map_of(relationships, SETTING), map_of(there, SETTING)
        assert (polars.stages, polars.reach) == (duck.stages, duck.reach)
        for one, other in zip(polars.lines, duck.lines, strict=True):
            for cell, same in zip(one.cells, other.cells, strict=True):
                assert (cell.estimate is None) == (same.estimate is None)
                if cell.estimate is not None and same.estimate is not None:
                    assert cell.estimate.value == pytest.approx(same.estimate.value)
        points = series_of(rows, SETTING, [NOW])
        assert points[0].value == pytest.approx(series_of(ledger, SETTING, [NOW])[0].value)
