"""In: nothing. Out: the states of a message. Writes no interactions."""

from __future__ import annotations

WAITING: tuple[str, ...] = ("reserved", "held", "sending")
"""Not in the ledger yet; every cap counts them."""
SAID: tuple[str, ...] = ("sent", "delivered", "uncertain")
"""In the ledger as `sent` or `called`; uncertain is what may have been sent."""
UNSAID: tuple[str, ...] = ("failed", "expired")
"""It came to nothing."""
FREED: tuple[str, ...] = ("expired",)
"""After these the conversation may be reserved again; what failed would fail again at once."""
STATES: tuple[str, ...] = (*WAITING, *SAID, *UNSAID)
