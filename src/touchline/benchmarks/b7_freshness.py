"""In: nothing. Out: how long after an event was posted its message is reserved, and how many events a second become relationships. Writes no interactions; the loop that it measures does.

B7 of benchmarks.md: `touchline up` with its loop, on a base of customers who are known. In the first part a thousand events a second come in by requests of
ten, as clients send them; one in ten is the first order of somebody new, whom the playbook owes a notice, and the time is taken until the
notice's reservation can be read from the database. In the second part as many events are posted as are taken; the time goes until relationships hold the last.
"""

from __future__ import annotations

import csv
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any

import polars as pl

from touchline.benchmarks import b5_gate, serving
from touchline.benchmarks.b1_import import Opener
from touchline.benchmarks.b6_intake import workspace
from touchline.benchmarks.posting import Requests, event, post
from touchline.benchmarks.process import alone
from touchline.kernel.times import DAY, SystemClock, format_instant
from touchline.workspace.opened import Workspace

BASE = 20_000
"""Customers who are known before."""
SECONDS, WARM = 20.0, 5.0
A_SECOND = 1_000
BATCH, ORDERS = 10, 10
"""Events of a request, and how many there are for each order among them."""
FRESH, SUSTAINED = 2.0, 10_000
"""Seconds until the reservation at the 95th percentile at most; events a second until they are relationships at least."""
PATIENCE = 60.0
"""Seconds that are waited for what was posted last."""

_LOOK = 0.02
_FILES = {
    "touchline.yaml": """
        version: 1
        organisation: Lantern
        zone: UTC
        currency: EUR
        half_life: 180 d
        languages: [en]
        country: DE
        brands: {lantern: {name: Lantern, from_email: care@lantern.example, postal: "Lantern, Ringstr. 1, 10115 Berlin"}}
        """,
    "playbook/touchpoints.yaml": """
        departments: [sales, service]
        topics: [light]
        episodes: {}
        touchpoints:
          site: {channel: web,   department: sales,   weight: 1}
          mail: {channel: email, department: service, weight: 1, topic: light}
        """,
    "playbook/policies.yaml": """
        consent: {without_evidence: []}
        caps:
          - {name: overall, at_most: 3, every: 7 d}
        one_a_day: {classes: []}
        care_first: {reading_at_most: -0.5, resolved_by: [case_resolved, answered_to], missed_after: 90 d}
        balance: {asks_need: "value.balance >= -0.2"}
        reachable: {}
        holdout: {global: 0, global_period: calendar_year}
        own: []
        """,
    "playbook/mapping.yaml": """
        default: {kind: acted, touchpoint: site}
        events:
          Product Viewed: {kind: visited, touchpoint: site}
          Order Placed:   {kind: bought, touchpoint: site, revenue: event.total}
        """,
    "playbook/imports/people.yaml": """
        name: people
        format: {type: csv}
        types: {user_id: text, email: text, told_at: time}
        expect: {columns: [user_id, email, told_at]}
        persona:
          - {type: user_id, value: user_id}
          - {type: email, value: email}
        rows:
          - {kind: "'visited'", occurred_at: told_at, touchpoint: "'site'"}
        id: {key: [user_id]}
        """,
    "playbook/conversations/notice.yaml": """
        name: notice
        purpose: service
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 0, asked: 0}
        channels: {email: {touchpoint: mail, variants: [{name: a, template: notice.liquid, subject: notice.subject.liquid}]}}
        """,
    "playbook/templates/notice.liquid": "Thank you for your order.\n",
    "playbook/templates/notice.subject.liquid": "Your order\n",
}


def run(opener: Opener, *, seconds: float = SECONDS, base: int = BASE, warm: float = WARM) -> dict[str, Any]:
    """Measure B7; `figure` is the 95th percentile of the slower database, in seconds."""
    with TemporaryDirectory(prefix="touchline-b7-") as folder:
        found = {"sqlite": alone(measured, opener, folder, "", seconds, base, warm)}
        with b5_gate._schema() as url:
            if url is not None:
                found["postgresql"] = alone(measured, opener, folder, url, seconds, base, warm)
    slowest = max(found.values(), key=lambda figures: figures["p95_s"])
    return {
        "id": "B7",
        "work": f"{A_SECOND:,} events/s posted by {BATCH} on {base:,} customers, one in {ORDERS} owed a notice, until it is reserved; then all that is taken",
        "figure": slowest["p95_s"],
        "unit": "s at the 95th percentile",
        "reference": None,
        "ratio": None,
        "peak_mib": max(figures["server_mib"] for figures in found.values()),
        "met": len(found) == 2
        and all(
            figures["exact"] and figures["p95_s"] <= FRESH and figures["sustained"] >= SUSTAINED
            for figures in found.values()
        ),
        "engines": found,
        **({} if len(found) == 2 else {"lacks": "a PostgreSQL server (TOUCHLINE_TEST_POSTGRES_URL)"}),
    }


