"""The standing law of the room: under a random playbook, `explain` equals `decide` for every customer."""

from __future__ import annotations

import random
from collections import Counter

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.decision.builder import TOPICS, Outcome, condition, conversation, holders, own, plan_of, rows_of, run
from tests.effort import examples
from touchline.decision.deciding import held_column, owed_column
from touchline.decision.plan import Plan
from touchline.decision.priority import MOST_CANDIDATES, UNIT, Propensity, rank, segments
from touchline.interactions.catalogue import PURPOSES
from touchline.kernel.engines import Engine
from touchline.kernel.ids import DRAW_RANGE
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import Cap, Conversation, Goal, Policies, Trigger

ENGINES = (Engine("polars"), Engine("duckdb"))
"""Opened once: a connection costs more than a decision over a small base."""

CUSTOMERS = 40

AUDIENCES = (
    "stage = 'member'",
    "stage IN ('member', 'renewal') AND NOT care.due",
    "experience.claims < -0.2 OR experience.claims IS NULL",
    "count.joined > 0",
    "TRUE",
)
CHANNELS = ("email", "post", "phone")

SOME: dict[str, tuple[Value, ...]] = {
    "stage": ("prospect", "member", "member", "renewal", "elsewhere", None),
    "hand_raiser": (True, False, None),
    "consent": (True, True, True, False, None),
    "evidence": (True, True, True, False, None),
    "withdrawn": (False, False, False, True, None),
    "suppressed": (False, False, False, False, True, None),
    "reach": (True, True, True, True, False, None),
    "contact": (0, 0, 0, 0, 1, 2, 3, None),
    "count": (0, 1, 2, None),
    "care.due": (False, False, False, True, None),
    "value.balance": (0.0, -0.2, -0.20000001, 0.9, None),
    "clock.minute": (600, 600, 600, 479, 480, 1199, 1200, 0, None),
    "clock.weekday": (0, 2, 2, 2, 6, None),
    "arm.global": ("treated", "treated", "treated", "control", None),
    "topic.last": (*TOPICS, None, None),
    "prefers.max_per_week": (None, None, None, 0, 1, 3),
    "prefers": (None, None, None, True, False),
    "days_since": (None, 0.0, 0.1, 2.999999, 3.0, 7.3, 13.999, 14.0, 14.1, 59.9, 400.0),
    "recency": (None, None, None, 0.0, 3.0, 29.9, 30.0, 500.0),
    "trigger": (0.0, 0.5, 0.999, 1.0, -0.1, None),
    "experience": (-0.9, -0.2, 0.0, 0.4, None),
}

