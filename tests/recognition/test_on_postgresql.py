"""The same questions on PostgreSQL: text of any kind survives, and all verbs give the same people."""

from __future__ import annotations

import polars as pl
import pytest

from tests.recognition.people import groups, persona, recognise, row, together
from touchline import recognition
from touchline.recognition.staging import insert, read, staged

pytestmark = pytest.mark.network


def test_linking_sharing_merging_and_splitting_are_the_same(postgres: str) -> None:
    recognise(
        row("user_id:1@@shop", "email:a@example.org", at=1, name="Ann"),
        row("user_id:2@@shop", "email:a@example.org", at=2),
        row("email:b@example.org", "anonymous_id:d\\1\\N", at=3),
        now=3,
    )
    assert together("user_id:1@@shop", "email:a@example.org")
    assert not together("user_id:1@@shop", "user_id:2@@shop")
    recognition.merge([persona("user_id:1@@shop"), persona("user_id:2@@shop")], "ann", "one", now=5)
    assert together("user_id:1@@shop", "user_id:2@@shop")
    before = recognition.people(known_at=4)
    recognition.split([persona("user_id:2@@shop")], "ann", "two", now=6)
    assert recognition.people().equals(before)
    recognise(*(row(f"user_id:{n}@@shop", "email:a@example.org", at=n) for n in range(2, 6)))
    assert recognition.people().filter("shared").height == 1
    assert max(len(group) for group in groups()) == 2
    assert recognition.find("d\\1\\N") == recognition.find("b@example.org")
    again = recognition.Recogniser()
    assert again.recognise(_of("anonymous_id", "d\\1\\N"), now=9).new == 0, "what was written is what is read"


def test_people_of_many_are_read_whole(postgres: str) -> None:
    recognise(*(row(f"user_id:{n}", f"email:e{n}@example.org") for n in range(300)))
    people = recognition.people()
    assert (people.height, people.get_column("customer").n_unique()) == (600, 300)
    assert (
        recognition.Recogniser().recognise(_of("email", "e7@example.org"), now=9).rows.get_column("persona_id").item()
        == 16
    )


def test_any_text_is_staged_as_it_is(postgres: str) -> None:
    odd = ["", "\\N", "a\\b", "tab\tin", "line\nend\r", '"quoted"', "ünï", None, ",;"]
    frame = pl.DataFrame({"n": range(len(odd)), "text": odd, "yes": [None, True, False] * 3, "share": [0.1] * 9})
    with staged("odd", frame):
        assert read("SELECT n, text, yes, share FROM odd", frame.schema).sort("n").equals(frame)


def test_a_clash_is_refused_by_the_database(postgres: str) -> None:
    from django.db import IntegrityError, transaction

    rows = pl.DataFrame({"name": ["a", "a"], "next": [1, 2]})
    with pytest.raises(IntegrityError), transaction.atomic():
        insert("recognition_counter", rows)


def _of(kind: str, value: str) -> pl.DataFrame:
    return pl.DataFrame([(0, kind, "", value, None, 0)], schema=recognition.SIGHTINGS, orient="row")
