"""In: nothing. Out: the closed catalogue of interaction kinds. Writes no interactions.

Adding a kind is a step list in CONTRIBUTING.md; a test fails when a step is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VERSION = 1
"""Of the catalogue; stored in each row."""

Way = Literal["in", "out", "observed", "administration"]


@dataclass(frozen=True)
class Kind:
    """One kind of interaction.

    name       as in the ledger
    way        `in` customer act, `out` organisation act, `observed`, `administration`
    requires   ledger columns that must not be NULL; `a|b` means one of the two
    emotional  default emotional reading in [-1, 1]; None is unknown, which is not 0
    given      default points given, asked likewise
    asked
    resolves   a kind that, coming later, ends a care need
    means      one phrase for people
    """

    name: str
    way: Way
    means: str
    requires: tuple[str, ...] = ()
    emotional: float | None = None
    given: float = 0.0
    asked: float = 0.0
    resolves: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("visited", "in", "came to a place", ("touchpoint",)),
        Kind("acted", "in", "did something that the playbook does not name", ("touchpoint",)),
        Kind("bought", "in", "paid", ("revenue_minor",)),
        Kind("refunded", "in", "got money back", ("revenue_minor",), emotional=-0.2),
        Kind("came_back", "in", "returned after having lapsed", ("touchpoint",), emotional=0.3),
        Kind("asked", "in", "asked a question", ("touchpoint",)),
        Kind("replied", "in", "answered a message of ours", ("in_reply_to",), emotional=0.1),
        Kind("complained", "in", "complained; calls for recovery", ("touchpoint",), emotional=-0.7),
        Kind("praised", "in", "praised", ("touchpoint",), emotional=0.7),
        Kind("said", "in", "posted or reviewed", ("text|payload",)),
        Kind("answered", "in", "answered a survey", ("survey", "about")),
        Kind("opted_in", "in", "agreed to be contacted", ("purpose", "channel", "identifier")),
        Kind("opted_out", "in", "withdrew agreement", ("purpose", "channel", "identifier")),
        Kind("preferred", "in", "told a preference", ("payload",)),
        Kind("identified", "in", "told who they are", ("payload",)),
        Kind("referred", "in", "recommended us to somebody", ("payload",), emotional=0.5),
        Kind("joined", "in", "began an agreement", ("agreement_id",)),
        Kind("renewed", "in", "renewed an agreement", ("agreement_id",)),
        Kind("left", "in", "ended an agreement", ("agreement_id",)),
        Kind("contributed", "in", "offered an idea", ("text|payload",)),
        Kind("reported_spam", "in", "called a message spam; suppresses", ("identifier",), emotional=-0.8),
        Kind("assigned", "out", "was drawn into an arm", ("programme", "arm")),
        Kind("sent", "out", "was sent a message", ("message_id", "conversation", "purpose", "identifier")),
        Kind("delivered", "out", "received a message", ("message_id",)),
        Kind("failed", "out", "a message could not be delivered", ("message_id",)),
        Kind("called", "out", "was called", ("message_id",)),
        Kind("answered_to", "out", "got an answer", ("in_reply_to",), given=1.0, resolves=True),
        Kind("served", "out", "was served", ("touchpoint",), given=1.0),
        Kind("gave", "out", "was given something", ("given",)),
        Kind("asked_for", "out", "was asked for something", ("asked",)),
        Kind("case_opened", "out", "a case was opened", ("case_id",)),
        Kind("case_touched", "out", "a case was worked on", ("case_id",)),
        Kind("case_resolved", "out", "a case was resolved", ("case_id",), resolves=True),
        Kind("improved", "out", "something was improved for it", ("case_id",)),
        Kind("told", "out", "was told what became of it", ("case_id",)),
        Kind("opened", "observed", "a message was opened", ("message_id",)),
        Kind("clicked", "observed", "a link was followed", ("message_id",)),
        Kind("stepped", "administration", "moved in a programme", ("programme", "recurrence", "step", "reason")),
        Kind("linked", "administration", "two personas became one customer", ("payload",)),
        Kind("unlinked", "administration", "two personas were parted", ("payload",)),
        Kind("suppressed", "administration", "is not to be contacted", ("reason", "payload")),
        Kind("released", "administration", "may be contacted again", ("payload",)),
        Kind("redeemed", "administration", "a gift code was used", ("payload",)),
    )
}

CUSTOMER_ACTS: tuple[str, ...] = tuple(k.name for k in KINDS.values() if k.way == "in")
ORGANISATION_ACTS: tuple[str, ...] = tuple(k.name for k in KINDS.values() if k.way == "out")
OBSERVED: tuple[str, ...] = tuple(k.name for k in KINDS.values() if k.way == "observed")
RESOLVING: tuple[str, ...] = tuple(k.name for k in KINDS.values() if k.resolves)

CHANNELS: tuple[str, ...] = (
    "web", "app", "push", "email", "sms", "phone", "chat", "store",
    "field", "desk", "post", "print", "social", "event", "meeting", "community",
)  # fmt: skip

PURPOSES: dict[str, int] = {
    "service": 1, "recovery": 1, "care": 2, "listening": 3, "information": 4, "community": 4, "selling": 5,
}  # fmt: skip
"""Purpose -> class; 1 bypasses arbitration."""

MARKETING_PURPOSES: tuple[str, ...] = ("care", "information", "community", "selling")
"""Purposes whose opt-in by an act of their own makes a hand-raiser."""

IDENTIFIER_TYPES: tuple[str, ...] = ("user_id", "account", "email", "phone", "social", "postal", "anonymous_id")
"""Strongest first: a row belongs to the persona of its strongest identifier."""

REACHED_BY: dict[str, str] = {
    "email": "email", "sms": "phone", "phone": "phone", "post": "postal", "print": "postal",
    "social": "social", "push": "anonymous_id", "web": "anonymous_id", "app": "anonymous_id", "chat": "anonymous_id",
}  # fmt: skip
"""Channel -> the type of identifier that a message on it is addressed to."""
