"""A playbook edited while customers stand in the middle says who stands at a step that is gone, and where they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.playbook import hearth
from tests.relationship import lines
from touchline import playbook
from touchline.expressions import DeclaredNames, check
from touchline.kernel.times import DAY
from touchline.playbook.compiled import Playbook, Programme, Step
from touchline.playbook.steps import GoneStep, standing, step_of, steps_gone
from touchline.relationship.reference import Evaluator, Persona

FILE = "playbook/programmes/renewal.yaml"
WHOLE = ",call,letter,pause,split,reminder,until_renewed,thanks,"
FROM_PAUSE = ",pause,split,reminder,until_renewed,thanks,"
FROM_THANKS = ",thanks,"
BOOK = lines.playbook()
ALWAYS = check("TRUE", DeclaredNames({}))


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    """The renewal programme without its wait of 14 days."""
    root: Path = tmp_path_factory.mktemp("edited")
    return playbook.load(hearth.write(root, hearth.replaced(FILE, "  - id: pause\n    wait: 14 d\n", "")))


def _standing(*rows: tuple[str, str | None, int]) -> nw.LazyFrame[pl.LazyFrame]:
    columns = {"programme": pl.String, "name": pl.String, "n": pl.Int64}
    return nw.from_native(pl.LazyFrame(rows, schema=columns, orient="row"))


def test_who_stands_at_a_step_that_is_gone_goes_on_to_the_next_that_remains(edited: Playbook) -> None:
    gone = steps_gone(
        edited, _standing(("renewal", FROM_PAUSE, 2_000), ("renewal", WHOLE, 5), ("renewal", FROM_PAUSE, 300))
    )
    assert gone == [GoneStep("renewal", "pause", 2_300, "split")]
    assert (
        str(gone[0]) == "2,300 customers stand at the step `pause` of `renewal`, which is gone, and go on to `split`."
    )


def test_who_stands_at_a_step_that_remains_stays_and_who_has_left_stands_nowhere(edited: Playbook) -> None:
    assert steps_gone(edited, _standing(("renewal", WHOLE, 7), ("renewal", FROM_THANKS, 1), ("renewal", None, 9))) == []


def test_who_stands_where_nothing_that_followed_remains_leaves(edited: Playbook) -> None:
    gone = steps_gone(
        edited, _standing(("renewal", ",old,older,", 1), ("winback", ",note,", 4), ("renewal", ",old,", 2))
    )
    assert gone == [GoneStep("renewal", "old", 3, None), GoneStep("winback", "note", 4, None)]
    assert str(steps_gone(edited, _standing(("renewal", ",old,", 1)))[0]).endswith("and leaves the programme.")


def test_nobody_standing_anywhere_is_no_news(edited: Playbook) -> None:
    assert steps_gone(edited, _standing()) == []


@pytest.fixture(params=["polars", "duckdb"])
def stepped(request: pytest.FixtureRequest) -> Iterator[nw.LazyFrame[Any]]:
    """Customer 1 entered and moved on in one instant; 2 is linked of two personas; 3 left as soon as they came; 4 came back."""
    rows = [
        (1, "renewal", 1, WHOLE, 10), (1, "renewal", 3, FROM_PAUSE, 10),
        (2, "renewal", 3, FROM_PAUSE, 20), (2, "renewal", 3, FROM_PAUSE, 20), (2, "renewal", 1, WHOLE, 15),
        (3, "renewal", 7, FROM_THANKS, 30), (3, "renewal", 0, None, 30),
        (4, "renewal", 0, None, 5), (4, "renewal", 1, WHOLE, 40), (4, "winback", 1, ",note,", 41),
    ]  # fmt: skip
    columns = {
        "customer": pl.Int64, "programme": pl.String, "step": pl.Int16, "name": pl.String, "occurred_at": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    if request.param == "polars":
        yield nw.from_native(frame.lazy())
    else:
        with duckdb.connect() as connection:
            yield nw.from_native(connection.from_arrow(frame.to_arrow()))


def test_where_customers_stand_is_the_latest_row_of_each_programme(stepped: nw.LazyFrame[Any]) -> None:
    stand = {(row["programme"], row["name"]): row["n"] for row in standing(stepped).collect().iter_rows(named=True)}
    assert stand == {("renewal", FROM_PAUSE): 2, ("renewal", WHOLE): 1, ("winback", ",note,"): 1}


def test_who_stands_where_is_said_from_the_rows_alone(edited: Playbook, stepped: nw.LazyFrame[Any]) -> None:
    assert steps_gone(edited, standing(stepped)) == [
        GoneStep("renewal", "pause", 2, "split"),
        GoneStep("winback", "note", 1, None),
    ]


@given(
    before=st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True),
    after=st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True),
)
def test_check_and_the_relationship_agree_on_where_someone_stands(before: list[str], after: list[str]) -> None:
    steps = tuple(Step(id_, place, wait=1) for place, id_ in enumerate(after, 1))
    programme = Programme("renewal", ALWAYS, None, "once", None, 0.0, None, steps)
    name = f",{','.join(before)},"
    found = step_of(programme, name)
    edited = replace(BOOK, programmes={"renewal": programme})
    row = {"kind": "stepped", "programme": "renewal", "step": 1, "reason": "entered", "name": name, "occurred_at": 0}
    told = [{"persona_id": 1, "seq": 1, "id": "1", "source": "touchline", **row}]
    stands = Evaluator(told, [Persona(1, "email", 0)], edited, DAY).measure("programme.renewal.step")
    assert stands == (0 if found is None else found.place)
    gone = steps_gone(edited, _standing(("renewal", name, 1)))
    assert [one.to for one in gone] == ([] if found and found.id == before[0] else [found.id if found else None])
