"""Link, act, split equals never linked: for the whole relationship, caps, consent and arm, and for what is decided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.recognition import people as sightings
from tests.relationship import lines
from touchline import decision, recognition
from touchline.decision import learning
from touchline.decision.plan import compile_plan
from touchline.interactions.catalogue import CHANNELS, PURPOSES
from touchline.kernel.engines import Engine
from touchline.kernel.measures import column
from touchline.ledger import MemoryLedger
from touchline.relationship import refreshing

_OWN = lines.playbook()
# Policies count messages of every purpose, so the plan needs the whole vocabulary.
BOOK = replace(_OWN, measures=replace(_OWN.measures, purposes=tuple(PURPOSES), channels=CHANNELS))
PLAN = compile_plan(BOOK)
NAMES = tuple(dict.fromkeys((*lines.everything(BOOK), *PLAN.measures)))
# Linking and parting are told in the ledger as well; what they count is themselves.
FREE = [n for n in NAMES if n.split(".")[-1] not in ("linked", "unlinked")]
ENGINE = Engine("polars")


def _outcome(rows: list[dict[str, Any]], people: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    ledger = MemoryLedger()
    ledger.append(lines.table(rows))
    held = refreshing.state_at(ledger, None, lines.layout(BOOK), ENGINE, lines.A)
    facts = ENGINE.collect(refreshing.relationships(held, people, BOOK, ENGINE, wanted=NAMES)).sort("customer")
    tables = decision.tables(PLAN, learning.learn([], PLAN), ENGINE)
    decided = ENGINE.collect(decision.decide(ENGINE.lazy(facts), PLAN, tables, lines.A)).sort("customer")
    return facts.select("customer", "draw", *(column(name) for name in FREE)), decided


@given(seed=st.integers(0, 2**32 - 1), changes=st.integers(1, 4))
@settings(max_examples=examples(6))
def test_people_linked_for_a_while_and_parted_are_as_if_never_linked(database: Path, seed: int, changes: int) -> None:
    random = Random(seed)
    sightings.emptied()
    own = [
        sightings.row(f"{kind}:{value}")
        for kind, value in (("user_id", "u1"), ("user_id", "u2"), ("email", "a@b.example"), ("phone", "+4930123456"))
    ]
    sightings.recognise(*own)
    before = recognition.people()
    personas = before["persona_id"].to_list()
    rows = lines.history(random, personas, random.randrange(10, 90))
    places = dict(before.select("persona_id", "bucket").iter_rows())
    for row in rows:
        row["bucket"] = places[row["persona_id"]]
    for _ in range(changes):
        recognition.merge(random.sample(personas, 2), "test", "the same person")
        linked = recognition.people()
        assert linked["customer"].is_duplicated().any()
        if random.random() < 0.5:
            continue
        _split_all(personas)
    _split_all(personas)
    after = recognition.people()
    assert after["customer"].to_list() == before["customer"].to_list()
    now, never = _outcome(rows, after), _outcome(rows, before)
    assert now[0].equals(never[0])
    assert now[1].equals(never[1])


def _split_all(personas: list[int]) -> None:
    for persona in personas:
        current = recognition.people()
        mine = current.filter(pl.col("persona_id") == persona)["customer"][0]
        if current.filter(pl.col("customer") == mine).height > 1:
            recognition.split([persona], "test", "two people after all", alone=True)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(3))
def test_while_linked_the_two_are_one_and_no_consent_covers_the_other_address(database: Path, seed: int) -> None:
    random = Random(seed)
    sightings.emptied()
    sightings.recognise(sightings.row("email:a@b.example"), sightings.row("email:c@d.example"))
    one, other = recognition.people()["persona_id"].to_list()
    recognition.merge([one, other], "test", "the same person")
    days = random.randrange(2, 40)
    consent = {"purpose": "care", "channel": "email", "evidence": "{}", "identifier": "a@b.example"}
    gave = lines.interaction("opted_in", lines.A - days * lines.DAY, persona_id=one, seq=1, **consent)
    withdrew = lines.interaction(
        "opted_out", lines.A - lines.DAY, persona_id=other, seq=2, **{**consent, "identifier": "c@d.example"}
    )
    people = recognition.people()
    held = _outcome([{**gave, "bucket": 0}], people)[0]
    assert held["consent__care_email"].to_list() == [True]
    stopped = _outcome([{**gave, "bucket": 0}, {**withdrew, "bucket": 0}], people)[0]
    assert stopped["consent__care_email"].to_list() == [False], (
        "a withdrawal on either address counts for the whole person"
    )
    recognition.split([other], "test", "two people after all")
    parted = _outcome([{**gave, "bucket": 0}, {**withdrew, "bucket": 0}], recognition.people())[0]
    assert dict(parted.select("customer", "consent__care_email").iter_rows()) == {one: True, other: False}
