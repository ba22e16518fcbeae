"""An organisation's own notices: each once for its key, by the rules of what is owed, and with what its words say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection, connections

from tests.api.shop import Shop
from touchline.delivery.senders import ConsoleSender
from touchline.recognition.staging import read
from touchline.team import audit

ORDER = {"conversation": "order_sent", "to": {"email": "Ada0@Lantern.example"}, "variables": {"order": "A-17"}}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all tests of this module: each has keys and customers of its own."""
    yield Shop(tmp_path_factory.mktemp("notices") / "shop", customers=5)
    connections.close_all()


def send(shop: Shop, key: str, body: object = ORDER) -> Any:
    return shop.post("/api/messages", body, Idempotency_Key=key)


def reserved(identifier: str) -> int:
    query = "SELECT count(*) AS n FROM delivery_message WHERE conversation = 'order_sent' AND identifier = %s"
    return int(read(query, {"n": pl.Int64}, [identifier])["n"][0])


def test_the_same_key_and_body_is_one_message_whose_words_say_what_was_told(shop: Shop) -> None:
    first, again = send(shop, "order 17"), send(shop, "order 17")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json()
    assert first.json()["channel"] == "email"
    other = send(shop, "order 18", {**ORDER, "variables": {"order": "A-18"}})
    assert other.json()["message_id"] != first.json()["message_id"]
    sender = ConsoleSender("email")
    shop.workspace.run(until_idle=True, senders={"email": sender})
    subjects = [one.rendered.subject for one in sender.sent if one.address == "ada0@lantern.example"]
    assert sorted(s for s in subjects if s.startswith("Order")) == ["Order A-17", "Order A-18"]
    assert audit.entries(operation="notices.send")[-1].details["conversation"] == "order_sent"
    assert shop.workspace.verify()["faults"] == 0


def test_a_key_that_stands_for_another_body_is_refused_and_sends_nothing(shop: Shop) -> None:
    body = {**ORDER, "to": {"user_id": "u1"}}
    assert send(shop, "one", body).status_code == 202
    for other in ({**body, "variables": {"order": "B"}}, {**body, "to": {"user_id": "u2"}}):
        refused = send(shop, "one", other)
        assert (refused.status_code, refused.json()["code"]) == (422, "key_used")
        assert refused.json()["remedy"]
    assert (reserved("ada1@lantern.example"), reserved("ada2@lantern.example")) == (1, 0)


def test_what_is_not_owed_not_known_or_held_is_no_message_and_leaves_the_key_free(shop: Shop) -> None:
    to = {"to": {"email": "ada3@lantern.example"}}
    for body, status, code in (
        ({**ORDER, **to, "conversation": "banner"}, 422, "bad_notice"),
        ({**ORDER, **to, "conversation": "ordersent"}, 404, "unknown_name"),
        ({**ORDER, **to, "channel": "sms"}, 404, "unknown_name"),
        ({**ORDER, "to": {"email": "nobody@lantern.example"}}, 404, "unknown_name"),
        ({**ORDER, "to": {"email": "a@b.example", "phone": "+49301"}}, 422, "one_identifier"),
        ({**ORDER, **to, "variables": {"a b": 1}}, 422, "bad_notice"),
        ({**ORDER, **to, "variables": {"order": ["A"]}}, 422, "bad_values"),
        ({**ORDER, **to, "extra": 1}, 422, "bad_values"),
    ):
        refused = send(shop, "free", body)
        assert (refused.status_code, refused.json()["code"]) == (status, code), body
    shop.workspace.stop_sending("conversation", "order_sent")
    refused = send(shop, "free", {**ORDER, **to})
    assert (refused.status_code, refused.json()["held"]) == (409, ["stopped"])
    shop.workspace.resume_sending("conversation", "order_sent")
    assert reserved("ada3@lantern.example") == 0
    assert send(shop, "free", {**ORDER, **to}).status_code == 202
    assert reserved("ada3@lantern.example") == 1


def test_whoever_is_erased_leaves_no_word_of_a_notice(shop: Shop) -> None:
    body = {**ORDER, "to": {"user_id": "u4"}, "variables": {"order": "planted-word"}}
    assert send(shop, "planted", body).status_code == 202
    number = shop.get("/api/customers", user_id="u4").json()["items"][0]["customer"]
    assert "planted-word" in str(shop.workspace.export_person(str(number)))
    shop.workspace.erase(str(number))
    kept = read("SELECT variables FROM delivery_notice", {"variables": pl.String})
    assert "planted-word" not in str(kept.to_dicts())
    assert kept.height


@pytest.mark.network
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_eight_who_send_the_same_at_once_send_it_once(
    store: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres") if store == "postgresql" else "")
    shop = Shop(tmp_path / "shop", customers=1, nameless=0)
    at_once, answers = threading.Barrier(8), list[Any]()

    def sends(number: int) -> None:
        body = {**ORDER, "variables": {"order": "even" if number % 2 else "odd"}}
        try:
            at_once.wait()
            answers.append((body["variables"], send(shop, "the same", body)))
        finally:
            connection.close()

    threads = [threading.Thread(target=sends, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    taken = [(str(body), answer.json()["message_id"]) for body, answer in answers if answer.status_code == 202]
    refused = [answer.json()["code"] for _, answer in answers if answer.status_code != 202]
    assert (len(taken), len(set(taken)), refused) == (4, 1, ["key_used"] * 4)
    assert reserved("ada0@lantern.example") == 1
    connections.close_all()
