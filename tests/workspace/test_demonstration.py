"""The demonstration: ten customers on their lines with every decision explained, the same each time, never over another."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from tests.workspace import lively
from touchline import report as reports
from touchline.delivery.senders import CallSender
from touchline.intake import buffer
from touchline.interactions.row import READINGS
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY, HOUR, FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace import demonstration
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


def _lives(*rows: tuple[int, str, int, float | None, str | None]) -> pl.DataFrame:
    """Rows of the ledger: customer, kind, day, emotional reading, reason; every call is one of recovery."""
    told = [
        {**dict.fromkeys(READINGS), "customer": customer, "kind": kind, "occurred_at": day * DAY, "emotional": reading}
        | {"reason": reason, "purpose": "recovery" if kind == "called" else None}
        for customer, kind, day, reading, reason in rows
    ]
    return pl.DataFrame(told, schema_overrides=dict.fromkeys(READINGS, pl.Float32), infer_schema_length=None)


def test_recovered_is_who_was_reached_after_a_bad_visit_and_whose_case_was_resolved_then() -> None:
    def life(customer: int, reading: float | None, visit: int, call: int, outcome: str, solved: int) -> pl.DataFrame:
        return _lives(
            (customer, "served", visit, reading, None), (customer, "called", call, None, outcome),
            (customer, "case_resolved", solved, None, None),
        )  # fmt: skip

    right = [life(1, -0.5, 11, 12, "reached", 13), life(2, -0.9, 11, 12, "reached", 12)]
    wrong = [
        life(3, -0.2, 11, 12, "reached", 13),  # it was no bad visit
        life(4, None, 11, 12, "reached", 13),  # nobody knows how it was
        life(5, -0.9, 9, 12, "reached", 13),  # too long ago
        life(6, -0.9, 11, 10, "reached", 13),  # the call was about something before
        life(7, -0.9, 11, 12, "no_answer", 13),
        life(8, -0.9, 11, 14, "reached", 13),  # it had been resolved without it
        life(9, -0.9, 11, 12, "reached", 13).filter(pl.col("kind") != "case_resolved"),
        life(10, -0.9, 11, 12, "reached", 13).with_columns(purpose=pl.lit("care")),
    ]
    assert demonstration._recovered(pl.concat([*wrong, *right]), since=10 * DAY) == [2, 1]


AMISS = {
    "touchpoints.yaml": "  visit: {channel: field, department: service, weight: 1, topic: light}\n",
    "mapping.yaml": """\
  Visit Done: {kind: served, touchpoint: visit, readings: {emotional: "-0.6"}}
  Case Resolved: {kind: case_resolved, touchpoint: mail, case_id: event.case, readings: {emotional: "0.6"}}
""",
    "conversations/sorry.yaml": """\
name: sorry
purpose: recovery
brand: lantern
topic: light
audience: care.due
recurs: every 30 d
value: {given: 2, asked: 0}
call: {say: ["say that we are sorry"], never_ask: [address]}
channels: {phone: {touchpoint: call, variants: [{name: a, template: sorry.liquid}]}}
""",
    "templates/sorry.liquid": "Call {{ profile.name }} about the visit.\n",
}
"""What the organisation of `lively` says beside its own, so that a visit can go wrong there and be put right."""


def test_the_first_story_of_the_report_goes_from_a_bad_visit_to_what_put_it_right(tmp_path: Path) -> None:
    from django.db import connections

    root, clock = lively.make(tmp_path / "w", customers=3), FixedClock(UNTIL - 3 * DAY)
    for name, text in AMISS.items():
        with (root / "playbook" / name).open("a", encoding="utf-8") as file:
            file.write(text)
    opened = open_workspace(root, clock)

    def happens(event: str) -> None:
        told = {"type": "track", "messageId": event, "userId": "u1", "event": event, "properties": {"case": "c1"}}
        buffer.accept([told], received_at=clock.now())
        clock.instant += HOUR

    happens("Visit Done")
    happens("Case Opened")
    opened.run(until_idle=True, senders={"phone": CallSender()})
    (task,) = opened.calls()
    opened.close_call(task["task"], "reached", "")
    clock.instant += HOUR
    happens("Case Resolved")
    opened.catch_up()
    clock.instant = UNTIL
    made = demonstration._report(opened, opened.decide(as_of=UNTIL).summary, days=7)
    connections.close_all()
    article = Page(reports.render(made).partition('<article class="who"')[2].partition("</article>")[0])
    assert f"customer {task['customer']} · a visit that went wrong, and how it was put right" in article.words
    told = [words for words in dict.fromkeys(article.words) if words.startswith("21 Jun 2026, ") and "·" in words]
    assert told == [
        "21 Jun 2026, 10:00 · Was served, visit · reading −0.60 · moved the experience by −0.30",
        "21 Jun 2026, 11:00 · A case was opened, mail · reading unknown",
        "21 Jun 2026, 12:00 · Was called, call · reading unknown · something given",
        "21 Jun 2026, 13:00 · A case was resolved, mail · reading +0.60 · moved the experience by +0.30",
    ]


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
