"""In: the environment. Out: Django's settings, without a secret and without a place. Writes no interactions.

The database is named later, by `touchline.site.database.use`, because one process may open several workspaces.
"""

from __future__ import annotations

from typing import Any

INSTALLED_APPS = [
    "touchline.recognition",
    "touchline.intake",
    "touchline.permission",
    "touchline.delivery",
]

DATABASES: dict[str, dict[str, Any]] = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

SECRET_KEY = ""
"""Empty until `touchline.site.start.setup` is told a folder: signing without a workspace is refused by Django."""

ALLOWED_HOSTS: list[str] = []
DEBUG = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LOGGING_CONFIG = None
"""Logging is the caller's: a library does not configure it."""
