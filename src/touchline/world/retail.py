"""In: a folder, how many customers and days, a seed, the last instant. Out: seven files of a retail base, ready for
`touchline import`. Writes no interactions.

The base behaves by simple rules, each with its strength in `touchline.world.parameters`, so that what an analysis
finds can be
compared with what is true:

- **Goodwill** is what a customer remembers of the organisation. It halves in half a year; each encounter adds to it
  or takes from it.
- A **bad delivery** (late or damaged) takes goodwill, and lowers what is said of it in surveys and reviews. The
  carrier was in trouble for three months.
- Less goodwill means **fewer purchases**, fewer visits, fewer renewals of the club, and more customers who leave for
  good.
- **Contact pressure** repels: messages beyond the tolerated lower purchases and raise opt-outs. How often the former
  tool wrote was drawn, so pressure has no other cause.
- A complaint **recovered** in time gives back more goodwill than was lost; recovered late it gives back little, never
  recovered it takes more.
- A question answered in time helps a little; answered late or never it hurts.
- Some stay from **inertia**: they react to next to nothing, renew from habit and rarely answer. Their staying is not
  loyalty.

`FILES` says which file is for which import of the `retail` template. Contacts are as people typed them: cases, blanks,
typing errors, household telephones, web ids stitched to user ids. Touches hold visits (some not signed in), purchases,
deliveries, refunds, questions and answers, complaints and cases, praise, gifts and the club; messages what the former
tools sent, and what was opened and clicked, by people and by machines; permissions are consents with and without
evidence, withdrawals, spam reports and hard bounces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from touchline.interactions.row import HARD_BOUNCE
from touchline.kernel.times import DAY, HOUR
from touchline.world.parameters import Parameters
from touchline.world.shoppers import Shoppers, as_typed, shoppers
from touchline.world.shopping import Shopping

FILES: dict[str, str] = {
    "demo_contacts": "contacts.csv",
    "demo_touches": "touches.parquet",
    "demo_messages": "messages.parquet",
    "demo_answers": "answers.ndjson",
    "demo_reviews": "reviews.ndjson",
    "demo_permissions": "permissions.csv",
    "demo_preferences": "preferences.csv",
}
"""Import of the `retail` template -> file; in the order in which they are best imported."""

TOPICS: tuple[str, ...] = ("home", "garden", "delivery", "offers")
OUTSIDE_TOUCHES = ("sent", "opened", "clicked", "answered", "said", "opted_out", "reported_spam")


@dataclass(frozen=True)
class World:
    """A retail base as frames, before it is written.

    files     import name -> frame, with exactly the columns that its mapping expects
    diary     everything that happened, `who` being the place in `people`
    people    who they truly are, and what drives each
    goodwill  of each at the last instant: the truth that no file holds
    """

    files: Mapping[str, pl.DataFrame]
    diary: pl.DataFrame
    people: Shoppers
    goodwill: pl.Series


@dataclass(frozen=True)
class Written:
    """Files written. `files`: import name -> path, in the order in which to import them; `rows`: import name ->
    lines."""

    files: Mapping[str, Path]
    rows: Mapping[str, int] = field(default_factory=dict)


def generate(
    directory: Path | str,
    customers: int = 30_000,
    days: int = 730,
    seed: int = 7,
    *,
    until: int,
    parameters: Parameters | None = None,
) -> Written:
    """Write the seven files into `directory` (made where missing); the same arguments write the same bytes.

    until is the last instant, microseconds UTC; the first day is `days` before it.
    """
    world = live(customers, days, seed, until=until, parameters=parameters)
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    for name, frame in world.files.items():
        paths[name] = folder / FILES[name]
        match paths[name].suffix:
            case ".csv":
                frame.write_csv(paths[name])
            case ".ndjson":
                frame.write_ndjson(paths[name])
            case _:
                frame.write_parquet(paths[name])
    return Written(paths, {name: frame.height for name, frame in world.files.items()})


def live(customers: int, days: int, seed: int, *, until: int, parameters: Parameters | None = None) -> World:
    """The same base as frames; all randomness comes from one generator of the seed."""
    rng = np.random.default_rng(seed)
    chosen = parameters or Parameters()
    start = (until - days * DAY) // DAY * DAY
    people = shoppers(customers, -(-(until - start) // (7 * DAY)), chosen, rng)
    shopping = Shopping(people, chosen, rng, start, until)
    diary = shopping.run()
    told = diary.join(_known(people), on="who", how="left").with_columns(happened_at=_instant("at"))
    files = {
        "demo_contacts": _contacts(people, start, until, rng),
        "demo_touches": _touches(told),
        "demo_messages": _messages(told),
        "demo_answers": _answers(told),
        "demo_reviews": _reviews(told),
        "demo_permissions": _permissions(people, told, start, until, rng),
        "demo_preferences": _preferences(people, start, until, rng),
    }
    return World(files, diary, people, pl.Series("goodwill", shopping.goodwill))


def _known(people: Shoppers) -> pl.DataFrame:
    return people.contacts.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("who"), "user_id", "email", "phone", "anonymous_id"
    )


def _instant(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="us").dt.replace_time_zone("UTC")


def _iso(column: str) -> pl.Expr:
    return pl.from_epoch(pl.col(column), time_unit="us").dt.strftime("%Y-%m-%dT%H:%M:%SZ")


def _contacts(people: Shoppers, start: int, until: int, rng: np.random.Generator) -> pl.DataFrame:
    """One line a customer. Most signed in once in the browser that they use: its web id stands beside their user id."""
    count = len(people)
    told_at = np.minimum(start + people.since_week * 7 * DAY + 3 * HOUR, until)
    return (
        as_typed(people.contacts, rng)
        .with_columns(
            anonymous_id=pl.when(pl.Series(rng.random(count) < 0.85)).then("anonymous_id"),
            told_at=pl.Series(told_at),
        )
        .with_columns(told_at=_iso("told_at"))
    )


def _touches(told: pl.DataFrame) -> pl.DataFrame:
    return told.filter(~pl.col("kind").is_in(OUTSIDE_TOUCHES)).select(
        "event_id",
        pl.when(pl.col("signed_in").fill_null(value=True)).then("user_id").alias("user_id"),
        pl.when(~pl.col("signed_in").fill_null(value=True)).then("anonymous_id").alias("anonymous_id"),
        "happened_at",
        "kind",
        "touchpoint",
        "order_no",
        "closes",
        "amount",
        "cost",
        "days_late",
        "damaged",
        "waited_min",
        "in_time",
        "reply_to",
        "about",
        "case_no",
        "contract_no",
        _instant("term_start").alias("term_start"),
        _instant("renews_at").alias("renews_at"),
        "gift",
        "words",
    )


def _messages(told: pl.DataFrame) -> pl.DataFrame:
    return told.filter(pl.col("kind").is_in(("sent", "opened", "clicked"))).select(
        "event_id",
        "message_id",
        "user_id",
        pl.col("email").alias("address"),
        "happened_at",
        "kind",
        "touchpoint",
        "conversation",
        "purpose",
        pl.col("machine").fill_null(value=False),
        "order_no",
    )


def _answers(told: pl.DataFrame) -> pl.DataFrame:
    return told.filter(pl.col("kind") == "answered").select(
        "event_id",
        "user_id",
        _iso("at").alias("answered_at"),
        "survey",
        "question",
        "score",
        "about",
        "order_no",
        "message_id",
    )


def _reviews(told: pl.DataFrame) -> pl.DataFrame:
    return told.filter(pl.col("kind") == "said").select(
        "event_id", "user_id", _iso("at").alias("posted_at"), "touchpoint", "stars", "words", "order_no"
    )


def _permissions(
    people: Shoppers, told: pl.DataFrame, start: int, until: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Who agreed did so once, for several purposes; where the former tool kept no evidence the column is empty."""
    count = len(people)
    at = np.minimum(
        start + people.since_week * 7 * DAY + (rng.random(count) * 6 * DAY).astype(np.int64) + 12 * HOUR, until
    )
    base = _known(people).with_columns(
        people.contacts["address"], at=pl.Series(at), evidenced=pl.Series(people.evidence)
    )
    texts = base.filter(pl.Series(rng.random(count) < 0.11) & pl.col("phone").is_not_null())
    agreed = base.filter(pl.Series(people.mailing > 0))
    community = agreed.filter(pl.Series(rng.random(agreed.height) < 0.5))
    letters = base.filter(pl.Series(rng.random(count) < 0.3) & pl.col("address").is_not_null())
    given = [_opt_in(agreed, purpose, "email", "email") for purpose in ("selling", "information", "care")] + [
        _opt_in(community, "community", "email", "email"),
        _opt_in(texts, "care", "sms", "phone"),
        _opt_in(texts, "selling", "sms", "phone"),
        _opt_in(letters, "care", "post", "address"),
        _opt_in(letters, "selling", "post", "address"),
    ]
    evidence = pl.concat_str(
        pl.lit('{"how":"form at the till or on the site","wording":"v2","when":"'), pl.col("happened_at"), pl.lit('"}')
    )
    stopped = told.filter(pl.col("kind").is_in(("opted_out", "reported_spam")))
    taken = [
        stopped.filter(pl.col("kind") == "opted_out").select(
            "user_id",
            pl.lit("opted_out").alias("kind"),
            pl.lit(purpose).alias("purpose"),
            pl.lit("email").alias("channel"),
            pl.col("email").alias("address"),
            _iso("at").alias("happened_at"),
            pl.lit(value=False).alias("evidenced"),
            "reason",
        )
        for purpose in ("selling", "information")
    ] + [
        stopped.filter(pl.col("kind") == "reported_spam").select(
            "user_id",
            "kind",
            pl.lit(None, dtype=pl.String).alias("purpose"),
            pl.lit("email").alias("channel"),
            pl.col("email").alias("address"),
            _iso("at").alias("happened_at"),
            pl.lit(value=False).alias("evidenced"),
            "reason",
        )
    ]
    bounced = (
        base.filter(pl.Series(rng.random(count) < 0.012))
        .select(
            "user_id",
            pl.lit("suppressed").alias("kind"),
            pl.lit(None, dtype=pl.String).alias("purpose"),
            pl.lit("email").alias("channel"),
            pl.col("email").alias("address"),
            (pl.col("at") + 20 * DAY).alias("at"),
            pl.lit(HARD_BOUNCE).alias("reason"),
        )
        .filter(pl.col("at") <= until)
        .with_columns(happened_at=_iso("at"), evidenced=pl.lit(value=False))
        .drop("at")
    )
    every = pl.concat([*given, *taken, bounced], how="diagonal")
    return every.select(
        pl.concat_str(pl.lit("perm-"), pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(7)).alias("event_id"),
        "user_id",
        "kind",
        "purpose",
        "channel",
        "address",
        "happened_at",
        pl.when("evidenced").then(evidence).alias("evidence"),
        "reason",
    )


