"""Eight worker processes at once, while people withdraw and complain: what the product reserves is what a simple model allows."""

from __future__ import annotations

import random
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import polars as pl
import pytest

from tests.effort import seed
from tests.processes import Started, barrier, queue
from tests.workspace import lively
from touchline.delivery.gate import reserve
from touchline.intake import accept
from touchline.kernel.times import FixedClock, format_instant
from touchline.recognition.staging import read
from touchline.site.entry import open_workspace
from touchline.workspace import deciding

CUSTOMERS, WORKERS, ROUNDS, AT_ONCE = 10, 8, 2, 4


class Running:
    """A clock that began at NOW when the test did."""

    def __init__(self, began: float) -> None:
        self.began = began

    def now(self) -> int:
        return lively.NOW + int((time.time() - self.began) * 1_000_000)


def work(root: str, number: int, began: float, begin: Any, done: Any) -> None:
    """What a worker process does: decide for everybody and reserve what comes of it, a few at a time, in its own order.

    Half of them would rather make an offer than say thanks, and a customer may get one of the two in a week. Between its
    first decision and what it reserves of that it waits, until the first have withdrawn and complained.
    """
    workspace = open_workspace(root, Running(began))
    rates, plan = deciding.propensity(workspace, workspace.clock.now()), workspace.plan
    if number % 2:
        plan = plan.of([one for one in plan.candidates if one.conversation != "thanks"])
    reserved = refused = 0
    for turn in range(ROUNDS):
        made = deciding.decided(workspace, workspace.clock.now(), rates=rates, plan=plan)
        if not turn:
            begin.wait(120)  # all have decided
            begin.wait(120)  # the first have withdrawn and complained
        for few in made.proposals.sample(fraction=1.0, shuffle=True).iter_slices(8):
            time.sleep(0.05)  # or whoever has the lock takes it again before the others wake
            gated = reserve(few, lambda some: deciding.in_force(workspace, some, rates), now=workspace.clock.now())
            reserved += gated.reserved
            refused += sum(gated.refused.values())
    done.put((reserved, refused))


CHANGED = {
    "playbook/conversations/offer.yaml": """
        name: offer
        purpose: selling
        brand: lantern
        topic: light
        audience: customers
        recurs: once
        value: {given: 1, asked: 0}
        channels: {email: {touchpoint: mail, variants: [{name: a, template: thanks.liquid, subject: thanks.subject.liquid}]}}
        """,
    "playbook/mapping.yaml": """
        default: {kind: acted, touchpoint: site}
        events:
          Case Opened: {kind: case_opened, touchpoint: mail, case_id: event.case}
          Consent Withdrawn: {kind: opted_out, touchpoint: site, purpose: event.purpose, channel: event.channel, identifier: event.address}
        """,
}


def organisation(folder: Path) -> Path:
    """The lively one, which may sell by e-mail, one message a week."""
    root = lively.make(folder, customers=1)
    for name, text in CHANGED.items():
        (root / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    for name, old, new in (
        ("playbook/policies.yaml", "name: overall, at_most: 3", "name: selling, purpose: selling, at_most: 1"),
        ("playbook/conversations/thanks.yaml", "purpose: care", "purpose: selling"),
        ("playbook/imports/people.yaml", "\"'care'\", channel: \"'email'\"", "\"'selling'\", channel: \"'email'\""),
    ):
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")
    return root


@pytest.mark.network
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_eight_workers_reserve_nothing_that_was_withdrawn_complained_about_or_beyond_the_cap(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed())
    monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres") if store == "postgresql" else "")
    root = organisation(tmp_path / "w")
    people = root / "people.csv"
    head, one = people.read_text(encoding="utf-8").splitlines()
    told = one.rsplit(",", 1)[1]
    rows = [
        f'u{n},ada{n}@lantern.example,+4930{n:07d},"Ringstr. {n}, Berlin",Ada {n},{told}' for n in range(1, CUSTOMERS)
    ]
    people.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    workspace = open_workspace(root, FixedClock(lively.NOW))
    assert workspace.import_files([people], "people")["rejected"] == 0
    assert workspace.decide().summary["customers"] == CUSTOMERS  # arms are written

    began = time.time()
    begin, done = barrier(WORKERS + 1), queue()
    workers = [Started(work, str(root), number, began, begin, done) for number in range(WORKERS)]
    try:
        begin.wait(120)
        withdrew, complained = dict[str, int](), dict[str, int]()
        for number, user in enumerate(chance.sample(range(CUSTOMERS), CUSTOMERS - 2)):
            if number == AT_ONCE:
                begin.wait(120)
            at = lively.NOW + int((time.time() - began) * 1_000_000)
            event = {"type": "track", "messageId": f"m{number}", "userId": f"u{user}", "timestamp": format_instant(at)}
            if number % 2:
                address = f"ada{user}@lantern.example"
                event |= {
                    "event": "Consent Withdrawn",
                    "properties": {"purpose": "selling", "channel": "email", "address": address},
                }
            else:
                event |= {"event": "Case Opened", "properties": {"case": f"c{number}"}}
            assert accept([event], received_at=at).accepted == 1
            # From here on it is written down for everybody.
            after = lively.NOW + int((time.time() - began) * 1_000_000)
            (withdrew if number % 2 else complained)[f"u{user}"] = after
            time.sleep(0.05 if number >= AT_ONCE else 0)
        told = [done.get(timeout=240) for _ in workers]
        for worker in workers:
            worker.well()
    finally:
        for worker in workers:
            worker.kill()

    found = read(
        "SELECT m.message_id, m.customer, m.conversation, m.purpose, m.channel, m.recurrence, m.reserved_at, p.value AS address"
        " FROM delivery_message m JOIN recognition_persona p ON p.persona_id = m.persona_id",
        {"message_id": pl.String, "customer": pl.Int64, "conversation": pl.String, "purpose": pl.String, "channel": pl.String,
         "recurrence": pl.String, "reserved_at": pl.Int64, "address": pl.String},
    )  # fmt: skip
    users = dict(
        read(
            "SELECT customer, value FROM recognition_persona WHERE type = 'user_id'", {"c": pl.Int64, "v": pl.String}
        ).iter_rows()
    )
    assert found.height == sum(reserved for reserved, _ in told), "each reservation was told to one worker"
    assert sum(refused for _, refused in told) >= AT_ONCE, "who had withdrawn or complained by then"
    sold = {users[customer] for customer in found.filter(pl.col("purpose") == "selling")["customer"]}
    assert sold >= {f"u{n}" for n in range(CUSTOMERS)} - set(withdrew) - set(complained), "who said nothing was sold to"
    assert found.unique(["customer", "conversation", "recurrence"]).height == found.height
    beside = found.filter(pl.col("conversation") != "notice")
    assert beside["customer"].n_unique() == beside.height, "one a week"
    for customer, purpose, at in found.select("customer", "purpose", "reserved_at").iter_rows():
        if purpose == "selling":
            assert at <= withdrew.get(users[customer], at), "nothing is sold to somebody who has withdrawn"
            assert at <= complained.get(users[customer], at), "nothing is sold while a case is open"
    assert found.filter(pl.col("conversation") == "notice")["customer"].n_unique() == CUSTOMERS, "what is owed is owed"
    workspace.clock = FixedClock(lively.NOW + int((time.time() - began) * 1_000_000))
    workspace.catch_up()
    assert workspace.verify()["faults"] == 0
