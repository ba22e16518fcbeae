"""A real Granian server with the intake alone, in a process group of its own, on a database of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import stores

ROOT = Path(__file__).parents[2]
KEY = "tlw_the-write-key-of-the-tests"
_PLACE = "TOUCHLINE_TESTS_INTAKE"


def application() -> Callable[..., Any]:
    """What the server serves: the intake on the database that the environment names, where one key may write."""
    from touchline.site import database

    stores.take_over()
    database.use(os.environ[_PLACE])
    from touchline.api.segment import Intake

    return Intake(lambda key, scope: key if (key, scope) == (KEY, "write") else None, seconds=2.0)


def slow() -> Callable[..., Any]:
    """The same where each commit takes its time and few events may wait."""
    served_ = application()
    from touchline.api import writer
    from touchline.intake import keep

    def sleeping(rows: Any, *, received_at: int) -> int:
        time.sleep(0.02)
        return keep(rows, received_at=received_at)

    writer.keep = sleeping  # type: ignore[assignment]  # the server's own process
    served_.writer.queue_events = 100  # type: ignore[attr-defined]  # it is an Intake
    return served_


@dataclass(frozen=True)
class Served:
    """A server that listens.

    url   where, without a slash at the end
    """

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Ask it to end, as an administrator does, and wait; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """End it and its workers at once, in the middle of whatever they do."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def served(database: str | Path, *more: str, target: str = "tests.api.serving:application") -> Iterator[Served]:
    """The server on a migrated database, ready to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--no-ws", "--log-level", "error", *more, target]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, _PLACE: str(database)}, start_new_session=True)
    server = Served(port, process)
    try:
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as asked:
                asked.sendall(b"GET /healthz HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n")
                if asked.recv(64).startswith(b"HTTP/1.1 200"):
                    break
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.02)
        yield server
    finally:
        server.kill()
