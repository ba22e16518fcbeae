"""In: how many customers and interactions, and a seed. Out: ledger files, one a bucket, and the playbook that they follow. Writes no interactions.

The rows are drawn independently, in the proportions of a service company with several channels; they carry the
columns that the fold and the slice read, in the ledger's types and dictionary encoding.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchline.interactions import row
from touchline.kernel.ids import BUCKETS
from touchline.kernel.times import DAY, parse_instant

END = parse_instant("2026-06-30T12:00:00Z")
"""The instant up to which interactions are drawn."""

DAYS = 730

_TOUCHPOINTS = (
    "site",
    "app_home",
    "shop_till",
    "service_line",
    "claim_visit",
    "account_mail",
    "account_letter",
    "invoice",
)

_KINDS: dict[str, tuple[float, tuple[str, ...]]] = {
    "visited": (0.30, ("site", "app_home")),
    "acted": (0.08, ("site", "app_home")),
    "bought": (0.08, ("site", "shop_till")),
    "sent": (0.18, ("account_mail", "account_letter")),
    "delivered": (0.06, ("account_mail",)),
    "opened": (0.05, ("account_mail",)),
    "clicked": (0.02, ("account_mail",)),
    "asked": (0.05, ("service_line", "site")),
    "answered_to": (0.045, ("service_line", "site")),
    "served": (0.04, ("claim_visit", "service_line", "shop_till")),
    "answered": (0.025, ("account_mail",)),
    "called": (0.01, ("service_line",)),
    "complained": (0.01, ("service_line", "invoice")),
    "praised": (0.005, ("site",)),
    "joined": (0.01, ("site",)),
    "renewed": (0.01, ("site",)),
    "left": (0.003, ("site",)),
    "opted_in": (0.008, ("site",)),
    "opted_out": (0.003, ("site",)),
    "preferred": (0.004, ("site",)),
    "case_opened": (0.004, ("service_line",)),
    "case_resolved": (0.003, ("service_line",)),
}
_READ = {
    "bought": 0.2, "asked": 0.3, "answered_to": 0.6, "served": 0.9, "answered": 1.0, "complained": 1.0, "praised": 1.0, "clicked": 0.0,
}  # fmt: skip
"""Share of a kind's rows that carry a reading."""

_CONVERSATIONS = ("welcome", "newsletter", "renewal_call", "renewal_letter", "thanks", "survey_claim")
_PURPOSE_OF = ("care", "information", "care", "care", "care", "listening")
_PREFERENCES = ("max_per_week", "days", "hours", "language", "topic_cover")


