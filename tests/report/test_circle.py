"""What was said, and what it changed, never without n and interval."""

from __future__ import annotations

from dataclasses import replace

from touchline.report import Circle, Lift, Report, Said, render
from touchline.report.circle import answer, circle_section
from touchline.report.figures import Estimate, share_of

LIFT = Lift(
    "renewal",
    "renewed",
    treated=Estimate(0.64, 0.61, 0.67, 900),
    control=Estimate(0.58, 0.48, 0.67, 100),
    difference=Estimate(0.06, 0.01, 0.11, 1000),
    messages=2_310,
    cost=4_100.0,
    sample_ratio_p=0.4,
    method="Newcombe 1998",
)
SAID = Said("renewal_call", "care", "phone", said=812, waiting=3, failed=9, reached=share_of(500, 812))


def test_the_title_is_the_surest_effect_with_its_interval() -> None:
    circle = Circle(90, (SAID,), (replace(LIFT, programme="other", difference=Estimate(0.2, -0.1, 0.5, 9)), LIFT))
    assert answer(circle) == "The renewal programme brings 6.0 points more renewed (95 % +1.0 to +11.0)"


def test_an_interval_that_holds_zero_is_called_no_effect() -> None:
    unsure = replace(LIFT, difference=Estimate(0.06, -0.01, 0.13, 1000))
    assert answer(Circle(90, (), (unsure,))) == "No programme has proven an effect yet"
    assert answer(Circle(90, (), ())) == "No programme has an arm to be compared with yet"


def test_every_share_stands_with_its_n_and_arms_of_strange_sizes_are_told() -> None:
    text = str(circle_section(Circle(90, (SAID,), (replace(LIFT, sample_ratio_p=0.00001),), (12, 9))))
    assert "n 900" in text
    assert "n 100" in text
    assert "2\u202f310" in text
    assert "not of the sizes that were drawn" in text
    assert "12 cases opened" in text
    assert "not of the sizes" not in str(circle_section(Circle(90, (SAID,), (LIFT,))))


def test_the_page_has_the_section_only_where_something_was_said(whole: Report) -> None:
    assert 'id="circle"' not in render(whole)
    with_it = render(replace(whole, circle=Circle(90, (SAID,), (LIFT,))))
    assert 'id="circle"' in with_it
    assert 'href="#circle"' in with_it


def test_hostile_names_stay_words() -> None:
    text = str(circle_section(Circle(1, (replace(SAID, conversation="<script>"),), (replace(LIFT, goal="<b>x"),))))
    assert "<script>" not in text
    assert "<b>x" not in text
