"""The circle from the terminal: a world, what is decided said once through a real mail server, explained, proven and verified."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workspace.mailbox import serving

pytestmark = pytest.mark.network

Touchline = Callable[..., Any]


def test_the_warranty_company_is_written_to_once_and_everything_agrees(
    touchline: Touchline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("-w", tmp_path / "w")
    touchline("new", tmp_path / "w", "--template", "warranty")
    filled = touchline("world", "--customers", "300", "--days", "400", *where, "--json").json
    assert filled["now"].startswith("2026-06-24T08:00:00")
    with serving() as (mailbox, url):
        monkeypatch.setenv("TOUCHLINE_SMTP_URL", url)
        first = touchline("run", "--until-idle", *where, "--json").json
        assert first["messages"]["sent"] > 0
        assert first["messages"]["handed"] > 0
        assert first["without_sender"] == {}
        sent = mailbox.ids()
        assert sent
        assert max(sent.values()) == 1
        again = touchline("run", "--until-idle", *where, "--json").json
        assert again["reserved"] == 0
        assert mailbox.ids() == sent
    refusable = [mail for _, mail in mailbox.accepted if mail["List-Unsubscribe"]]
    assert {mail["List-Unsubscribe-Post"] for mail in refusable} == {"List-Unsubscribe=One-Click"}
    assert touchline("verify", *where, "--json").json["faults"] == 0

    letters = list((tmp_path / "w" / ".touchline" / "letters").rglob("*.pdf"))
    assert letters
    assert all(letter.read_bytes().startswith(b"%PDF") for letter in letters)

    listed = touchline("outbox", "--state", "sent", *where, "--json").json
    assert listed["counts"]["sent"] == len(listed["messages"])
    customer = str(listed["messages"][0]["customer"])
    explained = touchline("explain", customer, *where, "--json").json
    assert explained["messages"][0]["state"] == "sent"
    assert "went" in touchline("explain", customer, *where).out

    calls = touchline("calls", "list", *where, "--json").json["calls"]
    assert calls
    assert calls[0]["brief"]["say"]
    closed = touchline("calls", "close", str(calls[0]["task"]), "--outcome", "reached", *where, "--json")
    assert (closed.code, closed.json["outcome"]) == (0, "reached")
    refused = touchline("calls", "close", str(calls[0]["task"]), "--outcome", "reached", *where)
    assert refused.code == 2
    assert "closed" in refused.err

    pools = touchline("gifts", "list", *where, "--json").json["pools"]
    assert {pool["pool"] for pool in pools} == {"surprise_codes", "tea_codes"}
    proven = touchline("proof", *where, "--json").json["programmes"]
    assert {
        "name",
        "goal",
        "n",
        "treated",
        "control",
        "difference",
        "low",
        "high",
        "method",
        "messages",
        "cost",
    } <= set(proven[0])
    lived = touchline("world", "--forward", "2", *where, "--json").json
    assert lived["now"].startswith("2026-06-26T08:00:00")
    assert lived["events"] > 0
    for words in (("outbox",), ("proof",), ("gifts", "list"), ("calls", "list"), ("check",)):
        assert touchline(*words, *where).code == 0


def test_wrong_uses_say_what_to_do(touchline: Touchline, tmp_path: Path) -> None:
    where = ("-w", tmp_path / "w")
    touchline("new", tmp_path / "w", "--template", "retail")
    for arguments, told in (
        (("world", "--forward", "2"), "Fill it first"),
        (("world", "--customers", "50", "--days", "60"), "--template warranty"),
        (("outbox", "--state", "snet"), "sent"),
        (("proof", "--programme", "renewl"), "programme"),
        (("preview", "wellcome", "--customer", "1"), "customer"),
        (("gifts", "redeem", "tea", "X"), "pool"),
    ):
        found = touchline(*arguments, *where)
        assert found.code == 2, arguments
        assert told in found.err, found.err
