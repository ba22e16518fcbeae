"""Merging and splitting by command."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.recognition.people import emptied, groups, persona, recognise, row, sightings, together
from tests.recognition.reference import customers
from tests.recognition.rows import ROWS
from touchline import recognition
from touchline.kernel.errors import IdentityFault
from touchline.recognition import administration


def _links_hold(told: list[pl.DataFrame]) -> None:
    """The materialised customers are those of the links, and those of the ledger's rows, which have an id each."""
    people = recognition.people()
    known = recognition.people(known_at=2**60)
    assert people.equals(known), "customers follow from the links in force"
    rows = pl.concat(told)
    rebuilt = administration.customers_rebuilt(people.get_column("persona_id"), rows)
    assert people.select("persona_id", "customer").equals(rebuilt.sort("persona_id"))
    assert rows.get_column("id").is_unique().all()


@given(before=ROWS, after=ROWS, data=st.data())
def test_link_act_split_equals_never_linked(database, before, after, data) -> None:
    emptied()
    told = [recognise(*before, now=1_000).administration]
    people = recognition.people()
    everyone = people.get_column("customer").unique().sort().to_list()
    assume(len(everyone) > 1)
    one, other = data.draw(st.lists(st.sampled_from(everyone), min_size=2, max_size=2, unique=True))
    told.append(recognition.merge([one, other], "ann", "the same person", now=2_000))
    assert recognition.find(str(one)) == recognition.find(str(other)) == [min(one, other)]
    told.append(recognise(*after, now=3_000).administration)
    expected = customers([*before, *after])
    texts = {number: text for number, text in _texts().items() if number in (one, other)}
    assume(not any(texts[one] in group and texts[other] in group for group in expected))  # then a rule would link them
    told.append(recognition.split([other], "ann", "not the same person", now=4_000))
    assert groups() == expected
    _links_hold(told)


STEPS = st.lists(
    st.one_of(
        ROWS, st.tuples(st.sampled_from(["merge", "split", "alone", "erase"]), st.integers(0, 99), st.integers(0, 99))
    ),
    max_size=8,
)


@settings(max_examples=examples(25))  # each is up to eight steps, and every step is checked
@given(steps=STEPS)
def test_whatever_is_done_the_links_the_customers_and_the_ledger_agree(database, steps) -> None:
    emptied()
    told = [recognise(row("email:first@example.org")).administration]
    for now, step in enumerate(steps):
        ids = recognition.people().get_column("persona_id").to_list()
        if isinstance(step, list):
            told.append(recognise(*step, now=now).administration)
        elif len(ids) > 1:
            verb, a, b = step
            one, other = ids[a % len(ids)], ids[b % len(ids)]
            try:
                told.append(_done(verb, one, other, now))
            except IdentityFault:
                continue  # one and the same, or nobody to part from: nothing may have changed
        _links_hold(told)


def _done(verb: str, one: int, other: int, now: int) -> pl.DataFrame:
    """Do it, and see that it is done."""
    if verb == "erase":
        rows = recognition.erase([one], now=now)
        assert one not in recognition.people().get_column("persona_id")
        return rows
    if verb == "merge":
        rows = recognition.merge([one, other], "ann", "", now=now)
        assert len(set(_customers(one, other))) == 1
        return rows
    before = _with(one)
    rows = recognition.split([one], "ann", "", alone=verb == "alone", now=now)
    still = before & _with(one)
    assert still < before
    assert verb == "split" or still == {one}
    return rows


def _with(persona_id: int) -> set[int]:
    """The personas of its customer."""
    found = recognition.people().filter(pl.col("customer") == _customers(persona_id)[0])
    return set(found.get_column("persona_id"))


def _customers(*personas: int) -> list[int]:
    of = dict(recognition.people().select("persona_id", "customer").iter_rows())
    return [of[persona_id] for persona_id in personas]


def _texts() -> dict[int, str]:
    from touchline.recognition.staging import read

    found = read(
        "SELECT persona_id, type, value, scope FROM recognition_persona",
        {"persona_id": pl.Int64, "type": pl.String, "value": pl.String, "scope": pl.String},
    )
    return {
        number: f"{kind}:{value}" + (f"@@{scope}" if scope else "") for number, kind, value, scope in found.iter_rows()
    }


def test_a_merge_joins_two_user_ids_and_is_told_with_who_and_why(database) -> None:
    recognise(row("user_id:1", "email:a@example.org"), row("user_id:2"))
    rows = recognition.merge([persona("email:a@example.org"), persona("user_id:2")], "ann", 'said "it is me"', now=7)
    assert together("user_id:1", "user_id:2")
    told = rows.row(0, named=True)
    assert (told["kind"], told["persona_id"], told["occurred_at"]) == ("linked", 2, 7)
    payload = json.loads(told["payload"])
    assert (payload["a"], payload["b"], payload["rule"]) == (2, 3, "merged")
    assert payload["evidence"] == {"actor": "ann", "why": 'said "it is me"'}


def test_a_merge_of_one_customer_with_itself_changes_nothing(database) -> None:
    recognise(row("user_id:1", "email:a@example.org"))
    assert recognition.merge([1, 2], "ann", "").is_empty()


