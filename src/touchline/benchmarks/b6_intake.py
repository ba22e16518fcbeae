"""In: nothing. Out: how many events a second are acknowledged, beside the same server that stores nothing. Writes no interactions; events wait in the measured workspace's intake.

B6 of benchmarks.md: the web process of `touchline up`, a key, every check, an answer after the commit; the load generator runs on the same cores.
Singly, one event a request; then in requests of a hundred, as the clients of servers send them. The reference reads the same single
requests and answers them, by the same server and settings. Afterwards the database must hold exactly what was acknowledged.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from touchline import playbook as playbooks
from touchline.benchmarks import b5_gate, serving
from touchline.benchmarks.b1_import import Opener
from touchline.benchmarks.posting import Requests, post
from touchline.benchmarks.process import alone

SECONDS = 20.0
BATCH = 100
SINGLE = 4_000
BY_BATCH = {"postgresql": 50_000, "sqlite": 40_000}
"""Acknowledged events a second to beat."""
_REFERENCE_SECONDS = 5.0


def run(opener: Opener, *, seconds: float = SECONDS) -> dict[str, Any]:
    """Measure B6; `figure` is single requests a second of the slower database."""
    with TemporaryDirectory(prefix="touchline-b6-") as folder:
        reference = alone(answered, min(seconds, _REFERENCE_SECONDS))
        found = {"sqlite": alone(measured, opener, folder, "", seconds)}
        with b5_gate._schema() as url:
            if url is not None:
                found["postgresql"] = alone(measured, opener, folder, url, seconds)
    slowest = min(figures["single"]["a_second"] for figures in found.values())
    return {
        "id": "B6",
        "work": f"events posted for {seconds:g} s with a key, acknowledged after the commit, singly and by {BATCH}",
        "figure": slowest,
        "unit": "requests/s",
        "reference": reference["a_second"],
        "ratio": round(slowest / max(reference["a_second"], 1), 2),
        "peak_mib": max(figures["server_mib"] for figures in found.values()),
        "met": len(found) == len(BY_BATCH)
        and all(
            figures["exact"]
            and figures["single"]["a_second"] >= SINGLE
            and figures["batch"]["a_second"] >= BY_BATCH[name]
            for name, figures in found.items()
        ),
        "engines": found,
        **({} if len(found) == len(BY_BATCH) else {"lacks": "a PostgreSQL server (TOUCHLINE_TEST_POSTGRES_URL)"}),
    }


def measured(opener: Opener, folder: str, url: str, seconds: float) -> dict[str, Any]:
    """One database: what was acknowledged singly and by batches, and whether exactly that is kept."""
    place, key = workspace(opener, folder, url)
    with serving.web(place) as server:
        single = post(server.port, Requests(key, batch=1), seconds=seconds)
        batch = post(server.port, Requests(key, batch=BATCH), seconds=seconds)
        server_mib = server.peak_mib()
    from touchline.intake import waiting

    return {
        "single": single,
        "batch": batch,
        "exact": waiting() == single["events"] + batch["events"],
        "server_mib": server_mib,
    }


def workspace(opener: Opener, folder: str, url: str) -> tuple[Path, str]:
    """A new workspace on SQLite or the database of that URL, open in this process: its folder, and a key that may write."""
    for name in ("DATABASE_URL", "TOUCHLINE_LEDGER", "TOUCHLINE_WORKSPACE"):
        os.environ.pop(name, None)  # this process measures a workspace of its own, whatever the caller works on
    place = Path(folder) / ("postgresql" if url else "sqlite")
    if url:
        os.environ["DATABASE_URL"] = url
    playbooks.new(place, "blank")
    opener(place)
    # Django's models are defined when these are imported, which is after it was started.
    from touchline.team import keys

    return place, keys.create("benchmark", "write").key


def answered(seconds: float) -> dict[str, Any]:
    """The reference: what the same server answers where nothing is stored or checked."""
    with serving.asgi("touchline.benchmarks.answering:answering") as server:
        return post(server.port, Requests("none", batch=1), seconds=seconds)
