"""In: one customer's readings. Out: the cumulative experience at any instant with its uncertainty. Writes no
interactions.

The value is the law's: sum w d r / (sum w d + k), d = 2^(-(t - t_i)/H). The band is that of a weighted mean in which
the k of the law
is one more reading of 0 with the variance of a reading nobody knows, 1/3 (uniform over [-1, 1]): variance of a reading
v = (sum u (r - m)^2 + k/3) / (sum u + k), standard error sqrt(v (sum u^2 + k^2)) / (sum u + k), u = w d; 95 % by the
normal
distribution, cut at -1 and 1. It is wide where little is known, and widens again as what is known grows old.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from touchline.report.figures import Z95, Estimate

K = 1.0
UNKNOWN_VARIANCE = 1.0 / 3.0


@dataclass(frozen=True)
class Reading:
    """One reading as the law takes it.

    known_at  microseconds from which it counts; `counts_from` those from which it decays (of the thing judged)
    value     in [-1, 1]; `weight` of its touchpoint
    """

    known_at: int
    counts_from: int
    value: float
    weight: float


@dataclass(frozen=True)
class Point:
    """The curve at an instant; `n` is what it rests on, where more than one customer does."""

    at: int
    value: float
    low: float
    high: float
    n: int = 1


class Curve:
    """The experience that readings add up to, at any instant."""

    def __init__(self, readings: Sequence[Reading], half_life: int, k: float = K) -> None:
        ordered = sorted(
            readings, key=lambda reading: (reading.known_at, reading.counts_from, reading.value, reading.weight)
        )
        self._known = np.array([reading.known_at for reading in ordered], dtype=np.int64)
        self._from = np.array([reading.counts_from for reading in ordered], dtype=np.int64)
        self._value = np.array([reading.value for reading in ordered], dtype=np.float64)
        self._weight = np.array([reading.weight for reading in ordered], dtype=np.float64)
        self._half_life, self._k = half_life, k

    def at(self, instant: int) -> Estimate | None:
        """The experience as known at that instant; None while there is no reading."""
        count = int(np.searchsorted(self._known, instant, side="right"))
        return self._estimate(count, instant) if count else None

    def before(self, instant: int) -> Estimate | None:
        """The experience at that instant without what became known in it."""
        count = int(np.searchsorted(self._known, instant, side="left"))
        return self._estimate(count, instant) if count else None

    def points(self, start: int, end: int, every: int) -> tuple[Point, ...]:
        """Points for drawing: both sides of each leap, and every so many microseconds between; none before the first
        reading."""
        if not len(self._known) or self._known[0] > end:
            return ()
        first = max(start, int(self._known[0]))
        leaps = {int(at) for at in self._known if first <= at <= end}
        made: list[Point] = []
        for at in sorted({*leaps, *range(first, end, every), end}):
            if at in leaps:
                made += self._point(at, self.before(at))
            made += self._point(at, self.at(at))
        return tuple(made)

    @property
    def first(self) -> int | None:
        """When the first reading became known."""
        return int(self._known[0]) if len(self._known) else None

    def _estimate(self, count: int, instant: int) -> Estimate:
        age = (instant - self._from[:count]).astype(np.float64) / self._half_life
        used: npt.NDArray[np.float64] = self._weight[:count] * np.exp2(-age)
        value = self._value[:count]
        total = float(used.sum()) + self._k
        mean = float((used * value).sum()) / total
        variance = (float((used * (value - mean) ** 2).sum()) + self._k * UNKNOWN_VARIANCE) / total
        error = Z95 * float(np.sqrt(variance * (float((used**2).sum()) + self._k**2))) / total
        return Estimate(mean, max(-1.0, mean - error), min(1.0, mean + error), count)

    @staticmethod
    def _point(at: int, estimate: Estimate | None) -> list[Point]:
        return [] if estimate is None else [Point(at, estimate.value, estimate.low, estimate.high)]
