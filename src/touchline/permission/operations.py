"""In: personas and their customers. Out: what each customer may be sent now, and why not. Writes no interactions.

An opt-out of any persona counts for the whole person, an opt-in for the address that gave it and no other, so that
linking people never lends one's consent to another's.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from touchline.interactions.catalogue import REACHED_BY
from touchline.interactions.row import HARD_BOUNCE
from touchline.permission.reading import NEVER, RELEASED, RELEASES, later
from touchline.permission.reading import standing as told_by
from touchline.permission.refreshing import current

FEW = 150_000
"""Of so many people at most, what is in force is looked up; of more, everything is read, which is then the shorter way."""


@dataclass(frozen=True)
class Permissions:
    """What is in force for some people.

    consents      [customer, persona_id, purpose, channel, granted_at, evidenced, source, withdrawn_at, in_force]:
                  withdrawn_at is the whole person's for that purpose and channel, in_force of this address
    preferences   [customer, key, told_at, answer, told], the latest of the person
    suppressions  [customer, persona_id, reason, at, address_only], those in force
    """

    consents: pl.DataFrame
    preferences: pl.DataFrame
    suppressions: pl.DataFrame


def permissions(people: pl.DataFrame, pending: pl.DataFrame | None = None) -> Permissions:
    """What is in force for people [persona_id, customer]; times are NULL where there was none.

    pending   ledger rows [reading.ROWS] that the tables have not taken in yet; they count, and the tables stay as they are
    """
    owners = people.select("persona_id", "customer")
    standing = current(owners.get_column("persona_id") if owners.height <= FEW else None)
    if pending is not None and pending.height:
        standing = later(standing, told_by(pending))
    consents = standing.consents.join(owners, on="persona_id").with_columns(
        withdrawn_at=pl.col("withdrawn_at").max().over("customer", "purpose", "channel")
    )
    in_force = pl.col("granted_at") > pl.col("withdrawn_at")  # at one instant the withdrawal counts
    consents = consents.with_columns(
        in_force=in_force, granted_at=_known("granted_at"), withdrawn_at=_known("withdrawn_at")
    )
    preferences = (
        standing.preferences.join(owners, on="persona_id")
        .sort("customer", "key", "told_at", "answer", "told")
        .unique(["customer", "key"], keep="last", maintain_order=True)
    )
    return Permissions(
        consents=consents.select(
            "customer",
            "persona_id",
            "purpose",
            "channel",
            "granted_at",
            "evidenced",
            "source",
            "withdrawn_at",
            "in_force",
        ).sort("customer", "persona_id", "purpose", "channel"),
        preferences=preferences.select("customer", "key", "told_at", "answer", "told"),
        suppressions=_suppressed(standing.suppressions.join(owners, on="persona_id")),
    )


def _suppressed(rows: pl.DataFrame) -> pl.DataFrame:
    """Those in force: a bounce until that address is released, anything else until the person is.

    A release for a hard bounce is of that address' bounce alone; any other is of the person, and of its own address too.
    """
    told = rows.with_columns(
        address_only=pl.col("reason") == HARD_BOUNCE,
        _of_address=pl.col("at").filter(pl.col("reason").is_in(RELEASES)).max().over("persona_id"),
        _of_person=pl.col("at").filter(pl.col("reason") == RELEASED).max().over("customer"),
    )
    released = pl.when("address_only").then("_of_address").otherwise("_of_person").fill_null(NEVER)
    in_force = told.filter(~pl.col("reason").is_in(RELEASES) & (pl.col("at") > released))
    return in_force.select("customer", "persona_id", "reason", "at", "address_only").sort(
        "customer", "persona_id", "reason"
    )


def may_contact(people: pl.DataFrame, purpose: str, channel: str) -> pl.DataFrame:
    """[customer, persona_id, allowed, why] of each address of people [persona_id, customer, type] on that channel.

    `why` is `consent` or `suppression` where it is not allowed, else NULL. It says what this purpose's opt-ins and
    opt-outs come to; which purposes need none is the playbook's to say.
    """
    known = permissions(people)
    reached = people.filter(pl.col("type") == REACHED_BY.get(channel, "")).select("customer", "persona_id")
    consented = known.consents.filter(
        (pl.col("purpose") == purpose) & (pl.col("channel") == channel) & pl.col("in_force")
    ).get_column("persona_id")
    of_person = known.suppressions.filter(~pl.col("address_only")).get_column("customer")
    of_address = known.suppressions.filter("address_only").get_column("persona_id")
    suppressed = pl.col("customer").is_in(of_person.implode()) | pl.col("persona_id").is_in(of_address.implode())
    why = (
        pl.when(suppressed).then(pl.lit("suppression"))
        .when(~pl.col("persona_id").is_in(consented.implode())).then(pl.lit("consent"))
    )  # fmt: skip
    return (
        reached.with_columns(why=why)
        .select("customer", "persona_id", pl.col("why").is_null().alias("allowed"), "why")
        .sort("persona_id")
    )


def _known(column: str) -> pl.Expr:
    """The time, NULL in the place of NEVER."""
    return pl.when(pl.col(column) != NEVER).then(pl.col(column))
