"""In: this process. Out: its end, once the one that started it is gone. Writes no interactions."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time

_PATIENCE = 15.0  # seconds in which it may come to an orderly end
_log = logging.getLogger("touchline.process")


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went: nobody would stop it then."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        _log.warning("ending: the process that started this one is gone")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_PATIENCE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="touchline-parent").start()
