"""How many examples a costly property is tried on: a third, so that the tests stay a matter of minutes; `HYPOTHESIS_PROFILE=deep` tries all."""

from __future__ import annotations

import os

WHOLE = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


def examples(number: int) -> int:
    """The number, or a third of it and three at least."""
    return number if WHOLE else max(min(number, 3), number // 3)
