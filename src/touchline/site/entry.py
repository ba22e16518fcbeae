"""In: a command line, or a folder. Out: the terminal on it, or the open workspace. Writes no interactions.

This is the composition root: the only place that knows rooms, faces and settings together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from touchline.kernel.times import Clock
from touchline.site import database
from touchline.site.start import setup
from touchline.workspace.settings import settings_for


def open_workspace(directory: str | Path | None = None, clock: Clock | None = None) -> Workspace:
    """The workspace of a folder (else TOUCHLINE_WORKSPACE, else the nearest upwards), its database ready.

    Without a clock of the caller's, now is the machine's, and in a world's workspace the world's.

    One process works on one workspace's database at a time: the last one opened. Raises NotAWorkspace, BadDatabase.
    """
    settings = settings_for(directory)
    setup(settings.state)
    database.use(settings.database_url)
    database.migrate()
    return Workspace(settings, clock or clock_of(settings))


def run() -> None:
    """The `touchline` command."""
    session.install(open_workspace)
    serving.serve_with(_up)
    app()


def _up(*given: Any, **named: Any) -> None:
    """Start the service; its libraries are loaded by nobody else."""
    from touchline.site.serving import up

    up(*given, **named)


# Rooms that keep rows define Django models when they are imported, so Django starts before them.
setup()

from touchline.cli import serving, session  # noqa: E402 - see above
from touchline.cli.main import app  # noqa: E402 - see above
from touchline.workspace.opened import Workspace  # noqa: E402 - see above
from touchline.workspace.worldly import clock_of  # noqa: E402 - see above
