"""In: what the service does, and its database. Out: Prometheus metrics. Writes no interactions.

Each process counts for itself; where `touchline up` named a folder in PROMETHEUS_MULTIPROC_DIR, all of them count into it, and
whichever is asked answers for all. What the database knows (messages, what waits) is read when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import polars as pl
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from touchline.delivery import outbox
from touchline.recognition.staging import read

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)
_SLOW = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

_registry = CollectorRegistry()
REQUESTS = Counter(
    "touchline_requests", "Requests to pages, by face and status", ["face", "status"], registry=_registry
)
REQUEST_SECONDS = Histogram(
    "touchline_request_seconds", "Seconds until a page was answered", ["face"], buckets=_QUICK, registry=_registry
)
ACCEPTED = Counter("touchline_intake_accepted", "Events that intake kept", registry=_registry)
DUPLICATES = Counter("touchline_intake_duplicates", "Events that intake had kept before", registry=_registry)
REFUSED = Counter(
    "touchline_intake_refused", "Requests (bad_event: events) that intake refused", ["why"], registry=_registry
)
QUEUED = Gauge(
    "touchline_intake_queued", "Events that wait to be committed", registry=_registry, multiprocess_mode="livesum"
)
TURN_SECONDS = Histogram("touchline_turn_seconds", "Seconds of one turn of the loop", buckets=_SLOW, registry=_registry)
TURN_FAULTS = Counter(
    "touchline_turn_faults", "Turns of the loop that did not come to their end", ["fault"], registry=_registry
)

_WAITING = "SELECT count(*) AS n, min(received_at) AS since FROM intake_event WHERE drained_at IS NULL"


class Taking(Protocol):
    """What intake counts: `touchline.api.segment.Intake`."""

    accepted: int
    duplicates: int
    queued: int
    refused: Any


class Mirror:
    """Carries what one process's intake has counted over to its metrics; called often, each event is counted once."""

    def __init__(self, intake: Any) -> None:
        self._intake = intake
        self._seen: dict[tuple[str, str], int] = {}

    def carry(self) -> None:
        """Count what is new since the last time."""
        self._count(ACCEPTED, ("accepted", ""), self._intake.accepted)
        self._count(DUPLICATES, ("duplicates", ""), self._intake.duplicates)
        for why, number in dict(self._intake.refused).items():
            self._count(REFUSED.labels(why), ("refused", why), number)
        QUEUED.set(self._intake.queued)

    def _count(self, counter: Counter, what: tuple[str, str], number: int) -> None:
        counter.inc(max(0, number - self._seen.get(what, 0)))
        self._seen[what] = number


class _Stored(Collector):
    """What the database says at this moment."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        messages = GaugeMetricFamily("touchline_messages", "Messages by state", labels=["state"])
        for state, number in outbox.counts().items():
            messages.add_metric([state], number)
        yield messages
        waiting = read(_WAITING, {"n": pl.Int64, "since": pl.Int64}).row(0, named=True)
        yield GaugeMetricFamily(
            "touchline_drain_waiting", "Interactions that are kept and not yet in the ledger", value=waiting["n"]
        )
        lag = 0.0 if waiting["since"] is None else max(0.0, (self._now() - waiting["since"]) / 1e6)
        yield GaugeMetricFamily("touchline_drain_lag_seconds", "How long the oldest of them has waited", value=lag)


def exposed(now: Callable[[], int]) -> bytes:
    """All metrics as Prometheus reads them; `now` is the workspace's clock."""
    stored = CollectorRegistry()
    stored.register(_Stored(now))
    counted = _registry
    if os.environ.get(FOLDER):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    return generate_latest(counted) + generate_latest(stored)
