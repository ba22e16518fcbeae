"""In: folded state as of a seq and an instant. Out: the same tables later, as lazy frames. Writes no interactions.

A snapshot is a folder with a Delta Lake table for each state table and a manifest that names every file. It appears
whole, by a rename, or not at all; what is not whole is passed over and told, since the ledger can make it again.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import narwhals as nw
import polars as pl

from touchline.kernel.engines import MEMORY, Engine
from touchline.kernel.errors import LedgerFault, UnknownName
from touchline.kernel.names import NAME, did_you_mean
from touchline.kernel.times import from_micros
from touchline.ledger.files import settle
from touchline.ledger.latch import Latch
from touchline.ledger.statefiles import (
    Frame,
    StateFile,
    checksum,
    described,
    is_whole,
    log_over,
    save_table,
    write_state,
)

MANIFEST = "snapshot.json"
VERSION = 1
_NO_BUCKET = -1
_SAVING = ".saving-"
_FOLDER = re.compile(r"(-?\d+)_(\d+)_([0-9A-Za-z]{1,64})")


@dataclass(frozen=True)
class SnapshotKey:
    """What a snapshot holds: rows with seq at most `seq` and occurred_at at most `at`, folded for one layout.

    seq     S
    at      T, microseconds UTC
    layout  digest of the columns and their meaning: letters and digits
    """

    seq: int
    at: int
    layout: str

    def __str__(self) -> str:
        return f"{self.at:020d}_{self.seq:020d}_{self.layout}"

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """The key of a folder's name; None where it is not one."""
        match = _FOLDER.fullmatch(name)
        return cls(int(match[2]), int(match[1]), match[3]) if match is not None else None


@dataclass(frozen=True)
class Snapshot:
    """A whole snapshot on the disk.

    key
    folder  that holds it
    tables  name -> its files
    """

    key: SnapshotKey
    folder: Path
    tables: Mapping[str, tuple[StateFile, ...]]

    def frame(
        self,
        engine: Engine,
        table: str,
        columns: Collection[str] | None = None,
        *,
        buckets: Collection[int] | None = None,
    ) -> nw.LazyFrame[Any]:
        """One table as it was saved, in no particular order; `buckets` narrows it by its column `bucket`.

        Raises UnknownName where the snapshot has no such table.
        """
        if table not in self.tables:
            raise UnknownName(f"table {table!r} of the snapshot", remedy=did_you_mean(table, self.tables))
        files = self.tables[table]
        if buckets is not None:
            fitting = [f for f in files if f.buckets and any(f.buckets[0] <= b <= f.buckets[1] for b in buckets)]
            files = tuple(fitting) or files[:1]
        frame = engine.scan_parquet([str(self.folder / table / file.name) for file in files])
        if buckets is not None:
            frame = frame.filter(nw.col("bucket").is_in(sorted(buckets) or [_NO_BUCKET]))
        return frame if columns is None else frame.select(*columns)

    def rows(self, table: str) -> int:
        """Rows of one table."""
        return sum(file.rows for file in self.tables[table])

    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for files in self.tables.values() for file in files)

    def is_sound(self) -> bool:
        """Whether every byte is as it was written; reads them all."""
        return all(
            checksum(self.folder / table / file.name) == file.crc
            for table, files in self.tables.items()
            for file in files
        )


@dataclass(frozen=True)
class Broken:
    """A folder among the snapshots that is not a whole one.

    folder
    why     one sentence
    """

    folder: Path
    why: str


