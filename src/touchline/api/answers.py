"""In: what became of a request to the intake. Out: status, headers and JSON body of its answer. Writes no interactions.

An answer never quotes the request: whatever was sent stays with its sender.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from django.db import Error as DatabaseFault

from touchline.api.bodies import BadPacking, BodyTooLarge, BodyTooSlow, TooManySleepers
from touchline.api.keyring import TooManyKeys
from touchline.api.writer import Closed
from touchline.intake.arriving import NoEvents
from touchline.kernel.errors import TouchlineError

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""(status, headers, body)"""

RETRY_AFTER = 1
"""Seconds after which a request that was not taken is welcome again."""

_JSON = (b"content-type", b"application/json")
_OPEN = (b"access-control-allow-origin", b"*")
# Any site may send, as its visitors' browsers do: a key says to whom, and nothing is ever given out here.
_RETRY = (b"retry-after", str(RETRY_AFTER).encode())


class NoSuchPath(TouchlineError):
    """There is no such path."""

    code = "no_such_path"
    remedy = "Events go to /v1/track, identify, page, screen, group, alias or batch."


class WrongMethod(TouchlineError):
    """Events are sent by POST."""

    code = "wrong_method"


class UnknownKey(TouchlineError):
    """The write key is missing, unknown or revoked, or may not write."""

    code = "unknown_key"
    remedy = "Send it as the user name of Basic authorization; `touchline keys create` makes one."


class TooBusy(TouchlineError):
    """More comes in than can be kept."""

    code = "too_busy"
    remedy = "Send it again a little later."


class NotNow(TouchlineError):
    """The database cannot be reached."""

    code = "not_now"
    remedy = "Send it again a little later; what is known by its messageId already is not kept twice."


class BadEvents(TouchlineError):
    """Some events cannot be kept; all others are."""

    code = "bad_events"

    def __init__(self, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__()
        self.faults = faults


class OwnFault(TouchlineError):
    """Touchline failed."""

    code = "internal_fault"


_STATUS: Mapping[type[TouchlineError], int] = {
    BadEvents: 400,
    BadPacking: 400,
    NoEvents: 400,
    UnknownKey: 401,
    NoSuchPath: 404,
    WrongMethod: 405,
    BodyTooSlow: 408,
    BodyTooLarge: 413,
    TooBusy: 429,
    TooManyKeys: 429,
    TooManySleepers: 429,
    OwnFault: 500,
    Closed: 503,
    NotNow: 503,
}
_MORE: Mapping[int, Headers] = {
    401: [(b"www-authenticate", b'Basic realm="touchline", charset="UTF-8"')],
    405: [(b"allow", b"POST, OPTIONS")],
    408: [(b"connection", b"close")],
    413: [(b"connection", b"close")],
    429: [_RETRY],
    503: [_RETRY],
}

KEPT: Answer = (200, [_JSON, _OPEN], b'{"success":true}')
HEALTHY: Answer = (200, [_JSON], b'{"status":"ok"}')
UNHEALTHY: Answer = (503, [_JSON], b'{"status":"the writer has ended"}')
PREFLIGHT: Answer = (
    204,
    [
        _OPEN,
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"authorization, content-type, content-encoding, anonymousid, x-retry-count"),
        (b"access-control-max-age", b"86400"),
    ],
    b"",
)


def refused(fault: Exception) -> tuple[Answer, str]:
    """(the answer, the reason by its code) of what stopped a request; what is no known refusal is Touchline's own fault."""
    known = NotNow() if isinstance(fault, DatabaseFault) else fault
    if not isinstance(known, TouchlineError) or type(known) not in _STATUS:
        known = OwnFault()
    status = _STATUS[type(known)]
    told: dict[str, object] = {"success": False, "code": known.code, "message": str(known).replace("\n  ", " ")}
    if isinstance(known, BadEvents):
        told["faults"] = [{"index": index, "fault": what} for index, what in known.faults]
    return (status, [_JSON, _OPEN, *_MORE.get(status, [])], msgspec.json.encode(told)), known.code
