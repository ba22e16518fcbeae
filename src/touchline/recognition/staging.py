"""In: Polars frames and portable SQL. Out: rows in, and frames out of, the operational database.
Writes no interactions.

The ORM is for single rows; a million go through here, by executemany on SQLite and COPY on PostgreSQL. Every
function runs on Django's default connection, inside whatever transaction the caller holds.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl
from django.db import connection, transaction

_TYPES: dict[Any, str] = {
    pl.Int64: "bigint",
    pl.Int32: "integer",
    pl.Int16: "smallint",
    pl.Boolean: "boolean",
    pl.String: "text",
    pl.Float64: "double precision",
}

Schema = Mapping[str, Any]

_LINES = 20_000


def insert(table: str, frame: pl.DataFrame) -> None:
    """Append the frame's rows to the table; its columns are named as the table's. The database refuses what clashes."""
    if frame.is_empty():
        return
    columns = ", ".join(f'"{name}"' for name in frame.columns)
    if connection.vendor == "postgresql":
        lines = frame.select(
            pl.concat_str([_copied(name, dtype) for name, dtype in frame.schema.items()], separator="\t")
        )
        with _driver() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write("\n".join(lines.to_series()) + "\n")
        return
    if frame.width == 1 and frame.dtypes[0] == pl.Int64 and not frame.to_series().has_nulls():
        # Ids, of which most staged frames are made: one text that SQLite takes apart, in a fifth of the time.
        listed = frame.select(pl.concat_str(pl.lit("["), pl.all().cast(pl.String).str.join(","), pl.lit("]"))).item()
        execute(f"INSERT INTO {table} ({columns}) SELECT value FROM json_each(%s)", [listed])  # noqa: S608 - names are the program's own
        return
    marks = ", ".join("?" * frame.width)
    with _driver() as cursor:
        # Django rewrites the statement for each row; the driver's own executemany does not.
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names are the program's own
        cursor.connection.executemany(statement, frame.iter_rows())


@contextmanager
def staged(name: str, frame: pl.DataFrame, key: Sequence[str] = ()) -> Iterator[str]:
    """The frame as a temporary table of that name for as long as the block runs; `key` makes an index.

    The block is one transaction: without it each row would be one on SQLite.
    """
    columns = ", ".join(f'"{column}" {_TYPES[dtype]}' for column, dtype in frame.schema.items())
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
        try:
            insert(name, frame)
            with connection.cursor() as cursor:
                if key:
                    cursor.execute(f"CREATE INDEX {name}_key ON {name} ({', '.join(key)})")
                if connection.vendor == "postgresql":
                    cursor.execute(f"ANALYZE {name}")
            yield name
        finally:
            if not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute(f"DROP TABLE {name}")


def read(query: str, schema: Schema, parameters: Sequence[Any] = ()) -> pl.DataFrame:
    """The query's rows as a frame of that schema; `%s` marks parameters."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows = cursor.fetchall()
    frame = pl.DataFrame(rows, schema={name: _plain(dtype) for name, dtype in schema.items()}, orient="row")
    return frame.cast(pl.Schema(schema))


def read_numbers(select: Mapping[str, str], source: str) -> pl.DataFrame:
    """`SELECT each value of `select` FROM source` where all are integers, never NULL: the fast way for whole tables.

    The database joins the rows into one text and Polars parses it: a third of the time that row tuples take.
    """
    return _read_whole(select, source, pl.Int64)


def read_texts(select: Mapping[str, str], source: str) -> pl.DataFrame:
    """The same for anything that is never NULL and holds no control character, all columns as text."""
    return _read_whole(select, source, pl.String).fill_null("")


def _read_whole(select: Mapping[str, str], source: str, dtype: Any) -> pl.DataFrame:
    schema = dict.fromkeys(select, dtype)
    if connection.vendor == "postgresql":
        fields = " || chr(31) || ".join(f"CAST({value} AS text)" for value in select.values())
        # Some thousand lines a row: by COPY the driver would hand over each of them for itself, which takes five times as long.
        query = f"SELECT {fields} AS line, row_number() OVER () / {_LINES} AS part FROM {source}"  # noqa: S608 - names are the program's own
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT string_agg(line, chr(10)) FROM ({query}) AS lines GROUP BY part")  # noqa: S608 - as above
            data = "\n".join(text for (text,) in cursor.fetchall()).encode()
    else:
        fields = " || char(31) || ".join(f"({value})" for value in select.values())
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT group_concat({fields}, char(10)) FROM {source}")  # noqa: S608 - as above
            data = (cursor.fetchone()[0] or "").encode()
    if not data:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        io.BytesIO(data),
        has_header=False,
        schema=schema,
        separator="\x1f",
        quote_char=None,
    )


def execute(statement: str, parameters: Sequence[Any] = ()) -> int:
    """Run one statement; the number of rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


@contextmanager
def _driver() -> Iterator[Any]:
    """The driver's own cursor, for what Django has no word for; its errors are Django's all the same."""
    with connection.cursor() as cursor, connection.wrap_database_errors:
        yield cursor


def _copied(name: str, dtype: Any) -> pl.Expr:
    """A column in COPY's text format, in which only backslash, tab and line ends mean anything."""
    text = pl.col(name).cast(pl.String)
    if dtype == pl.String:
        for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
            text = text.str.replace_all(plain, escaped, literal=True)
    return text.fill_null("\\N")


def _plain(dtype: Any) -> Any:
    # SQLite hands a boolean over as 0 or 1.
    return pl.Int64 if dtype == pl.Boolean and connection.vendor == "sqlite" else dtype
