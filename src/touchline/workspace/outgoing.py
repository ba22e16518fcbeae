"""In: what is asked of the outbox. Out: its messages, page by page, and what waits for what reason. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from touchline.delivery.states import STATES, WAITING
from touchline.delivery.steering import STOPPED
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.recognition.staging import read
from touchline.workspace.messages import SHOWN

ROW = {"id": pl.Int64, **SHOWN, "lease_until": pl.Int64}
"""Columns of a message of a page; its address and its text are not among them."""

_COLUMNS = ", ".join(ROW)
# In the words of the index of what waits, so that it is read instead of all messages ever sent.
_WAITING = f"state IN ({', '.join(repr(state) for state in WAITING)})"


@dataclass(frozen=True)
class Waits:
    """How many messages wait in a state for one reason.

    reason  empty where nothing is to say
    due_at  when the first of them is looked at again, microseconds
    """

    state: str
    reason: str
    n: int
    due_at: int


def page(
    *,
    state: str = "",
    reason: str = "",
    conversation: str = "",
    channel: str = "",
    before: int | None = None,
    most: int = 50,
) -> pl.DataFrame:
    """The latest messages [ROW] of which all that is said holds; `before` is the id of the last that was seen. Raises UnknownName."""
    if state and state not in STATES:
        raise UnknownName(f"state {state[:40]!r}", remedy=did_you_mean(state[:40], STATES))
    named = {"state": state, "reason": reason, "conversation": conversation, "channel": channel}
    asked = {name: value for name, value in named.items() if value}
    clauses = [f"{name} = %s" for name in asked] + ([_WAITING] if state in WAITING else [])
    values: list[str | int] = list(asked.values())
    if before is not None:
        clauses.append("id < %s")
        values.append(before)
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    return read(
        f"SELECT {_COLUMNS} FROM delivery_message {where} ORDER BY id DESC LIMIT %s",  # noqa: S608 - the program's own names
        ROW,
        [*values, most],
    )


def waits() -> list[Waits]:
    """What waits, by state and reason, the most first."""
    found = read(
        f"SELECT state, reason, count(*) AS n, min(due_at) AS due_at FROM delivery_message WHERE {_WAITING}"  # noqa: S608 - as above
        " GROUP BY state, reason ORDER BY count(*) DESC, state, reason",
        {"state": pl.String, "reason": pl.String, "n": pl.Int64, "due_at": pl.Int64},
    )
    return [Waits(**row) for row in found.iter_rows(named=True)]


def of_programmes() -> dict[str, dict[str, int]]:
    """Conversation that a step of a programme says -> state -> how many messages of it are in that state."""
    found = read(
        "SELECT conversation, state, count(*) AS n FROM delivery_message WHERE programme IS NOT NULL GROUP BY conversation, state",
        {"conversation": pl.String, "state": pl.String, "n": pl.Int64},
    )
    told: dict[str, dict[str, int]] = {}
    for conversation, state, n in found.iter_rows():
        told.setdefault(conversation, {})[state] = n
    return told


def amiss() -> dict[str, int]:
    """State -> how many messages failed, may have arrived or are held; what the team stopped itself did not fail."""
    found = read(
        "SELECT state, count(*) AS n FROM delivery_message WHERE state IN ('failed', 'uncertain', 'held') AND reason <> %s"
        " GROUP BY state",
        {"state": pl.String, "n": pl.Int64},
        [STOPPED],
    )
    return dict(found.iter_rows())
