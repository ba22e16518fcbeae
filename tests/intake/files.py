"""Running an import in a test: a ledger in a folder, a file of given bytes, and what came of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tests.intake.builder import NOW, importer, playbook
from touchline.intake import ImportResult, import_file
from touchline.kernel.engines import Engine
from touchline.ledger import Ledger
from touchline.playbook.compiled import Import

PURCHASE = {"customer": "text", "at": "time", "amount": "number", "words": "text"}
BOUGHT = {"kind": "'bought'", "touchpoint": "'shop'", "occurred_at": "at", "revenue": "amount", "text": "words"}


def purchases(**changes: Any) -> Import:
    """customer, at, amount, words; the id is all four."""
    return importer(PURCHASE, [BOUGHT], ["customer", "at", "amount", "words"], **changes)


def ledger(folder: Path) -> Ledger:
    root = folder / "ledger"
    return Ledger.open(root) if root.exists() else Ledger.create(root)


def run(folder: Path, data: bytes | Path, imp: Import, **more: Any) -> ImportResult:
    """Import the bytes as a file of their own name, by contents, into the folder's ledger."""
    if isinstance(data, bytes):
        path = folder / f"file.{imp.format}"
        path.write_bytes(data)
    else:
        path = data
    more.setdefault("playbook", playbook())
    return import_file(
        [path], imp, more.pop("playbook"), ledger(folder), received_at=NOW, rejects_dir=folder / "rejects", **more
    )


def stored(folder: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The ledger's rows by seq."""
    engine = Engine("polars")
    frame = engine.collect(ledger(folder).frame(engine)).sort("seq")
    return frame if columns is None else frame.select(columns)


def rejects(result: ImportResult) -> list[dict[str, str]]:
    assert result.rejects_file is not None
    with result.rejects_file.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reasons(result: ImportResult) -> dict[int, str]:
    """Row number -> reason."""
    return {int(one["row_number"]): one["reason"] for one in rejects(result)}


def parquet(path: Path, columns: Mapping[str, Any]) -> Path:
    pl.DataFrame(columns, strict=False).write_parquet(path)
    return path
