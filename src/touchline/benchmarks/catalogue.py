"""In: a benchmark's name, or none. Out: its figures, or those of all, one after the other. Writes no interactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from touchline.benchmarks import b1_import, b2_fold, b3_refresh, b4_decide, b8_audience
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean

BENCHMARKS: dict[str, Callable[..., dict[str, Any]]] = {
    "B1": b1_import.run,
    "B2": b2_fold.run,
    "B3": b3_refresh.run,
    "B4": b4_decide.run,
    "B8": b8_audience.run,
}


def run_all(name: str | None = None, *, full: bool = False) -> Iterator[dict[str, Any]]:
    """{"id","work","figure","unit","reference","ratio","peak_mib","met","engines",…} of one benchmark, or of each.

    Raises UnknownName before anything runs.
    """
    if name is not None and name.upper() not in BENCHMARKS:
        raise UnknownName(f"benchmark {name!r}", remedy=did_you_mean(name, BENCHMARKS))
    chosen = BENCHMARKS if name is None else {name.upper(): BENCHMARKS[name.upper()]}
    return (run(full=full) for run in chosen.values())
