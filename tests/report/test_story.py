"""A customer's story says what the rows hold, no more."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from tests.report.sample import NOW, SETTING, candidate, explanation
from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import SCHEMA
from touchline.kernel.times import DAY, HOUR
from touchline.report.marks import reading_of
from touchline.report.story import UNSEEN, CustomerStory, coming, in_order, line_of, name_of, tell
from touchline.report.view import LineView


def row(kind: str, days_ago: float, **columns: Any) -> dict[str, Any]:
    blank = dict.fromkeys(SCHEMA.names)
    at = NOW - int(days_ago * DAY)
    given = {
        "kind": kind,
        "occurred_at": at,
        "seq": -int(days_ago * 10),
        "machine": False,
        "source": "till",
        "id": f"{kind}{days_ago}",
    }
    return {**blank, **given, **columns}


def line(*rows: dict[str, Any]) -> LineView:
    return line_of("Anna", sorted(rows, key=lambda one: one["occurred_at"]), SETTING, NOW)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - UNSEEN))
def test_every_kind_of_encounter_has_words_and_an_owner(kind: str) -> None:
    columns = {
        "revenue_minor": 1250,
        "survey": "delivery",
        "question": "csat",
        "answer": 4.0,
        "conversation": "thanks_note",
        "purpose": "care",
        "channel": "email",
        "name": "zone",
    }
    (mark,) = line(row(kind, 3, **columns)).marks
    assert mark.what[0].isupper()
    assert "_" not in mark.what
    assert mark.whose == ("organisation" if KINDS[kind].way == "out" else "customer")


def test_administration_and_observation_are_no_encounters() -> None:
    assert line(*(row(kind, 3, message_id="m") for kind in UNSEEN)).marks == ()


def test_money_is_said_in_major_units() -> None:
    marks = line(row("bought", 3, revenue_minor=5490), row("refunded", 2, revenue_minor=-990)).marks
    assert [mark.what for mark in marks] == ["Paid €54.90", "Got €9.90 back"]


def test_a_message_opened_by_a_person_says_so_and_one_by_a_machine_does_not() -> None:
    sent = [row("sent", 9 - i, message_id=f"m{i}", conversation="home_tips") for i in range(2)]
    opened = [
        row("opened", 9, message_id="m0", occurred_at=sent[0]["occurred_at"] + 2 * HOUR),
        row("opened", 8, message_id="m1", machine=True),
    ]
    first, second = line(*sent, *opened).marks
    assert first.facts == ("opened after 2 h",)
    assert second.facts == ()


def test_a_completing_row_counts_in_the_curve_and_is_no_encounter() -> None:
    view = line(
        row("answered_to", 5, touchpoint="help_mail"),
        row(
            "answered_to",
            5,
            source="completion",
            responsiveness=-0.6,
            touchpoint="help_mail",
            about="interaction:q",
            about_touchpoint="help_mail",
            about_at=NOW - 7 * DAY,
        ),
    )
    assert len(view.marks) == 1
    assert view.experience is not None
    assert view.experience.value < 0


def test_overall_is_the_mean_of_both_sides_and_unknown_is_not_zero() -> None:
    both = row("served", 1, emotional=1.0, reliability=0.5, convenience=-0.5)
    assert reading_of(both, "tangible") == 0.0
    assert reading_of(both, "overall") == 0.5
    assert reading_of(row("served", 1, reliability=-0.8), "overall") == -0.8
    assert reading_of(row("served", 1), "overall") is None


def test_what_mark_did_to_the_curve_is_what_the_curve_did() -> None:
    view = line(
        row("served", 20, reliability=0.4, touchpoint="delivery"),
        row("complained", 10, emotional=-0.7, touchpoint="help_line"),
    )
    assert view.marks[0].effect == pytest.approx(2 * 0.4 / 3, abs=1e-9)
    assert view.marks[1].effect is not None
    assert view.marks[1].effect < -0.2


def test_episodes_run_from_their_first_row_to_the_one_that_closes_them() -> None:
    view = line(
        row("bought", 10, episode_type="order", episode_id="o1", revenue_minor=100),
        row("served", 6, episode_type="order", episode_id="o1", episode_closes=True, reliability=-0.7),
        row("complained", 3, episode_type="ticket", episode_id="k1", emotional=-0.7),
    )
    order, ticket = view.episodes
    assert (order.start, order.end, order.reading) == (NOW - 10 * DAY, NOW - 6 * DAY, -0.7)
    assert ticket.end is None


def test_the_answer_names_what_cost_most_and_what_gave_back() -> None:
    good = [row("served", 90 + i, touchpoint="delivery", reliability=0.4) for i in range(3)]
    late = row("served", 60, touchpoint="delivery", reliability=-0.9, emotional=-0.6)
    solved = row("case_resolved", 50, touchpoint="help_line", emotional=0.8, responsiveness=0.8)
    rows = pl.DataFrame([*good, late, solved], schema_overrides={"emotional": pl.Float32}, infer_schema_length=None)
    told = tell(1, "Anna", rows, {}, None, SETTING, NOW).answer
    assert told.startswith("Delivery in September 2026 cost 0.")
    assert "; a resolved case in September 2026 gave 0." in told
    assert "95\u202f%" in told
    assert "5 readings" in told


def test_without_a_reading_the_answer_says_that_nothing_is_known() -> None:
    rows = pl.DataFrame([row("visited", 3, touchpoint="site")], infer_schema_length=None)
    story = tell(1, "Anna", rows, {}, None, SETTING, NOW)
    assert story.answer == "Nothing is known of how they experienced us: 1 encounter, none with a reading."
    assert all(side.estimate is None for side in story.sides)


def test_what_happens_after_the_instant_is_not_told() -> None:
    rows = pl.DataFrame(
        [row("visited", 3, touchpoint="site"), row("visited", -3, touchpoint="site")], infer_schema_length=None
    )
    assert len(tell(1, "Anna", rows, {}, None, SETTING, NOW).view.marks) == 1


def test_what_goes_comes_before_what_is_held_and_what_was_not_meant_is_left_out() -> None:
    told = coming(explanation(1).candidates)
    assert [(one.name, one.state) for one in told] == [
        ("thanks_note", "goes"),
        ("home_tips", "open"),
        ("delivery_survey", "held"),
        ("spring_offer", "held"),
    ]
    assert told[-1].why == "care first, cap: overall, cool off"


def test_a_conversation_with_two_ways_comes_once() -> None:
    ways = (candidate("thanks", "email", blocks=("consent",)), candidate("thanks", "post", proposed=True))
    assert [(one.channel, one.state) for one in coming(ways)] == [("post", "goes")]
    assert len(in_order(ways)) == 2


def test_the_facts_row_says_what_is_not_known() -> None:
    rows = pl.DataFrame([row("visited", 3, touchpoint="site")], infer_schema_length=None)
    told = dict(tell(1, "Anna", rows, {}, None, SETTING, NOW).facts)
    assert told["stage"] == "unknown"
    assert told["care"] == "unknown"
    assert told["agreed to"] == "nothing on record"


def test_consents_are_gathered_by_channel() -> None:
    rows = pl.DataFrame([row("visited", 3, touchpoint="site")], infer_schema_length=None)
    measures = {"consent.care_email": True, "consent.selling_email": True, "consent.care_sms": False, "stage": "active"}
    assert dict(tell(1, "Anna", rows, measures, None, SETTING, NOW).facts)["agreed to"] == "care, selling by email"


def test_a_name_is_the_latest_told_and_nothing_else() -> None:
    rows = [
        row("identified", 9, payload='{"name": "A"}'),
        row("identified", 3, payload='{"name": "B"}'),
        row("identified", 1, payload="[1]"),
    ]
    assert name_of(rows) == "B"
    assert name_of([row("visited", 1)]) is None


def test_generated_stories_are_whole(people: tuple[CustomerStory, ...]) -> None:
    assert len(people) == 10
    assert len({one.key for one in people}) == 10
    for one in people:
        assert one.answer.endswith(".")
        assert one.view.experience is None or -1 <= one.view.experience.low <= one.view.experience.high <= 1


def test_a_judgement_says_what_it_is_about_an_order_a_place_or_an_encounter() -> None:
    said = {
        "about order o7": {"about": "episode:o7", "about_episode_type": "order"},
        "about delivery": {"about": "touchpoint:delivery", "about_touchpoint": "delivery"},
        "about an earlier encounter, help mail": {"about": "interaction:x", "about_touchpoint": "help_mail"},
    }
    for fact, columns in said.items():
        (mark,) = line(row("answered", 3, survey="delivery", **columns)).marks
        assert mark.facts == (fact,)


def test_a_case_closed_without_a_good_word_is_not_called_put_right() -> None:
    marks = line(row("case_resolved", 3, emotional=0.6), row("case_resolved", 2, emotional=-0.1)).marks
    assert [mark.label for mark in marks] == ["put right", "case closed"]


def test_the_share_answered_in_time_is_told_of_the_questions_that_it_is_about() -> None:
    rows = pl.DataFrame(
        [row("asked", days, touchpoint="help_mail") for days in (500, 90, 40, 2)], infer_schema_length=None
    )
    measures = {"dialogue.open": 1, "dialogue.overdue": 1, "dialogue.answered": 0.5, "count.asked": 4}
    told = dict(tell(1, "Anna", rows, measures, None, SETTING, NOW).facts)["dialogue"]
    assert told == "1 question open, 1 overdue; 50\u202f% of the year’s 3 answered in time"
