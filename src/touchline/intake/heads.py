"""In: a file of an unknown kind. Out: how it is written, its columns with some of their values, and how far an import fits it. Writes no interactions.

Only the beginning of a file is read, a quarter of a megabyte of a text. What it holds is somebody's data: it is shown to who
brought the file, and neither logged nor kept longer than the file.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import polars as pl

from touchline.intake.readers import SEPARATORS, Mismatch, fields_of, mismatch
from touchline.kernel.errors import BadFile
from touchline.playbook.compiled import Import

BEGINNING = 256 * 1024
"""Bytes of a text that are looked at, unpacked."""
ROWS, COLUMNS, SHOWN, LONGEST = 200, 300, 4, 60
"""Records that are looked at, columns at most, values of each that are shown, and characters of a value."""
CALLED = {"csv": "CSV", "text": "a table parted by blanks", "ndjson": "NDJSON", "parquet": "Parquet"}
"""Format -> what people call it."""


@dataclass(frozen=True)
class Seen:
    """One column.

    name    as in the file, what cannot be printed replaced
    exact   whether `name` is that of the file, character by character
    type    Parquet's own; empty for texts
    values  the first different ones, as texts; for guessing, and the first SHOWN of them to be shown
    """

    name: str
    exact: bool
    type: str
    values: list[str]

    @property
    def shown(self) -> list[str]:
        """A few values, short enough for a line."""
        return [value if len(value) <= LONGEST else f"{value[:LONGEST]}…" for value in self.values[:SHOWN]]


@dataclass(frozen=True)
class Head:
    """What a file's beginning shows.

    format     csv, ndjson or parquet
    encoding   of a text: utf-8 or windows-1252
    separator  of CSV
    titled     whether the first line of a CSV file seems to name its columns
    header     that line as it stands
    shape      the first JSON object without its values
    columns    the first COLUMNS of them
    more       whether there are more
    """

    format: str
    encoding: str = "utf-8"
    separator: str = ","
    titled: bool = True
    header: str = ""
    shape: dict[str, Any] = field(default_factory=dict)
    columns: list[Seen] = field(default_factory=list)
    more: bool = False

    def as_json(self) -> str:
        """To be read again by `of_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Self:
        """What `as_json` wrote."""
        told = json.loads(text)
        return cls(**{**told, "columns": [Seen(**one) for one in told["columns"]]})


def look(path: Path) -> Head:
    """Look at a file; raises BadFile where it is none that an import could read."""
    try:
        with path.open("rb") as stored:
            magic = stored.read(4)
        if magic == b"PAR1":
            return _parquet(path)
        if magic == b"PK\x03\x04":
            raise BadFile("it is a spreadsheet or an archive", remedy="Save the sheet as CSV in UTF-8, or unpack it.")
        return _text(_beginning(path, packed=magic[:2] == b"\x1f\x8b"))
    except (OSError, EOFError, zlib.error) as fault:
        raise BadFile("it cannot be read to its end", remedy="Copy it again, or unpack it.") from fault


def fit(head: Head, imp: Import) -> Mismatch | str:
    """How the file's columns differ from what an import expects; a sentence where it reads another kind of file."""
    if imp.format != head.format and (imp.format, head.format) != ("text", "csv"):
        return f"It reads {CALLED[imp.format]}, and this file is {CALLED[head.format]}."
    if head.format == "parquet":
        return mismatch(imp, [one.name for one in head.columns])
    if head.format == "ndjson":
        return mismatch(imp, fields_of(imp, head.shape))
    white = imp.format == "text"
    if (
        not white
        and head.separator != imp.separator
        and len(head.columns) > 1
        and len(_fields([head.header], imp.separator)[0]) == 1
    ):
        return f"It reads columns parted by {SEPARATORS.get(imp.separator, imp.separator)}, and those of this file are parted by {SEPARATORS[head.separator]}."
    fields = head.header.split() if white else _fields([head.header], imp.separator)[0]
    if imp.header == 0:  # the columns have no names in the file; their number is all there is to compare
        wanted = len(imp.expect)
        return (
            Mismatch((), (), ())
            if len(fields) == wanted
            else f"It expects {wanted} columns without a header, and the first line has {len(fields)}."
        )
    return mismatch(imp, [one.strip() for one in fields])


def printable(text: str) -> str:
    """The text with what cannot be printed replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _seen(name: str, type_: str, values: Sequence[str]) -> Seen:
    told = list(dict.fromkeys(printable(value)[: 4 * LONGEST] for value in values if value.strip()))
    return Seen(printable(name)[: LONGEST * 4], printable(name) == name and len(name) <= 200, type_, told)


def _parquet(path: Path) -> Head:
    try:
        schema = pl.read_parquet_schema(path)
        names = list(schema)[:COLUMNS]
        plain = [name for name in names if not (schema[name].is_nested() or schema[name] in (pl.Binary, pl.Object))]
        rows = pl.scan_parquet(path, glob=False).select(plain).head(ROWS).collect() if plain else pl.DataFrame()
        texts = {name: [str(value) for value in rows[name].to_list() if value is not None] for name in plain}
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as fault:
        raise BadFile("it begins as Parquet and is damaged", remedy="Copy it again.") from fault
    columns = [_seen(name, str(schema[name]), texts.get(name, [])) for name in names]
    return Head("parquet", columns=columns, more=len(schema) > COLUMNS)


def _beginning(path: Path, *, packed: bool) -> bytes:
    """The first bytes, up to the end of a line where the file goes on."""
    with path.open("rb") as stored:
        stream: Any = gzip.GzipFile(fileobj=stored) if packed else stored
        data: bytes = stream.read(BEGINNING + 1)
    if len(data) <= BEGINNING:
        return data
    cut = data.rfind(b"\n") + 1
    if not cut:
        raise BadFile("its first line has no end", remedy="It is no text of lines. Give CSV, NDJSON or Parquet.")
    return data[:cut]


def _text(data: bytes) -> Head:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise BadFile("it is written in UTF-16", remedy="Save it as UTF-8.")
    if b"\x00" in data:
        raise BadFile("it is no text", remedy="Give CSV, NDJSON or Parquet.")
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        text, encoding = data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text, encoding = data.decode("windows-1252", "replace"), "windows-1252"
    lines = [line.removesuffix("\r") for line in text.split("\n") if line.strip()][: ROWS + 1]
    if not lines:
        raise BadFile("it is empty", remedy="Look at what made it.")
    objects = [_object(line) for line in lines]
    if objects[0] is not None:
        return _ndjson([one for one in objects if one is not None], encoding)
    return _csv(lines, encoding)


def _object(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line) if line.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _ndjson(objects: Sequence[Mapping[str, Any]], encoding: str) -> Head:
    values: dict[str, list[str]] = {}
    for one in objects:
        for name, value in _flat(one):
            told = values.setdefault(name, [])
            if value is not None:
                told.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    columns = [_seen(name, "", some) for name, some in list(values.items())[:COLUMNS]]
    return Head("ndjson", encoding, columns=columns, shape=_shape(objects[0], 0), more=len(values) > COLUMNS)


def _flat(one: Mapping[str, Any], before: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """(name with dots, value) of every leaf, three levels deep."""
    told: list[tuple[str, Any]] = []
    for name, value in one.items():
        if isinstance(value, dict) and value and depth < 3:
            told += _flat(value, f"{before}{name}.", depth + 1)
        else:
            told.append((f"{before}{name}", value))
    return told


def _shape(one: Mapping[str, Any], depth: int) -> dict[str, Any]:
    return {
        name: _shape(value, depth + 1) if isinstance(value, dict) and depth < 8 else None for name, value in one.items()
    }


def _csv(lines: Sequence[str], encoding: str) -> Head:
    separator = max(SEPARATORS, key=lambda one: _agreement(lines, one))
    records = _fields(lines, separator)
    titled = not any(_is_value(one) for one in records[0]) and len(set(records[0])) == len(records[0])
    names = [name.strip() for name in records[0]] if titled else [f"column_{n}" for n in range(1, len(records[0]) + 1)]
    rows = records[1:] if titled else records
    columns = [
        _seen(name, "", [row[place] for row in rows if place < len(row)]) for place, name in enumerate(names[:COLUMNS])
    ]
    return Head("csv", encoding, separator, titled, lines[0], columns=columns, more=len(names) > COLUMNS)


def _fields(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The records of the lines; a quoted field that never ends is taken as it stands."""
    try:
        return [row for row in csv.reader([f"{line}\n" for line in lines], delimiter=separator) if row] or [[""]]
    except csv.Error:
        return [line.split(separator) for line in lines]


def _agreement(lines: Sequence[str], separator: str) -> tuple[int, int]:
    """(how many of the first records have as many fields as the first, which has several; how many those are)."""
    records = _fields(lines[:20], separator)
    wide = len(records[0])
    return (sum(len(one) == wide for one in records), wide) if wide > 1 else (0, 0)


def _is_value(field: str) -> bool:
    """Whether a field of the first line is rather a value than a column's name."""
    text = field.strip()
    return not text or "@" in text or text.replace(".", "").replace("-", "").replace(":", "").isdecimal()
