"""In: what the team stops, and messages. Out: which of them may not go, held until somebody resumes them. Writes no interactions.

What a stop holds is said once, in `_LAW`, and asked of the database wherever it matters: by the gate in its transaction, by
whoever leases, in the very statement that begins a try, and by every page that tells of it. A stop therefore holds from the instant at which
it is committed, for every worker on every machine; what a worker had begun by then goes its way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import connection, transaction

from touchline.delivery.states import WAITING
from touchline.recognition.staging import execute, read, staged

SORTS: tuple[str, ...] = ("conversation", "programme", "all")
"""What can be stopped: one conversation, whatever a programme's steps say, everything."""

BY_HAND = "stopped_by_hand"
"""Reason of a message that waits for somebody to resume it."""

UNKNOWN = "interrupted"
"""Reason of a message that may have arrived; it waits too, and keeps its reason: it must not look as if it had never begun."""

THINGS = {"conversation": pl.String, "programme": pl.String, "talk_class": pl.Int64}
"""Columns of a message by which a stop knows it."""

_COLUMNS = {"sort": pl.String, "name": pl.String, "service_too": pl.Boolean, "since": pl.Int64, "by": pl.String}
_SHOWN = ", ".join(f's."{name}"' for name in _COLUMNS)
_LAW = (
    "(s.sort = 'conversation' AND s.name = {0}.conversation OR s.sort = 'programme' AND s.name = {0}.programme"
    " OR s.sort = 'all' AND (s.service_too OR {0}.talk_class > 1))"
)
# In the words of the index `delivery_message_due`, as `outbox` has them.
_FREE = f"m.state IN ({', '.join(repr(state) for state in WAITING)}) AND m.state IN ('reserved', 'held')"


@dataclass(frozen=True)
class Stop:
    """One thing that does not go.

    sort         one of SORTS
    name         of the conversation or programme; empty for all
    service_too  of all: what is owed (class 1) waits as well
    since        microseconds UTC
    by           who pressed it, as the team calls them
    waiting      messages that wait for it
    """

    sort: str
    name: str
    service_too: bool
    since: int
    by: str
    waiting: int = 0


def is_stopped(of: str) -> str:
    """SQL: whether the message that is called `of` in the statement is stopped now."""
    return f"EXISTS (SELECT 1 FROM delivery_stop s WHERE {_LAW.format(of)})"  # noqa: S608 - the program's own names


def press(sort: str, name: str, now: int, by: str, *, service_too: bool = False) -> bool:
    """Stop it from this transaction's end on; False where it was stopped already, as far or further."""
    return bool(
        execute(
            'INSERT INTO delivery_stop (sort, name, service_too, since, "by") VALUES (%s, %s, %s, %s, %s)'
            " ON CONFLICT (sort, name) DO UPDATE SET service_too = excluded.service_too"
            " WHERE excluded.service_too AND NOT delivery_stop.service_too",
            [sort, name, service_too, now, by[:120]],
        )
    )


def lift(sort: str, name: str) -> bool:
    """Let it go on, and in the same transaction whatever waits for no other stop; False where it was not stopped.

    What goes on is due when it was: a message that was to wait longer for another reason does.
    """
    with transaction.atomic():
        lifted = execute("DELETE FROM delivery_stop WHERE sort = %s AND name = %s", [sort, name])
        if lifted:
            execute(
                "UPDATE delivery_message AS m SET state = 'reserved', reason = ''"  # noqa: S608 - as above
                f" WHERE {_FREE} AND m.reason = %s AND NOT {is_stopped('m')}",
                [BY_HAND],
            )
    return bool(lifted)


def hold(now: int) -> int:
    """Note on what is stopped and in nobody's hands that it waits for that; how many that is news for."""
    if not _any():
        return 0
    skipping = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    return execute(
        "UPDATE delivery_message SET state = 'held', reason = %s, worker = NULL, lease_until = NULL WHERE id IN"  # noqa: S608 - as above
        f" (SELECT m.id FROM delivery_message m WHERE {_FREE} AND NOT (m.reason IN (%s, %s))"
        f" AND (m.lease_until IS NULL OR m.lease_until <= %s) AND {is_stopped('m')}{skipping})",
        [BY_HAND, BY_HAND, UNKNOWN, now],
    )


def stopped(things: pl.DataFrame) -> pl.DataFrame:
    """Of conversations with their programme and class [THINGS] those that are stopped now."""
    return stopping(things).select(THINGS.keys()).unique(maintain_order=True)


def stopping(things: pl.DataFrame) -> pl.DataFrame:
    """[THINGS, sort, name, service_too, since, by]: each of these conversations with each stop that holds it, the oldest first."""
    asked = things.select(pl.col(name).cast(dtype) for name, dtype in THINGS.items()).unique()
    if asked.is_empty() or not _any():
        return pl.DataFrame(schema={**THINGS, **_COLUMNS})
    mine = ", ".join(f"m.{name}" for name in THINGS)
    with staged("stoppable", asked):
        return read(
            f"SELECT {mine}, {_SHOWN} FROM stoppable m JOIN delivery_stop s ON {_LAW.format('m')} ORDER BY s.since, s.sort, s.name",  # noqa: S608 - as above
            {**THINGS, **_COLUMNS},
        )


def holds(message: Any) -> bool:
    """Whether a message (conversation, programme, talk_class) is stopped now."""
    one = pl.DataFrame([{name: getattr(message, name) for name in THINGS}], schema=THINGS)
    return not stopped(one).is_empty()


def listed() -> list[Stop]:
    """Everything that is stopped, the oldest first, each with what waits for it."""
    found = read(
        f"SELECT {_SHOWN}, count(m.id) AS waiting FROM delivery_stop s LEFT JOIN delivery_message m"  # noqa: S608 - as above
        f" ON {_FREE} AND {_LAW.format('m')} GROUP BY {_SHOWN} ORDER BY s.since, s.sort, s.name",
        {**_COLUMNS, "waiting": pl.Int64},
    )
    return [Stop(**row) for row in found.iter_rows(named=True)]


def _any() -> bool:
    return bool(read("SELECT count(*) AS n FROM delivery_stop", {"n": pl.Int64})["n"][0])
