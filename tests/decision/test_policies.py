"""What holds whom: each policy, alone on an otherwise free customer, in `decide` and in `explain` at once."""

from __future__ import annotations

import pytest

from tests.decision.builder import condition, conversation, facts, held_by, of_policy, own, plan_of, rows_of, run
from touchline.decision.purposes import TABLE
from touchline.interactions.catalogue import PURPOSES
from touchline.kernel.times import DAY, HOUR
from touchline.kernel.types import Value
from touchline.playbook.compiled import Cap, OwnPolicy, Policies

QUIET = Policies(quiet=(20 * 60, 8 * 60, (6,)))
COOL = Policies(cool_off_after=3 * DAY, cool_off_ramp=14 * DAY)
CAPS = Policies(
    caps=(
        Cap("overall", 3, 7 * DAY),
        Cap("email", 2, 7 * DAY, channel="email"),
        Cap("selling", 1, 14 * DAY, purpose="selling"),
        Cap("listening", 1, 90 * DAY, purpose="listening"),
    )
)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_free_customer_is_held_by_nothing(purpose: str) -> None:
    policies = Policies(
        caps=CAPS.caps,
        quiet=QUIET.quiet,
        cool_off_after=3 * DAY,
        balance=condition("value.balance >= -0.2"),
        own=(own("no_offer_after_dispute", "COALESCE(days_since.complained, 99999) < 60"),),
    )
    assert held_by(plan_of(conversation(purpose=purpose, asked=1), policies=policies)) == set()


@of_policy("suppression")
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_suppressed_customer_is_never_contacted(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose, urgent=True))
    assert held_by(plan, suppressed__email=True) == {"suppression"}


@of_policy("reachable")
@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_customer_without_an_address_is_not_reachable(purpose: str) -> None:
    assert held_by(plan_of(conversation(purpose=purpose)), reach__email=False) == {"reachable"}


@of_policy("consent")
@pytest.mark.parametrize("purpose", ["information", "community", "selling", "care"])
def test_marketing_needs_an_opt_in(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose))
    assert held_by(plan, **{f"consent__{purpose}_email": False}) == {"consent"}


@of_policy("consent")
@pytest.mark.parametrize("purpose", ["service", "recovery"])
def test_what_the_contract_demands_needs_no_consent(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose))
    assert not [name for name in plan.measures if name.startswith(("consent.", "withdrawn."))]


@of_policy("consent")
def test_listening_needs_no_opt_in_and_honours_an_opt_out() -> None:
    plan = plan_of(conversation(purpose="listening"))
    assert "consent.listening_email" not in plan.measures
    assert held_by(plan, withdrawn__listening_email=False) == set()
    assert held_by(plan, withdrawn__listening_email=True) == {"consent"}


@of_policy("consent")
def test_imported_consent_without_evidence_counts_only_for_the_purposes_that_the_playbook_lists() -> None:
    policies = Policies(consent_without_evidence=("care",))
    assert held_by(plan_of(conversation(), policies=policies), evidence__selling_email=False) == {"consent"}
    care = plan_of(conversation(purpose="care"), policies=policies)
    assert "evidence.care_email" not in care.measures
    assert held_by(care) == set()


@of_policy("consent")
def test_a_soft_opt_in_stands_for_consent_until_the_customer_opts_out() -> None:
    policies = Policies(soft_opt_in=("care",), soft_opt_in_when=condition("count.joined > 0"))
    plan = plan_of(conversation(purpose="care"), policies=policies)
    assert held_by(plan, consent__care_email=False, count__joined=1) == set()
    assert held_by(plan, consent__care_email=False, count__joined=0) == {"consent"}
    assert held_by(plan, consent__care_email=False, count__joined=1, withdrawn__care_email=True) == {"consent"}
    assert held_by(plan, consent__care_email=False, count__joined=1, withdrawn__care_email=None) == {"consent"}
    assert held_by(plan, consent__care_email=True, count__joined=0) == set()


@of_policy("preference.channel")
def test_a_refused_channel_is_not_used() -> None:
    plan = plan_of(conversation())
    assert held_by(plan, prefers__refuses_email=True) == {"preference.channel"}
    assert held_by(plan, prefers__refuses_email=None) == set()


@of_policy("preference.channel")
def test_a_service_notice_goes_by_a_refused_channel_only_where_there_is_no_other() -> None:
    plan = plan_of(conversation(purpose="service", channels=("email", "post")))
    customers = [
        facts(plan, prefers__refuses_email=True),
        facts(plan, prefers__refuses_email=True, reach__post=False),
        facts(plan, prefers__refuses_email=True, prefers__refuses_post=True),
    ]
    proposed = run(plan, rows_of(plan, customers)).proposed
    assert proposed.select("customer", "channel").rows() == [(1, "post"), (2, "email"), (3, "email")]
    assert held_by(plan_of(conversation(purpose="service"))) == set()


