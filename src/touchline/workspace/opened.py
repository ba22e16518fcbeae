"""In: settings and a clock. Out: one open workspace with its verbs. Writes the interactions that its verbs write: see each.

The workspace opens each store at first use, so that a command that needs no ledger makes none.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
from django.db import transaction

from touchline import playbook as playbooks
from touchline.decision import Explanation, Plan, compile_plan
from touchline.delivery import calls, outbox, steering
from touchline.delivery.gate import waiting_rows
from touchline.delivery.senders import Sender
from touchline.delivery.stops import Stop
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
from touchline.team import audit, invitations, keys, members
from touchline.team.actors import TERMINAL, Actor
from touchline.team.invitations import Invited
from touchline.team.keys import NewKey
from touchline.team.roles import Right
from touchline.workspace import (
    acting,
    asking,
    deciding,
    desk,
    drafting,
    erasing,
    exporting,
    giving,
    identity,
    importing,
    known,
    listing,
    messages,
    notices,
    person_page,
    previewing,
    proving,
    querying,
    rehearsing,
    running,
    states,
    stopping,
    teaming,
    trials,
    uploads,
    upnext,
    verifying,
    wishes,
    writing,
)
from touchline.workspace.acting import operation
from touchline.workspace.recognised import Person
from touchline.workspace.settings import Settings
from touchline.workspace.sharing import Stores, shared

Frame = nw.LazyFrame[Any]


class Workspace:
    """One open workspace: `touchline.open("DIR")`.

    settings  where its stores are
    clock     whose now is meant where no instant is given
    actor     in whose name its verbs act
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, actor: Actor = TERMINAL) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.actor = actor
        self.stores = Stores()

    def acting_as(self, actor: Actor) -> Workspace:
        """The same workspace in somebody else's name; every store that either opens is open for both."""
        other = copy.copy(self)
        other.actor = actor
        return other

    @shared
    def playbook(self) -> Playbook:
        """The compiled playbook; raises FaultsFound."""
        return playbooks.load(self.settings.root)

    @shared
    def plan(self) -> Plan:
        """What `decide` and `explain` run on."""
        return compile_plan(self.playbook)

    @property
    def engine(self) -> Engine:
        """The engine of TOUCHLINE_ENGINE: one for each thread, since a DuckDB connection serves one only."""
        return self.stores.here("engine", lambda: Engine(self.settings.engine))

    @shared
    def ledger(self) -> Ledger:
        """The table of interactions; made where there is none yet."""
        return Ledger.at(self.settings.ledger)

    @shared
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

    @operation(
        Right.CONVERSE,
        "imports.run",
        about=lambda given: f"import {given['name']}",
        when=lambda given: not given["dry_run"],
    )
    def import_files(
        self,
        files: Sequence[Path],
        name: str,
        *,
        dry_run: bool = False,
        tell: importing.Tell | None = None,
        rows_at_once: int | None = None,
    ) -> dict[str, Any]:
        """Bring files in; see `importing.run`."""
        result = importing.run(self, files, name, dry_run=dry_run, tell=tell, rows_at_once=rows_at_once)
        acting.tell(**{count: result[count] for count in ("read", "accepted", "rejected")})
        return result

    @operation(Right.CONVERSE, "imports.upload")
    def keep_upload(self, arrived: Path, name: str) -> int:
        """Take in a file that has arrived; its number. See `uploads.keep`."""
        return uploads.keep(self, arrived, name)

    @operation(Right.CONVERSE, "imports.start", about=lambda given: f"upload {given['upload']}")
    def start_upload(self, upload: int, job: str, name: str = "") -> None:
        """Start to look at, try or import an uploaded file in a process of its own; see `uploads.start`."""
        uploads.start(self, upload, job, name)
        acting.tell(job=job, name=name)

    @operation(Right.CONVERSE, "imports.stop", about=lambda given: f"upload {given['upload']}")
    def stop_upload(self, upload: int) -> None:
        """Ask what runs on an uploaded file to stop; see `uploads.stop`."""
        uploads.stop(self, upload)

    @operation(Right.CONVERSE, "imports.discard", about=lambda given: f"upload {given['upload']}")
    def discard_upload(self, upload: int) -> None:
        """Delete an uploaded file; see `uploads.discard`."""
        uploads.discard(self, upload)

    def catch_up(self) -> None:
        """Drain what intake holds, and take it into the current permissions."""
        importing.catch_up(self)

    def _settle(self) -> None:
        """Catch up, but never while a page waits: there the worker does it, and readers see what it has not taken in yet."""
        if self.actor.kind != "user":
            self.catch_up()

    @operation(Right.CONVERSE, "decide", when=lambda given: not given["dry_run"] and given["as_of"] is None)
    def decide(self, *, as_of: int | None = None, dry_run: bool = False) -> deciding.Decided:
        """Decide for everybody; see `deciding.decide`. Steps and arms are written down, but never in a dry run or for another
        instant than now."""
        decided = deciding.decide(self, self.clock.now() if as_of is None else as_of, dry_run=dry_run)
        if decided.made is not None and not dry_run and as_of is None:
            writing.write(self, decided.made, self.clock.now())
            self.catch_up()
        return decided

    @operation(Right.CONVERSE, "run", first=True)
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

    @operation(Right.CONVERSE, "messages.release", whole=True)
    def release_messages(self, message_ids: Sequence[str]) -> int:
        """Make messages that wait due at once; how many. See `steering.release`."""
        released = steering.release(message_ids, self.clock.now())
        acting.tell(f"{released} messages", asked=len(message_ids), released=released)
        return released

    @operation(Right.CONVERSE, "messages.stop")
    def stop_messages(self, message_ids: Sequence[str]) -> int:
        """End messages that wait for good; how many. See `steering.stop`."""
        with transaction.atomic():
            stopped = steering.stop(message_ids, self.clock.now())
            acting.note(f"{stopped} messages", asked=len(message_ids), stopped=stopped)
        self._settle()
        return stopped

    def stops(self) -> list[Stop]:
        """Everything that is stopped until somebody resumes it, the oldest first."""
        return stopping.listed()

    @operation(Right.CONVERSE, trials.OPERATION)
    def send_test(
        self,
        conversation: str,
        customer: str,
        *,
        channel: str | None = None,
        variant: str | None = None,
        language: str | None = None,
    ) -> trials.Trial:
        """Send a message as the customer would read it to the member who asks, and to nobody else; see `trials.send`."""
        return trials.send(
            self, conversation, self.customer(customer), channel=channel, variant=variant, language=language
        )

    @operation(Right.CONVERSE, "sending.stop")
    def stop_sending(self, sort: str, name: str = "", *, service_too: bool = False) -> bool:
        """Let nothing of a conversation, a programme, or `all` go until it is resumed; see `stopping.press`. Raises UnknownName."""
        return stopping.press(self, sort, name, service_too=service_too)

    @operation(Right.CONVERSE, "sending.resume")
    def resume_sending(self, sort: str, name: str = "") -> bool:
        """Let it go on, with what waits; False where it was not stopped. See `stopping.lift`."""
        return stopping.lift(sort, name)

    def calls(self) -> list[dict[str, Any]]:
        """The calls to make, the most urgent first, each with its brief."""
        return previewing.tasks()

    @operation(Right.SERVE, "calls.close", about=lambda given: f"call {given['task']}")
    def close_call(self, task: int, outcome: str, note: str = "") -> None:
        """Close a call with what came of it; raises TaskFault, UnknownName."""
        with transaction.atomic():
            calls.close(task, outcome, note, self.clock.now())
            acting.note(outcome=outcome)
        self._settle()

    @operation(Right.SERVE, "desk.note", about=lambda given: f"customer {given['customer']}")
    def note_encounter(self, customer: int, encounter: desk.Encounter) -> list[str]:
        """Write down an encounter at the desk; see `desk.note`. Raises BadEncounter."""
        return desk.note(self, customer, encounter)

    @operation(Right.CONVERSE, "playbook.draft")
    def start_draft(self, title: str) -> int:
        """A new draft of the playbook; its number. See `drafting.start`."""
        return drafting.start(self, title)

    @operation(Right.CONVERSE, "playbook.write", about=lambda given: f"draft {given['draft']}")
    def write_draft(self, draft: int, file: str, text: str | None, *, base: str, seen: str) -> None:
        """Save a file in a draft, or, with None, take it away; see `drafting.write`. Raises DraftFault."""
        drafting.write(self, draft, file, text, base=base, seen=seen)

    @operation(Right.CONVERSE, "playbook.propose", about=lambda given: f"draft {given['draft']}")
    def propose_draft(self, draft: int, title: str = "") -> None:
        """Ask somebody else to let a draft go live; see `drafting.propose`. Raises DraftFault."""
        drafting.propose(self, draft, title)

    @operation(Right.CONVERSE, "playbook.approve", about=lambda given: f"draft {given['draft']}")
    def approve_draft(self, draft: int, revision: int) -> int:
        """Let a proposed draft go live; the version that it makes. See `drafting.approve`. Raises DraftFault, NotWritten."""
        return drafting.approve(self, draft, revision)

    @operation(Right.CONVERSE, "playbook.withdraw", about=lambda given: f"draft {given['draft']}")
    def withdraw_draft(self, draft: int) -> None:
        """End a draft that shall not go live; raises DraftFault."""
        drafting.withdraw(self, draft)

    @operation(Right.CONVERSE, "playbook.restore", about=lambda given: f"version {given['version']}")
    def restore_version(self, version: int) -> int:
        """A draft that brings the playbook back to a version; its number. Raises DraftFault."""
        return drafting.restore(self, version)

    def next_conversation(self, wanted: upnext.Wanted) -> upnext.Next:
        """What to say now to whoever is there, reserved; see `upnext.next_`."""
        self.actor.require(Right.SERVE, "next")
        return upnext.next_(self, wanted)

    @operation(Right.SERVE, "next.offer", about=lambda given: f"customer {given['who'].customer}")
    def offer_next(self, who: Person, wanted: upnext.Wanted) -> upnext.Next:
        """Reserve what is to be said next, and say it; see `upnext.offer`. Raises upnext.NothingFits."""
        return upnext.offer(self, who, wanted)

    @operation(Right.SERVE, "next.tell")
    def tell_shown(self, message_id: str, outcome: str) -> bool:
        """Say what became of an answer of `next_conversation`; False where that was told. Raises UnknownName, CannotTell."""
        return upnext.tell(self, message_id, outcome)

    @operation(Right.SERVE, "notices.send")
    def send_notice(self, notice: notices.Notice) -> notices.Taken:
        """Send a notice of the organisation's own, once; see `notices.send`. Raises NoticeHeld, KeyUsed, BadNotice, UnknownName."""
        return notices.send(self, notice)

    def gift_pools(self) -> list[dict[str, Any]]:
        """What is left of each pool of codes."""
        return giving.pools(self)

    @operation(Right.SERVE, "gifts.redeem", about=lambda given: f"gift pool {given['pool']}")
    def redeem(self, pool: str, code: str) -> bool:
        """Record that a gift code was used; False where that is known already."""
        return giving.redeem(self, pool, code)

    def proof(self, programme: str | None = None, *, as_of: int | None = None) -> dict[str, Any]:
        """Each programme against its control; see `proving.told`."""
        return proving.told(self, self.clock.now() if as_of is None else as_of, programme)

    @operation(Right.ADMINISTER, "world.fill")
    def fill_world(self, *, customers: int, days: int, seed: int, tell: importing.Tell | None = None) -> dict[str, Any]:
        """Fill the workspace with the synthetic company; see `rehearsing.fill`."""
        return rehearsing.fill(self, customers=customers, days=days, seed=seed, tell=tell)

    @operation(Right.ADMINISTER, "world.forward")
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

    @operation(Right.IDENTIFY, "people.merge")
    def merge(self, ids: Sequence[str], *, why: str = "") -> dict[str, Any]:
        """Make several customers one; see `identity.merge`."""
        return identity.merge(self, [self.customer(each) for each in ids], why=why, actor=self.actor.name)

    @operation(Right.IDENTIFY, "people.split")
    def split(self, ids: Sequence[str], *, why: str = "") -> dict[str, Any]:
        """Part personas from their customer; see `identity.split`."""
        return identity.split(self, ids, why=why, actor=self.actor.name)

    def known(self, customer: str) -> known.Known:
        """Everything that is known of one person; see `known.known`."""
        return known.known(self, self.customer(customer))

    @operation(Right.SERVE, "people.export")
    def export_person(self, customer: str) -> dict[str, Any]:
        """Everything that is known of one person, as they may ask for it; see `known.Known.as_json`."""
        number = self.customer(customer)
        wishes.theirs(self, number)
        acting.tell(f"customer {number}")
        return known.known(self, number).as_json()

    @operation(Right.SERVE, "consents.set")
    def opt(
        self,
        persona: int,
        pairs: Sequence[wishes.Pair],
        *,
        allow: bool,
        evidence: Mapping[str, Any],
        source: str = "desk",
    ) -> int:
        """Allow or refuse purposes on channels for one address, in force at once; see `wishes.opt`."""
        return wishes.opt(self, persona, pairs, allow=allow, evidence=evidence, source=source)

    @operation(Right.SERVE, "preferences.set")
    def prefer(self, persona: int, told: Mapping[str, str], *, source: str = "desk") -> int:
        """Note a customer's preferences, in force at once; see `wishes.prefer`."""
        return wishes.prefer(self, persona, told, source=source)

    @operation(Right.SERVE, "profile.set")
    def tell_traits(self, persona: int, traits: Mapping[str, str], *, source: str = "desk") -> int:
        """Note what a customer says of themselves; see `wishes.tell`."""
        return wishes.tell(self, persona, traits, source=source)

    @operation(Right.SERVE, "links.send")
    def send_link(self, persona: int, use: str, about: tuple[str, ...] = ()) -> bool:
        """Send a persona a link of their own: `confirm`, `known` or `erase`, which needs Right.ERASE; see `asking.by_mail`."""
        self._may_link(persona, use)
        return asking.by_mail(self, persona, use, about)

    @operation(Right.SERVE, "links.make")
    def make_link(self, persona: int, use: str, about: tuple[str, ...] = ()) -> str:
        """A link of their own to hand over at the desk; one to `erase` needs Right.ERASE; see `asking.link`."""
        self._may_link(persona, use)
        return asking.link(self, persona, use, about)

    def _may_link(self, persona: int, use: str) -> None:
        """Whoever holds the link may do what it is for."""
        wishes.theirs(self, wishes.owner(persona).customer)
        if use == "erase":
            self.actor.require(Right.ERASE, "a link to erase")

    @operation(Right.SERVE, "consents.ask")
    def ask_to_join(self, address: str, channel: str, purposes: Sequence[str]) -> bool:
        """Send an address the link by which it confirms that it wants to hear from us; see `asking.ask`."""
        return asking.ask(self, address, channel, purposes)

    def export_people(
        self, customers: Sequence[str], *, out: Path | None = None, language: str = "en"
    ) -> dict[str, Any]:
        """Everything that is known of people, to hand out: {"people": [...]}; to FILE.json, or of one to FILE.html."""
        numbers = [self.customer(each) for each in customers]
        people = [self.export_person(str(number)) for number in numbers]
        if out is not None:
            person_page.hand_out(self, people, out, language)
        return {"people": people}

    @operation(Right.ERASE, "people.erase")
    def erase(self, customer: str, *, suppress: bool = True, at_once: bool = True) -> dict[str, Any]:
        """Forget one person everywhere; see `erasing.erase`."""
        number = self.customer(customer)
        wishes.theirs(self, number)
        return erasing.erase(self, number, suppress=suppress, at_once=at_once)

    def erase_people(self, customers: Sequence[str], *, suppress: bool = True) -> dict[str, Any]:
        """Forget several people: {"erased": [...], "finished", "kept"}; nobody, where one of them is not known.

        All leave first; what the last one is told to take out of ledger and files, `rows`, is that of all.
        """
        numbers = list(dict.fromkeys(self.customer(each) for each in customers))
        try:
            gone = [self.erase(str(one), suppress=suppress, at_once=one == numbers[-1]) for one in numbers]
        except erasing.OnItsWay:
            erasing.finish(self)  # whoever left before stays gone
            raise
        finished, kept = gone[-1]["finished"], gone[-1]["kept"]
        return {"erased": [{**one, "finished": finished} for one in gone], "finished": finished, "kept": kept}

    def people(self) -> pl.DataFrame:
        """Every persona and its customer, as `recognition.people.PEOPLE`."""
        return people()

    def layout(self, measures: Collection[str] = ()) -> Layout:
        """Which columns states have, those for the named measures included."""
        return Layout.of(self.playbook, also=measures)

    @operation(Right.EXPORT, "export")
    def export(self, frame: pl.DataFrame, path: Path) -> None:
        """Write a table as CSV or Parquet; see `exporting.write`."""
        exporting.write(frame, path)

    @operation(Right.EXPORT, "export.customers", about=lambda given: f"{len(given['customers'])} customers")
    def export_table(self, customers: Sequence[int], measures: Sequence[str]) -> str:
        """Customers with these measures as CSV, to take out; see `listing.export`."""
        return listing.export(self, customers, measures)

    @operation(Right.ADMINISTER, "keys.create", whole=True)
    def create_key(self, name: str, scope: str) -> NewKey:
        """Make a machine's key, which is shown once; raises KeyFault."""
        return teaming.create_key(self, name, scope)

    @operation(Right.ADMINISTER, "keys.revoke", about=lambda given: f"key {given['key']}", whole=True)
    def revoke_key(self, key: int) -> bool:
        """End a key; False where it had ended. Raises UnknownName."""
        return keys.revoke(key)

    def machine_keys(self) -> list[Any]:
        """Every key without itself, as `team.models.Key`, the newest first."""
        return list(keys.listed())

    @operation(Right.ADMINISTER, "team.invite")
    def invite(self, email: str, role: str, *, name: str = "") -> Invited:
        """Ask somebody to join; the link is shown once. Raises TeamFault, UnknownName."""
        return teaming.invite(self, email, role, name)

    @operation(Right.ADMINISTER, "team.withdraw", about=lambda given: f"invitation {given['invitation']}", whole=True)
    def withdraw_invitation(self, invitation: int) -> bool:
        """Take an invitation back; False where it had ended. Raises UnknownName."""
        return invitations.withdraw(invitation)

    @operation(Right.ADMINISTER, "team.let_reset")
    def reset_password(self, who: int | str) -> Invited:
        """A link by which a member sets a new password, shown once; raises UnknownName."""
        return teaming.reset_password(self, who)

    def invitation_link(self, invited: Invited) -> str:
        """The whole link of an invitation that was just made, to be shown once."""
        return teaming.link(self, invited)

    @operation(Right.ADMINISTER, "team.role", whole=True)
    def set_role(self, who: int | str, role: str) -> Any:
        """Give a member (number or e-mail) another role; raises TeamFault where no admin would be left, UnknownName."""
        return teaming.set_role(who, role)

    @operation(Right.ADMINISTER, "team.active", whole=True)
    def set_active(self, who: int | str, *, active: bool) -> Any:
        """Let a member in or out; raises TeamFault where no admin would be left, UnknownName."""
        return teaming.set_active(who, active)

    def team(self) -> list[Any]:
        """Every member, as `team.models.User`, those who were let out last."""
        return list(members.listed())

    def invitations(self) -> list[Any]:
        """Invitations that can still be taken up, as `team.models.Invitation`, the newest first."""
        return list(invitations.open_())

    def audit(self, **chosen: Any) -> list[Any]:
        """What was done by whom, the newest first; see `team.audit.entries`. Raises NotAllowed but for an admin."""
        self.actor.require(Right.ADMINISTER, "the audit")
        return list(audit.entries(**chosen))
