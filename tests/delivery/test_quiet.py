"""Quiet hours by the clock on the customer's wall, over the changes of daylight-saving time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.decision.builder import condition, conversation, playbook
from touchline.decision.rules import drafts
from touchline.delivery.quiet import NEVER, is_quiet, next_allowed
from touchline.expressions import evaluate
from touchline.kernel.times import DAY, HOUR, MINUTE, format_instant, from_micros, parse_instant
from touchline.playbook.compiled import Policies

NIGHT = (20 * 60, 8 * 60, ())
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "UTC")


def after(quiet: tuple[int, int, tuple[int, ...]] | None, zone: str, at: str) -> str:
    return format_instant(next_allowed(quiet, zone, parse_instant(at)))


def wall(zone: str, instant: str) -> str:
    return from_micros(parse_instant(instant)).astimezone(ZoneInfo(zone)).strftime("%a %H:%M")


@pytest.mark.parametrize(
    ("zone", "at", "first"),
    [
        # Berlin goes forward on 29 March 2026 at 02:00 and back on 25 October at 03:00.
        ("Europe/Berlin", "2026-03-27T22:00:00Z", "2026-03-28T07:00:00Z"),
        ("Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T07:00:00Z"),
        ("Europe/Berlin", "2026-10-23T22:00:00Z", "2026-10-24T06:00:00Z"),
        # New York goes forward on 8 March 2026 and back on 1 November.
        ("America/New_York", "2026-03-08T03:00:00Z", "2026-03-08T12:00:00Z"),
        ("America/New_York", "2026-03-07T03:00:00Z", "2026-03-07T13:00:00Z"),
        ("America/New_York", "2026-11-01T03:00:00Z", "2026-11-01T13:00:00Z"),
        # Half hours: India all year, and Lord Howe, whose clock changes by half an hour.
        ("Asia/Kolkata", "2026-03-28T15:00:00Z", "2026-03-29T02:30:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T12:00:00Z", "2026-04-04T21:30:00Z"),
        ("Australia/Lord_Howe", "2026-10-03T12:00:00Z", "2026-10-03T21:00:00Z"),
    ],
)
def test_the_night_ends_at_eight_on_the_customers_wall(zone: str, at: str, first: str) -> None:
    assert after(NIGHT, zone, at) == first
    assert wall(zone, first).endswith("08:00")


@pytest.mark.parametrize("zone", ZONES)
def test_what_is_not_quiet_is_allowed_at_once(zone: str) -> None:
    noon = int(datetime(2026, 3, 29, 12, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    assert next_allowed(NIGHT, zone, noon) == noon
    assert next_allowed(None, zone, noon - 12 * HOUR) == noon - 12 * HOUR


def test_a_quiet_end_inside_the_missing_hour_is_the_change_itself() -> None:
    # There is no 02:30 in Berlin that night: 01:59 is followed by 03:00.
    assert after((22 * 60, 150, ()), "Europe/Berlin", "2026-03-28T23:00:00Z") == "2026-03-29T01:00:00Z"
    assert after((22 * 60, 150, ()), "America/New_York", "2026-03-08T05:00:00Z") == "2026-03-08T07:00:00Z"


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    quiet = (22 * 60, 150, ())
    assert after(quiet, "Europe/Berlin", "2026-10-24T23:00:00Z") == "2026-10-25T00:30:00Z"
    # 02:10 the second time.
    assert after(quiet, "Europe/Berlin", "2026-10-25T01:10:00Z") == "2026-10-25T01:30:00Z"
    assert after(quiet, "America/New_York", "2026-11-01T06:10:00Z") == "2026-11-01T07:30:00Z"


def test_a_quiet_sunday_ends_with_the_night_after_it() -> None:
    quiet = (20 * 60, 8 * 60, (6,))
    # 29 March 2026 is a Sunday, and an hour short.
    assert after(quiet, "Europe/Berlin", "2026-03-28T23:30:00Z") == "2026-03-30T06:00:00Z"
    assert after((12 * 60, 13 * 60, (6,)), "Europe/Berlin", "2026-10-25T08:00:00Z") == "2026-10-25T23:00:00Z"


def test_where_every_day_is_quiet_nothing_ever_leaves() -> None:
    assert next_allowed((0, 1, tuple(range(7))), "UTC", 0) == NEVER


instants = st.one_of(
    st.integers(parse_instant("2025-01-01T00:00:00Z"), parse_instant("2027-01-01T00:00:00Z")),
    st.sampled_from(["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"])
    .map(parse_instant)
    .flatmap(lambda change: st.integers(change - DAY, change + DAY)),
)


@given(
    at=instants,
    zone=st.sampled_from(ZONES),
    begin=st.integers(0, 1439),
    end=st.integers(0, 1440),
    days=st.sets(st.integers(0, 6), max_size=2),
)
def test_the_first_allowed_instant_is_allowed_and_none_before_it_is(
    at: int, zone: str, begin: int, end: int, days: set[int]
) -> None:
    assume((begin, end) != (0, 1440))
    quiet = (begin, end, tuple(sorted(days)))
    first = next_allowed(quiet, zone, at)
    assert first >= at
    assert not is_quiet(quiet, zone, first)
    # By the plainest reading: minute after minute.
    minute = at
    while minute < first:
        assert is_quiet(quiet, zone, minute)
        minute = (
            minute - minute % MINUTE + MINUTE * 7 if first - minute > 2 * HOUR else minute - minute % MINUTE + MINUTE
        )


@given(
    at=instants,
    zone=st.sampled_from(ZONES),
    begin=st.integers(0, 1439),
    end=st.integers(0, 1440),
    days=st.sets(st.integers(0, 6), max_size=3),
)
def test_what_is_quiet_here_is_what_the_policy_calls_quiet(
    at: int, zone: str, begin: int, end: int, days: set[int]
) -> None:
    quiet = (begin, end, tuple(sorted(days)))
    talk = conversation()
    book = playbook(talk, policies=Policies(quiet=quiet))
    blocks = [draft.blocks for draft in drafts(book, talk, talk.ways[0]) if draft.name == "quiet_hours"]
    local = from_micros(at).astimezone(ZoneInfo(zone))
    facts = {"clock.minute": local.hour * 60 + local.minute, "clock.weekday": local.weekday()}
    blocked = any(evaluate(condition(block), facts) is True for block in blocks)
    assert is_quiet(quiet, zone, at) == blocked
