"""In: a workspace. Out: every disagreement between the ledger and what is served. Writes nothing and no interactions.

Each check says how much it looked at. The ledger is what is believed; everything else is rebuilt from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import decision, permission
from touchline.decision import deciding as masks
from touchline.decision.purposes import TABLE
from touchline.delivery.gate import waiting_rows
from touchline.delivery.states import SAID
from touchline.delivery.telling import SOURCE as OUTBOX
from touchline.intake import vanished_rows
from touchline.intake.drain import vanished
from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import COMPLETION, READINGS
from touchline.interactions.row import SCHEMA as INTERACTIONS
from touchline.kernel.ids import BUCKETS
from touchline.kernel.measures import column
from touchline.kernel.times import MINUTE
from touchline.kernel.types import Value
from touchline.permission.reading import ROWS
from touchline.recognition.administration import customers_rebuilt
from touchline.recognition.people import addresses
from touchline.relationship import refreshing
from touchline.relationship.deriving import measures_of
from touchline.relationship.reference import Evaluator, Persona
from touchline.workspace import messages
from touchline.workspace.deciding import propensity

if TYPE_CHECKING:
    from touchline.workspace.importing import Tell
    from touchline.workspace.opened import Workspace

SHOWN = 20
"""Faults of one check that are told one by one."""

TOLERANCE = 1e-6
"""Relative and absolute: sums added in another order differ by less. Readings are stored as 32-bit floats."""

LOOKED = 5 * MINUTE
"""The last look lies less than that before a message goes: a batch is looked at together."""

SAMPLE = 60
"""Customers whose every measure is worked out again row by row, and whose decision is explained again."""


@dataclass
class Check:
    """One check's findings.

    check      its name
    of         what it looked at, in plural
    looked_at  how many
    faults     one sentence each; the first SHOWN
    found      how many there are
    """

    check: str
    of: str
    looked_at: int = 0
    faults: list[str] = field(default_factory=list)
    found: int = 0

    def fault(self, sentence: str, count: int = 1) -> None:
        """Note a fault (or `count` of the same kind)."""
        self.found += count
        if len(self.faults) < SHOWN:
            self.faults.append(sentence)


def verify(workspace: Workspace, *, tell: Tell | None = None) -> dict[str, Any]:
    """{"checks": [{"check","of","looked_at","faults"}], "faults": how many in all}."""
    checks: list[Check] = []
    for number, work in enumerate(CHECKS):
        if tell is not None:
            tell("verifying", number, len(CHECKS), "checks")
        checks.append(work(workspace))
    told = [{"check": c.check, "of": c.of, "looked_at": c.looked_at, "faults": c.faults} for c in checks]
    return {"checks": told, "faults": sum(c.found for c in checks)}


def rows(workspace: Workspace) -> Check:
    """Each row of the ledger: its id and seq are its own, its kind is known and has what it requires."""
    check = Check("rows", "interactions")
    engine, ledger = workspace.engine, workspace.ledger
    check.looked_at = ledger.count()
    for key in ("id", "seq"):
        twice = ledger.frame(engine, (key,)).group_by(key).agg(nw.len().alias("n")).filter(nw.col("n") > 1)
        for value, n in engine.collect(twice.sort(key)).iter_rows():
            check.fault(f"{key} {value} is there {n} times")
    # An answer about nothing in particular, as an overall NPS, has said so, and is kept without `about`.
    required = {kind.name: tuple(each for each in kind.requires if each != "about") for kind in KINDS.values()}
    needed = sorted({part for each in required.values() for one in each for part in one.split("|")} | set(READINGS))
    frame = ledger.frame(engine, ("seq", "kind", "source", *needed))
    unknown = engine.collect(frame.filter(~nw.col("kind").is_in(list(KINDS))).select("seq", "kind"))
    for seq, kind in unknown.iter_rows():
        check.fault(f"row {seq} is of kind {kind}, which the catalogue does not know")
    # A completing row only gives a reading to what an earlier row told, which has all that its kind requires.
    whole = frame.filter(nw.col("source") != COMPLETION)
    wanting = [
        (nw.col("kind") == kind)
        & nw.all_horizontal(*(nw.col(part).is_null() for part in each.split("|")), ignore_nulls=False)
        for kind, parts in required.items()
        for each in parts
    ]
    lacking = engine.collect(
        whole.filter(nw.any_horizontal(*wanting, ignore_nulls=False)).select("seq", "kind", *needed)
    )
    for row in lacking.sort("seq").iter_rows(named=True):
        for each in required[row["kind"]]:
            if all(row[part] is None for part in each.split("|")):
                check.fault(f"row {row['seq']} is {row['kind']} without {each.replace('|', ' or ')}")
    outside = nw.any_horizontal(*((nw.col(r) > 1) | (nw.col(r) < -1) for r in READINGS), ignore_nulls=True)
    for (seq,) in engine.collect(frame.filter(outside).select("seq")).iter_rows():
        check.fault(f"row {seq} has a reading outside -1 to 1")
    return check


def personas(workspace: Workspace) -> Check:
    """Each row belongs to a persona that recognition knows, and lies in that persona's bucket."""
    check = Check("personas", "personas")
    people = workspace.people().select("persona_id", (pl.col("draw") % BUCKETS).alias("due"))
    used = (
        workspace.ledger.frame(workspace.engine, ("persona_id", "bucket"))
        .group_by("persona_id", "bucket")
        .agg(nw.len().alias("n"))
    )
    both = workspace.engine.collect(used).join(people, on="persona_id", how="left")
    check.looked_at = both["persona_id"].n_unique()
    for persona, n in both.filter(pl.col("due").is_null()).select("persona_id", "n").sort("persona_id").iter_rows():
        check.fault(f"{n} rows belong to persona {persona}, whom recognition does not know")
    stray = both.filter(pl.col("due") != pl.col("bucket")).select("persona_id", "bucket", "due").sort("persona_id")
    for persona, bucket, due in stray.iter_rows():
        check.fault(f"rows of persona {persona} lie in bucket {bucket} instead of {due}")
    return check


