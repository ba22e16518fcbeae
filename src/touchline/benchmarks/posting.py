"""In: a port, a key, how many events at what pace. Out: how many were acknowledged and how soon. Writes no interactions; the server that it posts to does.

The load generator of B6 and B7. It shares two cores with the server that it measures, so it does as little as can be done: a few
connections that stay open, one request on each at a time, bodies put together from prepared pieces, answers looked at by their first and last bytes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

CONNECTIONS = 64
_MARK = "\x02"
_WHO, _WHICH = b"who", b"which"


def event(**told: Any) -> dict[str, Any]:
    """An event as an organisation's shop sends it, some 400 bytes; `u{who}` in any text becomes its sender's number."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": "u{who}",
        "messageId": f"{_MARK}which",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "properties": {"product_id": "p1204", "name": "Kettle", "price": 49.9, "quantity": 1, "category": "Kitchen"},
        "context": {
            "library": {"name": "analytics-python", "version": "2.4.0"},
            "ip": "203.0.113.9",
            "locale": "en-GB",
        },
        "integrations": {},
    } | told


class Requests:
    """Requests with events that nobody sent before.

    batch   events in each; 1 posts to the path of the type
    events  templates that take turns, and how many people send each, in turn; 0: each is somebody new
    posted  (events made before, seconds of time.time) of each request, in order
    """

    def __init__(
        self, key: str, *, batch: int, events: Sequence[tuple[dict[str, Any], int]] = (), people: int = 10_000
    ) -> None:
        self.batch = batch
        self.made = 0
        self.posted: list[tuple[int, float]] = []
        given = events or [(event(), people)]
        self._run = uuid.uuid4().hex[:8].encode()
        self._templates = [(_pieces(template), many) for template, many in given]
        path = f"/v1/{given[0][0]['type']}" if batch == 1 else "/v1/batch"
        authorization = base64.b64encode(f"{key}:".encode()).decode()
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {authorization}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    def _event(self) -> bytes:
        number = self.made
        self.made += 1
        pieces, people = self._templates[number % len(self._templates)]
        who = b"%d" % (number % people if people else number)
        which = b"%b-%d" % (self._run, number)
        return b"".join([who if piece is _WHO else which if piece is _WHICH else piece for piece in pieces])

    def next(self) -> bytes:
        """The next request, head and body."""
        self.posted.append((self.made, time.time()))
        if self.batch == 1:
            body = self._event()
        else:
            body = b'{"batch":[' + b",".join([self._event() for _ in range(self.batch)]) + b"]}"
        return self._head + b"%d\r\n\r\n" % len(body) + body


def _pieces(template: dict[str, Any]) -> list[bytes]:
    """The template's text, cut where the sender's number (_WHO itself) and the message's (_WHICH) go."""
    text = json.dumps(template, separators=(",", ":")).replace("u{who}", f"u{_MARK}who")
    text = text.replace(json.dumps(_MARK)[1:-1], _MARK)
    found: list[bytes] = []
    for part in text.split(_MARK):
        if part.startswith("who"):
            found += [_WHO, part.removeprefix("who").encode()]
        elif part.startswith("which"):
            found += [_WHICH, part.removeprefix("which").encode()]
        else:
            found.append(part.encode())
    return found


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, done: Callable[[_Connection, int, float], None]) -> None:
        self._done = done
        self._answer = b""
        self.sent = 0.0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer = answer = self._answer + data if self._answer else data
        if not answer.endswith(b"}"):
            return  # every answer of the intake is one JSON object
        self._answer = b""
        self._done(self, int(answer[9:12]), time.perf_counter() - self.sent)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._done(self, 0, 0.0)


def post(
    port: int,
    requests: Requests,
    *,
    seconds: float,
    connections: int = CONNECTIONS,
    pace: float | None = None,
) -> dict[str, Any]:
    """Post for so long; {"requests","events","seconds","a_second","statuses","p50_ms","p95_ms","p99_ms"} of what was acknowledged.

    pace  events a second at most; as many as go where it is None
    """
    return asyncio.run(_post(port, requests, seconds, connections, pace))


async def _post(port: int, requests: Requests, seconds: float, connections: int, pace: float | None) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    statuses: Counter[int] = Counter()
    times: list[float] = []
    idle: deque[_Connection] = deque()
    open_, ended = connections, loop.create_future()
    start, before = time.perf_counter(), requests.made

    def due() -> bool:
        return pace is None or requests.made - before < (time.perf_counter() - start) * pace

    def done(connection: _Connection, status: int, took: float) -> None:
        nonlocal open_
        if connection.transport.is_closing() and status == 0 and took == 0.0:
            open_ -= 1
            if open_ == 0 and not ended.done():
                ended.set_result(None)
            return
        statuses[status] += 1
        if status == 200:
            times.append(took)
        next_(connection)

    def next_(connection: _Connection) -> None:
        if time.perf_counter() - start >= seconds:
            connection.transport.close()
        elif due():
            connection.send(requests.next())
        else:
            idle.append(connection)

    made = [await loop.create_connection(lambda: _Connection(done), "127.0.0.1", port) for _ in range(connections)]
    start = time.perf_counter()
    for _, connection in made:
        next_(connection)
    while not ended.done():
        await asyncio.wait([ended], timeout=0.002 if pace is not None else 0.2)
        for _ in range(len(idle)):
            next_(idle.popleft())
    took = time.perf_counter() - start
    times.sort()

    def at(share: float) -> float | None:
        return round(times[min(len(times) - 1, int(share * len(times)))] * 1e3, 1) if times else None

    return {
        "requests": len(times),
        "events": len(times) * requests.batch,
        "seconds": round(took, 2),
        "a_second": round(len(times) * requests.batch / took),
        "statuses": dict(statuses),
        "p50_ms": at(0.5),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
    }
