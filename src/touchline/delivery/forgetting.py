"""In: personas who are to be forgotten. Out: the outbox, the calls and the gifts without them. Writes no interactions.

A message that a worker is about to send at this very moment cannot be called back: it is waited for. A gift code stays
given, so that nobody gets it a second time; to whom, nothing says any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import polars as pl
from django.db import connection, transaction

from touchline.recognition.staging import execute, read, staged

_ON_ITS_WAY = "m.state = 'sending' AND m.reason <> 'handed' AND m.lease_until > %s"


def of_personas(personas: list[int]) -> list[str]:
    """The ids of all messages to them."""
    return _asked(personas, f"SELECT m.message_id {_THEIRS}", {"message_id": pl.String})["message_id"].to_list()


def notes(personas: list[int]) -> pl.DataFrame:
    """The calls to them: message_id, opened_at, closed_at, outcome, note, brief (JSON)."""
    columns = {
        "message_id": pl.String, "opened_at": pl.Int64, "closed_at": pl.Int64, "outcome": pl.String, "note": pl.String,
        "brief": pl.String,
    }  # fmt: skip
    chosen = ", ".join(f"{'m' if name == 'message_id' else 't'}.{name}" for name in columns)
    query = f"SELECT {chosen} {_THEIRS_WITH_TASK} ORDER BY t.opened_at"
    return _asked(personas, query, columns)


def notices(personas: list[int]) -> pl.DataFrame:
    """What systems of the organisation's own told with the notices to them: message_id, conversation, variables (JSON)."""
    columns = {"message_id": pl.String, "conversation": pl.String, "variables": pl.String}
    query = f"SELECT {', '.join(f'n.{name}' for name in columns)} {_THEIRS_WITH_NOTICE} ORDER BY n.at"
    return _asked(personas, query, columns)


def gifts(personas: list[int]) -> pl.DataFrame:
    """The codes that they were given: pool, code, worth, given_at, redeemed_at."""
    columns = {
        "pool": pl.String, "code": pl.String, "worth": pl.Float64, "given_at": pl.Int64, "redeemed_at": pl.Int64,
    }  # fmt: skip
    query = f"SELECT {', '.join(f'g.{name}' for name in columns)} {_THEIRS_WITH_GIFT} ORDER BY g.given_at"
    return _asked(personas, query, columns)


def erase(personas: list[int], now: int) -> tuple[list[str], bool]:
    """Delete all messages to them with their calls, and part their gift codes from them; (the ids of the messages, whether that was possible).

    Not possible, and nothing is to be kept of it, where a worker is sending one of them. Inside the caller's transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("what is deleted here and what is deleted beside it stand or fall together")
    ids = of_personas(personas)
    with staged("unsent", pl.DataFrame({"message_id": ids}, schema={"message_id": pl.String}), key=["message_id"]):
        mine = "(SELECT message_id FROM unsent)"
        deleted = execute(
            f"DELETE FROM delivery_message AS m WHERE m.message_id IN {mine} AND NOT ({_ON_ITS_WAY})",  # noqa: S608 - the program's own text
            [now],
        )
        execute(f"DELETE FROM delivery_call_task WHERE message IN {mine}")  # noqa: S608 - as above
        execute(f"DELETE FROM delivery_notice WHERE message_id IN {mine}")  # noqa: S608 - as above
        given = read(f"SELECT id FROM delivery_gift_code WHERE message IN {mine}", {"id": pl.Int64})["id"]  # noqa: S608 - as above
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE delivery_gift_code SET message = %s, given_at = NULL WHERE id = %s",
            [(uuid4().hex, code) for code in given],
        )
    return ids, deleted == len(ids)


_THEIRS = "FROM theirs p CROSS JOIN delivery_message m WHERE m.persona_id = p.persona_id"
_THEIRS_WITH_TASK = (
    "FROM theirs p CROSS JOIN delivery_message m JOIN delivery_call_task t ON t.message = m.message_id"
    " WHERE m.persona_id = p.persona_id"
)
_THEIRS_WITH_NOTICE = (
    "FROM theirs p CROSS JOIN delivery_message m JOIN delivery_notice n ON n.message_id = m.message_id"
    " WHERE m.persona_id = p.persona_id"
)
_THEIRS_WITH_GIFT = (
    "FROM theirs p CROSS JOIN delivery_message m JOIN delivery_gift_code g ON g.message = m.message_id"
    " WHERE m.persona_id = p.persona_id"
)


def _asked(personas: list[int], query: str, schema: Mapping[str, Any]) -> pl.DataFrame:
    people = pl.DataFrame({"persona_id": personas}, schema={"persona_id": pl.Int64}).unique()
    with transaction.atomic(), staged("theirs", people):
        return read(query, schema)
