"""Who is linked to whom by rule."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from tests.recognition.people import batches, emptied, groups, recognise, row, sightings, together
from tests.recognition.reference import customers
from tests.recognition.rows import ROWS
from touchline import recognition
from touchline.recognition.staging import read


@given(rows=ROWS, cuts=st.lists(st.integers(0, 20), max_size=4), swaps=st.randoms(use_true_random=False))
def test_customers_are_those_of_the_rules_in_any_order_and_partition(database, rows, cuts, swaps) -> None:
    emptied()
    arrival = list(rows)
    swaps.shuffle(arrival)
    for number, batch in enumerate(batches(arrival, cuts)):
        recognition.recognise(sightings(batch), now=1_000 + number)
    assert groups() == customers(rows)


@given(rows=ROWS, cuts=st.lists(st.integers(0, 20), max_size=4))
def test_two_user_ids_of_one_scope_are_never_linked_by_rule(database, rows, cuts) -> None:
    emptied()
    recogniser = recognition.Recogniser()
    for batch in batches(rows, cuts):
        recogniser.recognise(sightings(batch), now=1_000)
        users = read(
            "SELECT customer, scope, COUNT(*) FROM recognition_persona WHERE type = 'user_id' GROUP BY customer, scope",
            {"customer": pl.Int64, "scope": pl.String, "n": pl.Int64},
        )
        assert users.filter(pl.col("n") > 1).is_empty()


@given(rows=ROWS, cuts=st.lists(st.integers(0, 20), max_size=4))
def test_ids_and_the_ledgers_rows_tell_the_same_customers_whatever_the_partition(database, rows, cuts) -> None:
    emptied()
    told = [recognition.recognise(sightings(batch), now=1_000).administration for batch in batches(rows, cuts)]
    people = recognition.people()
    rebuilt = recognition.administration.customers_rebuilt(people.get_column("persona_id"), pl.concat(told))
    assert people.select("persona_id", "customer").sort("persona_id").equals(rebuilt.sort("persona_id"))
    emptied()
    recognise(*rows)
    ids = recognition.people()
    assert people.select("persona_id", "type", "draw").equals(ids.select("persona_id", "type", "draw"))
    assert people.get_column("customer").equals(ids.get_column("customer"))


def test_identifiers_on_one_row_are_one_customer(database) -> None:
    found = recognise(row("email:Ann@Example.org", "user_id:7", "phone:+49 30 901820"))
    assert together("user_id:7", "email:ann@example.org", "phone:+4930901820")
    assert found.rows.get_column("persona_id").to_list() == [1]
    assert found.administration.get_column("kind").to_list() == ["linked", "linked"]


def test_a_shared_phone_links_nobody(database) -> None:
    recognise(*(row(f"user_id:{n}", "phone:+4930901820", at=n) for n in range(3)))
    assert together("user_id:0", "phone:+4930901820")
    last = recognise(row("user_id:3", "phone:+4930901820", at=9))
    assert {len(group) for group in groups()} == {1}
    assert last.administration.get_column("kind").to_list() == ["unlinked"]
    assert recognition.people().filter("shared").get_column("type").to_list() == ["phone"]


def test_four_names_make_an_address_shared(database) -> None:
    named = ["Ann Lee", "Lee, Ann", "Bob Lee", "Cem Lee", "Dora Lee"]
    recognise(
        *(row(f"account:{n}@@shop", "email:home@example.org", at=n, name=name) for n, name in enumerate(named[:4]))
    )
    assert not recognition.people().get_column("shared").any(), "two spellings of one name are one person"
    recognise(row("account:4@@shop", "email:home@example.org", at=5, name=named[4]))
    assert not together("account:0@@shop", "email:home@example.org")


def test_what_a_shared_identifier_held_back_is_linked_once_it_is_known_to_be_shared(database) -> None:
    recognise(
        row("user_id:1", "phone:+4930901820", at=1),
        row("email:b@example.org", "phone:+4930901820", at=2),
        row("user_id:2", "email:b@example.org", at=3),
    )
    assert not together("user_id:2", "email:b@example.org"), (
        "the address was with the telephone, which is the first one's"
    )
    recognise(*(row(f"user_id:{n}", "phone:+4930901820", at=n) for n in range(3, 6)))
    assert together("user_id:2", "email:b@example.org")


def test_a_late_arrival_that_came_first_takes_the_address(database) -> None:
    recognise(row("user_id:2", "email:a@example.org", at=20))
    recognise(row("user_id:1", "email:a@example.org", at=10))
    assert together("user_id:1", "email:a@example.org")
    assert not together("user_id:2", "email:a@example.org")


def test_a_household_shares_an_address_and_links_nobody(database) -> None:
    recognise(
        row("user_id:1", "postal:Ring 1, Berlin"),
        row("user_id:2", "postal:Ring 1\nBerlin"),
        row("email:a@example.org", "postal:ring 1 berlin"),
        row("email:b@example.org", "postal:ring 1 berlin"),
    )
    found = groups()
    assert sorted(len(group) for group in found) == [2, 2, 2, 2]
    assert all(any(text.startswith("postal:") for text in group) for group in found), "each can be written to"


def test_an_address_by_itself_is_nobodys(database) -> None:
    recognise(row("postal:Ring 1, Berlin"), row("user_id:1", "postal:Ring 1, Berlin"))
    assert sorted(len(group) for group in groups()) == [1, 2]


def test_user_ids_of_two_scopes_may_be_one_person(database) -> None:
    recognise(row("user_id:1", "email:a@example.org", at=1), row("user_id:1@@app", "email:a@example.org", at=2))
    assert together("user_id:1", "user_id:1@@app")
