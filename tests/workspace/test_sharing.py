"""One workspace in several names: stores are shared, the actor is not."""

from __future__ import annotations

import threading

import pytest

from touchline.team.actors import TERMINAL, Actor
from touchline.team.roles import Role, rights_of
from touchline.workspace import serving
from touchline.workspace.opened import Workspace
from touchline.workspace.serving import NothingServed
from touchline.workspace.sharing import Stores, shared

AGENT = Actor("user", "Ann", rights_of(Role.AGENT), 3)


def test_a_workspace_in_another_name_shares_every_store_whoever_opens_it(office: Workspace) -> None:
    ann = office.acting_as(AGENT)
    assert ann.plan is office.plan
    assert office.playbook is ann.playbook
    assert ann.ledger is office.ledger
    assert (ann.actor, office.actor) == (AGENT, TERMINAL)
    assert ann.engine is office.engine


def test_each_thread_has_an_engine_of_its_own(office: Workspace) -> None:
    others: list[object] = []
    thread = threading.Thread(target=lambda: others.append(office.engine))
    thread.start()
    thread.join()
    assert others[0] is not office.engine


def test_threads_that_ask_at_once_get_the_same_store() -> None:
    opened: list[int] = []
    begun = threading.Barrier(8)

    class Owner:
        def __init__(self) -> None:
            self.stores = Stores()

        @shared
        def store(self) -> object:
            opened.append(1)
            return object()

    owner, got = Owner(), []

    def ask() -> None:
        begun.wait()
        got.append(owner.store)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    assert len(set(map(id, got))) == 1
    owner.stores.forget("store", "never there")
    assert owner.store is not got[0]


def test_a_store_that_cannot_be_opened_is_tried_again() -> None:
    stores, tries = Stores(), []

    def opens() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        return 7

    with pytest.raises(OSError, match="away"):
        stores.get("x", opens)
    assert stores.get("x", opens) == 7


def test_nothing_is_served_until_something_is(monkeypatch: pytest.MonkeyPatch, office: Workspace) -> None:
    assert serving.current() is office
    monkeypatch.setattr(serving, "_current", [])
    with pytest.raises(NothingServed):
        serving.current()
