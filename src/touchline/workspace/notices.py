"""In: a notice that one of the organisation's own systems sends to one customer. Out: its message, reserved by the gate, once for each key. Writes no interactions; its sender does.

Whether it is to be said is the sender's to know, so neither audience nor trigger is asked. Everything else of class 1 is: who is suppressed, who
cannot be reached, which channel is refused. Quiet hours do not refuse it, they let it wait, as the last look does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import recognition
from touchline.decision import Plan
from touchline.decision.deciding import held_column
from touchline.decision.plan import Candidate
from touchline.decision.priority import Propensity
from touchline.decision.purposes import TABLE
from touchline.delivery import gate
from touchline.delivery import notices as kept
from touchline.delivery.addresses import addressed
from touchline.expressions import DeclaredNames, check
from touchline.interactions.catalogue import REACHED_BY
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import format_instant
from touchline.kernel.types import Type
from touchline.playbook.wording import OWN_LINKS
from touchline.recognition.locking import hold_customers
from touchline.recognition.staging import read
from touchline.workspace import acting, deciding, stopping
from touchline.workspace.recognised import Identifier, Person, person

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

MOST_VARIABLES, LONGEST_VALUE, LONGEST_KEY = 50, 2_000, 255
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
LATER = ("quiet_hours", "recurrence")
"""Policies that do not refuse a notice: the first lets it wait, and how often it comes is its key's to say."""


class BadNotice(TouchlineError):
    """That notice cannot be sent."""

    code = "bad_notice"


class NoticeHeld(TouchlineError):
    """A rule on contact holds the notice."""

    code = "notice_held"
    remedy = "Nothing is kept: send it again under the same key once that has changed."

    def __init__(self, held: tuple[str, ...]) -> None:
        self.held = held
        super().__init__(", ".join(held))


class KeyUsed(TouchlineError):
    """That key stands for another notice."""

    code = "key_used"
    remedy = "Give each notice a key of its own, and send the same body again under the same key."


