"""/api as a whole: who may, what it reads, what it refuses; and whatever is sent, no fault of its own and no answer outside of its document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from hypothesis import given, settings
from schemathesis.specs.openapi import checks

from tests.api.shop import Shop
from tests.effort import examples
from touchline.api import doors
from touchline.delivery.senders import ConsoleSender

PROBLEM = "application/problem+json"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One shop for all tests of this module."""
    found = Shop(tmp_path_factory.mktemp("api") / "shop", customers=3)
    found.consent()
    yield found
    connections.close_all()


def number(shop: Shop, n: int = 0) -> int:
    return int(shop.get("/api/customers", user_id=f"u{n}").json()["items"][0]["customer"])


def test_each_path_opens_to_keys_of_its_scope_and_to_no_session(shop: Shop) -> None:
    document = shop.client.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = {(path, method) for path, told in document["paths"].items() for method in told}
    serve, ask = ("serve",), ("next", "serve")
    may = {
        ("/api/next", "get"): ask, ("/api/next/{message_id}", "post"): ask, ("/api/messages", "post"): serve,
        ("/api/consents", "post"): serve,
    }  # fmt: skip
    assert set(may) < paths
    for path, method in paths:
        scopes = may.get((path, method), ("read",))
        where = path.replace("{number}", "1").replace("{message_id}", "0" * 32)
        call = getattr(shop.client, method)
        for headers in (
            {},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer tlr_nobodys"},
            {"Authorization": "Basic eA=="},
        ):
            refused = call(where, headers=headers)
            assert (refused.status_code, refused["Content-Type"], refused.json()["code"]) == (
                401,
                PROBLEM,
                "unknown_key",
            )
            assert refused["WWW-Authenticate"].startswith("Bearer")
        for scope, headers in shop.headers.items():
            answer = call(where, headers=headers)
            assert (answer.status_code == 403) is (scope not in scopes), (path, scope)
            assert answer["Cache-Control"] == "no-store"
    key = next(one for one in shop.workspace.machine_keys() if one.scope == "read")
    made = shop.workspace.create_key("short-lived", "read")
    bearer = {"Authorization": f"Bearer {made.key}"}
    assert shop.client.get("/api/customers", headers=bearer).status_code == 200
    shop.workspace.revoke_key(made.id)
    assert shop.client.get("/api/customers", headers=bearer).status_code == 401
    assert key.revoked_at is None


def test_what_is_not_there_or_not_meant_is_a_problem_with_a_remedy(shop: Shop) -> None:
    read, serve = shop.headers["read"], shop.headers["serve"]
    for call, where, headers, status, code in (
        ("get", "/api/", {}, 404, "no_such_path"),
        ("get", "/api/nothing/here", {}, 404, "no_such_path"),
        ("get", "/api/customers/abc", read, 422, "bad_values"),
        ("get", "/api/customers/99999999999999999999", read, 422, "bad_values"),
        ("get", "/api/customers/424242424242", read, 404, "unknown_name"),
        ("get", "/api/customers?cursor=x", read, 422, "bad_cursor"),
        ("get", "/api/customers?limit=101", read, 422, "bad_values"),
        ("get", "/api/customers?email=a@b.example&phone=1", read, 422, "one_identifier"),
        ("get", "/api/relationships?measures=count.nothing", read, 404, "unknown_name"),
        ("get", "/api/next", serve, 422, "one_identifier"),
        ("get", "/api/next?email=", serve, 422, "bad_values"),
        ("get", "/api/next?email=a@b.example&channel=email", serve, 422, "unknown_place"),
        ("get", "/api/next?email=a@b.example&touchpoint=nowhere", serve, 422, "unknown_place"),
        ("get", "/api/next?email=a@b.example&channel=app&touchpoint=till", serve, 422, "unknown_place"),
        ("delete", "/api/next", serve, 405, "wrong_method"),
        ("post", "/api/openapi.json", {}, 405, "wrong_method"),
    ):  # fmt: skip
        refused = getattr(shop.client, call)(where, headers=headers)
        told = refused.json()
        assert (refused.status_code, refused["Content-Type"], told["code"]) == (status, PROBLEM, code), where
        assert told["status"] == status
        assert told["remedy"], where
    asked = shop.client.head("/api/next?anonymous_id=b0", headers=serve)
    assert (asked.status_code, asked["Allow"]) == (405, "GET")  # a HEAD reserves nothing


