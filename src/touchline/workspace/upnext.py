"""In: who is there, recognised by an identifier, and on which channel. Out: what to say next, reserved and worded, or why nothing.
Writes `assigned` and `stepped` as a decision does; `delivery.showing` says what else.

It is the loop's own decision, narrowed to one channel, and the loop's own gate: nothing is answered with that is not reserved. Most
who ask get nothing, and for them nothing is locked and nothing written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl
from django.db import transaction

from touchline import decision, permission, recognition
from touchline.decision import Explanation, Plan
from touchline.decision.plan import GLOBAL_HOLDOUT
from touchline.decision.priority import Propensity
from touchline.delivery import gate, outbox, showing, stops, working
from touchline.delivery.addresses import addressed
from touchline.delivery.outbox import Leased
from touchline.delivery.senders import Outgoing
from touchline.interactions.catalogue import REACHED_BY
from touchline.kernel.errors import UnknownName
from touchline.kernel.names import did_you_mean
from touchline.permission import Permissions
from touchline.recognition.locking import hold_customers
from touchline.workspace import acting, carrying, deciding, portrait, stopping, writing
from touchline.workspace.present import Present, present
from touchline.workspace.recognised import Identifier, Person, person
from touchline.workspace.running import EVERY

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

TURN, WORDS = "turn", "words"
"""Why nothing is said beside the policies' names: something was reserved for them just now; its words cannot be said to them."""

SETTLED = ("cap", "one_a_day", "preference.frequency", "recurrence", "cool_off", "balance", "holdout")
"""Policies that the reservation itself settled, and in most of which it counts."""

ENDS = ("suppression", "consent", "preference.channel", "preference.topic", "step_left", "conversation_gone")
"""What a waiting message does not outlast."""


FRAMED = ("suppression", GLOBAL_HOLDOUT)
"""Policies that the frames ask once more: one that every candidate is under, and the one that arms are told from."""


class NothingFits(Exception):
    """There is nothing to say to them now."""

    def __init__(self, *why: str) -> None:
        self.why = why
        super().__init__()


@dataclass(frozen=True)
class Wanted:
    """Who is there, and where.

    channel      one of showing.ASKED_FOR
    touchpoint   only what is said there; None: anywhere on the channel
    """

    who: Identifier
    channel: str
    touchpoint: str | None = None


@dataclass(frozen=True)
class Said:
    """What to say.

    subject    one line; None where it has none
    text       plain text, as templates say it; never HTML
    gift_code  a code that goes with it
    until      microseconds UTC: so long the same is answered again
    """

    message_id: str
    conversation: str
    purpose: str
    channel: str
    touchpoint: str | None
    variant: str | None
    language: str
    subject: str | None
    text: str
    gift_code: str | None
    until: int


@dataclass(frozen=True)
class Next:
    """What to say now, or None, and then what held it: names of policies, TURN, WORDS, or a reason of the gate."""

    said: Said | None
    held: tuple[str, ...] = ()


def place(workspace: Workspace, channel: str | None, touchpoint: str | None) -> tuple[str, str | None]:
    """(channel, touchpoint) that are meant: a touchpoint's own channel, `web` where nothing is named. Raises UnknownName."""
    places = {name: one for name, one in workspace.playbook.touchpoints.items() if one.channel in showing.ASKED_FOR}
    if touchpoint is not None and touchpoint not in places:
        raise UnknownName(f"touchpoint {touchpoint[:80]!r}", remedy=did_you_mean(touchpoint[:80], places))
    own = None if touchpoint is None else places[touchpoint].channel
    meant = channel or own or showing.ASKED_FOR[0]
    if meant not in showing.ASKED_FOR:
        raise UnknownName(f"channel {meant[:40]!r} to ask for", remedy=did_you_mean(meant[:40], showing.ASKED_FOR))
    if own is not None and own != meant:
        raise UnknownName(
            f"touchpoint {touchpoint!r} on {meant}", remedy=f"It is on {own}: name that channel, or none."
        )
    return meant, touchpoint


