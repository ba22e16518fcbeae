"""Django's settings and the wiring of the operational database."""

from touchline.site.start import setup

__all__ = ["setup"]
