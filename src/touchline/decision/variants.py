"""In: a conversation's way, a persona's draw. Out: which wording the customer gets, for ever. Writes no interactions.

A variant is a function of the draw and the conversation alone, so it stays the same across sends; a customer's draw
is that of the smallest persona, which linking does not change.
"""

from __future__ import annotations

from dataclasses import dataclass

from touchline.kernel.ids import DRAW_RANGE, salted
from touchline.playbook.compiled import Conversation, Way


@dataclass(frozen=True)
class Draw:
    """How one way's variant is drawn.

    names       of the variants; empty where the way has none
    multiplier  odd, below 2^31; `(draw * multiplier + offset) % 2^31` is the customer's own draw here
    offset      below 2^31
    bounds      ascending; variant k is the first whose bound is above the own draw
    """

    names: tuple[str, ...]
    multiplier: int
    offset: int
    bounds: tuple[int, ...]

    def variant(self, draw: int) -> str | None:
        """The variant of a customer with that draw; None where the way has none."""
        own = (draw * self.multiplier + self.offset) % DRAW_RANGE
        return next((name for name, bound in zip(self.names, self.bounds, strict=True) if own < bound), None)


def draw_of(conversation: Conversation, way: Way) -> Draw:
    """The way's draw: shares become bounds, the last of which is 2^31."""
    multiplier, offset = salted(f"variant:{conversation.name}:{way.channel}")
    shares = [variant.share for variant in way.variants]
    total, passed, bounds = sum(shares), 0, []
    for share in shares:
        passed += share
        bounds.append(DRAW_RANGE * passed // total)
    return Draw(tuple(variant.name for variant in way.variants), multiplier, offset, tuple(bounds))
