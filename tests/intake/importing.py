"""What a process does that imports while another does: both begin when both are ready."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any


def main(folder: Path, source: str, begin: Any, done: Any) -> None:
    """Import the folder's file; (accepted, duplicates) go into `done`."""
    from touchline.site import database

    database.use(folder / "touchline.sqlite")
    from tests.intake.builder import NOW, playbook
    from tests.intake.files import ledger, purchases
    from touchline.intake import import_file

    for name in ("readers", "imports"):
        import_module(f"touchline.intake.{name}").CHUNK_ROWS = 500
    what = purchases(name=source, format_="parquet", occurrence=True)
    begin.wait(60)
    result = import_file([folder / "file.parquet"], what, playbook(), ledger(folder), received_at=NOW)
    done.put((result.accepted, result.duplicates))
