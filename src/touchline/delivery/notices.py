"""In: notices that the organisation's own systems send, each with a key of their choice. Out: each kept once, with what its words say. Writes no interactions.

A notice is kept in the transaction that reserves its message: there is never one without the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection

from touchline.kernel.times import DAY
from touchline.recognition.locking import hold_name
from touchline.recognition.staging import execute, read

KEPT = 30 * DAY
"""So long a key stands for its notice."""

MARK = "notice:"
"""With it the recurrence of a notice's message begins."""

_KEPT = {"message_id": pl.String, "digest": pl.String, "conversation": pl.String, "channel": pl.String, "at": pl.Int64}


@dataclass(frozen=True)
class Kept:
    """A notice that was taken.

    digest   of everything that it said
    channel  on which it goes
    at       when it was reserved, microseconds UTC
    """

    message_id: str
    digest: str
    conversation: str
    channel: str
    at: int


def known(source: int, key: str, now: int) -> Kept | None:
    """The notice that this source sent under this key; whoever asks for the same one waits until this transaction ends.

    source  number of the key by which it came, 0 for a person at the terminal
    """
    if not connection.in_atomic_block:
        raise RuntimeError("what is looked for here and what is kept after it stand or fall together")
    name = _digest(str(source), key)
    hold_name(f"notice {name}")
    execute("DELETE FROM delivery_notice WHERE at <= %s", [now - KEPT])
    found = read(f"SELECT {', '.join(_KEPT)} FROM delivery_notice WHERE name = %s", _KEPT, [name])  # noqa: S608 - the program's own names
    return Kept(**found.row(0, named=True)) if found.height else None


def keep(source: int, key: str, notice: Kept, variables: Mapping[str, Any]) -> None:
    """Keep it, in the transaction in which `known` found none."""
    execute(
        "INSERT INTO delivery_notice (name, message_id, digest, conversation, channel, at, variables)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            _digest(str(source), key), notice.message_id, notice.digest, notice.conversation, notice.channel, notice.at,
            json.dumps(variables, ensure_ascii=False, allow_nan=False),
        ],
    )  # fmt: skip


def variables(message_id: str) -> dict[str, Any]:
    """What a message's notice said, by the names that words read it by; empty where it is no longer kept."""
    found = read("SELECT variables FROM delivery_notice WHERE message_id = %s", {"variables": pl.String}, [message_id])
    told: dict[str, Any] = json.loads(found["variables"][0]) if found.height else {}
    return {f"notice.{name}": value for name, value in told.items()}


def recurrence(source: int, key: str, now: int) -> str:
    """What tells a notice's message from every other one of its conversation."""
    return f"{MARK}{_digest(str(source), key, str(now))[:40]}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