def test_a_merge_survives_when_the_identifier_turns_out_to_be_shared(database) -> None:
    recognise(row("user_id:1"), row("email:home@example.org"))
    recognition.merge([1, 2], "ann", "")
    recognise(*(row(f"user_id:{n}", "email:home@example.org", at=n) for n in range(2, 7)))
    assert together("user_id:1", "email:home@example.org")
    assert not together("user_id:2", "email:home@example.org")


def test_after_a_split_no_rule_links_the_two_again_not_even_round_a_corner(database) -> None:
    recognise(row("account:7@@shop", "email:a@example.org", at=1))
    recognition.split([persona("email:a@example.org")], "ann", "another person's address")
    recognise(row("account:7@@shop", "email:a@example.org", at=2), row("account:7@@shop", "phone:+4930901820", at=3))
    recognise(row("email:a@example.org", "phone:+4930901820", at=4))
    assert not together("account:7@@shop", "email:a@example.org")
    assert together("account:7@@shop", "phone:+4930901820")


def test_a_later_merge_lifts_the_split(database) -> None:
    recognise(row("account:7@@shop", "email:a@example.org", at=1))
    recognition.split([2], "ann", "")
    recognition.merge([1, 2], "ann", "they are one after all")
    assert together("account:7@@shop", "email:a@example.org")


def test_splitting_each_alone_leaves_nobody_linked(database) -> None:
    recognise(row("user_id:1", "email:a@example.org", "phone:+4930901820"))
    recognition.split([1, 2, 3], "ann", "", alone=True)
    assert {len(group) for group in groups()} == {1}


def test_there_must_be_somebody_to_part_from(database) -> None:
    recognise(row("user_id:1"))
    with pytest.raises(IdentityFault, match="nobody to part from"):
        recognition.split([1], "ann", "")


@pytest.mark.parametrize("ids", [[1, 99], [99], [], [1, 1]])
def test_ids_of_nobody_are_refused(database, ids: list[int]) -> None:
    recognise(row("user_id:1"))
    with pytest.raises(IdentityFault):
        recognition.merge(ids, "ann", "")
    assert recognition.people().height == 1


def test_people_are_seen_as_they_were_known_then(database) -> None:
    recognise(row("user_id:1"), row("user_id:2"), now=1_000)
    recognition.merge([1, 2], "ann", "", now=2_000)
    recognise(row("user_id:3"), now=3_000)
    recognition.split([2], "ann", "", now=4_000)
    seen = {
        at: recognition.people(known_at=at).get_column("customer").to_list() for at in (999, 1_000, 2_000, 3_999, 4_000)
    }
    assert seen == {999: [], 1_000: [1, 2], 2_000: [1, 1], 3_999: [1, 1, 3], 4_000: [1, 2, 3]}
    assert recognition.people().get_column("customer").to_list() == [1, 2, 3]


def test_somebody_is_found_by_id_or_by_any_spelling(database) -> None:
    recognise(row("user_id:7@@shop", "email:ann@example.org", "phone:+4930901820"))
    for text in ("2", "7", " Ann@EXAMPLE.org", "+49 (30) 90-1820", "3"):
        assert recognition.find(text) == [1]
    assert recognition.find("030 901820", region="DE") == [1]
    assert recognition.find("nobody@example.org") == recognition.find("") == recognition.find("4") == []


def test_a_name_for_a_row_number_is_both_an_id_and_an_identifier(database) -> None:
    recognise(row("user_id:2"), row("user_id:9"))
    assert recognition.find("2") == [1, 2]


def test_identifiers_of_customers_are_listed(database) -> None:
    recognise(row("user_id:7", "email:ann@example.org"), row("user_id:8"))
    assert recognition.identifiers([1]).get_column("value").to_list() == ["7", "ann@example.org"]
    assert recognition.identifiers([3, 1]).height == 3
    assert recognition.identifiers([]).is_empty()


def test_a_refused_merge_leaves_nothing_behind(database) -> None:
    recognition.recognise(sightings([row("user_id:1"), row("user_id:2")]), now=1)
    with pytest.raises(IdentityFault):
        recognition.merge([1, 2, 77], "ann", "")
    assert recognition.people().get_column("customer").to_list() == [1, 2]


def test_erasure_leaves_no_trace_of_the_identifier_and_parts_nobody_else(database: Path) -> None:
    recogniser = recognition.Recogniser()
    rows = [row("user_id:1", "email:planted@example.org", name="Ann"), row("user_id:1", "phone:+4930901820")]
    recogniser.recognise(sightings(rows), now=1)
    gone = persona("email:planted@example.org")
    told = recognition.erase([gone], now=2)
    assert told.get_column("kind").to_list() == ["unlinked"]
    assert together("user_id:1", "phone:+4930901820")
    assert recognition.find("planted@example.org") == []
    again = recogniser.recognise(sightings([row("email:planted@example.org")]), now=3)
    assert again.rows.get_column("persona_id").item() not in (gone, None), "nobody remembers who was erased"
