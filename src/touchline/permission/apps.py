"""In: Django's start. Out: the app `permission`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class PermissionConfig(AppConfig):
    """What each person allowed, prefers and may not be sent."""

    name = "touchline.permission"
    label = "permission"
    verbose_name = "Permission"
