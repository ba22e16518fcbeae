"""Run as the process of an upload's job that kills itself at its second commit, as a power cut would: python -m tests.console.dying UPLOAD JOB MEMBER."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any


def main(upload: int, job: str, member: int) -> None:
    from touchline.ledger.table import Ledger
    from touchline.site import importer

    for name in ("readers", "imports"):
        import_module(f"touchline.intake.{name}").CHUNK_ROWS = 100
    import_module("touchline.intake.lines").BLOCK = 1024
    real, commits = Ledger.append, []

    def append(self: Ledger, *given: Any, **named: Any) -> Any:
        commits.append(1)
        if len(commits) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *given, **named)

    Ledger.append = append  # type: ignore[method-assign] # on purpose, in this process only
    importer.main(upload, job, member)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
