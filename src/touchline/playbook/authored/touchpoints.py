"""In: playbook/touchpoints.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from touchline.playbook.authored.words import (
    Authored,
    Channel,
    Duration,
    ExpressionText,
    Kind,
    Name,
    Note,
    Principle,
    Reading,
)


class EpisodeType(Authored):
    """A journey within the journey."""

    closed_by: list[Kind] = Field(default_factory=list)
    """Kinds of interaction that close it; a row with `closes` true closes it too."""
    idle_close: Duration
    """Silence after which it counts as closed."""
    note: Note = ""
    """For the authors."""


class Promise(Authored):
    """What the touchpoint undertakes: either `holds`, or `from`, `until` and `within`."""

    name: Name
    """Unique in its touchpoint."""
    principle: Principle
    """The tangible principle whose reading it gives."""
    kept: Reading
    """Reading where it was kept, in [-1, 1]."""
    broken: Reading
    """Reading where it was broken, in [-1, 1]."""
    from_: Annotated[Kind | None, Field(alias="from")] = None
    """Kind of interaction that starts the clock."""
    until: Kind | None = None
    """Kind of interaction that stops it, paired by `in_reply_to`."""
    within: Duration | None = None
    """Time between the two."""
    holds: ExpressionText | None = None
    """Condition over `event.X`, properties of the incoming event: TRUE where the promise was kept."""


class Touchpoint(Authored):
    """A declared place of encounter."""

    channel: Channel
    """Channel of the vocabulary."""
    department: Name
    """One of `departments`."""
    weight: Annotated[float, Field(ge=0, le=100)] = 1.0
    """How much an encounter here counts; applied when deriving, so that editing it rebuilds nothing."""
    topic: Name | None = None
    """One of `topics`."""
    promises: list[Promise] = Field(default_factory=list)
    """What it undertakes."""
    cost: Annotated[float, Field(ge=0, le=1_000_000)] = 0.0
    """Of one message sent or call made here, in the organisation's currency; `proof` adds it up."""
    note: Note = ""
    """For the authors."""


class Touchpoints(Authored):
    """Departments, topics, episode types and touchpoints."""

    departments: Annotated[list[Name], Field(min_length=1)]
    """Departments of the organisation."""
    topics: list[Name] = Field(default_factory=list)
    """What conversations are about, and customers prefer."""
    episodes: dict[Name, EpisodeType] = Field(default_factory=dict)
    """Episode types by name."""
    touchpoints: Annotated[dict[Name, Touchpoint], Field(min_length=1)]
    """Touchpoints by name."""
