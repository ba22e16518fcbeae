"""In: a seed, a question, a day, persons. Out: chances in [0, 1), each a hash of these alone. Writes no interactions.

No chance depends on how many others there are, nor on what was drawn before: two lives of one person that differ in a contact only are
lived with the same luck (common random numbers), and a world that is continued later is the world that went on.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class Chance:
    """The chances of one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def of(self, question: str, day: int, who: Ints) -> Floats:
        """Uniform in [0, 1), one for each person (SplitMix64: Steele, Lea and Flood 2014)."""
        digest = hashlib.sha256(f"{self._seed}/{question}/{day}".encode()).digest()
        base = np.uint64(int.from_bytes(digest[:8], "little"))
        mixed = who.astype(np.uint64)
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is what the method is made of
            mixed += np.uint64(1)
            mixed *= _GOLDEN
            mixed += base
            mixed ^= mixed >> np.uint64(30)
            mixed *= _FIRST
            mixed ^= mixed >> np.uint64(27)
            mixed *= _SECOND
            mixed ^= mixed >> np.uint64(31)
        chances: Floats = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return chances

    def normal(self, question: str, day: int, who: Ints) -> Floats:
        """Standard normal, one for each person (Box and Muller 1958)."""
        radius = np.sqrt(-2.0 * np.log1p(-self.of(f"{question}, radius", day, who)))
        drawn: Floats = radius * np.cos(2.0 * np.pi * self.of(f"{question}, angle", day, who))
        return drawn

    def exponential(self, question: str, day: int, who: Ints) -> Floats:
        """Exponential of mean 1, one for each person."""
        drawn: Floats = -np.log1p(-self.of(question, day, who))
        return drawn

    def index(self, question: str, day: int, who: Ints, of: int) -> Ints:
        """A whole number below `of`, one for each person."""
        return (self.of(question, day, who) * of).astype(np.int64)
