"""In: a request to `/api`. Out: the same with whose key it came, or what is wrong with it. Writes no interactions.

Only keys open here, never a session, so that no other site can have a member's browser ask anything. A key does what its scope is for
and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from ninja.security import HttpBearer

from touchline.api import problems
from touchline.team import keys
from touchline.workspace import serving
from touchline.workspace.opened import Workspace

BODY_LIMIT = 64 * 1024
"""Bytes of a body."""

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Caller:
    """Whose key it was.

    scope      of the key
    workspace  the one that is served, in the key's name
    """

    scope: str
    workspace: Workspace


class Key(HttpBearer):
    """Asks for a key of one of some scopes as a bearer token."""

    def __init__(self, *scopes: str) -> None:
        super().__init__()
        self.scopes = scopes

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:  # noqa: ARG002 - as the library calls it
        """Whose key it is; None for nobody's. Raises WrongScope for one that may do something else."""
        text = token.strip()
        for scope in self.scopes:
            actor = keys.verify(text, scope)
            if actor is not None:
                return Caller(scope, serving.current().acting_as(actor))
        if any(keys.verify(text, scope) for scope in keys.SCOPES if scope not in self.scopes):
            raise problems.WrongScope(remedy=f"Make a key of scope {' or '.join(self.scopes)}.")
        return None


def door(view: View) -> View:
    """The view behind a limit on bodies, with every refusal as a problem, and nothing for caches to keep."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        declared = str(request.META.get("CONTENT_LENGTH") or "0")
        if not declared.isdecimal() or int(declared[:18]) > BODY_LIMIT:
            response: HttpResponseBase = problems.answer(problems.TooLarge())
        else:
            try:
                response = view(request, *args, **kwargs)
            except Http404:
                response = problems.answer(problems.NoSuchPath())
        if response.status_code == 405:
            allowed = response.get("Allow", "")
            response = problems.answer(problems.WrongMethod())
            response["Allow"] = allowed
        response["Cache-Control"] = "no-store"
        return response

    return answered


@door
def nothing(_: HttpRequest) -> HttpResponseBase:
    """What answers wherever nothing else does."""
    raise Http404
