"""In: ledger rows of consent, preference and suppression. Out: what they leave in force, as three frames.
Writes no interactions.

A pure function, and one of maxima: any order, any partition and any repetition of the rows gives the same. A consent
row belongs to the persona of the address that it names, so that it never speaks for another address.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from touchline.interactions.preferences import LIMIT
from touchline.interactions.row import HARD_BOUNCE

NEVER = -(2**62)
"""Earlier than anything; a number and not NULL, so that the database itself can take the later of two."""

REPORTED_SPAM = "reported_spam"
RELEASED = "released"
RELEASED_BOUNCE = "released_bounce"
"""Of an address whose bounce was released and nothing else."""

RELEASES: tuple[str, ...] = (RELEASED, RELEASED_BOUNCE)

KINDS: tuple[str, ...] = ("opted_in", "opted_out", "preferred", "suppressed", "released", "reported_spam", "failed")
"""Kinds of interest; other rows may be given and are passed over."""

ROWS = {
    "seq": pl.Int64, "persona_id": pl.Int64, "occurred_at": pl.Int64, "kind": pl.String, "source": pl.String,
    "name": pl.String, "purpose": pl.String, "channel": pl.String, "answer": pl.Float64, "evidence": pl.String,
    "reason": pl.String, "payload": pl.String, "machine": pl.Boolean,
}  # fmt: skip
"""Ledger columns that are read."""

CONSENT = {
    "persona_id": pl.Int64, "purpose": pl.String, "channel": pl.String, "granted_at": pl.Int64, "evidenced": pl.Boolean,
    "granted_seq": pl.Int64, "source": pl.String, "withdrawn_at": pl.Int64,
}  # fmt: skip
PREFERENCE = {
    "persona_id": pl.Int64, "key": pl.String, "told_at": pl.Int64, "answer": pl.Int64, "told": pl.String,
}  # fmt: skip
SUPPRESSION = {"persona_id": pl.Int64, "reason": pl.String, "at": pl.Int64}


@dataclass(frozen=True)
class Standing:
    """What is in force: frames CONSENT, PREFERENCE and SUPPRESSION, times NEVER where there was none."""

    consents: pl.DataFrame
    preferences: pl.DataFrame
    suppressions: pl.DataFrame


def standing(rows: pl.DataFrame) -> Standing:
    """What ledger rows [ROWS] leave in force; `seq` may be NULL in rows that are not drained yet.

    What a scanner or proxy did is passed over, as in every measure: it is nobody's consent, and nobody's withdrawal.
    """
    told = (
        rows.lazy()
        .select(*ROWS)
        .filter(pl.col("kind").is_in(KINDS), ~pl.col("machine").fill_null(value=False))
        .with_columns(pl.col("seq").fill_null(-1))
        .collect()
    )
    return Standing(_consents(told), _preferences(told), _suppressions(told))


def later(one: Standing, other: Standing) -> Standing:
    """What both leave in force together: of each row the later, as if their rows had been told at once."""
    consents = pl.concat([one.consents, other.consents])
    key = ["persona_id", "purpose", "channel"]
    grants = consents.sort("granted_at", "evidenced", "granted_seq", "source").unique(key, keep="last")
    withdrawn = consents.group_by(key).agg(pl.col("withdrawn_at").max())
    preferences = pl.concat([one.preferences, other.preferences]).sort("told_at", "answer", "told")
    suppressions = pl.concat([one.suppressions, other.suppressions]).group_by("persona_id", "reason")
    return Standing(
        consents=grants.drop("withdrawn_at").join(withdrawn, on=key).select(*CONSENT).sort(key),
        preferences=preferences.unique(["persona_id", "key"], keep="last").sort("persona_id", "key"),
        suppressions=suppressions.agg(pl.col("at").max()).sort("persona_id", "reason"),
    )


def _consents(told: pl.DataFrame) -> pl.DataFrame:
    key = ["persona_id", "purpose", "channel"]
    rows = told.filter(
        pl.col("kind").is_in(["opted_in", "opted_out"])
        & pl.col("purpose").is_not_null()
        & pl.col("channel").is_not_null()
    )
    granted = (
        rows.filter(pl.col("kind") == "opted_in")
        .select(*key, "source", granted_at="occurred_at", evidenced=pl.col("evidence").is_not_null(), granted_seq="seq")
        .sort("granted_at", "evidenced", "granted_seq", "source")
        .unique(key, keep="last", maintain_order=True)
    )
    withdrawn = rows.filter(pl.col("kind") == "opted_out").group_by(key).agg(withdrawn_at=pl.col("occurred_at").max())
    both = granted.join(withdrawn, on=key, how="full", coalesce=True)
    never = pl.lit(NEVER, dtype=pl.Int64)
    return both.select(
        *key,
        granted_at=pl.col("granted_at").fill_null(never),
        evidenced=pl.col("evidenced").fill_null(value=False),
        granted_seq=pl.col("granted_seq").fill_null(-1),
        source=pl.col("source").fill_null(""),
        withdrawn_at=pl.col("withdrawn_at").fill_null(never),
    ).sort(key)


def _preferences(told: pl.DataFrame) -> pl.DataFrame:
    answer = (pl.col("answer") + 0.5).floor()
    sensible = pl.col("name").is_not_null() & pl.col("answer").is_not_null() & (answer >= 0) & (answer < LIMIT)
    return (
        told.filter((pl.col("kind") == "preferred") & sensible)
        .select(
            "persona_id",
            key="name",
            told_at="occurred_at",
            answer=answer.cast(pl.Int64),
            told=pl.col("payload").fill_null(""),
        )
        .sort("persona_id", "key", "told_at", "answer", "told")
        .unique(["persona_id", "key"], keep="last", maintain_order=True)
    )


def _suppressions(told: pl.DataFrame) -> pl.DataFrame:
    kind, reason = pl.col("kind"), pl.col("reason")
    why = (
        pl.when(kind == "reported_spam").then(pl.lit(REPORTED_SPAM))
        .when((kind == "released") & (reason == HARD_BOUNCE)).then(pl.lit(RELEASED_BOUNCE))
        .when(kind == "released").then(pl.lit(RELEASED))
        .when((kind == "suppressed") & reason.is_in(RELEASES)).then(pl.lit("unknown"))  # or it would lift itself
        .when(kind == "suppressed").then(reason.fill_null("unknown"))
        .when((kind == "failed") & (reason == HARD_BOUNCE)).then(pl.lit(HARD_BOUNCE))
    )  # fmt: skip
    return (
        told.select("persona_id", "occurred_at", reason=why)
        .filter(pl.col("reason").is_not_null())
        .group_by("persona_id", "reason")
        .agg(at=pl.col("occurred_at").max())
        .sort("persona_id", "reason")
    )
