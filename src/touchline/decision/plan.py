"""In: a compiled playbook. Out: every candidate with its policies as typed conditions. Writes no interactions.

A candidate is a conversation by one of its channels. The plan knows no engine and no store: `decide` compiles its
conditions to frames, `explain` evaluates them row by row, and the gate will run the same ones on exact facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from touchline.decision import priority, rules
from touchline.decision.purposes import ARBITRATED_FROM, TABLE
from touchline.decision.rules import PlanFault, Says
from touchline.decision.variants import Draw, draw_of
from touchline.expressions import DeclaredNames, Expression, check
from touchline.kernel.times import DAY
from touchline.kernel.types import Type
from touchline.playbook.compiled import Conversation, Playbook, Programme, Step, Trigger, Way
from touchline.relationship.layout import conditions_of

GLOBAL_HOLDOUT = "holdout"
"""The policy of the global holdout; `holdout.NAME` is that of a programme."""

SEQUENCE: tuple[str, ...] = ("step", "since", "entered", "arm", "assigned")
"""Members of `programme.NAME` that moving customers on reads."""

DAYS: tuple[str, ...] = ("days_in_step", "days_since_entry")
"""Members of `programme.NAME` that are made of the others once customers have moved on."""

RECURS: dict[str, str] = {"term": "days_since.term_start", "episode": "days_since.episode"}
"""What a recurrence per agreement term or episode reads."""

A_DAY = 1.0 / DAY
"""In days, a microsecond. Multiplied by, never divided: engines round a division by a constant differently."""

MOST_POLICIES = 62
"""A mask is one int64, never negative inside its audience."""


@dataclass(frozen=True)
class Rule:
    """One policy on one candidate.

    policy  its name in `Plan.policies`, whose place there is its bit in the mask
    blocks  boolean; the candidate is held where it is true or unknown
    says    facts -> why it is held, a phrase
    """

    policy: str
    blocks: Expression
    says: Says = field(compare=False)


@dataclass(frozen=True)
class Candidate:
    """A conversation by one of its channels.

    index           place in `Plan.candidates`; of two equal ones the smaller goes first
    audience        boolean; unknown does not hold
    due             the trigger's condition, boolean; None without a trigger
    due_within      how long (microseconds) from the instant at which it fell due; None without a trigger
    rules           its policies, in the order in which they are told
    business_value  money: the goal's worth, 0 without a goal
    customer_value  points given
    ramp            number in [0, 1] by which it comes back after a cool-off; None where it has none
    draw            how its variant is drawn
    asked           points asked
    recurs          what its recurrence is told from: `once`, `term`, `episode`, `every`, or the `entry` into its programme
    recurs_every    microseconds, for `every` only
    programme       whose step says it; None where no programme does
    place           of that step; from when the customer came to it, in microseconds, it is offered
    wait            so long after that
    within          before so long is over; None: without end
    stands          boolean: that the customer stands there, and its wait is over; None without a programme
    """

    index: int
    conversation: str
    channel: str
    touchpoint: str
    purpose: str
    topic: str | None
    audience: Expression
    due: Expression | None
    rules: tuple[Rule, ...]
    business_value: float
    customer_value: float
    lever: float
    ramp: Expression | None
    draw: Draw
    asked: float = 0.0
    recurs: Literal["once", "term", "episode", "every", "entry"] = "once"
    recurs_every: int | None = None
    programme: str | None = None
    place: int = 0
    wait: int = 0
    within: int | None = None
    stands: Expression | None = None
    due_within: int | None = None

    @property
    def name(self) -> str:
        """Unique in the plan, and fit for a column: CONVERSATION__CHANNEL."""
        return f"{self.conversation}__{self.channel}"

    @property
    def mask(self) -> str:
        """The frame column of its mask."""
        return f"mask_{self.name}"

    @property
    def class_(self) -> int:
        """1 goes before 5."""
        return TABLE[self.purpose].class_

    @property
    def arbitrated(self) -> bool:
        """Whether it competes for the customer's one turn; class 1 does not."""
        return self.class_ >= ARBITRATED_FROM

    @property
    def ends(self) -> bool:
        """Whether there is an instant at which it may no longer be said: a step's or a trigger's time is over."""
        return self.within is not None or self.due_within is not None

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """Everything that is evaluated for it."""
        optional = (e for e in (self.due, self.stands, self.ramp) if e is not None)
        return (self.audience, *(rule.blocks for rule in self.rules), *optional)


