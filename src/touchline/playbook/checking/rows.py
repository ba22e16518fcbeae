"""In: a kind, and the columns that a mapping sets. Out: their types, and faults. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import pyarrow as pa
from pydantic import BaseModel

from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.interactions.preferences import KEYS, is_key
from touchline.interactions.row import BY_NAME, COLUMNS
from touchline.kernel.types import Type
from touchline.playbook.authored.imports import Row
from touchline.playbook.authored.mapping import Event
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings, Where
from touchline.playbook.checking.names import Declared
from touchline.playbook.loading import Place

TIMES = ("occurred_at", "received_at", "term_start", "renewal_at", "about_at")
"""Ledger columns that hold instants."""

MAJOR_UNITS = ("revenue", "cost")
"""Authored columns in major units; the ledger's are `revenue_minor` and `cost_minor`."""

OF_TOUCHLINE = ("assigned", "stepped", "linked", "unlinked")
"""Kinds that Touchline alone writes: arms, sequences and identity are rebuilt from them."""

_NESTED = {
    ("episode", "type"): "episode_type",
    ("episode", "id"): "episode_id",
    ("episode", "closes"): "episode_closes",
    ("agreement", "id"): "agreement_id",
    ("agreement", "term_start"): "term_start",
    ("agreement", "renewal"): "renewal_at",
}
_AUTHORED_AS = {"revenue_minor": "revenue", "cost_minor": "cost", "agreement_id": "agreement"}


def type_of_column(column: str) -> Type | None:
    """The type of a ledger column, `revenue` or `cost`; None for `payload.KEY` and `preference.KEY`, which take any."""
    if column.startswith(("payload.", "preference.")):
        return None
    if column in MAJOR_UNITS:
        return Type.NUMBER
    if column in TIMES:
        return Type.TIME
    arrow = BY_NAME[column].type
    if pa.types.is_boolean(arrow):
        return Type.BOOLEAN
    if pa.types.is_integer(arrow):
        return Type.INTEGER
    return Type.NUMBER if pa.types.is_floating(arrow) else Type.TEXT


LEDGER_NAMES: dict[str, Type] = {f"event.{c.name}": type_of_column(c.name) or Type.TEXT for c in COLUMNS}
"""What a trigger's `where` may read."""


def columns_of(row: Row | Event) -> Iterator[tuple[str, Place, str]]:
    """(ledger column, place in the row, text) of every column that a row or event sets by an expression."""
    for field in type(row).model_fields:
        value = getattr(row, field)
        if isinstance(row, Event) and field in ("kind", "touchpoint"):
            continue
        if (field in BY_NAME or field in MAJOR_UNITS) and isinstance(value, str):
            yield field, (field,), value
        elif field in ("payload", "preference"):
            for key, text in value.items():
                yield f"{field}.{key}", (field, key), text
        elif isinstance(value, BaseModel):
            for inner in type(value).model_fields:
                text = getattr(value, inner)
                column = inner if field == "readings" else _NESTED.get((field, inner))
                if isinstance(row, Event) and (field, inner) == ("episode", "type"):
                    continue
                if column is not None and text is not None:
                    yield column, (field, inner), text


def check_kind(
    findings: Findings, where: Where, kind: str, columns: Collection[str], *, has_payload: bool = False
) -> None:
    """Faults where a kind is unknown, is not for mappings, or lacks a column that it requires."""
    if not findings.one_of(where, kind, "a kind of interaction", KINDS):
        return
    if kind in OF_TOUCHLINE:
        findings.fault(where, f"{shown(kind)} is a kind that only Touchline itself writes.", "Choose another kind.")
        return
    there = set(columns)
    if has_payload or any(column.startswith(("payload.", "preference.")) for column in columns):
        there.add("payload")
    for required in KINDS[kind].requires:
        ways = [_AUTHORED_AS.get(column, column) for column in required.split("|")]
        if not any(column in there or _AUTHORED_AS.get(column, column) in there for column in required.split("|")):
            either = " or ".join(f"`{way}`" for way in ways)
            findings.fault(where, f"{shown(kind)} requires {either}, which is not set here.", f"Add {either}.")


def check_preferences(findings: Findings, where: Where, keys: Iterable[str], declared: Declared) -> None:
    """Faults of preference keys that do not exist."""
    file, place = where
    for key in keys:
        spot = (file, (*place, key))
        if key.startswith("topic_"):
            findings.one_of(spot, key.removeprefix("topic_"), "a topic", declared.topics)
        elif not is_key(key):
            of_channels = (f"{group}_{channel}" for group in ("likes", "refuses") for channel in CHANNELS)
            known = [*KEYS, *of_channels]
            findings.one_of(spot, key, "a preference", known)


def check_results(findings: Findings, where: Where, column: str, values: Iterable[str], declared: Declared) -> None:
    """Faults of texts written as a column's value that name nothing."""
    known = {
        "touchpoint": ("a touchpoint", declared.touchpoints),
        "episode_type": ("an episode type", declared.episodes),
        "purpose": ("a purpose", tuple(PURPOSES)),
        "channel": ("a channel", CHANNELS),
    }
    for value in values:
        if column in known:
            findings.one_of(where, value, *known[column])
        elif column == "about":
            target, colon, name = value.partition(":")
            if target == "touchpoint" and colon:
                findings.one_of(where, name, "a touchpoint", declared.touchpoints)
            elif value != "none" and target not in ("interaction", "episode"):
                findings.fault(
                    where,
                    f"{shown(value)} is nothing that a reading can be about.",
                    "Write 'touchpoint:NAME', 'episode:ID', 'interaction:ID', or 'none' for the whole relationship.",
                )
