"""One small world, lived once for all tests of the room."""

from __future__ import annotations

import polars as pl
import pytest

from tests.report.sample import NOW, SETTING, SUMMARY, explanation, ledger_of, relationships_of, small_world
from touchline.kernel.measures import measure
from touchline.kernel.times import DAY
from touchline.report import Report, base_of, choose, holds_of, map_of, series_of, tell
from touchline.report.story import CustomerStory
from touchline.world.retail import World


@pytest.fixture(scope="session")
def world() -> World:
    return small_world()


@pytest.fixture(scope="session")
def ledger(world: World) -> pl.DataFrame:
    return ledger_of(world)


@pytest.fixture(scope="session")
def relationships(ledger: pl.DataFrame) -> pl.DataFrame:
    return relationships_of(ledger)


@pytest.fixture(scope="session")
def people(world: World, ledger: pl.DataFrame, relationships: pl.DataFrame) -> tuple[CustomerStory, ...]:
    names = world.people.contacts["name"].to_list()
    stories = []
    for pick in choose(relationships):
        row = relationships.filter(pl.col("customer") == pick.customer).row(0, named=True)
        stories.append(
            tell(
                pick.customer,
                names[pick.customer],
                ledger.filter(pl.col("persona_id") == pick.customer),
                {measure(name): value for name, value in row.items()},
                explanation(pick.customer),
                SETTING,
                NOW,
                stages=[(NOW - 700 * DAY, "prospect"), (NOW - 400 * DAY, "active"), (NOW - 60 * DAY, "drifting")],
                about=pick.why,
            )
        )
    return tuple(stories)


@pytest.fixture(scope="session")
def whole(ledger: pl.DataFrame, relationships: pl.DataFrame, people: tuple[CustomerStory, ...]) -> Report:
    return Report(
        setting=SETTING,
        as_of=NOW,
        base=base_of(relationships, ledger.height),
        map=map_of(relationships, SETTING),
        holds=holds_of(SUMMARY, SETTING),
        people=people,
        series=series_of(ledger, SETTING, [NOW - back * 91 * DAY for back in (4, 3, 2, 1, 0)]),
    )
