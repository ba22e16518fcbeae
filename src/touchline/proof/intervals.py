"""In: counts of two arms. Out: the difference of their rates with its interval, and how unlikely their sizes are. Writes no interactions.

Counts add up, so that whatever engine holds the rows aggregates them, and only these few numbers are finished here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z95 = 1.959963984540054
"""Of a two-sided interval of 95 %."""


@dataclass(frozen=True)
class Difference:
    """Rate of one arm less that of the other, and its interval; NULL-safe: None of everything where an arm is empty.

    treated, control  rates
    difference        treated - control
    low, high         its interval
    """

    treated: float | None
    control: float | None
    difference: float | None
    low: float | None
    high: float | None


def wilson(reached: int, n: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a rate (Wilson 1927, JASA 22, 209-212); n is above 0."""
    rate, square = reached / n, z * z
    middle = (reached + square / 2) / (n + square)
    half = z / (n + square) * math.sqrt(n * rate * (1 - rate) + square / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def difference(reached_treated: int, treated: int, reached_control: int, control: int, z: float = Z95) -> Difference:
    """The hybrid score interval of a difference of two independent rates (Newcombe 1998, Statistics in Medicine 17, 873-890, method 10).

    It keeps its coverage where an arm is small or a rate near 0 or 1, as a control arm often is.
    """
    rates = [reached / n if n else None for reached, n in ((reached_treated, treated), (reached_control, control))]
    ours, theirs = rates
    if ours is None or theirs is None:
        return Difference(ours, theirs, None, None, None)
    low_ours, high_ours = wilson(reached_treated, treated, z)
    low_theirs, high_theirs = wilson(reached_control, control, z)
    apart = ours - theirs
    low = apart - math.hypot(ours - low_ours, high_theirs - theirs)
    high = apart + math.hypot(high_ours - ours, theirs - low_theirs)
    return Difference(ours, theirs, apart, max(-1.0, low), min(1.0, high))


def sample_ratio(treated: int, control: int, share: float) -> float | None:
    """How likely arms of sizes at least so far from the drawn share of control are: the p of Pearson's chi-square with one degree of freedom.

    Below 0.001 the arms are not what was drawn, and their difference means nothing (Fabijan et al. 2019, KDD: sample ratio mismatch).
    None where nobody was to be held out, or nobody is in.
    """
    n = treated + control
    if n == 0 or not 0 < share < 1:
        return None
    expected = n * share
    square = (control - expected) ** 2 / expected + (control - expected) ** 2 / (n - expected)
    return math.erfc(math.sqrt(square / 2))
