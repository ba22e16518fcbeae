"""Playbooks and customers made by hand, so that a test says only what it is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from touchline.decision.deciding import decide
from touchline.decision.explaining import Explained, Explanation, explain
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.priority import Propensity
from touchline.decision.proposing import named, proposals
from touchline.decision.summary import Summary, summarise
from touchline.decision.tables import tables
from touchline.expressions import Expression, check
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.engines import Engine
from touchline.kernel.measures import Measures, column
from touchline.kernel.times import DAY
from touchline.kernel.types import Type, Value
from touchline.playbook.compiled import (
    Conversation,
    EventMapping,
    Goal,
    Organisation,
    OwnPolicy,
    Playbook,
    Policies,
    Programme,
    Recurs,
    Stage,
    Step,
    Touchpoint,
    Trigger,
    Variant,
    Way,
)

AT = 1_790_000_000_000_000
TOPICS = ("cover", "claim_help", "home_care")
STAGES = ("prospect", "member", "renewal")
TYPES = {
    Type.NUMBER: pl.Float64,
    Type.INTEGER: pl.Int64,
    Type.TEXT: pl.String,
    Type.BOOLEAN: pl.Boolean,
    Type.TIME: pl.Int64,
}


def measures_of(conversations: Iterable[str], programmes: Iterable[str] = ()) -> Measures:
    return Measures(
        kinds=tuple(KINDS),
        purposes=tuple(PURPOSES),
        channels=CHANNELS,
        places=("claims", "claim"),
        topics=TOPICS,
        conversations=tuple(conversations),
        programmes=tuple(programmes),
    )


EVERYTHING = measures_of(())


def condition(text: str, measures: Measures = EVERYTHING) -> Expression:
    return check(text, measures, want=Type.BOOLEAN)


def conversation(
    name: str = "talk",
    purpose: str = "selling",
    channels: Sequence[str] = ("email",),
    *,
    topic: str | None = "cover",
    audience: str = "stage = 'member'",
    trigger: Trigger | None = None,
    recurs: Recurs = "every",
    recurs_every: int | None = 30 * DAY,
    given: float = 0.0,
    asked: float = 0.0,
    goal: Goal | None = None,
    lever: float = 1.0,
    urgent: bool = False,
    variants: Sequence[tuple[str, int]] = (("a", 1),),
) -> Conversation:
    return Conversation(
        name=name,
        purpose=purpose,
        brand="hearth",
        topic=topic,
        languages=("en",),
        audience=condition(audience, measures_of((name,))),
        trigger=trigger,
        recurs=recurs,
        recurs_every=recurs_every if recurs == "every" else None,
        given=given,
        asked=asked,
        goal=goal,
        lever=lever,
        urgent=urgent,
        ways=tuple(
            Way(channel, f"account_{channel}", tuple(Variant(n, share, f"{name}.liquid") for n, share in variants))
            for channel in channels
        ),
    )


def programme(
    name: str,
    *steps: Step,
    enter: str = "count.joined > 0",
    exit: str | None = "care.due",  # noqa: A002 - the authored word
    recurs: Recurs = "once",
    recurs_every: int | None = None,
    holdout: float = 0.5,
) -> Programme:
    """The steps in that order, each at its place."""
    return Programme(
        name=name,
        enter=condition(enter),
        exit=None if exit is None else condition(exit),
        recurs=recurs,
        recurs_every=recurs_every,
        holdout=holdout,
        goal=None,
        steps=tuple(replace(step, place=place) for place, step in enumerate(steps, start=1)),
    )


def playbook(
    *conversations: Conversation, policies: Policies | None = None, programmes: Iterable[Programme] = ()
) -> Playbook:
    known = {p.name: p for p in programmes}
    names = measures_of((c.name for c in conversations), known)
    return Playbook(
        digest="0123456789abcdef",
        organisation=Organisation("Hearth", "Europe/Berlin", "EUR", 100, 180 * DAY, ("en",), ("hearth",)),
        measures=names,
        departments=("service",),
        topics=TOPICS,
        episodes={},
        touchpoints={
            f"account_{channel}": Touchpoint(f"account_{channel}", channel, "service", 1.0) for channel in CHANNELS
        },
        default_event=EventMapping("acted", None),
        events={},
        stages=tuple(Stage(name, None) for name in STAGES),
        audiences={},
        policies=Policies() if policies is None else policies,
        conversations={c.name: c for c in conversations},
        imports={},
        programmes=known,
    )


def plan_of(
    *conversations: Conversation, policies: Policies | None = None, programmes: Iterable[Programme] = ()
) -> Plan:
    return compile_plan(playbook(*conversations, policies=policies, programmes=programmes))


def own(name: str, blocks: str, *purposes: str) -> OwnPolicy:
    return OwnPolicy(name, purposes, condition(blocks))


FREE: Mapping[str, Value] = {
    "stage": "member",
    "hand_raiser": True,
    "care.due": False,
    "value.balance": 0.0,
    "clock.minute": 10 * 60,
    "clock.weekday": 2,
    "arm.global": "treated",
}
BY_GROUP: Mapping[str, Value] = {
    "consent": True, "evidence": True, "withdrawn": False, "suppressed": False, "reach": True, "contact": 0, "count": 0,
}  # fmt: skip


def facts(plan: Plan, **told: Value) -> dict[str, Value]:
    """A customer whom nothing holds, but for what is told: `care__due=True`. Only facts that the plan reads."""
    named = {name: FREE.get(name, BY_GROUP.get(name.partition(".")[0])) for name in plan.measures}
    for name, value in told.items():
        measure = name.replace("__", ".", 1)
        assert measure in named, f"the plan does not read {measure}"
        named[measure] = value
    return named


def rows_of(plan: Plan, customers: Sequence[Mapping[str, Value]], draws: Sequence[int] | None = None) -> pl.DataFrame:
    """Customers 1, 2, … with those facts, as the relationship room hands them over."""
    names = measures_of(plan.conversations, [p.name for p in plan.programmes])
    data: dict[str, Any] = {
        "customer": list(range(1, len(customers) + 1)),
        "draw": list(draws) if draws is not None else [(i * 7919 + 13) % 2**31 for i in range(len(customers))],
    }
    schema: dict[str, Any] = {"customer": pl.Int64, "draw": pl.Int64}
    for name in plan.measures:
        type_ = names.type_of(name)
        assert type_ is not None, name
        schema[column(name)] = TYPES[type_]
        data[column(name)] = [customer[name] for customer in customers]
    return pl.DataFrame(data, schema=schema)


@dataclass(frozen=True)
class Outcome:
    decided: pl.DataFrame
    proposed: pl.DataFrame
    summary: Summary
    explained: list[Explanation]


def run(plan: Plan, base: pl.DataFrame, engine: Engine | None = None, propensity: Propensity | None = None) -> Outcome:
    """Everything that the room makes of a base."""
    engine = engine or Engine("polars")
    known = propensity or Propensity()
    made = tables(plan, known, engine)
    decided = engine.collect(named(decide(engine.lazy(base), plan, made, AT), made)).sort("customer")
    again = engine.lazy(decided)
    return Outcome(
        decided=decided,
        proposed=engine.collect(proposals(again, plan, made, AT)).sort("customer", "conversation"),
        summary=summarise(again, plan),
        explained=[explain(row, plan, known, AT) for row in base.sort("customer").iter_rows(named=True)],
    )


def holders(explained: Explained) -> set[str]:
    return {answer.policy for answer in explained.policies if answer.blocks}


def held_by(plan: Plan, **told: Value) -> set[str]:
    """The policies that hold the one candidate from such a customer, once `decide` and `explain` said the same."""
    (candidate,) = plan.candidates
    outcome = run(plan, rows_of(plan, [facts(plan, **told)]))
    explained = outcome.explained[0].candidates[0]
    mask = outcome.decided[candidate.mask][0]
    assert mask == explained.mask
    assert mask >= 0, "the customer is outside the audience"
    found = {policy for policy in plan.policies if mask & plan.bit(policy)}
    assert found == holders(explained)
    assert found == {policy for policy, n in outcome.summary.held.items() if n}
    assert (outcome.summary.decided == 1) == (not found)
    return found


TESTED: dict[str, list[str]] = {}


def of_policy(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Says which policy a test is of; a test holds that each policy has one."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        TESTED.setdefault(name, []).append(test.__name__)
        return test

    return mark
