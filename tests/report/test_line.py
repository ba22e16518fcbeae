"""The line: position is the reading, filled is the customer's act, and everything drawn is also said."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from touchline.interactions.catalogue import CHANNELS
from touchline.kernel.times import DAY, parse_instant
from touchline.report.figures import Estimate
from touchline.report.line import AXIS, LABELS, REACH, describe, draw, draw_small, key, sentence, sign_of, tone
from touchline.report.story import CustomerStory
from touchline.report.view import SHAPES, Coming, LineView, Mark, Span, StageBand

NOW = parse_instant("2026-06-24T08:00:00Z")
SVG = "{http://www.w3.org/2000/svg}"


def parsed(markup: object) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))


def view(*marks: Mark, **others: object) -> LineView:
    return LineView("Anna", "Europe/Paris", NOW - 400 * DAY, NOW, marks, **others)  # type: ignore[arg-type] # as given


def mark(days_ago: float, reading: float | None = None, **others: object) -> Mark:
    at = NOW - int(days_ago * DAY)
    given = {"id": f"e{at}", "whose": "customer", "channel": "web", "what": "Paid", "where": "shop", **others}
    return Mark(at=at, reading=reading, **given)  # type: ignore[arg-type] # as given


def drawn(markup: object) -> list[ElementTree.Element]:
    return [one for one in parsed(markup).iter() if "m " in f"{one.get('class', '')} " and one.get("data-shape")]


def centre(one: ElementTree.Element) -> tuple[float, float]:
    hit = next(child for child in one if child.get("class") == "hit")
    return float(hit.get("cx", "nan")), float(hit.get("cy", "nan"))


@pytest.mark.parametrize(
    ("reading", "height"), [(1.0, AXIS - REACH), (-1.0, AXIS + REACH), (0.5, AXIS - REACH / 2), (None, AXIS)]
)
def test_good_is_above_the_axis_bad_below_and_unknown_on_it(reading: float | None, height: float) -> None:
    (one,) = drawn(draw(view(mark(100, reading))))
    assert centre(one)[1] == pytest.approx(height, abs=0.01)


def test_filled_is_the_customers_act_and_hollow_the_organisations() -> None:
    own, ours = drawn(draw(view(mark(100), mark(50, whose="organisation"))))
    assert "fill" in own.get("class", "").split()
    assert "hollow" in ours.get("class", "").split()


def test_every_channel_has_a_shape() -> None:
    assert set(SHAPES) == set(CHANNELS)


@pytest.mark.parametrize(
    ("channel", "tag"), [("web", "circle"), ("email", "rect"), ("phone", "path"), ("field", "path"), (None, "circle")]
)
def test_the_shape_tells_the_channel(channel: str | None, tag: str) -> None:
    (one,) = drawn(draw(view(mark(10, 0.3, channel=channel))))
    assert one.get("data-shape") == SHAPES.get(channel or "", "circle")
    assert [child.tag for child in one][2] == f"{SVG}{tag}"


def test_time_runs_from_left_to_right() -> None:
    places = [centre(one)[0] for one in drawn(draw(view(mark(390), mark(200), mark(10))))]
    assert places == sorted(places)
    assert places[1] == pytest.approx((places[0] + places[2]) / 2, abs=8)


def test_marks_of_one_day_stand_beside_each_other_at_their_own_height() -> None:
    placed = [centre(one) for one in drawn(draw(view(*[mark(100, 0.5, id=f"e{i}") for i in range(5)])))]
    assert len({x for x, _ in placed}) == 5
    assert len({y for _, y in placed}) == 1


def test_every_mark_has_its_sentence_and_can_be_reached() -> None:
    said = mark(100, -0.7, words="It came late", effect=-0.2, gift=True, facts=("about order 7",))
    (one,) = drawn(draw(view(said)))
    title = one.findtext(f"{SVG}title") or ""
    assert title == sentence(said, "Europe/Paris")
    for part in (
        "16 Mar 2026",
        "Paid, shop",
        "“It came late”",
        "\u22120.70",
        "\u22120.20",
        "something given",
        "about order 7",
    ):
        assert part in title
    assert one.get("tabindex") == "0"


def test_with_a_list_beside_it_each_mark_leads_to_its_row() -> None:
    (one,) = drawn(draw(view(mark(10, id="e7")), prefix="c3-"))
    assert (one.tag, one.get("href")) == (f"{SVG}a", "#c3-e7")


def test_gifts_and_asks_have_signs_of_their_own() -> None:
    text = str(draw(view(mark(90, 0.2, gift=True), mark(10, None, ask=True))))
    assert text.count('class="sign"') == 2
    assert ">+</text>" in text
    assert ">?</text>" in text


def test_only_a_few_marks_are_labelled_the_most_telling_first() -> None:
    many = [mark(390 - 9 * i, 0.4 if i % 2 else -0.4, label=f"no {i}", matters=i) for i in range(40)]
    labels = [one.text for one in parsed(draw(view(*many))).iter(f"{SVG}text") if one.get("class") == "lab"]
    assert 0 < len(labels) <= LABELS
    assert "no 39" in labels


def test_what_comes_and_what_is_held_stands_right_of_today() -> None:
    waiting = (Coming("thanks", "post", "goes", "care"), Coming("offer", "email", "held", "consent"))
    root = parsed(draw(view(mark(10), coming=waiting)))
    today = next(float(one.get("x1", "0")) for one in root.iter(f"{SVG}line") if one.get("class") == "today")
    for state in ("goes", "held"):
        group = next(one for one in root.iter(f"{SVG}g") if one.get("class") == f"next {state}")
        assert all(float(text.get("x", "0")) > today for text in group.iter(f"{SVG}text"))
    told = [title.text for title in root.iter(f"{SVG}title")]
    assert "offer by email: held, consent" in told


def test_stages_and_episodes_are_said_as_well_as_drawn() -> None:
    told = [
        title.text or ""
        for title in parsed(
            draw(
                view(
                    mark(300),
                    stages=(
                        StageBand("new", NOW - 400 * DAY, NOW - 200 * DAY),
                        StageBand("loyal", NOW - 200 * DAY, NOW),
                    ),
                    episodes=(
                        Span("order", "o1", NOW - 300 * DAY, NOW - 296 * DAY, -0.7),
                        Span("ticket", "k1", NOW - 9 * DAY, None, None),
                    ),
                )
            )
        ).iter(f"{SVG}title")
    ]
    assert "stage new, 20 May 2025 to 6 Dec 2025" in told
    assert any(text.startswith("order o1") and "reading \u22120.70" in text for text in told)
    assert any(text.startswith("ticket k1") and "still open" in text for text in told)


def test_an_empty_line_is_drawn_and_says_so() -> None:
    empty = view()
    assert describe(empty).endswith("0 encounters from 20 May 2025 to 24 Jun 2026, none with a reading.")
    assert drawn(draw(empty)) == []
    assert parsed(draw_small(empty)).findtext(f"{SVG}title") == describe(empty)


def test_an_experience_is_never_told_without_n_and_interval() -> None:
    told = describe(view(mark(1, 0.5), experience=Estimate(0.25, -0.1, 0.6, 3)))
    assert "0.25 (95\u202f% \u22120.10 to 0.60, 3 readings)" in told


def test_the_small_line_has_a_tick_for_each_reading() -> None:
    root = parsed(draw_small(view(mark(90, 0.5), mark(60, -0.5), mark(30))))
    ticks = [one for one in root.iter(f"{SVG}line") if one.get("class", "").startswith("t ")]
    assert [one.get("class") for one in ticks] == ["t good", "t bad"]


def test_hostile_words_stay_words() -> None:
    hostile = mark(10, 0.5, words='</title><script>alert("x")</script>\x00', where="<b>", label="<i>&", matters=1)
    text = str(draw(replace(view(hostile), name="<svg onload=x>")))
    parsed(text)
    assert "<script" not in text
    assert "<svg onload" not in text


def test_a_reading_near_zero_is_neither_good_nor_bad() -> None:
    assert [tone(value) for value in (None, 0.04, -0.05, 0.06, -0.06)] == ["unk", "neu", "neu", "good", "bad"]


def test_generated_lines_are_well_formed_and_the_same_again(people: tuple[CustomerStory, ...]) -> None:
    for one in people:
        text = str(draw(one.view, prefix="p"))
        assert len(drawn(text)) == len(one.view.marks)
        assert str(draw(one.view, prefix="p")) == text
        parsed(draw_small(one.view))


def test_key_and_signs_are_well_formed() -> None:
    parsed(key())
    parsed(sign_of(mark(1)))
