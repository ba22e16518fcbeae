"""In: a file and its mapping. Out: chunks of columns as read, with exact row numbers, and what could not be read. Writes no interactions.

CSV, whitespace text and NDJSON give text columns, Parquet its own types; one bad line is one reject and never more.
Memory is bounded by a chunk, whatever the size of the file. The columns are checked before the first row is read.
"""

from __future__ import annotations

import csv
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from touchline.intake.lines import Block, TextFile, faulty
from touchline.intake.rejects import rejected
from touchline.intake.scratch import connected
from touchline.kernel.errors import BadFile
from touchline.kernel.names import did_you_mean
from touchline.playbook.compiled import Import

FIELD_LIMIT = 1024 * 1024
"""Bytes of one field."""
CHUNK_BYTES = 192 * 1024 * 1024
CHUNK_ROWS = 1_000_000
SEPARATORS = {separator: f'"{separator}"' for separator in (",", ";", "|", ":")} | {"\t": '"\\t"'}
"""What parts the columns of CSV files, as YAML writes it."""
NUMBER, LINE = "row_number", "line_number"
"""Columns that every chunk has beside the mapping's."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive records of a file.

    frame     the mapping's columns under their names in expressions, `row_number` (from 1) and `line_number` (NULL in Parquet)
    rejected  what could not be read, rejects.SCHEMA
    done      share of the file that lies behind, 0 to 1
    """

    frame: pl.DataFrame
    rejected: pl.DataFrame
    done: float


class Reader(Protocol):
    """One open file. `chunks` may be called again and gives the same again."""

    def chunks(self, names: Sequence[str]) -> Iterator[Chunk]:
        """The file's records, with these of the mapping's names; rejects are the same whichever names are asked for."""
        ...


def open_file(path: Path, imp: Import) -> Reader:
    """The reader of a file; raises BadFile where it is not there, not readable, or has the wrong columns."""
    if not path.is_file():
        raise BadFile(f"{path} is no file", remedy="Check the path.")
    if imp.format == "parquet":
        return ParquetReader(path, imp)
    if imp.format == "ndjson":
        return JsonReader(path, imp)
    return DelimitedReader(path, imp)


def in_file(imp: Import) -> dict[str, str]:
    """Name in expressions -> column as in the file, for every name that the mapping uses."""
    renamed = {name: column for column, name in imp.names.items()}
    return {name: renamed.get(name, name) for name in imp.types}


@dataclass(frozen=True)
class Mismatch:
    """How a file's columns differ from those that an import expects; empty where they do not.

    missing  expected and not there
    twice    there more than once
    extra    there and not expected, where the import takes no others
    """

    missing: tuple[str, ...]
    twice: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.twice or self.extra)


def mismatch(imp: Import, found: Sequence[str]) -> Mismatch:
    """Compare a file's columns with those that the import expects."""
    wanted = _wanted(imp)
    return Mismatch(
        tuple(column for column in wanted if column not in found),
        tuple(sorted({column for column in found if found.count(column) > 1})),
        tuple(column for column in found if column not in wanted) if imp.exact else (),
    )


def check_columns(path: Path, imp: Import, found: Sequence[str]) -> None:
    """Refuse the file whole where its columns are not those expected."""
    wanted, amiss = _wanted(imp), mismatch(imp, found)
    if not amiss:
        return
    missing = amiss.missing
    told = [f"{path.name} has not the columns that import `{imp.name}` expects"]
    told += [f"missing: {_listed(missing)}"] if missing else []
    told += [f"not expected: {_listed(amiss.extra)}"] if amiss.extra else []
    told += [f"there twice: {_listed(amiss.twice)}"] if amiss.twice else []
    told += [f"found: {_listed(found)}"]
    hint = did_you_mean(missing[0], [c for c in found if c not in wanted]) if missing and found else ""
    hint = _other_separator(found, wanted) or hint
    raise BadFile("; ".join(told), remedy=f"Expected are: {', '.join(wanted)}. {hint}".rstrip())


