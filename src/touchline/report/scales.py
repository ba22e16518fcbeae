"""In: instants and readings. Out: places on a drawing, and the ticks of a time axis. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from touchline.kernel.times import DAY, to_micros
from touchline.report.figures import local

_MONTHS = (1, 2, 3, 6, 12, 24, 60)


@dataclass(frozen=True)
class Linear:
    """A straight scale from a domain to a range; values outside the domain go on outside the range."""

    domain: tuple[float, float]
    range: tuple[float, float]

    def __call__(self, value: float) -> float:
        (low, high), (start, end) = self.domain, self.range
        return start if high == low else start + (value - low) / (high - low) * (end - start)


@dataclass(frozen=True)
class Tick:
    """An instant with its word."""

    at: int
    text: str


def month_ticks(start: int, end: int, zone: str, at_most: int) -> tuple[Tick, ...]:
    """First days of months within the span, as many as fit; the first, and each January, carries its year."""
    if end - start < 45 * DAY:
        return _day_ticks(start, end, zone, at_most)
    months = (end - start) / (30.44 * DAY)
    step = next((step for step in _MONTHS if months / step <= at_most), _MONTHS[-1])
    first = local(start, zone)
    number = (first.year * 12 + first.month - 1) // step * step
    ticks: list[Tick] = []
    while True:
        moment = datetime(number // 12, number % 12 + 1, 1, tzinfo=first.tzinfo)
        at = to_micros(moment)
        if at > end:
            return tuple(ticks)
        if at >= start:
            shown = not ticks or moment.month == 1
            ticks.append(Tick(at, f"{moment:%Y}" if step >= 12 else f"{moment:%b %Y}" if shown else f"{moment:%b}"))
        number += step


def _day_ticks(start: int, end: int, zone: str, at_most: int) -> tuple[Tick, ...]:
    days = max(1, -(-(end - start) // DAY // at_most))
    first = local(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ats = (to_micros(first) + day * DAY for day in range(0, (end - start) // DAY + 2, days))
    return tuple(Tick(at, f"{local(at, zone).day} {local(at, zone):%b}") for at in ats if start <= at <= end)
