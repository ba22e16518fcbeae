"""The demonstration: ten customers on their lines with every decision explained, the same each time, never over another."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from touchline.kernel.errors import UnknownName
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace.demonstration import LOOP, MARK, STORIES, UNTIL, demonstrate
from touchline.workspace.opened import Workspace

CUSTOMERS, SEED = 200, 3


class Page(HTMLParser):
    """What of a report is counted: its elements with their attributes, in order, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of_class(self, tag: str, name: str) -> int:
        """How many elements of that class there are."""
        return sum(1 for one, known in self.elements if one == tag and name in (known.get("class") or "").split())


def _opened(directory: Path | None) -> Workspace:
    return open_workspace(directory, FixedClock(UNTIL))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a demonstration may be built."""
    from django.db import connections

    yield tmp_path / "demo"
    connections.close_all()


def _shows_ten_customers_with_every_decision_explained(page: Page, candidates: int) -> None:
    assert page.of_class("svg", "line") == page.of_class("article", "who") == STORIES == 10
    headings = [words for words in page.words if words.startswith("Every decision explained: ")]
    assert headings == [f"Every decision explained: {candidates} candidates"] * STORIES
    assert page.of_class("table", "many") >= STORIES


def _runs_nothing_and_fetches_nothing(page: Page) -> None:
    assert "script" not in {tag for tag, _ in page.elements}
    policies = [known["content"] for _, known in page.elements if known.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert (policies[0] or "").startswith("default-src 'none';")
    assert not {name for _, known in page.elements for name in known if name.startswith("on")}
    targets = [known[name] or "" for _, known in page.elements for name in ("src", "href") if name in known]
    assert targets
    assert all(target.startswith("#") for target in targets)


# One test, since building is what takes the time, and tests of one module may run in several processes.
def test_a_demonstration_shows_ten_explained_customers_and_is_the_same_once_more(folder: Path) -> None:
    told = demonstrate(folder, _opened, customers=CUSTOMERS, seed=SEED, company="retail")
    report, opened = folder / "report.html", _opened(folder)
    first = report.read_bytes()
    assert b"<script" not in first.lower()
    page = Page(first.decode())
    _shows_ten_customers_with_every_decision_explained(page, len(opened.plan.candidates))
    _runs_nothing_and_fetches_nothing(page)
    assert (told["workspace"], told["report"]) == (str(folder), str(report))
    assert told["interactions"] == opened.ledger.count() > 0
    assert told["customers"] == opened.people()["customer"].n_unique() >= CUSTOMERS
    assert 0 < told["decided"] < told["customers"]

    report.unlink()
    assert demonstrate(folder, _opened, customers=CUSTOMERS, seed=SEED, company="retail") == told
    assert report.read_bytes() == first


@pytest.mark.parametrize(("customers", "seed"), [(CUSTOMERS, SEED + 1), (CUSTOMERS + 1, SEED)])
def test_a_folder_of_another_demonstration_is_refused_and_left_alone(folder: Path, customers: int, seed: int) -> None:
    folder.mkdir()
    (folder / MARK).write_text(f"warranty, {CUSTOMERS} customers, seed {SEED}, {LOOP} days\n", encoding="utf-8")
    with pytest.raises(UnknownName, match="holds another demonstration") as refused:
        demonstrate(folder, _opened, customers=customers, seed=seed)
    assert "--directory" in refused.value.how
    assert [path.name for path in folder.iterdir()] == [MARK]


def test_an_unknown_company_is_named(folder: Path) -> None:
    with pytest.raises(UnknownName, match="company") as unknown:
        demonstrate(folder, open_workspace, customers=CUSTOMERS, seed=SEED, company="waranty")
    assert "warranty" in unknown.value.how


# One test, since living is what takes the time.
def test_the_warranty_company_lives_on_under_the_loop_and_its_people_answer(folder: Path) -> None:
    told = demonstrate(folder, open_workspace, customers=200, seed=SEED, days=5)
    opened = open_workspace(folder)
    assert opened.clock.now() == UNTIL
    said = dict(
        opened.sql("SELECT kind, count(*) AS n FROM interactions WHERE source = 'outbox' GROUP BY kind").iter_rows()
    )
    assert said["sent"] > 20
    assert said["called"] > 5
    heard = opened.sql(
        "SELECT count(*) AS n FROM interactions WHERE source = 'world' AND kind IN ('opened', 'clicked', 'replied',"
        " 'answered', 'opted_in', 'redeemed') AND message_id IS NOT NULL"
    )
    assert heard["n"][0] > 0, "nobody heard what was said"
    arms = opened.sql("SELECT DISTINCT arm FROM interactions WHERE kind = 'assigned' AND programme = 'renewal'")
    assert "treated" in set(arms["arm"])
    assert opened.verify()["faults"] == 0
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    _runs_nothing_and_fetches_nothing(page)
    assert any(known.get("id") == "circle" for _, known in page.elements)
    assert told["customers"] > 200
    assert opened.run(until_idle=True, senders={}).reserved == 0, "the day's turn was taken already"
