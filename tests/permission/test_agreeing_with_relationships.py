"""The current tables and the folded relationships tell the same of whom may be written to."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.relationship import lines
from touchline import permission
from touchline.kernel.engines import Engine
from touchline.kernel.measures import column
from touchline.kernel.times import DAY
from touchline.relationship.folding import fold
from touchline.relationship.layout import Layout
from touchline.relationship.reference import Evaluator, Persona
from touchline.relationship.refreshing import Held, relationships
from touchline.relationship.slices import cut

BOOK = lines.playbook()
PAIRS = [(purpose, channel) for purpose in ("selling", "care") for channel in ("email", "phone")]
NAMES = tuple(
    dict.fromkeys(
        name for p, c in PAIRS for name in (f"consent.{p}_{c}", f"reach.{c}", f"suppressed.{c}")
    )
)  # fmt: skip
LAYOUT = Layout.of(BOOK, also=NAMES)
ENGINE = Engine("polars")
TYPES = ("email", "email", "phone", "phone", "account", "email")


def _facts(rows: list[dict[str, Any]], people: pl.DataFrame) -> dict[int, dict[str, Any]]:
    frame = lines.frame(ENGINE, rows)
    held = Held(fold(frame, LAYOUT, LAYOUT.reference(lines.A)), cut(frame, LAYOUT, lines.A), lines.A, 1)
    values = ENGINE.collect(relationships(held, people, BOOK, ENGINE, wanted=NAMES)).to_dicts()
    return {row["customer"]: row for row in values}


def _may(facts: dict[str, Any], purpose: str, channel: str) -> bool:
    consent, reach, suppressed = (
        facts[column(n)] for n in (f"consent.{purpose}_{channel}", f"reach.{channel}", f"suppressed.{channel}")
    )
    return bool(consent and reach and not suppressed)


def _agreed(rows: list[dict[str, Any]], customers: dict[int, list[Persona]]) -> dict[tuple[int, str, str], bool]:
    """Who may be sent what by which channel, as both tell it."""
    people = lines.people(customers)
    permission.rebuild(lines.table(rows), len(rows))
    facts, told = _facts(rows, people), {}
    for purpose, channel in PAIRS:
        allowed = permission.may_contact(people, purpose, channel).filter("allowed")["customer"].to_list()
        for customer, values in facts.items():
            told[customer, purpose, channel] = _may(values, purpose, channel)
            assert told[customer, purpose, channel] == (customer in allowed), (customer, purpose, channel)
            evaluator = Evaluator([r for r in rows if r["persona_id"] in {p.persona_id for p in customers[customer]}],
                                  customers[customer], BOOK, lines.A)  # fmt: skip
            plain = {column(name): evaluator.measure(name) for name in NAMES}
            assert _may(plain, purpose, channel) == told[customer, purpose, channel]
    return told


def _row(random: Random) -> dict[str, Any]:
    kind = random.choice(
        ("opted_in",) * 5 + ("opted_out", "suppressed", "released", "released", "reported_spam", "failed")
    )
    columns: dict[str, Any] = {"reason": random.choice(("hard_bounce", "hard_bounce", "deceased", "released", None))}
    columns["machine"] = random.random() < 0.2
    if kind.startswith("opted"):
        columns["purpose"], columns["channel"] = random.choice(PAIRS)
    at, persona = lines.A - random.randrange(8) * DAY, random.randrange(1, len(TYPES) + 1)
    return lines.interaction(kind, at, persona_id=persona, **columns)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(25))
def test_an_address_of_linked_people_may_be_used_where_their_relationship_says_so(database: Path, seed: int) -> None:
    random = Random(seed)
    rows = [_row(random) for _ in range(random.randrange(1, 24))]
    together: dict[int, list[Persona]] = {}
    for number, type_ in enumerate(TYPES, 1):
        head = random.choice((number, *together))
        together.setdefault(head, []).append(Persona(number, type_, number))
    _agreed(rows, together)


ONE, TWO = Persona(1, "email", 1), Persona(2, "email", 2)
GAVE = lines.interaction("opted_in", lines.A - 9 * DAY, purpose="selling", channel="email", evidence="{}")


def _told(kind: str, persona: int, days: int, reason: str | None = None) -> dict[str, Any]:
    return lines.interaction(kind, lines.A - days * DAY, persona_id=persona, reason=reason)


@pytest.mark.parametrize(
    ("more", "allowed"),
    [
        ([], True),
        ([_told("failed", 1, 8, "hard_bounce")], False),
        ([_told("failed", 2, 8, "hard_bounce")], True),
        ([_told("failed", 1, 8, "hard_bounce"), _told("released", 1, 5, "hard_bounce")], True),
        ([_told("reported_spam", 1, 8), _told("failed", 2, 7, "hard_bounce"), _told("released", 2, 5, "hard_bounce")], False),
        ([_told("suppressed", 1, 8, "deceased"), _told("failed", 1, 7, "hard_bounce"),
          _told("released", 1, 5, "hard_bounce")], False),
        ([_told("reported_spam", 2, 8), _told("suppressed", 2, 8, "legal"), _told("failed", 1, 7, "hard_bounce"),
          _told("released", 1, 5)], True),
        ([_told("suppressed", 1, 8, "released")], False),
    ],
)  # fmt: skip
def test_what_two_linked_addresses_may_be_sent(database: Path, more: list[dict[str, Any]], allowed: bool) -> None:
    visit = _told("visited", 2, 20)
    assert _agreed([GAVE, visit, *more], {1: [ONE, TWO]})[1, "selling", "email"] is allowed
