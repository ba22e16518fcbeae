"""In: nothing. Out: how long new interactions take to show in every relationship. Writes no interactions.

B3 of benchmarks.md: 100k interactions on 1M customers are folded, merged and derived: from a snapshot and a ledger on
the disk on each engine, with the state resident in memory, and for the touched customers alone. The reference is the
same after ten times the history: ten years instead of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from touchline.benchmarks import population
from touchline.benchmarks.process import alone, best
from touchline.decision.plan import compile_plan
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.times import MINUTE
from touchline.ledger import Ledger
from touchline.ledger.snapshots import Snapshot, SnapshotKey, Snapshots
from touchline.playbook.compiled import Playbook
from touchline.relationship import folding, refreshing, slices
from touchline.relationship.deriving import slots_of
from touchline.relationship.folding import State
from touchline.relationship.layout import Layout
from touchline.relationship.refreshing import Held

CUSTOMERS = 1_000_000
NEW = 100_000
A_YEAR = 2_000_000
"""Interactions of all customers together in a year."""

YEARS, MANY_YEARS = 1, 10
TOUCHPOINTS = 3
AT = population.END + 15 * MINUTE
TIMES = 5
LIMITS = {"stored": 3.0, "resident": 1.0, "touched": 0.5}
GROWTH = 1.2


@cache
def playbook() -> Playbook:
    """The population's, with few touchpoints: its state has some 190 columns, most of them NULL in most rows."""
    return population.playbook(TOUCHPOINTS)


def measures() -> tuple[str, ...]:
    """What is derived: everything that deciding under the playbook reads."""
    return tuple(sorted({*compile_plan(playbook()).measures, "stage"}))


def run(*, full: bool = False, customers: int = CUSTOMERS, new: int = NEW) -> dict[str, Any]:  # noqa: ARG001 - one size
    """Measure B3; seconds and MiB. `figure` is that from the disk, `reference` the same after ten times the history."""
    with TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        columns = alone(prepare, few, YEARS, customers, new)["columns"]
        alone(prepare, many, MANY_YEARS, customers, new)
        roots = {"short": str(few), "long": str(many)}
        resident = {which: alone(work_resident, root, customers) for which, root in roots.items()}
        stored = {name: {w: alone(work, name, root, customers) for w, root in roots.items()} for name in ENGINES}
    engines: dict[str, dict[str, Any]] = {
        name: {
            "stored": runs["short"]["stored"],
            "after_ten_times": runs["long"]["stored"],
            "ratio": round(runs["long"]["stored"] / runs["short"]["stored"], 2),
            "peak_mib": max(run["peak_mib"] for run in runs.values()),
        }
        for name, runs in stored.items()
    }
    return {
        "id": "B3",
        "work": f"{new:,} interactions on {customers:,} customers of {columns} columns: {len(measures())} measures",
        "figure": engines["polars"]["stored"],
        "unit": "s",
        "reference": engines["polars"]["after_ten_times"],
        "ratio": engines["polars"]["ratio"],
        "peak_mib": max(run["peak_mib"] for run in (*resident.values(), *stored["polars"].values())),
        "met": _is_met(resident, engines),
        "engines": engines,
        "resident": {which: figures["resident"] for which, figures in resident.items()},
        "touched": {which: figures["touched"] for which, figures in resident.items()},
    }


