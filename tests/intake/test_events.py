"""Live events are kept before they are acknowledged, and each becomes its interaction once."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.intake.builder import NOW, of_event, playbook
from tests.intake.files import ledger, purchases, run, stored
from touchline.intake import accept, accept_rows, drain, pending, waiting
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY
from touchline.kernel.types import Type
from touchline.playbook.compiled import EventMapping
from touchline.recognition import identifiers, people
from touchline.recognition.staging import execute, read

pytestmark = pytest.mark.usefixtures("database")

AT = "2026-11-01T10:00:00Z"
DRAIN = import_module("touchline.intake.drain")  # by name: the package's own `drain` is the function


def event(
    number: int, called: str = "Bought", *, type_: str = "track", user: str | None = "u1", **more: Any
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": type_,
        "messageId": f"m{number}",
        "userId": user,
        "timestamp": AT,
        "properties": {"total": 1.5},
    }
    if type_ == "track":
        body["event"] = called
    return body | more


def drained(folder: Path, *events: dict[str, Any]) -> pl.DataFrame:
    assert accept(events, received_at=NOW).faults == ()
    drain(playbook(), ledger(folder), received_at=NOW)
    return stored(folder)


def rejected() -> list[tuple[str, str]]:
    found = read(
        "SELECT message_id, reason FROM intake_rejected ORDER BY message_id",
        {"message_id": pl.String, "reason": pl.String},
    )
    return found.rows()


def test_a_track_event_takes_its_mapping_and_an_unknown_one_the_default(tmp_path: Path) -> None:
    rows = drained(tmp_path, event(1), event(2, "Something Else"))
    bought, acted = rows.sort("kind", descending=True).rows(named=True)
    assert (bought["kind"], bought["touchpoint"], bought["name"], bought["revenue_minor"]) == (
        "bought",
        "shop",
        "Bought",
        150,
    )
    assert (acted["kind"], acted["touchpoint"], acted["name"]) == ("acted", "site", "Something Else")
    assert (bought["source"], bought["id"], bought["received_at"]) == ("segment", interaction_id("segment", "m1"), NOW)
    assert json.loads(bought["payload"]) == {"total": 1.5}


def test_an_event_is_kept_once_by_its_message_id(tmp_path: Path) -> None:
    first = accept([event(1), event(2), event(1)], received_at=NOW)
    assert (first.accepted, first.duplicates) == (2, 1)
    assert accept([event(2)], received_at=NOW).duplicates == 1
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert accept([event(2)], received_at=NOW).duplicates == 1, "also after the drain"
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert len(stored(tmp_path)) == 2


def test_identify_tells_who_somebody_is(tmp_path: Path) -> None:
    rows = drained(
        tmp_path,
        event(
            1,
            type_="identify",
            anonymousId="a1",
            traits={"email": "Ann@Example.com", "phone": "030 123456", "plan": "x"},
        ),
    )
    told = rows.filter(pl.col("kind") == "identified")
    assert json.loads(told["payload"][0])["plan"] == "x"
    known = identifiers([int(people()["customer"].min())])  # type: ignore[arg-type]  # there are people
    assert set(known.select("type", "value").rows()) == {
        ("user_id", "u1"), ("email", "ann@example.com"), ("phone", "+4930123456"), ("anonymous_id", "a1"),
    }  # fmt: skip


def test_the_links_that_an_event_makes_are_rows_of_the_ledger_too(tmp_path: Path) -> None:
    rows = drained(tmp_path, event(1, type_="identify", anonymousId="a1", traits={}))
    assert rows["kind"].to_list() == ["identified", "linked"]


def test_a_trait_that_is_no_address_does_not_cost_the_event(tmp_path: Path) -> None:
    rows = drained(tmp_path, event(1, type_="identify", traits={"email": "none", "phone": "-"}))
    assert rows["kind"].to_list() == ["identified"]
    assert people()["type"].to_list() == ["user_id"]


@pytest.mark.parametrize("type_", ["page", "screen"])
def test_a_page_is_a_visit(tmp_path: Path, type_: str) -> None:
    row = drained(tmp_path, event(1, type_=type_, name="Home", user=None, anonymousId="a1")).row(0, named=True)
    assert (row["kind"], row["touchpoint"], row["name"]) == ("visited", "site", "Home")


def test_alias_and_group_are_kept_simple(tmp_path: Path) -> None:
    rows = drained(
        tmp_path, event(1, type_="alias", previousId="a9"), event(2, type_="group", groupId='g"1', traits={"size": 3})
    )
    payloads = {json.dumps(json.loads(text)) for text in rows.filter(pl.col("kind") == "identified")["payload"]}
    assert payloads == {"{}", json.dumps({"groupId": 'g"1', "traits": {"size": 3}})}
    assert set(people()["type"]) == {"user_id", "anonymous_id"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"type": "tracks"}, "`type`"),
        ({"messageId": None}, "`messageId`"),
        ({"messageId": "x" * 600}, "`messageId`"),
        ({"messageId": "a\x1fb"}, "U+001F"),
        ({"userId": "x" * 10_000}, "`userId`"),
        ({"userId": None}, "neither `userId` nor `anonymousId`"),
        ({"event": ""}, "`event` is missing"),
        ({"properties": []}, "`properties` is no object"),
        ({"properties": {"a": float("nan")}}, "not finite"),
        ({"properties": {"a": [1, {"b": float("-inf")}]}}, "not finite"),
        ({"properties": {"a": "x\x00y"}}, "U+0000"),
        ({"properties": {"x\x00y": 1}}, "U+0000"),
        ({"properties": {"a": "\ud800"}}, "surrogate"),
        ({"properties": {"a": "x" * 40_000}}, "larger than 32 KB"),
    ],
)
def test_a_bad_event_is_told_by_its_index_and_the_others_are_kept(change: dict[str, Any], word: str) -> None:
    result = accept([event(1), event(2) | change, event(3)], received_at=NOW)
    assert result.accepted == 2
    assert [index for index, _ in result.faults] == [1]
    assert word in result.faults[0][1]


def test_endless_nesting_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    assert accept([event(1, properties=deep)], received_at=NOW).faults[0][0] == 0


def test_what_cannot_be_mapped_is_kept_with_its_reason_and_blocks_nothing(tmp_path: Path) -> None:
    rows = drained(
        tmp_path,
        event(1, properties={"total": "much"}),
        event(2, properties={"total": -1}),
        event(3, timestamp="2026-11-01T10:00:00"),
        event(4, timestamp="2026-11-03T10:00:00Z"),
        event(5, timestamp="2026-02-30T10:00:00Z"),
        event(6, properties={}),
        event(7),
    )
    assert rows["id"].to_list() == [interaction_id("segment", "m7")]
    assert rejected() == [
        ("m1", "bad_number"), ("m2", "negative_revenue"), ("m3", "naive_time"), ("m4", "time_in_future"),
        ("m5", "bad_time"), ("m6", "missing_value"),
    ]  # fmt: skip
    assert waiting() == 0


def test_another_currency_is_refused_where_money_is_read(tmp_path: Path) -> None:
    rows = drained(
        tmp_path,
        event(1, properties={"total": 1, "currency": "USD"}),
        event(2, properties={"total": 1, "currency": "eur"}),
        event(3, "Visited", properties={"currency": "USD"}),
    )
    assert len(rows) == 2
    assert rejected() == [("m1", "other_currency")]


def test_a_property_may_be_read_as_text_and_as_number(tmp_path: Path) -> None:
    both = EventMapping(
        "bought",
        "shop",
        revenue=of_event("event.total", Type.NUMBER),
        columns={"text": of_event("event.total", Type.TEXT)},
    )
    accept([event(1)], received_at=NOW)
    drain(playbook(events={"Bought": both}), ledger(tmp_path), received_at=NOW)
    assert stored(tmp_path, ["revenue_minor", "text"]).rows() == [(150, "1.5")]


def test_one_event_that_breaks_the_mapping_does_not_stop_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DRAIN.map_events

    def breaking(kept: pl.DataFrame, terms: Any) -> Any:
        if "m3" in kept["message_id"].to_list():
            raise RuntimeError("whatever one event may do")
        return real(kept, terms)

    monkeypatch.setattr(DRAIN, "map_events", breaking)
    rows = drained(tmp_path, *(event(i) for i in range(7)))
    assert set(rows["id"]) == {interaction_id("segment", f"m{i}") for i in range(7) if i != 3}
    assert rejected() == [("m3", "broken_event")]


def test_an_event_without_a_time_happened_when_it_was_received(tmp_path: Path) -> None:
    rows = drained(tmp_path, event(1, timestamp=None), event(2, timestamp=None, sentAt=AT))
    assert sorted(NOW - at for at in rows["occurred_at"]) == [0, 2 * DAY // 24]


def test_one_event_may_tell_several_preferences(tmp_path: Path) -> None:
    rows = drained(tmp_path, event(1, "Preferred", properties={"days": "mon,tue", "max_per_week": 2}))
    assert set(rows.select("name", "answer").rows()) == {("days", 3.0), ("max_per_week", 2.0)}
    assert rows["id"].is_unique().all()


def test_a_consent_event_belongs_to_the_persona_of_its_address(tmp_path: Path) -> None:
    told = {"purpose": "selling", "channel": "email", "identifier": "ANN@example.com", "evidence": "form"}
    rows = drained(tmp_path, event(1, "Consented", properties=told))
    mail = people().filter(pl.col("type") == "email")["persona_id"].to_list()
    assert rows.select("persona_id", "identifier").rows() == [(mail[0], "ann@example.com")]


def test_a_promise_looks_at_the_events_own_properties(tmp_path: Path) -> None:
    rows = drained(
        tmp_path,
        event(1, "Visited", properties={"arrived_on": "mon", "agreed_on": "mon"}),
        event(2, "Visited", properties={"arrived_on": "tue", "agreed_on": "mon"}),
        event(3, "Visited", properties={"arrived_on": "tue"}),
    )
    assert dict(rows.select("id", "reliability").rows()) == {
        interaction_id("segment", "m1"): pytest.approx(0.4), interaction_id("segment", "m2"): pytest.approx(-0.8),
        interaction_id("segment", "m3"): None,
    }  # fmt: skip


def test_a_drained_event_gives_up_its_content_and_later_its_id(tmp_path: Path) -> None:
    drained(tmp_path, event(1, properties={"total": 1, "secret": "Erika"}))
    assert read("SELECT body FROM intake_event", {"body": pl.String})["body"].to_list() == [""]
    drain(playbook(), ledger(tmp_path), received_at=NOW + 15 * DAY)
    assert read("SELECT body FROM intake_event", {"body": pl.String}).is_empty()


def test_ready_rows_come_into_the_ledger_as_they_are(tmp_path: Path) -> None:
    row = pl.DataFrame({
        "id": ["f" * 32], "kind": ["assigned"], "persona_id": [7], "bucket": [3], "role": ["customer"], "source": ["decision"],
        "occurred_at": [NOW], "programme": ["global"], "recurrence": ["2026"], "arm": ["control"], "digest": ["d"],
    })  # fmt: skip
    assert accept_rows(row, received_at=NOW) == 1
    assert accept_rows(row, received_at=NOW) == 0
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    told = stored(tmp_path).row(0, named=True)
    assert (told["programme"], told["arm"], told["bucket"], told["digest"], told["version"], told["machine"]) == (
        "global",
        "control",
        3,
        "d",
        1,
        False,
    )


def test_a_ready_row_with_a_column_that_the_ledger_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        accept_rows(pl.DataFrame({"id": ["x"], "colour": ["red"]}), received_at=NOW)


def test_readers_see_what_is_not_drained_yet_as_it_will_be(tmp_path: Path) -> None:
    book, table = playbook(), ledger(tmp_path)
    drained(tmp_path, event(1))
    accept([event(2, user="u2"), event(3, "Asked", user="u1", properties={"ticket": "t1"})], received_at=NOW)
    seen = pl.DataFrame(pending(book, table, received_at=NOW)).sort("id")
    assert len(seen) == 2
    assert seen["seq"].min() > 1  # type: ignore[operator]  # there are rows
    drain(book, table, received_at=NOW)
    kept = stored(tmp_path).filter(pl.col("id").is_in(seen["id"].implode())).sort("id")
    assert seen.drop("seq", "batch").equals(kept.drop("seq", "batch"))
    assert pending(book, table, received_at=NOW).num_rows == 0


def test_batches_are_numbered_and_a_number_is_never_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DRAIN, "BATCH", 10)
    accept([event(i) for i in range(35)], received_at=NOW)
    assert drain(playbook(), ledger(tmp_path), received_at=NOW).batches == 4
    assert sorted(stored(tmp_path)["batch"].unique()) == [1, 2, 3, 4]
    assert stored(tmp_path)["seq"].is_unique().all()
    execute("DELETE FROM recognition_counter WHERE name = 'drain'")  # a database older than the ledger
    accept([event(99)], received_at=NOW)
    drain(playbook(), ledger(tmp_path), received_at=NOW)
    assert stored(tmp_path)["batch"].max() == 5
    assert len(stored(tmp_path)) == 36


@pytest.mark.network
def test_postgresql_keeps_drains_and_imports_the_same(postgres: str, tmp_path: Path) -> None:
    book, table = playbook(), ledger(tmp_path)
    accepted = accept(
        [
            event(1, type_="identify", anonymousId="a1", traits={}),
            event(2),
            event(2),
            event(3, properties={"total": "x"}),
        ],
        received_at=NOW,
    )
    assert (accepted.accepted, accepted.duplicates) == (3, 1)
    accept([event(4, "Rated", properties={"score": 5, "about": "interaction:m9"})], received_at=NOW)
    assert pending(book, table, received_at=NOW).num_rows == 4
    drain(book, table, received_at=NOW)
    accept([event(9, "Asked", properties={"ticket": "t"})], received_at=NOW)
    drain(book, table, received_at=NOW)
    assert rejected() == [("m3", "bad_number")]
    result = run(
        tmp_path, b"customer,at,amount,words\nc1,2026-01-02T10:00:00Z,1,w\nc2,2026-01-02T10:00:00Z,1,w\n", purchases()
    )
    assert (result.accepted, result.customers) == (2, 2)
    rows = stored(tmp_path)
    assert rows["id"].is_unique().all()
    assert sorted(rows["kind"]) == [
        "answered",
        "answered",
        "asked",
        "bought",
        "bought",
        "bought",
        "identified",
        "linked",
    ]
