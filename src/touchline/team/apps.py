"""In: Django's start. Out: the app `team`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class TeamConfig(AppConfig):
    """Who may do what, and who did what: users, invitations, keys, audit."""

    name = "touchline.team"
    label = "team"
    verbose_name = "Team"
