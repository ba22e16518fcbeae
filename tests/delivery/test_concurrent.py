"""Eight workers at once, with consents withdrawn, cases opened and people linked under their hands: no reservation breaks a policy."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from random import Random

import polars as pl
import pytest
from django.db import connection, transaction

from tests.delivery import model
from tests.delivery.circle import Circle, Said
from tests.delivery.offers import NOW, known, proposal, reserved
from tests.effort import seed
from touchline import recognition
from touchline.delivery import duties, gate, gifts, outbox
from touchline.intake import accept_rows
from touchline.kernel.times import MINUTE
from touchline.playbook.compiled import Gift, Pool

WORKERS, CUSTOMERS = 8, 5
FIRST = {"out": 5, "case": 2, "merge": 1}
"""What each worker begins with: so whoever comes first, somebody has withdrawn, complained or been linked before they reserve."""
THEN = {"in": 8, "out": 3, "case": 2, "merge": 1, "reserve": 24, "deliver": 26}
"""What is done how often after that: the seed says by whom and in which order, and leaves nothing out."""


class Crowd:
    """Workers on one circle, what each of them ended and linked, what was refused, and what went wrong."""

    def __init__(self, seed: int) -> None:
        self.circle = Circle()
        self.seed = seed
        self.refused: Counter[str] = Counter()
        self.asked: list[tuple[int, int]] = []
        """When somebody was reserved for, and a persona of theirs."""
        self.circle.settle(CUSTOMERS)
        self.ended: dict[str, int] = {}
        self.merged: list[tuple[int, int, int]] = []
        self.faults: list[BaseException] = []

    def run(self) -> None:
        turns = []
        for times in (FIRST, THEN):
            some = [what for what, n in times.items() for _ in range(n)]
            Random(self.seed).shuffle(some)
            turns += some
        threads = [
            threading.Thread(target=self._work, args=(number, turns[number::WORKERS])) for number in range(WORKERS)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert self.faults == []

    def _work(self, number: int, turns: Sequence[str]) -> None:
        chance = Random(self.seed + number)
        try:
            for what in turns:
                self._turn(number, what, chance)
        except Exception as fault:
            self.faults.append(fault)
        finally:
            connection.close()

    def _turn(self, number: int, what: str, chance: Random) -> None:
        circle = self.circle
        if what in ("in", "out"):
            circle.opt(chance.choice(circle.emails), what, chance.choice(["selling", "information"]))
        elif what == "case":
            circle.open_case(chance.choice(circle.users))
        elif what == "merge":
            self._merge(*chance.sample(circle.users, 2))
        elif what == "reserve":
            users = chance.sample(circle.users, 3)
            customers = {circle.owner(user) for user in users}
            at = circle.ticks.next()
            self.asked += [(at, user) for user in users]
            self.refused.update(circle.reserve(sorted(customers)).refused)
        else:
            self._deliver(f"w{number}", chance)

    def _merge(self, one: int, other: int) -> None:
        with transaction.atomic():
            rows = recognition.merge([one, other], "t", "t", now=self.circle.ticks.next())
            at = self.circle.ticks.next()  # by now both are held
            accept_rows(rows, received_at=at)
            self.merged.append((at, one, other))

    def _deliver(self, worker: str, chance: Random) -> None:
        ticks = self.circle.ticks
        for message in self.circle.lease(worker):
            if chance.random() < 0.1:
                continue  # the worker dies of it
            if not outbox.started(message, ticks.next()):
                continue  # that took longer than its lease
            state = chance.choice(["sent", "retry", "failed", "failed", "uncertain"])
            found = outbox.finish(message, Said(state, "x"), at := ticks.next())
            if found == "failed":
                self.ended[message.message_id] = at

    def personas(self, persona: int, at: int) -> set[int]:
        """Everybody who was one customer with that persona at a tick."""
        together = {frozenset(_own(self.circle, number)) for number in range(CUSTOMERS)}
        for tick, one, other in sorted(self.merged):
            if tick <= at:
                joined = [group for group in together if one in group or other in group]
                together = (together - set(joined)) | {frozenset().union(*joined)}
        return set(next(group for group in together if persona in group))


def _own(circle: Circle, number: int) -> set[int]:
    return {circle.users[number], *circle.emails[2 * number : 2 * number + 2]}


def test_no_reservation_of_eight_workers_breaks_a_policy_or_a_cap(store: str) -> None:
    crowd = Crowd(seed())
    for email in crowd.circle.emails:
        crowd.circle.opt(email, "in", "selling")
    crowd.run()
    messages = crowd.circle.reservations()
    said = {
        m["message_id"]: model.Said(
            m["persona_id"], m["conversation"], m["reserved_at"], crowd.ended.get(m["message_id"])
        )
        for m in messages
    }
    for message in messages:
        at = message["reserved_at"]
        mine = crowd.personas(message["persona_id"], at)
        before = [other for id_, other in said.items() if id_ != message["message_id"] and other.at < at]
        facts = model.Known(mine, crowd.circle.emails, crowd.circle.notes, before, at)
        assert facts.address(message["conversation"]) == message["persona_id"]
    noted = Counter(kind for _, kind, _, _ in crowd.circle.notes)
    happened = {"out": noted["opted_out"], "case": noted["case_opened"], "merge": len(crowd.merged)}
    assert happened == {what: FIRST[what] + THEN[what] for what in happened}
    assert len(messages) >= CUSTOMERS - happened["merge"], "there was something to check"
    assert crowd.refused["not_in_force"] > 0, "what a rule held was refused"
    told = [(at, persona) for at, kind, persona, _ in crowd.circle.notes if kind in ("opted_out", "case_opened")]
    assert any(
        before < at and persona in crowd.personas(user, at) for at, user in crowd.asked for before, persona in told
    ), "somebody who had withdrawn or complained was to be reserved for"


def test_a_code_is_given_once_and_no_pool_overspent_by_eight_workers(store: str) -> None:
    messages, budget = 24, 10
    reserved(*(proposal(customer) for customer in known(messages)))
    pool = Pool("tea", "tea.txt", worth=2.5, budget=2.5 * budget)
    gifts.load(pool, [f"TEA-{n}" for n in range(messages)])
    leased = outbox.lease("w", ["email"], NOW, messages)
    given: list[str | None] = []

    def take(part: list[outbox.Leased]) -> None:
        try:
            given.extend([gifts.take(message.message_id, "hello", Gift("tea"), pool, NOW) for message in part])
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(leased[number::WORKERS],)) for number in range(WORKERS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    codes = [code for code in given if code is not None]
    assert len(given) == messages
    assert len(codes) == len(set(codes)) == budget


def test_a_duty_has_one_holder_until_its_time_is_over_or_it_is_given_back(store: str) -> None:
    assert duties.take("tick", "a", NOW, MINUTE)
    assert duties.take("tick", "a", NOW + 1, MINUTE), "and may be kept"
    assert not duties.take("tick", "b", NOW + MINUTE, MINUTE)
    assert duties.take("listen", "b", NOW, MINUTE)
    assert duties.take("tick", "b", NOW + MINUTE + 1, MINUTE)
    duties.give_back("tick", "a")
    assert not duties.take("tick", "a", NOW + MINUTE + 2, MINUTE), "it was b's to give"
    duties.give_back("tick", "b")
    assert duties.take("tick", "a", NOW + MINUTE + 2, MINUTE)


def one_customer() -> Circle:
    """Somebody who has got one message of the two that they may get, and agreed to both kinds of more."""
    circle = Circle()
    circle.settle(1, addresses=1)
    assert circle.reserve(circle.users).reserved == 1
    for purpose in ("selling", "information"):
        circle.opt(circle.emails[0], "in", purpose)
    return circle


def test_without_the_rows_that_wait_a_cap_would_be_exceeded(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    circle, real = one_customer(), gate.waiting_rows
    monkeypatch.setattr(gate, "waiting_rows", lambda now, personas=None: real(now, personas).clear())
    circle.reserve(circle.users)
    circle.opt(circle.emails[0], "out", "information")
    circle.reserve(circle.users)
    assert [m["conversation"] for m in circle.reservations()] == ["notice", "tips", "sell"]


@pytest.mark.network
def test_without_the_lock_two_gates_would_exceed_a_cap(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = one_customer()
    monkeypatch.setattr(gate, "hold_customers", lambda customers: customers)
    decided = circle.again

    def other() -> None:
        try:
            circle.opt(circle.emails[0], "out", "information")
            circle.reserve(circle.users)
        finally:
            connection.close()

    def again(customers: Sequence[int]) -> pl.DataFrame:
        """Before this gate commits, another one comes through."""
        monkeypatch.setattr(circle, "again", decided)
        found = decided(customers)
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return found

    monkeypatch.setattr(circle, "again", again)
    circle.reserve(circle.users)
    assert sorted(m["conversation"] for m in circle.reservations()) == ["notice", "sell", "tips"]


@pytest.mark.network
def test_a_fact_is_written_before_or_after_a_gate_and_never_under_its_hands(postgres: str) -> None:
    circle, order = one_customer(), []
    decided = circle.again

    def withdraw() -> None:
        try:
            circle.opt(circle.emails[0], "out", "information")
            order.append("withdrawn")
        finally:
            connection.close()

    thread = threading.Thread(target=withdraw)

    def again(customers: Sequence[int]) -> pl.DataFrame:
        found = decided(customers)
        thread.start()
        thread.join(1)
        order.append("decided")
        return found

    asked = pl.DataFrame({"customer": circle.users, "conversation": ["tips"], "channel": ["email"]})
    assert gate.reserve(asked, again, now=circle.ticks.next()).reserved == 1
    thread.join()
    assert order == ["decided", "withdrawn"]
