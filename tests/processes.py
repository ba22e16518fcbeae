"""Real processes of their own, forked from one that has the product imported: each can be killed, and shares nothing but files and servers.

A new interpreter would spend two seconds on its imports, dozens of times. `multiprocessing`'s fork server does not: it has
no database open, has computed nothing and so has no threads, and every process that it forks starts from there.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests import stores

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.warm"])


class Started:
    """A process that runs one function.

    work         of a module, so that it can be found by its name there
    environment  what is other than here
    """

    def __init__(self, work: Callable[..., None], *args: object, environment: Mapping[str, str] | None = None) -> None:
        handle, name = tempfile.mkstemp(prefix="touchline-process-")
        os.close(handle)
        self._said = Path(name)
        surroundings = {**os.environ, **(environment or {})}
        self._process = _CONTEXT.Process(target=_run, args=(name, surroundings, work, args), daemon=True)
        self._process.start()

    @property
    def code(self) -> int | None:
        """How it ended, as `subprocess` tells it: minus the signal it died of; None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def ended(self, within: float = 120.0) -> int:
        """Wait for its end; its code."""
        self._process.join(within)
        code = self._process.exitcode
        assert code is not None, f"it still runs after {within} s"
        return code

    def well(self, within: float = 120.0) -> None:
        """Wait for its end, and find that it ended by itself without a fault."""
        assert self.ended(within) == 0, self.said()

    def said(self) -> str:
        """What it wrote on its standard output and error."""
        return self._said.read_text(encoding="utf-8", errors="replace")


def barrier(parties: int) -> Any:
    """What so many processes wait at for each other."""
    return _CONTEXT.Barrier(parties)


def queue() -> Any:
    """What a process puts what it found into."""
    return _CONTEXT.Queue()


def _run(said: str, surroundings: dict[str, str], work: Callable[..., None], args: tuple[Any, ...]) -> None:
    file = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(surroundings)
    stores.take_over()
    work(*args)
