"""Imported once by the process that tests fork theirs from: nothing is open in it, and nothing has been computed."""

from __future__ import annotations

from importlib import import_module

from touchline.site.start import setup

setup()
for name in ("touchline.intake.drain", "touchline.site.entry", "touchline.workspace.opened", "psycopg"):
    import_module(name)