def identity(workspace: Workspace) -> Check:
    """The customers served are those that the ledger's links make."""
    check = Check("identity", "personas")
    served = workspace.people().select("persona_id", "customer")
    check.looked_at = served.height
    told = _linking(workspace)
    rebuilt = customers_rebuilt(served["persona_id"], told).rename({"customer": "due"})
    differs = served.join(rebuilt, on="persona_id", how="left").filter(pl.col("customer") != pl.col("due"))
    for persona, customer, due in differs.sort("persona_id").iter_rows():
        check.fault(f"persona {persona} is served as customer {customer}; the ledger's links make it {due}")
    return check


def consent(workspace: Workspace) -> Check:
    """Consent, preferences and suppression in force are those that the ledger's rows leave."""
    check = Check("permission", "rows")
    wanted = tuple(dict.fromkeys((*ROWS, "identifier")))
    frame = workspace.interactions().select(*wanted).filter(nw.col("kind").is_in(permission.KINDS))
    told = workspace.engine.collect(frame)
    check.looked_at = told.height
    for table, persona, key, ledger, database in permission.compare(told.drop("identifier")).iter_rows():
        check.fault(
            f"{table} of persona {persona} ({key}): the ledger says {_or_nothing(ledger)}, served is {_or_nothing(database)}"
        )
    asked = told.filter(pl.col("kind").is_in(["opted_in", "opted_out"])).select("seq", "persona_id", "identifier")
    owners = addresses(asked["persona_id"].unique())
    strange = asked.join(owners, on="persona_id", how="left").filter(pl.col("identifier").ne_missing(pl.col("value")))
    for seq, persona in strange.select("seq", "persona_id").sort("seq").iter_rows():
        check.fault(f"row {seq} lends a consent to persona {persona}, whose address it does not name")
    return check


