"""In: what a machine asks to read. Out: customers, relationships, interactions, decisions and consents in plain values, page by page. Writes no interactions.

Every page is bounded and read for its own customers alone, so that reading never scans the base.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from touchline import decision as decisions
from touchline import permission, recognition
from touchline.interactions.catalogue import KINDS
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.measures import column
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import format_instant
from touchline.recognition.staging import read
from touchline.team.roles import Right
from touchline.workspace import portrait, states, stopping

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

MOST_MEASURES = 50
SHOWN: tuple[str, ...] = (
    "id", "occurred_at", "kind", "name", "touchpoint", "source", "episode_type", "episode_id", "agreement_id", "term_start",
    "renewal_at", "emotional", "reliability", "convenience", "responsiveness", "relevance", "about", "revenue_minor", "cost_minor",
    "given", "asked", "message_id", "conversation", "variant", "programme", "step", "arm", "purpose", "channel", "identifier",
    "in_reply_to", "case_id", "survey", "question", "answer", "text", "reason", "payload", "machine",
)  # fmt: skip
"""Columns of the ledger that are told."""

_TIMES = ("occurred_at", "term_start", "renewal_at")
_NUMBER = re.compile(r"[0-9]{1,18}")
_PLACE = re.compile(r"(-?[0-9]{1,18})\.(.{1,150})", re.DOTALL)


class BadCursor(TouchlineError):
    """That is no place in the list."""

    code = "bad_cursor"
    remedy = "Send `next` of the page before as it is, or nothing."


def numbers(workspace: Workspace, cursor: str | None, limit: int) -> tuple[list[int], str | None]:
    """A page of customers' numbers, and the cursor of the next one. Raises BadCursor."""
    workspace.actor.require(Right.SEE, "customers")
    if cursor is not None and _NUMBER.fullmatch(cursor) is None:
        raise BadCursor
    found = read(
        "SELECT persona_id FROM recognition_persona WHERE persona_id > %s AND customer = persona_id ORDER BY persona_id LIMIT %s",
        {"persona_id": pl.Int64},
        [int(cursor or 0), limit + 1],
    )["persona_id"].to_list()
    return found[:limit], str(found[limit - 1]) if len(found) > limit else None


def customer(workspace: Workspace, number: int) -> dict[str, Any]:
    """One customer with their identifiers; raises UnknownName."""
    found = customers(workspace, [number])
    if not found:
        raise UnknownName(f"customer {number}", remedy="Ask /api/customers with an identifier of theirs.")
    return found[0]


def customers(workspace: Workspace, wanted: Sequence[int]) -> list[dict[str, Any]]:
    """These customers with their identifiers, by number."""
    workspace.actor.require(Right.SEE, "customers")
    told: dict[int, list[dict[str, Any]]] = {}
    known = recognition.identifiers(list(wanted)).rename({"persona_id": "persona"})
    for row in known.iter_rows(named=True):
        told.setdefault(row["customer"], []).append(
            {name: row[name] for name in ("persona", "type", "value", "shared")}
        )
    return [{"customer": number, "identifiers": told[number]} for number in sorted(told)]


def relationships(workspace: Workspace, wanted: Sequence[int], names: str | None) -> list[dict[str, Any]]:
    """The relationships of these customers as of now: the measures that are named, parted by commas, or a summary. Raises UnknownName."""
    workspace.actor.require(Right.SEE, "relationships")
    measures = [name.strip() for name in names.split(",") if name.strip()] if names else list(states.SUMMARY)
    known = workspace.playbook.measures
    for name in measures[: MOST_MEASURES + 1]:
        if known.type_of(name) is None:
            raise UnknownName(f"measure {name[:80]!r}", remedy=did_you_mean(name[:80], known.known()))
    if len(measures) > MOST_MEASURES:
        raise UnknownName(f"{len(measures)} measures at once", remedy=f"Ask for at most {MOST_MEASURES}.")
    if not wanted:
        return []
    frame = workspace.relationships(measures=list(dict.fromkeys(measures)), customers=wanted)
    rows = workspace.engine.collect(frame).sort("customer").iter_rows(named=True)
    return [{"customer": row["customer"], "measures": {name: row[column(name)] for name in measures}} for row in rows]


def interactions(
    workspace: Workspace, number: int, kind: str | None, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of a customer's interactions, the latest first, and the cursor of the next one. Raises UnknownName, BadCursor."""
    workspace.actor.require(Right.SEE, "interactions")
    if kind is not None and kind not in KINDS:
        raise UnknownName(f"kind {kind[:40]!r}", remedy=did_you_mean(kind[:40], KINDS))
    before = None if cursor is None else _PLACE.fullmatch(cursor)
    if cursor is not None and before is None:
        raise BadCursor
    people = _people(number)
    rows = portrait.rows_of(workspace, people, workspace.clock.now())
    told = sorted(
        (row for row in rows if kind in (None, row["kind"])),
        key=lambda row: (row["occurred_at"], row["id"]),
        reverse=True,
    )
    if before is not None:
        last = int(before[1]), before[2]
        told = [row for row in told if (row["occurred_at"], row["id"]) < last]
    page = told[:limit]
    following = f"{page[-1]['occurred_at']}.{page[-1]['id']}" if len(told) > limit else None
    return [_told(row) for row in page], following


def decision(workspace: Workspace, number: int) -> dict[str, Any]:
    """A customer's decision as of now, explained, and what the team has stopped. Raises UnknownName."""
    workspace.actor.require(Right.SEE, "decisions")
    _people(number)
    plan, now = workspace.plan, workspace.clock.now()
    stopped = sorted(stopping.by_conversation(workspace))
    facts = workspace.engine.collect(workspace.relationships(now, measures=plan.measures, customers=[number]))
    rates = portrait.learnt_rates(workspace, now, wait=True)
    if facts.is_empty() or rates is None:
        nobody: list[Any] = []
        return {
            "customer": number, "digest": plan.digest, "proposed": nobody, "candidates": nobody, "programmes": nobody,
            "stopped": stopped,
        }  # fmt: skip
    told = decisions.explain(facts.row(0, named=True), plan, rates, now).as_dict()
    kept = ("customer", "digest", "proposed", "candidates", "programmes")
    return {**{name: told[name] for name in kept}, "stopped": stopped}


def consents(workspace: Workspace, number: int) -> list[dict[str, Any]]:
    """Every consent of a customer's addresses, given or withdrawn. Raises UnknownName."""
    workspace.actor.require(Right.SEE, "consents")
    people = _people(number)
    known = permission.permissions(people).consents
    addresses = recognition.identifiers([number]).select("persona_id", "type", address="value")
    rows = known.join(addresses, on="persona_id").sort("persona_id", "purpose", "channel").iter_rows(named=True)
    kept = ("type", "address", "purpose", "channel")
    return [
        {
            "persona": row["persona_id"],
            **{name: row[name] for name in kept},
            "in_force": bool(row["in_force"]),
            "evidenced": bool(row["evidenced"]),
            **{
                name: None if row[name] is None else format_instant(row[name])
                for name in ("granted_at", "withdrawn_at")
            },
        }
        for row in rows
    ]


def _people(number: int) -> pl.DataFrame:
    people = recognition.people(of=pl.Series([number], dtype=pl.Int64))
    if people.is_empty():
        raise UnknownName(f"customer {number}", remedy="Ask /api/customers with an identifier of theirs.")
    return people


def _told(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: row[name] for name in SHOWN if row[name] not in (None, "")}
    return {name: format_instant(value) if name in _TIMES else value for name, value in kept.items()}
