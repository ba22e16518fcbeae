"""In: a workspace and a port. Out: the service, until it is told to stop. Writes no interactions; its processes do.

This process is Granian's: it starts the web processes and ends with them. Beside them it keeps one worker, which it starts
again, later each time, when it dies.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from touchline.kernel.errors import TouchlineError
from touchline.site import logs, metrics
from touchline.site.entry import open_workspace
from touchline.team import invitations, members
from touchline.workspace.settings import DEFAULT_PUBLIC_URL, settings_for

ENDING = 10
"""Seconds that a process has to end by itself."""
_FIRST_PAUSE, _LONGEST_PAUSE, _SOUND = 1.0, 60.0, 60.0
"""Seconds before a dead worker is started again: at first, at most; and after how long a life it counts as sound."""
_log = logging.getLogger("touchline.service")


class ServiceFault(TouchlineError):
    """The service cannot be started."""

    code = "service"


def up(
    directory: str | Path | None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    worker: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM.

    workers  web processes; more than one needs PostgreSQL
    worker   whether the loop runs here, too; `touchline run` elsewhere does as well
    say      is told where it is, and how the first admin signs in
    Raises ServiceFault where it cannot start, or where a web process died.
    """
    settings = settings_for(directory)
    if workers > 1 and urlsplit(settings.database_url).scheme == "sqlite":
        raise ServiceFault(
            f"{workers} web processes on SQLite", remedy="Leave --workers away, or set DATABASE_URL to a PostgreSQL."
        )
    _free(host, port)
    os.environ["TOUCHLINE_WORKSPACE"] = str(settings.root)
    here = f"http://{_shown(host)}:{port}"
    if settings.public_url == DEFAULT_PUBLIC_URL:
        os.environ["TOUCHLINE_PUBLIC_URL"] = here
    public = os.environ.get("TOUCHLINE_PUBLIC_URL", here).rstrip("/")
    open_workspace(settings.root)  # its tables are brought up to date here, once for all processes
    say(f"Touchline serves {settings.root.name} at {public}")
    if not members.has_admin():
        say(
            f"Nobody can sign in yet. Become its admin with this link, once, within 7 days:\n{public}/join/{invitations.first().token}/"
        )
    with tempfile.TemporaryDirectory(prefix="touchline-metrics-") as counted:
        os.environ[metrics.FOLDER] = counted
        _serve(host, port, workers, Loop() if worker else None)


def _serve(host: str, port: int, workers: int, loop: Loop | None) -> None:
    multiprocessing.set_start_method("spawn", force=True)  # threads of other libraries do not survive a fork
    server = Granian(
        "touchline.site.web:application", address=host, port=port, interface=Interfaces.ASGI, http=HTTPModes.http1,
        workers=workers, factory=True, websockets=False, workers_kill_timeout=ENDING, log_dictconfig=logs.configuration(),
    )  # fmt: skip
    logs.configure()
    if loop is not None:
        server.on_startup(loop.start)
        server.on_shutdown(loop.end)
    try:
        server.serve()
    except SystemExit as ended:
        if ended.code:
            raise ServiceFault(
                "a web process died", remedy="The lines of log above say why; `touchline up` starts it again."
            ) from None


class Loop:
    """The worker process, kept alive.

    started  how often it was
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", "touchline.site.worker")) -> None:
        self._command = list(command)
        self.started = 0
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True, name="touchline-loop")

    def start(self) -> None:
        """Start it, and keep it."""
        self._keeper.start()

    def end(self) -> None:
        """End it in order; by force where it does not end."""
        self._ending.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._keeper.join(ENDING)

    def _keep(self) -> None:
        pause = _FIRST_PAUSE
        while not self._ending.is_set():
            begun = time.monotonic()
            self._process = subprocess.Popen(self._command)  # noqa: S603 - nothing of it comes from outside
            self.started += 1
            if self._ending.is_set():  # it was told to end while this one was being born
                self._process.terminate()
            code = self._process.wait()
            if self._ending.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - begun > _SOUND else min(2 * pause, _LONGEST_PAUSE)
            _log.error("the worker died and is started again", extra={"code": code, "seconds": pause})
            self._ending.wait(pause)


def _free(host: str, port: int) -> None:
    """Raise ServiceFault where the port is taken, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as why:
        raise ServiceFault(
            f"{host}:{port}: {why.strerror or why}", remedy="Name another with --port, or end what listens there."
        ) from None


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104 - compared with, not bound to
        return "localhost"
    return f"[{host}]" if ":" in host else host
