"""In: boxes that are taken, and texts to place beside points. Out: where each text goes, or that there is no room.
Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass

SIZE = 11.0
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] ’‘"), frozenset("mwMWQO%@—…")


@dataclass(frozen=True)
class Box:
    """A rectangle: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly within."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Place:
    """Where a text goes: its baseline's point and its anchor."""

    x: float
    y: float
    anchor: str


class Labels:
    """Texts beside points, each put where it covers nothing, or not at all."""

    def __init__(self, room: Box) -> None:
        self._room = room
        self._taken: list[Box] = []

    def block(self, box: Box) -> None:
        """Keep that rectangle free of texts."""
        self._taken.append(box)

    def place(self, x: float, y: float, r: float, width: float) -> Place | None:
        """A place right or left of the point, else above or below it; it is then taken."""
        gap = r + 4
        candidates = (
            (Place(x + gap, y + 3.8, "start"), Box(x + gap, y - 6, x + gap + width, y + 6)),
            (Place(x - gap, y + 3.8, "end"), Box(x - gap - width, y - 6, x - gap, y + 6)),
            (Place(x, y - gap - 2, "middle"), Box(x - width / 2, y - gap - 12, x + width / 2, y - gap)),
            (Place(x, y + gap + 8, "middle"), Box(x - width / 2, y + gap - 1, x + width / 2, y + gap + 11)),
            (Place(x + gap, y - gap - 2, "start"), Box(x + gap, y - gap - 12, x + gap + width, y - gap)),
            (Place(x - gap, y - gap - 2, "end"), Box(x - gap - width, y - gap - 12, x - gap, y - gap)),
            (Place(x + gap, y + gap + 8, "start"), Box(x + gap, y + gap - 1, x + gap + width, y + gap + 11)),
            (Place(x - gap, y + gap + 8, "end"), Box(x - gap - width, y + gap - 1, x - gap, y + gap + 11)),
        )
        for place, box in candidates:
            if self._room.holds(box) and not any(box.meets(taken) for taken in self._taken):
                self._taken.append(box)
                return place
        return None


def width_of(text: str, size: float = SIZE) -> float:
    """Roughly how wide a sans-serif text is; on the generous side."""
    units = sum(0.32 if c in _NARROW else 0.9 if c in _WIDE else 0.68 if c.isupper() else 0.58 for c in text)
    return units * size
