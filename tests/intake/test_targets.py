"""A reading counts at the place and time of what it judges, whether it comes before or after it."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger, stored
from tests.intake.test_events import event
from touchline.intake import accept, drain
from touchline.interactions import row
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY, HOUR, format_instant, parse_instant
from touchline.ledger import Ledger

pytestmark = pytest.mark.usefixtures("database")

THEN = parse_instant("2026-10-01T10:00:00Z")


def asked(number: int = 1) -> dict[str, Any]:
    return event(number, "Asked", timestamp=format_instant(THEN), properties={"ticket": "t1"})


def rated(number: int, about: str, score: float = 5) -> dict[str, Any]:
    return event(number, "Rated", timestamp=format_instant(THEN + DAY), properties={"score": score, "about": about})


def answered(number: int, question: str = "m1", after: int = HOUR) -> dict[str, Any]:
    return event(number, "Answered", timestamp=format_instant(THEN + after), properties={"question": question})


def come(folder: Path, *groups: list[dict[str, Any]], at: int = NOW) -> pl.DataFrame:
    for group in groups:
        accept(group, received_at=NOW)
        drain(playbook(), ledger(folder), received_at=at)
    return stored(folder)


def readings(rows: pl.DataFrame) -> list[tuple[Any, ...]]:
    """What the fold sees of readings: their values, place, journey and the time that decay counts from."""
    given = rows.filter(pl.any_horizontal([pl.col(name).is_not_null() for name in row.READINGS]))
    at = pl.coalesce("about_at", "occurred_at").alias("at")
    return sorted(
        given.select(*row.READINGS, "persona_id", "about_touchpoint", "about_episode_type", at, "occurred_at").rows(),
        key=str,
    )


@pytest.mark.parametrize("about", ["interaction:m1", "episode:t1", "touchpoint:desk"])
def test_a_reading_early_or_late_is_one_reading_at_the_same_place_and_time(tmp_path: Path, about: str) -> None:
    a, b = asked(), rated(2, about)
    seen = []
    for number, groups in enumerate(([[a], [b]], [[b], [a]], [[a, b]], [[b, a]])):
        folder = tmp_path / str(number)
        folder.mkdir()
        renamed = [[one | {"messageId": f"{number}{one['messageId']}"} for one in group] for group in groups]
        for one in itertools.chain.from_iterable(renamed):
            if one["event"] == "Rated":
                one["properties"] = one["properties"] | {
                    "about": about.replace("m1", f"{number}m1").replace("t1", f"t{number}")
                }
            else:
                one["properties"] = {"ticket": f"t{number}"}
        seen.append(readings(come(folder, *renamed)))
    assert len(seen[0]) == 1
    assert seen == [seen[0]] * 4
    places = {
        "interaction:m1": ("desk", "ticket", THEN),
        "episode:t1": (None, "ticket", THEN),
        "touchpoint:desk": ("desk", None, THEN + DAY),
    }
    assert seen[0][0][6:9] == places[about]


def test_a_completing_row_is_of_its_own_source_and_names_what_it_is_about(tmp_path: Path) -> None:
    rows = come(tmp_path, [rated(2, "interaction:m1")], [asked()])
    first = rows.filter(pl.col("id") == interaction_id("segment", "m2")).row(0, named=True)
    complete = rows.filter(pl.col("source") == "completion").row(0, named=True)
    assert (first["emotional"], first["about"], first["answer"]) == (
        None,
        f"interaction:{interaction_id('segment', 'm1')}",
        5.0,
    )
    assert (complete["emotional"], complete["about"], complete["id"]) == (
        1.0,
        first["about"],
        interaction_id("completion", first["id"]),
    )
    assert (complete["persona_id"], complete["occurred_at"]) == (first["persona_id"], first["occurred_at"])


def test_a_reading_whose_target_never_comes_counts_for_the_relationship_in_the_end(tmp_path: Path) -> None:
    rows = come(tmp_path, [rated(2, "interaction:never")], at=NOW)
    assert readings(rows) == []
    drain(playbook(), ledger(tmp_path), received_at=NOW + 31 * DAY)
    drain(playbook(), ledger(tmp_path), received_at=NOW + 32 * DAY)
    (told,) = readings(stored(tmp_path))
    assert told[6:] == (None, None, THEN + DAY, THEN + DAY)


@pytest.mark.parametrize(("after", "reading"), [(4 * HOUR, 0.3), (4 * HOUR + 1, -0.7)])
def test_a_promise_with_a_limit_is_kept_or_broken_to_the_instant(tmp_path: Path, after: int, reading: float) -> None:
    rows = come(tmp_path, [asked()], [answered(2, after=after)])
    told = rows.filter(pl.col("source") == "completion").row(0, named=True)
    assert (told["responsiveness"], told["about_touchpoint"], told["about_at"]) == (
        pytest.approx(reading),
        "desk",
        THEN,
    )
    assert told["name"] == "answered_in_4h"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_answer_early_or_late_keeps_its_promise_once(tmp_path: Path, order: tuple[int, ...]) -> None:
    events = [asked(), answered(2), event(4)]
    rows = come(tmp_path, *([events[i]] for i in order))
    told = rows.filter(pl.col("source") == "completion")
    assert told.select("responsiveness", "about_touchpoint", "about_at").rows() == [(pytest.approx(0.3), "desk", THEN)]


def test_a_second_answer_keeps_no_promise_again(tmp_path: Path) -> None:
    rows = come(tmp_path, [asked()], [answered(2)], [answered(3, after=9 * HOUR)])
    assert rows.filter(pl.col("source") == "completion")["responsiveness"].to_list() == [pytest.approx(0.3)]


@pytest.mark.parametrize(("first", "reading"), [(HOUR, 0.3), (9 * HOUR, -0.7)])
def test_the_first_answer_that_reaches_us_judges_a_promise_for_ever(tmp_path: Path, first: int, reading: float) -> None:
    """docs/decisions/0018: arrival decides, and no second reading stands beside the first."""
    second = 10 * HOUR - first
    rows = come(tmp_path, [asked()], [answered(2, after=first)], [answered(3, after=second)])
    told = rows.filter(pl.col("source") == "completion")
    assert told.select("responsiveness", "occurred_at").rows() == [(pytest.approx(reading), THEN + first)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_answers_that_wait_for_their_question_or_come_together_the_earliest_judges(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    answers = [answered(2, after=9 * HOUR), answered(3, after=HOUR), answered(4, after=5 * HOUR)]
    mixed = [answers[i] for i in order]
    for number, groups in enumerate(([*([one] for one in mixed), [asked()]], [[asked()], mixed])):
        folder = tmp_path / str(number)
        folder.mkdir()
        renamed = [
            [
                one | {"messageId": f"{number}{one['messageId']}", "properties": {
                    name: f"{number}{value}" for name, value in one["properties"].items()
                }}
                for one in group
            ]
            for group in groups
        ]  # fmt: skip
        told = come(folder, *renamed).filter(pl.col("source") == "completion")
        assert told.select("responsiveness", "occurred_at").rows() == [(pytest.approx(0.3), THEN + HOUR)]


def test_a_batch_that_is_repeated_after_its_target_came_stays_the_batch_that_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept([rated(2, "interaction:m1")], received_at=NOW)
    real = Ledger.append

    def crash(self: Ledger, rows: Any, *, transaction: Any = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "append", crash)
    with pytest.raises(KeyboardInterrupt):
        drain(playbook(), ledger(tmp_path), received_at=NOW)
    monkeypatch.setattr(Ledger, "append", real)
    accept([asked()], received_at=NOW)
    rows = come(tmp_path, [event(9)])
    assert len(readings(rows)) == 1
    assert rows["id"].is_unique().all()
