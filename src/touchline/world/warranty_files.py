"""In: the diary of a history, the people. Out: seven files for the imports of the `warranty` template. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from touchline.interactions.row import HARD_BOUNCE
from touchline.kernel.times import DAY, HOUR
from touchline.world.warranty_chance import Chance, Ints
from touchline.world.warranty_diary import COLUMNS
from touchline.world.warranty_people import People, as_written

FILES: dict[str, str] = {
    "history_contacts": "contacts.csv",
    "history_permissions": "permissions.csv",
    "history_touches": "touches.parquet",
    "history_messages": "messages.parquet",
    "history_answers": "answers.ndjson",
    "history_posts": "posts.ndjson",
    "history_preferences": "preferences.csv",
}
"""Import of the `warranty` template -> file; in the order in which they are best imported."""

_ISO = "%Y-%m-%dT%H:%M:%SZ"
_ELSEWHERE = ("sent", "opened", "clicked", "answered", "said", "opted_in", "opted_out", "identified", "preferred")
_AGREED: tuple[tuple[str, float], ...] = (("care", 1.0), ("information", 0.65), ("selling", 0.45), ("community", 0.25))
"""Purpose -> share of those who agreed to e-mail that agreed to it too."""


def write(folder: Path, frames_: Mapping[str, pl.DataFrame]) -> list[tuple[Path, str]]:
    """Write the files; (path, name of its import) in order. What nobody did has no file."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames_.items():
        if frame.is_empty():
            continue
        path = folder / FILES[name]
        match path.suffix:
            case ".csv":
                frame.write_csv(path)
            case ".ndjson":
                frame.write_ndjson(path)
            case _:
                frame.write_parquet(path)
        written.append((path, name))
    return written


def office(people: People, chance: Chance, *, start: int, until: int) -> dict[str, pl.DataFrame]:
    """Two of the files, of everybody who enrols until then: who they are and where they live; what they agree to, what bounces."""
    every = frames(pl.DataFrame(schema=COLUMNS), people, chance, start=start, until=until)
    return {name: every[name] for name in ("history_contacts", "history_permissions")}


def between(told: Mapping[str, pl.DataFrame], since: int, until: int) -> dict[str, pl.DataFrame]:
    """Of `office`, what was told between the instants; texts of times stand in the order of their times."""
    first, last = pl.from_epoch(pl.Series([since, until]), time_unit="us").dt.strftime(_ISO)
    told_at = {"history_contacts": "told_at", "history_permissions": "happened_at"}
    return {
        name: frame.filter(pl.col(told_at[name]).is_between(pl.lit(first), pl.lit(last), closed="left"))
        for name, frame in told.items()
    }


def frames(
    happened: pl.DataFrame, people: People, chance: Chance, *, start: int, until: int
) -> dict[str, pl.DataFrame]:
    """The files as frames, with exactly the columns that their imports expect."""
    joined = start + people.join_day * DAY + 4 * HOUR
    known = people.contacts.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("who"), joined=pl.Series(joined))
    told = happened.join(known.drop("contract_no", "joined"), on="who", how="left", maintain_order="left").with_columns(
        happened_at=pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC")
    )
    return {
        "history_contacts": _contacts(people, chance, joined, until),
        "history_permissions": _permissions(known, told, people, chance, until),
        "history_touches": _touches(told),
        "history_messages": _messages(told),
        "history_answers": told.filter(pl.col("kind") == "answered").select(
            "event_id",
            "user_id",
            _iso("at").alias("answered_at"),
            "survey",
            "question",
            "score",
            "claim_no",
            "message_id",
        ),
        "history_posts": told.filter(pl.col("kind") == "said").select(
            "event_id", "handle", _iso("at").alias("posted_at"), "stars", "words"
        ),
        "history_preferences": _preferences(known, chance, start, until),
    }


def _iso(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="us").dt.strftime(_ISO)


def _contacts(people: People, chance: Chance, joined: Ints, until: int) -> pl.DataFrame:
    """One line a customer; most signed in once in the browser that they use, whose id then stands beside their user id."""
    who = np.arange(len(people), dtype=np.int64)
    stitched = pl.Series(chance.of("stitched", 0, who) < 0.85)
    return (
        as_written(people.contacts, chance)
        .with_columns(anonymous_id=pl.when(stitched).then("anonymous_id"), told_at=pl.Series(joined))
        .filter(pl.col("told_at") < until)
        .with_columns(told_at=_iso("told_at"))
        .select(
            "user_id",
            "contract_no",
            "email",
            "phone",
            "address",
            "anonymous_id",
            "handle",
            "name",
            "zone",
            "language",
            "told_at",
        )
    )


