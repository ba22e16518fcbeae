"""Places and ticks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from touchline.kernel.times import DAY, parse_instant
from touchline.report.labels import Box, Labels, width_of
from touchline.report.scales import Linear, month_ticks


def test_a_scale_is_straight_and_a_point_domain_is_its_start() -> None:
    assert Linear((0, 10), (100, 0))(2.5) == 75
    assert Linear((3, 3), (7, 9))(3) == 7


def test_ticks_are_first_days_of_months_in_the_zone_and_january_has_its_year() -> None:
    start, end = parse_instant("2024-11-18T00:00:00Z"), parse_instant("2026-11-18T00:00:00Z")
    ticks = month_ticks(start, end, "Europe/Berlin", 9)
    assert [tick.text for tick in ticks][:3] == ["Jan 2025", "Apr", "Jul"]
    assert ticks[0].at == parse_instant("2024-12-31T23:00:00Z")
    assert len(ticks) <= 9


@given(st.integers(1, 40 * 365), st.integers(0, 365))
def test_there_are_never_many_more_ticks_than_asked_for(days: int, shift: int) -> None:
    start = parse_instant("2000-01-01T00:00:00Z") + shift * DAY
    ticks = month_ticks(start, start + days * DAY, "Europe/Paris", 8)
    assert len(ticks) <= 10
    assert list(ticks) == sorted(ticks, key=lambda tick: tick.at)


def test_labels_cover_neither_marks_nor_each_other() -> None:
    labels = Labels(Box(0, 0, 200, 100))
    labels.block(Box(60, 40, 140, 60))
    found = [labels.place(50, 50, 4, 40) for _ in range(6)]
    assert found[0] is not None
    assert found[0].anchor == "end"
    assert found[-1] is None


def test_a_label_that_would_leave_the_drawing_is_not_written() -> None:
    assert Labels(Box(0, 0, 30, 30)).place(15, 15, 4, 40) is None


def test_widths_grow_with_the_text() -> None:
    assert width_of("mmm") > width_of("iii") > width_of("ii") > 0
