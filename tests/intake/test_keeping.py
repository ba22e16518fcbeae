"""Events that are checked already are kept once, on both databases, whoever else keeps the same at the same time."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection, transaction

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger
from touchline.intake import keep
from touchline.intake.buffer import accept_rows
from touchline.intake.drain import undrained
from touchline.recognition.staging import read

pytestmark = pytest.mark.network


@pytest.fixture(params=["database", "postgres"])
def vendor(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return connection.vendor


def kept() -> list[tuple[str, str]]:
    rows = read("SELECT message_id, body FROM intake_event ORDER BY event_id", {"m": pl.String, "b": pl.String})
    return [(message, body) for message, body in rows.iter_rows()]


def test_the_first_of_several_is_kept_in_its_place(vendor: str) -> None:
    rows = [("b", '{"n":1}'), ("a", '{"n":"ü\\u001f\\\\"}'), ("b", '{"n":2}')]
    assert keep(rows, received_at=1) == 2
    assert keep([("c", "{}"), ("a", "{}")], received_at=2) == 1
    assert kept() == [*rows[:2], ("c", "{}")]
    assert keep([], received_at=3) == 0


def test_another_source_may_use_the_same_id(vendor: str) -> None:
    assert keep([("a", "{}")], received_at=1) == 1
    assert keep([("a", "{}")], received_at=1, source="other") == 1


def test_what_is_kept_inside_a_transaction_ends_with_it(vendor: str) -> None:
    with transaction.atomic():
        assert keep([("a", "{}")], received_at=1) == 1
        transaction.set_rollback(True)
    assert kept() == []


@pytest.mark.parametrize("rows", [1, 15, 17, 600])
def test_any_number_is_kept_in_its_order(vendor: str, rows: int) -> None:
    told = [(f"m{n}", f'{{"n":{n}}}') for n in range(rows)]
    assert keep(told, received_at=1) == rows
    assert kept() == told


def test_several_who_keep_the_same_at_once_keep_it_once(vendor: str) -> None:
    new: list[int] = []
    ready = threading.Barrier(4)

    def keeping(turn: int) -> None:
        try:
            ready.wait(10)
            for group in range(20):
                order = range(10) if turn % 2 else range(9, -1, -1)
                rows = [(f"{group}-{n}", "{}") for n in order]
                for _ in range(20):
                    try:
                        new.append(keep(rows, received_at=1))
                        break
                    except Exception as fault:  # two who wait for each other: the writer tries again, too
                        if "eadlock" not in str(fault):
                            raise
        finally:
            connection.close()

    threads = [threading.Thread(target=keeping, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(new) == 200
    assert len({message for message, _ in kept()}) == len(kept()) == 200


def test_ready_rows_are_kept_beside_them(vendor: str) -> None:
    rows = pl.DataFrame(
        {
            "id": ["1" * 32] * 2,
            "kind": ["acted"] * 2,
            "persona_id": [1, 1],
            "source": ["own", "own"],
            "occurred_at": [1, 1],
        }
    )
    assert accept_rows(rows, received_at=1) == 1
    assert accept_rows(rows, received_at=1) == 0


@pytest.mark.sqlite
def test_what_waits_is_found_by_its_index_among_millions_that_do_not(database: Path, tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    with connection.execute_wrapper(
        lambda run, sql, given, *rest: (asked.append((sql, given)), run(sql, given, *rest))[1]
    ):
        assert undrained(playbook(), ledger(tmp_path), NOW) is None
    waiting = [(sql, given) for sql, given in asked if "intake_event" in sql]
    assert waiting
    with connection.cursor() as cursor:
        for sql, given in waiting:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", given)
            assert "USING INDEX intake_event_waiting" in str(cursor.fetchall())
