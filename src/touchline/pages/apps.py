"""In: Django's start. Out: the app `pages`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Customers' own pages; without tables."""

    name = "touchline.pages"
    label = "pages"