talks = st.builds(
    conversation,
    name=st.sampled_from([f"talk_{letter}" for letter in "abcdefgh"]),
    purpose=st.sampled_from(list(PURPOSES)),
    channels=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3, unique=True),
    topic=st.sampled_from([*TOPICS, None]),
    audience=st.sampled_from(AUDIENCES),
    trigger=st.sampled_from([None, None, Trigger(kind="served", touchpoint="desk")]),
    recurs=st.sampled_from(["once", "every", "term", "episode"]),
    recurs_every=st.sampled_from([30 * DAY, 3 * DAY, DAY // 2]),
    given=st.sampled_from([0.0, 1.0, 2.5]),
    asked=st.sampled_from([0.0, 1.0]),
    goal=st.sampled_from([None, Goal("renewed", 60 * DAY, 180.0), Goal("bought", 30 * DAY, 1e12)]),
    lever=st.sampled_from([1.0, 0.0, 0.333, 1.7]),
    urgent=st.booleans(),
    variants=st.sampled_from([[], [("a", 1)], [("a", 1), ("b", 1)], [("a", 1), ("b", 0), ("c", 7)]]),
)

policies = st.builds(
    Policies,
    consent_without_evidence=st.sampled_from([(), ("care",), ("care", "selling")]),
    soft_opt_in=st.sampled_from([(), ("care",)]),
    soft_opt_in_when=st.sampled_from([None, condition("count.joined > 0")]),
    caps=st.lists(
        st.sampled_from(
            [
                Cap("overall", 3, 7 * DAY),
                Cap("email", 1, 7 * DAY, channel="email"),
                Cap("selling", 1, 14 * DAY, purpose="selling"),
                Cap("listening", 1, 90 * DAY, purpose="listening"),
            ]
        ),
        unique=True,
    ).map(tuple),
    one_a_day=st.sampled_from([(3, 4, 5), (5,), ()]),
    quiet=st.sampled_from([None, (1200, 480, (6,)), (720, 840, ()), (0, 0, (5, 6))]),
    cool_off_purposes=st.sampled_from([("selling",), ("selling", "community")]),
    cool_off_after=st.sampled_from([0, 3 * DAY]),
    cool_off_ramp=st.sampled_from([0, 14 * DAY]),
    balance=st.sampled_from([None, condition("value.balance >= -0.2")]),
    customer_value_weight=st.sampled_from([1.0, 7.77]),
    own=st.sampled_from(
        [
            (),
            (own("dispute", "days_since.complained < 60", "selling", "care"),),
            (own("anybody", "experience.claims < -0.5"), own("dispute", "COALESCE(days_since.complained, 99999) < 60")),
        ]
    ),
)


def customers(plan: Plan, seed: int) -> pl.DataFrame:
    source = random.Random(seed)
    base = [
        {name: source.choice(SOME.get(name, SOME.get(name.partition(".")[0], (None,)))) for name in plan.measures}
        for _ in range(CUSTOMERS)
    ]
    return rows_of(plan, base, [source.randrange(DRAW_RANGE) for _ in base])


def rates(plan: Plan, seed: int) -> Propensity:
    source = random.Random(seed)
    known = {(s, c.name): source.random() for s in segments(plan) for c in plan.candidates if source.random() < 0.5}
    return Propensity(known, {c.name: source.random() for c in plan.candidates if source.random() < 0.5})


def assert_explained(plan: Plan, outcome: Outcome) -> None:
    for explained, row in zip(outcome.explained, outcome.decided.iter_rows(named=True), strict=True):
        assert explained.customer == row["customer"]
        for candidate, told in zip(plan.candidates, explained.candidates, strict=True):
            assert row[candidate.mask] == told.mask, candidate.name
        held = {policy for told in explained.candidates if told.reached for policy in holders(told)}
        assert {policy for policy in plan.policies if row[held_column(policy)]} == held
        told_winner = explained.winner
        if told_winner is None:
            assert (row["rank"], row["winner"], row["conversation"], row["priority"]) == (-1, -1, None, None)
        else:
            won = plan.candidates[row["winner"]]
            assert won.name == told_winner.name
            assert row["rank"] == rank(won, told_winner.millionths)
            assert row["rank"] % MOST_CANDIDATES == MOST_CANDIDATES - 1 - won.index
            assert row["priority"] == told_winner.millionths * UNIT
        told_proposals = {
            (c.conversation, c.channel, c.touchpoint, c.variant, c.class_) for c in explained.candidates if c.proposed
        }
        mine = outcome.proposed.filter(pl.col("customer") == row["customer"])
        assert set(mine.select("conversation", "channel", "touchpoint", "variant", "class").rows()) == told_proposals
        assert len(mine) == len(told_proposals)
        assert {name for name in plan.owed if row[owed_column(name)] >= 0} == {
            c.conversation for c in explained.candidates if c.proposed and c.class_ == 1
        }


def assert_counted(plan: Plan, outcome: Outcome) -> None:
    held: Counter[str] = Counter()
    proposed: Counter[str] = Counter()
    for explained in outcome.explained:
        held.update({p for told in explained.candidates if told.reached for p in holders(told)})
        proposed.update({told.conversation for told in explained.candidates if told.proposed})
    summary = outcome.summary
    assert summary.customers == len(outcome.explained)
    assert summary.eligible == sum(any(c.eligible for c in e.candidates) for e in outcome.explained)
    assert summary.decided == sum(any(c.proposed for c in e.candidates) for e in outcome.explained)
    assert summary.held == {policy: held[policy] for policy in plan.policies}
    assert summary.by_conversation == {name: proposed[name] for name in plan.conversations}


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(talks, min_size=1, max_size=6, unique_by=lambda talk: talk.name), policies, st.integers(0, 2**32))
def test_explain_equals_decide_for_every_customer_of_a_random_base(
    conversations: list[Conversation], rules: Policies, seed: int
) -> None:
    plan = plan_of(*conversations, policies=rules)
    base, propensity = customers(plan, seed), rates(plan, seed)
    on_polars, on_duckdb = (run(plan, base, engine, propensity) for engine in ENGINES)
    assert_explained(plan, on_polars)
    assert_counted(plan, on_polars)
    assert_frame_equal(on_duckdb.decided, on_polars.decided, check_exact=True)
    assert_frame_equal(on_duckdb.proposed, on_polars.proposed, check_exact=True)
    assert on_duckdb.summary == on_polars.summary


def test_a_random_base_is_not_held_altogether() -> None:
    """The law would be empty over a base in which everybody is held."""
    talks_ = [conversation(f"talk_{purpose}", purpose, CHANNELS[:2], asked=1) for purpose in PURPOSES]
    plan = plan_of(*talks_, policies=Policies(quiet=(1200, 480, (6,)), cool_off_after=3 * DAY))
    source = random.Random(5)
    summary = run(plan, customers(plan, source.randrange(2**32))).summary
    assert 0 < summary.decided < summary.customers
    assert all(summary.held.values())
