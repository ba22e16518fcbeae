"""In: nothing. Out: how long an import takes, beside reading and writing the same rows. Writes no interactions that stay.

B1 of benchmarks.md: a Parquet file of a service company's interactions goes through a mapping (kind, touchpoint, time,
revenue), recognition of a million customers and de-duplication by a text key, into a new ledger with a SQLite
database beside it; the reference is Polars streaming the same file into another of the same rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from touchline import playbook as playbooks
from touchline.benchmarks.process import alone
from touchline.expressions import DeclaredNames, Expression, check
from touchline.intake.imports import import_file
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.measures import Measures
from touchline.kernel.times import DAY, parse_instant
from touchline.kernel.types import Type
from touchline.playbook.compiled import (
    EventMapping,
    Import,
    ImportRow,
    Organisation,
    PersonaRule,
    Playbook,
    Policies,
    Stage,
    Touchpoint,
)
from touchline.workspace.opened import Workspace

Opener = Callable[[Path | None], Workspace]

INTERACTIONS = 10_000_000
CUSTOMERS = 1_000_000
LIMIT = 6.0
LARGEST_MIB = 4 * 1024

_END = parse_instant("2026-06-30T12:00:00Z")
_FIRST = parse_instant("2024-07-01T00:00:00Z")
_PLACES = ("site", "app_home", "shop_till", "service_line", "claim_visit", "account_mail", "account_letter", "invoice")
_EVENTS = ("bought", "visited", "served", "asked")
_PART = 1_000_000
_TYPES = {
    "account": "text", "at": "time", "event": "text", "place": "text", "amount": "number", "reference": "text",
}  # fmt: skip


def run(opener: Opener, *, interactions: int = INTERACTIONS, customers: int = CUSTOMERS) -> dict[str, Any]:
    """Measure B1; seconds and MiB. `opener` opens a workspace, and can be sent to another process."""
    with TemporaryDirectory(prefix="touchline-b1-") as folder:
        file = _written(Path(folder) / "in.parquet", interactions, customers)
        reference = alone(copied, str(file), str(Path(folder) / "copy.parquet"))
        figures = alone(imported, opener, str(file), folder)
        again = alone(copied, str(file), str(Path(folder) / "copy.parquet"))
    beside = (reference["seconds"] + again["seconds"]) / 2
    ratio = figures["seconds"] / beside
    whole = figures["accepted"] == interactions and figures["known"] <= customers
    return {
        "id": "B1",
        "work": f"{interactions:,} interactions of {customers:,} customers from Parquet into a new ledger, mapped, recognised, once each",
        "figure": round(figures["seconds"], 2),
        "unit": "s",
        "reference": round(beside, 2),
        "ratio": round(ratio, 2),
        "peak_mib": figures["peak_mib"],
        "met": whole and ratio <= LIMIT and figures["peak_mib"] <= LARGEST_MIB,
        "engines": {
            "polars": {
                "seconds": round(figures["seconds"], 2),
                "peak_mib": figures["peak_mib"],
                "rows_a_second": round(interactions / figures["seconds"]),
            }
        },
    }


def copied(file: str, target: str) -> dict[str, Any]:
    """Seconds in which Polars reads the file and writes the same rows as Parquet."""
    start = time.perf_counter()
    pl.scan_parquet(file).sink_parquet(target)
    return {"seconds": time.perf_counter() - start}


def imported(opener: Opener, file: str, folder: str) -> dict[str, Any]:
    """Seconds in which the file comes into a new workspace, and how many rows and customers it brought."""
    for name in ("DATABASE_URL", "TOUCHLINE_LEDGER", "TOUCHLINE_WORKSPACE"):
        os.environ.pop(name, None)  # this process measures a workspace of its own, whatever the caller works on
    place = Path(folder) / "workspace"
    playbooks.new(place, "blank")
    ledger = opener(place).ledger
    start = time.perf_counter()
    result = import_file([file], imported_as(), playbook(), ledger, received_at=_END)
    return {"seconds": time.perf_counter() - start, "accepted": result.accepted, "known": result.customers}


def imported_as() -> Import:
    """The mapping: one line is one interaction, its id is the text key alone."""
    scope = DeclaredNames({**{name: Type(told) for name, told in _TYPES.items()}, "row_number": Type.INTEGER})

    def expression(text: str) -> Expression:
        return check(text, scope, dialect="mapping")

    columns: Mapping[str, str] = {"kind": "event", "touchpoint": "place", "occurred_at": "at", "revenue": "amount"}
    return Import(
        name="b1",
        format="parquet",
        separator=",",
        header=1,
        encoding="utf-8",
        names={},
        types=_TYPES,
        expect=tuple(_TYPES),
        exact=True,
        persona=(PersonaRule("account", expression("account"), "b1"),),
        rows=(ImportRow({name: expression(text) for name, text in columns.items()}),),
        key=("reference",),
        occurrence=False,
        reject_when=((expression("amount < 0"), "negative_revenue"),),
        zone=None,
    )


def playbook() -> Playbook:
    """A playbook with the places of the file and nothing else."""
    return Playbook(
        digest="b1b1b1b1b1b1b1b1",
        organisation=Organisation("Benchmark", "UTC", "EUR", 100, 180 * DAY, ("en",), ("b1",)),
        measures=Measures(tuple(KINDS), tuple(PURPOSES), CHANNELS),
        departments=("all",),
        topics=(),
        episodes={},
        touchpoints={name: Touchpoint(name, "web", "all", 1.0) for name in _PLACES},
        default_event=EventMapping("acted", _PLACES[0]),
        events={},
        stages=(Stage("customer", None),),
        audiences={},
        policies=Policies(),
        conversations={},
        imports={},
    )


def _written(path: Path, interactions: int, customers: int) -> Path:
    """The file, seeded; written part by part, so that making it does not weigh on what is measured."""
    draw = np.random.default_rng(1)
    parts = []
    for start in range(0, interactions, _PART):
        n = min(_PART, interactions - start)
        part = path.with_name(f"part-{start}.parquet")
        events = pl.Series(np.array(_EVENTS)[draw.integers(0, len(_EVENTS), n)])
        amounts = pl.Series(np.round(draw.gamma(2, 20, n), 2))
        numbers = pl.DataFrame({"customer": draw.integers(0, customers, n), "n": np.arange(start, start + n)})
        pl.DataFrame(
            {
                "account": numbers.select(
                    pl.format("A{}", pl.col("customer").cast(pl.String).str.zfill(7))
                ).to_series(),
                "at": pl.Series(draw.integers(_FIRST, _END, n)).cast(pl.Datetime("us", "UTC")),
                "event": events,
                "place": pl.Series(np.array(_PLACES)[draw.integers(0, len(_PLACES), n)]),
                "amount": pl.select(pl.when(events == "bought").then(amounts)).to_series(),
                "reference": numbers.select(pl.format("ord-{}", pl.col("n").cast(pl.String).str.zfill(9))).to_series(),
            }
        ).write_parquet(part)
        parts.append(part)
    pl.scan_parquet(parts).sink_parquet(path, row_group_size=250_000)
    for part in parts:
        part.unlink()
    return path