def drained(workspace: Workspace) -> Check:
    """What was committed is in the ledger: every batch that intake calls drained, and every row of every block."""
    check = Check("drain", "events")
    check.looked_at, lost = vanished(workspace.ledger)
    for batch, n in lost:
        check.fault(f"batch {batch} of {n} events is called drained, and the ledger has no such batch", n)
    for first, expected, found in vanished_rows(workspace.ledger, workspace.engine):
        check.fault(f"of the {expected} rows committed from seq {first} on, the ledger holds {found}")
    return check


def snapshots(workspace: Workspace) -> Check:
    """Every snapshot is whole, and a relationship built on one equals one built from nothing."""
    check = Check("snapshots", "measures")
    for broken in workspace.snapshots.broken():
        check.fault(f"snapshot {broken.folder.name}: {broken.why}")
    layout = workspace.layout()
    measures = measures_of(workspace.playbook, layout)
    for snapshot in workspace.snapshots.list():
        if snapshot.key.layout != layout.digest:
            continue
        if not snapshot.is_sound():
            check.fault(f"snapshot {snapshot.key} has bytes that were not written so; delete its folder")
            continue
        at = snapshot.key.at
        served = _relationships(workspace, at, measures, use_snapshots=True)
        rebuilt = _relationships(workspace, at, measures, use_snapshots=False)
        check.looked_at += served.height * len(measures)
        for sentence in differences(served, rebuilt, measures):
            check.fault(f"as of snapshot {snapshot.key}: {sentence}")
    return check


def measures(workspace: Workspace) -> Check:
    """Every measure of a sample of customers is what its rows come to, worked out one by one."""
    check = Check("measures", "measures")
    at = workspace.clock.now()
    names = measures_of(workspace.playbook, workspace.layout())
    served = _relationships(workspace, at, names, use_snapshots=True)
    people = workspace.people()
    known = people.filter(pl.col("customer").is_in(_sampled(served["customer"]).implode()))
    waiting = workspace.engine.lazy(waiting_rows(at).select(INTERACTIONS.names))
    owned = nw.concat([workspace.interactions().select(*INTERACTIONS.names), waiting]).filter(
        nw.col("persona_id").is_in(known["persona_id"].to_list()) & nw.col("kind").is_in(list(KINDS))
    )
    by_customer = (
        workspace.engine.collect(owned)
        .join(known.select("persona_id", "customer"), on="persona_id")
        .partition_by("customer", as_dict=True)
    )
    for (customer,), mine in by_customer.items():
        own = [
            Persona(p, t, d)
            for p, t, d in known.filter(pl.col("customer") == customer).select("persona_id", "type", "draw").iter_rows()
        ]
        evaluator = Evaluator(mine.iter_rows(named=True), own, workspace.playbook, at)
        row = served.row(by_predicate=pl.col("customer") == customer, named=True)
        for name in names:
            check.looked_at += 1
            due, is_ = evaluator.measure(name), row[column(name)]
            if not close(due, is_):
                check.fault(f"{name} of customer {customer} is served as {is_}; its rows come to {due}")
    return check


def decisions(workspace: Workspace) -> Check:
    """`explain` says of a sample what `decide` decided, and the last decision kept is decided the same again."""
    check = Check("decisions", "decisions")
    plan, at, engine = workspace.plan, workspace.clock.now(), workspace.engine
    if not plan.candidates:
        return check
    facts = engine.collect(workspace.relationships(at, measures=plan.measures))
    rates = propensity(workspace, at)
    tables = decision.tables(plan, rates, engine)
    decided = engine.collect(decision.decide(engine.lazy(facts), plan, tables, at))
    for customer in _sampled(facts["customer"]):
        told = decision.explain(facts.row(by_predicate=pl.col("customer") == customer, named=True), plan, rates, at)
        row = decided.row(by_predicate=pl.col("customer") == customer, named=True)
        check.looked_at += len(told.candidates)
        for candidate, explained in zip(plan.candidates, told.candidates, strict=True):
            if row[candidate.mask] != explained.mask:
                check.fault(f"customer {customer}, {candidate.name}: decide and explain differ")
        winner = masks.NOBODY if told.winner is None else told.candidates.index(told.winner)
        if row["winner"] != winner:
            check.fault(f"customer {customer}: decide and explain name another winner")
    kept = sorted(workspace.settings.decisions.glob("*.parquet"), key=lambda path: path.stat().st_mtime)
    if kept:
        record = pl.read_parquet(kept[-1])
        check.looked_at += record.height
        for sentence in _repeated(workspace, record, int(kept[-1].stem.rsplit("_", 1)[1])):
            check.fault(f"{kept[-1].name}: {sentence}")
    return check


