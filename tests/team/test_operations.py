"""Every operation has an actor who may, and an audit entry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from django.db import transaction

from tests.workspace.lively import NOW, make
from touchline.delivery.senders import CallSender
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.team import audit
from touchline.team.actors import WORKER, Actor, NotAllowed
from touchline.team.roles import Right, Role, rights_of
from touchline.workspace import acting
from touchline.workspace.acting import operation
from touchline.workspace.opened import Workspace
from touchline.workspace.settings import Settings

READING = {
    "acting_as", "audit", "awaited", "calls", "customer", "explain", "explanations", "gift_pools", "held", "interactions",
    "invitation_link", "invitations", "known", "layout", "machine_keys", "message_counts", "messages", "pending", "people", "preview", "proof",
    "relationships", "relationships_table", "sql", "stops", "summary_measures", "team", "verify",
}  # fmt: skip
"""Verbs that change nothing that anybody could ask about."""
COMPOSED = {"export_people", "erase_people", "next_conversation"}
"""Verbs that look, and for each customer for whom anything is to be done call an operation, which leaves an entry."""
HOUSEKEEPING = {
    "catch_up": "moves what was accepted from the database into the ledger; its acceptance was the operation"
}


def _verbs() -> dict[str, Callable[..., Any]]:
    return {
        name: verb for name, verb in vars(Workspace).items() if inspect.isfunction(verb) and not name.startswith("_")
    }


def test_every_verb_that_changes_something_is_an_operation() -> None:
    verbs = _verbs()
    plain = {name for name, verb in verbs.items() if not hasattr(verb, "__operation__")}
    assert plain - READING - COMPOSED - set(HOUSEKEEPING) == set(), "neither an operation nor known to change nothing"
    assert set(verbs) >= READING, "a verb of the list is gone"


def test_operations_have_names_of_their_own() -> None:
    names = [verb.__operation__[0] for verb in _verbs().values() if hasattr(verb, "__operation__")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("role", [*Role, None])
def test_an_actor_without_the_right_is_refused_before_anything_is_touched(role: Role | None) -> None:
    actor = Actor("user", "Eve", rights_of(role) if role else frozenset(), 7)
    nowhere = Workspace(cast("Settings", None), actor=actor)  # whatever a verb touches of it fails in another way
    refused = set()
    for name, verb in _verbs().items():
        if hasattr(verb, "__operation__") and verb.__operation__[1] not in actor.rights:
            with pytest.raises(NotAllowed, match=f"`{verb.__operation__[1].value}`"):
                verb(nowhere, **_given(verb))
            refused.add(name)
    expected = {
        Role.VIEWER: {"merge", "redeem", "import_files", "create_key", "export"},
        Role.AGENT: {"import_files", "create_key", "export", "decide", "run"},
        Role.MARKETER: {"create_key", "set_role", "fill_world"},
        Role.ADMIN: set(),
        None: {"merge", "redeem", "import_files", "create_key", "export"},
    }[role]
    assert expected <= refused
    assert (role is Role.ADMIN) == (refused == set())


def _given(verb: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(verb).parameters.values()
    return {each.name: None for each in parameters if each.default is inspect.Parameter.empty and each.name != "self"}


class Desk:
    """Something with verbs, for what the decorator promises."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor

    @operation(Right.SERVE, "desk.note", about=lambda given: f"customer {given['customer']}", whole=True)
    def note(self, customer: int, *, fails: bool = False) -> int:
        audit.record(self.actor, "inner")
        if fails:
            raise RuntimeError("in mid-work")
        return customer

    @operation(Right.SERVE, "desk.careful")
    def careful(self, fails: bool) -> None:
        with transaction.atomic():
            acting.note("customer 1", n=3)
        if fails:
            raise RuntimeError("after it was done")

    @operation(Right.CONVERSE, "desk.many")
    def many(self) -> None:
        acting.tell("2 customers", n=2)
        self.careful(fails=False)

    @operation(Right.CONVERSE, "desk.loop", first=True)
    def loop(self) -> None:
        self.note(4)
        assert audit.entries()[-1].operation == "desk.loop"

    @operation(Right.CONVERSE, "desk.try", when=lambda given: not given["dry_run"])
    def attempt(self, *, dry_run: bool = False) -> bool:
        return dry_run


AGENT = Actor("user", "Ann", rights_of(Role.AGENT), 3)
MARKETER = Actor("user", "Max", rights_of(Role.MARKETER), 4)
VIEWER = Actor("user", "Vic", rights_of(Role.VIEWER), 5)


def test_an_operation_leaves_one_entry_with_its_actor(database: object) -> None:
    assert Desk(AGENT).note(12) == 12
    entry, inner = audit.entries()
    assert (entry.operation, entry.about, entry.actor_kind, entry.actor_id, entry.actor_name) == (
        "desk.note", "customer 12", "user", 3, "Ann",
    )  # fmt: skip
    assert inner.operation == "inner"


