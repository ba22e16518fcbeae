"""In: Django's start. Out: the app `delivery`. Writes no interactions."""

from __future__ import annotations

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """What was decided, on its way out: reservations, codes to give away, calls to make, duties."""

    name = "touchline.delivery"
    label = "delivery"
    verbose_name = "Delivery"
