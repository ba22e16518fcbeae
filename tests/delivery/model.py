"""What the gate may let through, by the plainest reading of the rules: lists of what happened, and loops over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from tests.delivery.circle import CAP, EVERY, OVER, PURPOSE

Note = tuple[int, str, int, str]
"""(tick, kind, persona, purpose or case)"""


@dataclass
class Said:
    """One message: whose address, what, when it counts from, and from when on it no longer does.

    waits    it is in no ledger yet, and counts as if it went now
    went     when it was really begun, if it may have arrived
    failed   the recurrence for which it surely failed
    """

    persona: int
    conversation: str
    at: int
    ended: int | None = None
    waits: bool = False
    went: int | None = None
    failed: int | None = None

    def counts(self, at: int) -> bool:
        return self.at <= at and (self.ended is None or self.ended > at)


class Known:
    """What was known of one customer at a tick.

    personas   all of them; `emails` those that are addresses
    """

    def __init__(
        self, personas: Collection[int], emails: Iterable[int], notes: Iterable[Note], said: Iterable[Said], at: int
    ) -> None:
        self.at = at
        self.notes = [note for note in notes if note[2] in personas and note[0] <= at]
        self.said = [message for message in said if message.persona in personas and message.counts(at)]
        bounced = {persona for _, kind, persona, _ in self.notes if kind == "bounced"}
        self.usable = sorted(persona for persona in emails if persona in personas and persona not in bounced)

    def due(self) -> bool:
        """Whether a case is open."""
        opened = {case for _, kind, _, case in self.notes if kind == "case_opened"}
        return bool(opened - {case for _, kind, _, case in self.notes if kind == "case_resolved"})

    def consented(self, purpose: str) -> list[int]:
        """Addresses that may be used for it, the one to be used first."""
        told = [(tick, kind, persona) for tick, kind, persona, what in self.notes if what == purpose]
        withdrawn = max((tick for tick, kind, _ in told if kind == "opted_out"), default=-1)
        granted = {p: t for t, k, p in sorted(told) if k == "opted_in" and p in self.usable and t > withdrawn}
        return sorted(granted, key=lambda persona: (-granted[persona], persona))

    def address(self, conversation: str) -> int | None:
        """The address that it may go to now; None where a rule holds it."""
        if any(m.conversation == conversation and (m.waits or self.at - m.at < EVERY) for m in self.said):
            return None
        if conversation == "notice":
            return self.usable[0] if self.usable else None
        recent = [m for m in self.said if m.waits or m.at > self.at - OVER]
        if self.due() or len(recent) >= CAP:
            return None
        return next(iter(self.consented(PURPOSE[conversation])), None)
