"""In: Django's start. Out: the app `console`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The console; without tables."""

    name = "touchline.console"
    label = "console"
