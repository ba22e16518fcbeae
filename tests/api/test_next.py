"""What to say now, anywhere: the same decision and the same gate as everything, and what was answered with counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection, connections

from tests.api.shop import Shop
from touchline.delivery import showing
from touchline.delivery.senders import ConsoleSender
from touchline.kernel.times import DAY, MINUTE
from touchline.recognition.staging import read
from touchline.team import audit


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all tests of this module: each has a customer of its own."""
    yield Shop(tmp_path_factory.mktemp("next") / "shop", customers=10)
    connections.close_all()


def messages(identifier: str) -> list[dict[str, Any]]:
    columns = {"message_id": pl.String, "conversation": pl.String, "state": pl.String, "reason": pl.String}
    query = f"SELECT {', '.join(columns)} FROM delivery_message WHERE identifier = %s ORDER BY id"
    return read(query, columns, [identifier]).to_dicts()


def told(shop: Shop, message_id: str) -> list[tuple[str, str | None, int]]:
    """(kind, name, instant) of the ledger's rows about a message."""
    shop.workspace.catch_up()
    rows = shop.workspace.engine.collect(shop.workspace.interactions()).filter(pl.col("message_id") == message_id)
    return rows.sort("occurred_at", "kind").select("kind", "name", "occurred_at").rows()


def test_a_stranger_and_a_customer_who_may_not_be_told_anything_get_the_same_answer(shop: Shop) -> None:
    nobody = {"conversation": None, "held": []}
    for who in ({"email": "nobody@lantern.example"}, {"email": "not an address"}, {"email": "ada0@lantern.example"}):
        assert shop.ask(**who) == nobody
    assert shop.ask("serve", email="nobody@lantern.example") == nobody
    assert shop.ask("serve", email="ada0@lantern.example") == {"conversation": None, "held": ["consent"]}
    assert messages("b0") == []


def test_an_answer_is_reserved_and_asked_again_it_is_the_same_one(shop: Shop) -> None:
    assert shop.consent(1).json() == {"changed": True}
    first = shop.ask(anonymous_id="b1")["conversation"]
    assert (first["name"], first["text"], first["channel"]) == ("banner", "Good to see you, Ada 1.\n", "web")
    assert shop.ask(email="ada1@lantern.example")["conversation"] == first
    assert [one["message_id"] for one in messages("b1")] == [first["message_id"]]
    number = shop.get("/api/customers", anonymous_id="b1").json()["items"][0]["customer"]
    counted = shop.get(f"/api/customers/{number}/relationship", measures="contact.web_7d").json()
    assert counted == {"customer": number, "measures": {"contact.web_7d": 1}}
    entry = audit.entries(operation="next.offer")[0]
    assert (entry.actor_kind, entry.about, entry.details["conversation"]) == ("key", f"customer {number}", "banner")
    assert shop.ask(anonymous_id="b1", touchpoint="basket") == {"conversation": None, "held": []}


def test_what_was_shown_is_in_the_ledger_and_a_cap_that_is_reached_holds_the_next(shop: Shop) -> None:
    shop.consent(2)
    said = shop.ask(anonymous_id="b2")["conversation"]
    asked_at = shop.clock.now()
    shop.later(MINUTE)
    assert shop.tell(said["message_id"], "shown").json()["news"]
    assert not shop.tell(said["message_id"], "shown").json()["news"]
    shop.later(MINUTE)
    assert shop.tell(said["message_id"], "accepted").status_code == 200
    assert shop.tell(said["message_id"], "declined").status_code == 409
    assert told(shop, said["message_id"]) == [
        ("sent", None, asked_at),
        ("delivered", None, asked_at + MINUTE),
        ("replied", "accepted", asked_at + 2 * MINUTE),
    ]
    assert shop.ask("serve", anonymous_id="b2")["held"] == ["cap.web", "recurrence"]
    shop.later(2 * DAY)
    assert shop.ask("serve", anonymous_id="b2")["held"] == ["cap.web"]
    shop.later(5 * DAY)
    again = shop.ask(anonymous_id="b2")["conversation"]
    assert again["message_id"] != said["message_id"]


