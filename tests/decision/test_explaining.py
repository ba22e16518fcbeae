"""What people read: every policy's sentence with its facts, for the customer at hand."""

from __future__ import annotations

import json

import pytest

from tests.decision.builder import condition, conversation, facts, own, plan_of, rows_of, run
from touchline.decision.explaining import Explanation
from touchline.decision.plan import Plan
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.playbook.compiled import Cap, Conversation, Goal, Policies

POLICIES = Policies(
    caps=(Cap("email", 2, 7 * DAY, channel="email"),),
    quiet=(20 * 60, 8 * 60, (6,)),
    cool_off_after=3 * DAY,
    cool_off_ramp=14 * DAY,
    balance=condition("value.balance >= -0.2"),
    own=(own("dispute", "days_since.complained < 60"),),
)


def explained(plan: Plan, **told: Value) -> Explanation:
    return run(plan, rows_of(plan, [facts(plan, **told)])).explained[0]


def why(policy: str, talk: Conversation | None = None, **told: Value) -> str:
    plan = plan_of(talk or conversation(asked=1), policies=POLICIES)
    told = {"days_since__complained": 400.0} | told
    candidate = next(c for c in explained(plan, **told).candidates if c.channel == "email")
    return {answer.policy: answer.why for answer in candidate.policies}[policy] or ""


@pytest.mark.parametrize(
    ("policy", "told", "words"),
    [
        ("suppression", {"suppressed__email": True}, ("email", "bounce", "spam")),
        ("reachable", {"reach__email": False}, ("no usable address or number for email",)),
        ("consent", {"consent__selling_email": False}, ("no consent for selling by email",)),
        ("consent", {"evidence__selling_email": False}, ("has no evidence",)),
        ("preference.channel", {"prefers__refuses_email": True}, ("does not want messages by email",)),
        ("preference.topic", {"prefers__topic_cover": False}, ("cover",)),
        ("preference.frequency", {"prefers__max_per_week": 2, "contact__all_7d": 3}, ("at most 2", "had 3")),
        ("preference.time", {"prefers__day_fits": False}, ("on this day",)),
        ("preference.time", {"prefers__hour_fits": False}, ("at this hour",)),
        ("cap.email", {"contact__email_7d": 4}, ("had 4 messages in the last 7 days", "at most 2")),
        ("one_a_day", {"contact__listening_1d": 1}, ("1 of listening",)),
        ("quiet_hours", {"clock__minute": 21 * 60 + 5}, ("21:05", "from 20:00 until 08:00")),
        ("quiet_hours", {"clock__weekday": 6}, ("sun", "quiet day")),
        ("care_first", {"care__due": True}, ("care need is due",)),
        ("cool_off", {"days_since__encounter": 1.23}, ("1.2 days ago", "selling waits 3 days")),
        ("balance", {"value__balance": -0.5}, ("value.balance is -0.5", "value.balance >= -0.2")),
        ("recurrence", {"recency__talk": 12.5}, ("12.5 days ago", "once in 30 days")),
        ("holdout", {"arm__global": "control"}, ("control group",)),
        ("own.dispute", {"days_since__complained": 7.0}, ("days_since.complained < 60", "is 7")),
    ],
)
def test_a_held_customer_is_told_why_with_the_facts(
    policy: str, told: dict[str, Value], words: tuple[str, ...]
) -> None:
    sentence = why(policy, **told)
    assert all(word in sentence for word in words), sentence


def test_a_better_liked_channel_and_an_opt_out_are_told() -> None:
    two = conversation(channels=("email", "post"), asked=1)
    assert "likes post better than email" in why("preference.channel", two, prefers__likes_post=True)
    assert "opted out of listening" in why(
        "consent", conversation(purpose="listening"), withdrawn__listening_email=True
    )


@pytest.mark.parametrize(("recurs", "word"), [("once", "once"), ("term", "agreement term"), ("episode", "episode")])
def test_each_recurrence_is_told(recurs: str, word: str) -> None:
    talk = conversation(recurs=recurs)  # type: ignore[arg-type]  # parametrised text
    assert word in why("recurrence", talk, recency__talk=1.0)


def test_a_policy_that_cannot_be_judged_names_the_unknown_fact() -> None:
    plan = plan_of(conversation())
    answer = next(a for a in explained(plan, arm__global=None).candidates[0].policies if a.policy == "holdout")
    assert answer.blocks
    assert answer.unknown
    assert answer.why == "it cannot be judged, arm.global is unknown"


def test_every_answer_carries_its_facts_whether_it_blocks_or_not() -> None:
    plan = plan_of(conversation(asked=1), policies=POLICIES)
    candidate = explained(plan, care__due=True).candidates[0]
    assert [a.policy for a in candidate.policies] == list(plan.policies)
    for rule, answer in zip(plan.candidates[0].rules, candidate.policies, strict=True):
        assert tuple(answer.facts) == rule.blocks.names
        assert (answer.why is not None) == answer.blocks


def test_an_explanation_is_one_json_object() -> None:
    plan = plan_of(
        conversation("offer", goal=Goal("bought", DAY, 20.0), variants=[("a", 1), ("b", 1)]),
        conversation("thanks", "care"),
    )
    told = json.loads(json.dumps(explained(plan, care__due=True).as_dict()))
    assert told["customer"] == 1
    assert told["segment"] == {"stage": "member", "hand_raiser": True}
    offer = told["candidates"][0]
    assert (offer["conversation"], offer["class"], offer["eligible"], offer["proposed"]) == ("offer", 5, False, False)
    held = [p for p in offer["policies"] if p["blocks"]]
    assert held[0]["policy"] == "care_first"
    assert held[0]["facts"] == {"care.due": True}
    assert offer["factors"]["business_value"] == 20.0
    assert told["proposed"] == []


def test_the_lines_tell_what_is_proposed_first_then_open_then_held_then_not_offered() -> None:
    plan = plan_of(
        conversation("absent", "care", audience="stage = 'renewal'"),
        conversation("offer", "selling", given=1.0),
        conversation("poll", "listening", given=2.0, variants=[("a", 1)]),
        conversation("tip", "information"),
    )
    lines = explained(plan, consent__information_email=False).lines()
    heads = [line for line in lines[1:] if not line.startswith("  ")]
    assert heads == [
        "poll by email (listening, class 3): proposed, wording a",
        "offer by email (selling, class 5): open, another goes first",
        "tip by email (information, class 4): held",
        "absent by email (care, class 2): not offered",
    ]
    assert "  held by consent: no consent for information by email" in lines
    assert "  audience does not hold: stage = 'renewal', where stage is member" in lines
    assert "  priority 0.1 = propensity 0.05 x (worth 0 + 2 points x 1) x lever 1 x context 1" in lines


def test_one_conversation_can_be_explained_alone() -> None:
    plan = plan_of(conversation("offer", channels=("email", "post")), conversation("thanks", "care"))
    assert [c.name for c in explained(plan).about("offer").candidates] == ["offer__email", "offer__post"]
