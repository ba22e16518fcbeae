"""The intake of a real server when much comes, when senders sleep, and when it is killed."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from tests.api.conftest import Site
from tests.api.serving import KEY, served
from touchline.benchmarks.posting import Requests, post
from touchline.recognition.staging import read

pytestmark = pytest.mark.network

_HEAD = b"POST /v1/track HTTP/1.1\r\nhost: here\r\nauthorization: Basic " + base64.b64encode(f"{KEY}:".encode())


def kept() -> set[str]:
    return set(read("SELECT message_id FROM intake_event", {"message_id": pl.String})["message_id"])


def acknowledged(port: int, *, until: float, senders: int = 8, stop: Any = None) -> tuple[set[str], set[str]]:
    """Message ids that were (acknowledged, sent), of requests with one or ten events, until the server is gone or the time is over."""
    return asyncio.run(_acknowledged(port, until, senders, stop))


async def _acknowledged(port: int, until: float, senders: int, stop: Any) -> tuple[set[str], set[str]]:
    sure: set[str] = set()
    sent: set[str] = set()
    loop = asyncio.get_running_loop()
    end = loop.time() + until

    async def send(sender: int) -> None:
        n = 0
        async with httpx.AsyncClient(auth=(KEY, ""), base_url=f"http://127.0.0.1:{port}") as client:
            while loop.time() < end:
                n += 1
                ids = [f"{sender}-{n}-{k}" for k in range(10 if sender % 2 else 1)]
                events = [{"type": "track", "event": "E", "userId": "u", "messageId": each} for each in ids]
                sent.update(ids)
                try:
                    answer = await client.post("/v1/batch", json={"batch": events})
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    sure.update(ids)

    async def stopping() -> None:
        while len(sure) < 500:
            await asyncio.sleep(0.01)
        stop()

    work = [send(sender) for sender in range(senders)]
    await asyncio.gather(*work, *([stopping()] if stop is not None else []))
    return sure, sent


@contextmanager
def migrated(request: pytest.FixtureRequest, vendor: str) -> Iterator[str | Path]:
    """A fresh migrated database of that kind, Django's default connection in this process."""
    yield request.getfixturevalue("database" if vendor == "sqlite" else "postgres")


@pytest.mark.parametrize("vendor", ["sqlite", "postgresql"])
def test_a_server_killed_in_mid_load_has_lost_nothing_that_it_acknowledged(
    request: pytest.FixtureRequest, vendor: str
) -> None:
    with migrated(request, vendor) as database, served(database) as server:
        sure, sent = acknowledged(server.port, until=30, stop=server.kill)
        found = kept()
    assert len(sure) >= 500
    assert sure <= found <= sent


def test_a_server_told_to_end_keeps_what_it_acknowledged_and_ends_in_order(database: Path) -> None:
    with served(database) as server:
        sure, sent = acknowledged(server.port, until=30, stop=lambda: os.kill(server.process.pid, signal.SIGTERM))
        assert server.process.wait(30) == 0
        found = kept()
    assert len(sure) >= 500
    assert sure <= found <= sent


def test_a_hundred_stalled_bodies_do_not_slow_a_good_request(site: Site) -> None:
    def quickest() -> float:
        with httpx.Client(auth=(KEY, "")) as client:
            took = []
            for _ in range(20):
                start = time.perf_counter()
                answer = client.post(f"{site.server.url}/v1/track", json={"userId": "u", "event": "E"})
                took.append(time.perf_counter() - start)
                assert answer.status_code == 200
        return sorted(took)[10]

    before = quickest()
    with ExitStack() as open_:
        for _ in range(100):
            sleeper = open_.enter_context(closing(socket.create_connection(("127.0.0.1", site.server.port))))
            sleeper.sendall(_HEAD + b"\r\ncontent-length: 1000\r\n\r\n{")
        during = quickest()
        assert during < max(5 * before, 0.05), (before, during)


def test_a_stalled_body_is_answered_and_its_connection_ended(site: Site) -> None:
    with closing(socket.create_connection(("127.0.0.1", site.server.port), 20)) as sleeper:
        sleeper.sendall(_HEAD + b"\r\ncontent-length: 1000\r\n\r\n{")
        answer = b""
        while piece := sleeper.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 408")


def test_more_than_can_be_kept_is_answered_with_429(database: Path) -> None:
    with served(database, target="tests.api.serving:slow") as server:
        found = post(server.port, Requests(KEY, batch=10), seconds=0.5, connections=40)
        statuses = found["statuses"]
        with httpx.Client(auth=(KEY, "")) as client:
            answers = [client.post(f"{server.url}/v1/track", json={"userId": "u", "event": "E"}) for _ in range(2)]
    assert set(statuses) == {200, 429}
    assert len(kept()) == found["events"] + sum(answer.status_code == 200 for answer in answers)


def test_the_load_generator_counts_what_is_kept(site: Site) -> None:
    from touchline.site import database

    database.use(site.database)
    before = len(kept())
    single = post(site.server.port, Requests(KEY, batch=1), seconds=0.2, connections=4)
    batches = post(site.server.port, Requests(KEY, batch=20), seconds=0.2, connections=4)
    paced = post(site.server.port, Requests(KEY, batch=1), seconds=0.5, connections=4, pace=100)
    assert len(kept()) - before == single["events"] + batches["events"] + paced["events"]
    assert 30 <= paced["events"] <= 55
    assert set(single["statuses"]) == {200}
