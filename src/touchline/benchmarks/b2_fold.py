"""In: nothing. Out: how long the fold of every additive measure takes, beside one query by hand. Writes no interactions.

B2 of benchmarks.md: a history in 64 bucket files is folded bucket by bucket, and each bucket's relationships are written
as Parquet. The reference is `fold_by_hand`, bucket by bucket between the engines' own, so that noise falls on all alike.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl

from touchline.benchmarks import fold_by_hand, population
from touchline.benchmarks.process import alone
from touchline.kernel.engines import ENGINES, Engine
from touchline.relationship import folding
from touchline.relationship.layout import Layout

CUSTOMERS = 1_000_000
INTERACTIONS, MANY = 20_000_000, 100_000_000
LIMITS = {"polars": 0.9, "duckdb": 1.5}
LARGEST_MIB = 3 * 1024
DRIFT = 1e-9
"""How far sums may lie apart, of their size: they are added in another order."""


def run(*, full: bool = False, interactions: int | None = None, customers: int = CUSTOMERS) -> dict[str, Any]:
    """Measure B2; seconds and MiB. With `full` a history of 100M interactions."""
    count = interactions or (MANY if full else INTERACTIONS)
    with TemporaryDirectory() as folder:
        paths = population.write(Path(folder) / "history", interactions=count, customers=customers)
        engines = {name: alone(work, name, paths, folder) for name in ENGINES}
    polars = engines["polars"]
    met = all(
        figures["seconds"] <= LIMITS[name] * figures["by_hand"]
        and figures["peak_mib"] <= LARGEST_MIB
        and figures["same"]
        for name, figures in engines.items()
    )
    slots = len(Layout.of(population.playbook()).slots)
    return {
        "id": "B2",
        "work": f"{count:,} interactions folded into {customers:,} relationships of {slots} columns and written",
        "figure": polars["seconds"],
        "unit": "s",
        "reference": polars["by_hand"],
        "ratio": round(polars["seconds"] / polars["by_hand"], 2),
        "peak_mib": polars["peak_mib"],
        "met": met,
        "engines": {
            name: {**figures, "ratio": round(figures["seconds"] / figures["by_hand"], 2)}
            for name, figures in engines.items()
        },
    }


def work(name: str, paths: Sequence[str], folder: str) -> dict[str, Any]:
    """Seconds of one engine and of the query by hand, over all buckets in turn; `same` says that the rows agree.

    The query runs in a process of its own, or its memory would count as the engine's.
    """
    layout = Layout.of(population.playbook())
    reference = layout.reference(population.END)
    engine = Engine(name)
    target = Path(folder) / f"{name}.parquet"
    seconds = 0.0
    for path in paths:
        start = time.perf_counter()
        state = folding.fold_bucket(engine.scan_parquet([path]), layout, reference, engine)
        state.write_parquet(target, compression="zstd", compression_level=1)
        seconds += time.perf_counter() - start
    other = alone(by_hand, paths, folder)
    return {
        "seconds": round(seconds, 2),
        "by_hand": other["seconds"],
        "same": _same(pl.read_parquet(target), pl.read_parquet(other["last"]), layout),
    }


def by_hand(paths: Sequence[str], folder: str) -> dict[str, Any]:
    """Seconds of the hand-written query over all buckets, and where the last one's rows are."""
    layout = Layout.of(population.playbook())
    reference = layout.reference(population.END)
    target = Path(folder) / "by_hand.parquet"
    connection = duckdb.connect()
    start = time.perf_counter()
    for path in paths:
        connection.sql(fold_by_hand.query(layout, reference, path)).write_parquet(str(target), compression="zstd")
    return {"seconds": round(time.perf_counter() - start, 2), "last": str(target)}


def _same(state: pl.DataFrame, other: pl.DataFrame, layout: Layout) -> bool:
    names = [slot.name for slot in layout.slots]
    sums = [slot.name for slot in layout.slots if slot.operation == "sum"]
    decayed = [slot.name for slot in layout.slots if slot.type == "decayed"]
    one, two = (
        t.select("persona_id", *names).sort("persona_id").with_columns(pl.col(sums).fill_null(0))
        for t in (state, other)
    )
    near = all(((one[name] - two[name]).abs() <= DRIFT * (1 + two[name].abs())).all() for name in decayed)
    return near and one.drop(decayed).equals(two.drop(decayed))
