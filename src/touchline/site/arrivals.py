"""In: an ASGI application that blocks a thread while it reads, and requests. Out: the same, given whole bodies only. Writes no interactions.

A page's thread would wait for as long as somebody takes to send a form, and a handful of sleepers would hold all of them. So the
body is taken in here first, on the event loop, where waiting costs nothing, within a deadline; what does not fit a form is refused. What a
request says of itself is put into the form that WSGI can carry without mistaking one header for another.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

_WORDS = {
    403: b"You may not send this, or are not signed in.",
    408: b"The request did not arrive.",
    413: b"The request is too large.",
    507: b"There is no room for this file.",
    503: b"Too many requests at once.",
}
_ASCII = "".join(map(chr, range(0x21, 0x7F)))
"""What a query may hold as it is; quote() writes everything else in per cent."""

_OF_A_BODY = (b"content-length", b"content-type", b"transfer-encoding")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PAUSE, SLOWEST = 15.0, 64 * 1024
"""Seconds that may pass without a byte; and bytes a second that a long body has to keep up, past its first minute."""
LARGEST = 4 * 1024**2
"""Bytes of a form; no page takes more, from nobody."""
IN_MEMORY, PIECE = 1024 * 1024, 256 * 1024
AT_ONCE = 256
"""Bodies that may be on their way at once."""
FILES_AT_ONCE = 4
"""Bodies of files among them, which lie on the disk until they are handed on."""


@dataclass(frozen=True)
class Files:
    """Where whole files may be sent to.

    path     of the requests whose body may be larger than a form
    largest  bytes of such a body
    folder   where it lies meanwhile, under no name, so that nothing of it is left when the process dies
    """

    path: str
    largest: int
    folder: Path


class Whole:
    """Wraps an application.

    files   the one path that takes whole files. Before a byte of one is taken in, the application is asked with GET at the same path, by the
            same cookies: only where it answers with success may whoever asks send one
    """

    def __init__(
        self,
        application: Application,
        *,
        pause: float = PAUSE,
        largest: int = LARGEST,
        files: Files | None = None,
    ) -> None:
        self._application = application
        self._pause, self._largest, self._files = pause, largest, files
        self._arriving = self._files_arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on once its body is here; else say 408, 413 or 503."""
        if scope["type"] == "http":
            scope = _plain(scope)
        if scope["type"] != "http" or not _has_body(scope):
            await self._application(scope, receive, send)
            return
        if self._arriving >= AT_ONCE:
            await _say(send, 503, _WORDS[503])
            return
        if self._files is not None and scope["path"] == self._files.path:
            await self._file(self._files, scope, receive, send)
            return
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
            await self._handed(body, self._largest, scope, receive, send)

    async def _file(self, files: Files, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for a file: refused before it is taken in where it is too large as it says itself, or comes from somebody who may not."""
        if _length(scope) > files.largest:
            await _say(send, 413, _WORDS[413])
        elif self._files_arriving >= FILES_AT_ONCE:
            await _say(send, 503, _WORDS[503])
        elif not await self._may(scope):
            await _say(send, 403, _WORDS[403])
        else:
            self._files_arriving += 1
            try:
                files.folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=files.folder) as body:
                    await self._handed(body, files.largest, scope, receive, send)
            finally:
                self._files_arriving -= 1

    async def _handed(self, body: Any, largest: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the body in and hand the request on; else say why not."""
        self._arriving += 1
        try:
            status = await self._taken(receive, body, largest)
        except OSError:  # the disk is full
            status = 507
        finally:
            self._arriving -= 1
        if status:
            await _say(send, status, _WORDS[status])
            return
        body.seek(0)
        await self._application(scope, _again(body, receive), send)

    async def _may(self, scope: Scope) -> bool:
        """Whether the application lets whoever asks send a file."""
        statuses: list[int] = []

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        headers = [(name, value) for name, value in scope["headers"] if name not in _OF_A_BODY]
        await self._application({**scope, "method": "GET", "headers": headers}, nothing, heard)
        return bool(statuses) and 200 <= statuses[0] < 300

    async def _taken(self, receive: Receive, body: Any, largest: int) -> int:
        """Take the body in; the status that refuses it, or 0."""
        begun, size = time.monotonic(), 0
        while True:
            try:
                message = await asyncio.wait_for(receive(), self._pause)
            except TimeoutError:
                return 408
            if message["type"] == "http.disconnect":
                return 408
            piece = message.get("body", b"")
            size += len(piece)
            if size > largest:
                return 413
            body.write(piece)
            if not message.get("more_body", False):
                return 0
            if size < (time.monotonic() - begun - 60) * SLOWEST:
                return 408


def _plain(scope: Scope) -> Scope:
    """The request without headers that WSGI would take for others (`X_Forwarded_For`), its query in ASCII."""
    headers = [(name.lower(), value) for name, value in scope["headers"] if b"_" not in name]
    return {
        **scope,
        "headers": headers,
        "path": scope["path"].encode("utf-8", "replace").decode(),
        "query_string": quote(scope["query_string"], safe=_ASCII).encode(),
    }


def _has_body(scope: Scope) -> bool:
    names = dict(scope["headers"])
    return names.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in names


def _length(scope: Scope) -> int:
    """Bytes of the body, as the request says; 0 where it says nothing that is a number."""
    told = dict(scope["headers"]).get(b"content-length", b"0")
    return int(told) if told.isdigit() and len(told) < 19 else 0


def _again(body: Any, receive: Receive) -> Receive:
    """Tell of the body once more, piece by piece; after it, of what comes."""
    ended = False

    async def told() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        piece = body.read(PIECE)
        ended = len(piece) < PIECE
        return {"type": "http.request", "body": piece, "more_body": not ended}

    return told


async def _say(send: Send, status: int, text: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
