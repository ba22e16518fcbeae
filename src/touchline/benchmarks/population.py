"""In: how many customers and interactions, a seed. Out: ledger rows, one file a bucket. Writes no interactions.

The rows are drawn independently, in the proportions of a service company with several channels; all have the ledger's
schema. The playbook that they follow, and recognition's frame of the people, are made here too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchline.expressions import check
from touchline.interactions import row
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.interactions.preferences import KEYS
from touchline.kernel.ids import BUCKETS, DRAW_RANGE
from touchline.kernel.measures import Measures
from touchline.kernel.times import DAY, HOUR, parse_instant
from touchline.kernel.types import Type
from touchline.playbook.compiled import (
    Cap,
    Conversation,
    EpisodeType,
    EventMapping,
    Organisation,
    Playbook,
    Policies,
    Promise,
    Stage,
    Touchpoint,
    Trigger,
    Way,
)

END = parse_instant("2026-06-30T12:00:00Z")
"""The instant up to which a history goes."""

_PROMISE = Promise("in_4h", "responsiveness", 0.3, -0.7, from_kind="asked", until_kind="answered_to", within=4 * HOUR)
_PLACES = (
    Touchpoint("site", "web", "sales", 0.5, "cover"),
    Touchpoint("service_line", "phone", "service", 2.0, "help", (_PROMISE,)),
    Touchpoint("account_mail", "email", "service", 0.5, "cover"),
    Touchpoint("home", "app", "sales", 0.5, "cover"),
    Touchpoint("till", "store", "sales", 1.0, "cover"),
    Touchpoint("claim_visit", "field", "claims", 3.0, "help"),
    Touchpoint("account_letter", "post", "service", 1.0, "cover"),
    Touchpoint("invoice", "print", "billing", 1.0, "help"),
)
_NAMES = tuple(touchpoint.name for touchpoint in _PLACES)
_TALKS = {
    "welcome": "care", "newsletter": "information", "renewal_call": "care",
    "offer": "selling", "thanks": "care", "survey": "listening",
}  # fmt: skip
_STAGES = (
    ("lapsed", "days_since.left < COALESCE(days_since.renewed, 99999) AND days_to_renewal IS NULL"),
    ("claim", "days_since.asked <= 30 AND experience.claim IS NOT NULL AND care.due"),
    ("renewal", "days_to_renewal BETWEEN 0 AND 60"),
    ("onboarding", "tenure_days < 45"),
    ("member", "days_to_renewal > 60"),
)

# Kind -> (share, touchpoints, share of its rows that carry a reading).
_KINDS: dict[str, tuple[float, tuple[str, ...], float]] = {
    "visited": (0.30, ("site", "home"), 0.0),
    "acted": (0.08, ("site", "home"), 0.0),
    "bought": (0.08, ("site", "till"), 0.2),
    "sent": (0.18, ("account_mail", "account_letter"), 0.0),
    "delivered": (0.06, ("account_mail",), 0.0),
    "opened": (0.05, ("account_mail",), 0.0),
    "clicked": (0.02, ("account_mail",), 0.0),
    "asked": (0.05, ("service_line", "site"), 0.3),
    "answered_to": (0.045, ("service_line", "site"), 0.6),
    "served": (0.04, ("claim_visit", "service_line", "till"), 0.9),
    "answered": (0.025, ("account_mail",), 1.0),
    "called": (0.01, ("service_line",), 0.0),
    "complained": (0.01, ("service_line", "invoice"), 1.0),
    "praised": (0.005, ("site",), 1.0),
    "joined": (0.01, ("site",), 0.0),
    "renewed": (0.01, ("site",), 0.0),
    "left": (0.003, ("site",), 0.0),
    "opted_in": (0.008, ("site",), 0.0),
    "opted_out": (0.003, ("site",), 0.0),
    "preferred": (0.004, ("site",), 0.0),
    "case_opened": (0.004, ("service_line",), 0.0),
    "case_resolved": (0.003, ("service_line",), 0.0),
}
_READ = tuple(zip(row.READINGS, (0.8, 0.3, 0.3, 0.4, 0.2), strict=True))

Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def playbook(touchpoints: int = len(_PLACES)) -> Playbook:
    """The playbook of the rows, with so many of their touchpoints; rows at the others have no known place."""
    known = {touchpoint.name: touchpoint for touchpoint in _PLACES[:touchpoints]}
    episodes = {"claim": EpisodeType("claim", ("case_resolved",), 60 * DAY)}
    places = dict.fromkeys(
        (*known, *(t.channel for t in known.values()), *(t.department for t in known.values()), "claim")
    )
    measures = Measures(tuple(KINDS), tuple(PURPOSES), CHANNELS, tuple(places), ("cover", "help"), tuple(_TALKS))
    audience = check("NOT care.due AND experience.overall > -0.2", measures, want=Type.BOOLEAN)
    talks = {
        name: Conversation(
            name, purpose, "own", "cover", ("en",), audience, None, "every", 90 * DAY, 1.0, 0.2, None, 1.0, False,
            (Way("phone", "service_line") if name == "renewal_call" else Way("email", "account_mail"),),
        )
        for name, purpose in _TALKS.items()
    }  # fmt: skip
    talks["survey"] = replace(talks["survey"], trigger=Trigger(kind="served", wait=DAY))
    stages = tuple(Stage(name, check(when, measures, want=Type.BOOLEAN)) for name, when in _STAGES)
    return Playbook(
        digest="0" * 16,
        organisation=Organisation("Own", "Europe/Berlin", "EUR", 100, 180 * DAY, ("en", "de"), ("own",)),
        measures=measures,
        departments=tuple(dict.fromkeys(t.department for t in known.values())),
        topics=("cover", "help"),
        episodes=episodes,
        touchpoints=known,
        default_event=EventMapping("acted", "site"),
        events={},
        stages=(*stages, Stage("prospect", None)),
        audiences={},
        policies=Policies(caps=(Cap("overall", 3, 7 * DAY), Cap("email", 2, 7 * DAY, channel="email"))),
        conversations=talks,
        imports={},
    )


def people(customers: int) -> pl.DataFrame:
    """Recognition's frame: addresses and telephones in turn, two of each hundred linked."""
    ids = np.arange(customers, dtype=np.int64)
    draws = np.random.default_rng(5).integers(0, DRAW_RANGE, customers)
    return pl.DataFrame(
        {
            "persona_id": ids,
            "customer": np.where(ids % 100 == 1, ids - 1, ids),
            "type": np.where(ids % 2 == 0, "email", "phone"),
            "draw": draws,
            "role": ["customer"] * customers,
        }
    )


