"""In: a workspace's state folder and the environment. Out: Django, ready, with a secret. Writes no interactions.

`setup` may be called as often as one likes; only a new folder changes anything after the first time.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings

SETTINGS = "touchline.site.settings"
SECRET_VARIABLE = "TOUCHLINE_SECRET_KEY"  # noqa: S105 - the name of a variable, not what it holds


def setup(state: Path | None = None) -> None:
    """Start Django with Touchline's settings; with `state` (`.touchline/`) also take its secret."""
    if not settings.configured:
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS
    if not apps.ready:
        django.setup()
        from touchline.site import signing  # what it listens to is there only now

        signing.listen()
    if state is not None:
        settings.SECRET_KEY = secret_of(state)


def secret_of(state: Path) -> str:
    """TOUCHLINE_SECRET_KEY, else the folder's own secret, which is drawn once and kept with mode 0600.

    Two processes that draw at once keep one: the file appears whole under its name or not at all.
    """
    given = os.environ.get(SECRET_VARIABLE)
    if given:
        return given
    file = state / "secret"
    if not file.exists():
        state.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=state, prefix="secret-")  # mkstemp makes it 0600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as out:
                out.write(secrets.token_urlsafe(64))
            os.link(draft, file)
        except FileExistsError:
            pass  # another process was first; its secret is the one
        finally:
            Path(draft).unlink()
    return file.read_text(encoding="ascii")
