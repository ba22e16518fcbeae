"""In: ledger rows that are new, or all of them. Out: the current tables, caught up or found different.
Writes no interactions.

Catching up takes the later of what is stored and what is told, so that a row told twice, late or before it is drained
changes nothing that it should not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
from django.db import transaction

from touchline.permission.reading import CONSENT, PREFERENCE, SUPPRESSION, Standing, standing
from touchline.recognition.staging import execute, insert, read, staged

_TABLES: Mapping[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {
    "consents": ("permission_consent", CONSENT, ("persona_id", "purpose", "channel")),
    "preferences": ("permission_preference", PREFERENCE, ("persona_id", "key")),
    "suppressions": ("permission_suppression", SUPPRESSION, ("persona_id", "reason")),
}
_TOGETHER: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "consents": (("granted_at", "evidenced", "granted_seq", "source"), ("withdrawn_at",)),
    "preferences": (("told_at", "answer", "told"),),
    "suppressions": (("at",),),
}
"""Columns that go together: the later row of the two wins, compared in this order."""


def read_until() -> int:
    """The last seq of the ledger that the tables have taken in; 0 before the first."""
    found = read("SELECT seq FROM permission_progress WHERE name = 'permission'", {"seq": pl.Int64})
    return int(found.item()) if found.height else 0


def refresh(rows: pl.DataFrame | pa.Table, up_to_seq: int | None = None) -> None:
    """Take in ledger rows [reading.ROWS], in one transaction; told again they change nothing.

    up_to_seq   that every row of the ledger up to it has now been told; None where the rows are not drained yet
    """
    told = standing(_frame(rows))
    with transaction.atomic():
        for name in _TABLES:
            _take(name, getattr(told, name))
        if up_to_seq is not None:
            execute(
                "INSERT INTO permission_progress (name, seq) VALUES ('permission', %s) ON CONFLICT (name) DO UPDATE"
                " SET seq = CASE WHEN excluded.seq > permission_progress.seq THEN excluded.seq"
                " ELSE permission_progress.seq END",
                [up_to_seq],
            )


def rebuild(rows: pl.DataFrame | pa.Table, up_to_seq: int) -> None:
    """Forget everything and take in all rows of the ledger, in one transaction."""
    told = standing(_frame(rows))
    with transaction.atomic():
        for name, (table, _, _) in _TABLES.items():
            execute(f"DELETE FROM {table}")  # noqa: S608 - one of three names of the program's own
            insert(table, getattr(told, name))
        execute("DELETE FROM permission_progress WHERE name = 'permission'")
        execute("INSERT INTO permission_progress (name, seq) VALUES ('permission', %s)", [up_to_seq])


def erase(personas: list[int]) -> int:
    """Forget these personas' rows; how many there were."""
    with (
        transaction.atomic(),
        staged("erased", pl.DataFrame({"persona_id": personas}, schema={"persona_id": pl.Int64})),
    ):
        return sum(
            execute(f"DELETE FROM {table} WHERE persona_id IN (SELECT persona_id FROM erased)")  # noqa: S608 - as above
            for table, _, _ in _TABLES.values()
        )


def current(personas: pl.Series | None = None) -> Standing:
    """The tables as they are, or what they hold of these personas."""
    if personas is None:
        return Standing(*(_stored(name) for name in _TABLES))
    with staged("wanted", personas.unique().to_frame("persona_id")):
        return Standing(*(_stored(name, "wanted") for name in _TABLES))


def compare(rows: pl.DataFrame | pa.Table) -> pl.DataFrame:
    """Where the tables differ from what all rows of the ledger say: [table, persona_id, key, ledger, database].

    Empty where they agree. `ledger` and `database` are the row's values as text, NULL where it has none. Numbers of
    ledger rows are not compared: a row that was taken in before it was drained had none.
    """
    told = standing(_frame(rows))
    found = []
    for name, (_, schema, key) in _TABLES.items():
        values = [column for column in schema if column not in (*key, "granted_seq")]
        shown = [
            frame.select(
                "persona_id",
                key=pl.concat_str(list(key[1:]), separator=" "),
                **{side: pl.concat_str([pl.col(value).cast(pl.String) for value in values], separator=" ")},
            )
            for side, frame in (("ledger", getattr(told, name)), ("database", _stored(name)))
        ]
        both = shown[0].join(shown[1], on=["persona_id", "key"], how="full", coalesce=True)
        differs = both.filter(pl.col("ledger").ne_missing(pl.col("database")))
        found.append(differs.select(pl.lit(name).alias("table"), "persona_id", "key", "ledger", "database"))
    return pl.concat(found).sort("table", "persona_id", "key")


def _take(name: str, told: pl.DataFrame) -> None:
    """Merge rows into their table: of each group of columns the later."""
    if told.is_empty():
        return
    table, schema, key = _TABLES[name]
    columns = ", ".join(f'"{column}"' for column in schema)
    changes = []
    for group in _TOGETHER[name]:
        ours, theirs = (", ".join(f'{source}."{column}"' for column in group) for source in (table, "excluded"))
        later = f"({theirs}) > ({ours})"
        changes += [
            f'"{column}" = CASE WHEN {later} THEN excluded."{column}" ELSE {table}."{column}" END' for column in group
        ]
    with staged("told", told):
        execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM told WHERE TRUE"  # noqa: S608 - names are the program's own
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(changes)}"
        )


def _stored(name: str, wanted: str | None = None) -> pl.DataFrame:
    table, schema, key = _TABLES[name]
    columns = ", ".join(f't."{column}"' for column in schema)
    # CROSS JOIN: SQLite then looks up the few that are wanted instead of passing over all that are stored.
    source = f"{table} t" if wanted is None else f"{wanted} w CROSS JOIN {table} t WHERE t.persona_id = w.persona_id"
    return read(f"SELECT {columns} FROM {source}", schema).sort(key)  # noqa: S608 - names are the program's own


def _frame(rows: pl.DataFrame | pa.Table) -> pl.DataFrame:
    frame = rows if isinstance(rows, pl.DataFrame) else pl.from_arrow(rows)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("ledger rows have columns")
    return frame
