"""In: a path. Out: the face that answers it. Writes no interactions."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import include, path

from touchline.site.joining import join
from touchline.site.operations import measured, ready


def nothing(_: HttpRequest) -> HttpResponse:
    """What allauth offers and this service does not: open sign-up, and changing one's address."""
    raise Http404


urlpatterns = [
    path("readyz", ready),
    path("metrics", measured),
    path("join/<str:token>/", join, name="join"),
    path("accounts/signup/", nothing),
    path("accounts/email/", nothing),
    path("accounts/", include("allauth.urls")),
    path("u/", include("touchline.pages.urls")),
    path("api/", include("touchline.api.urls")),
    path("", include("touchline.console.urls")),
]