def test_a_body_that_is_too_large_or_no_json_costs_nothing_else(shop: Shop) -> None:
    large = {"outcome": "x" * doors.BODY_LIMIT}
    assert shop.post("/api/next/" + "0" * 32, large).status_code == 413
    for body in (
        "",
        "{",
        "[]",
        "null",
        '{"outcome": NaN}',
        "[" * 5_000,
        '{"outcome": "\\ud800"}',
        '{"outcome": "shown\\u0000"}',
    ):
        answer = shop.client.post(
            "/api/next/" + "0" * 32, body, content_type="application/json", headers=shop.headers["next"]
        )
        assert answer.status_code in (400, 422), body[:20]
        assert answer["Content-Type"] == PROBLEM


def test_what_comes_in_a_header_or_a_value_goes_out_in_none(shop: Shop) -> None:
    body = {"conversation": "order_sent", "to": {"user_id": "u0"}, "variables": {"order": "A\r\nBcc: x@y.example"}}
    for key in ("a\r\nX-Evil: 1", "ä", "", "x" * 300):
        assert shop.post("/api/messages", body, Idempotency_Key=key).status_code == 422
    answer = shop.get("/api/customers", cursor="1\r\nX-Evil: 1")
    assert answer.status_code == 422
    assert "X-Evil" not in answer
    assert "X-Evil" not in answer.content.decode()
    assert shop.post("/api/messages", body, Idempotency_Key="header").status_code == 202
    sender = ConsoleSender("email")
    shop.workspace.run(until_idle=True, senders={"email": sender})
    assert "Order A Bcc: x@y.example" in {one.rendered.subject for one in sender.sent}


def test_customers_and_what_is_known_of_them_are_read_page_by_page(shop: Shop) -> None:
    seen, cursor = list[int](), {}
    while True:
        page = shop.get("/api/customers", limit=2, **cursor).json()
        seen += [one["customer"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == sorted(shop.workspace.people()["customer"].unique().to_list())
    who = shop.get(f"/api/customers/{number(shop)}").json()
    assert {(one["type"], one["value"]) for one in who["identifiers"]} >= {("user_id", "u0"), ("anonymous_id", "b0")}
    related = shop.get("/api/relationships", measures="stage,count.bought").json()["items"]
    assert [one["measures"] for one in related] == [{"stage": "customer", "count.bought": 1.0}] * 3
    rows, cursor = list[Any](), {}
    while True:
        page = shop.get(f"/api/customers/{number(shop)}/interactions", limit=3, **cursor).json()
        rows += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert len({row["id"] for row in rows}) == len(rows) >= 5
    assert [row["occurred_at"] for row in rows] == sorted((row["occurred_at"] for row in rows), reverse=True)
    assert {
        row["kind"] for row in shop.get(f"/api/customers/{number(shop)}/interactions", kind="bought").json()["items"]
    } == {"bought"}
    consents = shop.get(f"/api/customers/{number(shop)}/consents").json()["items"]
    assert ("web", "b0", True, True) in {
        (one["channel"], one["address"], one["in_force"], one["evidenced"]) for one in consents
    }
    why = shop.get(f"/api/customers/{number(shop, 1)}/decision").json()
    banner = next(one for one in why["candidates"] if one["conversation"] == "banner")
    assert [one["policy"] for one in banner["policies"] if one["blocks"]] == ["consent"]
    assert not shop.get("/api/customers", email="nobody@lantern.example").json()["items"]


def test_whatever_is_sent_no_answer_is_a_fault_of_its_own_or_outside_of_the_document(shop: Shop) -> None:
    document = schemathesis.openapi.from_wsgi("/api/openapi.json", WSGIHandler(), headers={"Host": "localhost"})
    there, called = number(shop), Counter[str]()

    def trying(scope: str) -> Callable[[schemathesis.Case], None]:
        def tried(case: schemathesis.Case) -> None:
            called[case.operation.path] += 1
            if "number" in case.path_parameters and called[case.operation.path] % 2:
                case.path_parameters["number"] = there
            response = case.call(headers={**shop.headers[scope], "Host": "localhost"})
            case.validate_response(response, checks=CHECKS)

        return tried

    for found in document.get_all_operations():
        operation = found.ok()
        test = trying("read" if operation.path.startswith(("/api/customers", "/api/relationships")) else "serve")
        settings(max_examples=examples(15), derandomize=True, database=None)(
            given(case=operation.as_strategy())(test)
        )()
    assert set(called) == set(document.raw_schema["paths"])
