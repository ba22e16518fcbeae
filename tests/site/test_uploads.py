"""A whole web process takes a file in from who may bring one, and refuses others before it has read a byte."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.test import Client

from tests.faces import member
from touchline.intake.models import Upload
from touchline.site import web
from touchline.workspace import uploads
from touchline.workspace.opened import Workspace

BODY = b"receipt;card\n" + b"1;c1\n" * 100_000


class _Visitor:
    """Somebody's browser, as the server hands its requests on."""

    def __init__(self, service: web.Service, role: str | None) -> None:
        self._service = service
        client = Client()
        if role:
            client.force_login(member(role))
        self._cookies = "; ".join(f"{name}={one.value}" for name, one in client.cookies.items())
        self.read = 0

    def sends(self, body: bytes, *, token: str = "", told: int | None = None, method: str = "POST") -> tuple[int, str]:
        """(status, where it leads) of a request with that body, in pieces."""
        answers: list[Any] = []
        pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)] or [b""]
        self.read = 0

        async def receive() -> dict[str, Any]:
            self.read += 1
            return {"type": "http.request", "body": pieces[self.read - 1], "more_body": self.read < len(pieces)}

        async def send(message: Any) -> None:
            answers.append(message)

        headers = [
            (b"host", b"localhost"), (b"cookie", f"{self._cookies}; touchline-csrf={token}".encode()),
            (b"content-type", b"multipart/form-data; boundary=x"),
            (b"content-length", str(len(body) if told is None else told).encode()),
        ]  # fmt: skip
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": "/imports/upload",
            "query_string": b"",
            "headers": headers,
            "scheme": "http",
        }
        asyncio.run(self._service(scope, receive, send))
        return answers[0]["status"], dict(answers[0]["headers"]).get(b"location", b"").decode()


def _form(token: str) -> bytes:
    """A form with a token and a file."""
    return (
        b'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + token.encode() + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="till.csv"\r\n\r\n' + BODY + b"\r\n--x--\r\n"
    )


@pytest.fixture
def service(office: Workspace) -> Iterator[web.Service]:
    """A web process's application on the workspace, without its server."""
    made = web.service(office)
    yield made
    made._pages._application.executor.submit(_closed).result()  # type: ignore[attr-defined] # its threads have connections of their own
    made._pages._application.executor.shutdown()  # type: ignore[attr-defined] # as above


def _closed() -> None:
    from django.db import connections

    connections.close_all()


def test_a_file_comes_in_by_the_service_and_only_from_who_may_bring_one(
    office: Workspace, service: web.Service
) -> None:
    token = "a" * 32
    for role in (None, "viewer"):
        visitor = _Visitor(service, role)
        assert visitor.sends(_form(token), token=token)[0] == 403
        assert visitor.read == 0, "not a byte of it was taken"
    marketer = _Visitor(service, "marketer")
    assert marketer.sends(_form(token), token=token, told=uploads.LARGEST + 1_000_000)[0] == 413
    assert marketer.read == 0
    assert marketer.sends(_form(token), token="b" * 32)[0] == 403, "the token is looked at"
    assert Upload.objects.count() == 0
    with mock.patch.object(uploads, "_begin"):
        status, where = marketer.sends(_form(token), token=token)
    assert (status, where) == (302, f"/imports/{Upload.objects.get().pk}/")
    assert uploads.file_of(office.settings, Upload.objects.get().pk).read_bytes() == BODY
    assert [one.name for one in office.settings.uploads.iterdir()] == [str(Upload.objects.get().pk)]
