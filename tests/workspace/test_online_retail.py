"""Real invoices with returns and lines of nobody: read, looked at as of an instant, decided for and verified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.realdata import real_data
from touchline import playbook
from touchline.kernel.times import FixedClock, parse_instant
from touchline.site.entry import open_workspace
from touchline.workspace.opened import Workspace

pytestmark = pytest.mark.data

NOON = parse_instant("2010-12-15T12:00:00Z")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A retail workspace with a year of real invoices."""
    from django.db import connections

    made = playbook.new(tmp_path_factory.mktemp("shop") / "w", "retail")
    opened = open_workspace(made, FixedClock(NOON))
    result = opened.import_files([real_data("online_retail/online_retail_2009_2010.parquet")], "online_retail")
    assert result["accepted"] + result["duplicates"] + result["rejected"] == result["read"]
    yield opened
    connections.close_all()


def test_what_was_bought_and_brought_back_is_each_customers(shop: Workspace) -> None:
    told = shop.sql("SELECT count(*) AS n, sum(sum.revenue) AS pounds, sum(count.refunded) AS back FROM relationships")
    rows = shop.sql(
        "SELECT count(DISTINCT persona_id) AS n, sum(revenue_minor) AS pence,"
        " count(*) FILTER (kind = 'refunded') AS back FROM interactions"
    )
    assert told["n"][0] == rows["n"][0] > 4_000
    assert round(float(told["pounds"][0]) * 100) == rows["pence"][0]
    assert told["back"][0] == rows["back"][0] > 0


def test_an_earlier_instant_knows_nothing_later(shop: Workspace) -> None:
    june = shop.relationships_table(as_of=parse_instant("2010-06-01T00:00:00Z"), measures=["count.bought", "stage"])
    now = shop.relationships_table(measures=["count.bought", "stage"])
    assert june.height <= now.height
    assert june["count.bought"].sum() < now["count.bought"].sum()
    assert now["stage"].null_count() == 0


def test_nobody_whose_address_is_unknown_is_decided_for(shop: Workspace) -> None:
    summary = shop.decide(dry_run=True).summary
    assert summary["customers"] > 4_000
    assert (summary["eligible"], summary["decided"]) == (0, 0)
    assert summary["held"]["reachable"] > 4_000  # everybody in anybody's audience


def test_the_ledger_of_real_invoices_verifies(shop: Workspace) -> None:
    assert shop.verify()["faults"] == 0