def next_(workspace: Workspace, wanted: Wanted) -> Next:
    """What to say next to whoever is there; somebody who is not known is told nothing, as is somebody for whom nothing fits."""
    who, plan = person(workspace, wanted.who), _plan(workspace, wanted)
    if who is None or not plan.candidates:
        return Next(None)
    now, words = workspace.clock.now(), _words(workspace)
    there = present(workspace, who.customer, {*plan.measures, *words.measures(wanted.channel)}, now)
    if there is None or there.facts.is_empty():
        return Next(None)
    told = decision.explain(there.facts.row(0, named=True), plan, rates(workspace, now), now)
    ours = showing.offered(there.personas, wanted.channel, wanted.touchpoint, now)
    if ours is not None:
        return _again(workspace, ours, there, told, now)
    if not showing.is_waiting(there.personas, wanted.channel, wanted.touchpoint, now):
        why = _why_not(told, plan, there.personas, now)
        if why is not None:
            # What holds it may be the very answer that somebody else got while this one looked.
            ours = showing.offered(there.personas, wanted.channel, wanted.touchpoint, now)
            return Next(None, why) if ours is None else _again(workspace, ours, there, told, now)
    try:
        return workspace.offer_next(who, wanted)
    except NothingFits as nothing:
        return Next(None, nothing.why)


def offer(workspace: Workspace, who: Person, wanted: Wanted) -> Next:
    """Reserve what is to be said next, and say it; raises NothingFits.

    The customer is held from the first look on: of two who ask for the same one at once the second gets the same answer.
    """
    with transaction.atomic():
        found = _offered(workspace, who, wanted)
    if found.said is None:
        raise NothingFits(*found.held)
    return found


def tell(workspace: Workspace, message_id: str, outcome: str) -> bool:
    """What became of it; see `showing.tell`."""
    with transaction.atomic():
        news = showing.tell(message_id, outcome, workspace.clock.now())
        acting.note(f"message {message_id}", outcome=outcome, news=news)
    return news


def met(who: Person, proposals: pl.DataFrame, owners: pl.DataFrame, known: Permissions) -> pl.DataFrame:
    """The proposals addressed to who is there: where nobody is written to, the persona whose own opt-in it rests on, else the recognised one."""
    own = known.consents.filter("in_force").select("persona_id", "purpose", "channel", "granted_at")
    told = (
        proposals.drop("persona_id", "bucket", "role", "identifier", strict=False)
        .join(owners.select("customer", "persona_id", "bucket", "role"), on="customer")
        .join(own, on=["persona_id", "purpose", "channel"], how="left")
        .with_columns(recognised=pl.col("persona_id") == who.persona_id)
        .sort("granted_at", "recognised", "persona_id", descending=[True, True, False], nulls_last=True)
        .unique(["customer", "conversation", "channel"], keep="first", maintain_order=True)
    )
    texts = recognition.addresses(told["persona_id"]).select("persona_id", identifier="value")
    return told.drop("granted_at", "recognised").join(texts, on="persona_id", how="left")


def _plan(workspace: Workspace, wanted: Wanted) -> Plan:
    """What may be said there; where the customer is met, no address is needed to reach them. Made once for all who ask there."""
    going = stopping.going(workspace)
    if going is not workspace.plan:
        return _narrowed(going, wanted)
    name = f"plan of {going.digest} {wanted.channel} {wanted.touchpoint}"
    return workspace.stores.get(name, lambda: _narrowed(going, wanted))


def _narrowed(plan: Plan, wanted: Wanted) -> Plan:
    there = [
        one for one in plan.candidates if one.channel == wanted.channel and wanted.touchpoint in (None, one.touchpoint)
    ]
    if wanted.channel in showing.MET:
        there = [replace(one, rules=tuple(rule for rule in one.rules if rule.policy != "reachable")) for one in there]
    # A programme that has no say in any of it is left to the loop to move on.
    read = {name for one in there for expression in one.expressions for name in expression.names}
    programmes = tuple(
        one
        for one in plan.programmes
        if any(name.startswith(f"programme.{one.name}.") for name in read) or one.name in {c.programme for c in there}
    )
    return replace(plan.of(there), programmes=programmes)