def said(workspace: Workspace) -> Check:
    """Every message in the ledger had a reservation and the basis its purpose requires, and was said once; none is missing."""
    check = Check("messages", "messages")
    wanted = (
        "seq", "kind", "source", "message_id", "persona_id", "conversation", "purpose", "channel", "identifier", "occurred_at",
    )  # fmt: skip
    before = (
        messages.reservations()
    )  # a message that goes while this looks is in the second reading, and owes no row yet
    told = workspace.engine.collect(
        workspace.interactions()
        .select(*wanted)
        .filter(nw.col("source") == OUTBOX, nw.col("kind").is_in(["sent", "called"]))
    )
    reserved = messages.reservations()
    went = before.filter(pl.col("state").is_in(SAID))
    check.looked_at = reserved.height
    without = told.join(reserved, on="message_id", how="anti")
    for seq in without["seq"].sort():
        check.fault(f"row {seq} tells of a message that nobody reserved")
    both = told.join(reserved, on="message_id", suffix=":reserved")
    for name in ("persona_id", "conversation", "purpose", "channel", "identifier"):
        for seq in both.filter(pl.col(name).ne_missing(pl.col(f"{name}:reserved")))["seq"].sort():
            check.fault(f"row {seq} differs from its reservation in `{name}`")
    key = ["message_id", "kind"]
    for message, kind in told.filter(told.select(key).is_duplicated()).select(key).unique().sort(key).iter_rows():
        check.fault(f"message {message} is told as {kind} more than once")
    silent = went.join(told, on="message_id", how="anti")
    for message in silent["message_id"].sort():
        check.fault(f"message {message} went, and the ledger does not tell of it")
    at = told.group_by("message_id").agg(went_at=pl.col("occurred_at").min())
    for message, purpose, channel in _without_basis(workspace, went.join(at, on="message_id")).iter_rows():
        check.fault(f"message {message} for {purpose} by {channel} had no consent when it was reserved or went")
    return check


def _without_basis(workspace: Workspace, went: pl.DataFrame) -> pl.DataFrame:
    """[message_id, purpose, channel] of messages whose purpose needs a consent that the ledger does not show for that moment.

    An opt-out of any persona of today's customer counts, an opt-in of the address alone; where the playbook lets a purpose
    rest on a soft opt-in, only an opt-out counts. One that came between the reservation and the sending counts where it had
    come LOOKED before the message went.
    """
    policies = workspace.playbook.policies
    basis = {name: purpose.basis for name, purpose in TABLE.items()}
    asked = went.filter(~pl.col("purpose").is_in([name for name, kind in basis.items() if kind == "contract"]))
    people = workspace.people().select("persona_id", "customer")
    asked = asked.select("message_id", "persona_id", "purpose", "channel", "reserved_at", "went_at").join(
        people, on="persona_id"
    )
    wanted = ("persona_id", "kind", "purpose", "channel", "occurred_at", "received_at", "machine")
    frame = (
        workspace.interactions()
        .select(*wanted)
        .filter(nw.col("kind").is_in(["opted_in", "opted_out"]), ~nw.col("machine"))
    )
    acts = workspace.engine.collect(frame).join(people, on="persona_id")
    before = asked.join(acts, on=["customer", "purpose", "channel"], suffix=":act").filter(
        (pl.col("occurred_at") <= pl.col("reserved_at"))
        | (
            (pl.col("kind") == "opted_out")
            & (pl.col("occurred_at") <= pl.col("went_at"))
            & (pl.col("received_at") <= pl.col("went_at") - LOOKED)
        )
    )
    own = (pl.col("kind") == "opted_in") & (pl.col("persona_id") == pl.col("persona_id:act"))
    latest = before.group_by("message_id").agg(
        granted=pl.col("occurred_at").filter(own).max(),
        withdrawn=pl.col("occurred_at").filter(pl.col("kind") == "opted_out").max(),
    )
    free = [name for name, kind in basis.items() if kind == "opt_out"] + list(policies.soft_opt_in)
    withdrawn = pl.col("withdrawn").is_not_null() & (
        pl.col("granted").is_null() | (pl.col("withdrawn") >= pl.col("granted"))
    )
    ungiven = pl.col("granted").is_null() & ~pl.col("purpose").is_in(free)
    found = asked.join(latest, on="message_id", how="left").filter(withdrawn | ungiven)
    return found.select("message_id", "purpose", "channel").sort("message_id")


