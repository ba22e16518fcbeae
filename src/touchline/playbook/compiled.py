"""In: a checked playbook. Out: the frozen types that every later room runs on. Writes no interactions.

Nothing here can be wrong: names are resolved, expressions are typed, durations are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from touchline.expressions import Expression
from touchline.kernel.measures import Measures


@dataclass(frozen=True)
class Promise:
    """What a touchpoint undertakes; exactly one of `holds` and (`from_kind`, `until_kind`, `within`) is set.

    principle   the tangible principle that it gives a reading to
    kept        reading where it was kept; `broken` where it was not
    within      microseconds between the two kinds, paired by `in_reply_to`
    holds       boolean over `event.X` of the incoming event
    """

    name: str
    principle: str
    kept: float
    broken: float
    from_kind: str | None = None
    until_kind: str | None = None
    within: int | None = None
    holds: Expression | None = None


@dataclass(frozen=True)
class Touchpoint:
    """A declared place of encounter; it fixes channel and department.

    cost   of one message there, in major units of money
    """

    name: str
    channel: str
    department: str
    weight: float
    topic: str | None = None
    promises: tuple[Promise, ...] = ()
    cost: float = 0.0


@dataclass(frozen=True)
class EpisodeType:
    """A journey within the journey: the kinds that close it, and the silence (microseconds) that does."""

    name: str
    closed_by: tuple[str, ...]
    idle_close: int


@dataclass(frozen=True)
class AgreementMapping:
    """Where an event carries an agreement: expressions for its id (text), term start and renewal (time)."""

    id: Expression
    term_start: Expression | None = None
    renewal: Expression | None = None


@dataclass(frozen=True)
class EpisodeMapping:
    """Where an event belongs to an episode: its type, its id (text) and whether it closes it (boolean)."""

    type: str
    id: Expression
    closes: Expression | None = None


@dataclass(frozen=True)
class EventMapping:
    """How an organisation's own event becomes an interaction; expressions read `event.X`.

    columns   other ledger columns by name (text, about, in_reply_to, given, survey, …) -> expression
    """

    kind: str
    touchpoint: str | None
    readings: Mapping[str, Expression] = field(default_factory=dict)
    episode: EpisodeMapping | None = None
    agreement: AgreementMapping | None = None
    revenue: Expression | None = None
    cost: Expression | None = None
    columns: Mapping[str, Expression] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A place in the life cycle; the last has no condition."""

    name: str
    when: Expression | None


Recurs = Literal["once", "episode", "term", "every"]


@dataclass(frozen=True)
class Trigger:
    """What makes a conversation due.

    event: `kind` (and `touchpoint`, `where` over `event.COLUMN` of the ledger row); due from `wait` after it, for
           `within`.
    date:  `of` (`term_start`, `renewal`, or a kind, whose first interaction counts), each `every` (None: once),
           shifted by `at`.
    All durations are microseconds.
    """

    kind: str | None = None
    touchpoint: str | None = None
    where: Expression | None = None
    wait: int = 0
    of: str | None = None
    every: int | None = None
    at: int = 0
    within: int = 86_400_000_000


@dataclass(frozen=True)
class Goal:
    """What the conversation is for: a kind of interaction within so many microseconds, worth so much money."""

    kind: str
    within: int
    worth: float


@dataclass(frozen=True)
class Variant:
    """One wording of a conversation on a channel; `share` is relative to its siblings'."""

    name: str
    share: int
    template: str
    subject: str | None = None


@dataclass(frozen=True)
class Way:
    """A conversation's channel: the touchpoint where it takes place, and its variants."""

    channel: str
    touchpoint: str
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True)
class Gift:
    """What a conversation hands over: one code of a pool a message, at most `budget` codes by this conversation."""

    pool: str
    budget: int | None = None


@dataclass(frozen=True)
class Call:
    """What a call task shows: what to say (Liquid texts), and which identifiers, columns or facts never to ask for."""

    say: tuple[str, ...] = ()
    never_ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """One thing to say or ask. `recurs_every` is microseconds, for `every` only; `call` is of the phone only."""

    name: str
    purpose: str
    brand: str
    topic: str | None
    languages: tuple[str, ...]
    audience: Expression
    trigger: Trigger | None
    recurs: Recurs
    recurs_every: int | None
    given: float
    asked: float
    goal: Goal | None
    lever: float
    urgent: bool
    ways: tuple[Way, ...]
    gift: Gift | None = None
    call: Call | None = None


END = 0
"""The place that a branch goes to where it leaves the programme."""

Done = Literal["sent", "delivered", "called"]


@dataclass(frozen=True)
class Branch:
    """A way out of a branch step: the place of a later step or END; no condition: it always holds."""

    when: Expression | None
    go: int


@dataclass(frozen=True)
class Step:
    """One step of a programme: a conversation, a wait, a wait until something holds, or a branch. Times are microseconds.

    place         1-based
    conversation  what a talk step says; `done` is the kind of interaction that completes it
    wait          of a wait step; of a talk step: it is offered so long after the customer came to it
    within        of a talk step: from when the customer came to it; after that `otherwise`; None: it waits for ever
    until         what a `wait_until` step waits for, `at_most` so long (None: for ever), after that `otherwise`
    branches      the first that holds is taken; none: on to the next step
    otherwise     on to the next step, or out of the programme
    """

    id: str
    place: int
    conversation: str | None = None
    done: Done | None = None
    wait: int = 0
    within: int | None = None
    until: Expression | None = None
    at_most: int | None = None
    branches: tuple[Branch, ...] = ()
    otherwise: Literal["skip", "exit"] = "skip"


