"""In: one customer's row, a plan. Out: each candidate's policies, facts and priority. Writes no interactions.

It runs the plan's own conditions through the row-wise reference evaluator, and so is what `decide` is held equal to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from touchline.decision import priority
from touchline.decision.deciding import NOBODY
from touchline.decision.places import Place, places
from touchline.decision.plan import Candidate, Plan, Rule
from touchline.decision.priority import Propensity
from touchline.decision.purposes import ARBITRATED_FROM
from touchline.decision.rules import Facts, shown
from touchline.decision.standing import advance_row
from touchline.expressions import Expression, evaluate
from touchline.kernel import measures
from touchline.kernel.types import Value


@dataclass(frozen=True)
class Condition:
    """A condition's answer: `holds` is None where it is unknown."""

    text: str
    holds: bool | None
    facts: Facts


@dataclass(frozen=True)
class Answer:
    """What one policy says to one candidate.

    policy    as counted in `held`
    blocks    true where its condition is true or unknown
    unknown   whether it blocks because a fact is unknown
    facts     measure -> value that it read
    why       a phrase; None where it does not block
    """

    policy: str
    blocks: bool
    unknown: bool
    facts: Facts
    why: str | None


@dataclass(frozen=True)
class Factors:
    """What a priority is the product of: propensity x (business + customer value x weight) x lever x context x ramp."""

    propensity: float
    business_value: float
    customer_value: float
    value_weight: float
    lever: float
    context: float
    ramp: float


@dataclass(frozen=True)
class Explained:
    """One candidate, explained.

    reached   whether audience, trigger and step hold
    eligible  reached, and no policy blocks
    mask      as in `decide`'s frame
    millionths the priority as the integer that is compared
    variant   the wording that this customer gets of it
    proposed  whether it is said
    step      that the customer stands at the step that says it; None where no programme does
    """

    conversation: str
    channel: str
    touchpoint: str
    purpose: str
    class_: int
    audience: Condition
    trigger: Condition | None
    reached: bool
    eligible: bool
    mask: int
    policies: tuple[Answer, ...]
    priority: float
    millionths: int
    factors: Factors
    variant: str | None
    proposed: bool
    step: Condition | None = None

    @property
    def name(self) -> str:
        """As the candidate's."""
        return f"{self.conversation}__{self.channel}"

    def as_dict(self) -> dict[str, Any]:
        """The object that `touchline explain --json` prints of it."""
        told = asdict(self)
        told["class"] = told.pop("class_")
        return told

    def lines(self) -> list[str]:
        """What people read."""
        head = f"{self.conversation} by {self.channel} ({self.purpose}, class {self.class_})"
        for name, condition in (("audience", self.audience), ("trigger", self.trigger), ("step", self.step)):
            if condition is not None and condition.holds is not True:
                state = "is unknown" if condition.holds is None else "does not hold"
                return [f"{head}: not offered", f"  {name} {state}: {condition.text}, where {_told(condition.facts)}"]
        outcome = "proposed" if self.proposed else "open, another goes first" if self.eligible else "held"
        wording = f", wording {self.variant}" if self.proposed and self.variant is not None else ""
        held = [f"  held by {answer.policy}: {answer.why}" for answer in self.policies if answer.blocks]
        return [f"{head}: {outcome}{wording}", *held, f"  {self._product()}"]

    def _product(self) -> str:
        f = self.factors
        parts = [
            f"propensity {f.propensity:.4g}",
            f"(worth {f.business_value:g} + {f.customer_value:g} points x {f.value_weight:g})",
            f"lever {f.lever:g}",
            f"context {f.context:g}",
        ]
        if f.ramp != 1:
            parts.append(f"after cool-off {f.ramp:.2g}")
        return f"priority {self.priority:.6g} = {' x '.join(parts)}"


@dataclass(frozen=True)
class Explanation:
    """One customer's decision, explained. `stage` is None where it is none of the playbook's."""

    customer: int
    digest: str
    stage: str | None
    hand_raiser: bool
    candidates: tuple[Explained, ...]
    programmes: tuple[Place, ...] = ()

    @property
    def winner(self) -> Explained | None:
        """Who won the customer's one turn; None where nobody did."""
        return next((c for c in self.candidates if c.proposed and c.class_ >= ARBITRATED_FROM), None)

    def about(self, conversation: str) -> Explanation:
        """The same, of one conversation alone."""
        kept = tuple(c for c in self.candidates if c.conversation == conversation)
        return replace(self, candidates=kept)

    def as_dict(self) -> dict[str, Any]:
        """The object that `touchline explain --json` prints."""
        return {
            "customer": self.customer,
            "digest": self.digest,
            "segment": {"stage": self.stage, "hand_raiser": self.hand_raiser},
            "programmes": [place.as_dict() for place in self.programmes],
            "candidates": [candidate.as_dict() for candidate in self.candidates],
            "proposed": [
                {"conversation": c.conversation, "channel": c.channel, "variant": c.variant}
                for c in self.candidates
                if c.proposed
            ],
        }

    def lines(self, *, everything: bool = True) -> list[str]:
        """What people read: what is proposed first, then what is open, what is held, what is not offered.

        everything   also say of each that is not offered why; else their names stand in one line
        """
        order = sorted(self.candidates, key=lambda c: (not c.proposed, not c.eligible, not c.reached))
        left_out = [] if everything else [c for c in order if not c.reached]
        order = [c for c in order if c not in left_out]
        raised = "a hand-raiser" if self.hand_raiser else "no hand raised"
        head = f"customer {self.customer}: stage {self.stage or 'unknown'}, {raised}, playbook {self.digest}"
        told = [head, *(place.line() for place in self.programmes)]
        told += [line for candidate in order for line in candidate.lines()]
        if left_out:
            names = ", ".join(dict.fromkeys(c.conversation for c in left_out))
            what = "audience, trigger or step" if self.programmes else "audience or trigger"
            told.append(f"not offered, their {what} does not hold: {names} (--all says why)")
        return told


