"""In: a text file of any size, gzipped or not. Out: blocks of its physical lines, numbered. Writes no interactions.

A block is a few megabytes, whatever the file; a line that would not fit is thrown away up to its end and named.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from touchline.kernel.errors import BadFile

BLOCK = 8 * 1024 * 1024
LINE_LIMIT = 4 * 1024 * 1024
"""Bytes of one line; a longer one is rejected without being held."""

SINGLE_BYTE = ("latin-1", "windows-1252", "cp1252")
"""Encodings of one byte a letter, so that a file can be cut anywhere."""


@dataclass(frozen=True)
class Block:
    """Consecutive physical lines.

    first     number of the first line, from 1
    data      their bytes; each line ends in LF, the last one too
    count     of lines in `data`
    overlong  numbers of lines that were too long; they are empty in `data`
    last      whether the file ends here
    read      bytes of the file read so far, as stored
    """

    first: int
    data: bytes
    count: int
    overlong: frozenset[int]
    last: bool
    read: int

    def lines(self) -> list[bytes]:
        """The lines without their ends."""
        return [line[:-1] if line.endswith(b"\r") else line for line in self.data.split(b"\n")[:-1]]


class TextFile:
    """A text file read block by block; `size` is its stored bytes.

    encoding   as the import says; whatever it is, blocks are UTF-8
    """

    def __init__(self, path: Path, encoding: str = "utf-8") -> None:
        self._encoding = encoding
        try:
            self.size = path.stat().st_size
        except OSError as fault:
            raise BadFile(f"{path.name}: {fault.strerror}", remedy="Check the path.") from None
        self.path = path

    def blocks(self) -> Iterator[Block]:
        """Every block in order; raises BadFile where the file cannot be read or decompressed."""
        try:
            with self.path.open("rb") as stored:
                magic = stored.read(2)
                stored.seek(0)
                stream: Any = gzip.GzipFile(fileobj=stored) if magic == b"\x1f\x8b" else stored
                yield from self._blocks(stream, stored)
        except (OSError, EOFError, zlib.error) as fault:
            raise BadFile(
                f"{self.path.name} cannot be read to its end", remedy="Copy it again, or unpack it."
            ) from fault

    def _blocks(self, stream: Any, stored: IO[bytes]) -> Iterator[Block]:
        rest, number, started, skipping = b"", 1, False, False
        while True:
            data = stream.read(BLOCK)
            last = not data
            if not started and data:
                self._refuse_other(data)
                data, started = data.removeprefix(codecs.BOM_UTF8), True
            if self._encoding in SINGLE_BYTE:
                # A byte that the encoding does not know goes on as it is, so that its line is found to be no text.
                data = data.decode(self._encoding, "surrogateescape").encode("utf-8", "surrogateescape")
            if skipping:
                end = data.find(b"\n")
                if end < 0 and not last:
                    continue
                data, skipping = b"" if end < 0 else data[end + 1 :], False
            data = rest + data
            cut = len(data) if last else data.rfind(b"\n") + 1
            data, rest = data[:cut], data[cut:]
            if last and data and not data.endswith(b"\n"):
                data += b"\n"
            overlong: set[int] = set()
            if len(data) > LINE_LIMIT:
                data, overlong = _without_overlong(data, number)
            if len(rest) > LINE_LIMIT:
                overlong.add(number + data.count(b"\n"))
                data, rest, skipping = data + b"\n", b"", True
            count = data.count(b"\n")
            if count or last:
                yield Block(number, data, count, frozenset(overlong), last, min(stored.tell(), self.size))
            number += count
            if last:
                return

    def _refuse_other(self, beginning: bytes) -> None:
        """Raises BadFile where the file's beginning shows that it is written in another encoding than the import says."""
        if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise BadFile(f"{self.path.name} is written in UTF-16", remedy="Save the file as UTF-8.")
        if self._encoding in SINGLE_BYTE and _is_utf8(beginning):
            raise BadFile(
                f"{self.path.name} is written in UTF-8, and the import says {self._encoding}",
                remedy="Remove `encoding` from the import's `format`, which then is UTF-8.",
            )


def _is_utf8(beginning: bytes) -> bool:
    """Whether there are letters beyond ASCII and all of them are UTF-8, which text of one byte a letter never is."""
    if beginning.isascii():
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)  # the last letter may be cut
    except UnicodeDecodeError:
        return False
    return True


def faulty(data: bytes) -> str | None:
    """The reason why a line, or many at once, is no text; None where it is."""
    if b"\x00" in data:
        return "null_character"
    try:
        data.decode()
    except UnicodeDecodeError:
        return "not_utf8"
    return None


def _without_overlong(data: bytes, first: int) -> tuple[bytes, set[int]]:
    """The data with too long lines emptied, and their numbers; steps over as many lines at once as fit the limit."""
    pieces: list[bytes] = []
    overlong: set[int] = set()
    kept = start = 0
    while len(data) - start > LINE_LIMIT:
        end = data.rfind(b"\n", start, start + LINE_LIMIT + 1)
        if end < 0:
            end = data.index(b"\n", start)
            overlong.add(first + data.count(b"\n", 0, start))
            pieces.append(data[kept:start])
            kept = end
        start = end + 1
    return b"".join([*pieces, data[kept:]]), overlong
