"""In: playbook/conversations/*.yaml. Out: their authored form. Writes no interactions."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from touchline.kernel.times import parse_duration
from touchline.playbook.authored.organisation import Language
from touchline.playbook.authored.words import (
    AnyDuration,
    Authored,
    Channel,
    Duration,
    ExpressionText,
    Kind,
    Name,
    Note,
    Points,
    Purpose,
    TemplateName,
    Text,
    Wait,
    shown,
    wrong,
)  # fmt: skip

FIXED_RECURRENCES: dict[str, Literal["once", "episode", "term"]] = {
    "once": "once",
    "per episode": "episode",
    "per agreement term": "term",
}
"""As authored -> as compiled; beside them `every DURATION`."""


def _recurs(value: str) -> str:
    if value in FIXED_RECURRENCES:
        return value
    every = re.fullmatch(r"every\s+(.+)", value)
    if every is None or (parse_duration(every[1]) or 0) <= 0:
        raise wrong(
            f"{shown(value)} does not say how often.",
            "Write `once`, `per episode`, `per agreement term`, or `every` and a duration, for example `every 90 d`.",
        )
    return value


Recurs = Annotated[
    str,
    AfterValidator(_recurs),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(FIXED_RECURRENCES)},
                {"type": "string", "pattern": r"^every\s+\d{1,9}\s*(min|h|d|y)\s*$"},
            ]
        }
    ),
]


class EventTrigger(Authored):
    """An interaction that makes the conversation due."""

    kind: Kind
    """Its kind."""
    touchpoint: Name | None = None
    """Only there."""
    where: ExpressionText | None = None
    """Only where this holds; `event.COLUMN` is a column of the ledger."""


class DateTrigger(Authored):
    """A date that makes the conversation due."""

    of: Annotated[
        str,
        WithJsonSchema({"type": "string", "description": "term_start, renewal, or a kind: the first of that kind."}),
    ]
    """`term_start`, `renewal`, or a kind of interaction, of which the first counts."""
    every: Duration | None = None
    """Again after so long; left out: once."""
    at: AnyDuration = "0 d"
    """So long after it, or before where negative."""


class Trigger(Authored):
    """What makes the conversation due: an event or a date."""

    event: EventTrigger | None = None
    """An interaction."""
    date: DateTrigger | None = None
    """A date."""
    wait: Wait = "0 d"
    """Due only so long after the event."""
    within: Duration = "1 d"
    """Due for so long; after that it is too late."""


class Value(Authored):
    """Points given and asked: 1 is a thank-you note, 5 a small gift."""

    given: Points = 0.0
    """What the customer gets."""
    asked: Points = 0.0
    """What it asks of them."""


class Goal(Authored):
    """What the conversation is for."""

    kind: Kind
    """The interaction hoped for."""
    within: Duration
    """Counted for so long after contact."""
    worth: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    """Money it is worth, in major units."""


class Variant(Authored):
    """One wording."""

    name: Name
    """Unique in its channel."""
    share: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Relative to its siblings'."""
    template: TemplateName
    """File in playbook/templates."""
    subject: TemplateName | None = None
    """File in playbook/templates with an e-mail's subject."""


class Way(Authored):
    """A channel of the conversation."""

    touchpoint: Name
    """Where it takes place; its channel must be this one."""
    variants: Annotated[list[Variant], Field(min_length=1, max_length=20)]
    """The wordings that are compared."""


class Gift(Authored):
    """A code that the message hands over."""

    pool: Name
    """One of the pools of gifts.yaml."""
    budget: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """At most so many codes by this conversation; left out: all that the pool has."""


class Call(Authored):
    """What a call's task shows to whoever calls."""

    say: Annotated[list[Text], Field(max_length=20)] = Field(default_factory=list)
    """What to say: short texts, in Liquid."""
    never_ask: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    """What the organisation knows already, so that nobody asks for it again."""


class Conversation(Authored):
    """One thing to say or ask."""

    name: Name
    """Unique among the conversations."""
    purpose: Purpose
    """What it is for; decides which consent and policies it needs."""
    brand: Name | None = None
    """One of the brands; may be left out where there is only one."""
    topic: Name | None = None
    """One of the topics."""
    languages: list[Language] | None = None
    """Languages it is written in; left out: all of the organisation's."""
    audience: ExpressionText
    """Name of an audience, or a condition."""
    trigger: Trigger | None = None
    """What makes it due; left out: the audience alone."""
    recurs: Recurs
    """`once`, `per episode`, `per agreement term` or `every 365 d`."""
    value: Value = Field(default_factory=Value)
    """Points given and asked."""
    goal: Goal | None = None
    """What it is for, in the ledger's terms."""
    lever: Annotated[float, Field(ge=0, le=1_000)] = 1.0
    """The author's multiplier of its priority."""
    urgent: bool = False
    """Passes quiet hours; for purpose service only."""
    gift: Gift | None = None
    """A code that each message hands over; without one left the message is held."""
    call: Call | None = None
    """What a call's task shows; on the phone only."""
    channels: Annotated[dict[Channel, Way], Field(min_length=1)]
    """By channel."""
    note: Note = ""
    """For the authors."""
