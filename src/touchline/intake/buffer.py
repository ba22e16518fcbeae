"""In: events as they arrive, and rows that other rooms made. Out: both kept in the database until they are drained. Writes whatever it is handed, at the drain.

`accept` returns after the commit, so that an answer to the sender is a promise. Each event is looked at on its own: a bad
one is told by its index and the others are kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import IntegrityError, connection, transaction

from touchline.interactions import row
from touchline.kernel.ids import SEPARATOR
from touchline.recognition.staging import read

EVENT_LIMIT = 32 * 1024
"""Bytes of one event as JSON."""
TYPES = ("track", "identify", "page", "screen", "group", "alias")
LONGEST_ID = 512
DEEPEST = 32
"""Levels of objects and lists inside one another."""

TEXTS = (
    "userId",
    "anonymousId",
    "previousId",
    "groupId",
    "event",
    "name",
    "category",
    "timestamp",
    "originalTimestamp",
    "sentAt",
)
OBJECTS = ("properties", "traits", "context")
# One text for each column, parted by U+001F, which neither an id nor JSON can hold: an array would be written value by value.
_INSERT_POSTGRES = """
    INSERT INTO intake_event (source, message_id, ready, received_at, body)
    SELECT told.source, told.message_id, %s, %s, told.body
    FROM unnest(string_to_array(%s, E'\\x1f'), string_to_array(%s, E'\\x1f'), string_to_array(%s, E'\\x1f'))
        AS told (source, message_id, body)
    ON CONFLICT (source, message_id) DO NOTHING
"""
# Half the work of ON CONFLICT, which writes each row twice; where another process is quicker with the same id, it fails.
# NOT EXISTS would be made a join, and that a scan of everything kept.
_INSERT_NEW_POSTGRES = """
    INSERT INTO intake_event (source, message_id, ready, received_at, body)
    SELECT %s, told.message_id, %s, %s, told.body
    FROM unnest(string_to_array(%s, E'\\x1f'), string_to_array(%s, E'\\x1f')) AS told (message_id, body)
    WHERE (SELECT true FROM intake_event AS kept WHERE kept.source = %s AND kept.message_id = told.message_id) IS NULL