def fields_of(imp: Import, found: dict[str, Any]) -> list[str]:
    """The fields of a JSON object as the import names them: a nested one by its dots, where it reads into it."""
    columns = in_file(imp).values()
    nested = {column.split(".")[0] for column in columns if "." in column}
    fields = [*found, *(column for column in columns if "." in column and _has(found, column))]
    return [field for field in fields if field not in nested or field in imp.expect]


def _wanted(imp: Import) -> list[str]:
    return list(dict.fromkeys([*imp.expect, *in_file(imp).values()]))


def _other_separator(found: Sequence[str], wanted: Sequence[str]) -> str:
    """A hint where the one column that was found is a whole header, parted by another character than the import says."""
    if len(found) != 1 or len(wanted) == 1:
        return ""
    for separator, shown in SEPARATORS.items():
        fields = {field.strip().strip('"') for field in found[0].split(separator)}
        if len(fields.intersection(wanted)) > 1:
            return (
                f"This looks separated by {shown}: say so in the import, `format: {{type: csv, separator: {shown}}}`."
            )
    return ""


def _listed(columns: Sequence[str]) -> str:
    shown = [column[:60] if column.isprintable() else repr(column[:60]) for column in columns[:30]]
    return ", ".join(shown) + (f" and {len(columns) - 30} more" if len(columns) > 30 else "") if columns else "none"


