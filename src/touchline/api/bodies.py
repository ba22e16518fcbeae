"""In: a request's body as it arrives, piece by piece. Out: its bytes, unpacked, within time and size. Writes no interactions.

Clients label gzip as they like, so what a body is is told by its first two bytes. Whatever is refused is refused before it is
held: a body that grows past the limit, a small body that unpacks to a large one, a body whose sender falls asleep.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from touchline.kernel.errors import TouchlineError

BODY_LIMIT = 500 * 1024
"""Bytes of one request's body, as sent and unpacked."""
BODY_SECONDS = 10.0
"""So long a body may take to arrive."""
READ_ON = 8 * 1024 * 1024
"""Bytes of a body beyond the limit that are read and thrown away, so that its sender is there to read the answer."""

READING = 512
"""Bodies that may be on their way at once: sleepers hold no more than this."""

_GZIP = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLarge(TouchlineError):
    """The body is larger than 500 KB, as sent or unpacked."""

    code = "body_too_large"
    remedy = "Send smaller batches."


class BodyTooSlow(TouchlineError):
    """The body did not arrive in time."""

    code = "body_too_slow"
    remedy = "Send it again."


class TooManySleepers(TouchlineError):
    """Too many requests wait for the rest of their bodies."""

    code = "too_many_bodies"
    remedy = "Send it again a little later."


class BadPacking(TouchlineError):
    """The body begins as gzip and cannot be unpacked to its end."""

    code = "bad_gzip"
    remedy = "Send one whole gzip stream, or JSON as it is."


class SenderGone(TouchlineError):
    """The sender went away in the middle of the body."""

    code = "sender_gone"


class Reader:
    """Reads the bodies of one server's requests, none for longer than its time.

    seconds  so long a body may take to arrive
    most     bodies that may be on their way at once
    """

    def __init__(self, seconds: float = BODY_SECONDS, most: int = READING) -> None:
        self._seconds, self._most = seconds, most
        # One timer looks after all of them: one each would cost more than the reading.
        self._until: dict[asyncio.Task[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, receive: Receive) -> bytes:
        """The whole body as sent; raises BodyTooLarge, BodyTooSlow, TooManySleepers, SenderGone."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._until) >= self._most:
            raise TooManySleepers
        loop = task.get_loop()
        self._until[task] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / 4, self._look)
        try:
            return await _whole(receive)
        except asyncio.CancelledError:
            if task not in self._until:
                task.uncancel()
                raise BodyTooSlow from None
            raise
        finally:
            self._until.pop(task, None)

    def _look(self) -> None:
        """Wake those whose time is over."""
        self._timer = None
        if not self._until:
            return
        loop = asyncio.get_running_loop()
        for task in [task for task, until in self._until.items() if until <= loop.time()]:
            del self._until[task]
            task.cancel()
        self._timer = loop.call_later(self._seconds / 4, self._look)


async def _whole(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise SenderGone
        piece = message.get("body", b"")
        more = message.get("more_body")
        size += len(piece)
        if not more and size == len(piece) <= BODY_LIMIT:
            return bytes(piece)
        if size <= BODY_LIMIT:
            pieces.append(piece)
        else:
            pieces.clear()
        if size > READ_ON or not more:
            break
    if size > BODY_LIMIT:
        raise BodyTooLarge
    return b"".join(pieces)


def unpacked(body: bytes) -> bytes:
    """The body without its gzip, whatever its headers said; raises BadPacking, BodyTooLarge."""
    if not body.startswith(_GZIP):
        return body
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        found = stream.decompress(body, BODY_LIMIT + 1)
    except zlib.error:
        raise BadPacking from None
    if len(found) > BODY_LIMIT:
        raise BodyTooLarge
    if not stream.eof or stream.unused_data:
        raise BadPacking
    return found
