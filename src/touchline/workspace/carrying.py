"""In: a workspace and its settings. Out: senders by channel, and messages rendered and handed to them. Writes `sent`, `called` and `failed`.

What a batch of messages needs to be rendered is read once for all of them, when they are looked at for the last time.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl

from touchline import recognition
from touchline.decision.priority import Propensity
from touchline.delivery import links, notices, showing, stops, working
from touchline.delivery.outbox import Leased
from touchline.delivery.rendering import Preview, Renderer, variables
from touchline.delivery.senders import CallSender, LetterSender, Outgoing, Sender, SmtpSender, WebhookSender
from touchline.delivery.working import Hold
from touchline.kernel.measures import measure
from touchline.kernel.times import MINUTE, format_instant, from_micros
from touchline.playbook import wording
from touchline.playbook.compiled import Brand
from touchline.playbook.wording import UNSUBSCRIBABLE, Words
from touchline.recognition.staging import read
from touchline.relationship.slices import OUTBOUND
from touchline.workspace import deciding, giving, looking
from touchline.workspace.looking import owners_of
from touchline.workspace.profiles import Traits, profiles

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

BATCH = 200
"""Messages of a channel that are leased, looked at and rendered together."""

MOST_BATCHES = 50
"""Batches of one turn, so that a long queue does not keep new facts waiting."""

BEFORE = 5
"""Encounters that a call's brief tells."""

LEARN = 15 * MINUTE
"""So long goal rates are relied on."""


@dataclass(frozen=True)
class Known:
    """What words may say of the customers of a batch.

    owners    persona -> whom they are now
    facts     customer -> measure -> value
    profiles  customer -> trait -> value
    before    customer -> latest encounters, for those who call
    """

    owners: Mapping[int, int] = field(default_factory=dict)
    facts: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    profiles: Mapping[int, Traits] = field(default_factory=dict)
    before: Mapping[int, list[dict[str, Any]]] = field(default_factory=dict)


