"""In: the name of a place in the code. Out: nothing, or the end of this process there, as by a power cut. Writes no interactions.

For rehearsals of crashes: TOUCHLINE_FAILPOINT=NAME kills at the first time, NAME:3 at the third. Without the variable nothing happens.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

VARIABLE = "TOUCHLINE_FAILPOINT"
NAMES: tuple[str, ...] = (
    "gate.before_commit", "gate.after_commit", "outbox.leased", "outbox.started",
    "smtp.after_data", "outbox.before_finish", "outbox.after_finish",
)  # fmt: skip
"""gate.before_commit    reservations are made and not committed
gate.after_commit     they are committed, and nobody was told
outbox.leased         messages are a worker's, none is begun
outbox.started        one is `sending`, and nothing was handed to the sender
smtp.after_data       the server has the message, and has not been asked to say so
outbox.before_finish  the sender is done, and nothing is written down
outbox.after_finish   all is written down"""

_times: Counter[str] = Counter()


def reach(name: str) -> None:
    """Come by the place of that name."""
    asked = os.environ.get(VARIABLE)
    if not asked:
        return
    wanted, _, number = asked.partition(":")
    if wanted == name:
        _times[name] += 1
        if _times[name] == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
