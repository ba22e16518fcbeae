"""In: nothing. Out: how long one condition takes over a base, beside the same by hand. Writes no interactions.

B8 of benchmarks.md: a condition as an author writes it, checked, compiled and counted over 1M customers held in memory;
the reference is the same condition written by hand in Polars. Nothing of a condition is kept, so an edited one costs
the same: one that was never seen before is measured in every round, over the same frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import polars as pl

from touchline.benchmarks import relationships
from touchline.benchmarks.process import alone, best
from touchline.expressions import check, to_frame
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.types import Type

CONDITION = (
    "stage IN ('renewal', 'member') AND experience.claims < {threshold} "
    "AND COALESCE(days_since.complained, 99999) > 30 "
    "AND NOT care.due AND (value.balance >= 0 OR contact.all_7d = 0)"
)
THRESHOLD = -0.2
MEASURES = (
    "stage", "experience.claims", "days_since.complained", "care.due", "value.balance", "contact.all_7d",
)  # fmt: skip
CUSTOMERS, LARGE = 1_000_000, 10_000_000
TIMES = 40
SECONDS, RATIO = 0.3, 1.3


def run(*, full: bool = False) -> dict[str, Any]:
    """Measure B8; seconds and MiB. `edited` is that of a condition never seen before, `edited_ratio` to it by hand."""
    customers = LARGE if full else CUSTOMERS
    with TemporaryDirectory() as folder:
        types = relationships.playbook().measures
        paths = relationships.write(Path(folder), MEASURES, types, customers=customers)
        engines = {name: alone(work, name, paths) for name in ENGINES}
    polars, duckdb = engines["polars"], engines["duckdb"]
    ratio, edited = polars["seconds"] / polars["by_hand"], polars["edited"] / polars["by_hand"]
    alike = polars["counts"] == duckdb["counts"] == polars["counts_by_hand"]
    return {
        "id": "B8",
        "work": f"one condition over {customers:,} customers, from its text to the count",
        "figure": polars["seconds"],
        "unit": "s",
        "reference": polars["by_hand"],
        "ratio": round(ratio, 2),
        "peak_mib": polars["peak_mib"],
        "met": alike
        and all(figures["seconds"] <= SECONDS and figures["edited"] <= SECONDS for figures in engines.values())
        and ratio <= RATIO
        and edited <= RATIO,
        "engines": {
            name: {key: figures[key] for key in ("seconds", "edited", "peak_mib")} for name, figures in engines.items()
        },
        "edited_ratio": round(edited, 2),
        "same_counts": alike,
    }


def work(name: str, paths: Sequence[str], times: int = TIMES) -> dict[str, Any]:
    """Seconds of the condition, of edited ones and of the same by hand in Polars, beside one engine."""
    measures = relationships.playbook().measures
    table = pl.read_parquet(list(paths), glob=False).rechunk()
    engine = Engine(name)
    held = engine.lazy(table)

    def count(threshold: float) -> int:
        expression = check(CONDITION.format(threshold=threshold), measures, want=Type.BOOLEAN)
        return int(engine.collect(held.filter(to_frame(expression)).select(nw.len().alias("n")))["n"][0])

    def by_hand(threshold: float) -> int:
        return int(table.lazy().filter(_condition(threshold)).select(pl.len()).collect().item())

    seconds: dict[str, list[float]] = {"seconds": [], "edited": [], "by_hand": []}
    for turn in range(1, times + 1):
        # Side by side, so that the machine's noise falls on all alike.
        seconds["seconds"].append(best(lambda: count(THRESHOLD), 1))
        seconds["by_hand"].append(best(lambda: by_hand(THRESHOLD), 1))
        seconds["edited"].append(best(partial(count, THRESHOLD - turn / 1000), 1))
    return {
        **{key: round(min(taken), 5) for key, taken in seconds.items()},
        "counts": [count(THRESHOLD), count(-0.4)],
        "counts_by_hand": [by_hand(THRESHOLD), by_hand(-0.4)],
    }


def _condition(threshold: float) -> pl.Expr:
    return (
        pl.col("stage").is_in(["renewal", "member"])
        & (pl.col("experience__claims") < threshold)
        & (pl.col("days_since__complained").fill_null(99999) > 30)
        & ~pl.col("care__due")
        & ((pl.col("value__balance") >= 0) | (pl.col("contact__all_7d") == 0))
    )
