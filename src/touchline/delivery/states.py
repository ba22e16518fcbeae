"""In: nothing. Out: the states of a message. Writes no interactions."""

from __future__ import annotations

WAITING: tuple[str, ...] = ("reserved", "held", "sending")
"""Not in the ledger yet; every cap counts them."""
SAID: tuple[str, ...] = ("sent", "delivered", "uncertain")
"""In the ledger as `sent` or `called`; uncertain is what may have been sent."""
UNSAID: tuple[str, ...] = ("failed", "expired")
"""After these the conversation may be reserved again."""
STATES: tuple[str, ...] = (*WAITING, *SAID, *UNSAID)
