"""How many examples a costly property is tried on: a third, so that the tests stay a matter of minutes; `HYPOTHESIS_PROFILE=deep` tries all."""

from __future__ import annotations

import os
from random import Random

WHOLE = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


def examples(number: int) -> int:
    """The number, or a third of it and three at least."""
    return number if WHOLE else max(min(number, 3), number // 3)


def seed() -> int:
    """Of what a test leaves to chance: another one each time, or `TOUCHLINE_TEST_SEED`; told, so that a failure can be tried again."""
    drawn = int(os.environ.get("TOUCHLINE_TEST_SEED") or Random().randrange(10**6))
    print(f"TOUCHLINE_TEST_SEED={drawn}")  # noqa: T201 - pytest shows it beside a failure
    return drawn