def write(folder: Path, *, interactions: int, customers: int, days: int = 730, seed: int = 7) -> list[str]:
    """Write one Parquet file a bucket, rows in order of time; the paths, by bucket.

    Persona ids run from 0 to customers - 1 and lie in bucket `id % 64`; seq runs from 1, bucket after bucket.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    each = interactions // BUCKETS
    for bucket in range(BUCKETS):
        path = folder / f"{bucket:02d}.parquet"
        personas = np.arange(bucket, customers, BUCKETS, dtype=np.int64)
        random = np.random.default_rng((seed, bucket))
        table = rows(random, personas, each, since=END - days * DAY, until=END, seq_from=bucket * each + 1)
        pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=131_072)
        paths.append(str(path))
    return paths


def rows(
    random: np.random.Generator,
    personas: npt.NDArray[np.int64],
    count: int,
    *,
    since: int,
    until: int,
    seq_from: int,
) -> pa.Table:
    """So many interactions of these personas between two instants, in order of time, in the ledger's schema.

    Where there are enough of them, everybody has at least one.
    """
    names = list(_KINDS)
    shares = np.array([share for share, _, _ in _KINDS.values()])
    kind = random.choice(len(names), size=count, p=shares / shares.sum()).astype(np.int32)
    place, read = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=bool)
    for index, (_, places, share) in enumerate(_KINDS.values()):
        here = np.flatnonzero(kind == index)
        place[here] = random.choice([_NAMES.index(name) for name in places], size=len(here))
        read[here] = random.random(len(here)) < share

    def among(*kinds: str) -> Mask:
        return np.isin(kind, [names.index(name) for name in kinds])

    def words(choices: tuple[str, ...], codes: Codes, known: Mask | None = None) -> pa.Array:
        chosen = pa.DictionaryArray.from_arrays(pa.array(codes, mask=None if known is None else ~known), list(choices))
        return chosen.cast(pa.string())

    def same(word: str, known: Mask) -> pa.Array:
        return words((word,), np.zeros(count, dtype=np.int32), known)

    def text(values: npt.NDArray[np.int64], known: Mask) -> pa.Array:
        return pc.cast(pa.array(values, mask=~known), pa.string())

    occurred = np.sort(random.integers(since, until, size=count))
    everybody = personas if count >= len(personas) else personas[:0]
    persona = np.concatenate([everybody, random.choice(personas, size=count - len(everybody))])
    random.shuffle(persona)
    seq = np.arange(seq_from, seq_from + count, dtype=np.int64)
    everywhere = np.ones(count, dtype=bool)
    outbound, consent, told = among("sent", "called"), among("opted_in", "opted_out"), among("preferred")
    term = among("joined", "renewed")
    claim = among("asked", "served", "answered_to") & (random.random(count) < 0.5)
    talk = random.integers(0, len(_TALKS), size=count).astype(np.int32)
    preference = (*KEYS, "topic_cover")
    columns: dict[str, pa.Array] = {
        "seq": pa.array(seq),
        "id": text(seq, everywhere),
        "version": pa.array(np.ones(count, dtype=np.int16)),
        "persona_id": pa.array(persona),
        "bucket": pa.array((persona % BUCKETS).astype(np.int16)),
        "occurred_at": pa.array(occurred),
        "received_at": pa.array(occurred),
        "batch": pa.array(np.ones(count, dtype=np.int64)),
        "kind": words(tuple(names), kind),
        "role": same("customer", everywhere),
        "source": same("world", everywhere),
        "name": words(preference, random.integers(0, len(preference), count).astype(np.int32), told),
        "touchpoint": words(_NAMES, place),
        "episode_type": same("claim", claim),
        "episode_id": text(persona, claim),
        "agreement_id": text(persona, term | among("left")),
        "term_start": pa.array(occurred, mask=~term),
        "renewal_at": pa.array(occurred + 365 * DAY, mask=~term),
        "revenue_minor": pa.array(random.integers(100, 20_000, count), mask=~among("bought")),
        "cost_minor": pa.array(random.integers(100, 5_000, count), mask=~among("served")),
        "given": pa.array(np.where(among("answered_to", "served"), 1.0, 0.0).astype(np.float32)),
        "asked": pa.array(np.where(outbound, 0.2, 0.0).astype(np.float32)),
        "message_id": text(seq, outbound),
        "conversation": words(tuple(_TALKS), talk, outbound),
        "purpose": words(tuple(_TALKS.values()), talk, outbound | consent),
        "channel": same("email", consent),
        "in_reply_to": text(np.maximum(seq - 40, 1), among("answered_to")),
        "case_id": text(persona, among("case_opened", "case_resolved")),
        "answer": pa.array(random.integers(1, 6, count).astype(np.float64), mask=~told),
        "evidence": same("{}", consent),
        "machine": pa.array(among("opened") & (random.random(count) < 0.3)),
        "digest": same("0" * 16, everywhere),
    }
    for side, share in _READ:
        known = read & (random.random(count) < share)
        values = np.clip(random.normal(0.15, 0.45, count), -1, 1).astype(np.float32)
        columns[side] = pa.array(values, mask=~known)
    return pa.table([columns.get(c.name, pa.nulls(count, c.type)) for c in row.COLUMNS], schema=row.SCHEMA)
