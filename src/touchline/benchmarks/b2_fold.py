"""In: nothing. Out: how long the fold of every additive measure takes, beside the same by hand. Writes no interactions.

B2 of benchmarks.md: a history in 64 bucket files is folded bucket by bucket, and each bucket's relationships are
written as Parquet. Engines and the reference, `fold_by_hand`, take turns at a few buckets each, so that the machine's
noise falls on all alike; each turn is a process of its own.
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
AT_A_TURN = 8
BY_HAND = "by_hand"
DRIFT = 1e-9
"""How far sums may lie apart, of their size: they are added in another order."""


def run(*, full: bool = False, interactions: int | None = None, customers: int = CUSTOMERS) -> dict[str, Any]:
    """Measure B2; seconds and MiB. With `full` a history of 100M interactions."""
    count = interactions or (MANY if full else INTERACTIONS)
    with TemporaryDirectory() as folder:
        paths = population.write(Path(folder) / "history", interactions=count, customers=customers)
        turns = [_turn(paths[start : start + AT_A_TURN], folder) for start in range(0, len(paths), AT_A_TURN)]
    engines = {name: _together([turn[name] for turn in turns]) for name in (*ENGINES, BY_HAND)}
    hand = engines.pop(BY_HAND)
    polars = engines["polars"]
    met = all(
        figures["seconds"] <= LIMITS[name] * hand["seconds"] and figures["peak_mib"] <= LARGEST_MIB and figures["same"]
        for name, figures in engines.items()
    )
    slots = len(Layout.of(population.playbook()).slots)
    return {
        "id": "B2",
        "work": f"{count:,} interactions folded into {customers:,} relationships of {slots} columns and written",
        "figure": polars["seconds"],
        "unit": "s",
        "reference": hand["seconds"],
        "ratio": round(polars["seconds"] / hand["seconds"], 2),
        "peak_mib": polars["peak_mib"],
        "met": met,
        "engines": {
            name: {**figures, "ratio": round(figures["seconds"] / hand["seconds"], 2)}
            for name, figures in engines.items()
        },
    }


def work(name: str, paths: Sequence[str], target: str) -> dict[str, Any]:
    """Seconds that one engine takes to fold and write these buckets, the last of which stays in `target`."""
    layout = Layout.of(population.playbook())
    reference = layout.reference(population.END)
    engine = Engine(name)
    start = time.perf_counter()
    for path in paths:
        state = folding.fold_bucket(engine.scan_parquet([path]), layout, reference, engine)
        state.write_parquet(target, compression="zstd", compression_level=1)
    return {"seconds": time.perf_counter() - start}


def by_hand(paths: Sequence[str], target: str) -> dict[str, Any]:
    """As `work`, by the hand-written query."""
    layout = Layout.of(population.playbook())
    reference = layout.reference(population.END)
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    start = time.perf_counter()
    for path in paths:
        connection.sql(fold_by_hand.query(layout, reference, path)).write_parquet(target, compression="zstd")
    return {"seconds": time.perf_counter() - start}


def _turn(paths: Sequence[str], folder: str) -> dict[str, dict[str, Any]]:
    targets = {name: str(Path(folder) / f"{name}.parquet") for name in (*ENGINES, BY_HAND)}
    turn: dict[str, dict[str, Any]] = {name: alone(work, name, paths, targets[name]) for name in ENGINES}
    turn[BY_HAND] = alone(by_hand, paths, targets[BY_HAND])
    hand = pl.read_parquet(targets[BY_HAND])
    return {name: {**figures, "same": _same(pl.read_parquet(targets[name]), hand)} for name, figures in turn.items()}


def _together(turns: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "seconds": round(sum(turn["seconds"] for turn in turns), 2),
        "peak_mib": max(turn["peak_mib"] for turn in turns),
        "same": all(turn["same"] for turn in turns),
    }


def _same(state: pl.DataFrame, other: pl.DataFrame) -> bool:
    layout = Layout.of(population.playbook())
    names = [slot.name for slot in layout.slots]
    sums = [slot.name for slot in layout.slots if slot.operation == "sum"]
    decayed = [slot.name for slot in layout.slots if slot.type == "decayed"]
    one, two = (
        t.select("persona_id", *names).sort("persona_id").with_columns(pl.col(sums).fill_null(0))
        for t in (state, other)
    )
    near = all(((one[name] - two[name]).abs() <= DRIFT * (1 + two[name].abs())).all() for name in decayed)
    return near and one.drop(decayed).equals(two.drop(decayed))
