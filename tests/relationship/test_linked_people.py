"""Known answers for people of several addresses: whose consent speaks, and what a release lifts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relationship import lines
from tests.relationship.lines import A, interaction
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.measures import column
from touchline.kernel.times import DAY
from touchline.relationship.folding import fold
from touchline.relationship.layout import Layout
from touchline.relationship.reference import Evaluator, Persona
from touchline.relationship.refreshing import Held, relationships
from touchline.relationship.slices import cut

BOOK = lines.playbook()
ONE, TWO, LINE, ACCOUNT = (
    Persona(1, "email", 5),
    Persona(2, "email", 6),
    Persona(3, "phone", 7),
    Persona(4, "account", 8),
)
PERMISSION = ("consent.selling_email", "evidence.selling_email", "withdrawn.selling_email", "hand_raiser")
STOPPED = ("suppressed.email", "reach.email")


def measured(
    rows: list[dict[str, Any]], *names: str, of: tuple[Persona, ...] = (ONE, TWO), engine: str = "polars"
) -> list[Any]:
    """The measures of the one customer, the same from frames and row by row."""
    own, layout = Engine(engine), Layout.of(BOOK, also=names)
    state = fold(lines.frame(own, rows), layout, layout.reference(A))
    held = Held(state, cut(lines.frame(own, rows), layout, A), A, 1)
    frame = relationships(held, lines.people({of[0].persona_id: of}), BOOK, own, wanted=names)
    values = own.collect(frame).row(0, named=True)
    evaluator = Evaluator(rows, of, BOOK, A)
    assert [values[column(name)] for name in names] == [evaluator.measure(name) for name in names]
    return [values[column(name)] for name in names]


def opted(way: str, persona: int, days: int, purpose: str = "selling", channel: str = "email") -> dict[str, Any]:
    return interaction(
        f"opted_{way}", A - days * DAY, persona_id=persona, purpose=purpose, channel=channel, evidence="{}"
    )


def happened(kind: str, persona: int, days: int, reason: str | None = None) -> dict[str, Any]:
    return interaction(kind, A - days * DAY, persona_id=persona, reason=reason)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_opt_in_of_a_bounced_address_speaks_for_no_other_address(engine: str) -> None:
    gave, bounced = opted("in", 1, 9), happened("failed", 1, 5, "hard_bounce")
    names = (*PERMISSION, *STOPPED)
    assert measured([gave], *names, engine=engine) == [True, True, False, True, False, True]
    assert measured([gave, bounced], *names, engine=engine) == [False, False, False, False, False, True]
    again = [gave, bounced, happened("released", 1, 2, "hard_bounce")]
    assert measured(again, *names, engine=engine) == [True, True, False, True, False, True]


def test_the_consent_of_someone_with_one_address_ends_with_it() -> None:
    rows = [opted("in", 1, 9), happened("failed", 1, 5, "hard_bounce")]
    assert measured(rows, *PERMISSION, *STOPPED, of=(ONE,)) == [False, False, False, False, True, False]


@pytest.mark.parametrize("of", [(ACCOUNT,), (LINE, ACCOUNT), (ONE, ACCOUNT)])
def test_an_opt_in_counts_only_where_its_own_address_is_one_of_the_channel(of: tuple[Persona, ...]) -> None:
    assert measured([opted("in", 4, 9)], *PERMISSION, of=of) == [False, False, False, False]


def test_an_opt_in_for_a_channel_without_addresses_counts_for_whoever_gave_it() -> None:
    names = ("consent.selling_store", "evidence.selling_store", "withdrawn.selling_store")
    gave, took = opted("in", 4, 9, channel="store"), opted("out", 1, 5, channel="store")
    assert measured([gave], *names, of=(ONE, ACCOUNT)) == [True, True, False]
    assert measured([gave, took], *names, of=(ONE, ACCOUNT)) == [False, False, True]


def test_an_opt_in_of_a_bounced_address_undoes_no_opt_out() -> None:
    rows = [opted("out", 2, 9), opted("in", 1, 7)]
    assert measured(rows, *PERMISSION) == [True, True, False, True]
    assert measured([*rows, happened("failed", 1, 5, "hard_bounce")], *PERMISSION) == [False, False, True, False]


def test_an_opt_out_counts_from_an_address_that_cannot_be_used() -> None:
    rows = [opted("in", 2, 9), opted("out", 1, 7), happened("failed", 1, 5, "hard_bounce")]
    assert measured(rows, *PERMISSION) == [False, False, True, False]


def test_a_hand_stays_raised_while_one_marketing_consent_stands() -> None:
    names = ("consent.information_email", "consent.selling_email", "hand_raiser")
    both = [opted("in", 1, 9, "information"), opted("in", 1, 9)]
    assert measured(both, *names) == [True, True, True]
    assert measured([*both, opted("out", 1, 5)], *names) == [True, False, True]
    assert measured([*both, opted("out", 1, 5), opted("out", 2, 4, "information")], *names) == [False, False, False]


def test_a_hand_is_raised_for_marketing_that_no_conversation_is_for_yet() -> None:
    assert all(talk.purpose != "community" for talk in BOOK.conversations.values())
    assert measured([opted("in", 1, 9, "community")], "hand_raiser") == [True]
    assert measured([opted("in", 1, 9, "service")], "hand_raiser") == [False]


@pytest.mark.parametrize("bounced", [1, 2])
@pytest.mark.parametrize("why", ["spam", "deceased", "legal", None])
def test_releasing_a_bounced_address_lifts_nothing_that_is_of_the_person(why: str | None, bounced: int) -> None:
    of_person = happened("reported_spam", 1, 9) if why == "spam" else happened("suppressed", 1, 9, why)
    rows = [of_person, happened("failed", bounced, 8, "hard_bounce"), happened("released", bounced, 5, "hard_bounce")]
    assert measured(rows, *STOPPED) == [True, True]
    assert measured(rows, *STOPPED, of=(ONE,) if bounced == 1 else (ONE, TWO)) == [True, True]


@pytest.mark.parametrize("reason", [None, "asked_us_to"])
def test_any_other_release_lifts_what_is_of_the_person_and_of_its_address(reason: str | None) -> None:
    rows = [
        happened("reported_spam", 1, 9),
        happened("suppressed", 2, 9, "deceased"),
        happened("failed", 1, 9, "hard_bounce"),
    ]
    assert measured([*rows, happened("released", 1, 5, reason)], *STOPPED) == [False, True]
    assert measured([*rows, happened("released", 1, 10, reason)], *STOPPED) == [True, True]


def test_a_release_lifts_the_bounce_of_its_own_address_only() -> None:
    rows = [happened("failed", n, 9, "hard_bounce") for n in (1, 2)]
    assert measured(rows, *STOPPED) == [True, False]
    gave = opted("in", 1, 20)
    assert measured([gave, *rows, happened("released", 2, 5)], *STOPPED, PERMISSION[0]) == [False, True, False]
    assert measured([gave, *rows, happened("released", 1, 5)], *STOPPED, PERMISSION[0]) == [False, True, True]
