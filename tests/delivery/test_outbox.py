"""A reservation is tried by one worker at a time, at most once where it must be, and its states say why."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl
import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery.offers import NOW, forget, known, messages, proposal, proposed, reserved, to_email, told
from touchline.delivery import gate, gifts, outbox
from touchline.delivery.gate import LASTING, waiting_rows
from touchline.delivery.outbox import LEASE, Leased, Recovered
from touchline.kernel.times import DAY, HOUR, MINUTE, SECOND
from touchline.playbook.compiled import Gift, Pool
from touchline.recognition import people

pytestmark = pytest.mark.usefixtures("store")

TEA = Pool("tea", "tea.txt", worth=5.0)


@dataclass(frozen=True)
class Said:
    state: str
    reason: str | None = None
    brief: str = ""


def one(worker: str = "w", now: int = NOW, **changes: object) -> Leased:
    """One message, reserved and leased."""
    (customer,) = known(1)
    reserved(proposal(customer, **changes))
    (message,) = outbox.lease(worker, ["email"], now, 10)
    return message


def state() -> tuple[str, str]:
    (message,) = messages()
    return message["state"], message["reason"]


def test_a_message_is_leased_to_one_worker_and_after_its_lease_to_the_next() -> None:
    first = one("a")
    assert outbox.lease("b", ["email"], NOW + LEASE - 1, 10) == []
    (second,) = outbox.lease("b", ["email"], NOW + LEASE, 10)
    assert (second.message_id, second.worker) == (first.message_id, "b")
    assert not outbox.started(first, NOW + 1), "it is b's now"
    assert outbox.started(second, NOW + LEASE)


def test_a_sent_message_is_one_row_of_the_ledger_and_no_longer_a_reservation() -> None:
    message = one()
    assert outbox.started(message, NOW + 1)
    assert outbox.finish(message, Said("sent"), NOW + 2) == "sent"
    assert state() == ("sent", "")
    assert waiting_rows(NOW + 2).is_empty()
    ((kind, conversation, occurred_at, identifier, payload),) = told(
        "kind", "conversation", "occurred_at", "identifier", "payload"
    )
    assert (kind, conversation, occurred_at, identifier) == ("sent", "hello", str(NOW + 2), "email0@example.org")
    assert json.loads(payload) == {"segment": 3}
    assert outbox.finish(message, Said("sent"), NOW + 3) is None
    assert len(told("kind")) == 1


def test_a_try_that_surely_failed_is_repeated_later_and_given_up_when_the_message_expires() -> None:
    message, now, waits = one(), NOW, []
    while True:
        assert outbox.started(message, now)
        if outbox.finish(message, Said("retry", "greylisted"), now) == "expired":
            break
        waits.append(messages()[0]["due_at"] - now)
        assert outbox.lease("w", ["email"], now + waits[-1] - 1, 1) == []
        now += waits[-1]
        (message,) = outbox.lease("w", ["email"], now, 1)
    assert waits[:4] == [outbox.backoff(message.message_id, n) for n in range(1, 5)]
    assert all(MINUTE // 2 <= wait <= outbox.LONGEST_WAIT * 1.5 for wait in waits)
    assert NOW < now < NOW + LASTING
    assert state() == ("expired", "gave_up")
    assert told("kind") == []


def test_an_expired_conversation_may_be_reserved_again_and_a_sent_one_not() -> None:
    message = one()
    assert outbox.give_up(message, "consent")
    offer = proposal(message.customer)
    assert reserved(offer).reserved == 1
    (message,) = outbox.lease("w", ["email"], NOW, 10)
    outbox.started(message, NOW)
    outbox.finish(message, Said("sent"), NOW)
    assert reserved(offer).refused == {"already": 1}


def test_what_failed_is_not_reserved_again_for_the_same_recurrence() -> None:
    offers = [proposal(customer, recurrence="term:1") for customer in known(3)]
    assert reserved(*offers).reserved == 3
    for message in outbox.lease("w", ["email"], NOW, 10):
        outbox.started(message, NOW)
        assert outbox.finish(message, Said("failed", "smtp_550"), NOW) == "failed"
    assert told("kind", "reason") == [("failed", "smtp_550")] * 3
    assert reserved(*offers).refused == {"already": 3}
    assert outbox.lease("w", ["email"], NOW + HOUR, 10) == []
    assert reserved(proposal(offers[0]["customer"], recurrence="term:2")).reserved == 1


def test_a_code_goes_back_with_a_message_that_gave_up_and_not_with_one_that_may_have_arrived() -> None:
    first, second = known(2)
    gifts.load(TEA, ["TEA-1", "TEA-2"])
    changes = {"purpose": "service", "class": 1}
    frame = proposed(proposal(first, **changes), proposal(second, **changes)).with_columns(expires_at=pl.lit(NOW + 1))
    assert gate.reserve(frame, lambda _: to_email(frame), now=NOW).reserved == 2
    for message, end in zip(outbox.lease("w", ["email"], NOW, 2), ("retry", "uncertain"), strict=True):
        assert gifts.take(message.message_id, "hello", Gift("tea"), TEA, NOW) is not None
        outbox.started(message, NOW)
        outbox.finish(message, Said(end, "x"), NOW)
    assert [(m["state"], m["reason"]) for m in messages()] == [("expired", "gave_up"), ("uncertain", "x")]
    assert gifts.left("tea") == 1
    assert told("kind", "reason") == [("sent", "uncertain")]


def test_no_code_is_given_once_its_time_or_its_pools_is_over() -> None:
    first, second = known(2)
    reserved(proposal(first), proposal(second))
    one, other = (message.message_id for message in outbox.lease("w", ["email"], NOW, 2))
    until = replace(TEA, expires=NOW + HOUR)
    gifts.load(until, ["TEA-1", "TEA-2"])

    def taken(message: str, now: int, pool: Pool = until) -> str | None:
        return gifts.take(message, "hello", Gift("tea"), pool, now)

    assert taken(one, NOW + HOUR - 1) == "TEA-1"
    assert taken(other, NOW + HOUR) is None
    assert taken(other, NOW + HOUR, replace(TEA, expires=NOW + DAY)) is None, "the codes were loaded for less"
    assert taken(other, NOW + 1, replace(TEA, expires=NOW + 1)) is None, "the last day was put forward"
    assert taken(one, NOW + DAY) == "TEA-1", "what a message has it keeps"


def test_a_worker_that_died_in_a_try_leaves_an_uncertain_message_that_counts_as_sent() -> None:
    message = one()
    outbox.started(message, NOW)
    assert outbox.recover(NOW + LEASE - 1) == Recovered()
    assert outbox.recover(NOW + LEASE) == Recovered(uncertain=1)
    assert state() == ("uncertain", "worker_died")
    assert told("kind", "reason") == [("sent", "uncertain")]
    assert outbox.lease("w", ["email"], NOW + DAY, 10) == []
    assert reserved(proposal(message.customer)).refused == {"already": 1}
    assert outbox.finish(message, Said("sent"), NOW + LEASE + 1) is None, "too late to tell"


def test_a_message_of_class_1_is_tried_again_under_the_same_id_after_its_worker_died() -> None:
    message, now = one(purpose="service", **{"class": 1}), NOW
    for _ in range(8):
        outbox.started(message, now)
        assert outbox.finish(message, Said("retry", "smtp_451"), now) == "reserved"
        now = messages()[0]["due_at"]
        (message,) = outbox.lease("w", ["email"], now, 1)
    for _ in range(10):
        outbox.started(message, now)
        now += LEASE
        assert outbox.recover(now) == Recovered(again=1)
        assert state() == ("reserved", "interrupted")
        (again,) = outbox.lease("w", ["email"], now, 1)
        assert again.message_id == message.message_id
        message = again
    assert outbox.recover(NOW + LASTING) == Recovered(expired=1)
    assert state() == ("expired", "interrupted")


def test_an_uncertain_try_is_repeated_in_class_1_alone() -> None:
    message = one()
    outbox.started(message, NOW)
    assert outbox.finish(message, Said("uncertain", "timeout"), NOW) == "uncertain"
    assert told("kind", "reason") == [("sent", "uncertain")]
    reserved(proposal(message.customer, "owed", purpose="service", **{"class": 1}))
    (owed,) = outbox.lease("w", ["email"], NOW, 1)
    outbox.started(owed, NOW)
    assert outbox.finish(owed, Said("uncertain", "timeout"), NOW) == "reserved"


def test_a_worker_that_died_before_a_try_has_cost_nothing_but_its_lease() -> None:
    one("a")
    assert outbox.recover(NOW + LEASE) == Recovered()
    assert len(outbox.lease("b", ["email"], NOW + LEASE, 10)) == 1


def test_a_held_message_waits_until_its_time_and_counts_all_the_while() -> None:
    message = one()
    assert outbox.put_off(message, "quiet_hours", NOW + HOUR)
    assert state() == ("held", "quiet_hours")
    assert waiting_rows(NOW).height == 1
    assert outbox.lease("w", ["email"], NOW + HOUR - 1, 10) == []
    (again,) = outbox.lease("w", ["email"], NOW + HOUR, 10)
    assert outbox.started(again, NOW + HOUR)
    assert not outbox.put_off(again, "quiet_hours", NOW + DAY), "it is on its way"


def test_a_message_whose_ground_is_gone_is_given_up_and_counts_no_more() -> None:
    message = one()
    assert outbox.give_up(message, "consent")
    assert state() == ("expired", "consent")
    assert waiting_rows(NOW).is_empty()
    assert told("kind") == []


def test_what_waits_too_long_expires_with_the_reason_why_it_waited() -> None:
    first, second = known(2)
    reserved(proposal(first), proposal(second))
    message = outbox.lease("w", ["email"], NOW, 1)[0]
    outbox.put_off(message, "missing profile.name", NOW + HOUR)
    assert outbox.recover(NOW + LASTING - 1) == Recovered()
    assert outbox.lease("w", ["email"], NOW + LASTING, 10) == []
    assert outbox.recover(NOW + LASTING) == Recovered(expired=2)
    assert sorted(m["reason"] for m in messages()) == ["missing profile.name", "too_late"]


def test_a_message_given_back_is_as_it_was() -> None:
    message = one("a")
    assert outbox.give_back(message)
    assert outbox.lease("b", ["email"], NOW, 10)[0].message_id == message.message_id


def test_the_most_urgent_go_first_and_each_channel_has_its_own_turn() -> None:
    a, b, c = known(3, each=("email", "phone"))
    reserved(
        proposal(a, priority=1.0), proposal(b, priority=2.0), proposal(c, purpose="service", **{"class": 1}),
        proposal(a, "ring", channel="phone", purpose="service", **{"class": 1}),
    )  # fmt: skip
    first = outbox.lease("w", ["email", "phone"], NOW, 2)
    assert [(m.customer, m.channel) for m in first] == [(c, "email"), (b, "email"), (a, "phone")]


def test_no_more_are_begun_in_a_minute_than_the_rate_allows_by_all_workers_together() -> None:
    customers = known(5)
    reserved(*(proposal(customer) for customer in customers))
    rates = {"email": 2}
    first = outbox.lease("a", ["email"], NOW, 10, rates)
    assert len(first) == 2
    assert outbox.lease("b", ["email"], NOW, 10, rates) == [], "they may be begun at any moment"
    for message in first:
        outbox.started(message, NOW + 30 * SECOND)
        outbox.finish(message, Said("sent"), NOW + 30 * SECOND)
    assert outbox.lease("b", ["email"], NOW + 80 * SECOND, 10, rates) == []
    assert len(outbox.lease("b", ["email"], NOW + 90 * SECOND, 10, rates)) == 2


def test_what_is_heard_later_is_told_once() -> None:
    message = one()
    outbox.started(message, NOW)
    assert not outbox.conclude(message.message_id, "delivered", "", NOW), "it is not even sent"
    outbox.finish(message, Said("sent"), NOW)
    assert outbox.conclude(message.message_id, "delivered", "", NOW + 1)
    assert not outbox.conclude(message.message_id, "delivered", "", NOW + 2)
    assert told("kind") == [("sent",), ("delivered",)]
    assert outbox.counts() == {"delivered": 1}
    assert not outbox.conclude("nobody's", "failed", "x", NOW)
    with pytest.raises(ValueError, match="heard later"):
        outbox.conclude(message.message_id, "reserved", "", NOW)


def test_a_bounce_after_it_was_sent_keeps_the_sent_row() -> None:
    message = one()
    outbox.started(message, NOW)
    outbox.finish(message, Said("sent"), NOW)
    assert outbox.conclude(message.message_id, "failed", "hard_bounce", NOW + 1)
    assert told("kind", "reason") == [("sent", None), ("failed", "hard_bounce")]


def test_what_is_told_of_a_message_names_its_conversation() -> None:
    first, second = known(2)
    reserved(proposal(first, "one"), proposal(second, "two"))
    ends = ("sent", "failed")
    for message, end in zip(outbox.lease("w", ["email"], NOW, 2), ends, strict=True):
        outbox.started(message, NOW)
        outbox.finish(message, Said(end), NOW)
    outbox.conclude(messages()[0]["message_id"], "delivered", "", NOW + 1)
    assert sorted(told("kind", "conversation")) == [("delivered", "one"), ("failed", "two"), ("sent", "one")]


def test_people_are_held_once_in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time, in rising order: one after the other, two workers would wait for each other."""
    first, second = known(2)
    reserved(proposal(first), proposal(second))
    begun, _ = outbox.lease("w", ["email"], NOW, 2)
    outbox.started(begun, NOW)
    order: list[str] = []

    def hold(buckets: Iterable[int]) -> None:
        transaction.on_commit(lambda: order.append("let go"))
        order.append("held")
        real(buckets)

    real = outbox.hold
    monkeypatch.setattr(outbox, "hold", hold)
    assert outbox.recover(NOW + LASTING) == Recovered(uncertain=1, expired=1)
    assert order == ["held", "let go"] * 2