@of_policy("preference.channel")
def test_a_liked_channel_goes_before_any_other_while_it_is_open() -> None:
    plan = plan_of(conversation(channels=("email", "post")))
    customers: list[dict[str, Value]] = [
        facts(plan, prefers__likes_post=True),
        facts(plan, prefers__likes_post=True, prefers__likes_email=True),
        facts(plan, prefers__likes_post=True, consent__selling_post=False),
        facts(plan, prefers__likes_post=True, suppressed__post=True),
        facts(plan, prefers__likes_post=True, reach__post=None),
    ]
    proposed = run(plan, rows_of(plan, customers)).proposed
    assert proposed["channel"].to_list() == ["post", "email", "email", "email", "email"]


@of_policy("preference.topic")
def test_an_unwanted_topic_is_not_raised_but_by_what_the_contract_demands() -> None:
    assert held_by(plan_of(conversation()), prefers__topic_cover=False) == {"preference.topic"}
    assert held_by(plan_of(conversation()), prefers__topic_cover=None) == set()
    assert "prefers.topic_cover" not in plan_of(conversation(purpose="service")).measures
    assert "preference.topic" not in plan_of(conversation(topic=None)).policies


@of_policy("preference.frequency")
def test_the_customers_own_maximum_a_week_is_kept() -> None:
    plan = plan_of(conversation(purpose="listening"), policies=Policies(one_a_day=()))
    assert held_by(plan, prefers__max_per_week=2, contact__all_7d=2) == {"preference.frequency"}
    assert held_by(plan, prefers__max_per_week=2, contact__all_7d=1) == set()
    assert held_by(plan, prefers__max_per_week=None, contact__all_7d=50) == set()
    assert held_by(plan, prefers__max_per_week=0) == {"preference.frequency"}
    assert held_by(plan, prefers__max_per_week=2, contact__all_7d=None) == {"preference.frequency"}


@of_policy("preference.time")
def test_messages_come_on_the_customers_days_and_hours() -> None:
    plan = plan_of(conversation(purpose="recovery"))
    assert held_by(plan, prefers__day_fits=False) == {"preference.time"}
    assert held_by(plan, prefers__hour_fits=False) == {"preference.time"}
    assert held_by(plan, prefers__day_fits=True, prefers__hour_fits=None) == set()
    assert "preference.time" not in plan_of(conversation(purpose="service", urgent=True)).policies


@of_policy("cap")
def test_a_cap_holds_from_the_message_that_would_exceed_it() -> None:
    plan = plan_of(conversation(purpose="care"), policies=CAPS)
    assert held_by(plan, contact__email_7d=1, contact__all_7d=2) == set()
    assert held_by(plan, contact__email_7d=2) == {"cap.email"}
    assert held_by(plan, contact__all_7d=3) == {"cap.overall"}
    assert held_by(plan, contact__email_7d=2, contact__all_7d=3) == {"cap.email", "cap.overall"}


@of_policy("cap")
def test_each_purpose_is_under_the_caps_that_the_vocabulary_says() -> None:
    def caps(purpose: str) -> set[str]:
        plan = plan_of(conversation(purpose=purpose), policies=CAPS)
        return {name for name in plan.policies if name.startswith("cap.")}

    assert caps("service") == caps("recovery") == set()
    assert caps("listening") == {"cap.listening"}
    assert caps("selling") == {"cap.overall", "cap.email", "cap.selling"}
    assert caps("care") == caps("community") == caps("information") == {"cap.overall", "cap.email"}


@of_policy("one_a_day")
def test_one_message_a_day_holds_across_conversations_and_purposes() -> None:
    plan = plan_of(conversation())
    assert held_by(plan, contact__listening_1d=1) == {"one_a_day"}
    assert held_by(plan, contact__community_1d=2, contact__information_1d=None) == {"one_a_day"}
    assert held_by(plan, contact__community_1d=0, contact__information_1d=None) == {"one_a_day"}
    assert "one_a_day" not in plan_of(conversation(purpose="care")).policies
    assert "one_a_day" not in plan_of(conversation(purpose="service"), policies=Policies(one_a_day=(1, 3))).policies


@of_policy("one_a_day")
def test_two_conversations_of_one_tick_give_one_proposal() -> None:
    plan = plan_of(
        conversation("tip", "information"), conversation("offer", "selling"), conversation("poll", "listening")
    )
    proposed = run(plan, rows_of(plan, [facts(plan)])).proposed
    assert proposed["conversation"].to_list() == ["poll"]


