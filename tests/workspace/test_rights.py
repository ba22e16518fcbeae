"""A person's rights: everything about them is handed out, and everything about them is erased."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import OperationalError, connection, connections

from tests import stores
from tests.workspace import lively, planted
from tests.workspace.planted import USER, WORD
from touchline import permission, recognition
from touchline.delivery import forgetting as outbox
from touchline.delivery.senders import ConsoleSender
from touchline.intake import traces, waiting
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import FixedClock
from touchline.ledger.snapshots import SnapshotKey
from touchline.permission import forgetting
from touchline.recognition.staging import execute, read
from touchline.relationship import refreshing
from touchline.site.entry import open_workspace
from touchline.team import audit
from touchline.team.actors import Actor, NotAllowed, customer
from touchline.team.roles import Right, Role, rights_of
from touchline.workspace import carrying, census, desk, erasing, listing, running, wiping, wishes
from touchline.workspace.erasing import OnItsWay
from touchline.workspace.opened import Workspace


@pytest.fixture
def _closed() -> Iterator[None]:
    yield
    connections.close_all()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = lively.make(tmp_path_factory.mktemp("rights") / "w", customers=3)
    connections.close_all()
    return root


@pytest.fixture
def small(made: Path, tmp_path: Path, _closed: None) -> Workspace:
    return open_workspace(stores.copied(made, tmp_path / "w"), FixedClock(lively.NOW))


def rows_with_the_word() -> list[str]:
    """Every table of the database in which the word stands."""
    found = []
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')
            if any(WORD.lower() in str(value).lower() for row in cursor.fetchall() for value in row):
                found.append(table)
    return found


@pytest.mark.sqlite
@pytest.mark.usefixtures("_closed")
def test_a_planted_word_is_in_no_byte_that_touchline_keeps(tmp_path: Path) -> None:
    workspace = planted.company(tmp_path / "w")
    before = planted.places(tmp_path)
    state = "w/.touchline/"
    for place in ("ledger/", "snapshots/", "letters/", "touchline.sqlite", "uploads/1/", "uploads/arriving-"):
        assert any(one.startswith(state + place) for one in before), (place, before)
    assert any(one.endswith("manifest.csv") for one in before)
    tables = rows_with_the_word()
    for table in (
        "recognition_persona",
        "recognition_link",
        "delivery_message",
        "delivery_call_task",
        "intake_event",
        "intake_rejected",
        "intake_upload",
    ):
        assert table in tables, (table, tables)
    told = json.dumps(workspace.export_person(USER), ensure_ascii=False)
    assert told.count(WORD) > 10

    result = workspace.erase(USER)

    assert result["finished"]
    assert result["events"] >= 2, "the refused events, one of them a stranger's that names the address"
    assert rows_with_the_word() == []
    assert planted.places(tmp_path) == []
    assert workspace.verify()["faults"] == 0
    with pytest.raises(UnknownName):
        workspace.customer(USER)


@pytest.mark.network
def test_on_postgresql_a_planted_word_is_in_no_row(
    tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    workspace = planted.company(tmp_path / "w")
    assert len(rows_with_the_word()) >= 6
    assert workspace.erase(USER)["finished"]
    assert rows_with_the_word() == []
    assert planted.places(tmp_path) == []


def test_an_erasure_leaves_one_entry_without_who(small: Workspace) -> None:
    number = small.customer("u1")
    small.erase("u1")
    entry = audit.entries(operation="people.erase")[0]
    assert entry.about == f"customer {number}"
    assert entry.details == {"personas": 4, "messages": 0, "events": 0}


def test_whoever_was_erased_and_is_imported_again_is_not_written_to(small: Workspace) -> None:
    small.erase("u1")
    small.import_files([small.settings.root / "people.csv"], "people")
    number = small.customer("u1")
    small.run(until_idle=True)
    assert set(small.messages()["customer"]) == {small.customer("u0"), small.customer("u2")}
    held = small.known(str(number)).suppressions
    assert {one["reason"] for one in held} == {"erased"}
    small.erase("u2", suppress=False)
    small.import_files([small.settings.root / "people.csv"], "people")
    assert small.known("u2").suppressions == []


def test_whoever_came_back_since_the_last_drain_is_refused_by_the_gate(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.erase("u1")
    monkeypatch.setattr(forgetting, "suppress_returned", lambda _: 0)
    small.import_files([small.settings.root / "people.csv"], "people")
    small.run(until_idle=True)
    assert set(small.messages()["customer"]) == {small.customer("u0"), small.customer("u2")}


def test_whoever_comes_back_by_an_act_of_their_own_is_welcome(small: Workspace) -> None:
    small.erase("u1")
    small.import_files([small.settings.root / "people.csv"], "people")
    small.opt(persona("ada1@lantern.example"), [("information", "email")], allow=True, evidence={"words": "yes"})
    assert small.known("u1").suppressions == []


def test_erasing_waits_for_a_message_on_its_way_and_erases_nothing_meanwhile(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.run(until_idle=True)
    number = small.customer("u1")
    monkeypatch.setattr(erasing, "PATIENCE", 0.0)
    sending = "UPDATE delivery_message SET state = 'sending', lease_until = %s WHERE customer = %s"
    assert execute(sending, [small.clock.now() + 10**9, number])
    with pytest.raises(OnItsWay):
        small.erase("u1")
    assert small.known("u1").messages
    assert small.known("u1").interactions
    execute("UPDATE delivery_message SET state = 'sent', lease_until = NULL WHERE customer = %s", [number])
    assert small.erase("u1")["messages"] == 2


def test_an_erasure_that_was_cut_short_is_finished_by_the_loop(small: Workspace) -> None:
    number = small.customer("u1")
    begun = small.erase("u1", at_once=False)
    assert not begun["finished"]
    personas = read("SELECT personas FROM permission_erasure", {"personas": pl.String})["personas"][0]
    left = small.ledger.frame(small.engine, ("persona_id",), personas=json.loads(personas))
    assert small.engine.collect(left).height > 0
    small.run(until_idle=True)
    assert number in json.loads(personas)
    left = small.ledger.frame(small.engine, ("persona_id",), personas=json.loads(personas))
    assert small.engine.collect(left).is_empty()
    after = read("SELECT personas, digests FROM permission_erasure", {"personas": pl.String, "digests": pl.String})
    assert after.row(0) == ("[]", "[]")


def test_a_crash_before_the_ledger_forgets_is_repaired_by_the_retry(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.run(until_idle=True)
    small.erase("u1", at_once=False)
    asked, late = [], ["0" * 32]
    monkeypatch.setattr(traces, "erase_rows", asked.append)
    with monkeypatch.context() as crash:
        crash.setattr(outbox, "erase", lambda *_: (late, True))
        crash.setattr(type(small.ledger), "erase", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erasing.finish(small)
    assert asked[0], "rows are forgotten by intake while the ledger still knows which they are"
    assert late[0] in read("SELECT messages FROM permission_erasure", {"m": pl.String})["m"][0]
    assert erasing.finish(small) > 0
    assert sorted(asked[1]) == sorted(asked[0])


@pytest.mark.sqlite
def test_an_erasure_waits_for_whoever_is_being_sent_something_and_for_the_file(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.erase("u1", at_once=False)
    with monkeypatch.context() as sending:
        sending.setattr(outbox, "erase", lambda *_: ([], False))
        assert erasing.finish(small) == 0
    with monkeypatch.context() as busy:
        busy.setattr(connection, "cursor", lambda: Busy())
        assert not wiping.scrub()
    scrubbed: list[bool] = []
    monkeypatch.setattr(wiping, "scrub", lambda: scrubbed.append(True) or len(scrubbed) > 1)
    result = small.erase_people(["u0", "u2"])
    assert (len(scrubbed), result["finished"]) == (1, False)
    assert erasing.finish(small) == 0
    assert read("SELECT count(*) AS n FROM permission_erasure WHERE finished_at IS NULL", {"n": pl.Int64})["n"][0] == 0


@pytest.mark.parametrize("verb", ["opt", "prefer", "tell", "mail", "desk"])
def test_nothing_is_noted_of_whoever_is_erased_meanwhile(
    small: Workspace, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    mine, number = persona("ada1@lantern.example"), small.customer("u1")
    place = desk.places(small)[:1] or ["counter"]

    def erased(_: object) -> None:
        execute("DELETE FROM recognition_persona WHERE customer = %s", [number])

    monkeypatch.setattr(wishes, "hold", erased)
    monkeypatch.setattr(desk, "hold", erased)
    monkeypatch.setattr(desk, "places", lambda _: place)
    verbs: dict[str, Callable[[], object]] = {
        "opt": lambda: small.opt(mine, [("care", "email")], allow=False, evidence={}),
        "prefer": lambda: small.prefer(mine, {"max_per_week": "1"}),
        "tell": lambda: small.tell_traits(mine, {"name": "Ada"}),
        "mail": lambda: small.send_link(mine, "known"),
        "desk": lambda: desk.note(small, number, desk.Encounter("served", place[0])),
    }
    with pytest.raises(UnknownName):
        verbs[verb]()
    assert waiting() == 0
    assert small.customer("u1") == number, "what did not happen is rolled back whole"


@pytest.mark.usefixtures("_closed")
def test_people_are_erased_while_the_loop_runs(made: Path, tmp_path: Path) -> None:
    root = stores.copied(made, tmp_path / "w")
    workspace, other = (open_workspace(root, FixedClock(lively.NOW)) for _ in range(2))
    stopped, done = threading.Event(), []

    def work() -> None:
        with carrying.opened(other, {"email": ConsoleSender("email")}) as carried:
            done.append(running.loop(other, carried, until_idle=False, stop=stopped.is_set))
        connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        gone = [workspace.erase(user, suppress=False)["customer"] for user in ("u0", "u1")]
        workspace.import_files([root / "people.csv"], "people")
        gone.append(workspace.erase("u1")["customer"])
    finally:
        stopped.set()
        worker.join(60)
    assert done, "the loop came to its end"
    assert done[0].turns > 0
    assert erasing.finish(workspace) == 0
    assert not set(gone) & set(workspace.people()["customer"])
    assert not set(gone) & set(workspace.messages()["customer"])
    assert workspace.verify()["faults"] == 0


def test_somebody_whom_a_reader_made_again_at_that_moment_goes_too(small: Workspace) -> None:
    small.erase("u1", at_once=False)
    seen = pl.DataFrame(
        {
            "row": [0],
            "type": ["email"],
            "scope": [""],
            "value": ["ada1@lantern.example"],
            "name": [None],
            "occurred_at": [0],
        },
        schema_overrides={"name": pl.String, "row": pl.Int64},
    )
    recognition.recognise(seen.select(*recognition.SIGHTINGS), now=small.clock.now())
    erasing.finish(small)
    assert recognition.find("ada1@lantern.example") == []


def test_a_gift_code_of_the_erased_is_not_given_again(small: Workspace) -> None:
    small.run(until_idle=True)
    message = read(
        "SELECT message_id FROM delivery_message WHERE customer = %s", {"m": pl.String}, [small.customer("u1")]
    )["m"][0]
    execute(
        "INSERT INTO delivery_gift_code (pool, code, worth, message, conversation, given_at) VALUES ('tea', 'T-1', 5, %s, 'notice', 1)",
        [message],
    )
    assert small.known("u1").gifts[0]["code"] == "T-1"
    small.erase("u1")
    owner = read("SELECT message FROM delivery_gift_code", {"m": pl.String})["m"][0]
    assert owner not in (None, message)


def test_the_others_stay_as_they_were(small: Workspace) -> None:
    before = small.export_person("u2")
    small.erase("u1")
    assert small.export_person("u2") == before


def test_nobody_but_who_may_erases(small: Workspace) -> None:
    with pytest.raises(NotAllowed):
        small.acting_as(customer(small.customer("u1"))).erase("u1")
    assert small.customer("u1")


def test_a_customer_acts_for_nobody_else(small: Workspace) -> None:
    theirs = small.acting_as(customer(small.customer("u1")))
    with pytest.raises(NotAllowed):
        theirs.opt(persona("ada2@lantern.example"), [("care", "email")], allow=False, evidence={})


def test_a_customer_sees_and_erases_nobody_else_and_only_who_erases_hands_out_the_link(small: Workspace) -> None:
    other = persona("ada2@lantern.example")
    theirs = small.acting_as(customer(small.customer("u1"), frozenset({Right.SERVE, Right.ERASE})))
    for verb in (
        lambda: theirs.export_person("u2"),
        lambda: theirs.erase("u2"),
        lambda: theirs.send_link(other, "known"),
        lambda: theirs.make_link(other, "known"),
    ):
        with pytest.raises(NotAllowed):
            verb()
    agent = small.acting_as(Actor("user", "agent", rights_of(Role.AGENT), 1))
    assert agent.make_link(other, "known")
    for verb in (lambda: agent.make_link(other, "erase"), lambda: agent.send_link(other, "erase")):
        with pytest.raises(NotAllowed):
            verb()
    assert theirs.export_person("u1")["customer"] == small.customer("u1")


def test_whoever_was_erased_is_in_no_list_that_is_kept(small: Workspace) -> None:
    small.tell_traits(persona("ada1@lantern.example"), {"name": "Ada Quince"})
    small.catch_up()
    number = small.customer("u1")
    assert number in listing.found(small, "quince")
    assert number in listing.chosen(small, "count.bought >= 0")
    before = sum(n for _, n in census.base(small)[1])
    small.erase("u1")
    assert number not in listing.found(small, "quince")
    assert number not in listing.chosen(small, "count.bought >= 0")
    assert sum(n for _, n in census.base(small)[1]) == before - 1


def test_a_snapshot_of_rows_read_before_an_erasure_is_not_kept(
    small: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "KEEP_BEYOND", 0)
    small.relationships_table()
    (before,) = small.snapshots.list()
    small.snapshots.drop(before.key)
    save, gone = small.snapshots.save, []

    def late(key: SnapshotKey, tables: Any) -> Any:
        if not gone:
            gone.append(small.customer("u1"))
            small.erase("u1")  # between the reading and the saving
        return save(key, tables)

    monkeypatch.setattr(small.snapshots, "save", late)
    small.relationships_table()
    assert gone
    assert gone[0] not in {
        row
        for kept in small.snapshots.list()
        for row in small.engine.collect(kept.frame(small.engine, "state"))["persona_id"]
    }


def test_what_is_told_counts_at_once_and_the_later_counts_within_one_instant(small: Workspace) -> None:
    mine = persona("ada1@lantern.example")
    people = recognition.people(of=pl.Series([small.customer("u1")]))
    may = lambda: permission.may_contact(people, "care", "email")["allowed"].to_list()  # noqa: E731 - asked three times
    assert may() == [True]
    assert small.opt(mine, [("care", "email")], allow=False, evidence={"words": "no"}) == 1
    assert may() == [False]
    assert small.opt(mine, [("care", "email")], allow=False, evidence={"words": "no"}) == 0
    assert small.opt(mine, [("care", "email")], allow=True, evidence={"words": "yes"}) == 1
    assert may() == [True]
    assert small.prefer(mine, {"max_per_week": "3"}) == 1
    assert small.prefer(mine, {"max_per_week": "1"}) == 1
    small.catch_up()
    assert [one["answer"] for one in small.known("u1").preferences] == [1]
    assert small.verify()["faults"] == 0


def test_a_person_is_handed_out_as_data_and_as_a_page(small: Workspace, tmp_path: Path) -> None:
    small.tell_traits(persona("ada1@lantern.example"), {"name": "<script>alert(1)</script>"})
    small.export_people(["u1"], out=tmp_path / "p.json")
    small.export_people(["u1"], out=tmp_path / "p.html", language="de")
    told = json.loads((tmp_path / "p.json").read_text())["people"][0]
    assert {one["value"] for one in told["identifiers"]} >= {"u1", "ada1@lantern.example"}
    assert {one["kind"] for one in told["interactions"]} >= {"bought", "identified", "opted_in"}
    assert told["measures"]["count.bought"] == 1
    page = (tmp_path / "p.html").read_text()
    assert "Was Lantern über Sie weiß" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert oct((tmp_path / "p.html").stat().st_mode)[-3:] == "600"
    with pytest.raises(UnknownName):
        small.export_people(["u1", "u2"], out=tmp_path / "p.html")


class Busy:
    """A cursor of a database that somebody else holds, when it is to be written anew."""

    def __enter__(self) -> Busy:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str) -> None:
        if statement == "VACUUM":
            raise OperationalError("database is locked")


def persona(text: str) -> int:
    known = recognition.identifiers(recognition.find(text))
    return int(known.filter(pl.col("value") == text)["persona_id"][0])
