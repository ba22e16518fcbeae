"""In: texts and clocks. Out: instants and durations as int64 microseconds UTC. Writes no interactions."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Protocol

from touchline.kernel.errors import BadTime

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY

_UNITS = {"min": MINUTE, "h": HOUR, "d": DAY, "y": YEAR}
_DURATION = re.compile(r"\s*([+-]?\d{1,9})\s*(min|h|d|y)\s*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Whoever tells the time."""

    def now(self) -> int:
        """The present instant, microseconds UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        return to_micros(datetime.now(UTC))


class FixedClock:
    """A clock that stands still until it is moved: for tests, worlds and rehearsals."""

    def __init__(self, instant: int) -> None:
        self.instant = instant

    def now(self) -> int:
        return self.instant


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds UTC, exactly."""
    if moment.tzinfo is None:
        raise BadTime(f"{moment.isoformat()} has no zone")
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def from_micros(instant: int) -> datetime:
    """Microseconds UTC as an aware datetime."""
    seconds, micros = divmod(instant, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def parse_instant(text: str) -> int:
    """ISO 8601 with a zone as microseconds UTC; raises BadTime."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadTime(f"{text!r}") from None
    if moment.tzinfo is None:
        raise BadTime(f"{text!r} has no zone")
    return to_micros(moment)


def format_instant(instant: int) -> str:
    """Microseconds UTC as ISO 8601, whole seconds where they are whole: 1998-07-01T00:00:00Z."""
    return from_micros(instant).isoformat().replace("+00:00", "Z")


def parse_duration(text: str) -> int | None:
    """`INT (min|h|d|y)` as microseconds, a year being 365 days; None where it is not one."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None
