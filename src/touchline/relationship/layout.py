"""In: a compiled playbook. Out: the columns of a persona's folded state, and how they merge. Writes no interactions.

What can be added, counted or kept as an extreme stands here; whatever is not additive is derived from it at read time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from touchline.expressions import Expression
from touchline.interactions.catalogue import CHANNELS, KINDS, MARKETING_PURPOSES, PURPOSES
from touchline.interactions.preferences import KEYS
from touchline.kernel.errors import TouchlineError
from touchline.kernel.measures import SIDES
from touchline.kernel.times import DAY
from touchline.playbook.compiled import Playbook, Step, Trigger

FORM = 2
"""Of the state's columns and of the slice; raised when their meaning changes, so that older snapshots are not read."""

NOWHERE = ""
"""The place of readings without a touchpoint that the playbook knows; its weight is 1."""

WINDOW = 365 * DAY
"""What the slice looks back for pairings and windows."""

PLACES_BEYOND = 511
"""Touchpoints that fit beside a time in one integer."""

ENCOUNTERS: tuple[str, ...] = (
    *(k.name for k in KINDS.values() if k.way == "in" and k.name not in
      {"opted_in", "opted_out", "preferred", "identified", "reported_spam"}),
    "called", "answered_to", "served",
)  # fmt: skip
"""Kinds in which customer and organisation met: what cool-off and context look back to. A message sent is not one."""

ALWAYS: frozenset[str] = frozenset({"bounced", "released", "released_bounce", "prefers:zone", "prefers:language"})
"""Slots that customers are put together by, whatever is derived."""

Operation = Literal["sum", "max", "min"]
SlotType = Literal["decayed", "count", "whole"]


class TooManyTouchpoints(TouchlineError):
    """A playbook holds more touchpoints than a state has room for."""

    code = "too_many_touchpoints"
    remedy = f"Join touchpoints of the same meaning until there are at most {PLACES_BEYOND}."


@dataclass(frozen=True)
class Slot:
    """One column of a folded state; NULL is the identity of each operation.

    name       of the column, parts divided by `:`
    operation  how two values become one
    type       `decayed` a float sum that halves every half-life, scaled when rebased; `count` int32; `whole` int64
    """

    name: str
    operation: Operation
    type: SlotType = "whole"


@dataclass(frozen=True)
class Due:
    """Which interactions start a triggered conversation; `where` reads `event.COLUMN` of the ledger row."""

    conversation: str
    kind: str
    touchpoint: str | None
    where: Expression | None


