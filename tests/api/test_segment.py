"""What the intake answers to whatever is sent to it, and what it keeps."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import IntegrityError, OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api.asking import KEY, Asking, basic
from touchline.api import bodies, writer
from touchline.api.segment import PATHS, Intake
from touchline.api.writer import Writer
from touchline.kernel.times import SystemClock
from touchline.recognition.staging import execute, read


def event(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Bought", "messageId": f"m{number}", "userId": "u1", "properties": {}} | more


def kept() -> dict[str, dict[str, Any]]:
    """Message id -> the event as it is kept."""
    rows = read("SELECT message_id, body FROM intake_event", {"message_id": pl.String, "body": pl.String})
    return {message: json.loads(body) for message, body in rows.iter_rows()}


def test_an_event_is_acknowledged_when_it_is_committed(asking: Asking) -> None:
    answer = asking.post("/v1/track", event())
    assert (answer.status, answer.json) == (200, {"success": True})
    assert kept() == {"m1": event()}
    assert (asking.intake.accepted, asking.intake.duplicates, asking.intake.queued) == (1, 0, 0)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_every_path_of_segments_clients_is_known(asking: Asking, path: str) -> None:
    kind = PATHS[path]
    sent = {"userId": "u1", "event": "Bought", "messageId": "m"}
    body = {"batch": [{**sent, "type": "track"}]} if kind == "batch" else sent
    assert asking.post(path, body).status == 200
    assert kept()["m"]["type"] == ("track" if kind == "batch" else kind)


def test_the_same_message_is_kept_once_however_often_it_is_sent(asking: Asking) -> None:
    for _ in range(2):
        assert asking.post("/v1/batch", {"batch": [event(1), event(2), event(1)]}).status == 200
    assert set(kept()) == {"m1", "m2"}
    assert (asking.intake.accepted, asking.intake.duplicates) == (2, 4)


def test_an_event_without_a_message_id_gets_one(asking: Asking) -> None:
    for _ in range(2):
        assert asking.post("/v1/track", {"userId": "u1", "event": "Bought"}).status == 200
    assert len(kept()) == 2


def test_what_a_batch_tells_of_all_its_events_reaches_each(asking: Asking) -> None:
    batch = [event(1), event(2, context={"ip": "192.0.2.1"}), event(3, timestamp="2026-11-01T10:00:00Z")]
    sent = {"batch": batch, "context": {"ip": "192.0.2.9", "locale": "de"}, "sentAt": "2026-11-01T11:00:00Z"}
    assert asking.post("/v1/batch", sent).status == 200
    told = kept()
    assert told["m1"]["context"] == {"ip": "192.0.2.9", "locale": "de"}
    assert told["m2"]["context"] == {"ip": "192.0.2.1", "locale": "de"}
    assert told["m1"]["sentAt"] == "2026-11-01T11:00:00Z"
    assert "sentAt" not in told["m3"]


def test_bad_events_are_told_by_index_and_the_others_are_kept(asking: Asking) -> None:
    batch = [event(1), 7, event(2, type="other"), event(3, userId=None), event(4), event(5, properties={"a": "x\x00"})]
    answer = asking.post("/v1/batch", {"batch": batch})
    assert answer.status == 400
    assert answer.json["success"] is False
    assert set(answer.faults) == {1, 2, 3, 5}
    assert "U+0000" in answer.faults[5]
    assert set(kept()) == {"m1", "m4"}
    assert asking.intake.refused["bad_event"] == 4


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b'{"a": NaN}', "not finite"),
        (b'{"a": -Infinity}', "not finite"),
        (b'{"a": 1e999}', "not finite"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\\u0000"}', "U+0000"),
        (b'{"\\u0000": 1}', "U+0000"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "inside one another"),
        (b'{"a": "' + b"x" * 33_000 + b'"}', "larger than 32 KB"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "no word for"),
    ],
)
@pytest.mark.parametrize("single", [True, False])
def test_what_cannot_be_kept_is_refused_and_costs_no_other_event(
    asking: Asking, text: bytes, word: str, single: bool
) -> None:
    bad = json.dumps(event(2)).encode().replace(b'"properties": {}', b'"properties": ' + text)
    good = json.dumps(event(1)).encode()
    path, body = ("/v1/track", bad) if single else ("/v1/batch", b'{"batch": [' + good + b"," + bad + b"]}")
    answer = asking.post(path, body)
    assert answer.status == 400
    assert word in answer.faults[0 if single else 1]
    assert set(kept()) == (set() if single else {"m1"})


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"batch": {}}', b'{"batch"', b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"batch": [[', b"1" * 9_000],
)  # fmt: skip
def test_a_body_that_holds_no_events_is_refused(asking: Asking, body: bytes) -> None:
    for path in ("/v1/batch", "/v1/track"):
        answer = asking.post(path, body)
        assert answer.status == 400, (path, body[:20])
        assert answer.json["success"] is False
    assert kept() == {}


def test_an_empty_batch_is_no_fault(asking: Asking) -> None:
    assert asking.post("/v1/batch", {"batch": []}).status == 200


def test_the_type_of_the_path_and_of_the_event_must_agree(asking: Asking) -> None:
    assert "`type`" in asking.post("/v1/page", event()).faults[0]


def test_a_key_that_stands_twice_counts_once_as_it_is_kept(asking: Asking) -> None:
    body = b'{"event": "A", "event": "B", "userId": "u", "messageId": "m", "type": "track", "properties": {"x": 1, "x": 2}}'
    assert asking.post("/v1/track", body).status == 200
    text = read("SELECT body FROM intake_event", {"body": pl.String})["body"][0]
    assert text.count('"event"') == 1
    assert json.loads(text)["properties"] == {"x": 2}


@pytest.mark.parametrize(
    "headers", [{}, {"content-encoding": "gzip"}, {"content-type": "application/x-www-form-urlencoded"}]
)
def test_gzip_is_told_by_its_bytes_and_not_by_its_headers(asking: Asking, headers: dict[str, str]) -> None:
    told = basic(KEY) | headers
    assert asking.post("/v1/track", gzip.compress(json.dumps(event(1)).encode()), headers=told).status == 200
    assert asking.post("/v1/track", event(2), headers=told).status == 200
    assert set(kept()) == {"m1", "m2"}


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(asking: Asking) -> None:
    press = zlib.compressobj(9, wbits=31)
    zeros = b" " * 1_000_000
    bomb = b"".join([press.compress(zeros) for _ in range(80)]) + press.flush()
    assert len(bomb) < bodies.BODY_LIMIT < 80_000_000
    tracemalloc.start()
    try:
        answer = asking.post("/v1/batch", bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answer.status == 413
    assert peak < 4 * bodies.BODY_LIMIT


@pytest.mark.parametrize(
    "change", [lambda g: g[:-3], lambda g: g + b"x", lambda g: g + g, lambda g: g[:20] + b"\x00" + g[21:]]
)
def test_gzip_that_is_not_one_whole_stream_is_refused(asking: Asking, change: Any) -> None:
    packed = gzip.compress(
        json.dumps(event(1, properties={"a": "some words of which some come again, some words"})).encode()
    )
    assert asking.post("/v1/track", change(packed)).status == 400
    assert kept() == {}


def test_a_body_past_500_kb_is_refused_and_not_held(asking: Asking) -> None:
    assert asking.post("/v1/batch", [b"x" * 400_000, b"x" * 112_001]).status == 413
    assert asking.post("/v1/batch", b"x" * 512_001).status == 413
    large = basic(KEY) | {"content-length": str(10**12)}
    assert asking.post("/v1/batch", [b"x"], headers=large).status == 413
    assert asking.post("/v1/batch", gzip.compress(b" " * 512_001)).status == 413
    assert asking.post("/v1/batch", b'{"batch": []}' + b" " * (512_000 - 13)).status == 200


def test_only_so_many_bodies_are_waited_for_at_once(asking: Asking) -> None:
    async def crowd() -> list[Any]:
        stalled = [asyncio.ensure_future(asking.asked("/v1/track", [b"{", b""], stalls=True)) for _ in range(3)]
        await asyncio.sleep(0)
        return [await asking.asked("/v1/track", event()), *await asyncio.gather(*stalled)]

    asking.intake._reader._most = 3
    late, *stalled = asking.run(crowd())
    assert (late.status, late.headers["retry-after"]) == (429, "1")
    assert [each.status for each in stalled] == [408] * 3
    assert asking.post("/v1/track", event()).status == 200, "the next one is taken as ever"


def test_a_sender_who_goes_away_is_not_answered_and_nothing_is_kept(asking: Asking) -> None:
    assert asking.run(asking.asked("/v1/track", [b'{"userId": "u1"', None])) is None
    assert kept() == {}
    assert asking.intake.refused["sender_gone"] == 1


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Basic", "Basic ", "Basic !!!", "Bearer " + KEY, KEY, "Basic dGx3X2Eta2V5", basic("other")["authorization"], basic("")["authorization"],
        basic(KEY + " ")["authorization"], basic("ü")["authorization"], basic("x" * 500)["authorization"], "Basic " + "A" * 100_000, "Basic \xff\xfe",
    ],
)  # fmt: skip
def test_without_the_right_key_nothing_is_taken(asking: Asking, authorization: str) -> None:
    answer = asking.post("/v1/track", event(), headers={"authorization": authorization})
    if authorization == "Basic dGx3X2Eta2V5":
        assert answer.status == 200, "a user name without a colon is one, too"
        return
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert kept() == {}


def test_basic_is_read_whatever_its_letters_and_its_password(asking: Asking) -> None:
    import base64

    told = base64.b64encode(f"{KEY}:whatever:else".encode()).decode()
    assert asking.post("/v1/track", event(), headers={"authorization": f"bAsIC   {told} "}).status == 200


def test_two_authorizations_are_none(asking: Asking) -> None:
    async def asked() -> int:
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": json.dumps(event()).encode(), "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        raw = [(name.encode(), value.encode()) for name, value in basic(KEY).items()] * 2
        await asking.intake({"type": "http", "method": "POST", "path": "/v1/track", "headers": raw}, receive, send)
        return int(sent[0]["status"])

    assert asking.run(asked()) == 401


def test_a_browsers_client_tells_its_key_in_the_body_and_it_is_not_kept(asking: Asking) -> None:
    assert asking.post("/v1/t", event() | {"writeKey": KEY}, headers={}).status == 200
    assert asking.post("/v1/b", {"batch": [event(2)], "writeKey": KEY}, headers={}).status == 200
    assert kept() == {"m1": event(1), "m2": event(2)}
    for wrong in ("other", "", None, 7, {"a": 1}):
        assert asking.post("/v1/t", event(3) | {"writeKey": wrong}, headers={}).status == 401
        assert asking.post("/v1/b", {"batch": [event(3)], "writeKey": wrong}, headers={}).status == 401
    assert asking.post("/v1/t", event(3), headers={}).status == 401


def test_a_header_with_a_wrong_key_is_not_mended_by_the_body(asking: Asking) -> None:
    assert asking.post("/v1/track", event() | {"writeKey": KEY}, headers=basic("other")).status == 401


def test_other_paths_and_methods_are_told_apart(asking: Asking) -> None:
    assert asking.post("/v1/tracks", event()).status == 404
    assert asking.post("/v1/", event()).status == 404
    assert asking.post("/v1/track", b"", method="GET").status == 405
    assert asking.post("/v1/track", b"", method="PUT").headers["allow"] == "POST, OPTIONS"


def test_a_browser_may_ask_before_it_sends(asking: Asking) -> None:
    answer = asking.post("/v1/track", b"", method="OPTIONS", headers={"origin": "https://shop.example"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"authorization", "content-type", "anonymousid"} <= set(
        answer.headers["access-control-allow-headers"].split(", ")
    )
    for path, key in (("/v1/track", KEY), ("/v1/track", "other")):
        assert asking.post(path, event(), headers=basic(key)).headers["access-control-allow-origin"] == "*"


def test_health_is_answered_without_a_key(asking: Asking) -> None:
    assert asking.post("/healthz", b"", method="GET", headers={}).json == {"status": "ok"}
    assert asking.post("/healthz", b"", method="POST", headers={}).status == 404
    assert Intake.handles("/healthz")
    assert Intake.handles("/v1/track")
    assert not Intake.handles("/v1")


def test_a_full_queue_answers_429_and_says_when_to_come_back(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "keep", slow := Slow())
    intake = Intake(lambda key, scope: key, writer=Writer(SystemClock().now, queue_events=10))
    asking = Asking(intake)

    async def crowd() -> list[Any]:
        asked = [asyncio.ensure_future(asking.asked("/v1/track", event(n))) for n in range(30)]
        while sum(each.done() for each in asked) < 20:
            await asyncio.sleep(0.01)
        assert intake.queued == 10
        slow.go.set()
        return await asyncio.gather(*asked)

    answers = asking.run(crowd())
    assert sorted(each.status for each in answers) == [200] * 10 + [429] * 20
    assert {each.headers["retry-after"] for each in answers if each.status == 429} == {"1"}
    assert asking.post("/v1/track", event(99)).status == 200
    assert (intake.queued, intake.refused["too_busy"]) == (0, 20)
    asking.close()
    assert len(kept()) == 11


class Slow:
    """`keep`, once it may go on."""

    def __init__(self) -> None:
        import threading

        self.go = threading.Event()

    def __call__(self, rows: Any, *, received_at: int) -> int:
        from touchline.intake import keep

        assert self.go.wait(30)
        return keep(rows, received_at=received_at)


def test_a_group_that_fails_is_tried_request_by_request_and_event_by_event(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer.keep

    def choosy(rows: Any, *, received_at: int) -> int:
        if any(message == "m7" for message, _ in rows):
            raise IntegrityError("it quotes m7")
        return real(rows, received_at=received_at)

    monkeypatch.setattr(writer, "keep", choosy)

    async def crowd() -> list[Any]:
        others = [asking.asked("/v1/track", event(n)) for n in range(3)]
        return await asyncio.gather(*others, asking.asked("/v1/batch", {"batch": [7, event(6), event(7), event(8)]}))

    *others, last = asking.run(crowd())
    assert [each.status for each in others] == [200, 200, 200]
    assert last.status == 400
    assert set(last.faults) == {0, 2}
    assert set(kept()) == {"m0", "m1", "m2", "m6", "m8"}


def test_a_database_that_is_away_is_no_fault_of_the_sender(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = writer.keep

    def away(rows: Any, *, received_at: int) -> int:
        raise OperationalError("could not reach secret.example as user erika")

    monkeypatch.setattr(writer, "keep", away)
    with caplog.at_level(logging.DEBUG):
        answer = asking.post("/v1/track", event())
    assert (answer.status, answer.headers["retry-after"], answer.json["code"]) == (503, "1", "not_now")
    assert "erika" not in caplog.text + answer.body.decode()
    monkeypatch.setattr(writer, "keep", real)
    assert asking.post("/v1/track", event()).status == 200


def test_a_key_that_cannot_be_looked_up_now_is_no_wrong_key(database: Path) -> None:
    def away(key: str, scope: str) -> object:
        raise OperationalError

    asking = Asking(Intake(away))
    assert asking.post("/v1/track", event()).status == 503
    asking.close()


def test_a_fault_of_our_own_is_told_without_what_was_sent(
    asking: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(body: bytes) -> bytes:
        raise RuntimeError("it quotes Erika")

    monkeypatch.setattr(bodies, "unpacked", broken)
    answer = asking.post("/v1/track", event(userId="Erika"))
    assert answer.status == 500
    assert "Erika" not in answer.body.decode() + caplog.text


def test_what_waits_is_committed_before_the_end_and_nothing_is_taken_after_it(asking: Asking) -> None:
    async def ending() -> tuple[list[Any], Any]:
        asked = [asyncio.ensure_future(asking.asked("/v1/track", event(n))) for n in range(50)]
        while asking.intake.queued < 50:
            await asyncio.sleep(0)
        await asking.intake.writer.close()
        return await asyncio.gather(*asked), await asking.asked("/v1/track", event(99))

    answers, late = asking.run(ending())
    assert {each.status for each in answers} == {200}
    assert len(kept()) == 50
    assert late.status == 503


def test_the_real_keys_open_and_a_revoked_or_reading_key_does_not(database: Path) -> None:
    from touchline.team import keys

    writing, reading, ended = (
        keys.create(name, scope) for name, scope in (("a", "write"), ("b", "read"), ("c", "write"))
    )
    keys.revoke(ended.id)
    asking = Asking(Intake(keys.verify))
    assert asking.post("/v1/track", event(1), headers=basic(writing.key)).status == 200
    assert asking.post("/v1/track", event(2), headers=basic(reading.key)).status == 401
    assert asking.post("/v1/track", event(2), headers=basic(ended.key)).status == 401
    asking.intake.keyring._remembered = 0.0
    asking.intake.keyring._known.clear()
    keys.revoke(writing.id)
    assert asking.post("/v1/track", event(2), headers=basic(writing.key)).status == 401
    asking.close()
    assert set(kept()) == {"m1"}


def test_a_key_is_looked_up_once_in_a_while_and_not_for_every_request(database: Path) -> None:
    asked: list[str] = []
    asking = Asking(Intake(lambda key, scope: asked.append(key) or key))

    async def crowd() -> list[Any]:
        return await asyncio.gather(*(asking.asked("/v1/track", event(n)) for n in range(40)))

    assert {each.status for each in asking.run(crowd())} == {200}
    assert asked == [KEY]
    asking.close()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_FIELDS = st.sampled_from(
    ["type", "messageId", "userId", "anonymousId", "event", "timestamp", "properties", "traits", "context", "batch", "writeKey", "sentAt"]
)  # fmt: skip
_EVENTS = st.dictionaries(_FIELDS, _JSON | st.sampled_from(["track", "u1", "Bought", "identify"]), max_size=8)


@given(
    body=st.binary(max_size=200)
    | _EVENTS.map(lambda e: json.dumps(e).encode())
    | st.fixed_dictionaries(
        {"batch": st.lists(_EVENTS | _JSON, max_size=5)}, optional={"context": _JSON, "sentAt": _JSON}
    ).map(lambda b: json.dumps(b).encode()),
    path=st.sampled_from(sorted(PATHS)),
    packed=st.booleans(),
    cut=st.integers(0, 30),
)
@settings(max_examples=150)
def test_no_body_makes_it_fail(asking: Asking, body: bytes, path: str, packed: bool, cut: int) -> None:
    sent = gzip.compress(body) if packed else body
    answer = asking.post(path, sent[: len(sent) - cut] if cut < 5 else sent)
    assert answer.status in (200, 400)
    execute("DELETE FROM intake_event")
