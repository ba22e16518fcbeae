"""INSTANT: the reference and Polars agree on every text, zone and change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.expressions.frames import ENGINES, NAMES, by_reference, everywhere, on_engine, table
from touchline.expressions import check, to_frame
from touchline.expressions.formats import zones
from touchline.kernel.times import format_instant, parse_instant

LOCAL = {"from": datetime.fromisoformat("1890-01-01"), "until": datetime.fromisoformat("2110-01-01")}
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Pacific/Apia",
)
FORMATS = (
    "%Y%m%d",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%m/%d/%Y %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%d %H:%M:%S %z",
    "100%% on %d-%m-%Y",
)


def instants(texts: list[str | None], format_: str, zone: str) -> list[str | None]:
    told = everywhere(f"INSTANT(s, '{format_}', '{zone}')", {"s": texts}, polars_only=True)
    return [None if instant is None else format_instant(instant) for instant in told]


def test_a_date_alone_is_its_local_noon() -> None:
    assert instants(["19970101", "19970701"], "%Y%m%d", "America/New_York") == [
        "1997-01-01T17:00:00Z",
        "1997-07-01T16:00:00Z",
    ]


def test_an_impossible_date_is_unknown() -> None:
    texts = [
        "20230229",
        "20240229",
        "20231301",
        "20230431",
        "20230100",
        "2023011",
        "202301011",
        "",
        "abc",
        None,
        "19000229",
        "20000229",
    ]
    known = [None, "2024-02-29T12:00:00Z", *[None] * 9, "2000-02-29T12:00:00Z"]
    assert instants(texts, "%Y%m%d", "UTC") == known
    texts = [
        "2023-01-01 24:00:00",
        "2023-01-01 23:60:00",
        "2023-01-01 23:59:60",
        "2023-01-01  1:00:00",
        "٢٠٢٣-01-01 01:00:00",
    ]
    assert instants(texts, "%Y-%m-%d %H:%M:%S", "UTC") == [None] * 5


def test_what_the_clocks_jumped_over_is_unknown_and_what_they_passed_twice_is_the_earlier() -> None:
    texts = ["2024-03-31 01:59:59", "2024-03-31 02:30:00", "2024-03-31 03:00:00", "2024-10-27 02:30:00"]
    known = ["2024-03-31T00:59:59Z", None, "2024-03-31T01:00:00Z", "2024-10-27T00:30:00Z"]
    assert instants(texts, "%Y-%m-%d %H:%M:%S", "Europe/Berlin") == known


def test_an_offset_in_the_text_is_used_and_needs_no_zone() -> None:
    texts = [
        "2015-02-24 11:35:52 -0800",
        "2015-02-24 11:35:52 Z",
        "2015-02-24 11:35:52 +05:30",
        "2015-02-24 11:35:52 +1660",
        "2015-02-24 11:35:52",
    ]
    told = everywhere("INSTANT(s, '%Y-%m-%d %H:%M:%S %z')", {"s": texts}, polars_only=True)
    known = ["2015-02-24T19:35:52Z", "2015-02-24T11:35:52Z", "2015-02-24T06:05:52Z"]
    assert told == [*map(parse_instant, known), None, None]


def test_a_fraction_is_cut_to_microseconds() -> None:
    texts = ["2012/10/09 14:50:17.000", "2012/10/09 14:50:17.5", "2012/10/09 14:50:17.123456789"]
    known = ["2012-10-09T14:50:17Z", "2012-10-09T14:50:17.500000Z", "2012-10-09T14:50:17.123456Z"]
    assert instants(texts, "%Y/%m/%d %H:%M:%S.%f", "UTC") == known


def test_before_1970_a_zone_has_the_offset_with_which_1970_began() -> None:
    texts = ["1968-02-01 12:00:00", "1969-12-31 23:59:59", "1970-01-01 00:00:00"]
    known = ["1968-02-01T11:00:00Z", "1969-12-31T22:59:59Z", "1969-12-31T23:00:00Z"]
    assert instants(texts, "%Y-%m-%d %H:%M:%S", "Europe/London") == known


def test_years_without_known_rules_are_unknown() -> None:
    texts = ["0000-01-01", "1899-12-31", "1900-01-01", "2099-12-31", "2100-01-01", "9999-12-31"]
    assert instants(texts, "%Y-%m-%d", "UTC") == [
        None,
        None,
        "1900-01-01T12:00:00Z",
        "2099-12-31T12:00:00Z",
        None,
        None,
    ]


@given(
    st.lists(st.datetimes(LOCAL["from"], LOCAL["until"]), min_size=1, max_size=40),
    st.sampled_from(FORMATS),
    st.sampled_from(ZONES),
)
def test_polars_and_the_reference_agree_on_every_local_time(moments: list[datetime], format_: str, zone: str) -> None:
    aware = [moment.replace(tzinfo=ZoneInfo(zone)) for moment in moments]
    texts = [f"{moment.year:04d}".join(moment.strftime(part) for part in format_.split("%Y")) for moment in aware]
    everywhere(f"INSTANT(s, '{format_}', '{zone}')", {"s": texts}, polars_only=True)


@given(
    st.lists(st.text(alphabet="0123456789-/: .TZ+%", max_size=20), min_size=1, max_size=30), st.sampled_from(FORMATS)
)
@settings(max_examples=examples(30))
def test_polars_and_the_reference_agree_on_every_text(texts: list[str], format_: str) -> None:
    everywhere(f"INSTANT(s, '{format_}', 'Europe/Berlin')", {"s": texts}, polars_only=True)


def changes(zone: str) -> list[datetime]:
    """The UTC instants, to the minute, at which the zone's offset changes."""
    place, found = ZoneInfo(zone), []

    def offset(moment: datetime) -> timedelta | None:
        return moment.astimezone(place).utcoffset()

    moment = datetime(1900, 1, 1, tzinfo=UTC)
    while moment.year < 2100:
        early, late = moment, moment + timedelta(days=10)
        while offset(early) != offset(late) and late - early > timedelta(minutes=1):
            middle = early + (late - early) / 2
            early, late = (middle, late) if offset(middle) == offset(early) else (early, middle)
        if offset(early) != offset(late):
            found.append(late)
        moment += timedelta(days=10)
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_polars_and_the_reference_agree_around_every_change_of_the_clocks(zone: str) -> None:
    texts = ["2000-01-01 00:00:00"]
    for change in changes(zone):
        local = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        texts += [(local + timedelta(minutes=20 * step)).strftime("%Y-%m-%d %H:%M:%S") for step in range(-8, 9)]
    everywhere(f"INSTANT(s, '%Y-%m-%d %H:%M:%S', '{zone}')", {"s": texts}, polars_only=True)


def test_every_zone_that_may_be_named_is_known_to_polars() -> None:
    years = (1950, 1969, 1970, 1980, 1990, 2000, 2010, 2025, 2050, 2099)
    frame = table({"s": [f"{year}-{day}" for year in years for day in ("01-01", "07-01")]})
    named = [check(f"INSTANT(s, '%Y-%m-%d', '{zone}')", NAMES, dialect="mapping") for zone in sorted(zones())]
    told = by_reference(named, frame)
    for expression, wanted, got in zip(named, told, on_engine(ENGINES[0], named, frame), strict=True):
        assert got == wanted, expression.text


def test_another_engine_says_that_instant_runs_on_polars() -> None:
    expression = check("INSTANT(s, '%Y-%m-%d', 'UTC')", NAMES, dialect="mapping")
    (_, duckdb) = ENGINES
    with pytest.raises(AttributeError, match="instant_runs_on_polars_only"):
        duckdb.lazy(table({"s": ["2020-01-01"]})).select(to_frame(expression).alias("r"))
