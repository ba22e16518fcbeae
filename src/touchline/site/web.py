"""In: the workspace of TOUCHLINE_WORKSPACE. Out: the ASGI application of one web process. Writes no interactions; its verbs do.

`/v1/…` and `/healthz` are answered by intake's bare callable on the event loop; every page by Django in a bounded pool of threads,
because its own ASGI handler was many times slower, and because pages ask a database that blocks.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading

from a2wsgi import WSGIMiddleware
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver, reverse

from touchline.api.segment import Intake
from touchline.report import vega
from touchline.site import logs, metrics, place
from touchline.site.arrivals import Application, Files, Message, Receive, Scope, Send, Whole
from touchline.site.entry import open_workspace
from touchline.site.parent import end_with_parent
from touchline.team import keys
from touchline.workspace import serving, teaming, uploads
from touchline.workspace.opened import Workspace
from touchline.workspace.worldly import followed

THREADS = 8
"""Pages that are made at once in one process."""
FRAME = 64 * 1024
"""Bytes of a form around the file that it brings."""
_log = logging.getLogger("touchline.web")
_CARRIED = 5.0  # seconds between two times that intake's counts are carried over to the metrics


class Service:
    """One web process: intake and pages."""

    def __init__(self, intake: Intake, pages: Application) -> None:
        self._intake = intake
        self._pages = pages
        self._mirror = metrics.Mirror(intake)
        self._carrying: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or go along with the server's start and end."""
        if scope["type"] == "lifespan":
            self._carrying = asyncio.ensure_future(self._carry())
            await self._intake(scope, receive, send)
            self._carrying.cancel()
            self._mirror.carry()
        elif scope["type"] == "http" and not self._intake.handles(scope["path"]):
            if scope["path"] == "/metrics":
                self._mirror.carry()
            await self._page(scope, receive, send)
        else:
            await self._intake(scope, receive, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have Django answer. A fault that it did not turn into a page is said here, since the server would quote it whole."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._pages(scope, receive, sent)
        except Exception:
            _log.exception("failed outside of any page")
            if not begun:
                await send(
                    {"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]}
                )
                await send({"type": "http.response.body", "body": b"Something went wrong here."})

    async def _carry(self) -> None:
        while True:
            await asyncio.sleep(_CARRIED)
            self._mirror.carry()


def application() -> Service:
    """The application of this process, its workspace open; for Granian, as `touchline.site.web:application`."""
    logs.configure()
    end_with_parent()
    try:
        served = service(open_workspace(os.environ["TOUCHLINE_WORKSPACE"]))
    except Exception:
        _log.exception("this process cannot serve")  # as a line of log, which leaves out what the fault quotes
        raise
    threading.Thread(target=_warm, name="warm", daemon=True).start()
    return served


def _warm() -> None:
    """Load what draws charts, beside the first requests."""
    try:
        vega.warm()
    except Exception:
        _log.exception("charts cannot be drawn")


def service(workspace: Workspace) -> Service:
    """The application on an open workspace, which this process serves from now on."""
    workspace.clock = followed(workspace.settings) or workspace.clock
    place.take(workspace.settings, sender=teaming.sender(workspace))
    serving.use(workspace)
    handler = WSGIHandler()
    _ = (
        get_resolver().url_patterns
    )  # every face is loaded now: one that cannot be ends the process, not the first request
    files = Files(reverse("imports-upload"), uploads.LARGEST + FRAME, workspace.settings.uploads)
    pages = Whole(WSGIMiddleware(handler, workers=THREADS), files=files)  # type: ignore[arg-type] # its own names for ASGI's types
    return Service(Intake(keys.verify, now=workspace.clock.now), pages)