@dataclass(frozen=True)
class Programme:
    """Conversations in sequence. `recurs_every` is microseconds, for `every` only; `holdout` is the control's share."""

    name: str
    enter: Expression
    exit: Expression | None
    recurs: Recurs
    recurs_every: int | None
    holdout: float
    goal: Goal | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Pool:
    """Codes to give away.

    file     the list of codes, one a line, relative to the folder `playbook/`
    worth    money that one code is worth, in major units
    budget   money that all codes given together may be worth; None: all that there are
    expires  instant after which no code is given, microseconds; None: never
    """

    name: str
    file: str
    worth: float
    budget: float | None = None
    expires: int | None = None


@dataclass(frozen=True)
class Cap:
    """At most so many messages in rolling microseconds; by channel, by purpose, or overall where both are None."""

    name: str
    at_most: int
    every: int
    channel: str | None = None
    purpose: str | None = None


@dataclass(frozen=True)
class OwnPolicy:
    """The organisation's own rule: blocks its purposes (all where empty) where the condition holds or is unknown.

    says   why, a phrase for people; empty: the condition and its facts are told
    """

    name: str
    purposes: tuple[str, ...]
    blocks: Expression
    says: str = ""


@dataclass(frozen=True)
class Policies:
    """Every rule on contact. Durations are microseconds, minutes are of the day, days are 0 for Monday.

    consent_without_evidence   purposes that may rely on imported consent without evidence
    soft_opt_in                purposes, and the condition under which they need no opt-in (an opt-out still counts)
    one_a_day                  classes of which a customer gets at most one message a day
    quiet                      (from minute, until minute, whole quiet days); None switches it off
    care_reading               a reading at or below it is a care need
    """

    consent_without_evidence: tuple[str, ...] = ()
    soft_opt_in: tuple[str, ...] = ()
    soft_opt_in_when: Expression | None = None
    caps: tuple[Cap, ...] = ()
    one_a_day: tuple[int, ...] = (3, 4, 5)
    quiet: tuple[int, int, tuple[int, ...]] | None = None
    quiet_zone_of_customer: bool = True
    care_reading: float = -0.5
    care_resolved_by: tuple[str, ...] = ("answered_to", "case_resolved")
    care_missed_after: int = 90 * 86_400_000_000
    cool_off_purposes: tuple[str, ...] = ("selling",)
    cool_off_after: int = 0
    cool_off_ramp: int = 0
    balance: Expression | None = None
    holdout_global: float = 0.05
    customer_value_weight: float = 1.0
    base_rate: float = 0.05
    own: tuple[OwnPolicy, ...] = ()


@dataclass(frozen=True)
class Brand:
    """A name under which the organisation speaks: as customers read it, sender of its e-mails, postal address."""

    name: str
    from_email: str | None = None
    postal: str | None = None


@dataclass(frozen=True)
class Organisation:
    """touchline.yaml. `half_life` is microseconds; `minor_units` is 100 for most currencies, 1 for JPY.

    brand_details  by the key of `brands`
    country        ISO 3166 alpha-2, where telephone numbers without a country code belong; None refuses them
    colour, logo   of customers' own pages: `#rrggbb`, a picture beside touchline.yaml
    reciprocity    `topics`, `timing`, `frequency`, `media`, `language` -> what customers get for telling it
    """

    name: str
    zone: str
    currency: str
    minor_units: int
    half_life: int
    languages: tuple[str, ...]
    brands: tuple[str, ...]
    country: str | None = None
    brand_details: Mapping[str, Brand] = field(default_factory=dict)
    colour: str | None = None
    logo: str | None = None
    reciprocity: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonaRule:
    """One identifier that a file's row carries: type, value (text) and scope ('' = the whole organisation)."""

    type: str
    value: Expression
    scope: str = ""


@dataclass(frozen=True)
class ImportRow:
    """One interaction that a line makes: ledger column, `revenue`, `cost`, `payload.K`, `preference.K` -> expression.

    when   boolean; the line makes this interaction only where it holds
    """

    columns: Mapping[str, Expression]
    when: Expression | None = None


@dataclass(frozen=True)
class Import:
    """How one kind of file becomes interactions.

    format      `csv`, `text` (whitespace separated), `parquet`, `ndjson`
    names       column as in the file -> name in expressions
    types       name -> type; the file's columns that the mapping uses
    expect      columns as in the file, all of which must be there; others are refused where `exact`
    key         names whose values make the id
    occurrence  whether equal keys in one file are told apart by their number
    reject_when (condition, reason): the line goes to the rejects file
    """

    name: str
    format: str
    separator: str
    header: int
    encoding: str
    names: Mapping[str, str]
    types: Mapping[str, str]
    expect: tuple[str, ...]
    exact: bool
    persona: tuple[PersonaRule, ...]
    rows: tuple[ImportRow, ...]
    key: tuple[str, ...]
    occurrence: bool
    reject_when: tuple[tuple[Expression, str], ...]
    zone: str | None
    role: str = "customer"


@dataclass(frozen=True)
class Playbook:
    """The whole authored folder, ready to run. `digest` is SHA-256 of its canonical form, 16 hex digits."""

    digest: str
    organisation: Organisation
    measures: Measures
    departments: tuple[str, ...]
    topics: tuple[str, ...]
    episodes: Mapping[str, EpisodeType]
    touchpoints: Mapping[str, Touchpoint]
    default_event: EventMapping
    events: Mapping[str, EventMapping]
    stages: tuple[Stage, ...]
    audiences: Mapping[str, Expression]
    policies: Policies
    conversations: Mapping[str, Conversation]
    imports: Mapping[str, Import]
    programmes: Mapping[str, Programme] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that touchpoints use, in order of first use."""
        return tuple(dict.fromkeys(t.channel for t in self.touchpoints.values()))