@of_policy("quiet_hours")
@pytest.mark.parametrize(
    ("minute", "quiet"),
    [(19 * 60 + 59, False), (20 * 60, True), (23 * 60 + 59, True), (0, True), (7 * 60 + 59, True), (8 * 60, False)],
)
def test_quiet_hours_wrap_midnight(minute: int, quiet: bool) -> None:
    plan = plan_of(conversation(), policies=QUIET)
    assert held_by(plan, clock__minute=minute) == ({"quiet_hours"} if quiet else set())


@of_policy("quiet_hours")
def test_quiet_hours_within_one_day_do_not_wrap() -> None:
    plan = plan_of(conversation(), policies=Policies(quiet=(12 * 60, 14 * 60, ())))
    assert held_by(plan, clock__minute=13 * 60) == {"quiet_hours"}
    assert held_by(plan, clock__minute=14 * 60) == set()
    assert held_by(plan, clock__minute=11 * 60) == set()


@of_policy("quiet_hours")
def test_a_quiet_day_is_quiet_at_noon() -> None:
    plan = plan_of(conversation(), policies=QUIET)
    assert held_by(plan, clock__weekday=6, clock__minute=12 * 60) == {"quiet_hours"}
    days_only = plan_of(conversation(), policies=Policies(quiet=(0, 0, (5, 6))))
    assert held_by(days_only, clock__weekday=5) == {"quiet_hours"}
    assert held_by(days_only, clock__weekday=4) == set()


@of_policy("quiet_hours")
def test_only_urgent_service_passes_quiet_hours() -> None:
    night: dict[str, Value] = {"clock__minute": 3 * 60}
    assert "quiet_hours" not in plan_of(conversation(purpose="service", urgent=True), policies=QUIET).policies
    assert held_by(plan_of(conversation(purpose="service"), policies=QUIET), **night) == {"quiet_hours"}
    assert held_by(plan_of(conversation(purpose="recovery", urgent=True), policies=QUIET), **night) == {"quiet_hours"}
    assert held_by(plan_of(conversation(purpose="selling", urgent=True), policies=QUIET), **night) == {"quiet_hours"}


@of_policy("care_first")
@pytest.mark.parametrize("purpose", ["selling", "information", "community"])
def test_an_unhappy_customer_is_never_sold_to(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose, topic="claim_help"))
    assert held_by(plan, care__due=True, topic__last="claim_help") == {"care_first"}


@of_policy("care_first")
@pytest.mark.parametrize("purpose", ["care", "listening"])
def test_while_care_is_due_care_and_surveys_wait_unless_they_are_about_it(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose, topic="claim_help"))
    assert held_by(plan, care__due=True, topic__last="cover") == {"care_first"}
    assert held_by(plan, care__due=True, topic__last=None) == {"care_first"}
    assert held_by(plan, care__due=True, topic__last="claim_help") == set()
    assert held_by(plan_of(conversation(purpose=purpose, topic=None)), care__due=True) == {"care_first"}


@of_policy("care_first")
def test_service_and_recovery_pass_while_care_is_due() -> None:
    for purpose in ("service", "recovery"):
        assert "care_first" not in plan_of(conversation(purpose=purpose)).policies


@of_policy("cool_off")
def test_selling_waits_after_an_encounter_and_after_an_opt_in() -> None:
    plan = plan_of(conversation(), policies=COOL)
    assert held_by(plan, days_since__encounter=2.99) == {"cool_off"}
    assert held_by(plan, days_since__encounter=3.0) == set()
    assert held_by(plan, days_since__encounter=90.0, days_since__opt_in=0.5) == {"cool_off"}
    assert held_by(plan, days_since__encounter=None, days_since__opt_in=None) == set()


@of_policy("cool_off")
def test_selling_does_not_wait_where_it_belongs_to_the_encounter() -> None:
    plan = plan_of(conversation(topic="cover"), policies=COOL)
    assert held_by(plan, days_since__encounter=0.1, topic__last="cover") == set()
    assert held_by(plan, days_since__encounter=0.1, topic__last="claim_help") == {"cool_off"}
    assert held_by(plan_of(conversation(topic=None), policies=COOL), days_since__encounter=0.1) == {"cool_off"}
    assert "cool_off" not in plan_of(conversation(purpose="information"), policies=COOL).policies


@of_policy("balance")
def test_only_an_ask_needs_a_balance() -> None:
    policies = Policies(balance=condition("value.balance >= -0.2"))
    asks = plan_of(conversation(asked=1), policies=policies)
    assert held_by(asks, value__balance=-0.2) == set()
    assert held_by(asks, value__balance=-0.21) == {"balance"}
    assert held_by(asks, value__balance=None) == {"balance"}
    assert "balance" not in plan_of(conversation(given=1, asked=0), policies=policies).policies
    assert "balance" not in plan_of(conversation(purpose="service", asked=1), policies=policies).policies


