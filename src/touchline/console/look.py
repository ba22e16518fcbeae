"""In: the tokens of drawings, the console's own rules. Out: its style sheet, and the theme that somebody chose. Writes no interactions.

Colours are defined once, in `report/tokens.py`; the console's sheet adds its rules and may be told `light` or `dark`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from touchline.report.tokens import themed

THEMES = ("light", "dark", "system")
COOKIE = "theme"
_YEAR = 365 * 24 * 3600


@cache
def sheet() -> str:
    """The whole style sheet."""
    return themed((Path(__file__).parent / "sheet.css").read_text("utf-8"))


@cache
def digest() -> str:
    """What the sheet's address carries, so that a browser keeps it until it changes."""
    return hashlib.sha256(sheet().encode()).hexdigest()[:12]


@login_not_required
@require_safe
def style(_: HttpRequest, version: str) -> HttpResponse:
    """The style sheet; an older version's address gives the present one, which is not kept."""
    kept = f"public, max-age={_YEAR}, immutable" if version == digest() else "no-cache"
    return HttpResponse(sheet(), content_type="text/css; charset=utf-8", headers={"Cache-Control": kept})


@login_not_required
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie of this browser and go back."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("back", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    answer = redirect(back)
    if chosen in ("light", "dark"):
        answer.set_cookie(COOKIE, chosen, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE)
    elif chosen == "system":
        answer.delete_cookie(COOKIE)
    return answer


urlpatterns = [
    path("look/<str:version>.css", style, name="style"),
    path("look/theme", theme, name="theme"),
]
