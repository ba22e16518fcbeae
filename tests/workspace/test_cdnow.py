"""The whole line on real purchases: CDNOW, read once, read again, looked at from 1 July 1998, decided for and explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import stores
from tests.realdata import real_data
from touchline import playbook
from touchline.kernel.times import parse_instant
from touchline.site.entry import open_workspace
from touchline.workspace.opened import Workspace

pytestmark = pytest.mark.data

JULY = parse_instant("1998-07-01T00:00:00Z")
NOON = parse_instant("1998-07-01T12:00:00Z")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retail workspace with CDNOW's purchases."""
    from django.db import connections

    source = real_data("cdnow/CDNOW_master.txt")
    made = playbook.new(tmp_path_factory.mktemp("cdnow") / "w", "retail")
    first = open_workspace(made).import_files([source], "cdnow")
    assert {key: first[key] for key in ("read", "accepted", "duplicates", "rejected", "customers")} == {
        "read": 69_659, "accepted": 69_659, "duplicates": 0, "rejected": 0, "customers": 23_570,
    }  # fmt: skip
    connections.close_all()
    return made


@pytest.fixture
def cdnow(root: Path) -> Iterator[Workspace]:
    """It, open."""
    from django.db import connections

    yield open_workspace(root)
    connections.close_all()


def test_the_same_file_again_adds_nothing(cdnow: Workspace) -> None:
    again = cdnow.import_files([real_data("cdnow/CDNOW_master.txt")], "cdnow")
    assert (again["read"], again["accepted"], again["customers"]) == (69_659, 0, 23_570)
    assert cdnow.ledger.count() == 69_659


def test_every_dollar_is_there(cdnow: Workspace) -> None:
    minor = cdnow.sql("SELECT sum(revenue_minor) AS cents FROM interactions")
    assert minor["cents"][0] == 250_031_563
    sums = cdnow.sql("SELECT sum(sum.revenue) AS dollars, count(*) AS n FROM relationships", as_of=JULY)
    assert sums["n"][0] == 23_570
    assert str(sums["dollars"][0]) == "2500315.63"


def test_without_addresses_and_consents_everybody_is_held(cdnow: Workspace) -> None:
    summary = cdnow.decide(as_of=NOON, dry_run=True).summary
    assert summary["customers"] == 23_570
    assert (summary["eligible"], summary["decided"]) == (0, 0)
    assert summary["held"]["reachable"] == 23_570
    assert summary["held"]["consent"] == 23_570


def test_the_state_as_of_an_earlier_instant_knows_nothing_later(cdnow: Workspace) -> None:
    early = cdnow.relationships_table(
        as_of=parse_instant("1997-04-01T00:00:00Z"), measures=["count.bought", "days_since.bought"]
    )
    assert early.height == 23_570
    assert early["days_since.bought"].min() >= 0  # type: ignore[operator] # a column of numbers
    later = cdnow.relationships_table(as_of=JULY, measures=["count.bought"])
    assert early["count.bought"].sum() < later["count.bought"].sum() == 69_659


def test_with_consents_some_hear_something_and_each_is_explained(root: Path, tmp_path: Path) -> None:

    copied = tmp_path / "w"
    stores.copied(root, copied)
    opened = open_workspace(copied)
    told = opened.import_files([copied / "data" / "cdnow_consents.csv"], "consents")
    assert told["rejected"] == 0
    decided = opened.decide(as_of=NOON)
    assert decided.summary["decided"] > 0
    for row in decided.proposals.head(5).iter_rows(named=True):
        explained = opened.explain(str(row["customer"]), as_of=NOON)
        said = {(each["conversation"], each["channel"], each["variant"]) for each in explained["proposed"]}
        assert (row["conversation"], row["channel"], row["variant"]) in said
    assert opened.verify()["faults"] == 0