@of_policy("recurrence")
def test_what_is_said_once_is_said_once() -> None:
    plan = plan_of(conversation(recurs="once"))
    assert held_by(plan, recency__talk=None) == set()
    assert held_by(plan, recency__talk=5000.0) == {"recurrence"}


@of_policy("recurrence")
def test_what_recurs_every_thirty_days_waits_thirty_days() -> None:
    plan = plan_of(conversation(recurs="every", recurs_every=30 * DAY))
    assert held_by(plan, recency__talk=29.9) == {"recurrence"}
    assert held_by(plan, recency__talk=30.0) == set()
    hourly = plan_of(conversation(recurs="every", recurs_every=12 * HOUR))
    assert held_by(hourly, recency__talk=0.49) == {"recurrence"}
    assert held_by(hourly, recency__talk=0.5) == set()


@of_policy("recurrence")
@pytest.mark.parametrize(("recurs", "start"), [("term", "days_since__term_start"), ("episode", "days_since__episode")])
def test_what_recurs_per_term_or_episode_waits_for_a_new_one(recurs: str, start: str) -> None:
    plan = plan_of(conversation(recurs=recurs))  # type: ignore[arg-type]  # parametrised text
    assert held_by(plan, recency__talk=None, **{start: 10.0}) == set()
    assert held_by(plan, recency__talk=9.0, **{start: 10.0}) == {"recurrence"}
    assert held_by(plan, recency__talk=11.0, **{start: 10.0}) == set()
    assert held_by(plan, recency__talk=11.0, **{start: None}) == {"recurrence"}
    assert held_by(plan, recency__talk=None, **{start: None}) == set()


@of_policy("holdout")
@pytest.mark.parametrize("purpose", ["care", "information", "community", "selling"])
def test_the_control_group_is_left_alone(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose))
    assert held_by(plan, arm__global="control") == {"holdout"}
    assert held_by(plan, arm__global=None) == {"holdout"}
    assert held_by(plan, arm__global="treated") == set()


@of_policy("holdout")
@pytest.mark.parametrize("purpose", ["service", "recovery", "listening"])
def test_service_is_never_held_out_and_both_arms_are_asked_alike(purpose: str) -> None:
    plan = plan_of(conversation(purpose=purpose))
    assert "holdout" not in plan.policies
    assert "arm.global" not in plan.measures


@of_policy("own")
def test_an_own_rule_holds_the_purposes_that_it_names() -> None:
    policies = Policies(own=(own("after_dispute", "COALESCE(days_since.complained, 99999) < 60", "selling"),))
    plan = plan_of(conversation(), policies=policies)
    assert held_by(plan, days_since__complained=59.0) == {"own.after_dispute"}
    assert held_by(plan, days_since__complained=60.0) == set()
    assert "own.after_dispute" not in plan_of(conversation(purpose="care"), policies=policies).policies


@of_policy("own")
def test_an_own_rule_without_purposes_holds_all_of_them() -> None:
    for purpose in PURPOSES:
        policies = Policies(own=(OwnPolicy("never", (), condition("count.left > 0")),))
        assert held_by(plan_of(conversation(purpose=purpose), policies=policies), count__left=1) == {"own.never"}


@of_policy("own")
def test_an_own_rule_tells_its_reason_in_its_authors_words() -> None:
    rule = OwnPolicy("never", (), condition("count.left > 0"), says="has left us")
    plan = plan_of(conversation(), policies=Policies(own=(rule,)))
    [told] = [each for each in plan.candidates[0].rules if each.policy == "own.never"]
    assert told.says({"count.left": 1}) == "has left us"


@pytest.mark.parametrize(
    "fact",
    ["suppressed__email", "reach__email", "consent__selling_email", "evidence__selling_email", "care__due",
     "arm__global", "clock__minute", "contact__all_7d", "contact__email_7d", "contact__selling_1d", "value__balance"],
)  # fmt: skip
def test_an_unknown_fact_blocks(fact: str) -> None:
    policies = Policies(caps=CAPS.caps, quiet=QUIET.quiet, balance=condition("value.balance >= -0.2"))
    assert held_by(plan_of(conversation(asked=1), policies=policies), **{fact: None})


def test_an_unknown_audience_does_not_hold() -> None:
    plan = plan_of(conversation(audience="experience.claims < -0.2"))
    outcome = run(plan, rows_of(plan, [facts(plan, experience__claims=None), facts(plan, experience__claims=-0.5)]))
    assert outcome.decided[plan.candidates[0].mask].to_list() == [-1, 0]
    assert outcome.summary.decided == 1


def test_every_purpose_of_the_catalogue_has_its_line_of_the_table() -> None:
    assert {name: purpose.class_ for name, purpose in TABLE.items()} == PURPOSES
