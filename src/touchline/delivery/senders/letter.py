"""In: letters. Out: their PDFs in the day's folder, and the manifest that goes to the printer. Writes no interactions.

A letter counts once its line is in the manifest; the PDF is there before it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

from touchline.delivery.senders.sender import MESSAGE_ID, Outcome, Outgoing
from touchline.kernel.spreadsheets import guarded
from touchline.kernel.times import Clock, SystemClock, from_micros

MANIFEST = "manifest.csv"
COLUMNS: tuple[str, ...] = ("message_id", "file", "address", "brand", "language", "bytes", "sha256")
_DIGEST = 64
"""Characters of the last cell of a whole line."""


class LetterSender:
    """Writes the letters of one day (UTC) into `FOLDER/YYYY-MM-DD`; several processes may write there."""

    def __init__(self, folder: Path, clock: Clock | None = None, channel: str = "post") -> None:
        self.name = "letter"
        self.channel = channel
        self._folder = folder
        self._clock: Clock = clock or SystemClock()
        self._read = _Read()

    def open(self) -> None:
        """Make the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def send(self, message: Outgoing) -> Outcome:
        """Write the PDF, then its line; a letter that is in the day's manifest already is not written again."""
        pdf = message.rendered.pdf
        if pdf is None:
            return Outcome("failed", "no_letter")
        if not MESSAGE_ID.fullmatch(message.message_id):
            return Outcome("failed", "bad_id")
        begun = False
        try:
            batch = self._folder / from_micros(self._clock.now()).date().isoformat()
            batch.mkdir(parents=True, exist_ok=True)
            file = batch / f"{message.message_id}.pdf"
            manifest = batch / MANIFEST
            line = _line(message, file.name, pdf)
            if self._read.manifest != manifest:
                self._read = _Read(manifest)
            if message.message_id in self._read.ids():
                return Outcome("sent")
            _headed(manifest, message.message_id)
            _write(file, pdf)
            begun = True
            _append(manifest, line)
        except OSError:
            # Whether a line that could not be finished stands in the manifest, only the printer's people can see.
            return Outcome("uncertain", "manifest") if begun else Outcome("retry", "no_folder")
        return Outcome("sent")

    def close(self) -> None:
        """Nothing to let go of: each letter is on the disk when it is sent."""


def erase(folder: Path, message_ids: Sequence[str]) -> int:
    """Delete these letters, and make their lines in the manifests illegible; how many PDFs.

    A line is overwritten where it stands, with as many bytes: nobody's place in the manifest moves, and whoever appends to
    it at this moment need not wait. It has no checksum any more, so that a printer that reads on has nothing to print.
    """
    if not folder.is_dir():
        return 0
    gone = 0
    for id_ in message_ids:
        if MESSAGE_ID.fullmatch(id_):
            for file in folder.glob(f"*/{id_}.*"):
                gone += file.suffix == ".pdf"
                file.unlink(missing_ok=True)
    ids = {id_.encode() for id_ in message_ids}
    for manifest in folder.glob(f"*/{MANIFEST}"):
        _blacken(manifest, ids)
    return gone


def _blacken(manifest: Path, ids: set[bytes]) -> None:
    with manifest.open("r+b") as lines:
        place = 0
        for line in list(lines):
            text = line.rstrip(b"\r\n")
            if text.partition(b",")[0] in ids:
                blank = b"erased" + b"," * (len(COLUMNS) - 1)
                lines.seek(place)
                lines.write(blank + b"-" * (len(text) - len(blank)))
            place += len(line)
        lines.flush()
        os.fsync(lines.fileno())


class _Read:
    """The ids of the whole lines of a manifest; what was read once is not read again."""

    def __init__(self, manifest: Path | None = None) -> None:
        self.manifest = manifest
        self._ids: set[str] = set()
        self._until = 0

    def ids(self) -> set[str]:
        """Those that stand there now, whoever wrote them."""
        if self.manifest is None or not self.manifest.exists():
            return set()
        with self.manifest.open("rb") as lines:
            if lines.seek(0, os.SEEK_END) < self._until:  # somebody began it anew
                self._ids, self._until = set(), 0
            lines.seek(self._until)
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # it is being written, or never was
                self._until += len(line)
                cells = line.rstrip(b"\r\n").split(b",")
                if len(cells[-1]) == _DIGEST:  # else it was cut off, and the printer has no use for it
                    self._ids.add(cells[0].decode("utf-8", "replace"))
        return self._ids


def _line(message: Outgoing, file: str, pdf: bytes) -> bytes:
    return _row(
        message.message_id,
        file,
        " ".join(message.address.split()),
        " ".join(message.brand.name.split()),
        message.language,
        str(len(pdf)),
        hashlib.sha256(pdf).hexdigest(),
    )


def _row(*cells: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([guarded(cell) for cell in cells])
    return text.getvalue().encode("utf-8", "replace")


def _write(file: Path, content: bytes) -> None:
    """All of it or none: the printer never finds half a letter."""
    half = file.with_suffix(".part")
    with half.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    half.replace(file)


def _headed(manifest: Path, message_id: str) -> None:
    """The manifest with its headings; of several who begin it at once one wins, and none sees it half begun."""
    if manifest.exists():
        return
    begun = manifest.with_name(f"{message_id}.csv.part")
    begun.write_bytes(_row(*COLUMNS))
    try:
        manifest.hardlink_to(begun)
    except FileExistsError:
        pass
    finally:
        begun.unlink()


def _append(manifest: Path, line: bytes) -> None:
    """One line, in one write; OSError where not all of it was taken. A line that was cut off before is ended first."""
    descriptor = os.open(manifest, os.O_RDWR | os.O_APPEND)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        cut = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
        whole = b"\r\n" + line if cut else line
        if os.write(descriptor, whole) != len(whole):
            raise OSError("the disk took a part of the line")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