def prepare(root: Path, years: int, customers: int, new: int) -> dict[str, Any]:
    """Fold a history into a snapshot, and append the new interactions to a ledger that a snapshot stands before.

    The history's own rows are not appended: a refresh reads none of them, since the log's statistics leave their files out.
    """
    layout, engine, at = Layout.of(playbook()), Engine("polars"), population.END
    count, reference = A_YEAR * customers // CUSTOMERS * years, layout.reference(population.END)
    paths = population.write(root / "history", interactions=count, customers=customers, days=365 * years)
    folded = (folding.fold_bucket(engine.scan_parquet([path]), layout, reference, engine) for path in paths)
    recent = (slices.cut(engine.scan_parquet([path]), layout, at) for path in paths)
    cut = (engine.collect(slices.settled(rows, at)) for rows in recent)  # as `refreshing.keep` saves it
    key = SnapshotKey(count, at, layout.digest)
    Snapshots(root / "snapshots").save(key, {refreshing.STATE: folded, refreshing.SLICE: cut})
    random = np.random.default_rng(3)
    personas = np.arange(1, customers, dtype=np.int64)
    rows = population.rows(random, personas, new, since=at + 1, until=AT, seq_from=count + 1)
    Ledger.create(root / "ledger").append(rows)
    return {"columns": len(layout.slots)}


def work(name: str, root: str, customers: int) -> dict[str, Any]:
    """Seconds of a refresh from the disk on one engine."""
    engine, layout, names = Engine(name), Layout.of(playbook()), measures()
    ledger, snapshots = Ledger.open(Path(root) / "ledger"), Snapshots(Path(root) / "snapshots")
    people = population.people(customers)
    slots = slots_of(playbook(), layout, names)

    def stored() -> pl.DataFrame:
        held = refreshing.state_at(ledger, snapshots, layout, engine, AT, slots=slots)
        return engine.collect(refreshing.relationships(held, people, playbook(), engine, wanted=names))

    return {"stored": round(best(stored, TIMES), 3)}


def work_resident(root: str, customers: int) -> dict[str, Any]:
    """Seconds with the state resident, of all customers and of the touched ones alone; in memory, so on Polars."""
    engine, layout, names = Engine("polars"), Layout.of(playbook()), measures()
    ledger = Ledger.open(Path(root) / "ledger")
    people, seq = population.people(customers), ledger.last_seq()
    snapshot = Snapshots(Path(root) / "snapshots").latest(AT, seq, layout.digest)
    assert snapshot is not None, "made by `prepare`"
    held = _resident(snapshot, layout, engine)
    new = engine.lazy(engine.collect(ledger.frame(engine, refreshing.columns(layout))))
    ids = engine.collect(new.select("persona_id").unique())["persona_id"]
    whose = people.filter(pl.col("persona_id").is_in(ids.implode()))["customer"].unique()
    touched = people.filter(pl.col("customer").is_in(whose.implode()))
    personas = touched["persona_id"].to_list()

    def derived(held: Held, people: pl.DataFrame) -> pl.DataFrame:
        later = refreshing.advance(held, new, engine, at=AT, seq=seq)
        return engine.collect(refreshing.relationships(later, people, playbook(), engine, wanted=names))

    slots = slots_of(playbook(), layout, names)

    def few() -> pl.DataFrame:
        return derived(refreshing.narrowed(held, personas, engine, slots), touched)

    return {"resident": round(best(lambda: derived(held, people), TIMES), 3), "touched": round(best(few, TIMES), 3)}


def _resident(snapshot: Snapshot, layout: Layout, engine: Engine) -> Held:
    tables = (engine.collect(snapshot.frame(engine, name)) for name in (refreshing.STATE, refreshing.SLICE))
    state, recent = (engine.lazy(table.rechunk()) for table in tables)
    reference = layout.reference(snapshot.key.at)
    return Held(State(state, layout, reference), recent, snapshot.key.at, snapshot.key.seq, snapshot.key)


def _is_met(resident: Mapping[str, Mapping[str, Any]], engines: Mapping[str, Mapping[str, Any]]) -> bool:
    held = all(run[key] <= LIMITS[key] for run in resident.values() for key in ("resident", "touched"))
    growth = all(resident["long"][key] <= GROWTH * resident["short"][key] for key in ("resident", "touched"))
    return (
        held
        and growth
        and all(
            max(run["stored"], run["after_ten_times"]) <= LIMITS["stored"] and run["ratio"] <= GROWTH
            for run in engines.values()
        )
    )
