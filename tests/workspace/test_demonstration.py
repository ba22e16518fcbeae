"""The demonstration: ten customers on their lines with every decision explained, the same each time, never over another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from touchline.kernel.errors import UnknownName
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace.demonstration import STORIES, UNTIL, demonstrate
from touchline.workspace.opened import Workspace

CUSTOMERS, SEED = 200, 3


@dataclass(frozen=True)
class Built:
    """A demonstration's folder, and what building it returned."""

    folder: Path
    told: dict[str, Any]


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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A small demonstration, built once."""
    from django.db import connections

    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    yield Built(folder, demonstrate(folder, _opened, customers=CUSTOMERS, seed=SEED))
    connections.close_all()


def test_the_report_shows_ten_customers_on_their_lines_with_every_decision_explained(built: Built) -> None:
    page = Page((built.folder / "report.html").read_text(encoding="utf-8"))
    assert page.of_class("svg", "line") == page.of_class("article", "who") == STORIES == 10
    candidates = [words for words in page.words if words.startswith("Every decision explained: ")]
    assert len(candidates) == STORIES
    assert page.of_class("table", "many") >= STORIES
    # Every one of a customer's candidates is a row, so all ten tell of the same number of them, and of more than one.
    (number,) = {int(words.split(": ")[1].split(" ")[0]) for words in candidates}
    assert number == len(_opened(built.folder).plan.candidates) > 1


def test_the_report_runs_nothing_and_fetches_nothing(built: Built) -> None:
    text = (built.folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<script" not in text.lower()
    policies = [known["content"] for _, known in page.elements if known.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert (policies[0] or "").startswith("default-src 'none';")
    names = {name for _, known in page.elements for name in known}
    assert not {name for name in names if name.startswith("on")}
    targets = [known[name] or "" for _, known in page.elements for name in ("src", "href") if name in known]
    assert targets
    assert all(target.startswith("#") for target in targets)


def test_what_it_returns_is_what_its_workspace_holds(built: Built) -> None:
    assert built.told["report"] == str(built.folder / "report.html")
    assert built.told["workspace"] == str(built.folder)
    assert built.told["organisation"] == "Fern & Field"
    opened = _opened(built.folder)
    assert built.told["interactions"] == opened.ledger.count() > 0
    assert built.told["customers"] == opened.people()["customer"].n_unique() >= CUSTOMERS
    assert 0 < built.told["decided"] < built.told["customers"]


def test_once_more_in_the_same_folder_gives_the_same_report(built: Built) -> None:
    report = built.folder / "report.html"
    before = report.read_bytes()
    report.unlink()
    assert demonstrate(built.folder, _opened, customers=CUSTOMERS, seed=SEED) == built.told
    assert report.read_bytes() == before


@pytest.mark.parametrize(("customers", "seed"), [(CUSTOMERS, SEED + 1), (CUSTOMERS + 1, SEED)])
def test_a_folder_of_another_demonstration_is_refused_and_left_alone(built: Built, customers: int, seed: int) -> None:
    before = (built.folder / "report.html").read_bytes()
    with pytest.raises(UnknownName, match="holds another demonstration") as refused:
        demonstrate(built.folder, _opened, customers=customers, seed=seed)
    assert "--directory" in refused.value.how
    assert (built.folder / "report.html").read_bytes() == before
