"""In: a conversation, one of its ways. Out: conditions that say which policies hold it. Writes no interactions.

This is the only place where a policy is said. `decide`, `explain` and the gate all run what is made here; a
condition that is unknown blocks. A policy's word for people is made from the facts that its condition read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from touchline.decision.purposes import TABLE, Purpose
from touchline.interactions.preferences import DAYS
from touchline.kernel.errors import TouchlineError
from touchline.kernel.measures import LONGEST_WINDOW_DAYS
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import Conversation, OwnPolicy, Playbook, Programme, Step, Way

Facts = Mapping[str, Value]
Says = Callable[[Facts], str]

NEVER = 99999
"""Days since what never happened."""


class PlanFault(TouchlineError):
    """The playbook cannot be made into a plan."""

    code = "plan"


@dataclass(frozen=True)
class Draft:
    """One policy on one candidate.

    name    the policy, with a member where the playbook names several: `consent`, `cap.email`, `own.NAME`
    blocks  condition text; the candidate is held where it is true or unknown
    says    the facts of a held customer -> why, a phrase that reads after `held by NAME:`
    """

    name: str
    blocks: str
    says: Says


@dataclass(frozen=True)
class Offer:
    """A conversation by one of its ways, under a playbook: what a policy is asked about."""

    playbook: Playbook
    conversation: Conversation
    way: Way

    @property
    def purpose(self) -> Purpose:
        """Its line of the table of purposes."""
        return TABLE[self.conversation.purpose]

    @property
    def said_by(self) -> tuple[Programme, Step] | None:
        """The programme and its step that say the conversation; None where none does."""
        return said_by(self.playbook, self.conversation)

    @property
    def other_ways(self) -> tuple[Way, ...]:
        """The conversation's ways on other channels."""
        return tuple(way for way in self.conversation.ways if way.channel != self.way.channel)


@dataclass(frozen=True)
class Policy:
    """One kind of policy that every programme has.

    name     as counted in `held`
    means    one sentence for people; the reference page repeats it
    applies  whether a purpose is under it at all
    drafts   an offer -> its conditions; none where the playbook leaves it out
    """

    name: str
    means: str
    applies: Callable[[Purpose], bool]
    drafts: Callable[[Offer], Iterator[Draft]]

    @property
    def purposes(self) -> tuple[str, ...]:
        """The purposes that are under it."""
        return tuple(purpose.name for purpose in TABLE.values() if self.applies(purpose))


def said_by(playbook: Playbook, conversation: Conversation) -> tuple[Programme, Step] | None:
    """The one programme, and its one step, that say a conversation; None where no programme does."""
    steps = ((programme, step) for programme in playbook.programmes.values() for step in programme.steps)
    return next(((programme, step) for programme, step in steps if step.conversation == conversation.name), None)


def drafts(playbook: Playbook, conversation: Conversation, way: Way) -> tuple[Draft, ...]:
    """Every policy on that conversation by that way, in the order in which they are told."""
    offer = Offer(playbook, conversation, way)
    return tuple(draft for policy in POLICIES if policy.applies(offer.purpose) for draft in policy.drafts(offer))