class Snapshots:
    """The snapshots in a local folder. Safe to use from several threads and processes."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self._latch = Latch(self.root.with_name(self.root.name + ".lock"))

    def save(self, key: SnapshotKey, tables: Mapping[str, Frame | Iterable[Frame]]) -> Snapshot:
        """Write a snapshot; returns the one that is there already where the key was saved before.

        tables  name -> a frame, or one frame a file, taken one after the other, so that state can be written bucket by
                bucket. A column `persona_id` lets erasure find its people. Unsigned and 128-bit integers become int64,
                since Delta has neither. No column has statistics, personal or not.
        """
        if _FOLDER.fullmatch(str(key)) is None:
            raise LedgerFault(f"{key} cannot be a snapshot's key", remedy="A layout is made of letters and digits.")
        for table in tables:
            if NAME.fullmatch(table) is None:
                raise LedgerFault(f"{table!r} cannot be a snapshot's table", remedy="Use small letters, digits and _.")
        with self._latch.shared():
            found = self._read(self.root / str(key))
            if isinstance(found, Snapshot):
                return found
            saving = self._fresh()
            try:
                manifest = {table: save_table(saving / table, frames) for table, frames in tables.items()}
                _finish(saving, key, manifest)
                return self._place(saving, key)
            except BaseException:
                shutil.rmtree(saving, ignore_errors=True)
                raise

    def latest(self, at: int, seq_until: int, layout: str) -> Snapshot | None:
        """The snapshot to start from: the greatest T <= at, then the greatest S <= seq_until; None where none fits."""
        fitting = [s for s in self.list() if s.key.layout == layout and s.key.at <= at and s.key.seq <= seq_until]
        return max(fitting, key=lambda s: (s.key.at, s.key.seq), default=None)

    def list(self) -> tuple[Snapshot, ...]:
        """The whole snapshots, oldest instant first."""
        return tuple(found for found in self._found() if isinstance(found, Snapshot))

    def broken(self) -> tuple[Broken, ...]:
        """What lies among the snapshots and is none: damaged ones, and what a killed process left."""
        return tuple(found for found in self._found() if isinstance(found, Broken))

    def prune(self, keep: int, *, months: int = 0) -> int:
        """Delete all but the newest `keep` of each layout, and the last of each of its newest `months` months (UTC).

        Deletes broken ones too; returns how many folders went. Waits for saving to end.
        """
        with self._latch.exclusive():
            found = list(self._found())
            layouts: defaultdict[str, list[Snapshot]] = defaultdict(list)
            for snapshot in found:
                if isinstance(snapshot, Snapshot):
                    layouts[snapshot.key.layout].append(snapshot)
            kept: set[Path] = set()
            for snapshots in layouts.values():
                snapshots.sort(key=lambda s: (s.key.at, s.key.seq))
                last_of_month = {(m := from_micros(s.key.at)).year * 12 + m.month: s.folder for s in snapshots}
                kept |= {s.folder for s in snapshots[len(snapshots) - keep if keep < len(snapshots) else 0 :]}
                kept |= {last_of_month[month] for month in sorted(last_of_month, reverse=True)[:months]}
            gone = [item.folder for item in found if item.folder not in kept]
            for folder in gone:
                shutil.rmtree(folder)
            return len(gone)

    def drop(self, key: SnapshotKey) -> None:
        """Delete one snapshot, if it is there. Frames made of it before and not yet collected fail."""
        with self._latch.exclusive():
            shutil.rmtree(self.root / str(key), ignore_errors=True)

    def erase(self, persona_ids: Collection[int]) -> int:
        """Take the personas out of every snapshot; returns how many rows went.

        A snapshot that has a table without `persona_id` is deleted, and so is a broken one: nothing else could be sure.
        Frames made before and not yet collected fail. Waits for saving to end.
        """
        unwanted = sorted(set(persona_ids))
        removed = 0
        with self._latch.exclusive():
            for found in list(self._found()):
                if isinstance(found, Snapshot) and all("persona_id" in _columns(found, t) for t in found.tables):
                    removed += self._without(found, unwanted)
                else:
                    removed += sum(found.rows(t) for t in found.tables) if isinstance(found, Snapshot) else 0
                    shutil.rmtree(found.folder)
        return removed

    def _without(self, snapshot: Snapshot, unwanted: Sequence[int]) -> int:
        engine = MEMORY
        is_unwanted = nw.col("persona_id").is_in(unwanted)
        saving = self._fresh()
        manifest: dict[str, list[StateFile]] = {}
        for table, files in snapshot.tables.items():
            (saving / table).mkdir()
            manifest[table] = []
            for file in files:
                path = snapshot.folder / table / file.name
                frame = engine.scan_parquet([str(path)])
                if engine.collect(frame.select(is_unwanted.sum())).item():
                    write_state(frame.filter(~is_unwanted), saving / table / file.name)
                    manifest[table].append(described(saving / table, file.name))
                else:
                    (saving / table / file.name).hardlink_to(path)
                    manifest[table].append(file)
            log_over(saving / table, manifest[table])
        _finish(saving, snapshot.key, manifest)
        # A crash between the two leaves no snapshot of this key, and a leftover that the next erasure deletes.
        old = snapshot.folder.rename(self._fresh() / "old")
        saving.rename(snapshot.folder)
        shutil.rmtree(old.parent)
        return sum(snapshot.rows(t) for t in snapshot.tables) - sum(
            f.rows for files in manifest.values() for f in files
        )

    def _found(self) -> Iterator[Snapshot | Broken]:
        for folder in sorted(self.root.iterdir()):
            yield self._read(folder)

    def _read(self, folder: Path) -> Snapshot | Broken:
        key = SnapshotKey.parse(folder.name)
        if key is None:
            why = "was being saved, or still is" if folder.name.startswith(_SAVING) else "is not named as a snapshot"
            return Broken(folder, f"The folder {why}.")
        try:
            manifest = json.loads((folder / MANIFEST).read_bytes())
            if manifest["version"] != VERSION or SnapshotKey(**manifest["key"]) != key:
                return Broken(folder, "The manifest is of another snapshot or version.")
            tables = {
                table: tuple(
                    StateFile(f["name"], f["rows"], f["size"], f["crc"], f["buckets"] and tuple(f["buckets"]))
                    for f in files
                )
                for table, files in manifest["tables"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return Broken(folder, "The manifest is missing or cannot be read.")
        for table, files in tables.items():
            for file in files:
                if not is_whole(folder / table / file.name, file.size):
                    return Broken(folder, f"A file of the table {table} is missing or cut short.")
        return Snapshot(key, folder, tables)

    def _fresh(self) -> Path:
        folder = self.root / f"{_SAVING}{uuid4().hex}"
        folder.mkdir()
        return folder

    def _place(self, saving: Path, key: SnapshotKey) -> Snapshot:
        final = self.root / str(key)
        try:
            saving.rename(final)
        except OSError:
            # The key is there: of another process, which says the same; or broken, and then it makes way.
            found = self._read(final)
            if isinstance(found, Broken):
                final.rename(self._fresh() / "broken")
                saving.rename(final)
            else:
                shutil.rmtree(saving)
        settle(self.root)
        placed = self._read(final)
        if isinstance(placed, Broken):
            raise LedgerFault(f"the snapshot could not be saved at {self.root}: {placed.why}")
        return placed


def _finish(saving: Path, key: SnapshotKey, tables: Mapping[str, list[StateFile]]) -> None:
    text = json.dumps(
        {
            "version": VERSION,
            "key": asdict(key),
            "tables": {table: [asdict(file) for file in files] for table, files in tables.items()},
        }
    )
    manifest = saving / MANIFEST
    manifest.write_text(text)
    for path in (manifest, *(saving / table for table in tables), saving):
        settle(path)


def _columns(snapshot: Snapshot, table: str) -> list[str]:
    return (
        pl.scan_parquet(snapshot.folder / table / snapshot.tables[table][0].name, glob=False).collect_schema().names()
    )
