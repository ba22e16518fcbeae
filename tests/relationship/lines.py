"""A small playbook with every way to trigger and promise, and random ledger rows of every kind under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from touchline.expressions import OpenNames, check
from touchline.interactions import row
from touchline.interactions.catalogue import KINDS
from touchline.interactions.preferences import encode
from touchline.kernel.engines import Engine
from touchline.kernel.measures import Measures, column
from touchline.kernel.times import DAY, HOUR, parse_instant
from touchline.kernel.types import Type
from touchline.playbook.compiled import (
    Branch,
    Conversation,
    EpisodeType,
    EventMapping,
    Organisation,
    Playbook,
    Policies,
    Programme,
    Promise,
    Stage,
    Step,
    Touchpoint,
    Trigger,
    Way,
)
from touchline.relationship.layout import Layout
from touchline.relationship.reference import Evaluator, Persona

A = parse_instant("2026-03-11T09:30:00Z")
"""The instant of most tests: a Wednesday, 10:30 in Berlin."""

PURPOSES = ("care", "information", "selling")
CHANNELS = ("email", "phone", "store", "web")
TOPICS = ("cover", "help")
WINDOWS = ("contact.all_7d", "contact.email_30d", "contact.selling_14d", "contact.phone_365d", "contact.care_1d")

_PROMISE = Promise("soon", "responsiveness", 0.3, -0.7, from_kind="asked", until_kind="answered_to", within=4 * HOUR)
TOUCHPOINTS = (
    Touchpoint("site", "web", "sales", 0.5, "cover"),
    Touchpoint("line", "phone", "service", 2.0, "help", (_PROMISE,)),
    Touchpoint("mail", "email", "service", 1.0),
    Touchpoint("till", "store", "sales", 3.0, "cover"),
)
TRIGGERS: dict[str, Trigger | None] = {
    "hello": None,
    "after_visit": Trigger(
        kind="asked", touchpoint="line", wait=DAY,
        where=check("event.answer > 2 AND event.purpose = 'care'", OpenNames(prefix="event."), want=Type.BOOLEAN),
    ),
    "anniversary": Trigger(of="term_start", every=100 * DAY, at=-3 * DAY),
    "before_renewal": Trigger(of="renewal", at=-30 * DAY),
    "first_purchase": Trigger(of="bought", at=2 * DAY),
}  # fmt: skip


PROGRAMMES: dict[str, tuple[Step, ...]] = {
    "renewal": (
        Step("call", 1, "hello", "called", within=7 * DAY),
        Step("letter", 2, "after_visit", "sent", wait=HOUR, within=2 * DAY, otherwise="exit"),
        Step("pause", 3, wait=14 * DAY),
        Step("split", 4, branches=(Branch(None, 5),)),
        Step("thanks", 5, "anniversary", "delivered"),
    ),
    "welcome": (Step("pause", 1, wait=DAY), Step("talk", 2, "first_purchase", "sent")),
}


def playbook(**policies: Any) -> Playbook:
    """The playbook of these tests."""
    touchpoints = {t.name: t for t in TOUCHPOINTS}
    episodes = {
        "claim": EpisodeType("claim", ("case_resolved",), 60 * DAY),
        "start": EpisodeType("start", ("served", "told"), 10 * DAY),
    }
    places = dict.fromkeys(
        (*touchpoints, *(t.channel for t in TOUCHPOINTS), *(t.department for t in TOUCHPOINTS), *episodes)
    )
    measures = Measures(
        tuple(KINDS), PURPOSES, CHANNELS, tuple(places), TOPICS, tuple(TRIGGERS), {"quality.own": Type.NUMBER},
        tuple(PROGRAMMES),
    )  # fmt: skip

    def holds(text: str) -> Any:
        return check(text, measures, want=Type.BOOLEAN)

    stages = (
        Stage("lapsed", holds("days_since.left < COALESCE(days_since.renewed, 99999) AND days_to_renewal IS NULL")),
        Stage("claim", holds("days_since.asked <= 30 AND experience.claim IS NOT NULL AND care.due")),
        Stage("renewal", holds("days_to_renewal BETWEEN 0 AND 60")),
        Stage("onboarding", holds("tenure_days < 45")),
        Stage("member", holds("days_to_renewal > 60")),
        Stage("prospect", None),
    )
    talks = {
        name: Conversation(
            name, PURPOSES[number % 3], "own", "cover", ("en",), holds("NOT care.due"), trigger, "once", None,
            1.0, 0.0, None, 1.0, False, (Way(CHANNELS[number % 2], "mail"),),
        )
        for number, (name, trigger) in enumerate(TRIGGERS.items())
    }  # fmt: skip
    return Playbook(
        digest="0" * 16,
        organisation=Organisation("Own", "Europe/Berlin", "EUR", 100, 180 * DAY, ("en",), ("own",)),
        measures=measures,
        departments=("sales", "service"),
        topics=TOPICS,
        episodes=episodes,
        touchpoints=touchpoints,
        default_event=EventMapping("acted", "site"),
        events={},
        stages=stages,
        audiences={},
        policies=Policies(**policies),
        conversations=talks,
        imports={},
        programmes={
            name: Programme(name, holds("stage = 'renewal'"), holds("care.due"), "once", None, 0.5, None, steps)
            for name, steps in PROGRAMMES.items()
        },
    )


def everything(book: Playbook) -> tuple[str, ...]:
    """Every measure there is under the playbook, and some windows; scores only where published."""
    known = [name for name in book.measures.known() if book.measures.window(name) is None]
    return (*known, *WINDOWS)


def layout(book: Playbook) -> Layout:
    """One that holds every measure."""
    return Layout.of(book, also=everything(book))


def interaction(kind: str, at: int, **columns: Any) -> dict[str, Any]:
    """One ledger row; what is not told is NULL, or the least that the column requires."""
    told = {"persona_id": 1, "id": f"{kind}@{at}", "source": "test", "role": "customer", "machine": False, "seq": 1}
    return {
        **dict.fromkeys(row.BY_NAME),
        **_CONSTANT,
        **told,
        "kind": kind,
        "occurred_at": at,
        "received_at": at,
        **columns,
    }


_CONSTANT = {"version": 1, "batch": 1, "bucket": 0, "digest": "0"}


def table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows as the ledger holds them."""
    return pa.Table.from_pylist([dict(r) for r in rows], schema=row.SCHEMA)


