"""The people of some customers are those of everybody, looked up."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from django.db import connection

from tests.recognition.people import persona, recognise, row
from touchline import recognition
from touchline.recognition import people
from touchline.recognition.locking import buckets_of


@pytest.mark.parametrize("kind", ["database", pytest.param("postgres", marks=pytest.mark.network)])
def test_the_people_of_some_customers_are_those_of_everybody_who_are_them(
    request: pytest.FixtureRequest, kind: str
) -> None:
    request.getfixturevalue(kind)
    recognise(*(row(f"user_id:{n}", f"email:e{n}@example.org") for n in range(6)))
    recognition.merge([persona("user_id:1"), persona("user_id:4")], "ann", "one", now=5)
    everyone = people()
    for wanted in ([], [1], [persona("user_id:1"), persona("user_id:3")], everyone["customer"].to_list()):
        of = pl.Series(wanted, dtype=pl.Int64)
        assert people(of=of).equals(everyone.filter(pl.col("customer").is_in(of.implode())))
    assert people(of=pl.Series([persona("user_id:4")])).is_empty(), "no longer a customer"


@pytest.mark.sqlite
def test_who_a_few_customers_are_is_looked_up_by_an_index(database: None) -> None:
    recognise(*(row(f"user_id:{n}", f"email:e{n}@example.org") for n in range(6)))
    scans: list[str] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith("SELECT") and "recognition_persona" in sql:
            driver = context["connection"].connection
            plan = driver.execute(f"EXPLAIN QUERY PLAN {sql.replace('%s', '?').replace('%%', '%')}", params or ())
            scans.extend(step for *_, step in plan if step.startswith("SCAN p") or "AUTOMATIC" in step)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        people(of=pl.Series([1, 2]))
        buckets_of(pl.Series([1, 2]))
        recognition.identifiers([1, 2])
    assert not scans, "the partial index is used only where its own words are"
