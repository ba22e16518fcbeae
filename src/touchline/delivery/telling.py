"""In: messages. Out: the ledger rows that tell of them. Writes `sent`, `called`, `delivered`, `failed` and `redeemed`, through intake's buffer.

A message's row of a kind has an id that follows from both, so that it is told once, however often; a message that waits has the id
of the `sent` row to come.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping

import polars as pl

from touchline.interactions import row
from touchline.interactions.catalogue import VERSION
from touchline.kernel.ids import SEPARATOR, interaction_id
from touchline.recognition.hashing import heads

SOURCE = "outbox"

TELLING = {
    "message_id": pl.String, "persona_id": pl.Int64, "bucket": pl.Int16, "role": pl.String, "conversation": pl.String,
    "channel": pl.String, "touchpoint": pl.String, "variant": pl.String, "programme": pl.String, "recurrence": pl.String,
    "purpose": pl.String, "given": pl.Float64, "asked": pl.Float64, "cost_minor": pl.Int64, "segment": pl.Int64, "identifier": pl.String,
    "digest": pl.String,
}  # fmt: skip
"""Columns of a message that its rows take over."""

_BEYOND = 2**62
_TAKEN = (
    "persona_id", "bucket", "role", "touchpoint", "given", "asked", "cost_minor", "message_id", "conversation", "variant", "programme",
    "recurrence", "purpose", "channel", "identifier", "digest",
)  # fmt: skip


def rows(
    messages: Iterable[Mapping[str, object]], kind: str, at: int, reason: str | None = None, note: str | None = None
) -> list[dict[str, object]]:
    """Ledger rows of that kind about messages [TELLING], as `accept_rows` takes them; payload {"segment": n, "note": text}.

    Only `sent` and `called` say what was given and asked, and what it cost: what comes after is about the same message.
    """
    said = kind in ("sent", "called")
    taken = _TAKEN if said else tuple(name for name in _TAKEN if name not in ("given", "asked", "cost_minor"))
    told = {"kind": kind, "source": SOURCE, "occurred_at": at, "reason": reason}
    noted = {} if note is None else {"note": note}
    return [
        {
            "id": interaction_id(SOURCE, str(message["message_id"]), kind),
            **{name: message[name] for name in taken},
            **told,
            "payload": json.dumps({"segment": message["segment"], **noted}, ensure_ascii=False) if said else None,
        }
        for message in messages
    ]


def virtual(messages: pl.DataFrame, now: int) -> pl.DataFrame:
    """Messages [TELLING] as `sent` rows of this instant with all columns of the ledger, numbered beyond every seq."""
    empty = _empty()
    if messages.is_empty():
        return empty
    told = messages.select(
        _ids(messages, "sent"),
        *(name for name in _TAKEN if name != "cost_minor"),
        seq=_BEYOND + pl.int_range(pl.len(), dtype=pl.Int64),
        version=pl.lit(VERSION),
        kind=pl.lit("sent"),
        source=pl.lit(SOURCE),
        batch=pl.lit(0),
        occurred_at=pl.lit(now, dtype=pl.Int64),
        received_at=pl.lit(now, dtype=pl.Int64),
        machine=pl.lit(value=False),
        reason=pl.lit(row.RESERVED),
        payload=pl.struct("segment").struct.json_encode(),
    )
    missing = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in empty.schema.items() if name not in told.columns
    ]
    return told.with_columns(missing).select(pl.col(name).cast(dtype) for name, dtype in empty.schema.items())


@functools.cache
def _empty() -> pl.DataFrame:
    found = pl.from_arrow(row.empty())
    if not isinstance(found, pl.DataFrame):
        raise TypeError("ledger rows have columns")
    return found


def _ids(messages: pl.DataFrame, kind: str) -> pl.Series:
    """kernel.ids.interaction_id of each message and the kind, set-based."""
    key = pl.concat_str(pl.lit(SOURCE), "message_id", pl.lit(kind), separator=SEPARATOR)
    return heads(messages.select(key).to_series(), 32).alias("id")
