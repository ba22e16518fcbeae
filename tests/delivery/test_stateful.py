"""Whatever is said, withdrawn, opened, linked and lost: the gate reserves exactly what a simple model allows."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db import transaction
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.delivery import circle, model
from tests.delivery.circle import BOOK, CAP, EVERY, OVER, PURPOSE, Circle
from tests.delivery.offers import forget
from tests.effort import examples
from tests.recognition.people import emptied
from touchline import recognition
from touchline.delivery import outbox
from touchline.delivery.gate import LASTING, waiting_rows
from touchline.delivery.outbox import LEASE, Leased
from touchline.intake import accept_rows, drain
from touchline.kernel.times import DAY, HOUR
from touchline.recognition.locking import hold

CUSTOMERS = 3
PERSON = st.integers(0, CUSTOMERS - 1)
ADDRESS = st.integers(0, 2 * CUSTOMERS - 1)
CONSENTED = st.sampled_from(["selling", "information"])
LIGHT = settings(
    max_examples=examples(25), stateful_step_count=40, deadline=None, phases=[Phase.explicit, Phase.generate]
)
"""Without shrinking, which takes minutes at a second a step: the steps that led to a fault are told as they were."""


class Gate(RuleBasedStateMachine):
    """Three customers with two addresses each, under a cap, consents, care first and recurrence."""

    def __init__(self) -> None:
        super().__init__()
        emptied()
        forget()
        self.circle = Circle()
        self.circle.settle(CUSTOMERS)
        self.said: dict[str, model.Said] = {}
        self.open: dict[str, int] = {}

    @rule(address=ADDRESS, way=st.sampled_from(["in", "in", "out"]), purpose=CONSENTED)
    def opt(self, address: int, way: str, purpose: str) -> None:
        self.circle.opt(self.circle.emails[address], way, purpose)

    @rule(person=PERSON)
    def a_case_is_opened(self, person: int) -> None:
        user = self.circle.users[person]
        self.circle.open_case(user)
        self.open[self.circle.notes[-1][3]] = user

    @precondition(lambda self: self.open)
    @rule()
    def a_case_is_resolved(self) -> None:
        case = next(iter(self.open))
        self.circle.resolve(self.open.pop(case), case)

    @rule(days=st.sampled_from([HOUR, DAY, 2 * DAY, 7 * DAY]))
    def time_passes(self, days: int) -> None:
        self.circle.ticks.next(days)

    @rule(one=PERSON, other=PERSON)
    def two_are_linked(self, one: int, other: int) -> None:
        if one != other:
            self._linking(
                lambda now: recognition.merge([self.circle.users[one], self.circle.users[other]], "t", "t", now=now)
            )

    @rule(person=PERSON)
    def one_is_parted(self, person: int) -> None:
        user = self.circle.users[person]
        if self.circle.owner(user) != user or sum(self.circle.owner(u) == user for u in self.circle.users) > 1:
            self._linking(lambda now: recognition.split([user], "t", "t", now=now))

    def _linking(self, verb: Any) -> None:
        now = self.circle.ticks.next()
        with transaction.atomic():
            rows = verb(now)
            hold(rows["bucket"].to_list())
            accept_rows(rows, received_at=now)

    @rule()
    def the_buffer_is_drained(self) -> None:
        drain(BOOK, self.circle.ledger, received_at=self.circle.ticks.next())

    @rule(
        ends=st.lists(
            st.sampled_from(["sent", "retry", "uncertain", "failed", "bounced", "died", "asleep", "dropped"]),
            max_size=3,
        )
    )
    def messages_are_tried(self, ends: list[str]) -> None:
        for message, end in zip(self.circle.lease("w", len(ends)), ends, strict=False):
            self._try(message, end)

    def _try(self, message: Leased, end: str) -> None:
        ticks, said = self.circle.ticks, self.said[message.message_id]
        if end == "asleep":
            assert outbox.put_off(message, "quiet_hours", ticks.next() + HOUR)
            return
        if end == "dropped":
            assert outbox.give_up(message, "consent")
            said.ended, said.waits = ticks.next(), False
            return
        assert outbox.started(message, ticks.next())
        now = ticks.next()
        if end == "died":
            said.went = now
            return
        state = {"bounced": "failed"}.get(end, end)
        found = outbox.finish(message, circle.Said(state, "hard_bounce" if end == "bounced" else None), now)
        if found in ("sent", "uncertain"):
            said.at, said.went, said.waits = now, now, False
        elif found in ("failed", "expired"):
            said.ended, said.waits = now, False
            said.failed = message.reserved_at // EVERY if found == "failed" else None
            if end == "bounced":
                self.circle.notes.append((now, "bounced", message.persona_id, ""))

    @rule()
    def what_was_left_is_recovered(self) -> None:
        before = {m["message_id"]: m["state"] for m in self.circle.reservations()}
        now = self.circle.ticks.next(LEASE)
        outbox.recover(now)
        for message in self.circle.reservations():
            was, is_ = before[message["message_id"]], message["state"]
            if was != is_ and is_ == "uncertain":
                said = self.said[message["message_id"]]
                said.at, said.waits = now, False
            if was != is_ and is_ == "expired":
                said = self.said[message["message_id"]]
                said.ended, said.waits = now, False

    @rule(chosen=st.sets(PERSON, min_size=1))
    def everything_is_proposed(self, chosen: set[int]) -> None:
        circle = self.circle
        customers = sorted({circle.owner(circle.users[person]) for person in chosen})
        before = set(self.said)
        gated = circle.reserve(customers)
        new = [m for m in circle.reservations() if m["message_id"] not in before]
        assert gated.reserved == len(new)
        by_tick = {m["conversation"]: m["reserved_at"] for m in new}
        people = recognition.people()
        for customer in customers:
            personas = people.filter(pl.col("customer") == customer)["persona_id"].to_list()
            mine = {m["conversation"]: m for m in new if m["customer"] == customer}
            turn: int | None = None
            for conversation in ("notice", "tips", "sell"):  # in the order of their classes
                at = by_tick.get(conversation, circle.ticks.next(0))
                known = model.Known(personas, circle.emails, circle.notes, self.said.values(), at)
                allowed = known.address(conversation)
                if conversation == "sell" and turn is not None:
                    allowed = None  # one turn
                turn = allowed if conversation == "tips" else None
                if any(
                    (m.persona, m.conversation, m.failed) == (allowed, conversation, at // EVERY)
                    for m in self.said.values()
                ):
                    allowed = None  # it would fail again
                assert (mine[conversation]["persona_id"] if conversation in mine else None) == allowed
                if conversation in mine:
                    message = mine[conversation]
                    self.said[message["message_id"]] = model.Said(
                        allowed or 0, conversation, message["reserved_at"], waits=True
                    )
        assert waiting_rows(circle.ticks.next(0)).height == sum(
            m["state"] in ("reserved", "held", "sending") for m in circle.reservations()
        )

    @invariant()
    def no_more_goes_in_a_window_than_the_cap_allows(self) -> None:
        """Counted at the instants at which messages really went, whenever they were reserved."""
        for address in self.circle.emails:
            capped = [m for m in self.said.values() if m.persona == address and m.conversation != "notice"]
            went = [m.went for m in capped if m.went is not None]
            assert all(sum(at - OVER < other <= at for other in went) <= CAP for at in went)

    def teardown(self) -> None:
        assert set(PURPOSE) == {"sell", "tips", "notice"}
        assert LASTING > 0


def test_the_gate_reserves_what_a_simple_model_allows(store: str) -> None:
    run_state_machine_as_test(Gate, settings=LIGHT)
