"""In: a workspace's folder, or an ASGI callable's name. Out: it is served on this machine for as long as the block runs. Writes no interactions; what is served does.

What is measured is the program as everybody runs it, in processes of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from touchline.kernel.errors import TouchlineError

PATIENCE = 60.0
"""Seconds in which a server must listen, and end."""
_UP = "from touchline.site.entry import run; run()"


class NotServed(TouchlineError):
    """The server that is to be measured did not start."""

    code = "not_served"


@dataclass(frozen=True)
class Served:
    """A server that listens on a port of this machine."""

    port: int
    process: subprocess.Popen[bytes]

    def peak_mib(self) -> int:
        """The largest memory of any one of its processes."""
        peaks = [0]
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError, ValueError):
                pid = int(status.parent.name)
                if os.getsid(pid) == self.process.pid:
                    told = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
                    peaks.append(int(told["VmHWM"].split()[0]) // 1024)
        return max(peaks)


@contextmanager
def up(folder: Path) -> Iterator[Served]:
    """`touchline up` on a workspace: web and worker."""
    with _served(["-c", _UP, "up", "--workspace", str(folder)], {}) as server:
        yield server


@contextmanager
def web(folder: Path) -> Iterator[Served]:
    """Its one web process alone."""
    with asgi("touchline.site.web:application", {"TOUCHLINE_WORKSPACE": str(folder)}) as server:
        yield server


@contextmanager
def asgi(name: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Granian as `touchline up` starts it, on the application that `MODULE:FACTORY` makes."""
    command = ["-m", "granian", "--interface", "asgi", "--http", "1", "--no-ws", "--factory", "--log-level", "error"]
    with _served([*command, name], environment or {}) as server:
        yield server


@contextmanager
def _served(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Served]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # This very interpreter, with a program of this package's own.
    process = subprocess.Popen(  # noqa: S603 - see above
        [sys.executable, *command, "--port", str(port)],
        env={**os.environ, **environment},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _listens(port, process)
        yield Served(port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as asked:
            asked.settimeout(5)
            asked.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            if asked.recv(16).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.05)
    raise NotServed(remedy="Start it by hand to see why: `touchline up`.")
