"""In: the workspace of TOUCHLINE_WORKSPACE. Out: the loop, until it is told to stop. Writes what the loop writes.

This is the worker process of `touchline up`. Where a world is rehearsed time stands still, so that the loop has nothing to wait for:
it comes to rest, and turns again when something has come in.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType

from touchline.intake.buffer import waiting
from touchline.site import logs, metrics
from touchline.site.entry import open_workspace
from touchline.site.parent import end_with_parent
from touchline.team.actors import WORKER
from touchline.workspace.freshness import Watch
from touchline.workspace.opened import Workspace
from touchline.workspace.running import FAILED
from touchline.workspace.worldly import followed

_LOOKED = 2.0  # seconds between two looks of a worker whose world stands still
_log = logging.getLogger("touchline.worker")


class Turns:
    """Measures turns: the loop asks whether to stop before each, and tells when it has ended."""

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self._begun = time.perf_counter()

    def stop(self) -> bool:
        """Whether the loop is to end; asked between turns."""
        self._begun = time.perf_counter()
        return self.stopped.is_set()

    def tell(self, what: str, _done: int, _of: int | None, _unit: str) -> None:
        """A turn has ended; of one that failed it is told twice."""
        if what.startswith(FAILED):
            metrics.TURN_FAULTS.labels(what.removeprefix(FAILED)).inc()
            return
        metrics.TURN_SECONDS.observe(time.perf_counter() - self._begun)


def work(workspace: Workspace, turns: Turns) -> None:
    """Run the loop until it is told to stop."""
    opened = workspace.acting_as(WORKER)
    watch = Watch(opened)
    clock = followed(opened.settings)
    if clock is None:
        while not turns.stopped.is_set():  # one run for each playbook: senders and words are opened for it
            opened.run(tell=turns.tell, stop=lambda: turns.stop() or watch.renewed())
        return
    opened.clock = clock
    seen: tuple[int, int] | None = None
    while not turns.stopped.is_set():
        state = (clock.now(), waiting())
        if watch.renewed() or state != seen:
            opened.run(until_idle=True, tell=turns.tell, stop=turns.stop)
            seen = (clock.now(), waiting())
        turns.stopped.wait(_LOOKED)


def main() -> None:
    """The process."""
    logs.configure()
    end_with_parent()
    turns = Turns()

    def ask(_number: int, _: FrameType | None) -> None:
        turns.stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    _log.info("started")
    try:
        work(open_workspace(os.environ["TOUCHLINE_WORKSPACE"]), turns)
    except Exception:
        _log.exception("ended by a fault")  # as a line of log, which leaves out what the fault quotes
        sys.exit(1)
    _log.info("ended")


if __name__ == "__main__":
    main()