def write(folder: Path, *, interactions: int, customers: int, seed: int = 7) -> list[str]:
    """Write one Parquet file a bucket, rows in order of arrival; the paths, by bucket.

    Persona ids run from 0 to customers - 1 and lie in bucket `id % 64`; seq is bucket by bucket.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    each = interactions // BUCKETS
    for bucket in range(BUCKETS):
        path = folder / f"{bucket:02d}.parquet"
        personas = np.arange(bucket, customers, BUCKETS, dtype=np.int64)
        generator = np.random.default_rng((seed, bucket))
        table = rows(generator, personas, each, since=END - DAYS * DAY, until=END, seq_from=bucket * each + 1)
        pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=131_072)
        paths.append(str(path))
    return paths


def rows(
    random: np.random.Generator, personas: np.ndarray, n: int, *, since: int, until: int, seq_from: int
) -> pa.Table:
    """`n` interactions of these personas between two instants, in order of time, in the ledger's schema."""
    names = list(_KINDS)
    shares = np.array([_KINDS[name][0] for name in names])
    kind = random.choice(len(names), size=n, p=shares / shares.sum()).astype(np.int32)
    occurred = np.sort(random.integers(since, until, size=n))
    persona = random.choice(personas, size=n)
    place = np.zeros(n, dtype=np.int32)
    read = np.zeros(n, dtype=bool)
    for index, name in enumerate(names):
        here = np.flatnonzero(kind == index)
        choices = np.array([_TOUCHPOINTS.index(t) for t in _KINDS[name][1]], dtype=np.int32)
        place[here] = random.choice(choices, size=len(here))
        read[here] = random.random(len(here)) < _READ.get(name, 0.0)
    outbound = np.isin(kind, [names.index("sent"), names.index("called")])
    talk = random.integers(0, len(_CONVERSATIONS), size=n).astype(np.int32)
    consent = np.isin(kind, [names.index("opted_in"), names.index("opted_out")])
    told = kind == names.index("preferred")
    agreement = np.isin(kind, [names.index(k) for k in ("joined", "renewed", "left")])
    term = np.isin(kind, [names.index(k) for k in ("joined", "renewed")])
    case = np.isin(kind, [names.index(k) for k in ("case_opened", "case_resolved")])
    claim = np.isin(kind, [names.index(k) for k in ("asked", "served", "answered_to")]) & (random.random(n) < 0.5)
    seq = np.arange(seq_from, seq_from + n, dtype=np.int64)
    texts = pc.cast(pa.array(seq), pa.string())
    answered = kind == names.index("answered_to")

    def reading(share: float) -> pa.Array:
        known = read & (random.random(n) < share)
        return pa.array(np.clip(random.normal(0.15, 0.45, n), -1, 1).astype(np.float32), mask=~known)

    def text(codes: np.ndarray, words: tuple[str, ...] | list[str], known: np.ndarray | None = None) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=None if known is None else ~known), pa.array(words))

    def money(known: np.ndarray, high: int) -> pa.Array:
        return pa.array(random.integers(100, high, n), mask=~known)

    points = np.where(answered | (kind == names.index("served")), 1.0, 0.0).astype(np.float32)
    columns: dict[str, pa.Array] = {
        "seq": pa.array(seq),
        "id": texts,
        "version": pa.array(np.ones(n, dtype=np.int16)),
        "persona_id": pa.array(persona),
        "bucket": pa.array((persona % BUCKETS).astype(np.int16)),
        "occurred_at": pa.array(occurred),
        "received_at": pa.array(occurred),
        "kind": text(kind, names),
        "role": text(np.zeros(n, dtype=np.int32), ["customer"]),
        "source": text(np.zeros(n, dtype=np.int32), ["world"]),
        "name": text(random.integers(0, len(_PREFERENCES), n).astype(np.int32), _PREFERENCES, told),
        "touchpoint": text(place, _TOUCHPOINTS),
        "episode_type": text(np.zeros(n, dtype=np.int32), ["claim"], claim),
        "episode_id": pc.if_else(pa.array(claim), pc.cast(pa.array(persona), pa.string()), None),
        "agreement_id": pc.if_else(pa.array(agreement), pc.cast(pa.array(persona), pa.string()), None),
        "term_start": pa.array(occurred, mask=~term),
        "renewal_at": pa.array(occurred + 365 * DAY, mask=~term),
        **{name: reading(share) for name, share in zip(row.READINGS, (0.8, 0.3, 0.3, 0.4, 0.2), strict=True)},
        "revenue_minor": money(kind == names.index("bought"), 20_000),
        "cost_minor": money(kind == names.index("served"), 5_000),
        "given": pa.array(points),
        "asked": pa.array(np.where(outbound, 0.2, 0.0).astype(np.float32)),
        "message_id": pc.if_else(pa.array(outbound), texts, None),
        "conversation": text(talk, _CONVERSATIONS, outbound),
        "purpose": text(talk, _PURPOSE_OF, outbound | consent),
        "channel": text(np.zeros(n, dtype=np.int32), ["email"], consent),
        "in_reply_to": pc.if_else(pa.array(answered), pc.cast(pa.array(np.maximum(seq - 40, 0)), pa.string()), None),
        "case_id": pc.if_else(pa.array(case), pc.cast(pa.array(persona), pa.string()), None),
        "answer": pa.array(random.integers(1, 6, n).astype(np.float64), mask=~told),
        "evidence": text(np.zeros(n, dtype=np.int32), ["{}"], consent),
        "machine": pa.array((kind == names.index("opened")) & (random.random(n) < 0.3)),
    }
    return pa.table(columns)
