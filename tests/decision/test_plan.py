"""A plan: every candidate of a playbook, the measures that it reads, and what it refuses."""

from __future__ import annotations

import pytest

from tests.decision.builder import condition, conversation, facts, own, plan_of, rows_of, run
from touchline.decision.rules import PlanFault
from touchline.kernel.times import DAY, HOUR
from touchline.playbook.compiled import Cap, Policies, Trigger


def test_a_candidate_is_a_conversation_by_one_of_its_channels() -> None:
    plan = plan_of(conversation("b", channels=("post", "email")), conversation("a"))
    assert [c.name for c in plan.candidates] == ["a__email", "b__email", "b__post"]
    assert [c.index for c in plan.candidates] == [0, 1, 2]
    assert plan.conversations == ("a", "b")


def test_a_plan_says_every_measure_that_deciding_reads() -> None:
    plan = plan_of(conversation(purpose="service", topic=None, urgent=True, recurs="once"))
    assert plan.measures == ("hand_raiser", "reach.email", "recency.talk", "stage", "suppressed.email")


def test_the_same_playbook_makes_the_same_plan() -> None:
    talks = [conversation("a"), conversation("b", "care", ("email", "post"))]
    assert plan_of(*talks) == plan_of(*reversed(talks))


def test_conversations_alike_share_their_conditions() -> None:
    plan = plan_of(conversation("a"), conversation("b"))
    first, second = ({rule.policy: rule.blocks for rule in c.rules} for c in plan.candidates)
    assert {policy for policy in first if first[policy] != second[policy]} == {"recurrence"}


def test_a_plan_of_some_candidates_decides_as_the_whole_one_where_only_they_are_meant() -> None:
    caps = Policies(caps=(Cap("post", 1, DAY, channel="post"), Cap("email", 1, DAY, channel="email")), one_a_day=())
    talks = [conversation("a", "care", ("email", "post")), conversation("b", "care", ("email",))]
    whole = plan_of(*talks, policies=caps)
    some = whole.of(c for c in whole.candidates if c.channel == "email")
    assert [(c.name, c.index) for c in some.candidates] == [("a__email", 0), ("b__email", 1)]
    assert set(whole.policies) - set(some.policies) == {"cap.post"}
    customers = [facts(whole, contact__email_1d=n, reach__post=False) for n in (0, 1)]
    there, alone = run(whole, rows_of(whole, customers)), run(some, rows_of(some, customers))
    for before, after in zip(there.explained, alone.explained, strict=True):
        kept = [c for c in before.candidates if c.channel == "email"]
        assert [(c.name, c.policies, c.priority, c.proposed) for c in after.candidates] == [
            (c.name, c.policies, c.priority, c.proposed) for c in kept
        ]
    winners = [alone.explained[n].winner for n in (0, 1)]
    assert [one and one.conversation for one in winners] == ["a", None]
    assert alone.decided["winner"].to_list() == [0, -1]


def test_a_trigger_opens_a_conversation_for_as_long_as_it_says() -> None:
    plan = plan_of(conversation(trigger=Trigger(kind="served", wait=DAY, within=2 * DAY)))
    customers = [facts(plan, trigger__talk=days) for days in (-0.01, 0.0, 1.99, 2.0, None)]
    outcome = run(plan, rows_of(plan, customers))
    assert outcome.decided[plan.candidates[0].mask].to_list() == [-1, 0, 0, -1, -1]


def test_more_policies_than_a_mask_has_bits_are_refused() -> None:
    rules = tuple(own(f"rule_{number}", f"count.bought > {number}") for number in range(60))
    with pytest.raises(PlanFault, match="at most 62 fit one mask"):
        plan_of(conversation(), policies=Policies(own=rules))


def test_the_last_bit_of_a_mask_is_still_read_right() -> None:
    few = len(plan_of(conversation()).policies)
    rules = tuple(own(f"rule_{number}", f"count.bought > {number}") for number in range(62 - few))
    plan = plan_of(conversation(), policies=Policies(own=rules))
    outcome = run(plan, rows_of(plan, [facts(plan, count__bought=99), facts(plan, count__bought=0)]))
    assert len(plan.policies) == 62
    assert outcome.decided[plan.candidates[0].mask][0] == outcome.explained[0].candidates[0].mask > 2**61
    assert outcome.summary.held[f"own.rule_{61 - few}"] == 1


def test_more_conversations_than_a_rank_can_tell_apart_are_refused() -> None:
    with pytest.raises(PlanFault, match="at most 1024 can be ranked"):
        plan_of(*(conversation(f"talk_{number}", audience="TRUE") for number in range(1025)))


def test_a_playbook_without_conversations_cannot_decide() -> None:
    plan = plan_of()
    with pytest.raises(PlanFault, match="no conversations"):
        run(plan, rows_of(plan, [facts(plan)]))


@pytest.mark.parametrize(
    ("cap", "word"),
    [
        (Cap("both", 1, 7 * DAY, channel="email", purpose="selling"), "both a purpose and a channel"),
        (Cap("hours", 1, 36 * HOUR), "whole days"),
        (Cap("long", 1, 366 * DAY), "whole days"),
    ],
)
def test_a_cap_that_no_measure_counts_is_refused(cap: Cap, word: str) -> None:
    with pytest.raises(PlanFault, match=word):
        plan_of(conversation(), policies=Policies(caps=(cap,)))


def test_a_soft_opt_in_for_selling_is_refused() -> None:
    policies = Policies(soft_opt_in=("selling",), soft_opt_in_when=condition("count.joined > 0"))
    with pytest.raises(PlanFault, match="soft opt-in"):
        plan_of(conversation(), policies=policies)