@dataclass(frozen=True)
class Plan:
    """A playbook, ready to decide by.

    digest         of the playbook; every decision records it
    candidates     by conversation and channel, in the order of their names
    policies       names; policy j blocks with bit j of a candidate's mask
    stages         names, in the playbook's order
    stage          integer: place of the customer's stage, len(stages) where it is none of them
    hand_raiser    integer: 1 for a hand-raiser, else 0
    topics         of the candidates, sorted
    context        integer: 0, or which topic the last encounter was of
    value_weight   what a point given weighs against money
    base_rate      the goal rate that nothing is known about
    goals          conversation -> (kind, microseconds within which it counts)
    zone           of the organisation: the year of the global holdout is told there
    programmes     in the order of their names
    """

    digest: str
    candidates: tuple[Candidate, ...]
    policies: tuple[str, ...]
    stages: tuple[str, ...]
    stage: Expression
    hand_raiser: Expression
    topics: tuple[str, ...]
    context: Expression
    value_weight: float
    base_rate: float
    goals: dict[str, tuple[str, int]] = field(hash=False)
    zone: str = "UTC"
    programmes: tuple[Programme, ...] = ()

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """Every measure that deciding reads, sorted."""
        names = {name for candidate in self.candidates for e in candidate.expressions for name in e.names}
        names = names.union(*(e.names for e in (self.stage, self.hand_raiser, self.context, *self.asked)))
        if GLOBAL_HOLDOUT in self.policies or self.programmes:
            names |= {"arm.global", "arm.assigned"}
        before = {name for condition in self.asked for name in condition.names}
        for programme in self.programmes:
            # How long ago that was follows from when; only a condition that is asked before anybody moves reads it.
            names -= {f"programme.{programme.name}.{member}" for member in DAYS} - before
            names |= {f"programme.{programme.name}.{member}" for member in SEQUENCE}
            names |= {f"done.{step.conversation}" for step in programme.steps if step.conversation is not None}
            names |= {RECURS[programme.recurs]} if programme.recurs in RECURS else set()
        return tuple(sorted(names))

    @cached_property
    def asked(self) -> tuple[Expression, ...]:
        """Every distinct condition by which programmes are entered, left, and gone through."""
        found = []
        for programme in self.programmes:
            found += [programme.enter] if programme.exit is None else [programme.enter, programme.exit]
            found += [condition for step in programme.steps for condition in conditions_of(step)]
        return tuple(dict.fromkeys(found))

    @property
    def contexts(self) -> int:
        """How many contexts are told apart: none, each topic, another one."""
        return len(self.topics) + 2

    @property
    def conversations(self) -> tuple[str, ...]:
        """In the order of their names."""
        return tuple(dict.fromkeys(candidate.conversation for candidate in self.candidates))

    @property
    def owed(self) -> dict[str, tuple[Candidate, ...]]:
        """Conversations that bypass arbitration, each with its ways."""
        owed: dict[str, tuple[Candidate, ...]] = {}
        for candidate in self.candidates:
            if not candidate.arbitrated:
                owed[candidate.conversation] = (*owed.get(candidate.conversation, ()), candidate)
        return owed

    def without(self, conversations: Collection[str]) -> Plan:
        """The plan with these conversations meant for nobody. Programmes go on as they do."""
        if not conversations:
            return self
        nobody = check("FALSE", DeclaredNames({}), want=Type.BOOLEAN)
        return replace(
            self,
            candidates=tuple(
                replace(one, audience=nobody) if one.conversation in conversations else one for one in self.candidates
            ),
        )

    def of(self, candidates: Iterable[Candidate]) -> Plan:
        """The plan with these of its candidates alone, numbered anew; what is on none of them is no policy of it."""
        kept = tuple(replace(candidate, index=index) for index, candidate in enumerate(candidates))
        on_them = {rule.policy for candidate in kept for rule in candidate.rules}
        return replace(self, candidates=kept, policies=tuple(name for name in self.policies if name in on_them))

    def bit(self, policy: str) -> int:
        """What the policy adds to a mask: 2 to the power of its place."""
        return 1 << self.policies.index(policy)