def _touches(told: pl.DataFrame) -> pl.DataFrame:
    signed_in = pl.col("signed_in").fill_null(value=True)
    instants = [
        pl.from_epoch(pl.col(name), time_unit="us").dt.replace_time_zone("UTC").alias(name)
        for name in ("term_start", "renews_at")
    ]
    return (
        told.filter(~pl.col("kind").is_in(_ELSEWHERE))
        .with_columns(
            instants,
            user_id=pl.when(signed_in).then("user_id"),
            anonymous_id=pl.when(~signed_in).then("anonymous_id"),
        )
        .select(
            "event_id", "user_id", "anonymous_id", "happened_at", "kind", "touchpoint", "claim_no", "case_no", "solved", "visits", "agreed_on",
            "arrived_on", "in_time", "amount", "cost", "reply_to", "contract_no", "term_start", "renews_at", "reason", "words",
        )
    )  # fmt: skip


def _messages(told: pl.DataFrame) -> pl.DataFrame:
    sent = told.filter(pl.col("kind") == "sent").select(
        "message_id", conversation_="conversation", purpose_="purpose", touchpoint_="touchpoint"
    )
    return (
        told.filter(pl.col("kind").is_in(("sent", "opened", "clicked")))
        .join(sent, on="message_id", how="left", maintain_order="left")
        .select(
            "event_id",
            "message_id",
            "user_id",
            pl.col("email").alias("address"),
            "happened_at",
            "kind",
            pl.col("touchpoint_").alias("touchpoint"),
            pl.col("conversation_").alias("conversation"),
            pl.col("purpose_").alias("purpose"),
            pl.col("machine").fill_null(value=False),
        )
    )


def _permissions(known: pl.DataFrame, told: pl.DataFrame, people: People, chance: Chance, until: int) -> pl.DataFrame:
    """Who agreed did so at enrolment; where the former tool kept no evidence the column is empty."""
    who = np.arange(len(people), dtype=np.int64)
    base = known.with_columns(evidenced=pl.Series(people.evidence), agrees=pl.Series(people.agrees))
    evidence = pl.concat_str(pl.lit('{"how":"form at enrolment","wording":"v2","when":"'), _iso("joined"), pl.lit('"}'))
    text = pl.lit(None, dtype=pl.String)
    given = [
        base.filter(pl.col("agrees") & pl.Series(chance.of(f"agrees to {purpose}", 0, who) < share)).select(
            "user_id",
            pl.lit("opted_in").alias("kind"),
            pl.lit(purpose).alias("purpose"),
            pl.lit("email").alias("channel"),
            pl.col("email").alias("address"),
            pl.col("joined").alias("at"),
            pl.when("evidenced").then(evidence).alias("evidence"),
            text.alias("reason"),
        )
        for purpose, share in _AGREED
    ]
    taken = told.filter(pl.col("kind") == "opted_out").select(
        "user_id",
        "kind",
        "purpose",
        "channel",
        pl.col("email").alias("address"),
        "at",
        text.alias("evidence"),
        "reason",
    )
    bounced = base.filter(pl.Series(chance.of("bounces", 0, who) < 0.01)).select(
        "user_id",
        pl.lit("suppressed").alias("kind"),
        text.alias("purpose"),
        pl.lit("email").alias("channel"),
        pl.col("email").alias("address"),
        (pl.col("joined") + 20 * DAY).alias("at"),
        text.alias("evidence"),
        pl.lit(HARD_BOUNCE).alias("reason"),
    )
    return (
        pl.concat([*given, taken, bounced])
        .filter(pl.col("at") < until)
        .select(
            pl.concat_str(
                pl.lit("perm"), "kind", pl.col("purpose").fill_null("all"), "user_id", _iso("at"), separator="-"
            ).alias("event_id"),
            "user_id",
            "kind",
            "purpose",
            "channel",
            "address",
            _iso("at").alias("happened_at"),
            "evidence",
            "reason",
        )
    )


def _preferences(known: pl.DataFrame, chance: Chance, start: int, until: int) -> pl.DataFrame:
    """One customer in ten told something; an empty field was not told."""
    who = np.arange(known.height, dtype=np.int64)

    def told(question: str, share: float, choices: tuple[str, ...]) -> pl.Series:
        values = np.array(choices, dtype=object)[chance.index(question, 0, who, len(choices))]
        values[chance.of(question, 1, who) >= share] = None
        return pl.Series(values.tolist(), dtype=pl.String)

    later = np.maximum(known["joined"].to_numpy() + DAY, start)
    at = later + (chance.of("tells when", 0, who) * np.maximum(until - later, 0)).astype(np.int64)
    return (
        known.select("user_id", "joined")
        .with_columns(
            told_at=pl.Series(at),
            max_per_week=told("max_per_week", 0.6, ("1", "2", "3")),
            hours=told("hours", 0.25, ("09:00-18:00", "17:00-20:00")),
            refuses_phone=told("refuses_phone", 0.4, ("yes", "no")),
            topic_cover=told("topic_cover", 0.3, ("yes", "no")),
        )
        .filter(pl.Series(chance.of("tells", 0, who) < 0.1) & (pl.col("told_at") < until) & (pl.col("joined") < until))
        .with_columns(told_at=_iso("told_at"))
        .drop("joined")
    )
