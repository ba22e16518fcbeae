"""In: nothing. Out: the typed values that the line is drawn from and its list is written from. Writes no interactions.

Times are microseconds UTC; readings are in [-1, 1], None being unknown, which is not 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from touchline.report.curve import Point
from touchline.report.figures import Estimate

Whose = Literal["customer", "organisation"]
Shape = Literal["circle", "square", "diamond", "triangle"]

SHAPES: dict[str, Shape] = {
    "web": "circle", "app": "circle", "push": "circle", "social": "circle", "community": "circle",
    "email": "square", "sms": "square", "post": "square", "print": "square",
    "phone": "diamond", "chat": "diamond",
    "store": "triangle", "field": "triangle", "desk": "triangle", "event": "triangle", "meeting": "triangle",
}  # fmt: skip
"""Channel -> shape of its marks; what has no channel is a circle."""

SHAPE_MEANS: dict[Shape, str] = {
    "circle": "site, app, social, survey",
    "square": "mail, letter, text message",
    "diamond": "call, chat",
    "triangle": "shop, visit, delivery",
}


@dataclass(frozen=True)
class Mark:
    """One encounter on the line.

    id       unique on its page; the list's row carries it
    whose    act: filled for the customer's, hollow for the organisation's
    what     one phrase, `Paid €54.90`
    where    touchpoint as words; '' where there is none
    words    what the customer said, as it was said
    label    a few words for the drawing; None where it never is one that matters
    subject  the encounter as the subject of a sentence, `a complaint about delivery`; None where `what` has to do
    matters  how much it deserves a label, 0 upwards
    effect   what it did to the curve; None where it has no reading
    given    points given, asked for; a sign stands where they are a gift or an ask
    facts    sentences beside it: a promise kept, a message opened
    """

    id: str
    at: int
    whose: Whose
    channel: str | None
    what: str
    where: str
    reading: float | None = None
    words: str | None = None
    label: str | None = None
    subject: str | None = None
    matters: float = 0.0
    effect: float | None = None
    gift: bool = False
    ask: bool = False
    facts: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """The shape of its channel."""
        return SHAPES.get(self.channel or "", "circle")


@dataclass(frozen=True)
class StageBand:
    """A stage that lasted from one instant to another."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Span:
    """An episode: its type, its id, its span (None: still open) and how it was experienced."""

    type: str
    id: str
    start: int
    end: int | None
    reading: float | None


@dataclass(frozen=True)
class Coming:
    """What comes next or is held. `state` goes | open | held; `why` is one phrase, with the policies' names where
    held."""

    name: str
    channel: str
    state: Literal["goes", "open", "held"]
    why: str


@dataclass(frozen=True)
class LineView:
    """Everything that the line shows of one customer.

    start, now  the span of time drawn; `now` is the instant of the view
    marks       by time
    curve       from the first reading until now; `ahead` what it becomes if nothing more happens
    experience  the curve's value now, None without a reading
    """

    name: str
    zone: str
    start: int
    now: int
    marks: tuple[Mark, ...] = ()
    curve: tuple[Point, ...] = ()
    ahead: tuple[Point, ...] = ()
    stages: tuple[StageBand, ...] = ()
    episodes: tuple[Span, ...] = ()
    coming: tuple[Coming, ...] = ()
    experience: Estimate | None = None

    def since(self, start: int) -> LineView:
        """The same, drawn from a later instant on: what came before still counts in the curve, and is not drawn."""
        return replace(
            self,
            start=start,
            marks=tuple(mark for mark in self.marks if mark.at >= start),
            curve=tuple(point for point in self.curve if point.at >= start),
            stages=tuple(replace(band, start=max(band.start, start)) for band in self.stages if band.end > start),
            episodes=tuple(span for span in self.episodes if span.start >= start),
        )
