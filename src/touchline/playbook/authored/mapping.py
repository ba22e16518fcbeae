"""In: playbook/mapping.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from touchline.playbook.authored.words import Authored, ExpressionText, Kind, Name, Note


class EventAgreement(Authored):
    """The agreement that an event carries."""

    id: ExpressionText
    """Its id, a text."""
    term_start: ExpressionText | None = None
    """When the term begins."""
    renewal: ExpressionText | None = None
    """When it is to be renewed."""


class EventEpisode(Authored):
    """The episode to which an event belongs."""

    type: Name
    """An episode type of touchpoints.yaml."""
    id: ExpressionText
    """Its id, a text."""
    closes: ExpressionText | None = None
    """TRUE where the event closes it."""


class EventReadings(Authored):
    """How the event was experienced: numbers in [-1, 1], or NULL for unknown."""

    emotional: ExpressionText | None = None
    """How it felt."""
    reliability: ExpressionText | None = None
    """Whether it came as promised."""
    convenience: ExpressionText | None = None
    """Whether it was easy."""
    responsiveness: ExpressionText | None = None
    """Whether it was quick."""
    relevance: ExpressionText | None = None
    """Whether it mattered to them."""


class Event(Authored):
    """How an event becomes an interaction; expressions read `event.X`, properties of the incoming event."""

    kind: Kind
    """Kind of the catalogue."""
    touchpoint: Name | None = None
    """A touchpoint of touchpoints.yaml."""
    readings: EventReadings | None = None
    """How it was experienced."""
    episode: EventEpisode | None = None
    """The episode it belongs to."""
    agreement: EventAgreement | None = None
    """The agreement it carries."""
    revenue: ExpressionText | None = None
    """Money in, in major units; negative for a refund."""
    cost: ExpressionText | None = None
    """Cost to serve, in major units."""
    about: ExpressionText | None = None
    """What a reading judges: 'interaction:ID', 'episode:ID' or 'touchpoint:NAME'."""
    given: ExpressionText | None = None
    """Points given."""
    asked: ExpressionText | None = None
    """Points asked."""
    message_id: ExpressionText | None = None
    """The message it belongs to."""
    conversation: ExpressionText | None = None
    """The conversation of that message."""
    variant: ExpressionText | None = None
    """The variant of that message."""
    purpose: ExpressionText | None = None
    """Purpose of a message or a consent."""
    channel: ExpressionText | None = None
    """Channel of a message or a consent."""
    identifier: ExpressionText | None = None
    """The address used or consented for."""
    in_reply_to: ExpressionText | None = None
    """What it answers."""
    case_id: ExpressionText | None = None
    """The case it belongs to."""
    survey: ExpressionText | None = None
    """The survey it answers."""
    question: ExpressionText | None = None
    """The question it answers."""
    answer: ExpressionText | None = None
    """The scored answer, a number."""
    text: ExpressionText | None = None
    """What was said."""
    evidence: ExpressionText | None = None
    """Who agreed, when, how, to which wording."""
    machine: ExpressionText | None = None
    """TRUE where a scanner or proxy did it."""
    reason: ExpressionText | None = None
    """Of a failure, opt-out or suppression."""
    preference: dict[Name, ExpressionText] = Field(default_factory=dict)
    """Preferences told: key -> value.

    Keys: max_per_week, days, hours, zone, language, topic_TOPIC, likes_CHANNEL, refuses_CHANNEL.
    """
    note: Note = ""
    """For the authors."""


EventName = Annotated[str, Field(min_length=1, max_length=200)]


class DefaultEvent(Authored):
    """What an event becomes that `events` does not name."""

    kind: Kind = "acted"
    """Kind of the catalogue."""
    touchpoint: Name
    """A touchpoint of touchpoints.yaml."""


class Mapping(Authored):
    """How the organisation's own events become interactions."""

    default: DefaultEvent
    """For events that are not named."""
    events: dict[EventName, Event] = Field(default_factory=dict)
    """By the event's own name."""
