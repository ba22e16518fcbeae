"""In: Django's start. Out: the app `recognition`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class RecognitionConfig(AppConfig):
    """Who is who: identifiers, personas and the links between them."""

    name = "touchline.recognition"
    label = "recognition"
    verbose_name = "Recognition"
