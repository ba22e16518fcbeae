"""Whoever is erased is found in what intake keeps, in every spelling, and nobody else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.intake.builder import NOW, playbook
from tests.intake.files import ledger
from touchline.intake import accept, drain, traces, waiting
from touchline.intake.traces import Sought

ADA = Sought.of(
    [7], [("user_id", "17"), ("email", "ada@x.example"), ("phone", "+49301234567"), ("postal", "ringstr. 1 berlin")]
)


def event(number: int, user: str = "u9", **properties: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": f"m{number}", "userId": user, "event": "Bought", "properties": properties}


@pytest.mark.parametrize(
    "properties",
    [
        {"note": "please write to ADA@X.example, thanks"},
        {"deep": [{"tel": "030 / 123 45-67"}]},
        {"deep": {"ada@x.example": 1}},
        {"tel": 301234567},
        {"at": "Ringstr. 1,\n Berlin"},
    ],
)
@pytest.mark.usefixtures("database")
def test_an_address_is_found_in_any_spelling_and_place(properties: dict[str, Any]) -> None:
    accept([event(1, **properties), event(2, total=1)], received_at=NOW)
    assert traces.found(ADA).waiting != ()
    assert traces.erase(ADA) == 1
    assert waiting() == 1


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("email", "smith@firm.example", "from Smith@firm.example."),
        ("email", "smith@firm.example", "<mailto:smith@firm.example>"),
        ("email", "ada@xn--bcher-kva.example", "ada@b\u00fccher.example"),
        ("email", "ada@xn--bcher-kva.example", "ada@bu\u0308cher.example"),
        ("email", "ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("email", "smith@firm.example", "smi\u200bth@firm.example"),
        ("postal", "g\u00e4nsestr. 1 k\u00f6ln", "Ga\u0308nsestr. 1, Ko\u0308ln"),
        ("phone", "+4722123456", "22 12 34 56"),
        ("phone", "+4722123456", "0047 22123456"),
        ("phone", "+4930123456", "030 123456"),
        ("phone", "+4930123456", "+49 (0)30 / 12 34-56, home"),
        ("phone", "+12125550123", "1-212-555-0123"),
        ("social", "ann", "@Ann"),
        ("social", "twitter/ann", "Twitter/@ann"),
    ],
)
def test_every_common_spelling_is_theirs(kind: str, value: str, text: str) -> None:
    assert Sought.of([], [(kind, value)]).is_in(json.dumps(event(1, note=text)))


@pytest.mark.parametrize(
    ("kind", "value", "properties"),
    [
        ("email", "smith@firm.example", {"note": "jsmith@firm.example"}),
        ("email", "smith@firm.example", {"note": "j.smith@firm.example"}),
        ("email", "smith@firm.example", {"note": "smith@firm.example.org"}),
        ("email", "smith@firm.example", {"note": "smith@firm.examples"}),
        ("postal", "ringstr. 1 berlin", {"note": "Ringstr. 1 Berlinchen"}),
        ("social", "ann", {"channel": "web", "Ann": 1, "note": "Ann and Anna"}),
        ("user_id", "web", {"channel": "web", "web": 1}),
        ("phone", "+4722123456", {"total": 922123456, "tel": "+45 22 12 34 56", "cents": 221234567}),
        ("phone", "+4722123456", {"order": "x22123456y"}),
    ],
)
def test_what_is_anothers_is_not_theirs(kind: str, value: str, properties: dict[str, Any]) -> None:
    assert not Sought.of([], [(kind, value)]).is_in(json.dumps(event(1, **properties)))


@pytest.mark.usefixtures("database")
def test_an_id_is_one_only_where_ids_stand(tmp_path: Path) -> None:
    accept([event(1, "17"), event(2, "170", quantity=17, size="17"), event(3, "u17")], received_at=NOW)
    assert traces.erase(ADA) == 1
    assert waiting() == 2


@pytest.mark.usefixtures("database")
def test_refused_events_go_and_message_ids_lose_the_address(tmp_path: Path) -> None:
    refused = {**event(1, total="much", note="ada@x.example"), "timestamp": "never"}
    kept = {**event(2, total=1), "messageId": "for-Ada@x.example-1"}
    accept([refused, kept], received_at=NOW)
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert len(traces.found(ADA).refused) == 1
    assert traces.erase(ADA) == 1
    assert traces.found(ADA).refused == ()
    assert accept([kept], received_at=NOW).accepted == 1, "its id is forgotten, so that it would be a new fact"
