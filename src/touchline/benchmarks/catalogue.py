"""In: a benchmark's name, or none. Out: its figures, or those of all, one after the other. Writes no interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from touchline.benchmarks import (
    b1_import,
    b2_fold,
    b3_refresh,
    b4_decide,
    b5_gate,
    b6_intake,
    b7_freshness,
    b8_audience,
    p1_proof,
)
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean

SIZED: dict[str, Callable[..., dict[str, Any]]] = {
    "B2": b2_fold.run,
    "B3": b3_refresh.run,
    "B4": b4_decide.run,
    "B8": b8_audience.run,
}


def run_all(opener: b1_import.Opener, name: str | None = None, *, full: bool = False) -> Iterator[dict[str, Any]]:
    """{"id","work","figure","unit","reference","ratio","peak_mib","met","engines",…} of one benchmark, or of each.

    full   those of SIZED at their largest; the others have one size
    Raises UnknownName before anything runs.
    """
    every: dict[str, Callable[[], dict[str, Any]]] = {
        "B1": partial(b1_import.run, opener),
        "B5": partial(b5_gate.run, opener),
        "B6": partial(b6_intake.run, opener),
        "B7": partial(b7_freshness.run, opener),
    }
    every |= {each: partial(run, full=full) for each, run in SIZED.items()} | {"P1": p1_proof.run}
    if name is not None and name.upper() not in every:
        raise UnknownName(f"benchmark {name!r}", remedy=did_you_mean(name, every))
    chosen = every if name is None else {name.upper(): every[name.upper()]}
    return (run() for run in chosen.values())
