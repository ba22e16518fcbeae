"""In: a chunk's rows and the identifiers of their lines. Out: each row's persona, and addresses in their one spelling. Writes `linked` and `unlinked`, through the buffer.

A row belongs to the persona of its line's strongest identifier; a row about one address (a consent, a suppression, a message)
belongs to the persona of that address, so that linking people never lends one's consent to another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from django.db import transaction

from touchline.intake import buffer
from touchline.intake.mapping import IDENTIFIER
from touchline.intake.readers import LINE, NUMBER
from touchline.intake.rejects import SCHEMA
from touchline.intake.rows import Draft
from touchline.interactions.catalogue import REACHED_BY
from touchline.recognition.recognising import Recogniser

OF_ADDRESS: tuple[str, ...] = (
    "opted_in", "opted_out", "reported_spam", "suppressed", "released", "sent", "delivered", "failed", "opened", "clicked",
)  # fmt: skip
"""Kinds whose row belongs to the persona of the address that they name."""

_GROUP, _ADDRESS = "__group", "__address"


@dataclass(frozen=True)
class Identified:
    """Rows with `persona_id`, `bucket` and normalised `identifier`; and rejects.SCHEMA of those whose identifier cannot be one."""

    draft: Draft
    rejected: pl.DataFrame


def identify(draft: Draft, kinds: Sequence[tuple[str, str]], recogniser: Recogniser, now: int) -> Identified:
    """Give each row its persona.

    kinds   (type, scope) of `__identifier_0`, `__identifier_1`, … of the draft
    """
    columns = [f"{IDENTIFIER}{i}" for i in range(len(kinds))]
    frame = draft.frame
    if frame.is_empty():
        empty = frame.with_columns(pl.lit(None, pl.Int64).alias("persona_id"), pl.lit(None, pl.Int16).alias("bucket"))
        return Identified(Draft(empty.drop(columns), draft.fixed), pl.DataFrame(schema=SCHEMA))
    at = pl.col("occurred_at") if draft.varies("occurred_at") else pl.lit(draft.fixed["occurred_at"], pl.Int64)
    if len(columns) == 1:
        groups = frame.select(columns).unique(maintain_order=True).with_columns(pl.lit(0, pl.Int64).alias("occurred_at"))
    else:
        groups = frame.group_by(columns, maintain_order=True).agg(at.min().alias("occurred_at"))
    groups = groups.with_row_index(_GROUP).with_columns(pl.col(_GROUP).cast(pl.Int64))
    addresses = _addresses(draft, groups.height)
    sightings = pl.concat(
        [
            *(
                groups.select(
                    pl.col(_GROUP).alias("row"), pl.lit(kind).alias("type"), pl.lit(scope).alias("scope"),
                    pl.col(name).alias("value"), pl.lit(None, pl.String).alias("name"), "occurred_at",
                )
                for name, (kind, scope) in zip(columns, kinds, strict=True)
            ),
            addresses.select(
                pl.col(_ADDRESS).alias("row"), "type", pl.lit("").alias("scope"), pl.col("identifier").alias("value"),
                pl.lit(None, pl.String).alias("name"), pl.lit(0, pl.Int64).alias("occurred_at"),
            ),
        ]
    )  # fmt: skip
    with transaction.atomic():
        found = recogniser.recognise(sightings, now=now)
        buffer.accept_rows(found.administration, received_at=now)
    people = found.rows.select("row", "persona_id", "bucket")
    placed = groups.join(people, left_on=_GROUP, right_on="row", how="left").join(found.refused, left_on=_GROUP, right_on="row", how="left")
    frame = frame.join(placed.select(*columns, "persona_id", "bucket", "reason"), on=columns, how="left", nulls_equal=True, maintain_order="left")
    if not addresses.is_empty():
        known = found.identifiers.select("row", "value_normalised")
        told = addresses.join(people, left_on=_ADDRESS, right_on="row", how="left").join(known, left_on=_ADDRESS, right_on="row", how="left")
        told = told.join(found.refused, left_on=_ADDRESS, right_on="row", how="left")
        frame = _of_address(Draft(frame, draft.fixed), told)
    return _parted(Draft(frame.drop(columns), {k: v for k, v in draft.fixed.items() if k != "identifier" or addresses.is_empty()}))


def _type_of_address(draft: Draft) -> pl.Expr:
    """The type of a row's `identifier`: by its channel, else by how it looks; NULL where nothing tells."""
    address, channel = draft.column("identifier"), draft.column("channel")
    if address is None:
        return pl.lit(None, pl.String)
    looks = pl.when(address.str.contains("@", literal=True)).then(pl.lit("email")).when(address.str.contains(r"^\s*\+?[\d\s()/.-]+$")).then(pl.lit("phone"))
    if channel is None:
        return looks
    return pl.coalesce(channel.replace_strict(REACHED_BY, default=None, return_dtype=pl.String), looks)


