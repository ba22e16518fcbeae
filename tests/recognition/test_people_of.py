"""The people of some customers are those of everybody, looked up."""

from __future__ import annotations

import polars as pl
import pytest

from tests.recognition.people import persona, recognise, row
from touchline import recognition
from touchline.recognition import people


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
