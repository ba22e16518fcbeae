"""In: Django's start. Out: the app `intake`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    """What comes in: events kept until they are in the ledger, and what is still waited for."""

    name = "touchline.intake"
    label = "intake"
    verbose_name = "Intake"
