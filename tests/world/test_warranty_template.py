"""The `warranty` template: it is whole, speaks both languages, and says what the issue of its making asked for."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pytest

from touchline import playbook
from touchline.delivery.rendering import Rendered, Renderer, variables
from touchline.playbook import Playbook, wording
from touchline.playbook.checking.wording import check_wording, may_hold
from touchline.playbook.folder import read_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return playbook.new(tmp_path_factory.mktemp("warranty") / "w", "warranty")


@pytest.fixture(scope="module")
def warranty(folder: Path) -> Playbook:
    return playbook.load(folder)


def test_it_has_no_faults_and_each_text_can_be_said(folder: Path) -> None:
    authored, faults = read_folder(folder)
    assert not faults
    assert check_wording(folder, authored) == []


def test_nothing_that_may_be_unknown_holds_a_message(folder: Path) -> None:

    authored, _ = read_folder(folder)
    assert {one.name for one in may_hold(folder, authored)} == set()


def test_every_text_has_a_german_one_beside_it_and_none_is_left_over(folder: Path, warranty: Playbook) -> None:
    there = {path.name for path in (folder / "playbook" / "templates").iterdir()}
    named = {
        name
        for conversation in warranty.conversations.values()
        for way in conversation.ways
        for variant in way.variants
        for name in (variant.template, variant.subject)
        if name is not None
    }
    german = {f"{name.rpartition('.')[0]}.de.{name.rpartition('.')[2]}" for name in named}
    assert named | german == there


def said(folder: Path, warranty: Playbook, conversation: str, language: str) -> Rendered:
    """The conversation's message to somebody of whom nothing but an address is known."""
    told = variables(
        warranty.organisation.name,
        warranty.organisation.brand_details["hearth"],
        today=datetime(2026, 3, 25, tzinfo=UTC),
        address="ann@customer.example",
        measures={},
        profile={},
        unsubscribe_url="https://hearth.example/u/1",
        preferences_url="https://hearth.example/u/p/1",
    )
    (way,) = warranty.conversations[conversation].ways
    words = wording.load(folder, warranty)
    renderer = Renderer(words)
    try:
        return renderer.render(words.find(conversation, way.channel, way.variants[0].name, language), told)
    finally:
        renderer.close()


@pytest.mark.parametrize(("language", "yes"), [("en", "Say yes on your page"), ("de", "Auf Ihrer Seite Ja sagen")])
def test_who_is_asked_for_a_yes_can_give_it_where_they_are_asked(
    folder: Path, warranty: Playbook, language: str, yes: str
) -> None:
    mail = said(folder, warranty, "claim_opt_in", language)
    assert f"{yes} (https://hearth.example/u/p/1)" in mail.text
    assert mail.html is not None
    assert mail.html.count('href="https://hearth.example/u/p/1"') == 2, "a button, and the line below"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_letter_to_who_was_let_down_says_whom_to_write_to(folder: Path, warranty: Playbook, language: str) -> None:
    letter = said(folder, warranty, "recovery_letter", language).pdf
    assert letter is not None
    assert "care@hearth.example" in pypdf.PdfReader(io.BytesIO(letter)).pages[0].extract_text()


def test_the_renewal_is_a_call_a_letter_within_48_hours_a_reminder_and_thanks(warranty: Playbook) -> None:
    steps = warranty.programmes["renewal"].steps
    assert [step.conversation for step in steps if step.conversation] == [
        "renewal_call", "renewal_letter", "renewal_reminder", "renewal_thanks",
    ]  # fmt: skip
    assert steps[1].within == 48 * 3_600_000_000
    assert warranty.programmes["renewal"].holdout == 0.1


def test_the_welcome_is_a_personal_call_a_letter_within_48_hours_and_two_more(warranty: Playbook) -> None:
    said = [step.conversation for step in warranty.programmes["welcome"].steps if step.conversation]
    assert said == ["welcome_call", "welcome_letter", "home_letter", "season_letter"]


def test_what_is_owed_is_withheld_from_nobody(warranty: Playbook) -> None:
    assert warranty.programmes["recovery"].holdout == 0
    for name in ("visit_recovery", "recovery_letter", "billing_recovery", "late_answer"):
        assert warranty.conversations[name].purpose == "recovery"


def test_gift_codes_are_all_different_and_enough_for_their_budgets(folder: Path, warranty: Playbook) -> None:
    for pool in warranty.pools.values():
        codes = (folder / "playbook" / pool.file).read_text(encoding="utf-8").split()
        assert len(codes) == len(set(codes))
        assert pool.budget is not None
        assert len(codes) * pool.worth >= pool.budget
    given = {c.name: c.gift.pool for c in warranty.conversations.values() if c.gift is not None}
    assert given == {
        "renewal_thanks": "tea_codes", "anniversary": "tea_codes", "feedback_thanks": "surprise_codes",
    }  # fmt: skip