def explain(row: Mapping[str, Value], plan: Plan, propensity: Propensity, at: int | None = None) -> Explanation:
    """Explain one row of the frame that `decide` takes: customer, draw and a column a measure of `plan.measures`.

    at  the instant of decision, microseconds UTC; a plan with programmes moves the customer on first, and must be told
    """
    facts: Facts = {name: row[measures.column(name)] for name in plan.measures}
    standing: tuple[Place, ...] = ()
    if plan.programmes:
        if at is None:
            raise ValueError("programmes move on by the instant of decision")
        moved, taken = advance_row(facts, plan, at)
        standing, facts = places(facts, moved, taken, plan), moved
    answers: dict[Expression, Value] = {}

    def answer(expression: Expression) -> Value:
        if expression not in answers:
            answers[expression] = evaluate(expression, facts)
        return answers[expression]

    stage, raised, context = (_integer(answer(code)) for code in (plan.stage, plan.hand_raiser, plan.context))
    customer, draw = _integer(row["customer"]), _integer(row["draw"])
    segment = 2 * stage + raised
    explained = [
        _explained(candidate, plan, propensity, (segment, context), draw, facts, answer)
        for candidate in plan.candidates
    ]
    proposed = _proposed(plan, explained)
    return Explanation(
        customer=customer,
        digest=plan.digest,
        stage=plan.stages[stage] if stage < len(plan.stages) else None,
        hand_raiser=bool(raised),
        candidates=tuple(replace(e, proposed=index in proposed) for index, e in enumerate(explained)),
        programmes=standing,
    )


def _proposed(plan: Plan, explained: Sequence[Explained]) -> set[int]:
    """Indexes of what is said: the best open way of each conversation of class 1, and the one that wins the turn."""
    ranks = {
        c.index: priority.rank(c, explained[c.index].millionths) for c in plan.candidates if explained[c.index].eligible
    }
    turns = [*plan.owed.values(), tuple(c for c in plan.candidates if c.arbitrated)]
    open_turns = ([c.index for c in turn if c.index in ranks] for turn in turns)
    return {max(indexes, key=ranks.__getitem__) for indexes in open_turns if indexes}


def _explained(
    candidate: Candidate,
    plan: Plan,
    propensity: Propensity,
    situation: tuple[int, int],
    draw: int,
    facts: Facts,
    answer: Callable[[Expression], Value],
) -> Explained:
    audience = _condition(candidate.audience, facts, answer)
    trigger = None if candidate.due is None else _condition(candidate.due, facts, answer)
    step = None if candidate.stands is None else _condition(candidate.stands, facts, answer)
    reached = all(condition is None or condition.holds is True for condition in (audience, trigger, step))
    answers = tuple(_answer(rule, facts, answer(rule.blocks)) for rule in candidate.rules)
    mask = sum(plan.bit(a.policy) for a in answers if a.blocks) if reached else NOBODY
    segment, context = situation
    rate = propensity.rate(segment, candidate, plan)
    ramp = 1.0 if candidate.ramp is None else _number(answer(candidate.ramp))
    value = priority.worth(candidate, rate, context, plan) * ramp
    return Explained(
        conversation=candidate.conversation,
        channel=candidate.channel,
        touchpoint=candidate.touchpoint,
        purpose=candidate.purpose,
        class_=candidate.class_,
        audience=audience,
        trigger=trigger,
        reached=reached,
        eligible=mask == 0,
        mask=mask,
        policies=answers,
        priority=value,
        millionths=priority.scaled(value),
        factors=Factors(
            propensity=rate,
            business_value=candidate.business_value,
            customer_value=candidate.customer_value,
            value_weight=plan.value_weight,
            lever=candidate.lever,
            context=priority.context_factor(candidate, context, plan),
            ramp=ramp,
        ),
        variant=candidate.draw.variant(draw),
        proposed=False,
        step=step,
    )


def _condition(expression: Expression, facts: Facts, answer: Callable[[Expression], Value]) -> Condition:
    holds = answer(expression)
    return Condition(expression.text, None if holds is None else bool(holds), _read(expression, facts))


def _answer(rule: Rule, facts: Facts, blocks: Value) -> Answer:
    read = _read(rule.blocks, facts)
    if blocks is False:
        return Answer(rule.policy, blocks=False, unknown=False, facts=read, why=None)
    if blocks is True:
        return Answer(rule.policy, blocks=True, unknown=False, facts=read, why=rule.says(read))
    missing = " and ".join(name for name, value in read.items() if value is None)
    return Answer(rule.policy, blocks=True, unknown=True, facts=read, why=f"it cannot be judged, {missing} is unknown")


def _read(expression: Expression, facts: Facts) -> Facts:
    return {name: facts[name] for name in expression.names}


def _integer(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError("keys and codes are integers")
    return value


def _number(value: Value) -> float:
    if not isinstance(value, int | float):
        raise TypeError("a factor of priority is a number")
    return float(value)


def _told(facts: Facts) -> str:
    return ", ".join(f"{name} is {shown(value)}" for name, value in facts.items()) or "no fact is read"
