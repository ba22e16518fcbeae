"""In: a workspace's settings. Out: the clock of the world that it rehearses, if it does. Writes no interactions."""

from __future__ import annotations

import json
from contextlib import suppress

from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import FixedClock
from touchline.workspace.settings import Settings

CLOCK = "clock.json"


class WorldFault(TouchlineError):
    """The world cannot be made or moved on here."""

    code = "world"


def clock_of(settings: Settings) -> FixedClock | None:
    """The world's clock; None where the workspace is no world's."""
    try:
        told = json.loads((settings.world / CLOCK).read_text(encoding="utf-8"))
    except OSError:
        return None
    return FixedClock(int(told["now"]))


class FollowedClock(FixedClock):
    """A world's clock in a process that does not move it: it stands where the world's file says, whoever moves that."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stamp = -1
        super().__init__(0)

    @property
    def instant(self) -> int:
        """Where the world stands; read again when its file has changed."""
        with suppress(OSError):
            stamp = (self._settings.world / CLOCK).stat().st_mtime_ns
            if stamp != self._stamp:
                found = clock_of(self._settings)
                if found is not None:
                    self._instant, self._stamp = found.instant, stamp
        return self._instant

    @instant.setter
    def instant(self, value: int) -> None:
        self._instant = value


def followed(settings: Settings) -> FollowedClock | None:
    """The world's clock, followed; None where the workspace is no world's."""
    return None if clock_of(settings) is None else FollowedClock(settings)
