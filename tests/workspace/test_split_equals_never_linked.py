"""Link, act, split equals never linked: for the whole relationship, caps, consent and arm, and for what is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from textwrap import dedent
from typing import Any

import polars as pl
import pytest
from django.db import connections
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests import stores
from tests.effort import WHOLE, examples
from tests.recognition import people as sightings
from tests.relationship import lines
from tests.workspace import lively
from touchline import decision, permission, recognition
from touchline.decision import learning
from touchline.decision.plan import compile_plan
from touchline.delivery.gate import reserve
from touchline.delivery.senders import CallSender, ConsoleSender
from touchline.intake import buffer
from touchline.interactions.catalogue import CHANNELS, PURPOSES
from touchline.kernel.engines import Engine
from touchline.kernel.measures import column
from touchline.kernel.times import HOUR, MINUTE, FixedClock
from touchline.ledger import MemoryLedger
from touchline.relationship import refreshing
from touchline.site.entry import open_workspace
from touchline.workspace import carrying, deciding, verifying
from touchline.workspace.opened import Workspace
from touchline.workspace.wishes import owner

_OWN = lines.playbook()
# Policies count messages of every purpose, so the plan needs the whole vocabulary.
BOOK = replace(_OWN, measures=replace(_OWN.measures, purposes=tuple(PURPOSES), channels=CHANNELS))
PLAN = compile_plan(BOOK)
NAMES = tuple(dict.fromkeys((*lines.everything(BOOK), *PLAN.measures)))
# Linking and parting are told in the ledger as well; what they count is themselves.
FREE = [n for n in NAMES if n.split(".")[-1] not in ("linked", "unlinked")]
ENGINE = Engine("polars")


def _outcome(rows: list[dict[str, Any]], people: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    ledger = MemoryLedger()
    ledger.append(lines.table(rows))
    held = refreshing.state_at(ledger, None, lines.layout(BOOK), ENGINE, lines.A)
    facts = ENGINE.collect(refreshing.relationships(held, people, BOOK, ENGINE, wanted=NAMES)).sort("customer")
    tables = decision.tables(PLAN, learning.learn([], PLAN), ENGINE)
    decided = ENGINE.collect(decision.decide(ENGINE.lazy(facts), PLAN, tables, lines.A)).sort("customer")
    return facts.select("customer", "draw", *(column(name) for name in FREE)), decided


@given(seed=st.integers(0, 2**32 - 1), changes=st.integers(1, 4))
@settings(max_examples=examples(6))
def test_people_linked_for_a_while_and_parted_are_as_if_never_linked(database: Path, seed: int, changes: int) -> None:
    random = Random(seed)
    sightings.emptied()
    own = [
        sightings.row(f"{kind}:{value}")
        for kind, value in (("user_id", "u1"), ("user_id", "u2"), ("email", "a@b.example"), ("phone", "+4930123456"))
    ]
    sightings.recognise(*own)
    before = recognition.people()
    personas = before["persona_id"].to_list()
    rows = lines.history(random, personas, random.randrange(10, 90))
    places = dict(before.select("persona_id", "bucket").iter_rows())
    for row in rows:
        row["bucket"] = places[row["persona_id"]]
    for _ in range(changes):
        recognition.merge(random.sample(personas, 2), "test", "the same person")
        linked = recognition.people()
        assert linked["customer"].is_duplicated().any()
        if random.random() < 0.5:
            continue
        _split_all(personas)
    _split_all(personas)
    after = recognition.people()
    assert after["customer"].to_list() == before["customer"].to_list()
    now, never = _outcome(rows, after), _outcome(rows, before)
    assert now[0].equals(never[0])
    assert now[1].equals(never[1])


def _split_all(personas: list[int]) -> None:
    for persona in personas:
        current = recognition.people()
        mine = current.filter(pl.col("persona_id") == persona)["customer"][0]
        if current.filter(pl.col("customer") == mine).height > 1:
            recognition.split([persona], "test", "two people after all", alone=True)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(3))
def test_while_linked_the_two_are_one_and_no_consent_covers_the_other_address(database: Path, seed: int) -> None:
    random = Random(seed)
    sightings.emptied()
    sightings.recognise(sightings.row("email:a@b.example"), sightings.row("email:c@d.example"))
    one, other = recognition.people()["persona_id"].to_list()
    recognition.merge([one, other], "test", "the same person")
    days = random.randrange(2, 40)
    consent = {"purpose": "care", "channel": "email", "evidence": "{}", "identifier": "a@b.example"}
    gave = lines.interaction("opted_in", lines.A - days * lines.DAY, persona_id=one, seq=1, **consent)
    withdrew = lines.interaction(
        "opted_out", lines.A - lines.DAY, persona_id=other, seq=2, **{**consent, "identifier": "c@d.example"}
    )
    people = recognition.people()
    held = _outcome([{**gave, "bucket": 0}], people)[0]
    assert held["consent__care_email"].to_list() == [True]
    stopped = _outcome([{**gave, "bucket": 0}, {**withdrew, "bucket": 0}], people)[0]
    assert stopped["consent__care_email"].to_list() == [False], (
        "a withdrawal on either address counts for the whole person"
    )
    recognition.split([other], "test", "two people after all")
    parted = _outcome([{**gave, "bucket": 0}, {**withdrew, "bucket": 0}], recognition.people())[0]
    assert dict(parted.select("customer", "consent__care_email").iter_rows()) == {one: True, other: False}


ONE, OTHER = TWO = ("u1", "u5")
"""Of all that is drawn for them the one is treated and the other control."""

ACTS = (
    *(("decide", ONE), ("news", ONE), ("call", ONE)),
    *((act, who) for act in ("notice", "refuse", "again", "seldom", "case", "order") for who in TWO),
)
EXAMPLE = [
    ("decide", ONE), ("news", ONE), ("call", ONE), ("notice", OTHER), ("refuse", ONE), ("refuse", OTHER), ("seldom", OTHER),
    ("seldom", ONE), ("case", OTHER),
]  # fmt: skip
AS_ONE = {
    "arm.assigned",
    *(f"programme.hello.{member}" for member in ("assigned", "step", "since", "entered", "days_in_step", "days_since_entry")),
    *(f"{how}.{kind}" for how in ("count", "days_since") for kind in ("assigned", "stepped", "linked", "unlinked")),
}  # fmt: skip
"""What is written of two as one is a row of the smaller persona, and stays there: docs/decisions/0036-what-a-split-leaves.md."""

NEWS = """
    name: news
    purpose: care
    brand: lantern
    topic: light
    audience: customers
    recurs: once
    value: {given: 1, asked: 0}
    channels: {email: {touchpoint: mail, variants: [{name: a, template: thanks.liquid, subject: thanks.subject.liquid}]}}
    """


@pytest.fixture
def base(tmp_path: Path) -> Iterator[Path]:
    """Some people of four addresses each, some of them held out of everything, some of a programme."""
    root = lively.make(tmp_path / "base", customers=6, programme=True)
    (root / "playbook/conversations/news.yaml").write_text(dedent(NEWS).lstrip("\n"), encoding="utf-8")
    policies = root / "playbook/policies.yaml"
    told = policies.read_text(encoding="utf-8")
    policies.write_text(told.replace("global: 0,", "global: 0.4,"), encoding="utf-8")
    connections.close_all()
    yield root
    connections.close_all()


def _address(who: str, channel: str) -> int:
    known = {"email": f"ada{who[1:]}@lantern.example", "phone": f"+4930{int(who[1:]):07d}"}
    own = recognition.identifiers(recognition.find(who))
    return int(own.filter(pl.col("value") == known[channel])["persona_id"][0])


def _said(workspace: Workspace, conversation: str, channel: str, who: str) -> bool:
    """Reserve it for that very address, if it may be said to whoever that is now; whether it was."""
    now, persona = workspace.clock.now(), _address(who, channel)
    rates = deciding.propensity(workspace, now)
    plan = workspace.plan.of([one for one in workspace.plan.candidates if one.conversation == conversation])
    asked = pl.DataFrame({"customer": [owner(persona).customer], "conversation": [conversation], "channel": [channel]})
    address = deciding.to_persona(persona)
    return reserve(asked, lambda few: deciding.in_force(workspace, few, rates, plan, address), now=now).reserved == 1


def _deliver(workspace: Workspace) -> None:
    with carrying.opened(workspace, {"email": ConsoleSender("email"), "phone": CallSender()}) as carried:
        carried.deliver(workspace.clock.now())


def _done(workspace: Workspace, act: str, who: str) -> bool:
    """Whether anything came of it: what may not be said to two as one is not said to either of them."""
    now = workspace.clock.now()
    match act:
        case "decide":
            workspace.decide()
        case "news":
            if not _said(workspace, "news", "email", who):
                return False
            _deliver(workspace)
        case "notice":  # it waits, and may go when the two are two again
            return _said(workspace, "notice", "email", who)
        case "call":
            if not _said(workspace, "hello_call", "phone", who):
                return False
            _deliver(workspace)
            for task in workspace.calls():
                workspace.close_call(task["task"], "reached", "")
        case "refuse" | "again":
            mail, of = _address(who, "email"), [("care", "email")]
            workspace.opt(mail, of, allow=False, evidence={"words": "no"})
            if act == "again":
                workspace.opt(mail, of, allow=True, evidence={"words": "yes after all"})
        case "seldom":
            workspace.prefer(_address(who, "email"), {"max_per_week": "2"})
        case _:
            event = {"case": "Case Opened", "order": "Order Placed"}[act]
            told = {"type": "track", "messageId": f"{act} {now}", "userId": who, "event": event}
            buffer.accept([{**told, "properties": {"case": f"c{now}", "total": 10.0}}], received_at=now)
    workspace.catch_up()
    return True


def _lived(
    folder: Path, acts: Sequence[tuple[str | None, str]], link_at: int | None
) -> tuple[list[bool], dict[str, Any]]:
    """Of which acts anything came, and all that is known of the two in the end; linked before one of the acts, or never."""
    clock = FixedClock(lively.NOW)
    workspace, done = open_workspace(folder, clock), []
    before = workspace.people()
    customers = [recognition.find(who)[0] for who in TWO]
    for number, (act, who) in enumerate(acts):
        if number == link_at:
            workspace.merge(TWO, why="the same person")
        clock.instant += 20 * MINUTE
        done.append(act is not None and _done(workspace, act, who))
    if link_at is not None:
        assert recognition.find(ONE) == recognition.find(OTHER)
        parted = before.filter(pl.col("customer") == customers[1])["persona_id"]
        workspace.split([str(persona) for persona in parted], why="two people after all")
    assert workspace.people().equals(before)
    _deliver(workspace)  # what waited
    workspace.catch_up()
    clock.instant += HOUR
    names = [n for n in verifying.measures_of(workspace.playbook, workspace.layout()) if n not in AS_ONE]
    read = list(dict.fromkeys((*names, *workspace.plan.measures)))
    facts = workspace.relationships(clock.now(), measures=read, customers=customers)
    chosen = deciding.decided(workspace, clock.now(), facts=facts).chosen.sort("customer")
    masks = [one.mask for one in workspace.plan.candidates if one.programme is None]
    of = workspace.engine.collect(facts).sort("customer")
    return done, {
        "relationships": of.select("customer", *(column(name) for name in names)).to_dicts(),
        "decided": chosen.select("customer", *masks).to_dicts(),
        "consent": [
            permission.may_contact(before, "care", channel).to_dicts() for channel in ("email", "phone", "post")
        ],
        "messages": workspace.messages().select("persona_id", "conversation", "state").sort(pl.all()).rows(),
    }


@given(acts=st.lists(st.sampled_from(ACTS), min_size=4, max_size=9), link_at=st.integers(0, 3))
@example(acts=EXAMPLE, link_at=0)
@settings(max_examples=8, phases=tuple(Phase) if WHOLE else (Phase.explicit,))
def test_what_two_did_and_heard_while_they_were_linked_is_each_ones_own_once_they_are_parted(
    base: Path, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str]], link_at: int
) -> None:
    folder = tmp_path_factory.mktemp("twins")
    for name in ("linked", "never"):
        stores.copied(base, folder / name)
    done, linked = _lived(folder / "linked", acts, link_at)
    assert all(done) or acts != EXAMPLE
    same = [(act if came else None, who) for (act, who), came in zip(acts, done, strict=True)]
    again, never = _lived(folder / "never", same, None)
    assert again == done
    for what, told in never.items():
        assert linked[what] == told, what
