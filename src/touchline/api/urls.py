"""In: a path under `/api`. Out: what answers it. Writes no interactions."""

from __future__ import annotations

from django.urls import re_path
from django.urls.resolvers import URLPattern, URLResolver
from django.views.decorators.http import require_safe

from touchline.api.doors import door, nothing
from touchline.api.service import api


def _behind_doors(found: URLPattern | URLResolver) -> URLPattern:
    if not isinstance(found, URLPattern):
        raise TypeError("the library gives each path by itself")
    view = require_safe(found.callback) if found.name == "openapi-json" else found.callback
    found.callback = door(view)
    return found


app_name = "api"
urlpatterns = [*(_behind_doors(found) for found in api.urls[0]), re_path("", nothing)]
