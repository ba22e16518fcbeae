"""One self-contained file that says everything in words."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from tests.report.sample import NOW, SETTING, SUMMARY
from touchline.decision.summary import Summary
from touchline.report import Report, base_of, choose, holds_of, map_of, render
from touchline.report.line import tone
from touchline.report.page import headline


class Page(HTMLParser):
    """Elements, their attributes, ids and links, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def text(whole: Report) -> str:
    return render(whole)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_every_element_is_closed_and_every_id_is_one(page: Page) -> None:
    assert page.stack == []
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_there_is_no_script_no_inline_style_and_no_resource(page: Page, text: str) -> None:
    assert {"script", "link", "img", "iframe", "object", "form"}.isdisjoint({tag for tag, _ in page.elements})
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert set(re.findall(r"https?://[^\"' <]+", text)) == {"http://www.w3.org/2000/svg"}


def test_the_policy_allows_the_one_sheet_and_nothing_else(page: Page, text: str) -> None:
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    sheet = text.split("<style>", 1)[1].split("</style>", 1)[0]
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_link_within_leads_somewhere(page: Page) -> None:
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for _, attributes in page.elements if "href" in attributes}
    assert links <= ids


def test_every_mark_is_listed_in_words_too(page: Page, whole: Report) -> None:
    rows = {attributes["id"] for tag, attributes in page.elements if tag == "tr" and "id" in attributes}
    for index, one in enumerate(whole.people, 1):
        assert {f"c{index}-{mark.id}" for mark in one.view.marks} <= rows
    said = "".join(page.words)
    for mark in whole.people[0].view.marks:
        assert mark.what in said
        assert mark.words is None or mark.words in said


def test_the_list_says_whose_act_it_was_and_how_it_was_experienced(page: Page, whole: Report) -> None:
    words = "\n".join(page.words)
    marks = [mark for one in whole.people for mark in one.view.marks]
    assert words.count("\norganisation\n") == sum(1 for mark in marks if mark.whose == "organisation")
    assert {tone(mark.reading) for mark in marks} >= {"good", "bad", "unk"}


def test_the_same_report_gives_the_same_text(whole: Report, text: str) -> None:
    assert render(whole) == text


def test_hostile_names_and_words_stay_words(whole: Report) -> None:
    attack = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e</style>'
    one = whole.people[0]
    marks = tuple(replace(mark, words=attack, label=attack) for mark in one.view.marks)
    hostile = replace(one, name=attack, about=attack, view=replace(one.view, name=attack, marks=marks))
    setting = replace(SETTING, organisation=attack)
    page = Page(render(replace(whole, setting=setting, people=(hostile,))))
    assert {"script", "img"}.isdisjoint({tag for tag, _ in page.elements})
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.stack == []


def test_decisions_are_explained_with_policies_facts_and_factors(page: Page) -> None:
    said = "".join(page.words)
    for part in ("care first: care_first says so", "audience does not hold", "stage is lapsed", "propensity 0.0500"):
        assert part in said


def test_the_title_is_the_answer(whole: Report) -> None:
    told = headline(whole)
    worst = whole.map.worst()
    if worst is None:
        assert told.startswith("No touchpoint costs you")
    else:
        assert told.startswith(f"You lose most at {worst.name.replace('_', ' ')}: \u2212")
    assert "95\u202f%" in told
    assert "customers" in told


def test_an_empty_base_teaches() -> None:
    nobody = pl.DataFrame(schema={"customer": pl.Int64, "stage": pl.String, "experience__overall": pl.Float64})
    nothing = Report(
        setting=SETTING,
        as_of=NOW,
        base=base_of(nobody, 0),
        map=map_of(nobody, SETTING),
        holds=holds_of(Summary(customers=0, eligible=0, decided=0, held={}, by_conversation={}), SETTING),
        people=(),
    )
    said = "".join(Page(render(nothing)).words)
    assert headline(nothing) == "Nothing is known yet of how your customers experience you"
    assert "Import surveys" in said
    assert "No customer to show yet" in said


def test_the_ten_are_chosen_by_stated_rules_and_the_same_again(relationships: pl.DataFrame) -> None:
    picks = choose(relationships)
    assert picks == choose(relationships.sample(fraction=1.0, shuffle=True, seed=3))
    assert len({pick.customer for pick in picks}) == 10
    lowest = (
        relationships.filter(pl.col("experience__n") >= 5).sort("experience__overall", "customer")["customer"].to_list()
    )
    before = [pick.customer for pick in picks[:2]]
    assert picks[2].customer == next(one for one in lowest if one not in before)


def test_a_small_base_gives_as_many_as_there_are() -> None:
    assert [pick.customer for pick in choose(pl.DataFrame({"customer": [3, 1, 2]}))] == [1, 2, 3]


def test_held_bars_are_sorted_and_say_what_the_policy_means() -> None:
    holds = holds_of(SUMMARY, SETTING)
    counts = [one.customers for one in holds.held]
    assert counts == sorted(counts, reverse=True)
    assert all(one.says for one in holds.held)
    assert [one.class_ for one in holds.proposed] == sorted(one.class_ for one in holds.proposed)