class Carried:
    """Senders and words of one worker, open until its loop ends.

    senders  channel -> whoever carries its messages
    broken   channel -> why its sender could not be opened
    """

    def __init__(self, workspace: Workspace, senders: Mapping[str, Sender]) -> None:
        self.workspace = workspace
        self.broken: dict[str, str] = {}
        self.senders = {channel: sender for channel, sender in senders.items() if self._opened(channel, sender)}
        self._rates: tuple[int, Propensity] | None = None
        self.worker = f"{socket.gethostname()[:32]}:{os.getpid()}"
        self._words = wording.load(workspace.settings.root, workspace.playbook)
        self._renderer = Renderer(self._words)
        self._names = self.read_by_words() | looking.asked(workspace.playbook)
        self._known = Known()

    def deliver(self, now: int) -> Counter[str]:
        """Hand over what is due; what became of it -> how many."""
        told: Counter[str] = Counter()
        self._known = Known()
        self.prepare(_due(now, tuple(self.senders)), now)
        for _ in range(MOST_BATCHES):
            said = working.deliver(
                self.workspace.playbook,
                self.senders,
                self.render,
                self.look,
                worker=self.worker,
                now=now,
                limit=BATCH,
                rates=self.workspace.settings.rates,
                clock=self.workspace.clock.now,
            )
            told.update(said)
            if not said:
                break
        return told

    def rates(self, now: int) -> Propensity:
        """Goal rates, learnt anew after LEARN."""
        if self._rates is None or not 0 <= now - self._rates[0] < LEARN:
            self._rates = now, deciding.propensity(self.workspace, now)
        return self._rates[1]

    def know(self, known: Known) -> None:
        """Render by what somebody read already, and by nothing else."""
        self._known = known

    def look(self, messages: Sequence[Leased]) -> Mapping[str, Hold]:
        """The last look, and what rendering these messages will ask for where it was not read yet."""
        now = self.workspace.clock.now()
        held = looking.look(self.workspace, messages, now)
        going = [m.persona_id for m in messages if m.message_id not in held and m.persona_id not in self._known.owners]
        if going:
            self.prepare(going, now)
        owners, facts = self._known.owners, self._known.facts
        mine = {m.message_id: facts.get(owners.get(m.persona_id, m.customer), {}) for m in messages}
        return {**looking.overtaken(self.workspace, messages, mine, now), **held}

    def prepare(self, personas: Sequence[int], now: int) -> None:
        """Read what words say of the customers whom these personas are now."""
        if not personas:
            return
        mine = owners_of(personas)
        customers = mine["customer"].unique().to_list()
        frame = self.workspace.relationships(now, measures=sorted(self._names), customers=customers)
        rows = self.workspace.engine.collect(frame).drop("draw").iter_rows(named=True)
        known = self._known
        self._known = Known(
            owners={**known.owners, **dict(mine.iter_rows())},
            facts={**known.facts, **{row["customer"]: {measure(n): v for n, v in row.items()} for row in rows}},
            profiles={**known.profiles, **profiles(self.workspace, customers)},
            before={**known.before, **(_before(self.workspace, customers, now) if "phone" in self.senders else {})},
        )

    def read_by_words(self, channel: str | None = None) -> set[str]:
        """The measures that any of the words read, or those on one channel, and the language."""
        names, known = {"prefers.language"}, self.workspace.playbook.measures
        for one in self._words.words.values():
            if channel not in (None, one.channel):
                continue
            texts = [(one.source, one.file), (one.subject, one.subject_file), *((say, one.file) for say in one.say)]
            for source, file in texts:
                if source is not None and file is not None:
                    reads = wording.reads(self._words.sandbox, source, file)
                    names |= {read.name for read in reads if known.type_of(read.name) is not None}
        return names

    def render(self, message: Leased) -> Outgoing:
        """The message as its sender takes it; raises what rendering raises, which holds it."""
        now = self.workspace.clock.now()
        customer = self._known.owners.get(message.persona_id, message.customer)
        spoken = self._known.facts.get(customer, {}).get("prefers.language")
        words = self._words.find(message.conversation, message.channel, message.variant or "", spoken)
        own = own_links(self.workspace, message, now)
        told = self.variables_for(customer, words, message.identifier, now, own, message.gift_code)
        if message.recurrence.startswith(notices.MARK):
            told |= notices.variables(message.message_id)
        rendered = self._renderer.render(words, told)
        traits = self._known.profiles.get(customer, {})
        payload = {
            "who": {"name": traits["name"]} if "name" in traits else {},
            "before": self._known.before.get(customer, []),
            "known": traits,
        }
        return Outgoing(
            message_id=message.message_id,
            channel=message.channel,
            address=message.identifier,
            class_=message.talk_class,
            purpose=message.purpose,
            brand=self.brand(words),
            language=words.language,
            rendered=rendered,
            unsubscribe_url=own.get("unsubscribe_url"),
            payload=payload,
        )

    def preview(
        self, customer: int, conversation: str, channel: str, variant: str, language: str | None, address: str = ""
    ) -> Preview:
        """How a message to the customer would look; nothing is reserved, given or sent, and its links lead nowhere."""
        now = self.workspace.clock.now()
        self.prepare([customer], now)
        spoken = language or self._known.facts.get(customer, {}).get("prefers.language")
        words = self._words.find(conversation, channel, variant, spoken)
        gift = self.workspace.playbook.conversations[conversation].gift
        nowhere = f"{self.workspace.settings.public_url}/u/preview"
        own = {"preferences_url": nowhere, "link_url": nowhere}
        if words.purpose in UNSUBSCRIBABLE:
            own["unsubscribe_url"] = nowhere
        told = self.variables_for(customer, words, address, now, own, "GIFT-CODE" if gift is not None else None)
        return self._renderer.preview(conversation, channel, variant, spoken, told)

    def variables_for(
        self, customer: int, words: Words, identifier: str, now: int, own: Mapping[str, str], gift_code: str | None
    ) -> dict[str, object]:
        """Every variable that the words may read; `own` are links, as `own_links`."""
        organisation = self.workspace.playbook.organisation
        facts = {name: value for name, value in self._known.facts.get(customer, {}).items() if name != "customer"}
        traits = self._known.profiles.get(customer, {})
        lines = [str(traits[name]) for name in ("name", "address") if name in traits]
        return variables(
            organisation.name,
            self.brand(words),
            today=from_micros(now).astimezone(ZoneInfo(organisation.zone)),
            address="\n".join(lines) if words.channel in ("post", "print") and "address" in traits else identifier,
            measures=facts,
            profile=traits,
            unsubscribe_url=own.get("unsubscribe_url"),
            preferences_url=own.get("preferences_url"),
            link_url=own.get("link_url"),
            gift_code=gift_code,
        )

    def brand(self, words: Words) -> Brand:
        """In whose name they are said."""
        organisation = self.workspace.playbook.organisation
        return organisation.brand_details.get(words.brand) or Brand(organisation.name)

    def close(self) -> None:
        """Let go of senders and of what sets letters."""
        for sender in self.senders.values():
            sender.close()
        self._renderer.close()

    def _opened(self, channel: str, sender: Sender) -> bool:
        """One sender that cannot be opened keeps its own messages waiting, and nobody else's."""
        try:
            sender.open()
        except Exception as error:
            self.broken[channel] = f"its sender cannot be opened: {type(error).__name__}"
            return False
        return True


