"""In: a workspace and an instant. Out: what would be said to whom, counted, listed or explained. Writes the record of a decision, and no interactions."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import decision, permission, recognition
from touchline.decision import learning
from touchline.decision.priority import Propensity
from touchline.decision.summary import Summary
from touchline.delivery.addresses import addressed
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import DAY, format_instant
from touchline.permission import forgetting
from touchline.playbook.compiled import Policies
from touchline.relationship.combining import of_customers
from touchline.workspace import messages, stopping

if TYPE_CHECKING:
    from touchline.decision import Plan
    from touchline.workspace.opened import Workspace

Addressing = Callable[[pl.DataFrame, pl.DataFrame, permission.Permissions, Policies], pl.DataFrame]
"""As `delivery.addresses.addressed`: proposals, people, what is in force, policies -> the proposals with their addresses."""

LATEST = 5
"""Messages that an explanation tells of in short."""

LEARNT_FROM = 365 * DAY
"""How far back messages teach goal rates."""


@dataclass(frozen=True)
class Made:
    """A decision as it was made.

    chosen     what `decision.decide` gives, a row a customer
    proposals  as Decided's, not yet addressed
    moving     the facts of those who take a step in a programme, as they stood before
    plan       by which it was made
    """

    chosen: pl.DataFrame
    proposals: pl.DataFrame
    moving: pl.DataFrame
    plan: Plan


@dataclass(frozen=True)
class Decided:
    """One decision over the base.

    made       the decision itself; None where the playbook has no conversations
    summary    {"customers","eligible","decided","held":{policy:n},"by_conversation":{name:n}}
    proposals  customer, conversation, channel, touchpoint, variant, purpose, class, priority, decided_at, digest
    """

    summary: dict[str, Any]
    proposals: pl.DataFrame
    made: Made | None = None


@dataclass(frozen=True)
class Written:
    """How many steps of sequences, and how many arms, were written down."""

    steps: int = 0
    assigned: int = 0


def decide(workspace: Workspace, as_of: int, *, dry_run: bool) -> Decided:
    """Decide for everybody as of an instant; unless it is a dry run, keep the proposals for `touchline sql`.

    Nothing is sent by it: a proposal is not yet a message.
    """
    plan = workspace.plan
    if not plan.candidates:
        customers = workspace.engine.collect(workspace.relationships(as_of, measures=["stage"])).height
        return Decided(
            Summary(customers, 0, 0, {}, {}).as_dict(), pl.DataFrame({"customer": []}, {"customer": pl.Int64})
        )
    made = decided(workspace, as_of)
    summary = decision.summarise(workspace.engine.lazy(made.chosen), plan).as_dict()
    proposed = made.proposals.sort("customer", "conversation")
    if not dry_run:
        record(workspace, proposed, as_of)
    return Decided(summary, proposed, made)


def decided(
    workspace: Workspace,
    as_of: int,
    *,
    customers: Collection[int] | None = None,
    rates: Propensity | None = None,
    plan: Plan | None = None,
    facts: nw.LazyFrame[Any] | None = None,
) -> Made:
    """Decide for these customers, or for everybody; the playbook has conversations.

    rates   goal rates, learnt anew where None
    plan    what may be said, where that is not all of the playbook
    facts   relationships as of then with the plan's measures, where somebody has read them already
    """
    engine, plan = workspace.engine, plan or workspace.plan
    frame = facts
    if frame is None:
        frame = workspace.relationships(as_of, measures=plan.measures, customers=customers)
    known = pl.DataFrame(schema={"customer": pl.Int64})
    if plan.programmes:  # they are read again for those who move
        known = engine.collect(frame, streaming=True)
        frame = engine.lazy(known)
    tables = decision.tables(plan, rates or propensity(workspace, as_of), engine)
    chosen = engine.collect(decision.decide(frame, plan, tables, as_of), streaming=True)
    proposals = engine.collect(decision.proposals(engine.lazy(chosen), plan, tables, as_of)).drop("winner")
    movers = chosen.filter(pl.col("moved") == 1)["customer"] if plan.programmes else chosen["customer"].clear()
    return Made(chosen, proposals, known.filter(pl.col("customer").is_in(movers.implode())), plan)


def in_force(
    workspace: Workspace,
    customers: Collection[int],
    rates: Propensity,
    plan: Plan | None = None,
    address: Addressing = addressed,
    made: Made | None = None,
    rows: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """What is in force for these customers on exact facts, addressed and priced: what the gate asks, while it holds them.

    made   the decision itself, where it was made while they were held already
    rows   their rows of permission [permission.ROWS], where somebody has read them since then

    What is stopped takes nobody's turn: it is left out, and not only refused by the gate; a `plan` is told without it.
    The instant is that of the asking: what another worker wrote until a moment ago lies before it. For somebody who was
    erased and has come back since the last drain nothing is: their suppression is still to be written.
    """
    back = forgetting.are_back(recognition.identifiers(list(customers)))
    if made is None:
        going = plan or stopping.going(workspace)
        made = decided(workspace, workspace.clock.now(), customers=customers, rates=rates, plan=going)
    owners = recognition.people(of=pl.Series(list(customers), dtype=pl.Int64))
    known = permission.permissions(owners, pending=_unread(workspace, owners) if rows is None else rows)
    touchpoints = workspace.playbook.touchpoints
    prices = {name: round(one.cost * workspace.playbook.organisation.minor_units) for name, one in touchpoints.items()}
    cost = pl.col("touchpoint").replace_strict(prices, default=0, return_dtype=pl.Int64)
    proposals = made.proposals.filter(~pl.col("customer").is_in(list(back)))
    return address(proposals, owners, known, workspace.playbook.policies).with_columns(cost_minor=cost)


def to_persona(persona: int) -> Addressing:
    """The addressing that knows no other address than this persona's own."""
    return lambda proposals, owners, known, policies: addressed(
        proposals, owners.filter(pl.col("persona_id") == persona), known, policies
    )