def shown(value: Value) -> str:
    """A fact as people read it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _suppression(offer: Offer) -> Iterator[Draft]:
    channel = offer.way.channel
    yield Draft(
        "suppression",
        f"suppressed.{channel}",
        lambda _: f"messages by {channel} are suppressed after a hard bounce, a spam report, a death or by law",
    )


def _reachable(offer: Offer) -> Iterator[Draft]:
    channel = offer.way.channel
    yield Draft("reachable", f"NOT reach.{channel}", lambda _: f"no usable address or number for {channel} is known")


def _consent(offer: Offer) -> Iterator[Draft]:
    purpose, channel = offer.conversation.purpose, offer.way.channel
    consent, withdrawn = (f"{group}.{purpose}_{channel}" for group in ("consent", "withdrawn"))

    def says(facts: Facts) -> str:
        if facts.get(withdrawn) is True:
            return f"opted out of {purpose} by {channel}"
        if facts.get(consent) is True:
            return f"the consent for {purpose} by {channel} has no evidence"
        return f"no consent for {purpose} by {channel}"

    yield Draft("consent", _consent_blocks(offer, offer.way), says)


def _consent_blocks(offer: Offer, way: Way) -> str:
    policies, purpose = offer.playbook.policies, offer.conversation.purpose
    member = f"{purpose}_{way.channel}"
    if offer.purpose.basis == "opt_out":
        return f"withdrawn.{member}"
    granted = f"consent.{member}"
    if purpose not in policies.consent_without_evidence:
        granted = f"({granted} AND evidence.{member})"
    if purpose not in policies.soft_opt_in:
        return f"NOT {granted}"
    if offer.purpose.basis != "opt_in_or_soft":
        raise PlanFault(
            f"policies give {purpose} a soft opt-in",
            remedy="Only care may rest on one; take the purpose out of `soft_opt_in`.",
        )
    when = policies.soft_opt_in_when
    soft = f"NOT withdrawn.{member}" if when is None else f"({when.text}) AND NOT withdrawn.{member}"
    return f"NOT ({granted} OR ({soft}))"


def _preferred_channel(offer: Offer) -> Iterator[Draft]:
    channel = offer.way.channel
    refuses = f"COALESCE(prefers.refuses_{channel}, FALSE)"
    liked = [f"(prefers.likes_{way.channel} AND {_usable(offer, way)})" for way in offer.other_ways]
    if not offer.purpose.contractual:
        blocks = refuses
        if liked:
            blocks += f" OR (NOT COALESCE(prefers.likes_{channel}, FALSE) AND COALESCE({' OR '.join(liked)}, FALSE))"
    elif offer.other_ways:
        # What is owed goes by a refused channel only where there is no other.
        blocks = f"{refuses} AND COALESCE({' OR '.join(_usable(offer, way) for way in offer.other_ways)}, FALSE)"
    else:
        return

    def says(facts: Facts) -> str:
        if facts.get(f"prefers.refuses_{channel}") is True:
            return f"does not want messages by {channel}"
        others = [w.channel for w in offer.other_ways if facts.get(f"prefers.likes_{w.channel}") is True]
        return f"likes {' or '.join(others)} better than {channel}"

    yield Draft("preference.channel", blocks, says)


def _usable(offer: Offer, way: Way) -> str:
    """That another way is open: a wish for it holds this one back only then."""
    channel = way.channel
    parts = [f"reach.{channel}", f"NOT suppressed.{channel}", f"NOT COALESCE(prefers.refuses_{channel}, FALSE)"]
    if offer.purpose.basis != "contract":
        parts.append(f"NOT ({_consent_blocks(offer, way)})")
    return f"({' AND '.join(parts)})"


def _preferred_topic(offer: Offer) -> Iterator[Draft]:
    topic = offer.conversation.topic
    if topic is not None:
        yield Draft(
            "preference.topic",
            f"NOT COALESCE(prefers.topic_{topic}, TRUE)",
            lambda _: f"does not want to hear about {topic}",
        )


def _preferred_frequency(_: Offer) -> Iterator[Draft]:
    yield Draft(
        "preference.frequency",
        "prefers.max_per_week IS NOT NULL AND contact.all_7d >= prefers.max_per_week",
        lambda facts: (
            f"wants at most {shown(facts['prefers.max_per_week'])} messages a week "
            f"and had {shown(facts['contact.all_7d'])} in the last 7 days"
        ),
    )


def _preferred_time(offer: Offer) -> Iterator[Draft]:
    if offer.conversation.urgent and offer.purpose.urgent_passes:
        return
    yield Draft(
        "preference.time",
        "NOT (COALESCE(prefers.day_fits, TRUE) AND COALESCE(prefers.hour_fits, TRUE))",
        lambda facts: (
            f"does not want messages {'at this hour' if facts['prefers.day_fits'] is not False else 'on this day'}"
        ),
    )


def _caps(offer: Offer) -> Iterator[Draft]:
    purpose, channel = offer.conversation.purpose, offer.way.channel
    for cap in offer.playbook.policies.caps:
        if offer.purpose.caps == "own" and cap.purpose != purpose:
            continue
        if (cap.purpose or purpose) != purpose or (cap.channel or channel) != channel:
            continue
        if cap.purpose is not None and cap.channel is not None:
            raise PlanFault(
                f"the cap {cap.name} selects both a purpose and a channel", remedy="Write one cap for each of the two."
            )
        days, rest = divmod(cap.every, DAY)
        if rest or not 1 <= days <= LONGEST_WINDOW_DAYS:
            raise PlanFault(
                f"the cap {cap.name} does not run over whole days",
                remedy=f"Let `every` be between 1 d and {LONGEST_WINDOW_DAYS} d.",
            )
        yield _cap(cap.name, f"contact.{cap.purpose or cap.channel or 'all'}_{days}d", cap.at_most, days)


def _cap(name: str, count: str, at_most: int, days: int) -> Draft:
    unit = "day" if days == 1 else f"{days} days"
    return Draft(
        f"cap.{name}",
        f"{count} >= {at_most}",
        lambda facts: f"had {shown(facts[count])} messages in the last {unit}, at most {at_most} are allowed",
    )


def _one_a_day(offer: Offer) -> Iterator[Draft]:
    classes = [c for c in offer.playbook.policies.one_a_day if not _is_contractual(c)]
    if offer.purpose.class_ not in classes:
        return
    counts = [f"contact.{purpose.name}_1d" for purpose in TABLE.values() if purpose.class_ in classes]

    def says(facts: Facts) -> str:
        had = (
            f"{shown(facts[count])} of {count.partition('.')[2].removesuffix('_1d')}"
            for count in counts
            if facts[count]
        )
        return f"had a message in the last day already: {', '.join(had)}"

    yield Draft("one_a_day", " OR ".join(f"{count} >= 1" for count in counts), says)


def _is_contractual(class_: int) -> bool:
    return any(purpose.class_ == class_ and purpose.contractual for purpose in TABLE.values())


def _quiet_hours(offer: Offer) -> Iterator[Draft]:
    quiet = offer.playbook.policies.quiet
    if quiet is None or (offer.conversation.urgent and offer.purpose.urgent_passes):
        return
    start, end, days = quiet
    hours = {
        True: f"(clock.minute >= {start} AND clock.minute < {end})",
        # Over midnight.
        False: f"(clock.minute >= {start} OR clock.minute < {end})",
    }[start < end]
    parts = [hours] if start != end else []
    if days:
        parts.append(f"clock.weekday IN ({', '.join(str(day) for day in sorted(days))})")
    if not parts:
        return

    def says(facts: Facts) -> str:
        minute, weekday = facts.get("clock.minute"), facts.get("clock.weekday")
        if isinstance(weekday, int) and weekday in days:
            return f"no messages on a {DAYS[weekday]}, a quiet day"
        now = f"{int(minute) // 60:02}:{int(minute) % 60:02}" if isinstance(minute, int) else "unknown"
        return f"it is {now}, quiet from {start // 60:02}:{start % 60:02} until {end // 60:02}:{end % 60:02}"

    yield Draft("quiet_hours", " OR ".join(parts), says)


def _care_first(offer: Offer) -> Iterator[Draft]:
    topic = offer.conversation.topic
    if offer.purpose.care_first == "unless_about_it" and topic is not None:
        blocks = f"care.due AND NOT {_about_last_encounter(topic)}"
    else:
        blocks = "care.due"
    yield Draft("care_first", blocks, lambda _: "a care need is due, and this is not about it")


def _about_last_encounter(topic: str) -> str:
    return f"COALESCE(topic.last = '{topic}', FALSE)"


def since_encounter() -> str:
    """Days since the last encounter or opt-in, as condition text."""
    return f"LEAST(COALESCE(days_since.encounter, {NEVER}), COALESCE(days_since.opt_in, {NEVER}))"


def out_of_context(conversation: Conversation) -> str | None:
    """That the conversation is not about the last encounter, as condition text; None where it never is."""
    return None if conversation.topic is None else f"NOT {_about_last_encounter(conversation.topic)}"


def _cool_off(offer: Offer) -> Iterator[Draft]:
    policies = offer.playbook.policies
    if offer.conversation.purpose not in policies.cool_off_purposes or not policies.cool_off_after:
        return
    days = policies.cool_off_after / DAY
    waits = f"{since_encounter()} < {days!r}"
    elsewhere = out_of_context(offer.conversation)

    def says(facts: Facts) -> str:
        seen = [v for n in ("days_since.encounter", "days_since.opt_in") if isinstance(v := facts[n], float | int)]
        last = f"{min(seen):.1f} days ago" if seen else "unknown"
        return f"the last encounter or opt-in was {last}, {offer.conversation.purpose} waits {days:g} days"

    yield Draft("cool_off", waits if elsewhere is None else f"{waits} AND {elsewhere}", says)


def _balance(offer: Offer) -> Iterator[Draft]:
    need = offer.playbook.policies.balance
    if need is None or offer.conversation.asked <= 0:
        return
    yield Draft(
        "balance",
        f"NOT ({need.text})",
        lambda facts: f"it asks, and the value account is overdrawn: {_told(facts)}, an ask needs {need.text}",
    )


def _recurrence(offer: Offer) -> Iterator[Draft]:
    conversation = offer.conversation
    last = f"recency.{conversation.name}"
    if offer.said_by is not None:
        programme = offer.said_by[0].name
        # What was said in the very tick of the entry was said since; a second of grace outweighs how days are rounded.
        since = f"programme.{programme}.days_since_entry + {1 / 86_400!r}"
        blocks = f"{last} IS NOT NULL AND COALESCE({last} <= {since}, TRUE)"
        how_often = f"once per entry into the programme {programme}"
    elif conversation.recurs == "once":
        blocks, how_often = f"{last} IS NOT NULL", "once"
    elif conversation.recurs == "every":
        days = (conversation.recurs_every or 0) / DAY
        blocks, how_often = f"COALESCE({last}, {NEVER}) < {days!r}", f"once in {days:g} days"
    else:
        start, how_often = {
            "term": ("days_since.term_start", "once per agreement term"),
            "episode": ("days_since.episode", "once per episode"),
        }[conversation.recurs]
        # Said before, and no term or episode known that began since.
        blocks = f"{last} IS NOT NULL AND COALESCE({last} <= {start}, TRUE)"
    yield Draft(
        "recurrence",
        blocks,
        lambda facts: f"was said {shown(facts[last])} days ago and may be said {how_often}",
    )


def _holdout(offer: Offer) -> Iterator[Draft]:
    yield Draft("holdout", "arm.global = 'control'", lambda _: "is in the control group of this year's global holdout")
    if offer.said_by is not None:
        programme = offer.said_by[0].name
        yield Draft(
            f"holdout.{programme}",
            f"programme.{programme}.arm = 'control'",
            lambda _: f"is in the control group of the programme {programme}",
        )


def _own(offer: Offer) -> Iterator[Draft]:
    for own in offer.playbook.policies.own:
        if not own.purposes or offer.conversation.purpose in own.purposes:
            yield _own_draft(own)


def _own_draft(own: OwnPolicy) -> Draft:
    blocks = own.blocks.text
    return Draft(f"own.{own.name}", blocks, lambda facts: own.says or f"{blocks}, where {_told(facts)}")


def _told(facts: Facts) -> str:
    return ", ".join(f"{name} is {shown(value)}" for name, value in facts.items())


POLICIES: tuple[Policy, ...] = (
    Policy(
        "suppression",
        "Nobody is contacted by a channel after a hard bounce there, or at all after a spam report, a death or by law.",
        lambda _: True,
        _suppression,
    ),
    Policy("reachable", "A channel needs an address or number that can be used.", lambda _: True, _reachable),
    Policy(
        "consent",
        "A purpose needs its basis: an opt-in with evidence, the playbook's soft opt-in, or no opt-out.",
        lambda purpose: purpose.basis != "contract",
        _consent,
    ),
    Policy(
        "preference.channel",
        "A refused channel is not used; where a liked one is open, no other is.",
        lambda _: True,
        _preferred_channel,
    ),
    Policy(
        "preference.topic",
        "A topic that the customer does not want is not raised.",
        lambda purpose: not purpose.contractual,
        _preferred_topic,
    ),
    Policy(
        "preference.frequency",
        "The customer's own maximum of messages a week is kept.",
        lambda purpose: not purpose.contractual,
        _preferred_frequency,
    ),
    Policy(
        "preference.time",
        "Messages come on the days and at the hours that the customer asked for.",
        lambda _: True,
        _preferred_time,
    ),
    Policy("cap", "Rolling frequency caps, overall, per channel and per purpose.", lambda p: p.caps != "none", _caps),
    Policy(
        "one_a_day",
        "At most one message a day of the classes that the playbook lists.",
        lambda purpose: not purpose.contractual,
        _one_a_day,
    ),
    Policy(
        "quiet_hours",
        "No message in quiet hours and on quiet days of the customer's zone.",
        lambda _: True,
        _quiet_hours,
    ),
    Policy(
        "care_first",
        "While a care need is due, other talk waits on all channels.",
        lambda purpose: purpose.care_first != "passes",
        _care_first,
    ),
    Policy(
        "cool_off",
        "After an encounter or an opt-in, selling waits, unless it belongs to that encounter.",
        lambda purpose: not purpose.contractual,
        _cool_off,
    ),
    Policy(
        "balance",
        "A customer whose value account is overdrawn is not asked for more.",
        lambda purpose: not purpose.contractual,
        _balance,
    ),
    Policy("recurrence", "A conversation comes back only as often as it may.", lambda _: True, _recurrence),
    Policy(
        "holdout",
        "Customers in the control group of this year's global holdout, or of the programme itself, are left alone.",
        lambda purpose: purpose.held_out,
        _holdout,
    ),
    Policy("own", "The organisation's own rules.", lambda _: True, _own),
)
"""Every kind of policy, in the order in which they are told. Adding one: its line here, its section in
docs/reference/policies.md, its tests in tests/decision/test_policies.py; a test fails when one is missing."""
