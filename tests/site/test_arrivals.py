"""Bodies are taken in whole, within a deadline, before a page's thread is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from touchline.site.arrivals import FILES_AT_ONCE, PIECE, Files, Whole


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


def _sent(
    folder: Path, body: list[bytes], *, may: int = 204, path: str = "/in", told: int | None = None
) -> tuple[int, list[tuple[str, int]], int]:
    """(status, method and body bytes of each request that the application saw, pieces that were asked of the client)."""
    seen: list[tuple[str, int]] = []
    asked, answers = [0], []
    headers = [(b"transfer-encoding", b"chunked")] if told is None else [(b"content-length", b"%d" % told)]

    async def receive() -> dict[str, Any]:
        asked[0] += 1
        return {"type": "http.request", "body": body[asked[0] - 1], "more_body": asked[0] < len(body)}

    async def send(message: Any) -> None:
        answers.append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        seen.append((scope["method"], size))
        if scope["method"] == "GET":
            assert not any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": may if scope["method"] == "GET" else 302, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
    asyncio.run(Whole(application, largest=10, files=Files("/in", 100, folder))(scope, receive, send))
    return answers[0]["status"], seen, asked[0]


def test_a_file_is_taken_in_from_who_may_send_one(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    assert _sent(folder, [b"x" * 60, b"x" * 40], told=100) == (302, [("GET", 0), ("POST", 100)], 2)
    assert list(folder.iterdir()) == [], "nothing of it is left under any name"
    assert _sent(folder, [b"x" * 60, b"x" * 60], told=12, path="/other")[0] == 413, (
        "elsewhere a form is all that is taken"
    )


@pytest.mark.parametrize("may", [302, 403, 404, 500])
def test_a_file_from_who_may_not_is_refused_before_a_byte_is_taken(tmp_path: Path, may: int) -> None:
    assert _sent(tmp_path, [b"x"], told=50, may=may) == (403, [("GET", 0)], 0)


def test_a_file_that_is_too_large_is_refused_by_what_it_says_and_by_what_it_is(tmp_path: Path) -> None:
    assert _sent(tmp_path, [b"x"], told=101) == (413, [], 0)
    assert _sent(tmp_path, [b"x" * 60, b"x" * 60, b"x"]) == (413, [("GET", 0)], 2)


def test_a_full_disk_and_too_many_files_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_given: Any, **_named: Any) -> Any:
        class Full:
            def __enter__(self) -> Full:
                return self

            def __exit__(self, *_: object) -> None: ...

            def write(self, _: bytes) -> None:
                raise OSError(28, "No space left on device")

        return Full()

    monkeypatch.setattr("touchline.site.arrivals.tempfile.TemporaryFile", full)
    assert _sent(tmp_path, [b"x"], told=1)[0] == 507
    monkeypatch.setattr("touchline.site.arrivals.FILES_AT_ONCE", 0)
    assert _sent(tmp_path, [b"x"], told=1) == (503, [], 0)
    assert FILES_AT_ONCE > 0