def _repeated(workspace: Workspace, record: pl.DataFrame, seq: int) -> Iterator[str]:
    """How a kept decision differs from deciding again; nothing where playbook or ledger have changed since."""
    if record.is_empty() or workspace.ledger.last_seq() != seq or set(record["digest"]) != {workspace.plan.digest}:
        return
    at = int(record["decided_at"][0])
    again = workspace.decide(as_of=at, dry_run=True).proposals
    key = ["customer", "conversation", "channel", "variant"]
    for gone in record.join(again, on=key, how="anti", nulls_equal=True).select(key).iter_rows():
        yield f"{gone[1]} by {gone[2]} to customer {gone[0]} would not be decided again"
    for new in again.join(record, on=key, how="anti", nulls_equal=True).select(key).iter_rows():
        yield f"{new[1]} by {new[2]} to customer {new[0]} is missing"


CHECKS: Sequence[Callable[[Workspace], Check]] = (
    rows,
    personas,
    identity,
    consent,
    drained,
    snapshots,
    measures,
    decisions,
    said,
)


def close(due: Value, is_: Value) -> bool:
    """Whether two values of a measure agree, numbers within TOLERANCE."""
    if isinstance(due, float | int) and isinstance(is_, float | int) and not isinstance(due, bool):
        return math.isclose(due, is_, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return due == is_


def differences(served: pl.DataFrame, rebuilt: pl.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Where two frames of relationships differ, one sentence a customer and measure."""
    both = served.join(rebuilt, on="customer", how="full", suffix=":due", coalesce=True)
    for name in names:
        is_, due = pl.col(column(name)), pl.col(f"{column(name)}:due")
        if served.schema[column(name)].is_float():
            near = (is_ - due).abs() <= TOLERANCE * pl.max_horizontal(due.abs(), pl.lit(1.0))
            differs = (is_.is_null() != due.is_null()) | ~near.fill_null(value=True)
        else:
            differs = is_.ne_missing(due)
        for customer, left, right in both.filter(differs).select("customer", is_, due).sort("customer").iter_rows():
            yield f"{name} of customer {customer} is {left}; rebuilt it is {right}"


def _relationships(workspace: Workspace, at: int, names: Sequence[str], *, use_snapshots: bool) -> pl.DataFrame:
    waiting = workspace.awaited(at)
    state = refreshing.state_at(
        workspace.ledger,
        workspace.snapshots if use_snapshots else None,
        workspace.layout(),
        workspace.engine,
        at,
        pending=None if waiting.is_empty() else workspace.engine.lazy(waiting),
    )
    frame = refreshing.relationships(state, workspace.people(), workspace.playbook, workspace.engine, wanted=names)
    return workspace.engine.collect(frame)


def _linking(workspace: Workspace) -> pl.DataFrame:
    frame = workspace.interactions().select("kind", "payload").filter(nw.col("kind").is_in(["linked", "unlinked"]))
    return workspace.engine.collect(frame)


def _sampled(customers: pl.Series) -> pl.Series:
    """SAMPLE customers, spread evenly over the base, so that the same base gives the same ones."""
    ordered = customers.sort()
    return ordered.gather_every(max(1, len(ordered) // SAMPLE))[:SAMPLE]


def _or_nothing(value: str | None) -> str:
    return "nothing" if value is None else value
