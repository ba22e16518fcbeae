"""Known answers, worked out by hand, for the formulas of the vocabulary: from frames, and row by row.

On Polars only: `test_every_measure` holds DuckDB to the same row-wise reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.relationship import lines
from tests.relationship.lines import A, interaction
from touchline.kernel.engines import Engine
from touchline.kernel.measures import column
from touchline.kernel.times import DAY, HOUR, MINUTE, parse_instant
from touchline.playbook.compiled import Playbook, Trigger
from touchline.relationship.folding import fold
from touchline.relationship.formulas import Formulas
from touchline.relationship.layout import Layout
from touchline.relationship.reference import Evaluator, Persona
from touchline.relationship.refreshing import Held, relationships
from touchline.relationship.slices import cut

BOOK = lines.playbook()
PERSON = Persona(1, "email", 123_456)


@pytest.fixture
def engine() -> Engine:
    return Engine("polars")


def measured(
    engine: Engine,
    rows: list[dict[str, Any]],
    *names: str,
    at: int = A,
    book: Playbook = BOOK,
    person: Persona = PERSON,
) -> list[Any]:
    """The measures of one customer, the same from frames and row by row."""
    layout = Layout.of(book, also=names)
    rows = [row for row in rows if row["occurred_at"] <= at]
    state = fold(lines.frame(engine, rows), layout, layout.reference(at))
    held = Held(state, cut(lines.frame(engine, rows), layout, at), at, 1)
    frame = relationships(held, lines.people({1: [person]}), book, engine, wanted=names)
    values = engine.collect(frame).row(0, named=True)
    evaluator = Evaluator(rows, [person], book, at)
    for name in names:
        assert lines.alike(values[column(name)], evaluator.measure(name), 2e-6), name
    return [values[column(name)] for name in names]


def felt(at: int, emotional: float | None = None, kind: str = "visited", **columns: Any) -> dict[str, Any]:
    return interaction(kind, at, **{"touchpoint": "site", "emotional": emotional, **columns})


# experience


def test_an_experience_is_weighted_decayed_and_shrunk(engine: Engine) -> None:
    half_life_ago, now = A - 180 * DAY, A
    rows = [felt(half_life_ago, 1.0, touchpoint="line"), felt(now, -0.5, touchpoint="site")]
    # line: weight 2 x 1/2 = 1, reading 1; site: weight 0.5 x 1, reading -0.5; (1 - 0.25) / (1.5 + 1)
    emotional, overall, line, service, phone, weight, n = measured(
        engine, rows, "experience.emotional", "experience.overall", "experience.line", "experience.service",
        "experience.phone", "experience.weight", "experience.n",
    )  # fmt: skip
    assert emotional == overall == pytest.approx(0.3)
    assert line == service == phone == pytest.approx(0.5)
    assert (weight, n) == (pytest.approx(1.5), 2)


def test_the_tangible_side_is_the_mean_of_its_known_principles_and_overall_of_both_sides(engine: Engine) -> None:
    rows = [felt(A, 1.0, touchpoint="mail", reliability=0.5, convenience=-1.0)]
    got = measured(
        engine, rows, *(f"experience.{side}" for side in ("reliability", "relevance", "tangible", "overall"))
    )
    # one reading of weight 1 counts half, because k = 1
    assert got == [pytest.approx(0.25), None, pytest.approx(-0.125), pytest.approx(0.1875)]


def test_an_experience_without_any_reading_is_unknown_and_not_nought(engine: Engine) -> None:
    assert measured(engine, [felt(A)], "experience.overall", "experience.site", "experience.n", "experience.weight") == [
        None, None, 0, 0.0,
    ]  # fmt: skip


def test_a_later_answer_counts_where_and_when_its_encounter_was(engine: Engine) -> None:
    answer = interaction(
        "answered", A, touchpoint="mail", emotional=0.8, about="interaction:x", about_touchpoint="line",
        about_episode_type="claim", about_at=A - 180 * DAY,
    )  # fmt: skip
    line, mail, claim, weight = measured(
        engine, [answer], "experience.line", "experience.mail", "experience.claim", "experience.weight"
    )
    assert (line, mail, claim) == (pytest.approx(0.4), None, pytest.approx(0.4))
    assert weight == pytest.approx(1.0)


def test_a_relational_answer_counts_in_all_sides_and_at_no_place(engine: Engine) -> None:
    answer = interaction("answered", A, touchpoint="mail", emotional=0.8, about="none")
    assert measured(engine, [answer], "experience.overall", "experience.mail", "experience.spread") == [
        pytest.approx(0.4), None, None,
    ]  # fmt: skip


def test_a_reading_of_a_touchpoint_that_is_gone_keeps_counting_without_a_place(engine: Engine) -> None:
    assert measured(engine, [felt(A, 0.8, touchpoint="gone")], "experience.overall") == [pytest.approx(0.4)]


def test_a_weight_is_edited_without_folding_again(engine: Engine) -> None:
    heavier = {**BOOK.touchpoints, "site": replace(BOOK.touchpoints["site"], weight=3.0)}
    book = replace(BOOK, touchpoints=heavier)
    assert Layout.of(book).digest == Layout.of(BOOK).digest
    assert measured(engine, [felt(A, 0.8)], "experience.site", book=book) == [pytest.approx(0.6)]


def test_the_last_reading_is_the_latest_by_its_own_time(engine: Engine) -> None:
    rows = [felt(A - DAY, 0.3), felt(A, -0.9, about="touchpoint:site", about_touchpoint="site", about_at=A - 2 * DAY)]
    assert measured(engine, rows, "experience.last") == [pytest.approx(0.3, abs=2e-6)]


def test_spread_is_the_larger_deviation_of_channels_and_departments(engine: Engine) -> None:
    rows = [felt(A, 0.5, touchpoint="line"), felt(A, -0.5, touchpoint="till")]
    # weights 2 and 3, mean -0.1; channels and departments both differ: sqrt((2 x 0.36 + 3 x 0.16) / 5)
    assert measured(engine, rows, "experience.spread") == [pytest.approx((1.2 / 5) ** 0.5)]
    assert measured(engine, rows[:1], "experience.spread") == [None]


def test_an_episode_is_remembered_by_its_peak_and_its_end(engine: Engine) -> None:
    episode = {"episode_type": "claim", "episode_id": "1"}
    rows = [
        felt(A - 9 * DAY, -0.9, **episode), felt(A - 8 * DAY, 0.5, **episode), felt(A - 7 * DAY, 0.3, **episode),
        interaction("case_resolved", A - 6 * DAY, case_id="1", **episode),
    ]  # fmt: skip
    assert measured(engine, rows, "experience.last_episode") == [pytest.approx((-0.9 + 0.3) / 2, abs=1e-7)]
    assert measured(engine, rows[:3], "experience.last_episode") == [None]


def test_an_episode_closes_by_silence_and_of_equal_peaks_the_bad_one_counts(engine: Engine) -> None:
    episode = {"episode_type": "start", "episode_id": "1"}
    rows = [felt(A - 12 * DAY, -0.5, **episode), felt(A - 10 * DAY, 0.5, **episode)]
    assert measured(engine, rows, "experience.last_episode") == [pytest.approx(0.0)]
    assert measured(engine, rows, "experience.last_episode", at=A - 1) == [None]


def test_machine_rows_count_for_nothing_and_completions_only_with_their_reading(engine: Engine) -> None:
    rows = [
        felt(A, 1.0, machine=True), felt(A - DAY, 0.8, touchpoint="mail", source="completion"),
        felt(A - 2 * DAY),
    ]  # fmt: skip
    count, since, n = measured(engine, rows, "count.visited", "days_since.visited", "experience.n")
    assert (count, since, n) == (1, 2.0, 1)


# care


def test_a_bad_reading_calls_for_care_until_it_is_answered(engine: Engine) -> None:
    bad = felt(A - 5 * DAY, -0.5)
    healing = interaction("answered_to", A - 4 * DAY, in_reply_to="x")
    assert measured(engine, [bad], "care.due") == [True]
    assert measured(engine, [bad, healing], "care.due") == [False]
    assert measured(engine, [bad, healing, felt(A - DAY, -0.75)], "care.due") == [True]
    assert measured(engine, [felt(A, -0.4375)], "care.due") == [False]


def test_either_side_alone_calls_for_care(engine: Engine) -> None:
    assert measured(engine, [felt(A, 0.5, reliability=-0.75)], "care.due") == [True]
    assert measured(engine, [felt(A, -0.75, reliability=0.5)], "care.due") == [True]


def test_silence_does_not_heal_and_is_counted_as_missed_after_ninety_days(engine: Engine) -> None:
    bad = felt(A - 90 * DAY, -1.0)
    late = interaction("case_resolved", A, case_id="c")
    assert measured(engine, [bad], "care.due", "care.missed") == [True, 1]
    assert measured(engine, [bad], "care.due", "care.missed", at=A - 1) == [True, 0]
    assert measured(engine, [bad, late], "care.due", "care.missed") == [False, 0]
    assert measured(engine, [bad, late], "care.due", "care.missed", at=A + DAY) == [False, 0]
    later = interaction("case_resolved", A + 1, case_id="c")
    assert measured(engine, [bad, later], "care.due", "care.missed", at=A + DAY) == [False, 1]


def test_an_open_case_calls_for_care_whatever_its_age(engine: Engine) -> None:
    opened = interaction("case_opened", A - 700 * DAY, case_id="c")
    other = interaction("case_resolved", A - 600 * DAY, case_id="d")
    resolved = interaction("case_resolved", A - DAY, case_id="c")
    again = interaction("case_opened", A, case_id="c")
    assert measured(engine, [opened, other], "care.due") == [True]
    assert measured(engine, [opened, resolved], "care.due") == [False]
    assert measured(engine, [opened, resolved, again], "care.due") == [True]


# dialogue


def test_a_question_is_open_then_overdue_by_its_touchpoints_promise(engine: Engine) -> None:
    asked = interaction("asked", A - 4 * HOUR, touchpoint="line", id="q")
    names = ("dialogue.open", "dialogue.overdue", "dialogue.answered", "care.due")
    assert measured(engine, [asked], *names) == [1, 0, None, False]
    assert measured(engine, [asked], *names, at=A + 1) == [1, 1, 0.0, True]
    answered = interaction("answered_to", A, in_reply_to="q")
    assert measured(engine, [asked, answered], *names, at=A + DAY) == [0, 0, 1.0, False]
    late = interaction("answered_to", A + 1, in_reply_to="q")
    assert measured(engine, [asked, late], *names, at=A + DAY) == [0, 0, 0.0, False]


def test_where_nothing_is_promised_two_days_are_the_most_that_anyone_waits(engine: Engine) -> None:
    asked = interaction("asked", A - 2 * DAY, touchpoint="site")
    assert measured(engine, [asked], "dialogue.overdue") == [0]
    assert measured(engine, [asked], "dialogue.overdue", at=A + 1) == [1]


def test_replied_is_the_share_of_messages_answered_by_message_or_row_id(engine: Engine) -> None:
    rows = [interaction("sent", A - n * DAY, message_id=f"m{n}", id=f"r{n}") for n in range(1, 5)]
    rows += [interaction("replied", A, in_reply_to="m1"), interaction("replied", A, in_reply_to="r2", id="again")]
    assert measured(engine, rows, "dialogue.replied") == [0.5]
    assert measured(engine, [felt(A)], "dialogue.replied") == [None]


def test_a_window_of_contacts_leaves_out_its_far_edge(engine: Engine) -> None:
    rows = [
        interaction("sent", A - 7 * DAY, message_id="1", touchpoint="mail", purpose="care"),
        interaction("sent", A - 7 * DAY + 1, message_id="2", touchpoint="mail", purpose="selling"),
        interaction("called", A, message_id="3", touchpoint="line", purpose="selling"),
        interaction("sent", A - DAY, message_id="4", touchpoint="mail", channel="web", machine=True),
    ]
    names = ("contact.all_7d", "contact.all_8d", "contact.email_7d", "contact.phone_1d", "contact.selling_7d")
    assert measured(engine, rows, *names) == [2, 3, 1, 1, 2]
    assert measured(engine, [felt(A)], *names) == [0] * 5


# value, money, time


def test_the_balance_of_value_decays_and_is_shrunk(engine: Engine) -> None:
    rows = [interaction("gave", A - 180 * DAY, given=4.0), interaction("asked_for", A, asked=1.0)]
    assert measured(engine, rows, "value.given", "value.asked", "value.balance") == [
        pytest.approx(2.0), pytest.approx(1.0), pytest.approx(0.25),
    ]  # fmt: skip
    assert measured(engine, [felt(A)], "value.balance") == [0.0]


def test_money_is_exact_in_minor_units(engine: Engine) -> None:
    rows = [interaction("bought", A - n, revenue_minor=10) for n in range(3)]
    rows.append(interaction("refunded", A, revenue_minor=-20, cost_minor=5))
    assert measured(engine, rows, "sum.revenue", "sum.cost", "count.bought") == [0.1, 0.05, 3]


def test_the_soonest_renewal_of_an_agreement_in_force_counts(engine: Engine) -> None:
    def agreed(kind: str, at: int, agreement: str, renewal: int | None = None) -> dict[str, Any]:
        return interaction(kind, at, agreement_id=agreement, renewal_at=renewal, id=f"{kind}{agreement}{at}")

    first = agreed("joined", A - 400 * DAY, "a", A - 35 * DAY)
    renewed = agreed("renewed", A - 40 * DAY, "a", A + 330 * DAY)
    second = agreed("joined", A - 20 * DAY, "b", A + 10 * DAY)
    left = agreed("left", A - DAY, "b")
    names = ("days_to_renewal", "days_since.term_start", "tenure_days")
    assert measured(engine, [first], *names) == [None, None, 400.0]
    assert measured(engine, [first, renewed], *names) == [330.0, 40.0, 400.0]
    assert measured(engine, [first, renewed, second], *names) == [10.0, 20.0, 400.0]
    assert measured(engine, [first, renewed, second, left], *names) == [330.0, 40.0, 400.0]
    assert measured(engine, [agreed("joined", A - DAY, "c", A)], *names) == [0.0, 1.0, 1.0]


def test_a_term_agreed_ahead_has_not_begun(engine: Engine) -> None:
    joined = interaction("joined", A - 300 * DAY, agreement_id="a", term_start=A - 290 * DAY, renewal_at=A + 75 * DAY)
    ahead = interaction("renewed", A - DAY, agreement_id="a", term_start=A + 75 * DAY, renewal_at=A + 440 * DAY)
    assert measured(engine, [joined, ahead], "days_since.term_start", "days_to_renewal") == [290.0, 440.0]


def test_tenure_counts_from_joining_else_from_the_first_interaction(engine: Engine) -> None:
    assigned = interaction("assigned", A - 30 * DAY, programme="global", arm="control", recurrence="2026")
    met, joined = felt(A - 20 * DAY), interaction("joined", A - 10 * DAY, agreement_id="a")
    assert measured(engine, [assigned, met], "tenure_days") == [20.0]
    assert measured(engine, [assigned, met, joined], "tenure_days") == [10.0]


def test_a_message_is_no_encounter_and_an_opt_in_is_told_apart(engine: Engine) -> None:
    rows = [
        felt(A - 5 * DAY, touchpoint="line"), interaction("sent", A - DAY, message_id="m", touchpoint="mail"),
        interaction("opted_in", A - 2 * DAY, purpose="care", channel="email"),
    ]  # fmt: skip
    assert measured(engine, rows, "days_since.encounter", "days_since.opt_in", "topic.last") == [5.0, 2.0, "help"]


# permission and preference


def consent(kind: str, at: int, evidence: str | None = "{}", purpose: str = "care") -> dict[str, Any]:
    return interaction(kind, at, purpose=purpose, channel="email", identifier="a@x", evidence=evidence)


def test_consent_stands_until_withdrawn_and_may_be_given_again(engine: Engine) -> None:
    names = ("consent.care_email", "evidence.care_email", "withdrawn.care_email", "hand_raiser", "consent.care_phone")
    given, taken = consent("opted_in", A - 5 * DAY), consent("opted_out", A - 4 * DAY)
    assert measured(engine, [felt(A)], *names) == [False, False, False, False, False]
    assert measured(engine, [given], *names) == [True, True, False, True, False]
    assert measured(engine, [given, taken], *names) == [False, False, True, False, False]
    assert measured(engine, [given, taken, consent("opted_in", A, None)], *names) == [True, False, False, False, False]
    assert measured(engine, [given, consent("opted_out", A - 5 * DAY)], *names)[:3] == [False, False, True]


def test_a_bounce_closes_the_address_and_a_spam_report_the_person(engine: Engine) -> None:
    names = ("reach.email", "suppressed.email", "suppressed.phone", "reach.phone", "reach.store")
    bounced = interaction("failed", A - DAY, message_id="m", reason="hard_bounce")
    soft = interaction("failed", A - DAY, message_id="m", reason="mailbox_full")
    spam = interaction("reported_spam", A - DAY, identifier="a@x")
    released = interaction("released", A)
    assert measured(engine, [soft], *names) == [True, False, False, False, False]
    assert measured(engine, [bounced], *names) == [False, True, False, False, False]
    assert measured(engine, [bounced, released], *names) == [True, False, False, False, False]
    assert measured(engine, [spam], *names) == [True, True, True, False, False]
    assert measured(engine, [spam, released], *names) == [True, False, False, False, False]


def told(key: str, answer: float, at: int = A - DAY) -> dict[str, Any]:
    return interaction("preferred", at, name=key, answer=answer)


def test_the_latest_preference_counts(engine: Engine) -> None:
    names = (
        "prefers.max_per_week",
        "prefers.language",
        "prefers.topic_cover",
        "prefers.refuses_email",
        "prefers.likes_email",
    )
    assert measured(engine, [felt(A)], *names) == [None, None, None, False, False]
    rows = [told("max_per_week", 3), told("max_per_week", 1, A), told("language", 3 * 26 + 4), told("topic_cover", 0),
            told("refuses_email", 1, A - DAY), told("refuses_email", 0, A), told("likes_email", 1)]  # fmt: skip
    assert measured(engine, rows, *names) == [1, "de", False, False, True]


def test_a_language_of_three_letters_is_one_that_nobody_can_speak(engine: Engine) -> None:
    from touchline.interactions.preferences import encode

    rows = [told("language", encode("language", "de") or 0), told("language", encode("language", "gsw") or 0, A)]
    assert measured(engine, rows[:1], "prefers.language") == ["de"]
    assert measured(engine, rows, "prefers.language") == [None]


def test_days_and_hours_are_those_of_the_customers_own_zone(engine: Engine) -> None:
    from touchline.interactions.preferences import encode, zone_code

    names = ("clock.minute", "clock.weekday", "prefers.day_fits", "prefers.hour_fits")
    wednesday, mornings = told("days", encode("days", "wed") or 0), told("hours", encode("hours", "09:00-11:00") or 0)
    tokyo = told("zone", zone_code("Asia/Tokyo"))
    night = parse_instant("2026-03-11T16:10:00Z")
    assert measured(engine, [felt(A)], *names) == [630, 2, True, True]
    assert measured(engine, [wednesday, mornings], *names) == [630, 2, True, True]
    assert measured(engine, [wednesday, mornings], *names, at=A + 30 * MINUTE) == [660, 2, True, False]
    assert measured(engine, [wednesday, mornings, tokyo], *names, at=night) == [70, 3, False, False]


# conversations and stage


def test_a_triggered_conversation_falls_due_a_wait_after_the_latest_matching_event(engine: Engine) -> None:
    match = {"touchpoint": "line", "purpose": "care"}
    rows = [
        interaction("asked", A - 3 * DAY, answer=3.0, **match), interaction("asked", A - 2 * DAY, answer=2.0, **match),
        interaction("asked", A - DAY, answer=5.0, touchpoint="site", purpose="care"),
    ]  # fmt: skip
    assert measured(engine, rows, "trigger.after_visit", "trigger.hello") == [2.0, None]
    assert measured(engine, rows, "trigger.after_visit", at=A - 5 * DAY // 2) == [-0.5]


def test_a_date_falls_due_once_or_each_time_after_the_first_round(engine: Engine) -> None:
    joined = interaction("joined", A - 198 * DAY, agreement_id="a", renewal_at=A + 29 * DAY)
    bought = [interaction("bought", A - n * DAY, revenue_minor=1, id=f"b{n}") for n in (9, 1)]
    names = ("trigger.anniversary", "trigger.before_renewal", "trigger.first_purchase")
    # 100 days after joining less 3, then 200 less 3; 30 days before renewal; 2 days after the first purchase
    assert measured(engine, [joined, *bought], *names) == [1.0, 1.0, 7.0]
    assert measured(engine, [joined], *names, at=A - 190 * DAY) == [-89.0, -189.0, None]


def test_recency_looks_at_messages_and_calls_of_that_conversation_only(engine: Engine) -> None:
    rows = [interaction("sent", A - 5 * DAY, message_id="1", conversation="hello"),
            interaction("called", A - 2 * DAY, message_id="2", conversation="anniversary"),
            interaction("opened", A - DAY, message_id="1", conversation="hello")]  # fmt: skip
    assert measured(engine, rows, "recency.hello", "recency.anniversary", "recency.after_visit") == [5.0, 2.0, None]


def test_the_first_stage_that_holds_is_the_stage(engine: Engine) -> None:
    joined = interaction("joined", A - 300 * DAY, agreement_id="a", renewal_at=A + 30 * DAY)
    left = interaction("left", A, agreement_id="a")
    assert measured(engine, [felt(A - 60 * DAY)], "stage") == ["prospect"]
    assert measured(engine, [felt(A)], "stage") == ["onboarding"]
    assert measured(engine, [joined], "stage") == ["renewal"]
    assert measured(engine, [joined, left], "stage") == ["lapsed"]


def test_the_global_arm_is_drawn_anew_each_year_unless_it_was_assigned(engine: Engine) -> None:
    def arms(share: float, *rows: dict[str, Any]) -> list[Any]:
        return measured(engine, [felt(A), *rows], "arm.global", book=lines.playbook(holdout_global=share))

    assert (arms(0.0), arms(1.0)) == (["treated"], ["control"])
    early = interaction("assigned", A - 9 * DAY, programme="global", recurrence="2026", arm="control")
    later = interaction("assigned", A - DAY, programme="global", recurrence="2026", arm="treated")
    last_year = interaction("assigned", A - 100 * DAY, programme="global", recurrence="2025", arm="control")
    assert arms(0.0, later, early) == ["control"]
    assert arms(0.0, last_year) == ["treated"]
    quarter = lines.playbook(holdout_global=0.25)
    draws = range(0, 2**31, 2**31 // 400)
    share = sum(
        Evaluator([felt(A)], [Persona(1, "email", draw)], quarter, A).measure("arm.global") == "control"
        for draw in draws
    ) / len(draws)
    assert share == pytest.approx(0.25, abs=0.05)


def test_the_year_of_the_holdout_turns_in_the_organisations_zone() -> None:
    new_year = parse_instant("2025-12-31T23:30:00Z")
    assert Formulas(BOOK, Layout.of(BOOK), at=new_year, reference=0).year == 2026


def test_a_trigger_on_a_touchpoint_without_more_needs_no_expression(engine: Engine) -> None:
    talk = replace(BOOK.conversations["hello"], trigger=Trigger(kind="served", touchpoint="till", wait=HOUR))
    book = replace(BOOK, conversations={**BOOK.conversations, "hello": talk})
    rows = [interaction("served", A - DAY, touchpoint="till"), interaction("served", A, touchpoint="line")]
    assert measured(engine, rows, "trigger.hello", book=book) == [pytest.approx(23 / 24)]
