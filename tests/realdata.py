"""Where the real data for tests is: TOUCHLINE_TEST_DATA, else `../shared/data` beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def real_data(name: str) -> Path:
    """A file of the test data; skips with a word where the folder is missing (in CI a skip is a failure)."""
    root = Path(os.environ.get("TOUCHLINE_TEST_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")
    path = root / name
    if not path.is_file():
        pytest.skip(f"the real data is not here: no {name} in TOUCHLINE_TEST_DATA or ../shared/data")
    return path
