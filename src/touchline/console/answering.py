"""In: a view of the console. Out: the same, with the workspace in the member's name, and faults as pages. Writes no interactions itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.team.actors import NotAllowed
from touchline.team.roles import Right
from touchline.workspace import serving
from touchline.workspace.opened import Workspace

View = Callable[..., HttpResponse]

DIGITS = 18
"""Of a number; a longer one numbers nothing, and no database takes it."""


def acting(request: HttpRequest) -> Workspace:
    """The served workspace, in the name of who is signed in."""
    return serving.current().acting_as(cast("Any", request.user).actor)


def answers(right: Right = Right.SEE) -> Callable[[View], View]:
    """A view that gets the workspace second; without the right 403, for an unknown name 404, for another fault 400."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            actor = getattr(request.user, "actor", None)
            if actor is None:
                raise PermissionDenied
            try:
                actor.require(right)
                for name, value in kwargs.items():
                    if isinstance(value, int) and len(str(value)) > DIGITS:
                        raise UnknownName(f"that {name}", remedy="No number is as long as this one.")
                return view(request, acting(request), *args, **kwargs)
            except NotAllowed as fault:
                return refused(request, fault, 403)
            except UnknownName as fault:
                return refused(request, fault, 404)
            except TouchlineError as fault:
                return refused(request, fault, 400)

        return answered

    return decorate


def refused(request: HttpRequest, fault: TouchlineError, status: int) -> HttpResponse:
    """The fault as a page: what is wrong and what to do."""
    what = str(fault).split("\n")[0]
    return render(request, "console/fault.html", {"what": what, "remedy": fault.how}, status=status)


def done(request: HttpRequest, where: str, said: str, *, warn: bool = False) -> HttpResponse:
    """Back to a page, with a toast."""
    (messages.warning if warn else messages.success)(request, said)
    return HttpResponseRedirect(where)
