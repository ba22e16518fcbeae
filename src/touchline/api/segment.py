"""In: HTTP requests in Segment's shape. Out: events in the buffer, and an answer once they are committed. Writes no interactions; what is kept becomes interactions at the drain.

A bare ASGI callable, since everything that a request does not need costs throughput. The loop's thread reads, unpacks, checks and answers;
another one looks keys up (`keyring`), and a third one commits (`writer`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from touchline.api import answers, bodies
from touchline.api.answers import Answer
from touchline.api.keyring import Keyring, Verify
from touchline.api.writer import Writer
from touchline.intake.arriving import Body
from touchline.intake.buffer import TYPES
from touchline.kernel.times import SystemClock

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATHS = {f"/v1/{name}": name for name in (*TYPES, "batch")}
# Segment's client for browsers writes them short.
PATHS |= {f"/v1/{name[0]}": name for name in (*TYPES, "batch")}

_log = logging.getLogger("touchline.intake")


class Intake:
    """The ASGI callable of `/v1/…` and `/healthz`, and of the server's start and end.

    keys      (key, scope) -> who that is, or None; called in a thread
    now       the workspace's clock, microseconds UTC; the machine's where none is given
    seconds   so long a body may take to arrive
    refused   code of a refusal -> requests; `bad_event` -> events
    """

    def __init__(
        self,
        keys: Verify,
        now: Callable[[], int] | None = None,
        *,
        seconds: float = bodies.BODY_SECONDS,
        writer: Writer | None = None,
    ) -> None:
        self.writer = writer or Writer(now or SystemClock().now)
        self.keyring = Keyring(keys)
        self.refused: Counter[str] = Counter()
        self._reader = bodies.Reader(seconds)

    @property
    def accepted(self) -> int:
        """Events that were new."""
        return self.writer.written.accepted

    @property
    def duplicates(self) -> int:
        """Events that were kept before."""
        return self.writer.written.duplicates

    @property
    def queued(self) -> int:
        """Events that wait to be committed."""
        return self.writer.waiting

    @staticmethod
    def handles(path: str) -> bool:
        """Whether a path is answered here and not by Django."""
        return path.startswith("/v1/") or path == "/healthz"

    async def __call__(self, scope: Scope, receive: bodies.Receive, send: Send) -> None:
        """Answer one request, or go along with the server's start and end."""
        if scope["type"] == "http":
            answer = await self._answer(scope, receive)
            if answer is not None:
                status, headers, body = answer
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": body})
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def close(self) -> None:
        """Commit what waits, and end the threads."""
        await self.writer.close()
        self.keyring.close()

    async def _answer(self, scope: Scope, receive: bodies.Receive) -> Answer | None:
        """What to answer; None where nobody is there any more."""
        try:
            kind = PATHS.get(scope["path"])
            if kind is None:
                if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
                    return answers.HEALTHY if self.writer.alive else answers.UNHEALTHY
                raise answers.NoSuchPath
            if scope["method"] != "POST":
                if scope["method"] == "OPTIONS":
                    return answers.PREFLIGHT
                raise answers.WrongMethod
            return await self._taken(kind, scope, receive)
        except bodies.SenderGone as gone:
            self.refused[gone.code] += 1
            return None
        except Exception as fault:
            answer, code = answers.refused(fault)
            self.refused[code] += 1
            if answer[0] == 500:
                # What it says may quote the request, so only its name is told.
                _log.error("intake failed: %s", type(fault).__name__)
            return answer

    async def _taken(self, kind: str, scope: Scope, receive: bodies.Receive) -> Answer:
        """Take one request's events in; raises what stops it."""
        authorization, declared = _told(scope["headers"])
        if declared > bodies.READ_ON:
            raise bodies.BodyTooLarge
        if authorization is not None and not await self.keyring.may_write(authorization):
            raise answers.UnknownKey
        body = Body(bodies.unpacked(await self._reader.read(receive)), kind)
        # A browser's client tells its key there.
        if authorization is None and not await self.keyring.may_write(body.write_key or ""):
            raise answers.UnknownKey
        rows, faults = body.rows()
        if rows:
            settled = self.writer.offer(rows)
            if settled is None:
                raise answers.TooBusy
            outcome = await settled
            if outcome is None:
                raise answers.NotNow
            if outcome:
                faults += _refused_rows(len(body.events), faults, outcome)
        if faults:
            self.refused["bad_event"] += len(faults)
            raise answers.BadEvents(sorted(faults))
        return answers.KEPT

    async def _live(self, receive: bodies.Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _told(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes | None, int]:
    """(authorization, length of the body, 0 where nobody says); of two authorizations neither is believed."""
    authorization: bytes | None = None
    length = 0
    for name, value in headers:
        if name == b"authorization":
            authorization = value if authorization is None else b""
        elif name == b"content-length" and value.isdigit():
            length = int(value[:18])
    return authorization, length


def _refused_rows(events: int, faults: Iterable[tuple[int, str]], refused: Iterable[int]) -> list[tuple[int, str]]:
    """Faults, by the events' own indexes, of kept rows' positions that the database refused."""
    known = {index for index, _ in faults}
    kept = [index for index in range(events) if index not in known]
    return [(kept[position], "cannot be kept by the database") for position in refused]