def frame(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> nw.LazyFrame[Any]:
    """Rows as the engine reads them from the ledger."""
    return engine.lazy(table(rows))


def people(personas: Mapping[int, Sequence[Persona]], roles: Mapping[int, str] | None = None) -> pl.DataFrame:
    """Recognition's frame for customers, each with their personas."""
    rows = [
        (p.persona_id, customer, p.type, p.draw, p.persona_id % 64, (roles or {}).get(p.persona_id, "customer"), False)
        for customer, own in personas.items()
        for p in own
    ]
    names = {"persona_id": pl.Int64, "customer": pl.Int64, "type": pl.String, "draw": pl.Int64, "bucket": pl.Int16}
    return pl.DataFrame(rows, schema={**names, "role": pl.String, "shared": pl.Boolean}, orient="row")


def crowd(random: Random, customers: int, linked: float = 0.3) -> dict[int, list[Persona]]:
    """Customers with one persona, or up to three."""
    types = ("email", "phone", "account", "anonymous_id")
    found: dict[int, list[Persona]] = {}
    next_id = 1
    for _ in range(customers):
        number = random.choice((2, 3)) if random.random() < linked else 1
        found[next_id] = [Persona(next_id + n, random.choice(types), random.randrange(2**31)) for n in range(number)]
        next_id += number
    return found


def history(random: Random, personas: Sequence[int], count: int) -> list[dict[str, Any]]:
    """Random rows of every kind, with every column that a measure reads, some of them at awkward instants."""
    rows = [_random_row(random, personas, number) for number in range(count)]
    questions = [r for r in rows if r["kind"] == "asked"]
    messages = [r for r in rows if r["kind"] in ("sent", "called")]
    for reply in rows:
        before = {"answered_to": questions, "replied": messages}.get(reply["kind"])
        if before and random.random() < 0.6:
            asked = random.choice(before)
            reply["in_reply_to"] = random.choice((asked["id"], asked["message_id"] or asked["id"]))
            reply["persona_id"] = random.choice((asked["persona_id"], reply["persona_id"]))
            reply["occurred_at"] = min(A, asked["occurred_at"] + random.choice((HOUR, 4 * HOUR, DAY, 2 * DAY, 9 * DAY)))
    return rows


def _random_row(random: Random, personas: Sequence[int], number: int) -> dict[str, Any]:
    def maybe(value: Any, share: float = 0.6) -> Any:
        return value if random.random() < share else None

    often = (
        "stepped",
        "stepped",
        "assigned",
        "called",
        "delivered",
        "preferred",
        "asked",
        "answered_to",
        "replied",
        "sent",
        "served",
        "case_opened",
        "case_resolved",
        "joined",
        "preferred",
    )
    kind = random.choice((*KINDS, *often, "sent", "preferred", "opted_in", "opted_in", "opted_in"))
    at = A - random.choice(
        (
            random.randrange(500 * DAY),
            random.randrange(500) * DAY,
            random.randrange(0, 9) * DAY,
            random.randrange(40 * DAY),
        )
    )
    rows = {
        "persona_id": random.choice(list(personas)),
        "seq": number + 1,
        "id": f"i{number}",
        "machine": random.random() < 0.08,
        "source": random.choice(("test", "test", "test", "completion")),
        "touchpoint": random.choice(("site", "line", "mail", "till", "gone", None)),
        "episode_type": None,
        "revenue_minor": maybe(random.randrange(100_000), 0.3),
        "cost_minor": maybe(random.randrange(10_000), 0.3),
        "given": maybe(random.choice((0.0, 1.0, 2.5)), 0.3),
        "asked": maybe(random.choice((0.0, 1.0, 0.5)), 0.3),
        "purpose": random.choice((*PURPOSES, None)),
        "channel": maybe(random.choice(CHANNELS)),
        "message_id": maybe(f"m{random.randrange(30)}"),
        "in_reply_to": maybe(random.choice((f"i{random.randrange(max(number, 1))}", f"m{random.randrange(30)}"))),
        "conversation": maybe(random.choice(tuple(TRIGGERS))),
        "case_id": maybe(f"c{random.randrange(4)}", 0.8),
        "agreement_id": maybe(f"a{random.randrange(3)}", 0.9),
        "evidence": maybe("{}"),
        "reason": random.choice(("hard_bounce", "spam", "reserved", "entered", None)),
        "programme": random.choice(("global", "other", "renewal", "renewal", "welcome", None)),
        "recurrence": random.choice(("2025", "2026")),
        "arm": random.choice(("control", "treated")),
        "answer": maybe(float(random.randrange(6))),
        "name": None,
    }
    if random.random() < 0.4:
        rows |= {"episode_type": random.choice(("claim", "start", "gone")), "episode_id": f"e{random.randrange(3)}"}
        rows["episode_closes"] = random.choice((True, False, None, None))
    if kind in ("opted_in", "opted_out"):
        rows |= {
            "purpose": rows["purpose"] or random.choice(PURPOSES),
            "channel": rows["channel"] or random.choice(CHANNELS),
        }
    if kind in ("joined", "renewed"):
        rows["term_start"] = maybe(at + random.randrange(-20, 40) * DAY)
        rows["renewal_at"] = maybe(at + random.randrange(1, 400) * DAY, 0.8)
    for side in row.READINGS:
        rows[side] = maybe(random.randrange(-16, 17) / 16, 0.3)
    if random.random() < 0.25:
        rows |= {
            "about": "something",
            "about_touchpoint": random.choice(("site", "line", None)),
            "about_at": maybe(at - 3 * DAY),
        }
        rows["about_episode_type"] = random.choice(("claim", None))
    if kind == "stepped":
        # Some rows were written under a playbook with steps that are gone, or in another order.
        ids = random.choice((*(tuple(step.id for step in steps) for steps in PROGRAMMES.values()), _EDITED))
        place = random.randrange(len(ids) + 1)
        rows |= {"step": place, "name": f",{','.join(ids[place - 1 :])}," if place else None}
    if kind == "preferred":
        key, told = random.choice(_TOLD)
        rows |= {"name": key, "answer": float(encode(key, told) or 0)}
    return interaction(kind, at, **rows)


_EDITED = ("call", "old", "mail", "split", "letter", "gone")

_TOLD = (
    ("max_per_week", "2"), ("max_per_week", "5"), ("days", "mon,wed"), ("days", "sat,sun"), ("hours", "09:00-12:00"),
    ("hours", "22:00-11:00"), ("hours", "11:00-11:00"), ("zone", "Asia/Tokyo"), ("zone", "Pacific/Pago_Pago"),
    ("language", "de"), ("language", "en"),
    *((f"{verb}_{name}", told) for verb, names in (("topic", TOPICS), ("likes", CHANNELS), ("refuses", CHANNELS))
      for name in names for told in ("yes", "no")),
)  # fmt: skip


def expected(
    book: Playbook,
    rows: Sequence[Mapping[str, Any]],
    personas: Mapping[int, Sequence[Persona]],
    names: Sequence[str],
    at: int = A,
    scores: Sequence[tuple[int, Mapping[str, Any]]] = (),
) -> dict[int, dict[str, Any]]:
    """The reference evaluator's answer for every customer of whom something counts."""
    found = {}
    for customer, own in personas.items():
        ids = {p.persona_id for p in own}
        mine = [r for r in rows if r["persona_id"] in ids]
        if any(not r["machine"] and r["occurred_at"] <= at for r in mine):
            evaluator = Evaluator(mine, own, book, at, scores)
            found[customer] = {name: evaluator.measure(name) for name in names}
    return found


def differences(got: pl.DataFrame, want: Mapping[int, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Every measure that is not what it should be."""
    served = {values["customer"]: values for values in got.to_dicts()}
    wrong = [] if set(served) == set(want) else [f"customers {sorted(set(served) ^ set(want))}"]
    for customer in sorted(set(served) & set(want)):
        for name in names:
            value, right = served[customer][column(name)], want[customer][name]
            if not alike(value, right, 2e-6 if name == "experience.last" else 1e-9):
                wrong.append(f"{customer} {name}: {value!r}, not {right!r}")
    return wrong


def alike(value: Any, right: Any, tolerance: float) -> bool:
    """Equal, or as near as the stated tolerance for numbers."""
    if isinstance(value, float) and isinstance(right, float | int) and not isinstance(right, bool):
        return abs(value - right) <= tolerance * max(1.0, abs(right))
    return type(value) is type(right) and value == right
