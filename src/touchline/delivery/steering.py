"""In: messages that somebody chose. Out: those that wait and that no worker has, released or stopped. Writes `failed` for what was stopped.

A worker that has leased a message, or has begun to send it, decides alone what becomes of it: what it has is left alone here.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from django.db import transaction

from touchline.delivery import gifts
from touchline.delivery.telling import TELLING, rows
from touchline.intake import accept_rows
from touchline.recognition.locking import hold
from touchline.recognition.staging import execute, read, staged

RELEASED, STOPPED = "released", "stopped"
"""Reasons of a message that somebody released or stopped."""

INTERRUPTED = "interrupted"
"""Reason of a message that a worker began and did not end: it may have arrived, so that nobody can say that it was stopped."""

_FREE = "m.state IN ('reserved', 'held') AND (m.lease_until IS NULL OR m.lease_until <= %s)"


def release(message_ids: Sequence[str], now: int) -> int:
    """Make messages due at once that were to wait longer; how many. Whoever sends them looks once more whether they may go.

    What is past its time is left for `outbox.recover`.
    """
    with transaction.atomic():
        chosen = _held(message_ids, now)
        if chosen.is_empty():
            return 0
        with staged("chosen", chosen.select("message_id")):
            return execute(
                "UPDATE delivery_message AS m SET state = 'reserved', due_at = %s, worker = NULL, lease_until = NULL,"  # noqa: S608 - the program's own text
                " reason = CASE WHEN state = 'held' THEN %s ELSE reason END"
                f" WHERE m.message_id IN (SELECT message_id FROM chosen) AND {_FREE} AND m.due_at > %s AND m.expires_at > %s",
                [now, RELEASED, now, now, now],
            )


def stop(message_ids: Sequence[str], now: int) -> int:
    """End messages for good, and tell the ledger in the same transaction; how many. A code that one carried goes back.

    Left alone is what may have arrived: it is tried again or ends by itself. What is stopped is
    `failed` and not `expired`: what has expired may be reserved again, and the next decision would undo the stop.
    """
    with transaction.atomic():
        chosen = _held(message_ids, now)
        if chosen.is_empty():
            return 0
        with staged("chosen", chosen.select("message_id")):
            ended = read(
                "UPDATE delivery_message AS m SET state = 'failed', reason = %s, worker = NULL, lease_until = NULL"  # noqa: S608 - as above
                f" WHERE m.message_id IN (SELECT message_id FROM chosen) AND {_FREE} AND m.reason <> %s RETURNING {', '.join(TELLING)}",
                TELLING,
                [STOPPED, now, INTERRUPTED],
            )
        if ended.is_empty():
            return 0
        accept_rows(rows(ended.to_dicts(), "failed", now, STOPPED), received_at=now)
        gifts.give_back(ended["message_id"].to_list())
    return ended.height


def _held(message_ids: Sequence[str], now: int) -> pl.DataFrame:
    """[message_id, bucket] of those that nobody has; their people are held, so that each is asked for once more."""
    asked = pl.DataFrame({"message_id": sorted(set(message_ids))}, schema={"message_id": pl.String})
    with staged("asked_for", asked):
        found = read(
            f"SELECT m.message_id, m.bucket FROM asked_for a JOIN delivery_message m ON m.message_id = a.message_id WHERE {_FREE}",  # noqa: S608 - as above
            {"message_id": pl.String, "bucket": pl.Int64},
            [now],
        )
    if found.height:
        hold(found["bucket"].unique().to_list())
    return found