"""
_INSERT_SQLITE = "INSERT OR IGNORE INTO intake_event (source, message_id, ready, received_at, body) VALUES "
_AT_ONCE = (256, 16, 1)
"""Rows of one statement on SQLite: while it runs other threads run too, and each statement waits for them when it ends."""


@dataclass(frozen=True)
class Accepted:
    """What became of a group of events.

    accepted    kept now
    duplicates  kept before, by source and message id
    faults      (index in the group, what is wrong with it); these were not kept
    """

    accepted: int
    duplicates: int
    faults: tuple[tuple[int, str], ...]


def accept(events: Sequence[Any], *, received_at: int, source: str = "segment") -> Accepted:
    """Keep Segment-shaped events in one transaction; each is a decoded JSON object with `type` and `messageId`."""
    rows: list[tuple[str, str]] = []
    faults: list[tuple[int, str]] = []
    for index, event in enumerate(events):
        try:
            wrong = fault_of(event)
            body = "" if wrong else json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            wrong = wrong or _too_large(body)
        except (ValueError, TypeError, RecursionError):
            wrong = "holds what JSON has no word for"
        if wrong:
            faults.append((index, wrong))
        else:
            rows.append((event["messageId"], body))
    kept = keep(rows, received_at=received_at, source=source)
    return Accepted(kept, len(rows) - kept, tuple(faults))


def fault_of(event: Any) -> str | None:
    """What is wrong with an event before anybody maps it; None where nothing is."""
    if not isinstance(event, Mapping):
        return "is no object"
    kind, message = event.get("type"), event.get("messageId")
    if kind not in TYPES:
        return f"`type` is none of {', '.join(TYPES)}"
    if not isinstance(message, str) or not 0 < len(message) <= LONGEST_ID:
        return f"`messageId` is no text of 1 to {LONGEST_ID} characters"
    if SEPARATOR in message:
        return "`messageId` holds U+001F"
    for name in TEXTS:
        value = event.get(name)
        if (value is not None and not isinstance(value, str | int)) or isinstance(value, bool):
            return f"`{name}` is no text"
        if isinstance(value, str) and len(value) > LONGEST_ID:
            return f"`{name}` has more than {LONGEST_ID} characters"
        if isinstance(value, str) and SEPARATOR in value:
            return f"`{name}` holds U+001F"
    for name in OBJECTS:
        if event.get(name) is not None and not isinstance(event[name], Mapping):
            return f"`{name}` is no object"
    if not any(event.get(name) not in (None, "") for name in ("userId", "anonymousId")):
        return "neither `userId` nor `anonymousId` says whose it is"
    if kind == "track" and not event.get("event"):
        return "`event` is missing"
    return _unkeepable(event, 0)


def _unkeepable(value: Any, depth: int) -> str | None:
    """What PostgreSQL, or JSON itself, could not keep; or nesting without end."""
    if depth > DEEPEST:
        return f"more than {DEEPEST} objects stand inside one another"
    if isinstance(value, str):
        if "\x00" in value:
            return "a text holds U+0000"
        return None if value.isascii() or _encodable(value) else "a text holds half of a surrogate pair"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number is not finite"
    parts: Iterable[Any] = ()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return "a key is no text"
        parts = (*value, *value.values())
    elif isinstance(value, list | tuple):
        parts = value
    return next((wrong for part in parts if (wrong := _unkeepable(part, depth + 1))), None)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(body: str) -> str | None:
    return f"is larger than {EVENT_LIMIT // 1024} KB" if len(body.encode()) > EVENT_LIMIT else None


def accept_rows(rows: pl.DataFrame | Sequence[Mapping[str, object]], *, received_at: int) -> int:
    """Keep ready ledger rows (administration, permission, assignments): any of the ledger's columns, at least id, kind,
    persona_id, bucket, role, source and occurred_at. A row whose id is kept already is not kept twice. The number kept.

    Runs inside the caller's transaction where there is one, so that what the rows tell of and the rows stand or fall together.
    """
    if not len(rows):
        return 0
    names = rows.columns if isinstance(rows, pl.DataFrame) else (name for one in rows for name in one)
    unknown = set(names) - set(row.BY_NAME)
    if unknown:
        raise ValueError(f"no ledger column: {', '.join(sorted(unknown))}")
    if isinstance(rows, pl.DataFrame):
        sources, ids = rows["source"].to_list(), rows["id"].to_list()
        bodies = rows.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    else:  # a few, which a frame would take longer to be made of than to be written
        sources, ids = [str(one["source"]) for one in rows], [str(one["id"]) for one in rows]
        bodies = [json.dumps(one, ensure_ascii=False, allow_nan=False) for one in rows]
    return _insert(sources, ids, bodies, received_at, ready=True)


def keep(rows: Sequence[tuple[str, str]], *, received_at: int, source: str = "segment") -> int:
    """Keep events that are checked already, (message id, text of the event), in one transaction; the number that is new."""
    if not rows:
        return 0
    first: dict[str, str] = {}
    for message, body in rows:
        first.setdefault(message, body)
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        told = [SEPARATOR.join(first), SEPARATOR.join(first.values())]
        with suppress(IntegrityError):
            return _executed(_INSERT_NEW_POSTGRES, [source, False, received_at, *told, source])
    return _insert([source] * len(first), list(first), list(first.values()), received_at, ready=False)


def _insert(
    sources: Sequence[str], messages: Sequence[str], bodies: Sequence[str], received_at: int, *, ready: bool
) -> int:
    """Insert what is not there yet; the number inserted."""
    if not messages:
        return 0
    if connection.vendor == "postgresql":
        told = [SEPARATOR.join(column) for column in (sources, messages, bodies)]
        return _executed(
            _INSERT_POSTGRES, [ready, received_at, *told]
        )  # one statement is whole or not at all by itself
    with transaction.atomic(), connection.cursor() as cursor:
        driver = cursor.connection
        before = driver.total_changes
        start = 0
        for size in _AT_ONCE:
            statement = f"{_INSERT_SQLITE}{', '.join(['(?, ?, ?, ?, ?)'] * size)}"
            while len(messages) - start >= size:
                end = start + size
                part = zip(sources[start:end], messages[start:end], bodies[start:end], strict=True)
                driver.execute(statement, [v for s, m, b in part for v in (s, m, ready, received_at, b)])
                start = end
        return int(driver.total_changes - before)


def _executed(statement: str, parameters: Sequence[Any]) -> int:
    """Run a statement on PostgreSQL, its values beside it: written into it, they would stand in the server's log of a fault."""
    from psycopg import Cursor  # only where the database is one

    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(statement.encode(), parameters)
        return cursor.rowcount


def waiting() -> int:
    """How many events and rows are not drained yet."""
    return int(read("SELECT count(*) AS n FROM intake_event WHERE drained_at IS NULL", {"n": pl.Int64})["n"][0])
