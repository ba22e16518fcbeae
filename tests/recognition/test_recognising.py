"""Rows become personas: once, in order, and whatever else goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import transaction

from tests.processes import Started, queue
from tests.recognition.people import groups, persona, recognise, row, sightings, together
from touchline import recognition
from touchline.kernel import ids
from touchline.recognition import hashing
from touchline.recognition.staging import read


def _count() -> int:
    return recognition.people().height


def test_a_row_belongs_to_its_strongest_identifier_and_the_oldest_has_the_smallest_id(database) -> None:
    found = recognise(
        row("anonymous_id:d1"),
        row("email:a@example.org", "anonymous_id:d1", "account:7@@shop"),
        row("postal:ring 1", "anonymous_id:d2"),
    )
    assert found.new == 5
    assert persona("anonymous_id:d1") == 1
    assert found.rows.get_column("persona_id").to_list() == [1, persona("account:7@@shop"), persona("anonymous_id:d2")]
    assert found.identifiers.height == 6


def test_draw_and_bucket_are_those_of_the_kernel(database) -> None:
    found = recognise(row("account:7@@shop"), row("email:A@example.org"))
    draws = [ids.draw("account", "shop", "7"), ids.draw("email", "", "a@example.org")]
    assert found.rows.get_column("draw").to_list() == draws
    assert found.rows.get_column("bucket").to_list() == [ids.bucket_of(draw) for draw in draws]
    assert recognition.people().get_column("draw").to_list() == draws


@pytest.mark.parametrize("few", [0, 1_000])
def test_hashes_are_the_kernels_on_either_engine(monkeypatch, few: int) -> None:
    monkeypatch.setattr(hashing, "_FEW", few)
    values = [f"ü{n}" for n in range(200)]
    keys = pl.Series([ids.SEPARATOR.join(("email", "", value)) for value in values])
    assert hashing.draws(keys).to_list() == [ids.draw("email", "", value) for value in values]
    assert hashing.heads(keys, 32).to_list() == [ids.interaction_id("email", "", value) for value in values]


def test_who_is_known_is_not_made_again(database) -> None:
    first = recognise(row("email:a@example.org"), row("email:A@EXAMPLE.org"))
    again = recognise(row("email:a@example.org "))
    assert (first.new, again.new, _count()) == (1, 0, 1)
    assert set(first.rows.get_column("persona_id")) == set(again.rows.get_column("persona_id")) == {1}


def test_a_refused_row_leaves_nothing_and_stops_nobody(database) -> None:
    found = recognise(row("user_id:1", "phone:030 1"), row("user_id:2"), row("email: "), row("user_id:3", "email:"))
    assert found.refused.rows() == [(0, "phone_without_country"), (2, "missing")]
    assert found.rows.get_column("row").to_list() == [1, 3]
    assert {len(group) for group in groups()} == {1}
    assert _count() == 2


def test_no_rows_are_nothing(database) -> None:
    found = recognise()
    assert (found.new, found.rows.height, found.administration.height) == (0, 0, 0)


def test_the_role_is_of_who_makes_the_persona(database) -> None:
    recognition.recognise(sightings([row("user_id:1")]), role="employee", now=1)
    recognition.recognise(sightings([row("user_id:1"), row("user_id:2")]), role="prospect", now=2)
    assert recognition.people().get_column("role").to_list() == ["employee", "prospect"]


def test_one_recogniser_over_many_batches_is_as_one_batch(database) -> None:
    recogniser = recognition.Recogniser()
    rows = [row(f"user_id:{n % 7}", f"email:e{n % 5}@example.org", at=n) for n in range(40)]
    found = [recogniser.recognise(sightings(rows[n : n + 8], n), now=1) for n in range(0, 40, 8)]
    by_row = pl.concat([part.rows for part in found])
    assert by_row.get_column("row").to_list() == list(range(40))
    assert by_row.get_column("persona_id").to_list() == [persona(f"user_id:{n % 7}") for n in range(40)]
    assert _count() == 12


def test_what_the_caller_rolls_back_is_not_remembered(database) -> None:
    recogniser = recognition.Recogniser()

    with transaction.atomic():
        recogniser.recognise(sightings([row("user_id:1", "email:a@example.org")]), now=1)
        transaction.set_rollback(True)
    assert _count() == 0
    again = recogniser.recognise(sightings([row("user_id:9"), row("user_id:1", "email:a@example.org")]), now=2)
    assert (again.new, again.administration.height) == (3, 1)
    assert together("user_id:1", "email:a@example.org")


def test_numbers_are_handed_out_once(database) -> None:
    assert [recognition.reserve("batch", 3), recognition.reserve("batch", 0), recognition.reserve("batch", 2)] == [
        1,
        4,
        4,
    ]
    assert recognition.reserve("other", 1) == 1
    with pytest.raises(ValueError, match="negative"):
        recognition.reserve("batch", -1)


def test_a_failed_transaction_gives_its_numbers_back(database) -> None:
    with transaction.atomic():
        recognition.reserve("batch", 5)
        transaction.set_rollback(True)
    assert recognition.reserve("batch", 1) == 1


def _work(where: str, first: int, done: Any) -> None:
    from touchline.site import database as operational

    operational.use(where)
    recogniser = recognition.Recogniser()
    for turn in range(3):
        rows = [row(f"user_id:{n}", f"email:e{n}@example.org", at=n) for n in range(turn * 10, turn * 10 + 30)]
        recogniser.recognise(sightings(rows[first::2] + rows[1 - first :: 2]), now=turn)
    done.put(recognition.reserve("after", 5))


def _recognise_in_two_processes(where: str) -> None:
    done = queue()
    workers = [Started(_work, where, first, done) for first in (0, 1)]
    numbers = sorted(done.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.well(60)
    assert numbers == [1, 6]
    assert groups() == {frozenset({f"user_id:{n}", f"email:e{n}@example.org"}) for n in range(50)}
    numbers = recognition.people().get_column("persona_id")
    assert numbers.to_list() == list(range(1, 101))
    links = read("SELECT COUNT(*) FROM recognition_link", {"n": pl.Int64}).item()
    assert links == 50


def test_two_processes_make_one_persona_of_one_identifier(database: Path) -> None:
    _recognise_in_two_processes(str(database))


@pytest.mark.network
def test_two_processes_make_one_persona_of_one_identifier_on_postgresql(postgres: str) -> None:
    _recognise_in_two_processes(postgres)
