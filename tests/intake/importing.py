"""Run as a program that imports while another does: python -m tests.intake.importing FOLDER SOURCE.

It says `ready` when it could begin, begins at a line on its input, and prints what came of it as `accepted duplicates`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main(folder: Path, source: str) -> None:
    from touchline.site import database

    database.use(folder / "touchline.sqlite")
    from tests.intake.builder import NOW, playbook
    from tests.intake.files import ledger, purchases
    from touchline.intake import import_file

    for name in ("readers", "imports"):
        import_module(f"touchline.intake.{name}").CHUNK_ROWS = 500
    what = purchases(name=source, format_="parquet", occurrence=True)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    result = import_file([folder / "file.parquet"], what, playbook(), ledger(folder), received_at=NOW)
    sys.stdout.write(f"{result.accepted} {result.duplicates}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
