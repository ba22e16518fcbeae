"""Who goes first: class, then priority, then the name; and what a priority is made of."""

from __future__ import annotations

import pytest

from tests.decision.builder import conversation, facts, plan_of, rows_of, run
from touchline.decision.priority import LARGEST, MOST_CANDIDATES, SCALE, Propensity, rank, scaled, segments, worths
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import Goal, Policies

RAMP = Policies(cool_off_after=3 * DAY, cool_off_ramp=14 * DAY)
RENEWED = Goal("renewed", 60 * DAY, 180.0)


def test_priority_is_the_product_that_the_vocabulary_says() -> None:
    plan = plan_of(
        conversation("call", "care", goal=RENEWED, given=2.0, lever=1.5), policies=Policies(customer_value_weight=3.0)
    )
    row = facts(plan, topic__last="cover", days_since__encounter=14.0)
    outcome = run(plan, rows_of(plan, [row]), propensity=Propensity({(3, "call__email"): 0.25}))
    told = outcome.explained[0].candidates[0]
    assert told.priority == 0.25 * (180.0 + 2.0 * 3.0) * 1.5 * 2.0
    assert outcome.decided["priority"].to_list() == [told.priority]
    assert told.factors.propensity == 0.25
    assert told.factors.context == 2.0


@pytest.mark.parametrize(
    ("last", "days", "factor"),
    [
        ("cover", 14.0, 2.0), ("cover", 14.01, 1.0), ("claim_help", 1.0, 0.5), ("claim_help", 20.0, 1.0),
        (None, 1.0, 1.0), ("cover", None, 1.0),
    ],
)  # fmt: skip
def test_context_is_the_topic_of_the_last_encounter_within_fourteen_days(
    last: str | None, days: float | None, factor: float
) -> None:
    plan = plan_of(conversation(purpose="information"))
    outcome = run(plan, rows_of(plan, [facts(plan, topic__last=last, days_since__encounter=days)]))
    assert outcome.explained[0].candidates[0].factors.context == factor


def test_selling_ramps_up_after_its_cool_off_unless_in_context() -> None:
    policies = Policies(cool_off_after=3 * DAY, cool_off_ramp=14 * DAY)
    plan = plan_of(conversation(given=1.0), policies=policies)
    customers: list[dict[str, Value]] = [
        facts(plan, days_since__encounter=7.0),
        facts(plan, days_since__encounter=70.0, days_since__opt_in=3.5),
        facts(plan, days_since__encounter=14.0),
        facts(plan, days_since__encounter=1.0, topic__last="cover"),
        facts(plan),
    ]
    explained = run(plan, rows_of(plan, customers)).explained
    assert [e.candidates[0].factors.ramp for e in explained] == [0.5, 0.25, 1.0, 1.0, 1.0]


def test_a_higher_class_goes_first_whatever_the_priority() -> None:
    plan = plan_of(
        conversation("cheap_thanks", "care", lever=0.0),
        conversation("dear_offer", "selling", goal=Goal("bought", DAY, 1e12)),
    )
    outcome = run(plan, rows_of(plan, [facts(plan), facts(plan, consent__care_email=False)]))
    assert outcome.decided["conversation"].to_list() == ["cheap_thanks", "dear_offer"]


def test_inside_a_class_priority_decides_and_then_the_name() -> None:
    plan = plan_of(
        conversation("b_offer", given=1.0), conversation("a_offer", given=1.0), conversation("c_offer", given=1.0001)
    )
    customers = [facts(plan), facts(plan, recency__c_offer=1.0)]
    assert run(plan, rows_of(plan, customers)).decided["conversation"].to_list() == ["c_offer", "a_offer"]


def test_class_one_bypasses_arbitration() -> None:
    plan = plan_of(
        conversation("notice", "service", ("email", "post")),
        conversation("sorry", "recovery"),
        conversation("thanks", "care"),
    )
    outcome = run(plan, rows_of(plan, [facts(plan)]))
    assert outcome.proposed["conversation"].to_list() == ["notice", "sorry", "thanks"]
    assert outcome.decided["conversation"].to_list() == ["thanks"]
    assert outcome.summary.by_conversation == {"notice": 1, "sorry": 1, "thanks": 1}
    assert outcome.summary.decided == outcome.summary.eligible == 1


def test_a_plan_of_class_one_alone_has_no_turn_to_win() -> None:
    plan = plan_of(conversation("notice", "service"))
    outcome = run(plan, rows_of(plan, [facts(plan)]))
    assert outcome.decided["winner"].to_list() == [-1]
    assert outcome.proposed["conversation"].to_list() == ["notice"]


def test_a_conversation_without_a_goal_has_the_playbooks_base_rate() -> None:
    plan = plan_of(conversation(given=1.0), policies=Policies(base_rate=0.125))
    outcome = run(
        plan, rows_of(plan, [facts(plan)]), propensity=Propensity({(3, "talk__email"): 0.9}, {"talk__email": 0.8})
    )
    assert outcome.explained[0].candidates[0].factors.propensity == 0.125


def test_the_worths_have_a_row_a_situation_and_a_column_a_candidate() -> None:
    plan = plan_of(conversation("a", goal=RENEWED), conversation("b", "care", ("email", "post")), policies=RAMP)
    table = worths(plan, Propensity({(2, "a__email"): 0.5}))
    contexts = {0: 1.0, 1: 2.0, 2: 0.5}
    assert table["situation"].to_list() == list(range(len(segments(plan)) * len(contexts)))
    assert table.columns == ["situation", "worth_0", "rank_1", "rank_2"]
    rates = [0.5 if segment == 2 else 0.05 for segment in segments(plan)]
    assert table["worth_0"].to_list() == [rate * 180.0 * factor for rate in rates for factor in contexts.values()]


def test_ranks_of_the_largest_worth_stay_apart_by_class_and_inside_int64() -> None:
    purposes = ("service", "care", "listening", "information", "selling")
    plan = plan_of(*(conversation(f"talk_{purpose}", purpose) for purpose in purposes))
    most = scaled(LARGEST)
    by_class = sorted(plan.candidates, key=lambda c: c.class_)
    lowest_of_next = [rank(c, 0) for c in by_class[:-1]]
    highest = [rank(c, most) for c in by_class[1:]]
    assert all(low > high for low, high in zip(lowest_of_next, highest, strict=True))
    assert rank(by_class[0], most) + MOST_CANDIDATES < 2**63
    assert scaled(LARGEST) == LARGEST * SCALE
