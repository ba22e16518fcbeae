"""In: requests and their answers. Out: how many and how long, by face; one line of log each, without personal data. Writes no interactions.

A path may hold a customer's link or number, so what is counted and logged is the route that answered, never the path.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase

from touchline.site import metrics

FACES = {"u": "pages", "api": "api", "accounts": "accounts", "join": "accounts", "static": "static"}
"""First part of a path -> the face that answers there; every other path is the console's."""
UNSEEN = ("readyz", "metrics", "static")
"""Asked for by machines all day long: counted, but not logged."""

_log = logging.getLogger("touchline.web")


class Watched:
    """The outermost middleware."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, count, and say so."""
        begun = time.perf_counter()
        response = self._answer(request)
        seconds = time.perf_counter() - begun
        first = request.path_info.lstrip("/").partition("/")[0]
        face = FACES.get(first, "operations" if first in UNSEEN else "console")
        metrics.REQUESTS.labels(face, str(response.status_code)).inc()
        metrics.REQUEST_SECONDS.labels(face).observe(seconds)
        if first not in UNSEEN or response.status_code >= 500:
            user = getattr(request, "user", None)
            _log.info(
                "answered",
                extra={
                    "route": route(request),
                    "method": request.method if request.method in _METHODS else "other",
                    "status": response.status_code,
                    "ms": round(1000 * seconds, 1),
                    "user": getattr(user, "pk", None),
                },
            )
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Say what went wrong and where; what it said may quote a customer, and is left out. A bad request is no fault of ours."""
        if not isinstance(exception, _THEIRS):
            _log.error("failed", exc_info=exception, extra={"route": route(request)})


def route(request: HttpRequest) -> str:
    """The pattern of the URL that answers, with its parameters' names in place of what was asked for."""
    match = request.resolver_match
    return match.route if match is not None else "unmatched"


_THEIRS = (Http404, PermissionDenied, SuspiciousOperation, BadRequest, MultiPartParserError)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