def _opt_in(whose: pl.DataFrame, purpose: str, channel: str, address: str) -> pl.DataFrame:
    return whose.select(
        "user_id",
        pl.lit("opted_in").alias("kind"),
        pl.lit(purpose).alias("purpose"),
        pl.lit(channel).alias("channel"),
        pl.col(address).alias("address"),
        _iso("at").alias("happened_at"),
        "evidenced",
        pl.lit(None, dtype=pl.String).alias("reason"),
    )


def _preferences(people: Shoppers, start: int, until: int, rng: np.random.Generator) -> pl.DataFrame:
    """One customer in nine told something; an empty field was not asked for or not answered."""
    count = len(people)
    some = _known(people).select("user_id").filter(pl.Series(rng.random(count) < 0.11))
    size = some.height

    def told(share: float, choices: tuple[str, ...]) -> pl.Series:
        values = np.array(choices, dtype=object)[rng.integers(0, len(choices), size)]
        values[rng.random(size) >= share] = None
        return pl.Series(values.tolist(), dtype=pl.String)

    at = start + (rng.random(size) * (until - start)).astype(np.int64)
    return some.with_columns(
        told_at=pl.Series(at),
        max_per_week=told(0.6, ("1", "1", "2", "3")),
        hours=told(0.3, ("09:00-18:00", "17:00-20:00", "08:00-12:00")),
        days=told(0.15, ("mon,tue,wed,thu,fri", "sat", "mon,fri")),
        refuses_sms=told(0.35, ("yes", "no")),
        refuses_phone=told(0.35, ("yes", "yes", "no")),
        **{
            f"topic_{topic}": told(0.4, ("yes", "no") if topic != "offers" else ("no", "no", "yes")) for topic in TOPICS
        },
    ).with_columns(told_at=_iso("told_at"))
