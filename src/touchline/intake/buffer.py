"""In: events as they arrive, and rows that other rooms made. Out: both kept in the database until they are drained. Writes whatever it is handed, at the drain.

`accept` returns after the commit, so that an answer to the sender is a promise. Each event is looked at on its own: a bad
one is told by its index and the others are kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection, transaction

from touchline.interactions import row
from touchline.kernel.ids import SEPARATOR
from touchline.recognition.staging import execute, read

EVENT_LIMIT = 32 * 1024
"""Bytes of one event as JSON."""
TYPES = ("track", "identify", "page", "screen", "group", "alias")
LONGEST_ID = 512
DEEPEST = 32
"""Levels of objects and lists inside one another."""

_TEXTS = (
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
_OBJECTS = ("properties", "traits", "context")
_INSERT_POSTGRES = """
    INSERT INTO intake_event (source, message_id, ready, received_at, body)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::bigint[], %s::text[]) ON CONFLICT DO NOTHING
"""
_INSERT_SQLITE = (
    "INSERT OR IGNORE INTO intake_event (source, message_id, ready, received_at, body) VALUES (?, ?, ?, ?, ?)"
)


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
    rows, faults = [], []
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
            rows.append((source, event["messageId"], False, received_at, body))
    kept = _insert(rows)
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
    for name in _TEXTS:
        value = event.get(name)
        if (value is not None and not isinstance(value, str | int)) or isinstance(value, bool):
            return f"`{name}` is no text"
        if isinstance(value, str) and len(value) > LONGEST_ID:
            return f"`{name}` has more than {LONGEST_ID} characters"
        if isinstance(value, str) and SEPARATOR in value:
            return f"`{name}` holds U+001F"
    for name in _OBJECTS:
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


def accept_rows(rows: pl.DataFrame, *, received_at: int) -> int:
    """Keep ready ledger rows (administration, permission, assignments): any of the ledger's columns, at least id, kind,
    persona_id, bucket, role, source and occurred_at. A row whose id is kept already is not kept twice. The number kept.

    Runs inside the caller's transaction where there is one, so that what the rows tell of and the rows stand or fall together.
    """
    if rows.is_empty():
        return 0
    unknown = set(rows.columns) - set(row.BY_NAME)
    if unknown:
        raise ValueError(f"no ledger column: {', '.join(sorted(unknown))}")
    bodies = rows.select(pl.struct(pl.all()).struct.json_encode()).to_series()
    return _insert(
        [
            (source, id_, True, received_at, body)
            for source, id_, body in zip(rows["source"], rows["id"], bodies, strict=True)
        ]
    )


def _insert(rows: Sequence[tuple[str, str, bool, int, str]]) -> int:
    """Insert what is not there yet; the number inserted."""
    if not rows:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(_INSERT_POSTGRES, columns)
            return int(cursor.rowcount)
        before = cursor.connection.total_changes
        cursor.connection.executemany(_INSERT_SQLITE, rows)
        return int(cursor.connection.total_changes - before)


def waiting() -> int:
    """How many events and rows are not drained yet."""
    return int(read("SELECT count(*) AS n FROM intake_event WHERE drained_at IS NULL", {"n": pl.Int64})["n"][0])


def erase(words: Sequence[str]) -> int:
    """Delete every kept event, rejected event and waiting row whose content holds one of the words; the number deleted.

    words   identifiers of the person as they may have been sent, and persona ids as `"persona_id":N,`
    """
    gone = 0
    for word in words:
        if not word:
            continue
        spelt = json.dumps(word, ensure_ascii=False)[1:-1]
        pattern = "%" + spelt.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with transaction.atomic():
            gone += execute("DELETE FROM intake_event WHERE body LIKE %s ESCAPE '\\'", [pattern])
            gone += execute("DELETE FROM intake_rejected WHERE body LIKE %s ESCAPE '\\'", [pattern])
            gone += execute("DELETE FROM intake_awaited WHERE held LIKE %s ESCAPE '\\'", [pattern])
    return gone
