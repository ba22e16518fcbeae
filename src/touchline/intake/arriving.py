"""In: the bytes of a request, as a client sent them. Out: each event's message id and text as they are kept, or what is wrong with it. Writes no interactions.

A batch is cut into its events without looking into them, so that one that cannot be read costs none of the others. What is
kept is the event written anew: a key that stood there twice, or space between the parts, is gone. An event that looks in any
way unusual takes `buffer.fault_of`, which is the rule; the quick way only knows what cannot be wrong by it, and a test holds the two together.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from touchline.intake.buffer import DEEPEST, EVENT_LIMIT, LONGEST_ID, OBJECTS, TEXTS, TYPES, fault_of
from touchline.kernel.errors import TouchlineError

MOST_EVENTS = 10_000
"""Events of one request."""

Row = tuple[str, str]
"""(message id, text of the event) as they are kept."""

_SUSPICIOUS = (b"\\u0000", b"\\u001f", b"\\u001F")
_TYPES = frozenset(TYPES)
_SHAPES: dict[str, type] = {"type": str, "messageId": str, **dict.fromkeys(TEXTS, str), **dict.fromkeys(OBJECTS, dict)}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_NO_JSON = "holds what JSON has no word for"


class NoEvents(TouchlineError):
    """The request holds no events."""

    code = "no_events"
    remedy = "Send one event as a JSON object to /v1/TYPE, or several as `batch` of one to /v1/batch."


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw]
    context: Any = None
    sentAt: Any = None  # noqa: N815 - Segment's name
    writeKey: Any = None  # noqa: N815 - as above


_decode_batch = msgspec.json.Decoder(_Batch).decode


class _Single(msgspec.Struct):
    writeKey: Any = None  # noqa: N815 - Segment's name


_decode_single = msgspec.json.Decoder(_Single).decode


class Body:
    """A request's body, cut into events.

    events  each as its bytes, or decoded where the body could not be cut
    """

    __slots__ = ("_context", "_key", "_sent_at", "_type", "events")

    def __init__(self, data: bytes, kind: str) -> None:
        """kind is `batch`, or the type of a single event; raises NoEvents."""
        self._type: str | None = None
        self._context: Mapping[str, Any] | None = None
        self._sent_at: str | None = None
        self.events: list[Any]
        if kind == "batch":
            batch = _batch(data)
            self.events, self._key = batch.batch, batch.writeKey
            self._context = batch.context if isinstance(batch.context, dict) and batch.context else None
            told = batch.sentAt
            self._sent_at = told if isinstance(told, str) and told.isascii() and told.isprintable() else None
            if len(self.events) > MOST_EVENTS:
                raise NoEvents(f"more than {MOST_EVENTS:,} events", remedy="Send smaller batches.")
        else:
            self.events, self._type, self._key = [data], kind, None

    @property
    def write_key(self) -> str | None:
        """The key that a browser's client tells inside the body."""
        key = self._key
        if self._type is not None:
            with suppress(ValueError, RecursionError):  # the event's own reading says what is wrong with it
                key = _decode_single(self.events[0]).writeKey
        return key if isinstance(key, str) else None

    def rows(self) -> tuple[list[Row], list[tuple[int, str]]]:
        """(what can be kept, [(index, what is wrong)] of the others)."""
        rows: list[Row] = []
        faults: list[tuple[int, str]] = []
        for index, event in enumerate(self.events):
            found = self._row(event)
            if isinstance(found, str):
                faults.append((index, found))
            else:
                rows.append(found)
        return rows, faults

    def _row(self, raw: Any) -> Row | str:
        """One event as it is kept, or what is wrong with it."""
        suspicious = True
        try:
            if isinstance(raw, msgspec.Raw | bytes):
                data = bytes(raw)
                # What the request adds was not looked at by its letters.
                suspicious = self._context is not None or _unusual(data)
                try:
                    event = _decode(data)
                except (ValueError, RecursionError):
                    # Half a surrogate pair, a number beyond all numbers: legal JSON, which the slow reader can name.
                    event, suspicious = json.loads(data), True
            else:
                event = raw
            if type(event) is not dict:
                return fault_of(event) or _NO_JSON
            wrong = self._completed(event)
            if wrong is None and (suspicious or not _plain(event)):
                wrong = fault_of(event)
            if wrong is not None:
                return wrong
            body = _encode(event)
        except (ValueError, TypeError, RecursionError, msgspec.MsgspecError):
            return _NO_JSON
        if len(body) > EVENT_LIMIT:
            return f"is larger than {EVENT_LIMIT // 1024} KB"
        return event["messageId"], body.decode()

    def _completed(self, event: dict[str, Any]) -> str | None:
        """Give the event what the request tells of it; what is wrong where the two disagree."""
        if self._type is not None and event.setdefault("type", self._type) != self._type:
            return "`type` is another one than the path's"
        event.pop("writeKey", None)  # nothing of the customer's
        if event.get("messageId") is None:
            event["messageId"] = uuid.uuid4().hex
        if self._sent_at is not None and event.get("timestamp") is None:
            event.setdefault("sentAt", self._sent_at)
        if self._context is not None:
            own = event.get("context")
            if own is None or isinstance(own, dict):
                event["context"] = {**self._context, **(own or {})}
        return None


def _batch(data: bytes) -> _Batch:
    try:
        return _decode_batch(data)
    except (ValueError, RecursionError):
        pass
    # It may be one event's fault: the slow reader takes what is no JSON by the letter, and each event is judged then.
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise NoEvents("the body is no JSON") from None
    events = found.get("batch") if isinstance(found, dict) else None
    if not isinstance(events, list):
        raise NoEvents("`batch` is no list")
    return _Batch(events, found.get("context"), found.get("sentAt"), found.get("writeKey"))


def _unusual(data: bytes) -> bool:
    """Whether the letters of an event could hold what nobody keeps, or nest too deep; True is no verdict."""
    if b"\\" in data and any(mark in data for mark in _SUSPICIOUS):
        return True
    return data.count(b"{") + data.count(b"[") > DEEPEST


def _plain(event: dict[str, Any]) -> bool:
    """Whether an event, read from JSON without anything suspicious in it, has no fault that `fault_of` would find; False is no verdict."""
    for name, value in event.items():
        shape = _SHAPES.get(name)
        if shape is None or value is None:
            continue
        if type(value) is not shape or (type(value) is str and len(value) > LONGEST_ID):
            return False
    get = event.get
    return bool(
        get("type") in _TYPES
        and get("messageId")
        and (get("userId") or get("anonymousId"))
        and (get("event") or event["type"] != "track")
    )
