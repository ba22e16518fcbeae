"""Requests put to the intake without a server: what a server would tell it, piece by piece."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from touchline.api.segment import Intake

KEY = "tlw_a-key"
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def faults(self) -> dict[int, str]:
        """Index -> fault."""
        return {each["index"]: each["fault"] for each in self.json["faults"]}


def basic(key: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}


class Asking:
    """One intake on one event loop, which both live as long as the test."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def post(self, path: str, body: Any, *, headers: Mapping[str, str] | None = None, method: str = "POST") -> Answer:
        """Send one request with the tests' key, or with the given headers instead; a body that is no bytes is sent as JSON."""
        found = self.run(self.asked(path, body, headers=headers, method=method))
        assert found is not None
        return found

    async def asked(
        self,
        path: str,
        body: Any,
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
        stalls: bool = False,
    ) -> Answer | None:
        """The same inside the loop; None where nobody was answered. A list of bytes is a body in pieces, None in it the sender's end.

        stalls  whether the last piece never comes
        """
        told = basic(KEY) if headers is None else headers
        pieces: Sequence[bytes | None]
        pieces = body if isinstance(body, list) else [body if isinstance(body, bytes) else json.dumps(body).encode()]
        left = list(pieces)
        sent: list[Mapping[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if len(left) == stalls:
                await asyncio.sleep(3600)
            piece = left.pop(0)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(left)}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told.items()]
        await self.intake({"type": "http", "method": method, "path": path, "headers": raw}, receive, send)
        if not sent:
            return None
        start, end = sent
        heads = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answer(start["status"], heads, end["body"])

    def close(self) -> None:
        self._runner.run(self.intake.close())
        self._runner.close()
