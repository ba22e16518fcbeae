"""In: a workspace and an instant. Out: what would be said to whom, counted, listed or explained. Writes the record of a decision, and no interactions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import decision, recognition
from touchline.decision import learning
from touchline.decision.priority import Propensity
from touchline.decision.summary import Summary
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import DAY, format_instant
from touchline.relationship.combining import of_customers

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

LEARNT_FROM = 365 * DAY
"""How far back messages teach goal rates."""


@dataclass(frozen=True)
class Decided:
    """One decision over the base.

    summary    {"customers","eligible","decided","held":{policy:n},"by_conversation":{name:n}}
    proposals  customer, conversation, channel, touchpoint, variant, purpose, class, priority, decided_at, digest
    """

    summary: dict[str, Any]
    proposals: pl.DataFrame


def decide(workspace: Workspace, as_of: int, *, dry_run: bool) -> Decided:
    """Decide for everybody as of an instant; unless it is a dry run, keep the proposals for `touchline sql`.

    Nothing is sent by it: a proposal is not yet a message.
    """
    engine, plan = workspace.engine, workspace.plan
    if not plan.candidates:
        customers = engine.collect(workspace.relationships(as_of, measures=["stage"])).height
        return Decided(
            Summary(customers, 0, 0, {}, {}).as_dict(), pl.DataFrame({"customer": []}, {"customer": pl.Int64})
        )
    frame = workspace.relationships(as_of, measures=plan.measures)
    tables = decision.tables(plan, propensity(workspace, as_of), engine)
    chosen = engine.lazy(engine.collect(decision.decide(frame, plan, tables, as_of), streaming=True))
    summary = decision.summarise(chosen, plan).as_dict()
    proposed = (
        engine.collect(decision.proposals(chosen, plan, tables, as_of)).drop("winner").sort("customer", "conversation")
    )
    if not dry_run:
        record(workspace, proposed, as_of)
    return Decided(summary, proposed)


def record(workspace: Workspace, proposed: pl.DataFrame, as_of: int) -> None:
    """Keep a decision's proposals; a decision of the same instant and seq replaces its own record."""
    folder = workspace.settings.decisions
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{format_instant(as_of).replace(':', '')}_{workspace.ledger.last_seq()}"
    draft = folder / f".{name}"
    proposed.write_parquet(draft)
    draft.replace(folder / f"{name}.parquet")


def propensity(workspace: Workspace, as_of: int) -> Propensity:
    """Goal rates by conversation and channel, learnt from the messages and acts that the ledger knew by then."""
    engine, plan = workspace.engine, workspace.plan
    if not plan.goals:
        return learning.learn([], plan)
    columns = ("persona_id", "kind", "message_id", "conversation", "channel", "touchpoint", "machine", "occurred_at")
    rows = workspace.ledger.frame(engine, columns, occurred_from=as_of - LEARNT_FROM, occurred_until=as_of)
    kinds = {kind for kind, _ in plan.goals.values()}
    rows = rows.filter(nw.col("kind").is_in(sorted({"sent", "called", *kinds})))
    known = engine.lazy(engine.collect(of_customers(rows, workspace.people(), engine)))
    sent = known.filter(nw.col("kind").is_in(["sent", "called"]) & ~nw.col("conversation").is_null())
    places = {name: touchpoint.channel for name, touchpoint in workspace.playbook.touchpoints.items()}
    placed = engine.lazy(pl.DataFrame({"touchpoint": list(places), "_place": list(places.values())}))
    # The micro-segment is what a customer was when the message went out; rows that do not say so teach the conversation alone.
    messages = sent.join(placed, on="touchpoint", how="left").select(
        "customer",
        "message_id",
        "conversation",
        nw.coalesce(nw.col("channel"), nw.col("_place")).alias("channel"),
        "occurred_at",
        nw.lit(None, dtype=nw.Int64).alias("segment"),
    )
    acts = known.filter(nw.col("kind").is_in(sorted(kinds)) & ~nw.col("machine")).select(
        "customer", "kind", "occurred_at"
    )
    return learning.learn(learning.count(messages, acts, plan, as_of), plan)


def explanations(workspace: Workspace, customers: Collection[int], as_of: int) -> dict[int, decision.Explanation]:
    """The decisions of some customers as of an instant, explained; who had done nothing by then is left out."""
    plan = workspace.plan
    frame = workspace.engine.collect(workspace.relationships(as_of, measures=plan.measures, customers=customers))
    rates = propensity(workspace, as_of)
    return {row["customer"]: decision.explain(row, plan, rates) for row in frame.iter_rows(named=True)}


def explain(
    workspace: Workspace, customer: int, as_of: int, *, conversation: str | None = None, everything: bool = True
) -> dict[str, Any]:
    """The explanation as one object; `lines` holds the same for people, what is not offered in one line unless `everything`."""
    known = workspace.plan.conversations
    if conversation is not None and conversation not in known:
        raise UnknownName(f"conversation {conversation!r}", remedy=did_you_mean(conversation, known))
    told = explanations(workspace, [customer], as_of).get(customer)
    if told is None:
        raise UnknownName(
            f"customer {customer} at {format_instant(as_of)}",
            remedy="Nothing of them had happened by then, or they are no customer; look from a later instant.",
        )
    if conversation is not None:
        told = told.about(conversation)
    personas = _personas(customer)
    return {
        **told.as_dict(),
        "personas": personas,
        "as_of": format_instant(as_of),
        "lines": [*told.lines(everything=everything), "", *_spoken(personas)],
    }


def _personas(customer: int) -> list[dict[str, Any]]:
    """The identifiers that make up a customer; `people split` takes their numbers."""
    known = recognition.identifiers([customer]).rename({"persona_id": "persona", "value": "identifier"})
    return known.select("persona", "type", "scope", "identifier", "shared").to_dicts()


def _spoken(personas: list[dict[str, Any]]) -> list[str]:
    head = f"{len(personas)} personas" if len(personas) > 1 else "1 persona"
    lines = [f"{head}:"]
    for one in personas:
        scope = f" ({one['scope']})" if one["scope"] and one["type"] != "postal" else ""
        shared = ", used by so many people that it links nobody" if one["shared"] else ""
        lines.append(f"  {one['persona']} {one['type']}{scope} {one['identifier']}{shared}")
    return lines