def test_a_change_and_its_entry_stand_or_fall_together(database: object) -> None:
    with pytest.raises(RuntimeError):
        Desk(AGENT).note(12, fails=True)
    assert audit.entries() == []
    with pytest.raises(RuntimeError):
        Desk(AGENT).careful(fails=True)  # what was done before it failed is done, and told of
    (entry,) = audit.entries()
    assert (entry.operation, entry.about, entry.details) == ("desk.careful", "customer 1", {"n": 3})


def test_a_verb_within_a_verb_is_part_of_it(database: object) -> None:
    Desk(MARKETER).loop()
    assert [entry.operation for entry in audit.entries()] == ["inner", "desk.loop"]


def test_what_an_inner_verb_notes_is_no_part_of_the_outer_one_s_entry(database: object) -> None:
    Desk(MARKETER).many()
    (entry,) = audit.entries()
    assert (entry.operation, entry.about, entry.details) == ("desk.many", "2 customers", {"n": 2})


def test_a_verb_within_a_verb_in_another_s_name_is_asked_for_itself(database: object) -> None:
    class Two(Desk):
        @operation(Right.SERVE, "desk.hand")
        def hand(self) -> None:
            Desk(VIEWER).note(1)

    with pytest.raises(NotAllowed):
        Two(AGENT).hand()


def test_a_dry_run_is_for_whoever_may_see_and_leaves_no_entry(database: object) -> None:
    assert Desk(VIEWER).attempt(dry_run=True)
    assert audit.entries() == []
    with pytest.raises(NotAllowed):
        Desk(VIEWER).attempt()


def test_entries_are_found_by_what_and_whom(database: object) -> None:
    for customer in (1, 2, 1):
        Desk(AGENT).note(customer)
    Desk(MARKETER).attempt()
    assert len(audit.entries(about="customer 1")) == 2
    assert len(audit.entries(operation="desk.")) == 4
    assert [entry.actor_name for entry in audit.entries(actor_kind="user", actor_id=4)] == ["Max"]
    newest = audit.entries(limit=1)[0]
    assert all(entry.pk < newest.pk for entry in audit.entries(before=newest.pk))


def test_merging_in_somebody_s_name_tells_whose_it_was(database: object, tmp_path: Path) -> None:
    opened = open_workspace(make(tmp_path / "w", customers=3))
    first, second = opened.people()["customer"].unique().sort().to_list()[:2]
    opened.acting_as(AGENT).merge([str(first), str(second)], why="the same household")
    (merged,) = audit.entries(operation="people.merge")
    assert (merged.actor_name, merged.about, merged.details) == (
        "Ann", f"customer {first}", {"merged": [first, second]},
    )  # fmt: skip
    with pytest.raises(NotAllowed):
        opened.acting_as(VIEWER).split([str(second)])


def test_the_terminal_is_an_actor_too(office: Workspace) -> None:
    office.create_key("shop", "read")
    (entry,) = office.audit()
    assert (entry.actor_kind, entry.operation, entry.about, entry.details) == (
        "terminal", "keys.create", "key 1", {"name": "shop", "scope": "read"},
    )  # fmt: skip
    with pytest.raises(NotAllowed):
        office.acting_as(MARKETER).audit()


def test_work_in_several_names_is_told_apart_and_names_no_customer(database: object, tmp_path: Path) -> None:
    opened = open_workspace(make(tmp_path / "w", customers=8, programme=True), FixedClock(NOW))
    opened.acting_as(WORKER).run(until_idle=True, senders={"phone": CallSender()})
    agent, marketer = opened.acting_as(AGENT), opened.acting_as(MARKETER)
    call = agent.calls()[0]["task"]
    with pytest.raises(NotAllowed):
        opened.acting_as(VIEWER).close_call(call, "reached")
    agent.close_call(call, "reached", "Ada 1 asks for ada1@lantern.example to be used")
    marketer.decide(as_of=NOW)
    marketer.decide()
    marketer.export(opened.people(), tmp_path / "people.csv")
    merged = [str(number) for number in opened.people()["customer"].unique().sort().to_list()[:2]]
    agent.merge(merged, why="ada1 and ada2 are one")
    agent.split(merged[1:], why="no, they are not")
    done = [(entry.operation, entry.actor_kind, entry.actor_name) for entry in audit.entries()]
    assert done == [
        ("people.split", "user", "Ann"), ("people.merge", "user", "Ann"), ("export", "user", "Max"),
        ("decide", "user", "Max"), ("calls.close", "user", "Ann"), ("run", "worker", "worker"),
        ("imports.run", "terminal", "terminal"),
    ]  # fmt: skip
    told = " ".join(f"{entry.about} {entry.details}" for entry in audit.entries())
    assert not any(word in told.lower() for word in ("ada", "@", "ringstr", "+49", "household"))
    assert f"call {call}" in told
    assert "'accepted'" in told
