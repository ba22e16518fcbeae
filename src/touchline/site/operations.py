"""In: questions of machines that run the service. Out: whether it is ready, and its metrics. Writes no interactions."""

from __future__ import annotations

import threading
import time

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from touchline.site import metrics, readiness
from touchline.team import keys
from touchline.workspace import serving

_FRESH = 1.0  # seconds for which an answer is given again, so that asking often costs nothing
_looked: dict[str, tuple[float, dict[str, str]]] = {}
_looking = threading.Lock()


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """200 where this process can serve, else 503; what is looked at, each with `ok` or one word."""
    root = str(serving.current().settings.root)
    with _looking:
        at, found = _looked.get(root, (0.0, {}))
        if time.monotonic() - at > _FRESH or not found:
            found = readiness.checks(serving.current())
            _looked[root] = (time.monotonic(), found)
    fine = all(answer == readiness.OK for answer in found.values())
    return JsonResponse({"ready": fine, "checks": found}, status=200 if fine else 503)


@never_cache
@require_safe
def measured(request: HttpRequest) -> HttpResponse:
    """The metrics, for whoever shows a key of scope `read` as a bearer token."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or keys.verify(key.strip(), "read") is None:
        refused = HttpResponse("A key of scope read is needed.", status=401, content_type="text/plain")
        refused["WWW-Authenticate"] = 'Bearer realm="touchline"'
        return refused
    return HttpResponse(metrics.exposed(serving.current().clock.now), content_type="text/plain; version=0.0.4")
