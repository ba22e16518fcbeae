"""In: what stopped a request to `/api`. Out: its answer as RFC 9457 says: what is wrong, and what to do. Writes no interactions.

An answer quotes names of the playbook, never what was told of a person.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import Field

from touchline.delivery.showing import CannotTell
from touchline.kernel.errors import FaultsFound, TouchlineError, UnknownName
from touchline.team.actors import NotAllowed
from touchline.workspace.notices import KeyUsed, NoticeHeld
from touchline.workspace.serving import NothingServed

MEDIA = "application/problem+json"
RETRY_AFTER = 1
"""Seconds after which a request that could not be answered is welcome again."""

MOST_FAULTS, LONGEST_PLACE = 20, 80
_log = logging.getLogger("touchline.api")


class BadInput(Schema):
    """One thing that is wrong with what was sent, and where: `query.email`, `body.variables`."""

    where: str
    what: str


class Problem(Schema):
    """Why a request was not done."""

    type: str = Field(description="`urn:touchline:problem:` and the code")
    title: str
    status: int
    code: str = Field(description="stable, for programs")
    detail: str = ""
    remedy: str = Field("", description="what to do about it")
    faults: list[BadInput] = Field(default=[], description="each thing that is wrong with what was sent")
    held: list[str] = Field(default=[], description="what holds it: names of policies")


class WrongScope(TouchlineError):
    """The key may not do that."""

    code = "wrong_scope"


class TooLarge(TouchlineError):
    """The body is larger than 64 KB."""

    code = "body_too_large"
    remedy = "Send less at once."


class NoSuchPath(TouchlineError):
    """There is nothing at this path."""

    code = "no_such_path"
    remedy = "/api/openapi.json lists every path."


class WrongMethod(TouchlineError):
    """This path does not answer that method."""

    code = "wrong_method"
    remedy = "Use one that the header Allow names."


class UnknownKey(TouchlineError):
    """The key is missing, unknown or revoked."""

    code = "unknown_key"
    remedy = "Send it as `Authorization: Bearer KEY`; the console's page Keys makes one."


class BadRequest(TouchlineError):
    """The request cannot be read."""

    code = "bad_request"
    remedy = "Send one JSON object as /api/openapi.json describes it."


class BadValues(TouchlineError):
    """Something that was sent cannot be used."""

    code = "bad_values"
    remedy = "Mend what `faults` names."


class NotNow(TouchlineError):
    """It cannot be done at this moment."""

    code = "not_now"
    remedy = "Send it again a little later."


class OwnFault(TouchlineError):
    """Touchline failed."""

    code = "internal_fault"
    remedy = "It is in the log of the service."


STATUS: Mapping[type[Exception], int] = {
    BadRequest: 400,
    UnknownKey: 401,
    NotAllowed: 403,
    WrongScope: 403,
    NoSuchPath: 404,
    UnknownName: 404,
    WrongMethod: 405,
    NoticeHeld: 409,
    CannotTell: 409,
    TooLarge: 413,
    BadValues: 422,
    KeyUsed: 422,
    OwnFault: 500,
    FaultsFound: 503,
    NothingServed: 503,
    NotNow: 503,
}
"""Every other fault of the workspace is 422, but one whose `status` says otherwise."""


def answer(fault: TouchlineError, status: int | None = None, faults: Sequence[BadInput] = ()) -> HttpResponse:
    """The fault as an answer."""
    told = status or STATUS.get(type(fault), 422)
    title = (type(fault).__doc__ or "").strip().splitlines()[0]
    problem = Problem(
        type=f"urn:touchline:problem:{fault.code}",
        title=title,
        status=told,
        code=fault.code,
        detail="" if isinstance(fault, FaultsFound) else fault.detail,
        remedy=fault.how,
        faults=list(faults),
        held=list(getattr(fault, "held", ())),
    )
    body = {name: value for name, value in problem.model_dump().items() if value not in ("", [])}
    response = HttpResponse(json.dumps(body, ensure_ascii=False), status=told, content_type=MEDIA)
    if told == 401:
        response["WWW-Authenticate"] = 'Bearer realm="touchline"'
    if told == 503:
        response["Retry-After"] = str(RETRY_AFTER)
    return response


def refused(request: HttpRequest, fault: Exception | type[Exception]) -> HttpResponse:
    """The answer to whatever stopped a request; what is nobody's known refusal is Touchline's own fault, and logged."""
    if isinstance(fault, type):
        fault = fault()
    if isinstance(fault, ValidationError):
        return answer(BadValues(), faults=_faults(fault.errors))
    if isinstance(fault, AuthenticationError):
        return answer(UnknownKey())
    if isinstance(fault, HttpError):
        return answer(BadRequest(), fault.status_code if 400 <= fault.status_code < 500 else 400)
    if isinstance(fault, Http404):
        return answer(NoSuchPath())
    if isinstance(fault, TouchlineError):
        return answer(fault, getattr(fault, "status", None))
    if isinstance(fault, OperationalError | InterfaceError):
        _log.warning("not now: %s", type(fault).__name__)
        return answer(NotNow())
    match = request.resolver_match
    _log.error("failed", exc_info=fault, extra={"route": match.route if match is not None else "unmatched"})
    return answer(OwnFault())


def _faults(errors: Sequence[Mapping[str, Any]]) -> list[BadInput]:
    """What is wrong and where, without what was sent."""
    told = []
    for one in errors[:MOST_FAULTS]:
        where = ".".join(str(part) for part in one.get("loc", ()))
        told.append(BadInput(where=where[:LONGEST_PLACE], what=str(one.get("msg", ""))[:200]))
    return told