def measured(opener: Opener, folder: str, url: str, seconds: float, base: int, warm: float) -> dict[str, Any]:
    """One database: times until reservations, events a second until relationships, and whether nothing is missing in either."""
    place, key = workspace(opener, folder, url)
    for name, text in _FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    opened = opener(place)
    opened.import_files([_people(place, base)], "people")
    opened.run(until_idle=True)
    view, order = (
        event(),
        event(event="Order Placed", userId="new-u{who}", properties={"total": 49.9, "currency": "EUR"}),
    )
    order["context"] = {"traits": {"email": "new-u{who}@lantern.example"}, **order["context"]}
    with serving.up(place) as server:
        requests = Requests(key, batch=BATCH, events=[(order, 0), *[(view, base)] * (ORDERS - 1)])
        with Watched() as watched:
            early = post(server.port, requests, seconds=warm, connections=8, pace=A_SECOND)
            watched.wait(requests.made // ORDERS)  # the worker has begun
            begun = requests.made
            fresh = post(server.port, requests, seconds=seconds, connections=8, pace=A_SECOND)
            orders = range(0, requests.made, ORDERS)
            watched.wait(len(orders))
        times = _waited(requests, watched.seen, orders[begun // ORDERS :])
        # The first part's rest must not be counted to the second.
        _settled()
        start = time.perf_counter()
        crowd = Requests(key, batch=100, people=base)
        taken = post(server.port, crowd, seconds=seconds / 2, connections=16)
        _settled()
        held = _views(opened)
        took = time.perf_counter() - start
        server_mib = server.peak_mib()
    expected = base + early["events"] + fresh["events"] - len(orders) + taken["events"]
    return {
        "p50_s": _at(times, 0.5),
        "p95_s": _at(times, 0.95),
        "longest_s": _at(times, 1.0),
        "reservations": len(times),
        "posted_a_second": fresh["a_second"],
        "acknowledged_p95_ms": fresh["p95_ms"],
        "sustained": round(taken["events"] / took),
        "taken_a_second": taken["a_second"],
        "exact": len(watched.seen) == len(orders) and held == expected,
        "server_mib": server_mib,
    }


class Watched:
    """Looks again and again which reservations are there, in a thread with a database connection of its own.

    seen  address -> seconds of time.time at which its reservation was read first
    """

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait(self, reservations: int) -> None:
        """Until so many are there, or too much time is over."""
        until = time.monotonic() + PATIENCE
        while len(self.seen) < reservations and time.monotonic() < until and self._thread.is_alive():
            time.sleep(_LOOK)

    def _look(self) -> None:
        from django.db import connection

        last = 0
        try:
            while not self._ended.wait(_LOOK):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT id, identifier FROM delivery_message WHERE id > %s ORDER BY id", [last])
                    rows = cursor.fetchall()
                now = time.time()
                for last, address in rows:  # noqa: B007 - the last one is where the next look begins
                    self.seen.setdefault(address, now)
        finally:
            connection.close()


def _people(place: Path, base: int) -> Path:
    path = place / "people.csv"
    told_at = format_instant(SystemClock().now() - 30 * DAY)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "email", "told_at"])
        writer.writerows([f"u{n}", f"u{n}@lantern.example", told_at] for n in range(base))
    return path


def _waited(requests: Requests, seen: dict[str, float], orders: range) -> list[float]:
    """Seconds from a request's start until its order's reservation, in their order."""
    posted = {first + n: at for first, at in requests.posted for n in range(requests.batch)}
    addresses = ((f"new-u{number}@lantern.example", posted[number]) for number in orders)
    return sorted(seen[address] - at for address, at in addresses if address in seen)


def _settled() -> None:
    """Until the loop has drained everything."""
    from touchline.intake import waiting

    until = time.monotonic() + PATIENCE
    while waiting() and time.monotonic() < until:
        time.sleep(_LOOK)


def _views(opened: Workspace) -> int:
    """How many visits the relationships hold."""
    return int(opened.relationships_table(measures=["count.visited"]).select(pl.col("count.visited").sum()).item())


def _at(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(share * len(times)))], 2) if times else float("inf")