def test_consent_that_is_withdrawn_ends_the_answer_at_once(shop: Shop) -> None:
    shop.consent(3)
    assert shop.ask(anonymous_id="b3")["conversation"] is not None
    shop.later(MINUTE)
    shop.consent(3, allow=False)
    assert shop.ask("serve", anonymous_id="b3") == {"conversation": None, "held": ["consent"]}
    shop.later(showing.LIFE)
    assert showing.settle(shop.clock.now())
    assert "consent" in shop.ask("serve", anonymous_id="b3")["held"]


def test_what_nobody_tells_of_counts_as_said_and_what_was_not_shown_does_not(shop: Shop) -> None:
    shop.consent(4)
    asked_at = shop.clock.now()
    said = shop.ask(anonymous_id="b4")["conversation"]
    assert shop.tell(said["message_id"], "not_shown").status_code == 200
    second = shop.ask(anonymous_id="b4")["conversation"]
    assert second["message_id"] != said["message_id"]
    shop.later(showing.LIFE)
    shop.workspace.run(until_idle=True, senders={"email": ConsoleSender("email")})
    assert told(shop, said["message_id"]) == []
    assert told(shop, second["message_id"]) == [("sent", None, asked_at)]
    assert [(one["state"], one["reason"]) for one in messages("b4")] == [
        ("expired", "not_shown"),
        ("uncertain", "not_told"),
    ]
    assert shop.tell(second["message_id"], "not_shown").status_code == 409
    assert shop.tell(second["message_id"], "declined").status_code == 200


def test_the_loop_leaves_to_the_site_what_no_sender_carries(shop: Shop) -> None:
    shop.consent(5)
    shop.workspace.run(until_idle=True, senders={"email": ConsoleSender("email")})
    assert messages("b5") == []
    shop.later(30 * MINUTE)
    sender = ConsoleSender("web")
    shop.workspace.run(until_idle=True, senders={"email": ConsoleSender("email"), "web": sender})
    assert "b5" in {one.address for one in sender.sent}


def test_at_a_till_somebody_is_met_and_needs_no_address(shop: Shop) -> None:
    said = shop.ask(user_id="u6", touchpoint="till")["conversation"]
    assert (said["name"], said["channel"]) == ("till_question", "store")
    assert shop.tell(said["message_id"], "declined").status_code == 200
    assert [one["state"] for one in messages("u6")] == ["delivered"]


def test_words_that_cannot_be_said_are_no_answer_and_wait(shop: Shop) -> None:
    shop.consent(9)  # who told no name
    assert shop.ask("serve", anonymous_id="b9") == {"conversation": None, "held": ["words"]}
    assert [(one["state"], one["reason"]) for one in messages("b9")] == [("held", "missing profile.name")]


def test_nothing_is_answered_while_the_team_has_stopped_it(shop: Shop) -> None:
    shop.consent(7)
    shop.consent(8)
    assert shop.ask(anonymous_id="b7")["conversation"] is not None
    shop.workspace.stop_sending("conversation", "banner")
    assert shop.ask(anonymous_id="b7")["conversation"] is None
    assert shop.ask(anonymous_id="b8")["conversation"] is None
    assert messages("b8") == []
    shop.workspace.resume_sending("conversation", "banner")


def test_after_all_that_the_ledger_agrees_with_what_is_served(shop: Shop) -> None:
    assert shop.workspace.verify()["faults"] == 0


@pytest.mark.network
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_two_who_ask_at_once_are_answered_with_one_message(
    store: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres") if store == "postgresql" else "")
    shop = Shop(tmp_path / "shop", customers=1, nameless=0)
    shop.consent()
    at_once, answers = threading.Barrier(4), list[Any]()

    def asks() -> None:
        try:
            at_once.wait()
            answers.append(shop.ask(anonymous_id="b0")["conversation"])
        finally:
            connection.close()

    threads = [threading.Thread(target=asks) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(answers) == 4
    assert [{one["message_id"] for one in answers}] == [{one["message_id"] for one in messages("b0")}]
    assert len(messages("b0")) == 1
    connections.close_all()
