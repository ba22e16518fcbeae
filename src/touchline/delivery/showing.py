"""In: reservations on a channel that the organisation shows by itself. Out: each in the hands of whoever asked, and what they told became of it.
Writes `sent`, `delivered` and `replied`.

What was answered with may have been seen: until its time is over it is the one answer and counts in every cap. Whoever asked tells what
became of it; of what nobody told, it is taken that it was seen, since nothing else would be at most once. What is owed is offered again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any
from uuid import uuid4

import polars as pl
from django.db import transaction

from touchline.delivery import gifts, outbox, stops
from touchline.delivery.gate import LASTING
from touchline.delivery.outbox import OWED, Leased
from touchline.delivery.states import FREED, WAITING
from touchline.delivery.telling import TELLING, rows
from touchline.intake import accept_rows
from touchline.interactions.catalogue import KINDS, REACHED_BY, VERSION
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY, MINUTE
from touchline.recognition.locking import hold
from touchline.recognition.staging import execute, read

ASKED_FOR: tuple[str, ...] = ("web", "app", "chat", "store", "field", "desk", "event", "meeting")
"""Channels whose messages an organisation shows by itself, when it asks for them."""

MET: tuple[str, ...] = tuple(channel for channel in ASKED_FOR if channel not in REACHED_BY)
"""Those of them on which nobody is written to: the customer is there."""

OUTCOMES: tuple[str, ...] = ("shown", "accepted", "declined", "not_shown")
"""What may be told of a message."""

LIFE = 30 * MINUTE
"""So long whoever asks again is answered with the same message."""

SETTLED_BY = DAY
"""So long after that the loop may come to it, before anybody takes it for a message that waited too long."""

HOLDER, HANDED = "next", "handed"
"""Worker and reason of a message that was answered with; `due_at` is when its time is over."""

SOURCE = "next"
_TRY = MINUTE
_REPLIES = ("accepted", "declined")
_MINE = f"m.state = 'sending' AND m.reason = '{HANDED}' AND m.worker = '{HOLDER}'"
# In the words of the indexes `delivery_message_once` and `delivery_message_due`.
_ALIVE = f"NOT (m.state IN ({', '.join(repr(state) for state in FREED)}))"
_FREE = (
    "m.state IN ('reserved', 'held') AND m.due_at <= %s AND m.expires_at > %s"
    f" AND (m.lease_until IS NULL OR m.lease_until <= %s) AND NOT {stops.is_stopped('m')}"
)
_WAITING = f"m.state IN ({', '.join(repr(state) for state in WAITING)})"
_TYPES: dict[str, Any] = {"int": pl.Int64, "float": pl.Float64, "str": pl.String}
_LEASED = {field.name: _TYPES[str(field.type).removesuffix(" | None")] for field in fields(Leased)}
_COLUMNS = ", ".join(f'"{name}"' for name in _LEASED)
_TOLD = {**TELLING, "state": pl.String, "reason": pl.String, "worker": pl.String, "started_at": pl.Int64}


class CannotTell(TouchlineError):
    """That cannot be told of this message."""

    code = "cannot_tell"


def offered(personas: Collection[int], channel: str, touchpoint: str | None, now: int) -> Leased | None:
    """The message that these personas were answered with on the channel, at the touchpoint where one is named, while its time lasts."""
    where, told = _theirs(personas, channel, touchpoint)
    return _first(f"{where} AND {_MINE} AND m.due_at > %s", [*told, now])


def take(personas: Collection[int], channel: str, touchpoint: str | None, now: int) -> Leased | None:
    """The most urgent message that waits for these personas there, for this asker alone for a minute; None where none does."""
    where, told = _theirs(personas, channel, touchpoint)
    found = _first(f"{where} AND {_FREE}", [*told, now, now, now])
    if found is None:
        return None
    worker = f"{HOLDER}:{uuid4().hex}"
    query = f"UPDATE delivery_message AS m SET worker = %s, lease_until = %s WHERE m.id = %s AND {_FREE} RETURNING {_COLUMNS}"  # noqa: S608 - the program's own names
    mine = read(query, _LEASED, [worker, now + _TRY, found.id, now, now, now])
    return None if mine.is_empty() else Leased(**mine.row(0, named=True))


def is_waiting(personas: Collection[int], channel: str, touchpoint: str | None, now: int) -> bool:
    """Whether a message waits for them there that may be taken."""
    where, told = _theirs(personas, channel, touchpoint)
    return _first(f"{where} AND {_FREE}", [*told, now, now, now]) is not None


def hand(message: Leased, now: int) -> Leased | None:
    """Give a message that was taken to whoever asked, as it is then; None where it may not begin after all.

    `expires_at` is from then on SETTLED_BY after its time is over.
    """
    with transaction.atomic():
        hold([message.bucket])
        if not outbox.started(message, now):
            return None
        over = min(now + LIFE, message.expires_at)
        given = read(
            "UPDATE delivery_message AS m SET reason = %s, worker = %s, lease_until = NULL, due_at = %s, expires_at = %s"  # noqa: S608 - the program's own names
            f" WHERE m.id = %s RETURNING {_COLUMNS}",
            _LEASED,
            [HANDED, HOLDER, over, over + SETTLED_BY, message.id],
        )
    return Leased(**given.row(0, named=True))


def until(message: Leased) -> int:
    """When the time of a message that was handed is over."""
    return message.expires_at - SETTLED_BY


def had_turn(personas: Collection[int], since: int) -> bool:
    """Whether anything that is not owed was reserved for them since then and still counts."""
    marks = ", ".join(["%s"] * len(personas))
    found = read(
        f"SELECT count(*) AS n FROM delivery_message m WHERE m.persona_id IN ({marks}) AND {_ALIVE}"  # noqa: S608 - marks alone
        " AND m.talk_class > %s AND m.reserved_at > %s",
        {"n": pl.Int64},
        [*personas, OWED, since],
    )
    return bool(found["n"][0])


def tell(message_id: str, outcome: str, now: int) -> bool:
    """Write down what became of a message, in the ledger too; False where that was told before.

    `accepted` and `declined` are the customer's reply, and say that it was shown. Raises UnknownName where there is no such
    message, CannotTell for an outcome that contradicts what was told or what it is taken for.
    """
    with transaction.atomic():
        message = _one(message_id)
        if message is None:
            raise UnknownName("that message", remedy="Use the `message_id` of an answer of /api/next.")
        hold([message["bucket"]])
        message = _one(message_id) or message
        before = _told(message)
        if before == outcome:
            return False
        if outcome not in OUTCOMES or not _may_follow(message, before, outcome):
            is_ = before or message["state"]
            raise CannotTell(f"{outcome[:20]} of one that is {is_}", remedy="What was told of a message stays told.")
        if outcome == "not_shown":
            _become(message, "expired", outcome)
            gifts.give_back([message_id])
            return True
        _become(message, "delivered", outcome)
        if before is None:
            _say(message, now, None)
            accept_rows(rows([message], "delivered", now), received_at=now)
        if outcome in _REPLIES:
            accept_rows([_reply(message, outcome, now)], received_at=now)
    return True


def settle(now: int) -> int:
    """Take what was answered with and never told of for seen, once its time is over; what is owed is offered again. How many.

    A message that was taken for seen stands in the ledger as of when it was answered with.
    """
    with transaction.atomic():
        over = f"{_WAITING} AND {_MINE} AND m.due_at <= %s"
        found = read(
            f"SELECT m.id, m.bucket FROM delivery_message m WHERE {over}",  # noqa: S608 - the program's own names
            {"id": pl.Int64, "bucket": pl.Int64},
            [now],
        )
        if found.is_empty():
            return 0
        hold(found["bucket"].unique().to_list())
        marks = ", ".join(["%s"] * found.height)
        mine = f"m.id IN ({marks}) AND {over}"
        again = execute(
            "UPDATE delivery_message AS m SET state = 'reserved', reason = 'interrupted', worker = NULL, due_at = %s,"  # noqa: S608 - as above
            f" expires_at = m.reserved_at + %s WHERE {mine} AND m.talk_class = %s AND m.reserved_at + %s > %s",
            [now, LASTING, *found["id"], now, OWED, LASTING, now],
        )
        seen = read(
            f"UPDATE delivery_message AS m SET state = 'uncertain', reason = 'not_told' WHERE {mine}"  # noqa: S608 - as above
            f" RETURNING {', '.join(_TOLD)}",
            _TOLD,
            [*found["id"], now],
        )
        for message in seen.to_dicts():
            _say(message, now, "uncertain")
    return again + seen.height


def _may_follow(message: Mapping[str, Any], before: str | None, outcome: str) -> bool:
    if before is not None:
        return before == "shown" and outcome in _REPLIES
    handed = message["state"] == "sending" and message["worker"] == HOLDER
    offered_again = message["state"] == "reserved" and message["reason"] == "interrupted"
    return handed or offered_again or (outcome != "not_shown" and message["state"] in ("sent", "uncertain"))


def _told(message: Mapping[str, Any]) -> str | None:
    """What was told of it before."""
    said = message["state"] in ("delivered", "expired") and message["reason"] in OUTCOMES
    return str(message["reason"]) if said else None


def _become(message: Mapping[str, Any], state: str, reason: str) -> None:
    execute(
        "UPDATE delivery_message SET state = %s, reason = %s, worker = NULL, lease_until = NULL WHERE message_id = %s",
        [state, reason, message["message_id"]],
    )


def _say(message: Mapping[str, Any], now: int, reason: str | None) -> None:
    """Its `sent` row, as of when it was answered with."""
    at = message["started_at"] or now
    accept_rows(rows([message], "sent", at, reason), received_at=now)


def _reply(message: Mapping[str, Any], outcome: str, now: int) -> dict[str, Any]:
    """The customer's reply to it: `name` says which. A decline is no good experience and no bad one."""
    known = KINDS["replied"]
    return {
        "id": interaction_id(SOURCE, str(message["message_id"]), known.name),
        "version": VERSION,
        "kind": known.name,
        "name": outcome,
        **{
            name: message[name] for name in ("persona_id", "bucket", "role", "touchpoint", "message_id", "conversation")
        },
        "source": SOURCE,
        "occurred_at": now,
        "in_reply_to": message["message_id"],
        "emotional": known.emotional if outcome == "accepted" else None,
    }