class ParquetReader:
    """A Parquet file; chunks follow its own size of rows."""

    def __init__(self, path: Path, imp: Import) -> None:
        self._path, self._columns = path, in_file(imp)
        try:
            schema = pl.read_parquet_schema(path)
            self._rows = int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as fault:
            raise BadFile(
                f"{path.name} is no Parquet file",
                remedy="Give the mapping's `format` the file's own, or copy the file again.",
            ) from fault
        check_columns(path, imp, list(schema))
        for name, column in self._columns.items():
            kind = schema[column]
            if kind.is_nested() or kind in (pl.Binary, pl.Object):
                raise BadFile(
                    f"{path.name}: column `{column}` ({name}) is of type {kind}",
                    remedy="Flatten it to text, number, boolean or time first.",
                )
        width = path.stat().st_size * 4 // max(self._rows, 1) + 64
        self._step = max(1, min(CHUNK_ROWS, CHUNK_BYTES // width))

    def chunks(self, names: Sequence[str]) -> Iterator[Chunk]:
        wanted = [pl.col(self._columns[name]).alias(name) for name in names]
        for start in range(0, max(self._rows, 1), self._step):
            part = pl.scan_parquet(self._path, glob=False).slice(start, self._step).select(*wanted) if wanted else None
            try:
                frame = part.collect() if part is not None else pl.DataFrame()
            except (pl.exceptions.PolarsError, OSError) as fault:
                raise BadFile(
                    f"{self._path.name} is damaged after row {start}",
                    remedy="Copy the file again; what was imported stays.",
                ) from fault
            rows = min(self._step, self._rows - start)
            numbers = pl.int_range(start + 1, start + rows + 1, dtype=pl.Int64, eager=True)
            frame = frame.with_columns(numbers.alias(NUMBER), pl.lit(None, pl.Int64).alias(LINE))
            yield Chunk(frame, rejected([]), min(1.0, (start + rows) / max(self._rows, 1)))


@dataclass(frozen=True)
class _Records:
    """Records of a block: their columns as texts (width of them), the numbers of their first lines, and faulty lines."""

    columns: pl.DataFrame
    lines: pl.Series
    faults: list[tuple[int, str, str | None]]
    held_back: bytes = b""


class _TextReader(ABC):
    """What the readers of text have in common: blocks to chunks, numbering, one reject a faulty line."""

    def __init__(self, path: Path, imp: Import) -> None:
        self._file, self._imp = TextFile(path, imp.encoding), imp
        self._columns = in_file(imp)

    @abstractmethod
    def _records(self, block: Block, lines: list[bytes], first: int) -> _Records:
        """The records of a block's lines, `first` being the number of the first."""

    def _skipped(self) -> int:
        """Lines before the first record."""
        return 0

    @abstractmethod
    def _positions(self) -> dict[str, str]:
        """Name in expressions -> column of the records' frame."""

    def chunks(self, names: Sequence[str]) -> Iterator[Chunk]:
        positions = self._positions()
        record, held, held_first = 0, b"", 0
        for block in self._file.blocks():
            first = held_first if held else block.first
            joined = Block(first, held + block.data, block.count, block.overlong, block.last, block.read)
            lines = joined.lines()
            skip = max(0, self._skipped() + 1 - first)
            records = self._records(joined, lines[skip:], first + skip)
            held = records.held_back
            held_first = first + len(lines) - held.count(b"\n")
            ordered = sorted(
                [*records.faults, *((line, "line_too_long", None) for line in block.overlong if line > self._skipped())]
            )
            good, bad = records.lines, pl.Series([line for line, _, _ in ordered], dtype=pl.Int64)
            # A record's number counts the records and the faulty lines before it; blank lines are no records.
            numbers = pl.concat([good, bad]).rank("ordinal").cast(pl.Int64) + record
            frame = records.columns.select(pl.col(positions[name]).alias(name) for name in names)
            frame = (
                frame.with_columns(numbers.head(len(good)).alias(NUMBER), good.alias(LINE))
                if names
                else pl.DataFrame({NUMBER: numbers.head(len(good)), LINE: good})
            )
            faults = rejected(
                [
                    (number, line, reason, column)
                    for number, (line, reason, column) in zip(
                        numbers.tail(len(bad)).to_list() if len(bad) else [], ordered, strict=True
                    )
                ]
            )
            record += len(good) + len(bad)
            yield Chunk(frame, faults, 1.0 if block.last else block.read / max(self._file.size, 1))


class DelimitedReader(_TextReader):
    """CSV with quotes as in RFC 4180, or text whose fields are parted by white space."""

    def __init__(self, path: Path, imp: Import) -> None:
        super().__init__(path, imp)
        self._white = imp.format == "text" and imp.separator in ("whitespace", "")
        self._found = self._header()
        check_columns(path, imp, self._found)

    def _skipped(self) -> int:
        return self._imp.header

    def _header(self) -> list[str]:
        if self._imp.header == 0:
            return list(self._imp.expect)
        for block in self._file.blocks():
            lines = block.lines()
            if len(lines) < self._imp.header:
                break
            line = lines[self._imp.header - 1]
            if any(number <= self._imp.header for number in block.overlong) or faulty(line):
                raise BadFile(
                    f"{self._file.path.name}: its header is no {self._imp.encoding} text",
                    remedy="Save the file as UTF-8, or say the file's own in the import, `format: {encoding: windows-1252}`.",
                )
            text = line.decode()
            csv.field_size_limit(FIELD_LIMIT)
            try:
                fields = text.split() if self._white else next(csv.reader([text], delimiter=self._imp.separator), [])
            except csv.Error as fault:
                raise BadFile(
                    f"{self._file.path.name}: its header cannot be read as CSV",
                    remedy=f"Expected are the columns {', '.join(self._imp.expect)}.",
                ) from fault
            return [field.strip() for field in fields]
        raise BadFile(
            f"{self._file.path.name} is empty", remedy=f"Expected are the columns {', '.join(self._imp.expect)}."
        )

    def _positions(self) -> dict[str, str]:
        return {name: f"c{self._found.index(column)}" for name, column in self._columns.items()}

    def _records(self, block: Block, lines: list[bytes], first: int) -> _Records:
        sound = faulty(block.data) is None
        if self._white or b'"' not in block.data:
            return self._plain(lines, first, sound)
        return self._quoted(lines, first, block.last)

    def _plain(self, lines: list[bytes], first: int, sound: bool) -> _Records:
        """Lines without quotes, all at once."""
        faults: list[tuple[int, str, str | None]] = []
        if sound:
            texts = pl.Series("line", b"\n".join(lines).decode().split("\n") if lines else [], dtype=pl.String)
            numbers = pl.int_range(first, first + len(lines), dtype=pl.Int64, eager=True)
        else:
            kept: list[tuple[int, str]] = []
            for number, line in enumerate(lines, first):
                reason = faulty(line)
                if reason is None:
                    kept.append((number, line.decode()))
                else:
                    faults.append((number, reason, None))
            texts = pl.Series("line", [text for _, text in kept], dtype=pl.String)
            numbers = pl.Series([number for number, _ in kept], dtype=pl.Int64)
        width, separator = len(self._found), self._imp.separator
        frame = pl.DataFrame({"line": texts, "number": numbers}).filter(pl.col("line").str.strip_chars(" \t\r\n") != "")
        fields = pl.col("line").str.extract_all(r"[^\s]+") if self._white else pl.col("line").str.split(separator)
        split = frame.select("number", fields.alias("fields"))
        right = (pl.col("fields").list.len() == width) & (
            pl.col("fields").list.eval(pl.element().str.len_bytes().max()).list.first().fill_null(0) <= FIELD_LIMIT
        )
        verdict = split.select(right.alias("right"), (pl.col("fields").list.len() == width).alias("whole"))
        if not verdict["right"].all():
            for number, whole in (
                split.select("number")
                .with_columns(verdict)
                .filter(~pl.col("right"))
                .select("number", "whole")
                .iter_rows()
            ):
                faults.append((number, "field_too_long" if whole else "wrong_field_count", None))
            split = split.filter(verdict["right"])
        columns = split.select(_unset(pl.col("fields").list.get(i)).alias(f"c{i}") for i in range(width))
        return _Records(columns, split["number"], faults)

    def _quoted(self, lines: list[bytes], first: int, last: bool) -> _Records:
        """Lines with quotes: a field may go on over several; a faulty record costs its first line only."""
        faults: list[tuple[int, str, str | None]] = []
        rows: list[list[str]] = []
        starts: list[int] = []
        texts: list[str] = []
        for number, line in enumerate(lines, first):
            reason = faulty(line)
            texts.append(
                "" if reason else line.decode()
            )  # an empty line is no record, unless a quoted field goes over it
            if reason:
                faults.append((number, reason, None))
        bad, place = {number for number, _, _ in faults}, 0
        while place < len(texts):
            place, fault = self._run(texts, place, first, bad, rows, starts)
            if fault is None:
                break
            open_ended = fault == "open"
            if open_ended and not last and sum(map(len, texts[place:])) <= FIELD_LIMIT:
                held = b"".join(line + b"\n" for line in lines[place:])
                faults = [found for found in faults if found[0] < first + place]
                return self._gathered(rows, starts, faults, held)
            if first + place not in bad:
                faults.append((first + place, "bad_quotes" if open_ended else fault, None))
            place += 1
        return self._gathered(rows, starts, faults)

    def _run(
        self, texts: list[str], place: int, first: int, bad: set[int], rows: list[list[str]], starts: list[int]
    ) -> tuple[int, str | None]:
        """Read records from line `place` on until one is faulty; (its line, its fault), or (the end, None)."""
        width = len(self._found)
        csv.field_size_limit(FIELD_LIMIT)
        reader = csv.reader(
            (f"{texts[i]}\n" for i in range(place, len(texts))), delimiter=self._imp.separator, strict=True
        )
        before = 0
        try:
            for row in reader:
                if row and len(row) != width:
                    return place + before, "wrong_field_count"
                if bad and any(first + place + i in bad for i in range(before, reader.line_num)) and row:
                    return place + before, "not_utf8"
                if row and (row != [""] or width == 1):
                    rows.append(row)
                    starts.append(first + place + before)
                before = reader.line_num
        except csv.Error as error:
            said = str(error)
            fault = "field_too_long" if "limit" in said else "open" if "unexpected end" in said else "bad_quotes"
            return place + before, fault
        return len(texts), None

    def _gathered(
        self, rows: list[list[str]], starts: list[int], faults: list[tuple[int, str, str | None]], held: bytes = b""
    ) -> _Records:
        width = len(self._found)
        columns = list(zip(*rows, strict=True)) if rows else [()] * width
        frame = pl.DataFrame({f"c{i}": pl.Series(columns[i], dtype=pl.String) for i in range(width)})
        return _Records(
            frame.select(_unset(pl.col(name)).alias(name) for name in frame.columns),
            pl.Series(starts, dtype=pl.Int64),
            faults,
            held,
        )


class JsonReader(_TextReader):
    """One JSON object a line; a nested field is named with dots. Texts are unquoted, other values stay as JSON writes them."""

    def __init__(self, path: Path, imp: Import) -> None:
        super().__init__(path, imp)
        first = next((line for block in self._file.blocks() for line in block.lines() if line.strip()), None)
        if first is None:
            raise BadFile(f"{path.name} is empty", remedy=f"Expected are objects with {', '.join(imp.expect)}.")
        try:
            found = json.loads(first)
        except ValueError:
            found = None  # a bad first line is a reject as any other; the columns then show line by line
        if isinstance(found, dict):
            check_columns(path, imp, fields_of(imp, found))
        self._connection = connected()

    def _positions(self) -> dict[str, str]:
        return {name: f"c{i}" for i, name in enumerate(self._columns)}

    def _records(self, block: Block, lines: list[bytes], first: int) -> _Records:
        faults: list[tuple[int, str, str | None]] = []
        kept: list[tuple[int, str]] = []
        sound = faulty(block.data) is None
        for number, line in enumerate(lines, first):
            reason = None if sound else faulty(line)
            if reason is not None:
                faults.append((number, reason, None))
            elif line.strip():
                kept.append((number, line.decode()))
        read = pl.DataFrame(kept, schema={"number": pl.Int64, "line": pl.String}, orient="row")
        table = self._parsed(read)
        for number, line in table.filter(~pl.col("fine")).select("number", "line").iter_rows():
            faults.append((number, _why_no_json(line), None))
        good = table.filter("fine")
        known = sorted({column.split(".")[0] for column in (*self._imp.expect, *self._columns.values())})
        if self._imp.exact:
            strange = good.select(
                "number", pl.col("keys").list.set_difference(known).list.first().alias("strange")
            ).filter(pl.col("strange").is_not_null())
            faults += [(number, "unknown_field", name) for number, name in strange.iter_rows()]
            good = good.join(strange, on="number", how="anti", maintain_order="left")
        values = [_field(column).alias(f"c{i}") for i, column in enumerate(self._columns.values())]
        frame = good.select("number", *values)
        texts = [name for name in frame.columns if name != "number"]
        long = pl.any_horizontal([pl.col(name).str.len_bytes() > FIELD_LIMIT for name in texts]).fill_null(value=False)
        faults += [(number, "field_too_long", None) for number in frame.filter(long)["number"]]
        frame = frame.filter(~long)
        return _Records(frame.select(_unset(pl.col(name)).alias(name) for name in texts), frame["number"], faults)

    def _parsed(self, read: pl.DataFrame) -> pl.DataFrame:
        """[number, line] with `fine`, and where that holds the object's `keys` and wanted `fields`, by number."""
        shape = json.dumps(_shape(list(self._columns.values())))
        self._connection.register("told", read.to_arrow())
        found = self._connection.sql(_PARSE, params={"shape": shape}).to_arrow_table()
        self._connection.unregister("told")
        return pl.DataFrame(found)


_PARSE = """
    SELECT
        number,
        line,
        fine,
        CASE WHEN fine THEN json_keys(line) END AS keys,
        CASE WHEN fine THEN from_json(line, $shape) END AS fields
    FROM (
        SELECT *, CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS fine FROM told
    )
    ORDER BY number
"""


def _unset(text: pl.Expr) -> pl.Expr:
    """An empty field is unknown."""
    return pl.when(text != "").then(text)


def _has(found: dict[str, Any], path: str) -> bool:
    value: Any = found
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _shape(columns: Sequence[str]) -> dict[str, Any]:
    """The nested fields as DuckDB's from_json wants them, every leaf a text."""
    shape: dict[str, Any] = {}
    for column in columns:
        *parents, leaf = column.split(".")
        place = shape
        for parent in parents:
            inner = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise BadFile(f"field `{column}` lies in another that is itself read", remedy="Read one of them.")
            place = inner
        place[leaf] = "VARCHAR"
    return shape


def _field(column: str) -> pl.Expr:
    field = pl.col("fields")
    for part in column.split("."):
        field = field.struct.field(part)
    return field


def _why_no_json(line: str) -> str:
    """`not_finite` where only NaN or Infinity keeps the line from being JSON."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return "bad_json"
    return "not_finite" if isinstance(found, dict) else "bad_json"