@dataclass(frozen=True)
class Sequence:
    """The steps of a programme by their ids, in order; `stood:NAME` keeps the place of one of them here, from 1."""

    programme: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """Which columns a persona's state has under one playbook. Two playbooks of equal digest share their snapshots.

    Weights, channels, departments, topics and promises are applied when deriving, so editing them rebuilds nothing.

    half_life      microseconds
    touchpoints    sorted; a touchpoint's number is its place here, from 1
    episode_types  sorted
    kinds          of which counts and last times are kept
    firsts         kinds whose first time is kept
    consents       (purpose, channel)
    preferences    keys, as in `preferred` rows
    conversations  whose last contact is kept
    dues           of conversations triggered by an interaction
    care_reading   a side at or below it is a care need
    resolved_by    kinds that end a care need
    sequences      of the programmes
    dones          (kind, conversation) of the acts that complete a step
    kept           names of the only slots that a narrowed state has; None: all
    """

    half_life: int
    touchpoints: tuple[str, ...]
    episode_types: tuple[str, ...]
    kinds: tuple[str, ...]
    firsts: tuple[str, ...]
    consents: tuple[tuple[str, str], ...]
    preferences: tuple[str, ...]
    conversations: tuple[str, ...]
    dues: tuple[Due, ...]
    care_reading: float
    resolved_by: tuple[str, ...]
    sequences: tuple[Sequence, ...] = ()
    dones: tuple[tuple[str, str], ...] = ()
    kept: frozenset[str] | None = None

    @staticmethod
    def of(playbook: Playbook, also: Iterable[str] = ()) -> Layout:
        """The layout that the playbook's conversations and conditions need.

        `also` names measures wanted beside them, for example the consent to a channel that no conversation uses. Raises
        TooManyTouchpoints.
        """
        if len(playbook.touchpoints) > PLACES_BEYOND:
            raise TooManyTouchpoints(str(len(playbook.touchpoints)))
        talks = playbook.conversations.values()
        purposes = {talk.purpose for talk in talks}
        channels = {way.channel for talk in talks for way in talk.ways}
        named = {*also, *_named(playbook)}
        consents = {(purpose, channel) for purpose in purposes for channel in channels} | set(raising(playbook))
        consents |= {
            (purpose, channel)
            for purpose in PURPOSES
            for channel in CHANNELS
            for group in ("consent", "evidence", "withdrawn")
            if f"{group}.{purpose}_{channel}" in named
        }
        media = {c for c in CHANNELS if f"prefers.likes_{c}" in named or f"prefers.refuses_{c}" in named} | channels
        triggers = {talk.name: talk.trigger for talk in talks if talk.trigger is not None}
        firsts = {trigger.of for trigger in triggers.values() if trigger.of in KINDS} | {"joined"}
        return Layout(
            half_life=playbook.organisation.half_life,
            touchpoints=tuple(sorted(playbook.touchpoints)),
            episode_types=tuple(sorted(playbook.episodes)),
            kinds=tuple(sorted({*playbook.measures.kinds, "opted_in"})),
            firsts=tuple(sorted(kind for kind in firsts if kind is not None)),
            consents=tuple(sorted(consents)),
            preferences=(
                *KEYS,
                *sorted(f"topic_{topic}" for topic in playbook.topics),
                *sorted(f"{verb}_{channel}" for verb in ("likes", "refuses") for channel in media),
            ),
            conversations=tuple(sorted(playbook.conversations)),
            dues=tuple(sorted(_dues(triggers), key=lambda due: due.conversation)),
            care_reading=playbook.policies.care_reading,
            resolved_by=tuple(sorted(playbook.policies.care_resolved_by)),
            sequences=tuple(
                Sequence(name, tuple(step.id for step in playbook.programmes[name].steps))
                for name in sorted(playbook.programmes)
            ),
            dones=tuple(sorted((kind, conversation) for conversation, kind in done_of(playbook).items())),
        )

    def only(self, slots: Iterable[str]) -> Layout:
        """The same for states that have just these slots, and those that every derivation looks at."""
        return replace(self, kept=frozenset(slots) | ALWAYS)

    def keeps(self, slot: str) -> bool:
        """Whether states of this layout have that slot, which the whole layout has."""
        return self.kept is None or slot in self.kept

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """Every column beside `persona_id`, in order."""
        return tuple(slot for slot in self._all_slots() if self.kept is None or slot.name in self.kept)

    @cached_property
    def left_out(self) -> frozenset[str]:
        """Names of the slots that a narrowed state does not have."""
        return frozenset(slot.name for slot in self._all_slots()) - {slot.name for slot in self.slots}

    def _all_slots(self) -> tuple[Slot, ...]:
        return (
            *self._reading_slots(),
            Slot("n", "sum", "count"),
            Slot("latest", "max"),
            Slot("bad", "max"),
            Slot("rows", "sum", "count"),
            *(Slot(f"count:{kind}", "sum", "count") for kind in self.kinds),
            *(Slot(f"last:{kind}", "max") for kind in self.kinds),
            *(Slot(f"first:{kind}", "min") for kind in self.firsts),
            Slot("first", "min"),
            Slot("encounter", "max"),
            Slot("resolved", "max"),
            Slot("given", "sum", "decayed"),
            Slot("asked", "sum", "decayed"),
            Slot("revenue", "sum"),
            Slot("cost", "sum"),
            *(Slot(f"{way}:{p}:{c}", "max") for p, c in self.consents for way in ("granted", "withdrawn")),
            *(Slot(f"prefers:{key}", "max") for key in self.preferences),
            Slot("bounced", "max"),
            Slot("suppressed", "max"),
            Slot("released", "max"),
            Slot("released_bounce", "max"),
            *(Slot(f"contact:{name}", "max") for name in self.conversations),
            *(Slot(f"due:{due.conversation}", "max") for due in self.dues),
            *(Slot(f"{what}:{s.programme}", "max") for s in self.sequences for what in ("stood", "entered")),
            *(Slot(f"arm:{s.programme}", "min") for s in self.sequences),
            *(Slot(f"done:{kind}:{conversation}", "max") for kind, conversation in self.dones),
        )

    @cached_property
    def digest(self) -> str:
        """16 hex digits of SHA-256 over everything that fixes the columns and their meaning."""
        dues = [(d.conversation, d.kind, d.touchpoint, d.where.text if d.where else None) for d in self.dues]
        told: tuple[object, ...] = (
            FORM, self.half_life, self.touchpoints, self.episode_types, self.kinds, self.firsts, self.consents,
            self.preferences, self.conversations, dues, self.care_reading, self.resolved_by, WINDOW, ENCOUNTERS,
        )  # fmt: skip
        if self.sequences:
            told = (*told, [(s.programme, s.steps) for s in self.sequences], self.dones)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def places(self) -> tuple[str, ...]:
        """Where readings are kept: every touchpoint, and NOWHERE, whose number is 0."""
        return (NOWHERE, *self.touchpoints)

    def reference(self, at: int) -> int:
        """The instant that weights are kept against for states near `at`: the last whole multiple of the half-life."""
        return at // self.half_life * self.half_life

    def _reading_slots(self) -> Iterator[Slot]:
        for place in self.places:
            for side in SIDES:
                yield Slot(weight_of(place, side), "sum", "decayed")
                yield Slot(reading_of(place, side), "sum", "decayed")
        for type_ in self.episode_types:
            for place in self.places:
                yield Slot(episode_weight_of(type_, place), "sum", "decayed")
                yield Slot(episode_reading_of(type_, place), "sum", "decayed")


