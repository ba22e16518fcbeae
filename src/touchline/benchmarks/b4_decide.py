"""In: nothing. Out: how long it takes to decide for a base, beside a bare scan of it. Writes no interactions.

B4 of benchmarks.md: 1M customers x 20 conversations by 28 channels, every policy, from Parquet to one row a customer
with all masks and the winner, and the count of whom each policy holds. The reference is Polars reading the same columns
and reducing each to one value. Ten times the customers: 1M beside 100k; with `full`, 10M beside 1M. `programmes` has the
same with ten programmes of seven steps saying those conversations, everybody moved on first, and its own `met`, which is
part of the whole's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import polars as pl

from touchline.benchmarks import relationships
from touchline.benchmarks.process import alone, best
from touchline.decision.deciding import decide
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.priority import Propensity, segments
from touchline.decision.summary import Summary, summarise
from touchline.decision.tables import tables
from touchline.kernel.engines import ENGINES, Engine

CONVERSATIONS, PROGRAMMES = 20, 10
SMALL, NORMAL, LARGE = 100_000, 1_000_000, 10_000_000
TIMES = 5
POLARS_SECONDS, DUCKDB_SECONDS, SCAN_RATIO, GROWTH = 1.5, 4.0, 4.0, 11.0


def run(*, full: bool = False) -> dict[str, Any]:
    """Measure B4; seconds, MiB, and growth: the time of ten times the customers over the time of one times."""
    authored = relationships.playbook(CONVERSATIONS)
    measures = compile_plan(authored).measures
    sizes = (NORMAL, LARGE) if full else (SMALL, NORMAL)
    with TemporaryDirectory() as folder:
        paths = {
            size: relationships.write(Path(folder) / str(size), measures, authored.measures, customers=size)
            for size in sizes
        }
        engines = {name: {size: alone(work, name, paths[size]) for size in sizes} for name in ENGINES}
        sequences = _sequences(Path(folder))
    found = {name: _figures(by_size, sizes) for name, by_size in engines.items()}
    polars, duckdb = found["polars"], found["duckdb"]
    reference = engines["polars"][NORMAL]["scan"]
    ratio = polars["seconds"] / reference
    alike = engines["polars"][NORMAL]["summary"] == engines["duckdb"][NORMAL]["summary"]
    return {
        "id": "B4",
        "work": f"decide for {NORMAL:,} customers x {CONVERSATIONS} conversations, with reason counts",
        "figure": polars["seconds"],
        "unit": "s",
        "reference": reference,
        "ratio": round(ratio, 2),
        "peak_mib": polars["peak_mib"],
        "met": alike
        and sequences["met"]
        and polars["seconds"] <= POLARS_SECONDS
        and ratio <= SCAN_RATIO
        and duckdb["seconds"] <= DUCKDB_SECONDS
        and all(figures["growth"] <= GROWTH for figures in found.values()),
        "engines": found,
        "growth_of": f"{sizes[1]:,} customers over {sizes[0]:,}",
        "same_counts": alike,
        "programmes": sequences,
    }


def _sequences(folder: Path) -> dict[str, Any]:
    """The same with programmes: seconds by engine, against the same limits."""
    authored = relationships.playbook(CONVERSATIONS, PROGRAMMES)
    measures = compile_plan(authored).measures
    paths = relationships.write(folder / "programmes", measures, authored.measures, customers=NORMAL)
    found = {name: alone(work, name, paths, TIMES, PROGRAMMES) for name in ENGINES}
    seconds, scan = found["polars"]["seconds"], found["polars"]["scan"]
    alike = found["polars"]["summary"] == found["duckdb"]["summary"]
    return {
        "work": f"{PROGRAMMES} programmes of seven steps, everybody moved on and decided for",
        "seconds": {name: figures["seconds"] for name, figures in found.items()},
        "reference": scan,
        "ratio": round(seconds / scan, 2),
        "met": alike
        and seconds <= POLARS_SECONDS
        and seconds <= SCAN_RATIO * scan
        and found["duckdb"]["seconds"] <= DUCKDB_SECONDS,
    }


def _figures(by_size: dict[int, dict[str, Any]], sizes: tuple[int, int]) -> dict[str, Any]:
    return {
        "seconds": by_size[NORMAL]["seconds"],
        "growth": round(by_size[sizes[1]]["seconds"] / by_size[sizes[0]]["seconds"], 2),
        "peak_mib": by_size[NORMAL]["peak_mib"],
    }


def work(name: str, paths: Sequence[str], times: int = TIMES, programmes: int = 0) -> dict[str, Any]:
    """Seconds of deciding on one engine, and of the bare scan between its runs; the summary that came out."""
    plan = compile_plan(relationships.playbook(CONVERSATIONS, programmes))
    engine = Engine(name)
    learned = _learned(plan)
    summaries: list[Summary] = []

    def decided() -> None:
        frame = decide(engine.scan_parquet(paths), plan, tables(plan, learned, engine), relationships.AT)
        rows = engine.collect(frame, streaming=True)
        summaries.append(summarise(nw.from_native(rows.lazy()), plan))

    seconds, scan = [], []
    for _ in range(times):
        seconds.append(best(decided, 1))
        if name == "polars":
            scan.append(best(lambda: _scan(paths), 2))
    return {
        "seconds": round(min(seconds), 3),
        "scan": round(min(scan), 3) if scan else None,
        "summary": summaries[-1].as_dict(),
    }


def _learned(plan: Plan) -> Propensity:
    """A rate of its own for each segment and candidate, as after a year of messages."""
    return Propensity({(s, c.name): 0.01 * (s + 1) + 0.001 * c.index for s in segments(plan) for c in plan.candidates})


def _scan(paths: Sequence[str]) -> pl.DataFrame:
    frame = pl.scan_parquet(list(paths), glob=False)
    columns = frame.collect_schema()
    return frame.select(
        pl.col(name).max() if type_ == pl.String else pl.col(name).sum() for name, type_ in columns.items()
    ).collect()