def _why_not(told: Explanation, plan: Plan, personas: Sequence[int], now: int) -> tuple[str, ...] | None:
    """Why nothing is to be said; None where something seems to be."""
    said = [one.class_ for one in told.candidates if one.proposed]
    if not said:
        blocked = {answer.policy for one in told.candidates if one.reached for answer in one.policies if answer.blocks}
        return tuple(name for name in plan.policies if name in blocked)
    return (TURN,) if outbox.OWED not in said and showing.had_turn(personas, now - EVERY) else None


def _offered(workspace: Workspace, who: Person, wanted: Wanted) -> Next:
    """The same on exact facts, while the customer is held."""
    now, plan, words = workspace.clock.now(), _plan(workspace, wanted), _words(workspace)
    steady = hold_customers(pl.Series([who.customer], dtype=pl.Int64))
    there = None
    if steady.len():
        there = present(workspace, who.customer, {*plan.measures, *words.measures(wanted.channel)}, now)
    if there is None or there.facts.is_empty():
        return Next(None, ("moved",))
    told = decision.explain(there.facts.row(0, named=True), plan, rates(workspace, now), now)
    ours = showing.offered(there.personas, wanted.channel, wanted.touchpoint, now)
    if ours is not None:
        return _again(workspace, ours, there, told, now)
    message = showing.take(there.personas, wanted.channel, wanted.touchpoint, now)
    held = None if message is None else _holds(message, told)
    if message is not None and held is not None:
        _put_away(message, held, now)
        message = None
    if message is None:
        why = _reserve(workspace, who, wanted, there, told, now)
        message = showing.take(there.personas, wanted.channel, wanted.touchpoint, now)
        if message is None:
            return Next(None, why)
    ready = words.ready(message, there, now)
    if isinstance(ready, str):
        outbox.put_off(message, ready, now + working.HELD)
        acting.note(f"customer {who.customer}", conversation=message.conversation, held=WORDS)
        return Next(None, (WORDS,))
    handed = showing.hand(message, now)
    if handed is None:
        return Next(None, (stops.BY_HAND,))
    acting.note(f"customer {who.customer}", conversation=message.conversation, channel=wanted.channel)
    return Next(_said(handed, ready))


def _reserve(
    workspace: Workspace, who: Person, wanted: Wanted, there: Present, told: Explanation, now: int
) -> tuple[str, ...]:
    """Write down that they move on and are drawn, as a decision does, and have the gate reserve what is to be said; why it did not."""
    whole = _plan(workspace, wanted)
    why = _why_not(told, whole, there.personas, now)
    if why is not None:
        return why
    had = showing.had_turn(there.personas, now - EVERY)
    said = {(one.conversation, one.channel) for one in told.candidates if one.proposed}
    # On these very facts, while they are held, every policy was asked by `explain`, which decides as the frames do. What is left for
    # the frames is the proposal's own columns, and whose arms are to be written.
    plan = whole.of(
        replace(one, rules=tuple(rule for rule in one.rules if rule.policy.startswith(FRAMED)))
        for one in whole.candidates
        if (one.conversation, one.channel) in said and not (had and one.arbitrated)
    )
    known, address = rates(workspace, now), _addressing(wanted, who)
    facts = workspace.engine.lazy(there.facts)
    made = deciding.decided(workspace, now, rates=known, plan=plan, facts=facts)
    writing.write(workspace, made, now)
    told_since = None if there.consents is None else there.consents.filter(pl.col("seq") > permission.read_until())
    decisions = [made]  # it was made while the customer was held; whatever the gate asks for later is decided anew

    def again(few: Sequence[int]) -> pl.DataFrame:
        if decisions:
            return deciding.in_force(workspace, few, known, plan, address, decisions.pop(), told_since)
        return deciding.in_force(workspace, few, known, whole, address)

    asked = made.proposals.select("customer", "conversation", "channel")
    gated = gate.reserve(asked, again, now=now)
    return tuple(gated.refused)


