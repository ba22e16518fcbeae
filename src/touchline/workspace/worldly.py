"""In: a workspace's settings. Out: the clock of the world that it rehearses, if it does. Writes no interactions."""

from __future__ import annotations

import json

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
