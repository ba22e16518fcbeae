"""Goal rates: counted from messages and acts, shrunk where there is little to go by."""

from __future__ import annotations

import polars as pl
import pytest

from tests.decision.builder import conversation, plan_of
from touchline.decision.learning import FALLBACK_STRENGTH, STRENGTHS, Count, count, learn, prior_strength, shrunk
from touchline.decision.plan import Plan
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.times import DAY
from touchline.playbook.compiled import Goal, Policies

NOW = 1000 * DAY


def plan_with_goals() -> Plan:
    return plan_of(
        conversation("call", "care", ("email", "phone"), goal=Goal("renewed", 60 * DAY, 180.0)),
        conversation("offer", "selling", goal=Goal("bought", 30 * DAY, 20.0)),
        conversation("news", "information"),
        policies=Policies(base_rate=0.05),
    )


@pytest.mark.parametrize("name", ENGINES)
def test_a_goal_counts_once_inside_its_window_and_only_when_the_window_is_over(name: str) -> None:
    engine = Engine(name)
    sent = NOW - 100 * DAY
    messages = pl.DataFrame(
        [
            (1, "m1", "call", "email", 3, sent),
            (2, "m2", "call", "email", 3, sent),
            (3, "m3", "call", "email", 3, sent),
            (4, "m4", "call", "email", 3, sent),
            (5, "m5", "call", "phone", None, sent),
            (6, "m6", "call", "email", 3, NOW - 59 * DAY),
            (7, "m7", "offer", "email", 2, sent),
            (8, "m8", "news", "email", 2, sent),
        ],
        schema={"customer": pl.Int64, "message_id": pl.String, "conversation": pl.String, "channel": pl.String,
                "segment": pl.Int64, "occurred_at": pl.Int64},
        orient="row",
    )  # fmt: skip
    goals = pl.DataFrame(
        [
            (1, "renewed", sent + DAY),
            (1, "renewed", sent + 2 * DAY),
            (2, "renewed", sent + 61 * DAY),
            (3, "renewed", sent),
            (4, "bought", sent + DAY),
            (5, "renewed", sent + 60 * DAY),
            (6, "renewed", NOW - DAY),
            (7, "renewed", sent + DAY),
        ],
        schema={"customer": pl.Int64, "kind": pl.String, "occurred_at": pl.Int64},
        orient="row",
    )
    counts = count(engine.lazy(messages), engine.lazy(goals), plan_with_goals(), NOW)
    assert sorted(counts, key=lambda c: (c.conversation, c.channel)) == [
        Count("call", "email", 3, 4, 1),
        Count("call", "phone", None, 1, 1),
        Count("offer", "email", 2, 1, 0),
    ]


def test_nothing_seen_leaves_the_playbooks_base_rate() -> None:
    plan = plan_with_goals()
    propensity = learn([], plan)
    assert [propensity.rate(3, c, plan) for c in plan.candidates] == [pytest.approx(0.05)] * 4


def test_a_segment_much_seen_speaks_for_itself_and_a_rare_one_stays_near_its_conversation() -> None:
    plan = plan_with_goals()
    propensity = learn(
        [
            Count("call", "email", 2, 100_000, 40_000),
            Count("call", "email", 3, 100_000, 10_000),
            Count("call", "email", 4, 100_000, 11_000),
            Count("call", "email", 5, 2, 2),
        ],
        plan,
    )
    email = next(c for c in plan.candidates if c.name == "call__email")
    assert propensity.rate(2, email, plan) == pytest.approx(0.4, abs=0.001)
    rare = propensity.rate(5, email, plan)
    parent = propensity.rate(7, email, plan)
    assert parent == pytest.approx(0.2033, abs=0.001)
    assert parent < rare < 0.5
    phone = next(c for c in plan.candidates if c.name == "call__phone")
    assert 0.05 < propensity.rate(3, phone, plan) < 0.25


def test_counts_of_what_the_playbook_no_longer_has_are_left_out() -> None:
    plan = plan_with_goals()
    assert learn([Count("gone", "email", 2, 900, 900), Count("news", "email", 2, 900, 900)], plan) == learn([], plan)


def test_messages_of_unknown_segment_count_for_their_conversation() -> None:
    plan = plan_with_goals()
    propensity = learn([Count("call", "email", None, 10_000, 3_000)], plan)
    assert propensity.rates == {}
    assert propensity.otherwise["call__email"] == pytest.approx(0.3, abs=0.005)


def test_shrinking_is_the_mean_of_a_beta_binomial_posterior() -> None:
    assert shrunk(10, 5, 0.1, 90.0) == pytest.approx((5 + 9) / 100)
    assert shrunk(0, 0, 0.1, 90.0) == pytest.approx(0.1)


def test_the_prior_is_strong_where_groups_are_alike_and_weak_where_they_differ() -> None:
    assert prior_strength([(1000, 100), (1000, 100), (1000, 100)]) == STRENGTHS[1]
    assert prior_strength([(1000, 0), (1000, 1000), (1000, 500)]) == STRENGTHS[0]
    assert prior_strength([(1000, 0), (1000, 0), (1000, 0)]) == STRENGTHS[1]
    assert prior_strength([(1, 0), (1, 1), (1, 0)]) == STRENGTHS[1]
    assert prior_strength([(1000, 100), (0, 0)]) == FALLBACK_STRENGTH


def test_the_prior_strength_is_kleinmans_moment_estimate() -> None:
    """Three groups of 100 with rates .1, .2, .3: by hand from the weighted moments."""
    mean, n, k = 0.2, 300, 3
    spread = 100 * (0.01 + 0.0 + 0.01)
    room = n - 3 * 100**2 / n - (k - 1)
    rho = (spread - mean * (1 - mean) * (k - 1)) / (mean * (1 - mean) * room)
    assert prior_strength([(100, 10), (100, 20), (100, 30)]) == pytest.approx((1 - rho) / rho)
