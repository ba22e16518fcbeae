"""In: how many customers, a seed. Out: their relationships as Parquet, and a playbook. Writes no interactions.

Facts are drawn independently, in the proportions of a service company of which one customer in four can be sold to.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import polars as pl

from touchline.expressions import Expression, check
from touchline.interactions.catalogue import CHANNELS, KINDS
from touchline.interactions.catalogue import PURPOSES as CLASSES
from touchline.kernel.ids import DRAW_RANGE
from touchline.kernel.measures import Measures, column
from touchline.kernel.times import DAY, parse_instant
from touchline.kernel.types import Type
from touchline.playbook.compiled import (
    END,
    Branch,
    Cap,
    Conversation,
    EventMapping,
    Goal,
    Organisation,
    OwnPolicy,
    Playbook,
    Policies,
    Programme,
    Recurs,
    Stage,
    Step,
    Touchpoint,
    Variant,
    Way,
)

AT = parse_instant("2026-07-01T10:00:00Z")
FILE_ROWS = 250_000

_STAGES = ("lapsed", "claim", "renewal", "onboarding", "member", "prospect")
_TOPICS = ("cover", "home_care", "claim_help", "billing_help")
_PURPOSES = (
    "service",
    "recovery",
    "care",
    "care",
    "listening",
    "information",
    "community",
    "selling",
    "selling",
    "care",
)
_RECURS: tuple[Recurs, ...] = ("every", "term", "once", "episode")
_WAYS = (("email",), ("email", "post"), ("sms",), ("phone",), ("email", "sms"))
_AUDIENCES = (
    "stage = 'renewal' AND NOT care.due",
    "stage IN ('member', 'renewal') AND count.joined > 0",
    "experience.claims < -0.2 AND experience.weight > 0.5",
    "stage = 'member' AND days_since.visited > 30",
    "experience.overall > 0.2 OR sum.revenue > 200",
)


def playbook(conversations: int = 20, programmes: int = 0) -> Playbook:
    """That many conversations over every purpose, four channels, all policies; the programmes say two each of them."""
    names = [f"talk_{number:02}" for number in range(conversations)]
    sequences = [f"programme_{number}" for number in range(programmes)]
    places = ("claims",)
    measures = Measures(
        tuple(KINDS), tuple(CLASSES), CHANNELS, places, _TOPICS, tuple(names), programmes=tuple(sequences)
    )
    audiences = [check(text, measures, want=Type.BOOLEAN) for text in _AUDIENCES]
    talks = (
        Conversation(
            name=name,
            purpose=purpose,
            brand="hearth",
            topic=_TOPICS[number % len(_TOPICS)],
            languages=("en",),
            audience=audiences[number % len(audiences)],
            trigger=None,
            recurs=_RECURS[number % len(_RECURS)],
            recurs_every=30 * DAY if _RECURS[number % len(_RECURS)] == "every" else None,
            given=float(number % 3),
            asked=float(number % 2),
            goal=Goal("renewed", 60 * DAY, 180.0) if number % 3 else None,
            lever=1.0,
            urgent=number == 0,
            ways=tuple(
                Way(channel, f"account_{channel}", (Variant("a", 1, "a.liquid"), Variant("b", 1, "b.liquid")))
                for channel in _WAYS[number % len(_WAYS)]
            ),
        )
        for number, (name, purpose) in enumerate(zip(names, islice(cycle(_PURPOSES), conversations), strict=True))
    )
    policies = Policies(
        consent_without_evidence=("care",),
        soft_opt_in=("care",),
        soft_opt_in_when=check("count.joined > 0", measures, want=Type.BOOLEAN),
        caps=(
            Cap("overall", 3, 7 * DAY),
            Cap("email", 2, 7 * DAY, channel="email"),
            Cap("selling", 1, 14 * DAY, purpose="selling"),
            Cap("listening", 1, 90 * DAY, purpose="listening"),
        ),
        quiet=(20 * 60, 8 * 60, (6,)),
        cool_off_after=3 * DAY,
        cool_off_ramp=14 * DAY,
        balance=check("value.balance >= -0.2", measures, want=Type.BOOLEAN),
        own=(
            OwnPolicy(
                "no_offer_after_dispute",
                ("selling",),
                check("COALESCE(days_since.complained, 99999) < 60", measures, want=Type.BOOLEAN),
            ),
        ),
    )
    return Playbook(
        digest="benchmark",
        organisation=Organisation("Hearth", "Europe/Berlin", "EUR", 100, 180 * DAY, ("en",), ("hearth",)),
        measures=measures,
        departments=("service",),
        topics=_TOPICS,
        episodes={},
        touchpoints={f"account_{c}": Touchpoint(f"account_{c}", c, "service", 1.0) for c in CHANNELS},
        default_event=EventMapping("acted", None),
        events={},
        stages=tuple(Stage(name, None) for name in _STAGES),
        audiences={},
        policies=policies,
        conversations={talk.name: talk for talk in talks},
        imports={},
        programmes={
            name: _programme(name, number, names[2 * number : 2 * number + 2], measures)
            for number, name in enumerate(sequences)
        },
    )


def _programme(name: str, number: int, says: Sequence[str], measures: Measures) -> Programme:
    """Seven steps of every sort, of which two talk."""

    def asks(text: str) -> Expression:
        return check(text, measures, want=Type.BOOLEAN)

    first, second = says
    renewed = asks("days_since.renewed <= 60")
    steps = (
        Step("first", 1, first, "sent", within=7 * DAY),
        Step("pause", 2, wait=14 * DAY),
        Step(
            "split", 3, branches=(Branch(renewed, 6), Branch(asks("experience.overall < -0.2"), END), Branch(None, 4))
        ),
        Step("second", 4, second, "delivered", wait=DAY, within=7 * DAY),
        Step("renewed", 5, until=renewed, at_most=60 * DAY, otherwise="exit"),
        Step("rest", 6, wait=30 * DAY),
        Step("again", 7, branches=(Branch(asks("care.due"), END),)),
    )
    return Programme(
        name=name,
        enter=asks(f"stage = '{_STAGES[number % len(_STAGES)]}' AND tenure_days > {30 * number}"),
        exit=asks("days_since.left <= 60 OR care.due"),
        recurs=_RECURS[number % len(_RECURS)],
        recurs_every=90 * DAY if _RECURS[number % len(_RECURS)] == "every" else None,
        holdout=0.1,
        goal=None,
        steps=steps,
    )


def write(folder: Path, measures: Sequence[str], types: Measures, *, customers: int, seed: int = 11) -> list[str]:
    """Write customer, draw and those measures, FILE_ROWS a file; the files' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    source = np.random.default_rng(seed)
    paths = []
    for start in range(0, customers, FILE_ROWS):
        n = min(FILE_ROWS, customers - start)
        columns = [
            pl.Series("customer", np.arange(start, start + n, dtype=np.int64)),
            pl.Series("draw", source.integers(0, DRAW_RANGE, n, dtype=np.int64)),
        ]
        columns += [_drawn(name, types.type_of(name), n, source) for name in measures]
        path = folder / f"relationships_{start:09}.parquet"
        pl.DataFrame(columns).write_parquet(path, compression="zstd", compression_level=1)
        paths.append(str(path))
    return paths


