"""A time and a small value in one integer: the maximum is the latest, and both come back."""

from __future__ import annotations

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from touchline.interactions import preferences
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.times import parse_instant
from touchline.relationship import packing

TIMES = st.integers(parse_instant("1901-01-01T00:00:00Z"), parse_instant("2200-01-01T00:00:00Z"))


@given(rows=st.lists(st.tuples(TIMES, st.integers(0, packing.VALUES - 1)), min_size=1, max_size=20))
@settings(max_examples=examples(30))
@pytest.mark.parametrize("name", ENGINES)
def test_the_maximum_is_the_latest_and_of_equal_times_the_larger(name: str, rows: list[tuple[int, int]]) -> None:
    engine = Engine(name)
    frame = engine.lazy(pl.DataFrame(rows, schema={"t": pl.Int64, "v": pl.Int64}, orient="row"))
    packed = frame.select(p=packing.value_at(nw.col("t"), nw.col("v"))).select(nw.col("p").max())
    assert (
        engine.collect(packed.select(v=packing.value_of(nw.col("p")))).item() == max((t // 1000, v) for t, v in rows)[1]
    )


@pytest.mark.parametrize("name", ENGINES)
def test_readings_places_and_flags_come_back(name: str) -> None:
    engine = Engine(name)
    times = [parse_instant("1950-05-05T05:05:05.123456Z"), parse_instant("2026-01-01T00:00:00.000001Z")] * 3
    readings = [-1.0, 1.0, 0.0, 0.3, -0.7, 0.12346]
    frame = engine.lazy(pl.DataFrame({"t": times, "r": readings, "n": [0, 511, 1, 0, 1, 7]}))
    got = engine.collect(
        frame.select(
            "t",
            "r",
            "n",
            reading=packing.reading_of(packing.reading_at(nw.col("t"), nw.col("r"))),
            place=packing.place_of(packing.place_at(nw.col("t"), nw.col("n"))),
            at=packing.time_of_place(packing.place_at(nw.col("t"), nw.col("n"))),
            flag=packing.flag_of(packing.flag_at(nw.col("t"), nw.col("n") % 2)),
            when=packing.time_of_flag(packing.flag_at(nw.col("t"), nw.col("n") % 2)),
        )
    )
    assert got["reading"].to_list() == pytest.approx(got["r"].to_list(), abs=1e-12)
    assert got["place"].equals(got["n"].alias("place"))
    assert got["at"].equals(got["t"].alias("at"))
    assert got["when"].equals(got["t"].alias("when"))
    assert got["flag"].to_list() == [n % 2 for n in got["n"]]


def test_every_preference_fits_beside_a_time() -> None:
    told = [preferences.encode("hours", "00:00-24:00"), preferences.encode("language", "zz"), *preferences.zone_codes()]
    assert all(value is not None and 0 <= value < packing.VALUES for value in told)
