"""In: nothing. Out: the columns of the ledger's one table, as Arrow types. Writes no interactions.

Times are int64 microseconds UTC. A personal column carries no file statistics and is found by erasure.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of the ledger.

    name      as in `touchline sql`
    type      Arrow type that Delta can hold
    required  never NULL
    personal  no statistics; found by erasure
    """

    name: str
    type: pa.DataType
    required: bool = False
    personal: bool = False


_I64, _I16, _STR, _F32, _F64, _BOOL = pa.int64(), pa.int16(), pa.string(), pa.float32(), pa.float64(), pa.bool_()

COLUMNS: tuple[Column, ...] = (
    Column("seq", _I64, required=True),
    Column("id", _STR, required=True),
    Column("version", _I16, required=True),
    Column("persona_id", _I64, required=True),
    Column("bucket", _I16, required=True),
    Column("occurred_at", _I64, required=True),
    Column("received_at", _I64, required=True),
    Column("batch", _I64, required=True),
    Column("kind", _STR, required=True),
    Column("role", _STR, required=True),
    Column("source", _STR, required=True),
    Column("name", _STR),
    Column("touchpoint", _STR),
    Column("episode_type", _STR),
    Column("episode_id", _STR),
    Column("episode_closes", _BOOL),
    Column("agreement_id", _STR),
    Column("term_start", _I64),
    Column("renewal_at", _I64),
    Column("emotional", _F32),
    Column("reliability", _F32),
    Column("convenience", _F32),
    Column("responsiveness", _F32),
    Column("relevance", _F32),
    Column("about", _STR),
    Column("about_touchpoint", _STR),
    Column("about_episode_type", _STR),
    Column("about_at", _I64),
    Column("revenue_minor", _I64),
    Column("cost_minor", _I64),
    Column("given", _F32),
    Column("asked", _F32),
    Column("message_id", _STR),
    Column("conversation", _STR),
    Column("variant", _STR),
    Column("programme", _STR),
    Column("step", _I16),
    Column("arm", _STR),
    Column("recurrence", _STR),
    Column("purpose", _STR),
    Column("channel", _STR),
    Column("identifier", _STR, personal=True),
    Column("in_reply_to", _STR),
    Column("case_id", _STR),
    Column("survey", _STR),
    Column("question", _STR),
    Column("answer", _F64),
    Column("text", _STR, personal=True),
    Column("evidence", _STR, personal=True),
    Column("machine", _BOOL, required=True),
    Column("reason", _STR),
    Column("digest", _STR, required=True),
    Column("payload", _STR, personal=True),
)

SCHEMA: pa.Schema = pa.schema([pa.field(c.name, c.type, nullable=not c.required) for c in COLUMNS])
BY_NAME: dict[str, Column] = {c.name: c for c in COLUMNS}
PERSONAL: frozenset[str] = frozenset(c.name for c in COLUMNS if c.personal)
READINGS: tuple[str, ...] = ("emotional", "reliability", "convenience", "responsiveness", "relevance")
PRINCIPLES: tuple[str, ...] = READINGS[1:]
ROLES: tuple[str, ...] = ("customer", "prospect", "partner", "employee")
COMPLETION = "completion"
"""Source of rows that only complete an earlier one: they bring its reading, and are no interaction of their own."""
HARD_BOUNCE = "hard_bounce"
"""`reason` of a failure, suppression or release that is of the address alone, and not of the person."""
RESERVED = "reserved"
"""`reason` of the row that stands for a message which is reserved and not yet sent; no such row is ever kept."""
TEXT_LIMIT = 32 * 1024
"""Bytes that `text` and `payload` may each hold."""


def empty() -> pa.Table:
    """A table of the ledger's schema without rows."""
    return SCHEMA.empty_table()