_STEPS = 7
_IN_A_PROGRAMME = 0.2


def _standing(name: str, n: int) -> pl.Series:
    """A measure of a programme: one customer in five once came in, at most 60 days ago; half of them stand in it."""
    programme, _, member = name.rpartition(".")
    source = np.random.default_rng(int.from_bytes(programme.encode()[-8:], "big"))  # of all its members alike
    came, stands = source.random(n) < _IN_A_PROGRAMME, source.random(n) < 0.5
    since = AT - source.integers(0, 40 * DAY, n, dtype=np.int64)
    entered = since - source.integers(0, 20 * DAY, n, dtype=np.int64)
    if member == "arm":
        return pl.Series(source.choice(["treated", "control"], n, p=[0.9, 0.1]))
    if member == "step":
        return pl.Series(source.integers(1, _STEPS + 1, n, dtype=np.int64) * (came & stands))
    if member.startswith("days"):
        times = since if member == "days_in_step" else entered
        return pl.Series((AT - times) / DAY).set(pl.Series(~came), None)
    return pl.Series(since if member == "since" else entered).set(pl.Series(~came), None)


_TRUE = {
    "consent": 0.6,
    "evidence": 0.55,
    "withdrawn": 0.05,
    "suppressed": 0.03,
    "reach": 0.9,
    "care": 0.08,
    "hand_raiser": 0.4,
}
_RARE = {"recency": 0.15, "experience": 0.5, "days_since": 0.6, "prefers": 0.1}
"""Group -> share of customers of whom it is known; all, where it is not listed."""


def _drawn(name: str, type_: Type | None, n: int, source: np.random.Generator) -> pl.Series:
    group = name.partition(".")[0]
    if group == "programme":
        drawn = _standing(name, n)
    elif group == "done":
        drawn = pl.Series(AT - source.integers(0, 60 * DAY, n, dtype=np.int64)).set(
            pl.Series(source.random(n) < 0.8), None
        )
    elif name == "stage":
        drawn = pl.Series(source.choice(_STAGES, n, p=[0.1, 0.05, 0.15, 0.1, 0.5, 0.1]))
    elif name == "topic.last":
        drawn = pl.Series(source.choice(_TOPICS, n))
    elif name == "arm.global":
        drawn = pl.Series(source.choice(["treated", "control"], n, p=[0.95, 0.05]))
    elif type_ is Type.BOOLEAN:
        drawn = pl.Series(source.random(n) < _TRUE.get(group, 0.5))
    elif name == "clock.minute":
        drawn = pl.Series(source.integers(540, 780, n, dtype=np.int64))
    elif name == "clock.weekday":
        drawn = pl.Series(np.full(n, 2, dtype=np.int64))
    elif type_ is Type.INTEGER:
        drawn = pl.Series(source.poisson(0.5, n).astype(np.int64))
    elif group in ("experience", "value"):
        drawn = pl.Series(source.normal(0.1, 0.35, n).clip(-1, 1))
    else:
        drawn = pl.Series(source.exponential(120.0, n))
    if group in _RARE:
        drawn = drawn.set(pl.Series(source.random(n) >= _RARE[group]), None)
    return drawn.alias(column(name))