def _unread(workspace: Workspace, people: pl.DataFrame) -> pl.DataFrame:
    """Rows of these people that the tables of permission have not taken in yet: kept by intake, or drained since."""
    mine = people["persona_id"]
    waiting = workspace.pending().filter(pl.col("persona_id").is_in(mine.implode())).select(*permission.ROWS)
    since = permission.read_until()
    if workspace.ledger.last_seq() <= since:
        return waiting
    rows = workspace.ledger.frame(workspace.engine, tuple(permission.ROWS), seq_after=since, personas=mine.to_list())
    return pl.concat([workspace.engine.collect(rows).select(*permission.ROWS), waiting], how="vertical_relaxed")


def record(workspace: Workspace, proposed: pl.DataFrame, as_of: int) -> None:
    """Keep a decision's proposals; a decision of the same instant and seq replaces its own record."""
    folder = workspace.settings.decisions
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{format_instant(as_of).replace(':', '')}_{workspace.ledger.last_seq()}"
    draft = folder / f".{name}"
    erasures = -1
    while erasures != (erasures := forgetting.erasures()):  # whoever is erased while it is made is not written down
        there = workspace.people()["persona_id"]
        proposed.filter(pl.col("customer").is_in(there.implode())).write_parquet(draft)
        draft.replace(folder / f"{name}.parquet")


def propensity(workspace: Workspace, as_of: int) -> Propensity:
    """Goal rates by conversation and channel, learnt from the messages and acts that the ledger knew by then."""
    engine, plan = workspace.engine, workspace.plan
    if not plan.goals:
        return learning.learn([], plan)
    columns = (
        "persona_id", "kind", "message_id", "conversation", "channel", "touchpoint", "machine", "occurred_at", "payload",
    )  # fmt: skip
    rows = workspace.ledger.frame(engine, columns, occurred_from=as_of - LEARNT_FROM, occurred_until=as_of)
    kinds = {kind for kind, _ in plan.goals.values()}
    rows = rows.filter(nw.col("kind").is_in(sorted({"sent", "called", *kinds})))
    found = engine.collect(of_customers(rows, workspace.people(), engine))
    segment = pl.when(pl.col("kind").is_in(["sent", "called"])).then(pl.col("payload").str.json_path_match("$.segment"))
    known = engine.lazy(found.with_columns(segment=segment.cast(pl.Int64, strict=False)).drop("payload"))
    sent = known.filter(nw.col("kind").is_in(["sent", "called"]) & ~nw.col("conversation").is_null())
    places = {name: touchpoint.channel for name, touchpoint in workspace.playbook.touchpoints.items()}
    placed = engine.lazy(pl.DataFrame({"touchpoint": list(places), "_place": list(places.values())}))
    # The micro-segment is what a customer was when the message was decided; rows that do not say so teach the conversation alone.
    messages = sent.join(placed, on="touchpoint", how="left").select(
        "customer",
        "message_id",
        "conversation",
        nw.coalesce(nw.col("channel"), nw.col("_place")).alias("channel"),
        "occurred_at",
        "segment",
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
    return {row["customer"]: decision.explain(row, plan, rates, as_of) for row in frame.iter_rows(named=True)}


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
    said = [one for one in messages.told(workspace, customer, as_of) if conversation in (None, one["conversation"])]
    stopped = stopping.by_conversation(workspace)
    mine = {one.conversation: stopped[one.conversation] for one in told.candidates if one.conversation in stopped}
    return {
        **told.as_dict(),
        "stopped": {name: stopping.told(stop) for name, stop in mine.items()},
        "personas": personas,
        "messages": said,
        "as_of": format_instant(as_of),
        "lines": [
            *stopping.lines(mine),
            *told.lines(everything=everything),
            *_messages(said, everything=everything),
            "",
            *_spoken(personas),
        ],
    }


def _messages(said: list[dict[str, Any]], *, everything: bool) -> list[str]:
    """What was said and what waits, as sentences, the latest last; only the latest unless `everything`."""
    if not said:
        return []
    shown = said if everything else said[-LATEST:]
    before = len(said) - len(shown)
    head = f"{len(said)} messages{f', the latest {len(shown)}' if before else ''}:"
    return ["", head, *(f"  {one['line']}" for one in shown)]


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