ACTS = ("lease", "start", "sent", "retry", "uncertain", "failed", "die", "hold", "recover")


@given(st.lists(st.sampled_from(ACTS), max_size=12))
def test_a_message_of_class_5_is_begun_again_only_after_a_try_that_surely_has_not_arrived(
    store: str, acts: list[str]
) -> None:
    forget()
    customer = int(people()["customer"][0]) if people().height else known(1)[0]
    reserved(proposal(customer))
    now, mine, begun, arrived = NOW, None, False, 0
    for act in acts:
        now += MINUTE
        if act == "recover":
            outbox.recover(now)
        elif mine is None:
            found = outbox.lease("w", ["email"], now, 1) if act == "lease" else []
            mine, begun = (found[0] if found else None), False
        elif act == "start" and not begun:
            begun = outbox.started(mine, now)
            assert not (begun and arrived)
        elif act == "die":
            arrived, mine, now = arrived + begun, None, now + LEASE
        elif act == "hold" and not begun:
            outbox.put_off(mine, "x", now)
            mine = None
        elif begun and act in ("sent", "uncertain", "retry", "failed"):
            arrived += act in ("sent", "uncertain")
            outbox.finish(mine, Said(act, "x"), now)
            mine = None
    arrived += mine is not None and begun
    outbox.recover(now + LEASE)
    assert arrived <= 1
    assert [kind for (kind,) in told("kind")].count("sent") == arrived
