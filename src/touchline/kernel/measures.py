"""In: the names a playbook declares. Out: every measure's name, type and column. Writes no interactions.

A measure is written `group.member` in conditions and exports; its frame column is `group__member`, because a dot
in a column name means a struct field on some engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from touchline.kernel.types import Type

SIDES: tuple[str, ...] = (
    "emotional",
    "reliability",
    "convenience",
    "responsiveness",
    "relevance",
    "tangible",
    "overall",
)
EXPERIENCE_MEMBERS: tuple[str, ...] = (*SIDES, "weight", "n", "last", "last_episode", "spread")
"""Members of `experience` that no touchpoint, channel, department or episode type may be called."""

LONGEST_WINDOW_DAYS = 365
"""The slice: what needs a window or a pairing reads at most this many days of the ledger."""

_WINDOW = re.compile(r"contact\.([a-z_]+)_(\d{1,3})d")

_FIXED: dict[str, Type] = {
    **{f"experience.{side}": Type.NUMBER for side in SIDES},
    "experience.weight": Type.NUMBER,
    "experience.n": Type.INTEGER,
    "experience.last": Type.NUMBER,
    "experience.last_episode": Type.NUMBER,
    "experience.spread": Type.NUMBER,
    "care.due": Type.BOOLEAN,
    "care.missed": Type.INTEGER,
    "value.given": Type.NUMBER,
    "value.asked": Type.NUMBER,
    "value.balance": Type.NUMBER,
    "dialogue.open": Type.INTEGER,
    "dialogue.overdue": Type.INTEGER,
    "dialogue.answered": Type.NUMBER,
    "dialogue.replied": Type.NUMBER,
    "sum.revenue": Type.NUMBER,
    "sum.cost": Type.NUMBER,
    "days_since.encounter": Type.NUMBER,
    "days_since.opt_in": Type.NUMBER,
    "days_since.term_start": Type.NUMBER,
    "days_since.episode": Type.NUMBER,
    "prefers.max_per_week": Type.INTEGER,
    "prefers.day_fits": Type.BOOLEAN,
    "prefers.hour_fits": Type.BOOLEAN,
    "prefers.language": Type.TEXT,
    "hand_raiser": Type.BOOLEAN,
    "stage": Type.TEXT,
    "tenure_days": Type.NUMBER,
    "days_to_renewal": Type.NUMBER,
    "topic.last": Type.TEXT,
    "clock.minute": Type.INTEGER,
    "clock.weekday": Type.INTEGER,
    "arm.global": Type.TEXT,
    "arm.assigned": Type.BOOLEAN,
}

SCORES: dict[str, Type] = {
    "quality.p_alive": Type.NUMBER,
    "quality.value_12m": Type.NUMBER,
    "quality.growth": Type.NUMBER,
    "quality.tier": Type.TEXT,
    "trust.asked": Type.NUMBER,
    "trust.commitment": Type.NUMBER,
    "loyalty.type": Type.TEXT,
}
"""Measures that other rooms publish as dated score tables; unknown until they do."""


PROGRAMME: dict[str, Type] = {
    "step": Type.INTEGER,
    "days_in_step": Type.NUMBER,
    "days_since_entry": Type.NUMBER,
    "arm": Type.TEXT,
    "since": Type.TIME,
    "entered": Type.TIME,
    "assigned": Type.TIME,
}
"""Members of `programme.NAME`: the place where a customer stands (0: nowhere), for how long and since when, when entered
last, the arm, and when it was written."""


def column(measure: str) -> str:
    """The frame column of a measure: `experience.claims` is `experience__claims`."""
    return measure.replace(".", "__")


def measure(column_: str) -> str:
    """The measure of a frame column, the inverse of `column`."""
    name = column_.replace("__", ".", 1)
    if name.startswith("programme."):
        return ".".join(name.rsplit("__", 1))
    return name


@dataclass(frozen=True)
class Measures:
    """Which measures exist under one playbook, and their types: the names that a condition may use.

    kinds          of the catalogue
    purposes
    channels       all of the vocabulary
    places         touchpoints, channels, departments and episode types that `experience.NAME` takes
    topics
    conversations
    programmes
    scores         measure -> type of published score tables, beside those of SCORES
    """

    kinds: tuple[str, ...]
    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    places: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    scores: Mapping[str, Type] = field(default_factory=dict)
    programmes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        known = dict(_FIXED)
        known |= SCORES
        known |= self.scores
        known |= {f"experience.{place}": Type.NUMBER for place in self.places}
        for kind in self.kinds:
            known[f"days_since.{kind}"] = Type.NUMBER
            known[f"count.{kind}"] = Type.INTEGER
        for channel in self.channels:
            known[f"reach.{channel}"] = Type.BOOLEAN
            known[f"suppressed.{channel}"] = Type.BOOLEAN
            known[f"prefers.likes_{channel}"] = Type.BOOLEAN
            known[f"prefers.refuses_{channel}"] = Type.BOOLEAN
            for purpose in self.purposes:
                for group in ("consent", "evidence", "withdrawn"):
                    known[f"{group}.{purpose}_{channel}"] = Type.BOOLEAN
        known |= {f"prefers.topic_{topic}": Type.BOOLEAN for topic in self.topics}
        for conversation in self.conversations:
            known[f"recency.{conversation}"] = Type.NUMBER
            known[f"trigger.{conversation}"] = Type.NUMBER
            known[f"done.{conversation}"] = Type.TIME
        for programme in self.programmes:
            known |= {f"programme.{programme}.{member}": type_ for member, type_ in PROGRAMME.items()}
        object.__setattr__(self, "_known", known)

    def type_of(self, name: str) -> Type | None:
        """The measure's type; None where there is no such measure."""
        known: dict[str, Type] = getattr(self, "_known")  # noqa: B009 - set in __post_init__ of a frozen class
        if name in known:
            return known[name]
        return Type.INTEGER if self.window(name) is not None else None

    def window(self, name: str) -> tuple[str, int] | None:
        """`contact.email_7d` is ('email', 7); also a purpose or `all`; None for any other measure."""
        match = _WINDOW.fullmatch(name)
        if match is None or not 1 <= int(match[2]) <= LONGEST_WINDOW_DAYS:
            return None
        return (match[1], int(match[2])) if match[1] in {*self.channels, *self.purposes, "all"} else None

    def known(self) -> Iterable[str]:
        """Every name, for the nearest one to a misspelt; windows are shown for 7 and 30 days."""
        fixed: dict[str, Type] = getattr(self, "_known")  # noqa: B009 - as above
        # `community` is a channel and a purpose: its windows count either.
        counted = dict.fromkeys((*self.channels, *self.purposes, "all"))
        windows = (f"contact.{n}_{d}d" for n in counted for d in (7, 30))
        return [*fixed, *windows]
