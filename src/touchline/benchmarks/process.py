"""In: a piece of work. Out: its figures and memory, taken in a process of its own. Writes no interactions.

A figure of one engine is not blurred by what another engine, or the making of the data, left behind.
"""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")


def alone(work: Callable[..., Mapping[str, Any]], *arguments: object) -> dict[str, Any]:
    """Run a module's function in a fresh process: its figures and `peak_mib`."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, work, arguments).result()


def best(work: Callable[[], object], times: int) -> float:
    """Seconds that the quickest of several runs took: the machine's noise only adds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _measured(work: Callable[..., Mapping[str, Any]], arguments: tuple[object, ...]) -> dict[str, Any]:
    return {**work(*arguments), "peak_mib": _peak_mib()}


def _peak_mib() -> int:
    """VmHWM where the system tells it, since Linux keeps `ru_maxrss` of the process that started this one."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
