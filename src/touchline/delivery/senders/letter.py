"""In: letters. Out: their PDFs in the day's folder, and the manifest that goes to the printer. Writes no interactions.

A letter counts once its line is in the manifest; the PDF is there before it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from pathlib import Path

from touchline.delivery.senders.sender import MESSAGE_ID, Outcome, Outgoing
from touchline.kernel.spreadsheets import guarded
from touchline.kernel.times import Clock, SystemClock, from_micros

MANIFEST = "manifest.csv"
COLUMNS: tuple[str, ...] = ("message_id", "file", "address", "brand", "language", "bytes", "sha256")


class LetterSender:
    """Writes the letters of one day (UTC) into `FOLDER/YYYY-MM-DD`; several processes may write there."""

    def __init__(self, folder: Path, clock: Clock | None = None, channel: str = "post") -> None:
        self.name = "letter"
        self.channel = channel
        self._folder = folder
        self._clock: Clock = clock or SystemClock()

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
            if _has(manifest, message.message_id):
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


def _has(manifest: Path, message_id: str) -> bool:
    if not manifest.exists():
        return False
    start = f"{message_id},".encode()
    with manifest.open("rb") as lines:
        return any(line.startswith(start) for line in lines)


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
    """One line, in one write."""
    descriptor = os.open(manifest, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
