"""In: a request. Out: the same from somebody of the team, else the way to the sign-in. Writes no interactions.

Everything needs a signed-in member of the team but what is named here: a new page is closed until somebody opens it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase

OPEN = ("/u/", "/api/", "/accounts/", "/join/", "/static/", "/readyz", "/metrics")
"""Where paths begin that are not the console's: customers' links, machines' keys, the sign-in itself."""


class StaffOnly(LoginRequiredMiddleware):
    """Django's own middleware, for the console only."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., Any],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Where the console's page is asked for by nobody, the way to the sign-in."""
        if request.path_info.startswith(OPEN):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)
