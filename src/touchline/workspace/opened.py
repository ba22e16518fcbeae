"""In: settings and a clock. Out: one open workspace with its verbs. Writes the interactions that its verbs write: see each.

The workspace opens each store at first use, so that a command that needs no ledger makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from touchline import playbook as playbooks
from touchline.decision import Explanation, Plan, compile_plan
from touchline.delivery import calls, outbox
from touchline.delivery.gate import waiting_rows
from touchline.delivery.senders import Sender
from touchline.intake.pending import pending
from touchline.interactions.row import SCHEMA
from touchline.kernel.engines import Engine
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import MINUTE, Clock, SystemClock
from touchline.ledger import Ledger, Snapshots
from touchline.playbook.compiled import Playbook
from touchline.recognition import find, people
from touchline.relationship.layout import Layout
from touchline.relationship.refreshing import Held
from touchline.workspace import (
    deciding,
    exporting,
    giving,
    identity,
    importing,
    messages,
    previewing,
    proving,
    querying,
    rehearsing,
    running,
    states,
    verifying,
    writing,
)
from touchline.workspace.settings import Settings

Frame = nw.LazyFrame[Any]


class Workspace:
    """One open workspace: `touchline.open("DIR")`.

    settings  where its stores are
    clock     whose now is meant where no instant is given
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()

    @cached_property
    def playbook(self) -> Playbook:
        """The compiled playbook; raises FaultsFound."""
        return playbooks.load(self.settings.root)

    @cached_property
    def plan(self) -> Plan:
        """What `decide` and `explain` run on."""
        return compile_plan(self.playbook)

    @cached_property
    def engine(self) -> Engine:
        """The engine of TOUCHLINE_ENGINE."""
        return Engine(self.settings.engine)

    @cached_property
    def ledger(self) -> Ledger:
        """The table of interactions; made where there is none yet."""
        return Ledger.at(self.settings.ledger)

    @cached_property
    def snapshots(self) -> Snapshots:
        """Folded states beside the ledger."""
        return Snapshots(self.settings.snapshots)

    def pending(self) -> pl.DataFrame:
        """Rows that intake has taken and not drained yet, as ledger rows."""
        table = pl.from_arrow(pending(self.playbook, self.ledger, received_at=self.clock.now()))
        if not isinstance(table, pl.DataFrame):
            raise TypeError("ledger rows have columns")
        return table

    def awaited(self, at: int, personas: Collection[int] | None = None) -> pl.DataFrame:
        """Rows that the ledger will hold: what intake keeps, and for each reserved message the `sent` row to come.

        at   as of when they are asked for; an instant of the last minute counts as now, so that no reservation of a machine
             whose clock is a little ahead is overlooked
        Reservations are read first: one that is sent in between is seen twice, which its id tells, and never not at all.
        """
        now = self.clock.now()
        own = None if personas is None else pl.Series(personas, dtype=pl.Int64)
        reserved = waiting_rows(at, own) if 0 <= now - at < MINUTE else waiting_rows(now, own, as_of=at)
        kept = self.pending()
        if reserved.is_empty():
            return kept
        told = reserved.filter(~pl.col("id").is_in(kept["id"].implode())).select(
            pl.col(name).cast(dtype) for name, dtype in kept.schema.items()
        )
        return pl.concat([kept, told])

    def interactions(self) -> Frame:
        """Every interaction that is known now, drained or not, as a lazy frame with the ledger's columns."""
        drained = self.ledger.frame(self.engine)
        waiting = self.pending()
        return drained if waiting.is_empty() else nw.concat([drained, self.engine.lazy(waiting.select(SCHEMA.names))])

    def customer(self, text: str) -> int:
        """The one customer whom a number or an identifier means; raises UnknownName for nobody or several."""
        found = find(text, self.playbook.organisation.country)
        number = int(text) if text.isascii() and text.isdecimal() and str(int(text)) == text else None
        if number in found:
            return number
        if not found:
            raise UnknownName(
                f"customer {text!r}" if len(text) <= 80 else "that customer",
                remedy="Give a customer's number (`touchline relationships` lists them) or an identifier as it was told.",
            )
        if len(found) > 1:
            listed = ", ".join(map(str, found[:8]))
            raise UnknownName(f"{len(found)} customers are meant", remedy=f"Name one by number: {listed}.")
        return found[0]

    def held(
        self,
        as_of: int,
        *,
        measures: Collection[str] = (),
        personas: Collection[int] | None = None,
        known_at: int | None = None,
    ) -> Held:
        """Everything that measures are derived from, as of an instant; see `states.held`."""
        return states.held(self, as_of, measures=measures, personas=personas, known_at=known_at)

    def relationships(
        self,
        as_of: int | None = None,
        *,
        measures: Sequence[str] | None = None,
        customers: Collection[int] | None = None,
    ) -> Frame:
        """`customer`, `draw` and a column a measure (`kernel.measures.column`), one row a customer, as a lazy frame."""
        instant = self.clock.now() if as_of is None else as_of
        return states.relationships(self, instant, measures=measures, customers=customers)

    def relationships_table(
        self,
        *,
        as_of: int | None = None,
        customer: str | None = None,
        where: str | None = None,
        measures: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The same, collected: `customer` and columns named as the measures are, where the condition holds."""
        instant = self.clock.now() if as_of is None else as_of
        chosen = None if customer is None else self.customer(customer)
        return states.table(self, instant, customer=chosen, where=where, measures=measures)

    def summary_measures(self) -> tuple[str, ...]:
        """Measures that are shown where none is named."""
        return states.SUMMARY

    def import_files(
        self, files: Sequence[Path], name: str, *, dry_run: bool = False, tell: importing.Tell | None = None
    ) -> dict[str, Any]:
        """Bring files in; see `importing.run`."""
        return importing.run(self, files, name, dry_run=dry_run, tell=tell)

    def catch_up(self) -> None:
        """Drain what intake holds, and take it into the current permissions."""
        importing.catch_up(self)

    def decide(self, *, as_of: int | None = None, dry_run: bool = False) -> deciding.Decided:
        """Decide for everybody; see `deciding.decide`. Steps and arms are written down, but never in a dry run or for another
        instant than now."""
        decided = deciding.decide(self, self.clock.now() if as_of is None else as_of, dry_run=dry_run)
        if decided.made is not None and not dry_run and as_of is None:
            writing.write(self, decided.made, self.clock.now())
            self.catch_up()
        return decided

    def run(
        self,
        *,
        until_idle: bool = False,
        senders: Mapping[str, Sender] | None = None,
        tell: importing.Tell | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> running.Done:
        """Run the loop; see `running.run`."""
        return running.run(self, until_idle=until_idle, senders=senders, tell=tell, stop=stop)

    def preview(
        self,
        conversation: str,
        customer: str,
        *,
        channel: str | None = None,
        variant: str | None = None,
        language: str | None = None,
        out: Path | None = None,
    ) -> dict[str, Any]:
        """A message as the customer would read it; see `previewing.preview`."""
        return previewing.preview(
            self, conversation, self.customer(customer), channel=channel, variant=variant, language=language, out=out
        )

    def messages(self, state: str | None = None) -> pl.DataFrame:
        """The latest messages, state and why; see `messages.listed`."""
        return messages.listed(state)

    def message_counts(self) -> dict[str, int]:
        """State -> how many messages are in it."""
        return outbox.counts()

    def calls(self) -> list[dict[str, Any]]:
        """The calls to make, the most urgent first, each with its brief."""
        return previewing.tasks()

    def close_call(self, task: int, outcome: str, note: str = "") -> None:
        """Close a call with what came of it; raises TaskFault, UnknownName."""
        calls.close(task, outcome, note, self.clock.now())
        self.catch_up()

    def gift_pools(self) -> list[dict[str, Any]]:
        """What is left of each pool of codes."""
        return giving.pools(self)

    def redeem(self, pool: str, code: str) -> bool:
        """Record that a gift code was used; False where that is known already."""
        return giving.redeem(self, pool, code)

    def proof(self, programme: str | None = None, *, as_of: int | None = None) -> dict[str, Any]:
        """Each programme against its control; see `proving.told`."""
        return proving.told(self, self.clock.now() if as_of is None else as_of, programme)

    def fill_world(self, *, customers: int, days: int, seed: int, tell: importing.Tell | None = None) -> dict[str, Any]:
        """Fill the workspace with the synthetic company; see `rehearsing.fill`."""
        return rehearsing.fill(self, customers=customers, days=days, seed=seed, tell=tell)

    def forward_world(self, days: int, *, tell: importing.Tell | None = None) -> dict[str, Any]:
        """Let the synthetic company live on; see `rehearsing.forward`."""
        return rehearsing.forward(self, days, tell=tell)

    def explain(
        self, customer: str, *, conversation: str | None = None, as_of: int | None = None, everything: bool = True
    ) -> dict[str, Any]:
        """Explain one customer's decision; see `deciding.explain`."""
        instant = self.clock.now() if as_of is None else as_of
        return deciding.explain(
            self, self.customer(customer), instant, conversation=conversation, everything=everything
        )

    def explanations(self, customers: Collection[int], as_of: int) -> dict[int, Explanation]:
        """Customers' decisions as of an instant, explained; see `deciding.explanations`."""
        return deciding.explanations(self, customers, as_of)

    def sql(self, text: str, *, as_of: int | None = None) -> pl.DataFrame:
        """The rows of one SELECT over interactions, relationships and decisions; raises BadQuery."""
        instant = self.clock.now() if as_of is None else as_of
        return querying.query(
            text,
            interaction_files=self.ledger.paths(),
            pending=self.pending(),
            decision_files=sorted(self.settings.decisions.glob("*.parquet")),
            relationships=lambda wanted: states.table(self, instant, measures=wanted),
            known=states.askable(self),
            measures=self.playbook.measures,
            people=self.people,
            cents=len(str(self.playbook.organisation.minor_units)) - 1,
        )

    def verify(self, *, tell: importing.Tell | None = None) -> dict[str, Any]:
        """Rebuild from the ledger and compare; see `verifying.verify`."""
        return verifying.verify(self, tell=tell)

    def merge(self, ids: Sequence[str], *, why: str = "", actor: str = "terminal") -> dict[str, Any]:
        """Make several customers one; see `identity.merge`."""
        return identity.merge(self, [self.customer(each) for each in ids], why=why, actor=actor)

    def split(self, ids: Sequence[str], *, why: str = "", actor: str = "terminal") -> dict[str, Any]:
        """Part personas from their customer; see `identity.split`."""
        return identity.split(self, ids, why=why, actor=actor)

    def people(self) -> pl.DataFrame:
        """Every persona and its customer, as `recognition.people.PEOPLE`."""
        return people()

    def layout(self, measures: Collection[str] = ()) -> Layout:
        """Which columns states have, those for the named measures included."""
        return Layout.of(self.playbook, also=measures)

    def export(self, frame: pl.DataFrame, path: Path) -> None:
        """Write a table as CSV or Parquet; see `exporting.write`."""
        exporting.write(frame, path)
