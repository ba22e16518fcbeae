"""What the team stops: the law asked of the database, before the gate, before a lease, and in the statement that begins a try."""

from __future__ import annotations

from typing import Any

import pytest

from tests.delivery.offers import NOW, known, messages, proposal, reserved
from tests.delivery.test_working import Post, Ready, run, talks
from touchline.delivery import outbox, stops
from touchline.delivery.gate import LASTING
from touchline.delivery.outbox import LEASE
from touchline.kernel.times import HOUR

pytestmark = pytest.mark.usefixtures("store")

TALKS: dict[str, dict[str, Any]] = {
    "hello": {"programme": "welcome"},
    "tips": {},
    "notice": {"class": 1, "purpose": "service"},
}
STOPS: dict[tuple[str, str, bool], set[str]] = {
    ("conversation", "tips", False): {"tips"},
    ("conversation", "notice", False): {"notice"},
    ("programme", "welcome", False): {"hello"},
    ("programme", "tips", False): set(),
    ("all", "", False): {"hello", "tips"},
    ("all", "", True): {"hello", "tips", "notice"},
}
"""Sort, name, service too -> the conversations that must not go."""


def three() -> None:
    """One message of each of the three conversations, to customers of their own."""
    for customer, (name, more) in zip(known(3), TALKS.items(), strict=True):
        reserved(proposal(customer, name, **more))


@pytest.mark.parametrize(
    ("stop", "held"), STOPS.items(), ids=lambda given: str(sorted(given) if isinstance(given, set) else given)
)
def test_a_stop_holds_what_it_says_and_gives_it_back_as_it_was(stop: tuple[str, str, bool], held: set[str]) -> None:
    three()
    sort, name, service_too = stop
    assert stops.press(sort, name, NOW, "Ada", service_too=service_too)
    assert not stops.press(sort, name, NOW + 1, "Eve", service_too=service_too), "it is stopped already"
    assert {one.conversation for one in outbox.lease("w", ["email"], NOW, 10)} == set(TALKS) - held
    assert stops.hold(NOW) == len(held)
    assert stops.hold(NOW) == 0
    assert {m["conversation"] for m in messages() if (m["state"], m["reason"]) == ("held", stops.BY_HAND)} == held
    (told,) = stops.listed()
    assert (told.by, told.since, told.waiting) == ("Ada", NOW, len(held))
    assert stops.lift(sort, name)
    assert not stops.lift(sort, name)
    assert {m["reason"] for m in messages()} == {""}
    assert {one.conversation for one in outbox.lease("v", ["email"], NOW, 10)} == held


def test_the_gate_reserves_nothing_of_what_is_stopped_and_goes_on_with_the_rest() -> None:
    customers = known(3)
    offers = [proposal(one, name, **more) for one, (name, more) in zip(customers, TALKS.items(), strict=True)]
    stops.press("all", "", NOW, "Ada")
    gated = reserved(*offers)
    assert (gated.reserved, dict(gated.refused)) == (1, {"stopped": 2})
    assert [m["conversation"] for m in messages()] == ["notice"]
    stops.lift("all", "")
    assert reserved(*offers).reserved == 2


def test_a_worker_that_has_leased_a_batch_begins_none_of_it_after_the_stop() -> None:
    reserved(*(proposal(customer) for customer in known(5)))

    class Pressed(Post):
        """While the first message is handed over, somebody presses stop."""

        def send(self, outgoing: Ready) -> Any:
            if not self.carried:
                stops.press("conversation", "hello", NOW, "Ada")
            return super().send(outgoing)

    post = Pressed()
    assert run(post) == {"sent": 1, "held": 4}
    assert [m["reason"] for m in messages()].count(stops.BY_HAND) == 4
    assert run(post) == {}
    stops.lift("conversation", "hello")
    assert run(post) == {"sent": 4}
    assert sorted(post.carried) == sorted(m["message_id"] for m in messages())


def test_what_two_stops_hold_goes_when_both_are_lifted_and_is_due_when_it_was() -> None:
    three()
    _, late, soon = outbox.lease("w", ["email"], NOW, 10)
    outbox.put_off(late, "quiet_hours", NOW + HOUR)
    outbox.give_back(soon)
    stops.press("conversation", late.conversation, NOW, "Ada")
    stops.press("all", "", NOW, "Ada")
    stops.hold(NOW)
    stops.lift("all", "")
    assert stops.hold(NOW) == 0
    assert {m["conversation"]: m["reason"] for m in messages()}[late.conversation] == stops.BY_HAND
    stops.lift("conversation", late.conversation)
    assert late.id not in {one.id for one in outbox.lease("v", ["email"], NOW + 1, 10)}, "the quiet hours are not over"
    assert late.id in {one.id for one in outbox.lease("u", ["email"], NOW + HOUR, 10)}


def test_what_may_have_arrived_waits_under_its_own_reason_and_what_waits_too_long_expires() -> None:
    (customer, other) = known(2)
    reserved(proposal(customer, "notice", **TALKS["notice"]), proposal(other, "tips"))
    (message,) = outbox.lease("w", ["email"], NOW, 1)
    assert outbox.started(message, NOW)
    stops.press("all", "", NOW, "Ada", service_too=True)
    assert outbox.recover(NOW + LEASE).again == 1
    assert run(Post(), talks("notice", "tips"), now=NOW + LEASE) == {"held": 1}
    assert [m["reason"] for m in messages()] == [stops.UNKNOWN, stops.BY_HAND]
    assert run(Post(), talks("notice", "tips"), now=NOW + LASTING) == {"expired": 2}
    assert [(m["state"], m["reason"]) for m in messages()] == [
        ("expired", stops.UNKNOWN),
        ("expired", stops.BY_HAND),
    ]
