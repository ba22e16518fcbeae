"""What a process does that is killed in the middle.

WHAT is `drain` or `import`; WHERE is the step at which, the TIMES-th time, the process kills itself as a power cut would.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

STEPS: dict[str, tuple[str, str, bool]] = {
    "after recognition": ("touchline.recognition.recognising", "Recogniser.recognise", True),
    "before the commit": ("touchline.ledger.table", "Ledger.append", False),
    "after the commit": ("touchline.ledger.table", "Ledger.append", True),
    "after it is noted": ("touchline.intake.drain", "_finish", True),
}
"""Step -> (module, function, whether death comes after it)."""


def deadly(step: str, times: int) -> None:
    """Kill this process at the step, the given number of times through."""
    module, name, after = STEPS[step]
    *owners, last = name.split(".")
    owner: Any = import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, last)
    left = [times]

    def dying(*args: Any, **more: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **more)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, last, dying)


def main(folder: Path, what: str, step: str, times: int) -> None:
    from touchline.site import database

    database.use(folder / "touchline.sqlite")
    from tests.intake.builder import NOW, playbook
    from tests.intake.files import ledger, purchases
    from touchline.intake import drain, import_file

    if what == "drain":
        import_module("touchline.intake.drain").BATCH = 8
    else:
        for name in ("readers", "imports"):
            import_module(f"touchline.intake.{name}").CHUNK_ROWS = 100
    if step:
        deadly(step, times)
    if what == "drain":
        drain(playbook(), ledger(folder), received_at=NOW)
    else:
        import_file(
            [folder / "file.parquet"],
            purchases(format_="parquet", occurrence=True),
            playbook(),
            ledger(folder),
            received_at=NOW,
        )