@dataclass(frozen=True)
class Notice:
    """One notice.

    conversation  of purpose service or recovery
    to            an identifier of the customer's
    variables     what its words read as `notice.NAME`
    key           of the sender's choice: the same key is the same notice
    channel       one of the conversation's, or None: whichever is open
    """

    conversation: str
    to: Identifier
    variables: Mapping[str, str | int | float | bool]
    key: str
    channel: str | None = None

    @property
    def digest(self) -> str:
        """Of everything that it says."""
        told = [self.conversation, self.to.type, self.to.value, dict(self.variables), self.channel]
        text = json.dumps(told, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Taken:
    """What became of it: the same each time that it is sent."""

    message_id: str
    conversation: str
    channel: str
    reserved_at: str


def send(workspace: Workspace, notice: Notice) -> Taken:
    """Reserve its message, once; raises NoticeHeld, KeyUsed, BadNotice, and UnknownName for an unknown conversation or customer."""
    _check(notice)
    source, now = workspace.actor.id or 0, workspace.clock.now()
    with transaction.atomic():
        before = kept.known(source, notice.key, now)
        if before is not None:
            if before.digest != notice.digest:
                raise KeyUsed
            acting.note(f"message {before.message_id}", news=False)
            return _taken(before)
        plan, who = _plan(workspace, notice), person(workspace, notice.to)
        if who is None:
            raise UnknownName("that customer", remedy="Tell of them first: an identify event makes them known.")
        message_id, channel = _reserved(workspace, notice, who, plan, kept.recurrence(source, notice.key, now), now)
        taken = kept.Kept(message_id, notice.digest, notice.conversation, channel, now)
        kept.keep(source, notice.key, taken, notice.variables)
        acting.note(f"message {message_id}", conversation=notice.conversation, channel=channel, news=True)
    return _taken(taken)


def _reserved(
    workspace: Workspace, notice: Notice, who: Person, plan: Plan, recurrence: str, now: int
) -> tuple[str, str]:
    """(message id, channel) of what the gate reserved; raises NoticeHeld."""
    if hold_customers(pl.Series([who.customer], dtype=pl.Int64)).is_empty():
        raise NoticeHeld(("moved",))
    asked = pl.DataFrame(
        [(who.customer, one.conversation, one.channel) for one in plan.candidates],
        schema={"customer": pl.Int64, "conversation": pl.String, "channel": pl.String},
        orient="row",
    )

    def address(proposals: pl.DataFrame, owners: pl.DataFrame, known: Any, policies: Any) -> pl.DataFrame:
        """To the very address that was named, on the channel that it is of."""
        own = REACHED_BY.get(proposals["channel"][0]) == who.type if proposals.height else False
        to = deciding.to_persona(who.persona_id) if own else addressed
        return to(proposals, owners, known, policies)

    def again(few: Any) -> pl.DataFrame:
        found = deciding.in_force(workspace, few, Propensity(), plan, address)
        return found.with_columns(recurrence=pl.lit(recurrence))

    gated = gate.reserve(asked, again, now=now)
    if not gated.reserved:
        refused = tuple(reason for reason in gated.refused if reason != "not_in_force")
        raise NoticeHeld(refused or _why(workspace, who, plan, now))
    personas = recognition.people(of=pl.Series([who.customer], dtype=pl.Int64))["persona_id"].to_list()
    marks = ", ".join(["%s"] * len(personas))
    found = read(
        f"SELECT message_id, channel FROM delivery_message WHERE persona_id IN ({marks}) AND conversation = %s"  # noqa: S608 - marks alone
        " AND recurrence = %s AND NOT (state IN ('expired'))",
        {"message_id": pl.String, "channel": pl.String},
        [*personas, notice.conversation, recurrence],
    )
    message_id, channel = found.row(0)
    return str(message_id), str(channel)


def _why(workspace: Workspace, who: Person, plan: Plan, now: int) -> tuple[str, ...]:
    """The policies that hold it; `unknown` for somebody of whom nothing has been told but a name."""
    made = deciding.decided(workspace, now, customers=[who.customer], rates=Propensity(), plan=plan)
    if made.chosen.is_empty():
        return ("unknown",)
    row = made.chosen.row(0, named=True)
    return tuple(name for name in plan.policies if row[held_column(name)] == 1) or ("not_in_force",)


def _plan(workspace: Workspace, notice: Notice) -> Plan:
    """The conversation alone, meant for whoever is named. Raises UnknownName, BadNotice, NoticeHeld where it is stopped."""
    talks = workspace.playbook.conversations
    talk = talks.get(notice.conversation)
    if talk is None:
        raise UnknownName(
            f"conversation {notice.conversation[:80]!r}", remedy=did_you_mean(notice.conversation[:80], talks)
        )
    if not TABLE[talk.purpose].contractual or talk.name in OWN_LINKS:
        raise BadNotice(
            f"{talk.name} is of purpose {talk.purpose}",
            remedy="Name a conversation of purpose service or recovery that carries no link of the customer's own.",
        )
    if talk.name in stopping.by_conversation(workspace):
        raise NoticeHeld(("stopped",))
    ways = [one for one in workspace.plan.candidates if one.conversation == talk.name]
    if any(one.programme is not None for one in ways):
        raise BadNotice(f"{talk.name} is said by a programme", remedy="Write a conversation of its own for it.")
    if notice.channel is not None:
        known = [one.channel for one in ways]
        ways = [one for one in ways if one.channel == notice.channel]
        if not ways:
            remedy = did_you_mean(notice.channel[:40], known)
            raise UnknownName(f"channel {notice.channel[:40]!r} of {talk.name}", remedy=remedy)
    return workspace.plan.of(_for_anybody(one) for one in ways)


def _for_anybody(one: Candidate) -> Candidate:
    everybody = check("TRUE", DeclaredNames({}), want=Type.BOOLEAN)
    rules = tuple(rule for rule in one.rules if rule.policy not in LATER)
    return replace(one, audience=everybody, due=None, due_within=None, recurs="once", recurs_every=None, rules=rules)


def _check(notice: Notice) -> None:
    if not 0 < len(notice.key) <= LONGEST_KEY or not (notice.key.isascii() and notice.key.isprintable()):
        raise BadNotice("its key", remedy=f"Send 1 to {LONGEST_KEY} printable ASCII characters.")
    if len(notice.variables) > MOST_VARIABLES:
        raise BadNotice(f"{len(notice.variables)} variables", remedy=f"Send at most {MOST_VARIABLES}.")
    for name, value in notice.variables.items():
        if NAME.fullmatch(name) is None:
            raise BadNotice("the name of a variable", remedy="Use letters, digits and `_`, at most 64.")
        if isinstance(value, str) and (len(value) > LONGEST_VALUE or "\x00" in value):
            raise BadNotice(f"the variable {name}", remedy=f"Keep it to {LONGEST_VALUE} characters of text.")


def _taken(notice: kept.Kept) -> Taken:
    return Taken(notice.message_id, notice.conversation, notice.channel, format_instant(notice.at))
