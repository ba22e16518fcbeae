"""In: a customer. Out: everything that the workspace knows of them, in plain values. Writes no interactions.

What is handed out here is what an erasure takes away: whoever adds a place where people are kept adds it to both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from touchline import permission, recognition
from touchline.delivery import forgetting
from touchline.intake import traces
from touchline.intake.traces import Sought
from touchline.interactions.row import SCHEMA
from touchline.kernel.times import format_instant
from touchline.workspace import messages, profiles, states

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

_INNER = ("version", "bucket", "batch", "digest", "seq")
"""Columns of the ledger that say something of the ledger, and nothing of the customer."""

_TIMES = ("occurred_at", "received_at", "term_start", "renewal_at", "about_at", "granted_at", "withdrawn_at", "told_at", "at",
          "opened_at", "closed_at", "given_at", "redeemed_at")  # fmt: skip


@dataclass(frozen=True)
class Known:
    """Everything about one customer. Times are microseconds UTC; dictionaries hold no NULL.

    customer      number
    as_of         when it was put together
    identifiers   type, value, persona_id, shared
    profile       trait -> value
    consents      of each address: purpose, channel, in_force, granted_at, evidenced, source, withdrawn_at, address
    preferences   key, told, told_at
    suppressions  reason, at
    interactions  columns of the ledger, latest first
    messages      what was reserved, sent or held
    calls         brief, note, outcome
    gifts         codes that they were given
    notices       what systems of the organisation's own told with notices: conversation, variables
    measures      name -> value
    kept          bodies of events that intake keeps of them: on their way, or refused
    """

    customer: int
    as_of: int
    identifiers: list[dict[str, Any]]
    profile: dict[str, Any]
    consents: list[dict[str, Any]]
    preferences: list[dict[str, Any]]
    suppressions: list[dict[str, Any]]
    interactions: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    calls: list[dict[str, Any]]
    gifts: list[dict[str, Any]]
    notices: list[dict[str, Any]]
    measures: dict[str, Any]
    kept: list[str]

    def as_json(self) -> dict[str, Any]:
        """The object that is exported: times in ISO 8601, as everywhere else."""
        told = {name: _told(value) for name, value in vars(self).items()}
        return {**told, "as_of": format_instant(self.as_of), "kept": [_parsed(body) for body in self.kept]}


def known(workspace: Workspace, customer: int) -> Known:
    """What is known of a customer at this moment, what intake has taken and not drained yet included."""
    now = workspace.clock.now()
    identifiers = recognition.identifiers([customer])
    personas = identifiers["persona_id"].to_list()
    people = recognition.people(of=pl.Series([customer], dtype=pl.Int64))
    permissions = permission.permissions(people)
    values = identifiers.select("persona_id", address="value")
    rows = workspace.engine.collect(workspace.ledger.frame(workspace.engine, tuple(SCHEMA.names), personas=personas))
    waiting = workspace.pending().filter(pl.col("persona_id").is_in(personas))
    rows = pl.concat([rows.select(SCHEMA.names), waiting.select(SCHEMA.names)], how="vertical_relaxed").unique(
        "id", keep="first"
    )
    kept = traces.found(Sought.of(personas, identifiers.filter(~pl.col("shared")).select("type", "value").iter_rows()))
    table = states.table(workspace, now, customer=customer)
    return Known(
        customer=customer,
        as_of=now,
        identifiers=_rows(identifiers.drop("customer", "scope")),
        profile=dict(profiles.profiles(workspace, [customer]).get(customer, {})),
        consents=_rows(permissions.consents.join(values, on="persona_id", how="left").drop("customer")),
        preferences=_rows(permissions.preferences.drop("customer")),
        suppressions=_rows(permissions.suppressions.drop("customer")),
        interactions=_rows(rows.drop(_INNER).sort("occurred_at", "id", descending=True)),
        messages=_rows(messages.of_personas(personas).drop("customer")),
        calls=_rows(forgetting.notes(personas)),
        gifts=_rows(forgetting.gifts(personas)),
        notices=_rows(forgetting.notices(personas)),
        measures={
            name: value
            for name, value in (table.drop("customer").row(0, named=True) if table.height else {}).items()
            if value is not None
        },
        kept=[*kept.waiting, *kept.refused],
    )


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if value not in (None, "")} for row in frame.iter_rows(named=True)
    ]


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(one) for one in value]
    if isinstance(value, dict):
        return {
            name: format_instant(one)
            if (name in _TIMES or name.endswith("_at")) and isinstance(one, int)
            else _told(one)
            for name, one in value.items()
        }
    return value


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body