def _addressed(draft: Draft) -> pl.Expr:
    kind, address = draft.column("kind"), draft.column("identifier")
    if kind is None or address is None:
        return pl.lit(value=False)
    return kind.is_in(OF_ADDRESS) & address.is_not_null() & _type_of_address(draft).is_not_null()


def _addresses(draft: Draft, first: int) -> pl.DataFrame:
    """Distinct [__address, type, identifier] of rows that are about one, numbered from `first`."""
    empty = pl.DataFrame(schema={_ADDRESS: pl.Int64, "type": pl.String, "identifier": pl.String})
    if not set(draft.values("kind")) & set(OF_ADDRESS) or draft.column("identifier") is None:
        return empty
    address = draft.column("identifier")
    assert address is not None  # noqa: S101 - it was looked at on the line before; this tells the type checker
    found = draft.frame.filter(_addressed(draft)).select(_type_of_address(draft).alias("type"), address.alias("identifier")).unique(maintain_order=True)
    return found.with_row_index(_ADDRESS, offset=first).select(pl.col(_ADDRESS).cast(pl.Int64), "type", "identifier")


def _of_address(draft: Draft, told: pl.DataFrame) -> pl.DataFrame:
    """Rows about an address get its persona, and its spelling."""
    address = draft.column("identifier")
    if address is None:
        return draft.frame
    about = _addressed(draft)
    frame = draft.frame.with_columns(pl.when(about).then(_type_of_address(draft)).alias("__type"), address.alias("identifier"))
    own = told.select(
        pl.col("type").alias("__type"), "identifier", pl.col("persona_id").alias("__persona"), pl.col("bucket").alias("__bucket"),
        pl.col("value_normalised").alias("__spelt"), pl.col("reason").alias("__why"), pl.lit(value=True).alias("__told"),
    )  # fmt: skip
    frame = frame.join(own, on=["__type", "identifier"], how="left", maintain_order="left")
    mine = pl.col("__told").is_not_null()
    return frame.with_columns(
        pl.when(mine).then("__persona").otherwise("persona_id").alias("persona_id"),
        pl.when(mine).then("__bucket").otherwise("bucket").alias("bucket"),
        pl.when(mine).then("__spelt").otherwise("identifier").alias("identifier"),
        pl.coalesce("reason", "__why").alias("reason"),
    ).drop("__type", "__persona", "__bucket", "__spelt", "__why", "__told")


def _parted(draft: Draft) -> Identified:
    frame = draft.frame
    bad = frame["reason"].is_not_null()
    rejected = pl.DataFrame(schema=SCHEMA)
    if bad.any():
        why = pl.when(pl.col("reason") == "missing").then(pl.lit("no_identifier")).otherwise(pl.lit("bad_identifier"))
        told = frame.filter(bad).select(NUMBER, pl.col(LINE).alias("line"), why.alias("reason"), pl.col("reason").alias("column"))
        rejected = told.unique(NUMBER, keep="first", maintain_order=True).cast(pl.Schema(SCHEMA))
        frame = frame.join(rejected, on=NUMBER, how="anti", maintain_order="left")
    return Identified(Draft(frame.drop("reason"), draft.fixed), rejected)