def _addressing(wanted: Wanted, who: Person) -> deciding.Addressing:
    """How the message is addressed: on the web to the very browser that asks, where that is what was recognised."""
    if wanted.channel in showing.MET:
        return lambda proposals, owners, known, _: met(who, proposals, owners, known)
    return deciding.to_persona(who.persona_id) if REACHED_BY[wanted.channel] == who.type else addressed


def _again(workspace: Workspace, message: Leased, there: Present, told: Explanation, now: int) -> Next:
    """The same answer once more, unless something has come up meanwhile."""
    held = _holds(message, told)
    if held is not None:
        return Next(None, (held,))
    ready = _words(workspace).ready(message, there, now)
    return Next(None, (WORDS,)) if isinstance(ready, str) else Next(_said(message, ready))


def _holds(message: Leased, told: Explanation) -> str | None:
    """What holds a message that was reserved before: any policy but those in which its own reservation counts; None where nothing does."""
    if stops.holds(message):
        return stops.BY_HAND
    mine = next(
        (one for one in told.candidates if (one.conversation, one.channel) == (message.conversation, message.channel)),
        None,
    )
    if mine is None:
        return "conversation_gone"
    if mine.step is not None and mine.step.holds is not True:
        return "step_left"
    looked = (answer for answer in mine.policies if answer.blocks and not answer.policy.startswith(SETTLED))
    return next((answer.policy for answer in looked), None)


def _put_away(message: Leased, held: str, now: int) -> None:
    """Put off what may go later, and end what rested on something that no longer holds."""
    if held in ENDS:
        outbox.give_up(message, held)
    else:
        outbox.put_off(message, held, now + working.LOOK_AGAIN)


class _Words:
    """One thread's words of one playbook."""

    def __init__(self, workspace: Workspace) -> None:
        self._carried = carrying.Carried(workspace, {})
        self._playbook = workspace.playbook
        self._measures: dict[str, frozenset[str]] = {}

    def measures(self, channel: str) -> frozenset[str]:
        """What the words on a channel read of customers."""
        if channel not in self._measures:
            self._measures[channel] = frozenset(self._carried.read_by_words(channel))
        return self._measures[channel]

    def ready(self, message: Leased, there: Present, now: int) -> Outgoing | str:
        """The message as it is read, or what it lacks."""
        self._carried.know(there.known())
        made = working.ready(message, self._playbook, self._carried.render, now)
        return made if isinstance(made, Outgoing) else str(made)

    def close(self) -> None:
        """Let go of what sets letters."""
        self._carried.close()


def _words(workspace: Workspace) -> _Words:
    """This thread's words of the playbook as it is now."""
    digest = workspace.playbook.digest
    kept: dict[str, _Words] = workspace.stores.here("words to answer with", dict)
    if digest not in kept:
        for old in kept.values():
            old.close()
        kept.clear()
        kept[digest] = _Words(workspace)
    return kept[digest]


def rates(workspace: Workspace, now: int) -> Propensity:
    """Goal rates of at most a while ago, shared with the pages of this process."""
    return portrait.learnt_rates(workspace, now, wait=True) or Propensity()


def _said(message: Leased, ready: Outgoing) -> Said:
    rendered = ready.rendered
    return Said(
        message_id=message.message_id,
        conversation=message.conversation,
        purpose=message.purpose,
        channel=message.channel,
        touchpoint=message.touchpoint,
        variant=message.variant,
        language=ready.language,
        subject=rendered.subject,
        text=rendered.text,
        gift_code=message.gift_code,
        until=showing.until(message),
    )
