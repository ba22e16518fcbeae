"""Bodies are taken in whole, within a deadline, before a page's thread is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from touchline.site.arrivals import PIECE, Whole


def _run(
    pieces: list[Any], *, headers: list[tuple[bytes, bytes]] | None = None, **limits: Any
) -> tuple[int, bytes, list[dict[str, Any]]]:
    """(status, what the application read, what was sent); a number among the pieces is a pause in seconds."""
    read, sent = bytearray(), []
    arriving = iter(pieces)

    async def receive() -> dict[str, Any]:
        piece = next(arriving, None)
        if isinstance(piece, float):
            await asyncio.sleep(piece)
            piece = next(arriving, None)
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]}

    async def send(message: Any) -> None:
        sent.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            read.extend(message.get("body", b""))
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "query_string": b"",
        "headers": headers or [(b"content-length", b"5")],
    }
    asyncio.run(Whole(application, **limits)(scope, receive, send))
    return sent[0]["status"], bytes(read), sent


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_body_is_handed_on_as_it_came(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    pieces = [body[: size // 3], body[size // 3 : size]]
    assert _run(pieces)[:2] == (200, body[:size])


def test_a_body_that_stalls_is_given_up() -> None:
    assert _run([b"a", 0.5, b"b"], pause=0.05)[:2] == (408, b"")


def test_a_body_that_breaks_off_is_not_handed_on() -> None:
    assert _run([b"a", None, b"b"])[:2] == (408, b"")


def test_a_body_without_end_is_refused_at_its_limit() -> None:
    assert _run([b"x" * 60, b"x" * 60, b"x"], largest=100)[:2] == (413, b"")
    assert _run([b"xx", b"x"], headers=[(b"Transfer-Encoding", b"chunked")], largest=2)[0] == 413


def test_nobody_may_send_more_than_a_form_whatever_cookie_they_bring() -> None:
    somebody = [(b"content-length", b"9"), (b"cookie", b"a=b; touchline=x")]
    assert _run([b"xxxx"], headers=somebody, largest=4)[:2] == (200, b"xxxx")
    assert _run([b"xxxxx", b"x"], headers=somebody, largest=4)[:2] == (413, b"")
    most = [b"x" * (4 * 1024**2), b"y"]
    assert _run(most[:1])[0] == 200
    assert _run(most, headers=somebody)[:2] == (413, b"")


def test_a_header_cannot_pass_for_another_and_a_query_is_ascii() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {
        "type": "http", "path": "/x\udcff", "query_string": b"q=\xff&a=%20 b",
        "headers": [(b"X_Forwarded_For", b"1.2.3.4"), (b"X-Forwarded-For", b"5.6.7.8"), (b"Content_Length", b"7")],
    }  # fmt: skip
    asyncio.run(Whole(application)(scope, None, None))  # type: ignore[arg-type] # neither is asked for
    assert seen[0]["headers"] == [(b"x-forwarded-for", b"5.6.7.8")]
    assert seen[0]["query_string"] == b"q=%FF&a=%20%20b"
    seen[0]["path"].encode()


def test_sleepers_beyond_a_bound_are_turned_away() -> None:
    async def both() -> list[int]:
        gate = asyncio.Event()
        statuses: list[int] = []

        async def application(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})

        whole = Whole(application)

        async def one(number: int) -> None:
            async def receive() -> dict[str, Any]:
                await gate.wait()
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                if "status" in message:
                    statuses.append(message["status"])

            await whole(
                {"type": "http", "path": "/x", "query_string": b"", "headers": [(b"content-length", b"1")]},
                receive,
                send,
            )

        tasks = [asyncio.ensure_future(one(number)) for number in range(300)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)
        return statuses

    statuses = asyncio.run(both())
    assert statuses.count(503) == 300 - 256
    assert statuses.count(200) == 256