def raising(playbook: Playbook) -> tuple[tuple[str, str], ...]:
    """(purpose, channel) whose proven consent makes a hand-raiser: marketing, on the channels of the conversations."""
    channels = {way.channel for talk in playbook.conversations.values() for way in talk.ways}
    return tuple((purpose, channel) for purpose in MARKETING_PURPOSES for channel in sorted(channels))


def done_of(playbook: Playbook) -> dict[str, str]:
    """Conversation -> the kind of interaction that completes the one step that says it."""
    steps = (step for programme in playbook.programmes.values() for step in programme.steps)
    return {step.conversation: step.done for step in steps if step.conversation is not None and step.done is not None}


def weight_of(place: str, side: str) -> str:
    """The column of the summed decay weights of a side's readings at a place."""
    return f"w:{place}:{side}"


def reading_of(place: str, side: str) -> str:
    """The column of the summed decayed readings of a side at a place."""
    return f"r:{place}:{side}"


def episode_weight_of(type_: str, place: str) -> str:
    """As `weight_of` for overall readings in episodes of a type; by place, whose weight may be edited."""
    return f"ew:{type_}:{place}"


def episode_reading_of(type_: str, place: str) -> str:
    """As `reading_of` for overall readings in episodes of a type."""
    return f"er:{type_}:{place}"


def _named(playbook: Playbook) -> Iterator[str]:
    """Every measure that a condition of the playbook names."""
    policies = playbook.policies
    conditions = [stage.when for stage in playbook.stages]
    conditions += playbook.audiences.values()
    conditions += [talk.audience for talk in playbook.conversations.values()]
    conditions += [policies.soft_opt_in_when, policies.balance, *(own.blocks for own in policies.own)]
    for programme in playbook.programmes.values():
        conditions += [programme.enter, programme.exit]
        conditions += [condition for step in programme.steps for condition in conditions_of(step)]
    for condition in conditions:
        if condition is not None:
            yield from condition.names


def conditions_of(step: Step) -> tuple[Expression, ...]:
    """What a step asks before it lets a customer on."""
    asked = (step.until, *(branch.when for branch in step.branches))
    return tuple(condition for condition in asked if condition is not None)


def _dues(triggers: dict[str, Trigger]) -> Iterator[Due]:
    for name, trigger in triggers.items():
        if trigger.kind is not None:
            yield Due(name, trigger.kind, trigger.touchpoint, trigger.where)
