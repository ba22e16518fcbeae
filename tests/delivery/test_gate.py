"""The gate reserves what still holds when it looks, once, and every cap sees it from then on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest

from tests.delivery import circle
from tests.delivery.offers import NOW, known, messages, proposal, proposed, reserved, still, to_email
from touchline import decision
from touchline.decision.plan import compile_plan
from touchline.decision.priority import Propensity
from touchline.delivery import gate, outbox
from touchline.interactions import row
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY, HOUR, parse_instant
from touchline.playbook.compiled import Cap
from touchline.recognition import locking
from touchline.recognition.operations import merge
from touchline.relationship.layout import Layout

pytestmark = pytest.mark.usefixtures("store")


def test_a_proposal_that_still_holds_is_reserved_for_its_address() -> None:
    (customer,) = known(1)
    assert reserved(proposal(customer)) == gate.Gated(1, {})
    (message,) = messages()
    assert message["state"] == "reserved"
    assert message["persona_id"] != customer, "the address' persona, not the user's"
    assert uuid.UUID(message["message_id"]).version == 7


def test_what_is_no_longer_in_force_is_refused() -> None:
    first, second = known(2)
    gated = gate.reserve(proposed(proposal(first), proposal(second)), still(proposal(second)), now=NOW)
    assert gated == gate.Gated(1, {"not_in_force": 1})


def test_what_was_not_asked_for_is_not_reserved() -> None:
    (customer,) = known(1)
    gated = gate.reserve(proposed(proposal(customer)), still(proposal(customer, "other")), now=NOW)
    assert gated == gate.Gated(0, {"not_in_force": 1})


def test_who_has_no_address_gets_no_reservation() -> None:
    first, second = known(1)[0], 999
    gated = reserved(proposal(first), proposal(second))
    assert gated == gate.Gated(1, {"no_address": 1})


def test_a_conversation_is_reserved_once_a_recurrence() -> None:
    (customer,) = known(1)
    offer = proposal(customer)
    assert reserved(offer).reserved == 1
    assert reserved(offer) == gate.Gated(0, {"already": 1})
    assert reserved(proposal(customer, recurrence="term:7")).reserved == 1


def test_of_what_competes_for_one_turn_only_the_first_is_reserved() -> None:
    (customer,) = known(1)
    gated = reserved(
        proposal(customer, "b", priority=2.0), proposal(customer, "a"), proposal(customer, "c", **{"class": 4})
    )
    assert gated == gate.Gated(1, {"not_in_force": 2})
    assert [message["conversation"] for message in messages()] == ["c"]


def test_the_rest_is_decided_anew_once_what_is_owed_is_reserved() -> None:
    (customer,) = known(1)
    owed, selling = proposal(customer, "owed", purpose="service", **{"class": 1}), proposal(customer, "sell")
    seen: list[int] = []

    def again(customers: Sequence[int]) -> pl.DataFrame:
        """As a cap of one message a day would have it."""
        waiting = gate.waiting_rows(NOW).height
        seen.append(waiting)
        return to_email(proposed(owed) if waiting else proposed(owed, selling))

    gated = gate.reserve(proposed(owed, selling), again, now=NOW)
    assert gated == gate.Gated(1, {"not_in_force": 1})
    assert seen == [0, 1]


def test_a_gate_that_fails_reserves_nothing() -> None:
    first, second = known(2)

    def again(customers: Sequence[int]) -> pl.DataFrame:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        gate.reserve(proposed(proposal(first), proposal(second)), again, now=NOW)
    assert messages() == []


def test_a_waiting_message_is_a_sent_row_with_the_id_of_the_one_to_come() -> None:
    (customer,) = known(1)
    reserved(proposal(customer, decided_at=NOW + DAY))
    (message,) = messages()
    rows = gate.waiting_rows(NOW)
    assert rows.columns == row.SCHEMA.names
    assert rows.to_arrow().cast(row.SCHEMA).num_rows == 1, "its types are the ledger's"
    told = rows.to_dicts()[0]
    assert told["id"] == interaction_id("outbox", message["message_id"], "sent")
    assert (told["kind"], told["reason"], told["source"]) == ("sent", "reserved", "outbox")
    assert told["occurred_at"] == NOW, "a cap looks no further than now"
    assert gate.waiting_rows(NOW, pl.Series([message["persona_id"]])).equals(rows)
    assert gate.waiting_rows(NOW, pl.Series([customer])).is_empty()
    assert gate.waiting_rows(NOW, pl.Series([], dtype=pl.Int64)).is_empty()


def test_what_waits_counts_now_and_in_the_past_only_what_was_reserved_by_then() -> None:
    first, second = known(2)
    reserved(proposal(first), proposal(second, decided_at=NOW + DAY))
    early = messages()[0]["persona_id"]
    assert gate.waiting_rows(NOW + 2 * DAY)["occurred_at"].to_list() == [NOW + 2 * DAY] * 2
    assert gate.waiting_rows(NOW + 2 * DAY)["received_at"].to_list() == [NOW + 2 * DAY] * 2
    for personas in (None, pl.Series([message["persona_id"] for message in messages()])):
        past = gate.waiting_rows(NOW + 2 * DAY, personas, as_of=NOW + HOUR)
        assert past.select("persona_id", "occurred_at", "received_at").rows() == [(early, NOW + HOUR, NOW + HOUR)]
        assert gate.waiting_rows(NOW + 2 * DAY, personas, as_of=NOW - 1).is_empty()


def test_a_message_that_has_waited_since_saturday_fills_the_cap_on_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    policies = replace(circle.BOOK.policies, caps=(Cap("overall", 1, DAY),))
    monkeypatch.setattr(circle, "BOOK", replace(circle.BOOK, policies=policies))
    monkeypatch.setattr(circle, "PLAN", compile_plan(circle.BOOK))
    monkeypatch.setattr(circle, "LAYOUT", Layout.of(circle.BOOK))
    monkeypatch.setattr(circle, "TABLES", decision.tables(circle.PLAN, Propensity(), circle.POLARS))
    one = circle.Circle()
    one.settle(1, addresses=1)
    for purpose in ("information", "selling"):
        one.opt(one.emails[0], "in", purpose)
    one.ticks.next(parse_instant("2026-11-07T19:58:00Z") - one.ticks.next(0))
    tips, sell = (
        pl.DataFrame({"customer": one.users, "conversation": [name], "channel": ["email"]}) for name in ("tips", "sell")
    )
    assert gate.reserve(tips, one.again, now=one.ticks.next()) == gate.Gated(1, {})
    one.ticks.next(2 * DAY)
    assert gate.reserve(sell, one.again, now=one.ticks.next()) == gate.Gated(0, {"not_in_force": 1})
    (message,) = one.lease("w")
    outbox.started(message, one.ticks.next())
    outbox.finish(message, circle.Said("sent"), one.ticks.next())
    assert gate.reserve(sell, one.again, now=one.ticks.next()) == gate.Gated(0, {"not_in_force": 1})
    one.ticks.next(DAY)
    assert gate.reserve(sell, one.again, now=one.ticks.next()) == gate.Gated(1, {})


def test_many_at_once_are_one_set() -> None:
    customers = known(2_500)
    offers = [proposal(customer) for customer in customers]
    assert reserved(*offers, *offers[:10]) == gate.Gated(2_500, {})
    ids = [message["message_id"] for message in messages()]
    assert ids == sorted(set(ids))


def test_customers_are_held_with_all_their_personas() -> None:
    from django.db import transaction

    first, second = known(2)
    merge([first, second], "ann", "one", now=2)
    with transaction.atomic():
        assert locking.buckets_of(pl.Series([first])).height == 4
        assert locking.hold_customers(pl.Series([first])).to_list() == [first]
    with pytest.raises(RuntimeError):
        locking.hold([1])
