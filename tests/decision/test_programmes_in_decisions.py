"""Programmes in the one decision: explain equals decide for whoever stands anywhere, and what a proposal tells of itself."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decision.builder import (
    AT,
    Outcome,
    conversation,
    facts,
    holders,
    of_policy,
    plan_of,
    programme,
    rows_of,
    run,
)
from tests.decision.test_explain_equals_decide import assert_counted, assert_explained, customers, policies, rates
from tests.decision.test_sequence import OPENED, crowd, sequences, spoken, talk
from tests.effort import examples
from touchline.decision.assigning import assignments
from touchline.decision.deciding import expiries
from touchline.decision.plan import Plan
from touchline.decision.standing import advance_row
from touchline.kernel.engines import ENGINES, EngineName
from touchline.kernel.measures import column
from touchline.kernel.times import DAY, HOUR, MINUTE
from touchline.kernel.types import Value
from touchline.playbook.compiled import Policies, Programme, Step, Trigger

ENTERED = AT - 10 * DAY


def standing(plan: Plan, name: str, place: int, since: int = ENTERED, **told: Value) -> dict[str, Value]:
    """A free customer at that place, since then."""
    own = f"programme.{name}"
    placed: dict[str, Value] = {
        "step": place, "since": since, "entered": ENTERED, "arm": "treated", "assigned": ENTERED,
        "days_in_step": (AT - since) / DAY if place else None, "days_since_entry": (AT - ENTERED) / DAY,
    }  # fmt: skip
    free = facts(plan) | {
        f"{own}.{member}": value for member, value in placed.items() if f"{own}.{member}" in plan.measures
    }
    return free | {key.replace("__", "."): value for key, value in told.items()}


def decided(plan: Plan, *base: dict[str, Value], engine: EngineName = "polars") -> Outcome:
    outcome = run(plan, rows_of(plan, base), OPENED[engine])
    assert_explained(plan, outcome)
    return outcome


def assert_expiring(plan: Plan, base: pl.DataFrame, outcome: Outcome) -> None:
    """Each proposal ends with the time of the step where its customer then stands, told row by row."""
    people = {row["customer"]: row for row in base.iter_rows(named=True)}
    steps = {step.conversation: step for each in plan.programmes for step in each.steps}
    for row in outcome.proposed.iter_rows(named=True):
        moved, _ = advance_row({name: people[row["customer"]][column(name)] for name in plan.measures}, plan, AT)
        within = steps[row["conversation"]].within if row["programme"] else None
        since = moved[f"programme.{row['programme']}.since"] if row["programme"] else None
        end = since + within if isinstance(since, int) and within is not None else None
        assert row["expires_at"] == end
        assert end is None or end > AT


@given(
    programmes=sequences(),
    chosen=policies,
    seed=st.integers(0, 2**32 - 1),
    purpose=st.sampled_from(["care", "service"]),
)
@settings(max_examples=examples(10))
def test_explain_equals_decide_for_whoever_stands_anywhere(
    programmes: list[Programme], chosen: Policies, seed: int, purpose: str
) -> None:
    others = [conversation("service_note", "service", recurs="term"), conversation("offer", recurs="episode")]
    said = [conversation(talk.name, purpose) for talk in spoken(programmes)]
    plan = plan_of(*said, *others, policies=chosen, programmes=programmes)
    base, placed = customers(plan, seed), crowd(plan, seed)
    told = [name for name in placed.columns if name.startswith(("programme__", "done__", "arm__", "count__joined"))]
    base = base.with_columns(placed[name] for name in told)
    outcome = run(plan, base, OPENED["polars"], rates(plan, seed))
    assert_explained(plan, outcome)
    assert_counted(plan, outcome)
    assert_expiring(plan, base, outcome)


def test_on_the_other_engine_it_is_the_same() -> None:
    first = programme("first", talk("talk_a", wait=HOUR, within=2 * DAY), Step("pause", 0, wait=DAY), talk("talk_b"))
    second = programme("second", talk("talk_c"), recurs="term")
    plan = plan_of(*spoken([first, second]), programmes=[first, second])
    placed = crowd(plan, 5)
    told = [name for name in placed.columns if name.startswith(("programme__", "done__", "arm__", "count__joined"))]
    base = rows_of(plan, [facts(plan)] * placed.height).with_columns(placed[name] for name in told)
    one, other = (run(plan, base, OPENED[name], rates(plan, 5)) for name in ENGINES)
    names = ["customer", "moved", "assign_first", "assign_second", "assign_global", "segment", "key", "rank"]
    assert one.decided.select(names).equals(other.decided.select(names))
    assert one.proposed.sort("customer", "conversation").equals(other.proposed.sort("customer", "conversation"))
    assert one.decided["moved"].sum()
    assert set(one.proposed["conversation"]) >= {"talk_b", "talk_c"}


@pytest.mark.parametrize("name", ENGINES)
def test_a_proposal_tells_its_programme_entry_points_and_segment(name: EngineName) -> None:
    first = programme("first", talk("talk_a"), exit=None)
    said = conversation("talk_a", "care", given=2, asked=1)
    plan = plan_of(said, programmes=[first])
    outcome = decided(plan, standing(plan, "first", 1), engine=name)
    (row,) = outcome.proposed.iter_rows(named=True)
    assert (row["programme"], row["recurrence"], row["given"], row["asked"]) == ("first", str(ENTERED), 2.0, 1.0)
    assert row["segment"] == 2 * 1 + 1  # a member who raised a hand


@pytest.mark.parametrize(
    ("recurs", "told", "recurrence"),
    [
        ("once", {}, "once"),
        ("every", {}, f"every:{AT // (30 * DAY)}"),
        ("term", {"days_since__term_start": 3.0}, f"term:{(AT - 3 * DAY) // MINUTE}"),
        ("term", {}, "term:"),
        ("episode", {"days_since__episode": 0.5}, f"episode:{(AT - DAY // 2) // MINUTE}"),
    ],
)
@pytest.mark.parametrize("purpose", ["care", "service"])
def test_a_proposal_of_no_programme_tells_of_what_it_may_be_said_once(
    recurs: Any, told: dict[str, Value], recurrence: str, purpose: str
) -> None:
    plan = plan_of(conversation("talk", purpose, recurs=recurs))
    (row,) = decided(plan, facts(plan, **told)).proposed.iter_rows(named=True)
    assert (row["programme"], row["recurrence"]) == (None, recurrence)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("purpose", ["care", "service"])
def test_a_proposal_expires_when_the_time_of_its_step_is_over(name: EngineName, purpose: str) -> None:
    first = programme(
        "first", talk("talk_a", wait=HOUR, within=2 * DAY), talk("talk_b", within=5 * DAY), talk("talk_c"), exit=None
    )
    second = programme("second", talk("talk_d", within=3 * HOUR), enter="stage = 'renewal'", exit=None)
    said = [conversation(talk.name, purpose, ("email", "sms")) for talk in spoken([first])]
    plan = plan_of(*said, conversation("talk_d", purpose, audience="TRUE"), programmes=[first, second])
    comes: dict[str, Value] = {
        "stage": "renewal", "programme.second.entered": None, "programme.second.since": None,
        "programme.second.assigned": None, "programme.second.arm": "treated",
    }  # fmt: skip
    outcome = decided(
        plan,
        standing(plan, "first", 1, AT - HOUR - 1),
        standing(plan, "first", 1, AT - 2 * DAY + 1),
        standing(plan, "first", 1, AT - 2 * DAY),  # it moves on in this tick
        standing(plan, "first", 3, AT - 9 * DAY),
        standing(plan, "first", 0, **{"programme.second.step": 0}) | comes,  # it enters in this tick
        engine=name,
    )
    assert outcome.proposed.select("customer", "conversation", "expires_at").rows() == [
        (1, "talk_a", AT + 47 * HOUR - 1),
        (2, "talk_a", AT + 1),
        (3, "talk_b", AT + 5 * DAY),
        (4, "talk_c", None),
        (5, "talk_d", AT + 3 * HOUR),
    ]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("purpose", ["care", "service"])
@pytest.mark.parametrize(
    "ago", [0, 1, 7 * MINUTE + 123_457, DAY - 1, 2 * DAY - 1, 30 * DAY + 1], ids=lambda ago: f"{ago}us"
)
def test_a_proposal_expires_when_the_time_of_its_trigger_is_over(name: EngineName, purpose: str, ago: int) -> None:
    served = Trigger(kind="served", wait=HOUR, within=31 * DAY)
    plan = plan_of(conversation("talk", purpose, trigger=served), conversation("other", purpose, audience="FALSE"))
    (row,) = decided(plan, facts(plan, trigger__talk=ago / DAY), engine=name).proposed.iter_rows(named=True)
    assert row["expires_at"] == AT - ago + 31 * DAY


@pytest.mark.parametrize("name", ENGINES)
def test_of_a_step_and_a_trigger_the_earlier_end_counts(name: EngineName) -> None:
    first = programme("first", talk("talk_a", within=2 * DAY), exit=None)
    said = conversation("talk_a", "care", trigger=Trigger(kind="served", within=DAY))
    plan = plan_of(said, programmes=[first])
    since = [(AT - DAY, DAY // 2), (AT - 2 * DAY + HOUR, DAY // 2)]
    base = [standing(plan, "first", 1, there, **{"trigger.talk_a": ago / DAY}) for there, ago in since]
    assert decided(plan, *base, engine=name).proposed["expires_at"].to_list() == [AT + DAY // 2, AT + HOUR]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("purpose", ["care", "service"])
def test_a_proposal_that_nothing_limits_does_not_expire_and_deciding_carries_no_column_for_it(
    name: EngineName, purpose: str
) -> None:
    first = programme("first", talk("talk_a"), exit=None)
    for plan in (plan_of(conversation("talk", purpose)), plan_of(conversation("talk_a", purpose), programmes=[first])):
        outcome = decided(plan, standing(plan, "first", 1), engine=name)
        assert outcome.proposed["expires_at"].to_list() == [None]
        assert outcome.proposed["expires_at"].dtype == pl.Int64
        assert "expires_at" not in outcome.decided.columns
        assert expiries(plan) == {}


@of_policy("holdout")
def test_the_control_group_of_a_programme_goes_its_steps_and_hears_nothing() -> None:
    first = programme("first", talk("talk_a", within=2 * DAY), talk("talk_b"), exit=None)
    plan = plan_of(*spoken([first]), programmes=[first])
    outcome = decided(plan, standing(plan, "first", 1, AT - DAY, **{"programme.first.arm": "control"}))
    (explained, _) = outcome.explained[0].candidates
    assert explained.reached
    assert holders(explained) == {"holdout.first"}
    late = decided(plan, standing(plan, "first", 1, AT - 3 * DAY, **{"programme.first.arm": "control"}))
    assert late.explained[0].programmes[0].step == "talk_b"
    assert late.summary.held["holdout.first"] == 1


@of_policy("holdout")
def test_what_may_not_be_held_out_is_said_to_both_arms_of_a_programme() -> None:
    first = programme("first", talk("talk_a"), exit=None)
    plan = plan_of(conversation("talk_a", "listening"), programmes=[first])
    assert "holdout.first" not in plan.policies
    outcome = decided(plan, standing(plan, "first", 1, **{"programme.first.arm": "control"}))
    assert outcome.summary.by_conversation["talk_a"] == 1


def test_a_conversation_of_a_step_is_offered_at_that_step_alone_and_after_its_wait() -> None:
    first = programme("first", talk("talk_a", wait=2 * DAY), talk("talk_b"), exit=None)
    plan = plan_of(*spoken([first]), programmes=[first])
    places = [(0, ENTERED), (1, AT - 2 * DAY + 1), (1, AT - 2 * DAY), (2, AT - DAY)]
    outcome = decided(plan, *(standing(plan, "first", *place) for place in places))
    assert outcome.proposed.select("customer", "conversation").rows() == [(3, "talk_a"), (4, "talk_b")]


@of_policy("recurrence")
def test_what_a_programme_said_it_says_again_only_after_a_new_entry() -> None:
    first = programme("first", talk("talk_a", "called"), exit=None)
    plan = plan_of(*spoken([first]), programmes=[first])
    said = [10.0, 10.0 - 1e-9, 9.0, 10.1, None]
    outcome = decided(plan, *(standing(plan, "first", 1, **{"recency.talk_a": days}) for days in said))
    assert outcome.proposed["customer"].to_list() == [4, 5]


def test_who_enters_in_this_tick_is_offered_the_first_step_at_once() -> None:
    first = programme("first", talk("talk_a"), enter="stage = 'renewal'", exit=None)
    plan = plan_of(conversation("talk_a", "care", audience="TRUE"), programmes=[first])
    comes = standing(plan, "first", 0) | {
        "stage": "renewal", "programme.first.entered": None, "programme.first.since": None, "programme.first.assigned": None,
    }  # fmt: skip
    outcome = decided(plan, comes, comes | {"arm.global": "control"}, comes | {"stage": "member"})
    assert outcome.proposed.select("customer", "recurrence").rows() == [(1, str(AT))]
    assert outcome.decided.select("moved", "assign_first").rows() == [(1, 1), (0, 0), (0, 0)]


def test_arms_are_written_for_those_to_whom_a_programme_first_applies() -> None:
    first = programme("first", talk("talk_a"), enter="stage = 'renewal'", exit=None)
    plan = plan_of(conversation("talk_a", "care"), conversation("offer"), programmes=[first])
    free = standing(plan, "first", 0) | {"programme.first.assigned": None, "programme.first.entered": None}
    enters = free | {"stage": "renewal"}
    base = [
        enters,
        enters | {"programme.first.arm": "control", "arm.assigned": True},
        standing(plan, "first", 1, **{"arm.assigned": True}),
        free | {"arm.global": "control"},
        free | {"reach.email": False},
        free | {"arm.assigned": True},
    ]
    frame = decided(plan, *base).decided
    found = assignments(OPENED["polars"].lazy(frame), plan, AT)
    assert found is not None
    assert OPENED["polars"].collect(found).sort("programme", "customer").rows() == [
        (1, "first", None, "treated"),
        (2, "first", None, "control"),
        (4, "global", "2026", "control"),
    ]


def test_a_plan_that_holds_nobody_out_writes_no_arms() -> None:
    plan = plan_of(conversation("talk", "service"))
    frame = decided(plan, facts(plan)).decided
    assert assignments(OPENED["polars"].lazy(frame), plan, AT) is None


def test_it_is_told_where_somebody_stands_what_moves_them_on_and_why_others_are_outside() -> None:
    first = programme(
        "first", talk("talk_a", wait=HOUR, within=2 * DAY), Step("pause", 0, wait=DAY),
        Step("after", 0, wait=DAY), enter="count.joined > 0", recurs="every", recurs_every=365 * DAY,
    )  # fmt: skip
    plan = plan_of(*spoken([first]), programmes=[first])
    base = [
        standing(plan, "first", 1, AT - DAY),
        standing(plan, "first", 2, AT - HOUR),
        standing(plan, "first", 0) | {"count.joined": 1},
        standing(plan, "first", 0),
        standing(plan, "first", 1, AT - DAY) | {"care.due": True},
        standing(plan, "first", 1, AT - DAY, **{"programme.first.arm": "control", "programme.first.assigned": None}),
    ]
    lines = [explained.programmes[0].line() for explained in decided(plan, *base).explained]
    assert "at step talk_a (1 of 3)" in lines[0]
    assert "on once talk_a is sent" in lines[0]
    assert "(offered from 2026-" in lines[0]
    assert "without it to the next step" in lines[0]
    assert "at step pause (2 of 3)" in lines[1]
    assert "; on at 2026-" in lines[1]
    assert "once in 365 days, and was on" in lines[2]
    assert "enter condition does not hold: count.joined > 0, where count.joined is 0" in lines[3]
    assert "exit condition holds: care.due" in lines[4]
    assert lines[5].startswith("programme first, control (drawn, not yet written down)")
    told = decided(plan, base[4]).explained[0].as_dict()["programmes"][0]
    assert [taken["reason"] for taken in told["taken"]] == ["exited"]
