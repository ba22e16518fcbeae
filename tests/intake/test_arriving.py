"""What a request's bytes become is what the buffer's own rule says of each event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchline.intake.arriving import MOST_EVENTS, Body, NoEvents
from touchline.intake.buffer import DEEPEST, LONGEST_ID, fault_of


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth else {}


_TEXT = st.text(max_size=6) | st.sampled_from(
    ["x" * LONGEST_ID, "x" * (LONGEST_ID + 1), "a\x1fb", "a\x00b", "\ud800", "ü🚲"]
)
_VALUE = st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.lists(_TEXT, max_size=2)
_OBJECT = st.dictionaries(_TEXT, _VALUE, max_size=3) | st.integers(DEEPEST - 3, DEEPEST + 2).map(nested)
_EVENT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "identify", "alias"]) | _VALUE,
        "messageId": st.just("m1") | _TEXT,
        "userId": st.just("u1") | _VALUE,
    },
    optional={
        "anonymousId": _VALUE, "event": st.just("Bought") | _VALUE, "name": _VALUE, "timestamp": _VALUE, "properties": _OBJECT | _VALUE,
        "traits": _OBJECT, "context": _OBJECT, "other": _VALUE,
    },
)  # fmt: skip


@given(event=_EVENT, ascii_only=st.booleans())
@settings(max_examples=300)
def test_the_quick_way_refuses_what_the_rule_refuses_and_keeps_what_it_keeps(
    event: dict[str, Any], ascii_only: bool
) -> None:
    try:
        sent = json.dumps({"batch": [event]}, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        sent = json.dumps({"batch": [event]}).encode()
    rows, faults = Body(sent, "batch").rows()
    wrong = fault_of(event)
    assert [fault for _, fault in faults] == ([] if wrong is None else [wrong])
    if wrong is None:
        [(message, text)] = rows
        assert message == event["messageId"]
        assert json.loads(text) == event


def test_events_that_nobody_could_read_cost_only_themselves() -> None:
    good = b'{"type": "track", "event": "a", "userId": "u", "messageId": "m"}'
    rows, faults = Body(b'{"batch": [' + good + b', {"a": "\xff"}, ' + good + b"]}", "batch").rows()
    assert len(rows) == 2
    assert [index for index, _ in faults] == [1]


def test_a_request_holds_only_so_many_events() -> None:
    Body(b'{"batch": [' + b",".join([b"1"] * MOST_EVENTS) + b"]}", "batch")
    with pytest.raises(NoEvents, match="more than 10,000"):
        Body(b'{"batch": [' + b",".join([b"1"] * (MOST_EVENTS + 1)) + b"]}", "batch")
