"""In: customers, and of each programme who has no arm written down. Out: the arms to be written. Writes `assigned`.

An arm is a function of the customer's draw until a programme first applies to them; from then on it is what was written,
for treated and control alike, whatever becomes of the share held out. Proof counts from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

Frame = nw.LazyFrame[Any]

GLOBAL = "global"
"""The programme of the global holdout; its arm is of one year, every other one is for ever."""


def due(customers: Frame, programmes: Sequence[str], year: int) -> Frame:
    """One row an arm to be written: customer, programme, recurrence (text: the year, NULL but for GLOBAL), arm.

    customers   customer, and per programme assign_NAME: 1 where it is to be written as treated, 2 as control, else 0
    programmes  of those columns; GLOBAL may be one
    year        whose global arm it is
    """
    parts = []
    for name in programmes:
        told = nw.col(f"assign_{name}")
        arm = nw.when(told == 2).then(nw.lit("control")).otherwise(nw.lit("treated"))
        recurrence = nw.lit(str(year) if name == GLOBAL else None, nw.String)
        rows = customers.filter(told > 0)
        parts.append(
            rows.select("customer", nw.lit(name).alias("programme"), recurrence.alias("recurrence"), arm.alias("arm"))
        )
    return nw.concat(parts, how="vertical")
