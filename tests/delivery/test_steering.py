"""Messages that wait are released or stopped by people; what a worker has is left alone."""

from __future__ import annotations

import pytest

from tests.delivery.offers import NOW, known, messages, proposal, reserved, told
from touchline.delivery import outbox, steering
from touchline.delivery.outbox import LEASE
from touchline.kernel.times import HOUR

pytestmark = pytest.mark.usefixtures("store")


def ids() -> list[str]:
    return [row["message_id"] for row in messages()]


def three() -> list[str]:
    reserved(*(proposal(customer) for customer in known(3)))
    return ids()


def test_a_released_message_is_due_at_once_and_says_who_let_it_go() -> None:
    chosen = three()
    for message in outbox.lease("w", ["email"], NOW, 10):
        outbox.put_off(message, "quiet_hours", NOW + HOUR)
    assert outbox.lease("w", ["email"], NOW + 1, 10) == []
    assert steering.release([*chosen[:2], chosen[0], "0" * 32], NOW + 1) == 2
    assert [(row["state"], row["reason"]) for row in messages()] == [("reserved", "released")] * 2 + [
        ("held", "quiet_hours")
    ]
    assert [one.message_id for one in outbox.lease("w", ["email"], NOW + 1, 10)] == chosen[:2]
    assert steering.release([], NOW) == 0


def test_what_a_worker_has_or_has_begun_is_neither_released_nor_stopped() -> None:
    chosen = three()
    leased = outbox.lease("w", ["email"], NOW, 2)
    assert outbox.started(leased[0], NOW)
    assert steering.release(chosen, NOW) == 0, "two are a worker's, the third is due already"
    assert steering.stop(chosen, NOW) == 1
    assert [row["state"] for row in messages()] == ["sending", "reserved", "failed"]
    assert steering.stop(chosen, NOW + LEASE) == 1, "a lease that ran out is nobody's"
    assert [row["state"] for row in messages()] == ["sending", "failed", "failed"]


def test_a_stopped_message_never_goes_is_told_to_the_ledger_and_the_next_decision_does_not_undo_it() -> None:
    (customer,) = known(1)
    reserved(proposal(customer))
    assert steering.stop(ids(), NOW + 5) == 1
    assert [(row["state"], row["reason"]) for row in messages()] == [("failed", "stopped")]
    assert told("kind", "reason") == [("failed", "stopped")]
    assert steering.stop(ids(), NOW + 6) == 0, "it is over"
    assert reserved(proposal(customer), now=NOW + HOUR).reserved == 0
    assert outbox.lease("w", ["email"], NOW + HOUR, 10) == []


def test_what_may_have_arrived_is_not_said_to_be_stopped() -> None:
    (customer,) = known(1)
    reserved(proposal(customer, **{"class": 1, "purpose": "contract"}))
    (message,) = outbox.lease("w", ["email"], NOW, 1)
    assert outbox.started(message, NOW)
    assert outbox.recover(NOW + LEASE).again == 1
    assert steering.stop(ids(), NOW + LEASE) == 0
    assert [(row["state"], row["reason"]) for row in messages()] == [("reserved", "interrupted")]