def _theirs(personas: Collection[int], channel: str, touchpoint: str | None) -> tuple[str, list[Any]]:
    """(condition, its parameters) of messages to these personas there; there is at least one persona."""
    marks = ", ".join(["%s"] * len(personas))
    where = f"m.persona_id IN ({marks}) AND {_ALIVE} AND m.channel = %s"
    if touchpoint is None:
        return where, [*personas, channel]
    return f"{where} AND m.touchpoint = %s", [*personas, channel, touchpoint]


def _first(where: str, told: list[Any]) -> Leased | None:
    query = (
        f"SELECT {_COLUMNS} FROM delivery_message m WHERE {where} ORDER BY m.talk_class, m.priority DESC, m.id LIMIT 1"  # noqa: S608 - the program's own names
    )
    found = read(query, _LEASED, told)
    if found.is_empty():
        return None
    return Leased(**found.row(0, named=True))


def _one(message_id: str) -> dict[str, Any] | None:
    marks = ", ".join(["%s"] * len(ASKED_FOR))
    found = read(
        f"SELECT {', '.join(_TOLD)} FROM delivery_message m"  # noqa: S608 - marks alone
        f" WHERE m.message_id = %s AND m.channel IN ({marks}) AND m.started_at IS NOT NULL",
        _TOLD,
        [message_id, *ASKED_FOR],
    )
    return found.row(0, named=True) if found.height else None
