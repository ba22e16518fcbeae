"""A message goes to an address that may itself be used: never to one that another's consent was lent to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tests.permission.told import happened, opted, told
from touchline import permission, recognition
from touchline.delivery.addresses import addressed
from touchline.permission import permissions
from touchline.playbook.compiled import Policies
from touchline.recognition import people

pytestmark = pytest.mark.usefixtures("database")

STRICT = Policies()


@pytest.fixture
def two(database: object) -> tuple[int, int, int]:
    """A customer with two e-mail addresses: their key and both addresses' personas."""
    rows = [
        (i, kind, "", value, None, i)
        for i, mail in enumerate("ab")
        for kind, value in (("user_id", "u"), ("email", f"{mail}@example.org"))
    ]
    recognition.recognise(pl.DataFrame(rows, schema=recognition.SIGHTINGS, orient="row"), now=1)
    first, second = people().filter(pl.col("type") == "email")["persona_id"].sort()
    return people()["customer"].min(), first, second  # type: ignore[return-value] - the least of integers is one


def chosen(
    purpose: str, *facts: dict[str, Any], policies: Policies = STRICT, channel: str = "email"
) -> tuple[int | None, str | None]:
    """Persona and identifier that a proposal of that purpose to the only customer goes to."""
    permission.rebuild(told(*facts), 100)
    everyone = people()
    asked = pl.DataFrame({"customer": [everyone["customer"].min()], "purpose": [purpose], "channel": [channel]})
    found = addressed(asked, everyone, permissions(everyone), policies)
    assert found.height == 1
    return found["persona_id"].item(), found["identifier"].item()


def test_a_purpose_on_consent_goes_to_the_address_that_was_opted_in(two: tuple[int, int, int]) -> None:
    _, first, second = two
    assert chosen("selling", opted("in", second, 5)) == (second, "b@example.org")
    assert chosen("selling", opted("in", first, 5)) == (first, "a@example.org")
    assert chosen("selling") == (None, None)


def test_of_two_the_most_recently_opted_in_is_taken_and_of_equal_ones_the_oldest(two: tuple[int, int, int]) -> None:
    _, first, second = two
    assert chosen("selling", opted("in", first, 5), opted("in", second, 6))[0] == second
    assert chosen("selling", opted("in", first, 5), opted("in", second, 5))[0] == first


def test_a_withdrawal_on_one_address_counts_for_the_other(two: tuple[int, int, int]) -> None:
    _, first, second = two
    assert chosen("selling", opted("in", first, 5), opted("out", second, 6)) == (None, None)
    assert chosen("selling", opted("in", first, 7), opted("out", second, 6))[0] == first


def test_consent_for_another_purpose_or_without_evidence_does_not_do(two: tuple[int, int, int]) -> None:
    _, first, _ = two
    assert chosen("selling", opted("in", first, 5, purpose="care")) == (None, None)
    bare = opted("in", first, 5, proof=None)
    assert chosen("selling", bare) == (None, None)
    assert chosen("selling", bare, policies=replace(STRICT, consent_without_evidence=("selling",)))[0] == first


def test_care_by_soft_opt_in_takes_an_opted_in_address_first_and_else_any(two: tuple[int, int, int]) -> None:
    _, first, second = two
    soft = replace(STRICT, soft_opt_in=("care",))
    assert chosen("care", policies=soft)[0] == first
    assert chosen("care", opted("in", second, 5, purpose="care"), policies=soft)[0] == second
    assert chosen("care") == (None, None)


def test_what_is_owed_goes_to_the_oldest_address_that_can_be_used(two: tuple[int, int, int]) -> None:
    _, first, second = two
    assert chosen("service")[0] == first
    assert chosen("service", happened("failed", first, 5, "hard_bounce"))[0] == second
    assert chosen("service", happened("reported_spam", first, 5)) == (None, None), "of the whole person"
    assert chosen("service", channel="sms") == (None, None)
    assert chosen("service", channel="store") == (None, None)


def test_an_opted_in_address_that_bounced_is_not_used(two: tuple[int, int, int]) -> None:
    _, first, second = two
    bounced = happened("failed", second, 7, "hard_bounce")
    assert chosen("selling", opted("in", first, 5), opted("in", second, 6), bounced)[0] == first
    assert chosen("selling", opted("in", second, 6), bounced) == (None, None)