def _due(now: int, channels: Sequence[str]) -> list[int]:
    """The personas whose messages are due now on one of the channels and not stopped, as many as a turn hands over."""
    if not channels:
        return []
    marks = ", ".join(["%s"] * len(channels))
    found = read(
        "SELECT DISTINCT persona_id FROM delivery_message m WHERE state IN ('reserved', 'held', 'sending') AND state <> 'sending' AND due_at <= %s"  # noqa: S608 - marks alone
        f" AND channel IN ({marks}) AND NOT {stops.is_stopped('m')} LIMIT %s",
        {"persona_id": pl.Int64},
        [now, *channels, BATCH * MOST_BATCHES],
    )
    return found["persona_id"].to_list()


@contextmanager
def opened(workspace: Workspace, senders: Mapping[str, Sender] | None = None) -> Iterator[Carried]:
    """The workspace's own senders, or these, open."""
    giving.load(workspace)
    carried = Carried(workspace, senders if senders is not None else senders_of(workspace))
    try:
        yield carried
    finally:
        carried.close()


def senders_of(workspace: Workspace) -> dict[str, Sender]:
    """Channel -> its sender, of the channels that the playbook talks by and that a setting or a folder carries."""
    settings, clock = workspace.settings, workspace.clock
    used = {way.channel for talk in workspace.playbook.conversations.values() for way in talk.ways}
    found: dict[str, Sender] = {}
    for channel in sorted(used):
        if channel == "email":
            mail = mail_sender(workspace)
            if mail is not None:
                found[channel] = mail
        elif channel == "phone":
            found[channel] = CallSender()
        elif channel in ("post", "print"):
            found[channel] = LetterSender(settings.letters, clock, channel)
        elif settings.webhook_url is not None:
            found[channel] = WebhookSender(
                settings.webhook_url,
                settings.webhook_secret,
                channel,
                allow_private=settings.webhook_private,
                clock=clock,
            )
    return found


def mail_sender(workspace: Workspace, *, seconds: float | None = None) -> SmtpSender | None:
    """Whoever carries e-mails, None where no server is set; `seconds` is how long it is waited for where somebody waits."""
    url = workspace.settings.smtp_url
    if url is None:
        return None
    if seconds is None:
        return SmtpSender(url, clock=workspace.clock)
    return SmtpSender(url, clock=workspace.clock, seconds=seconds, seconds_at_end=seconds)


def without_sender(workspace: Workspace) -> dict[str, str]:
    """Channel that the playbook talks by and nobody carries, nor asks for -> what to do, as words."""
    used = {way.channel for talk in workspace.playbook.conversations.values() for way in talk.ways}
    missing = sorted(used - set(senders_of(workspace)) - set(showing.ASKED_FOR))
    return {channel: f"set TOUCHLINE_{'SMTP' if channel == 'email' else 'WEBHOOK'}_URL" for channel in missing}


def own_links(workspace: Workspace, message: Leased, now: int) -> dict[str, str]:
    """Variable -> signed link of this message's address: to its wishes; to end the purpose on the channel where that can be ended; what was asked for."""
    public = workspace.settings.public_url
    found = {"preferences_url": links.url(public, "preferences", message.persona_id, now)}
    if message.purpose in UNSUBSCRIBABLE:
        found["unsubscribe_url"] = links.url(
            public, "unsubscribe", message.persona_id, now, (message.purpose, message.channel)
        )
    asked = links.asked_for(message.recurrence)
    if asked is not None:
        use, about = asked
        found["link_url"] = links.url(public, use, message.persona_id, now, about)
    return found


def _before(workspace: Workspace, customers: Sequence[int], now: int) -> dict[int, list[dict[str, Any]]]:
    """Of each customer the latest encounters, the latest first: when, where, what; neither messages nor mere visits to a site."""
    owners = recognition.people(of=pl.Series(list(customers), dtype=pl.Int64)).select("persona_id", "customer")
    wanted = ("persona_id", "occurred_at", "kind", "touchpoint", "conversation", "machine")
    rows = workspace.ledger.frame(
        workspace.engine, wanted, personas=owners["persona_id"].to_list(), occurred_until=now
    ).filter(~nw.col("touchpoint").is_null(), ~nw.col("machine"), ~nw.col("kind").is_in([*OUTBOUND, "visited"]))
    told = workspace.engine.collect(rows).join(owners, on="persona_id").sort("occurred_at", descending=True)
    found: dict[int, list[dict[str, Any]]] = {}
    for row in told.group_by("customer", maintain_order=True).head(BEFORE).iter_rows(named=True):
        found.setdefault(row["customer"], []).append(
            {
                "at": format_instant(row["occurred_at"]),
                "what": row["conversation"] or row["kind"],
                "where": row["touchpoint"],
            }
        )
    return found
