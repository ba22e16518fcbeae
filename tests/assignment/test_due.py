"""Arms to be written down: treated and control alike, the global one for its year."""

from __future__ import annotations

import polars as pl
import pytest

from touchline.assignment import GLOBAL, due
from touchline.kernel.engines import ENGINES, Engine, EngineName


@pytest.mark.parametrize("name", ENGINES)
def test_each_arm_that_is_due_is_one_row_and_the_global_one_tells_its_year(name: EngineName) -> None:
    engine = Engine(name)
    customers = pl.DataFrame(
        {"customer": [1, 2, 3], "assign_global": [0, 2, 1], "assign_renewal": [1, 2, 0]}
    ).with_columns(pl.col("assign_global", "assign_renewal").cast(pl.Int8))
    found = engine.collect(due(engine.lazy(customers), ["renewal", GLOBAL], 2026)).sort("programme", "customer")
    assert found.rows() == [
        (2, "global", "2026", "control"),
        (3, "global", "2026", "treated"),
        (1, "renewal", None, "treated"),
        (2, "renewal", None, "control"),
    ]
