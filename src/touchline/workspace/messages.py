"""In: a customer, or a state. Out: messages, each with its state and why. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import polars as pl

from touchline.delivery.states import STATES
from touchline.delivery.stops import BY_HAND
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import format_instant
from touchline.recognition.staging import read

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

SHOWN = {
    "message_id": pl.String, "customer": pl.Int64, "persona_id": pl.Int64, "conversation": pl.String, "channel": pl.String,
    "programme": pl.String, "purpose": pl.String, "state": pl.String, "reason": pl.String, "reserved_at": pl.Int64,
    "due_at": pl.Int64, "expires_at": pl.Int64, "started_at": pl.Int64, "attempts": pl.Int64,
}  # fmt: skip
"""Columns of a message that people are shown; its address and its text are not among them."""

_COLUMNS = ", ".join(SHOWN)

_MEANS = {
    "reserved": "is reserved and waits for its sender",
    "held": "waits",
    "sending": "is being sent",
    "sent": "went",
    "delivered": "arrived",
    "failed": "did not arrive",
    "uncertain": "may have arrived; it is not sent again, and counts as sent",
    "expired": "was not said in time, or what it rested on ended",
}


def listed(state: str | None = None, most: int = 1_000) -> pl.DataFrame:
    """The latest messages [SHOWN], of one state where one is named; raises UnknownName."""
    if state is not None and state not in STATES:
        raise UnknownName(f"state {state!r}", remedy=did_you_mean(state, STATES))
    where = "" if state is None else "WHERE state = %s"
    return read(
        f"SELECT {_COLUMNS} FROM delivery_message {where} ORDER BY reserved_at DESC, message_id LIMIT %s",  # noqa: S608 - the program's own names
        SHOWN,
        [*([] if state is None else [state]), most],
    )


def of_personas(personas: Collection[int]) -> pl.DataFrame:
    """All messages [SHOWN] to these personas, by time: a message stays with the persona whose address got it."""
    if not personas:
        return pl.DataFrame(schema=SHOWN)
    marks = ", ".join(["%s"] * len(personas))
    return read(
        f"SELECT {_COLUMNS} FROM delivery_message WHERE persona_id IN ({marks}) ORDER BY reserved_at, message_id",  # noqa: S608 - marks alone
        SHOWN,
        list(personas),
    )


def reservations() -> pl.DataFrame:
    """Every message: message_id, persona_id, conversation, purpose, channel, identifier, state, reserved_at."""
    columns = {
        "message_id": pl.String, "persona_id": pl.Int64, "conversation": pl.String, "purpose": pl.String,
        "channel": pl.String, "identifier": pl.String, "state": pl.String, "reserved_at": pl.Int64,
    }  # fmt: skip
    return read(f"SELECT {', '.join(columns)} FROM delivery_message", columns)  # noqa: S608 - the program's own names


def told(workspace: Workspace, customer: int, as_of: int) -> list[dict[str, Any]]:
    """What was reserved for a customer's personas by then, and what has become of it: state, why and when."""
    people = workspace.people()
    own = people.filter(pl.col("customer") == customer)["persona_id"].to_list()
    found = of_personas(own).filter(pl.col("reserved_at") <= as_of)
    return [_as_told(row) for row in found.iter_rows(named=True)]


def _as_told(row: dict[str, Any]) -> dict[str, Any]:
    times = {
        name: None if row[name] is None else format_instant(row[name])
        for name in ("reserved_at", "due_at", "expires_at", "started_at")
    }
    why = f" ({row['reason']})" if row["reason"] else ""
    until = ""
    if row["state"] == "held":  # what was stopped was due, and has no instant from which on it goes
        until = ", until somebody resumes it" if row["reason"] == BY_HAND else f", again from {times['due_at']}"
    line = f"{row['conversation']} by {row['channel']}, reserved {times['reserved_at']}: {_MEANS[row['state']]}{why}{until}"
    kept = ("message_id", "conversation", "channel", "programme", "purpose", "state", "reason", "attempts")
    return {**{name: row[name] for name in kept}, **times, "line": line}
