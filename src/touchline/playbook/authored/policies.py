"""In: playbook/policies.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from touchline.playbook.authored.words import (
    Authored,
    Channel,
    Day,
    Duration,
    ExpressionText,
    Kind,
    Name,
    Note,
    Purpose,
    Reading,
    Share,
    TimeOfDay,
    Wait,
)  # fmt: skip


class SoftOptIn(Authored):
    """Customers who need no opt-in; an opt-out still counts."""

    purposes: Annotated[list[Purpose], Field(min_length=1)]
    """For these purposes."""
    when: ExpressionText
    """Under this condition."""


class Consent(Authored):
    """Which consent suffices."""

    without_evidence: list[Purpose] = Field(default_factory=list)
    """Purposes that may rely on imported consent without evidence."""
    soft_opt_in: SoftOptIn | None = None
    """Customers who need no opt-in."""


class Cap(Authored):
    """At most so many messages in a rolling window: of a channel, of a purpose, or of all."""

    name: Name
    """Unique among the policies."""
    at_most: Annotated[int, Field(ge=0, le=1_000)]
    """Messages."""
    every: Duration
    """The window: whole days, at most 365."""
    channel: Channel | None = None
    """Only messages on this channel."""
    purpose: Purpose | None = None
    """Only messages for this purpose."""


class OneADay(Authored):
    """Classes of which a customer gets at most one message a day."""

    classes: list[Annotated[int, Field(ge=2, le=5)]] = Field(default_factory=lambda: [3, 4, 5])
    """Classes of the purposes: 2 care, 3 listening, 4 information and community, 5 selling."""


class QuietHours(Authored):
    """When nobody is disturbed."""

    from_: Annotated[TimeOfDay, Field(alias="from")]
    """They begin."""
    until: TimeOfDay
    """They end, on the next day where this is earlier than `from`."""
    days: list[Day] = Field(default_factory=list)
    """Days that are quiet as a whole."""
    zone: Literal["customer", "organisation"] = "customer"
    """Whose clock counts."""


class CareFirst(Authored):
    """When everything waits because care is due."""

    reading_at_most: Reading = -0.5
    """A reading at or below this needs care."""
    resolved_by: list[Kind] = Field(default_factory=lambda: ["answered_to", "case_resolved"])
    """Kinds of interaction that end the need."""
    missed_after: Duration = "90 d"
    """After this time without one it counts as missed."""


class CoolOff(Authored):
    """Restraint after an encounter or an opt-in."""

    purposes: list[Purpose] = Field(default_factory=lambda: ["selling"])
    """These wait."""
    after: Wait
    """They are blocked for so long."""
    ramp: Wait = "0 d"
    """Then their priority climbs for so long."""


class Balance(Authored):
    """No ask from an overdrawn account."""

    asks_need: ExpressionText
    """What must hold before anything is asked."""


class Reachable(Authored):
    """Held where no identifier is usable on any of the conversation's channels; it has no settings."""


class Holdout(Authored):
    """Customers who are left alone so that the rest can be compared with them."""

    global_: Annotated[Share, Field(alias="global")] = 0.05
    """Share of the customers, in [0, 1]."""
    global_period: Literal["calendar_year"] = "calendar_year"
    """How long an arm is kept."""


class Priority(Authored):
    """How arbitration weighs conversations."""

    customer_value_weight: Annotated[float, Field(ge=0, le=1_000)] = 1.0
    """Money that one point given to the customer counts as."""
    base_rate: Share = 0.05
    """Goal rate assumed where nothing was learned yet."""


class OwnPolicy(Authored):
    """The organisation's own rule."""

    name: Name
    """Unique among the policies."""
    purposes: list[Purpose] = Field(default_factory=list)
    """For these purposes; none: for all."""
    blocks: ExpressionText
    """It blocks where this holds or is unknown."""
    says: Note = ""
    """Why, as `explain` and reports tell it: a phrase, for example "complained less than 60 days ago"."""
    note: Note = ""
    """For the authors."""


class Policies(Authored):
    """Every rule on contact. A part that is left out keeps the defaults written here."""

    consent: Consent = Field(default_factory=Consent)
    """Which consent suffices."""
    caps: Annotated[list[Cap], Field(max_length=50)] = Field(default_factory=list)
    """Frequency caps."""
    one_a_day: OneADay = Field(default_factory=OneADay)
    """One message a day."""
    quiet_hours: QuietHours | None = None
    """When nobody is disturbed; left out: never quiet."""
    care_first: CareFirst = Field(default_factory=CareFirst)
    """Care before everything else."""
    cool_off: CoolOff | None = None
    """Restraint after an encounter; left out: none."""
    balance: Balance | None = None
    """No ask from an overdrawn account; left out: no such rule."""
    reachable: Reachable = Field(default_factory=Reachable)
    """Held where there is no address."""
    holdout: Holdout = Field(default_factory=Holdout)
    """The global holdout."""
    priority: Priority = Field(default_factory=Priority)
    """How arbitration weighs."""
    own: Annotated[list[OwnPolicy], Field(max_length=100)] = Field(default_factory=list)
    """The organisation's own rules."""