def compile_plan(playbook: Playbook) -> Plan:
    """The playbook's plan; raises PlanFault where there is more than one mask or one rank can hold."""
    offers = sorted(
        ((conversation, way) for conversation in playbook.conversations.values() for way in conversation.ways),
        key=lambda offer: (offer[0].name, offer[1].channel),
    )
    if len(offers) > priority.MOST_CANDIDATES:
        raise PlanFault(
            f"{len(offers)} conversations by channel, at most {priority.MOST_CANDIDATES} can be ranked",
            remedy="Take conversations out that are no longer used.",
        )
    candidates = tuple(_candidate(index, playbook, *offer) for index, offer in enumerate(offers))
    policies = tuple(dict.fromkeys(rule.policy for candidate in candidates for rule in candidate.rules))
    order = {policy.name: place for place, policy in enumerate(rules.POLICIES)}
    policies = tuple(sorted(policies, key=lambda name: order[_kind(name, order)]))
    if len(policies) > MOST_POLICIES:
        raise PlanFault(
            f"{len(policies)} policies, at most {MOST_POLICIES} fit one mask",
            remedy="Join caps, or own policies with the same purposes, into one; each programme with a conversation is one.",
        )
    names = tuple(stage.name for stage in playbook.stages)
    topics = tuple(sorted({c.topic for c in candidates if c.topic is not None}))
    branches = " ".join(f"WHEN stage = '{name}' THEN {place}" for place, name in enumerate(names))
    return Plan(
        digest=playbook.digest,
        candidates=candidates,
        policies=policies,
        stages=names,
        stage=check(f"CASE {branches} ELSE {len(names)} END", playbook.measures, want=Type.INTEGER),
        hand_raiser=check("CASE WHEN hand_raiser THEN 1 ELSE 0 END", playbook.measures, want=Type.INTEGER),
        topics=topics,
        context=check(priority.context(topics), playbook.measures, want=Type.INTEGER),
        value_weight=playbook.policies.customer_value_weight,
        base_rate=playbook.policies.base_rate,
        goals={c.name: (c.goal.kind, c.goal.within) for c in playbook.conversations.values() if c.goal is not None},
        zone=playbook.organisation.zone,
        programmes=tuple(playbook.programmes[name] for name in sorted(playbook.programmes)),
    )


def _kind(policy: str, known: dict[str, int]) -> str:
    """The kind of a policy's name: `cap.email` is of kind `cap`."""
    return policy if policy in known else policy.partition(".")[0]


def _candidate(index: int, playbook: Playbook, conversation: Conversation, way: Way) -> Candidate:
    names = playbook.measures
    made = tuple(
        Rule(draft.name, check(draft.blocks, names, want=Type.BOOLEAN), draft.says)
        for draft in rules.drafts(playbook, conversation, way)
    )
    ramp = priority.ramp(conversation, playbook.policies)
    said = rules.said_by(playbook, conversation)
    return Candidate(
        index=index,
        conversation=conversation.name,
        channel=way.channel,
        touchpoint=way.touchpoint,
        purpose=conversation.purpose,
        topic=conversation.topic,
        audience=conversation.audience,
        due=None if conversation.trigger is None else check(_due(conversation.name, conversation.trigger), names),
        rules=made,
        business_value=0.0 if conversation.goal is None else float(conversation.goal.worth),
        customer_value=float(conversation.given),
        lever=float(conversation.lever),
        ramp=None if ramp is None else check(ramp, names, want=Type.NUMBER),
        draw=draw_of(conversation, way),
        asked=float(conversation.asked),
        recurs=conversation.recurs if said is None else "entry",
        recurs_every=conversation.recurs_every,
        programme=None if said is None else said[0].name,
        place=0 if said is None else said[1].place,
        wait=0 if said is None else said[1].wait,
        within=None if said is None else said[1].within,
        stands=None if said is None else check(_stands(*said), names, want=Type.BOOLEAN),
        due_within=None if conversation.trigger is None else conversation.trigger.within,
    )


def _stands(programme: Programme, step: Step) -> str:
    """At that step, and for as long as it waits before it is offered."""
    name = f"programme.{programme.name}"
    waited = f" AND {name}.days_in_step >= {step.wait * A_DAY!r}" if step.wait else ""
    return f"{name}.step = {step.place}{waited}"


def _due(conversation: str, trigger: Trigger) -> str:
    """From the instant at which the trigger fell due, for as long as it stays so."""
    return f"trigger.{conversation} >= 0 AND trigger.{conversation} < {trigger.within / DAY!r}"
