"""In: quiet hours, a zone, an instant. Out: the first instant from then on that is not quiet. Writes no interactions.

Quiet is what the clock on the customer's wall says, as the policy reads it. On the day it is put forward an hour that is
missing can be nobody's; on the day it is put back an hour comes twice, and is quiet both times or not at all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from touchline.kernel.times import DAY, MINUTE, from_micros, to_micros

Quiet = tuple[int, int, tuple[int, ...]]
"""From minute, until minute, whole quiet days (0 is Monday): `Policies.quiet`."""

NEVER = 2**62
"""Later than any message may wait."""

_LOOK_AHEAD_DAYS = 9
"""A week of quiet days ends inside it, or never."""


def is_quiet(quiet: Quiet | None, zone: str, at: int) -> bool:
    """Whether messages rest then; the same rule as the policy `quiet_hours`."""
    return quiet is not None and _rests(quiet, from_micros(at).astimezone(ZoneInfo(zone)))


def next_allowed(quiet: Quiet | None, zone: str, at: int) -> int:
    """The first instant from `at` on (microseconds) that is not quiet; NEVER where every day is a quiet one."""
    if quiet is None or not is_quiet(quiet, zone, at):
        return at
    place = ZoneInfo(zone)
    # Quiet ends where the wall's clock comes to a boundary, or where it is put past one: there are no other instants.
    ends = [*_boundaries(quiet, place, at), *_changes(place, at)]
    return min((end for end in ends if end > at and not is_quiet(quiet, zone, end)), default=NEVER)


def _rests(quiet: Quiet, local: datetime) -> bool:
    begin, end, days = quiet
    minute = local.hour * 60 + local.minute
    over_midnight = begin > end and (minute >= begin or minute < end)
    return begin <= minute < end or over_midnight or local.weekday() in days


def _boundaries(quiet: Quiet, place: ZoneInfo, at: int) -> list[int]:
    """Each midnight and each end of quiet hours of the days ahead, both times where it comes twice."""
    first = from_micros(at).astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return [
        to_micros((first + timedelta(days=day, minutes=minute)).replace(tzinfo=place, fold=fold).astimezone(UTC))
        for day in range(-1, _LOOK_AHEAD_DAYS)
        for minute in (0, quiet[1])
        for fold in (0, 1)
    ]


def _changes(place: ZoneInfo, at: int) -> list[int]:
    """The instants of the days ahead at which the zone's offset changes, to the minute."""
    found = []
    for start in range(at - at % MINUTE, at + _LOOK_AHEAD_DAYS * DAY, DAY):
        low, high = start, start + DAY
        before = _offset(place, low)
        if _offset(place, high) == before:
            continue
        while high - low > MINUTE:
            middle = low + (high - low) // (2 * MINUTE) * MINUTE
            if _offset(place, middle) == before:
                low = middle
            else:
                high = middle
        found.append(high)
    return found


def _offset(place: ZoneInfo, at: int) -> timedelta | None:
    return from_micros(at).astimezone(place).utcoffset()
