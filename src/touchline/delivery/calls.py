"""In: calls to be made by people, and what came of them. Out: tasks, open until they are closed once. Writes `called`.

A call is handed to a person: its message waits as `sending`, and counts in every cap, until the task is closed or has expired.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db import transaction

from touchline.delivery.telling import TELLING, rows
from touchline.intake import accept_rows
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.recognition.locking import hold
from touchline.recognition.staging import execute, read

OUTCOMES: tuple[str, ...] = ("reached", "no_answer", "wrong_number", "declined")
LONGEST_NOTE = 8_000
"""Characters of a note."""


class TaskFault(TouchlineError):
    """The call task cannot be closed that way."""

    code = "call_task"


@dataclass(frozen=True)
class Task:
    """One call to make.

    task        its number
    message_id
    customer    as it was at the reservation
    brief       JSON: who, why, what happened before, what to say, what not to ask again
    expires_at  after which it is taken off the list
    """

    task: int
    message_id: str
    customer: int
    conversation: str
    identifier: str
    brief: str
    opened_at: int
    expires_at: int


def open_task(message_id: str, brief: str, now: int) -> None:
    """Put a call on the list; a second time, after a crash, it is there already."""
    execute(
        "INSERT INTO delivery_call_task (message, brief, opened_at, note) VALUES (%s, %s, %s, '') ON CONFLICT DO NOTHING",
        [message_id, brief, now],
    )


def tasks() -> list[Task]:
    """The calls to make, the most urgent first."""
    found = read(
        "SELECT t.id AS task, m.message_id, m.customer, m.conversation, m.identifier, t.brief, t.opened_at, m.expires_at"
        " FROM delivery_call_task t JOIN delivery_message m ON m.message_id = t.message"
        " WHERE t.closed_at IS NULL AND m.state = 'sending' ORDER BY m.talk_class, m.expires_at, t.id",
        _TASK,
    )
    return [Task(**row) for row in found.iter_rows(named=True)]


def close(task: int, outcome: str, note: str, now: int) -> None:
    """Record what came of a call, in the ledger too.

    Raises TaskFault for an unknown outcome, a note that is too long, or a task that is closed; UnknownName where there is none.
    """
    if outcome not in OUTCOMES:
        raise TaskFault(f"outcome {outcome[:40]!r}", remedy=did_you_mean(outcome[:40], OUTCOMES))
    if len(note) > LONGEST_NOTE or "\x00" in note:
        raise TaskFault("the note", remedy=f"Keep it to {LONGEST_NOTE} characters of text.")
    columns = ", ".join(f'm."{name}"' for name in TELLING)
    with transaction.atomic():
        message = read(
            f"SELECT {columns} FROM delivery_call_task t JOIN delivery_message m ON m.message_id = t.message WHERE t.id = %s",  # noqa: S608 - the program's own names
            TELLING,
            [task],
        )
        if message.is_empty():
            raise UnknownName(f"call task {task}", remedy="`touchline calls list` shows those that are open.")
        hold([int(message["bucket"][0])])
        closed = execute(
            "UPDATE delivery_call_task SET closed_at = %s, outcome = %s, note = %s WHERE id = %s AND closed_at IS NULL",
            [now, outcome, note, task],
        )
        said = closed and execute(
            "UPDATE delivery_message SET state = 'sent', reason = %s, worker = NULL, lease_until = NULL"
            " WHERE message_id = %s AND state = 'sending'",
            [outcome, message["message_id"][0]],
        )
        if not said:
            raise TaskFault(f"task {task} is closed", remedy="`touchline calls list` shows those that are open.")
        accept_rows(rows(message.iter_rows(named=True), "called", now, outcome, note), received_at=now)


_TASK = {
    "task": pl.Int64, "message_id": pl.String, "customer": pl.Int64, "conversation": pl.String, "identifier": pl.String,
    "brief": pl.String, "opened_at": pl.Int64, "expires_at": pl.Int64,
}  # fmt: skip
