"""In: a chunk's rows and their lines' identifiers. Out: each row's persona. Writes `linked` and `unlinked` interactions, by the buffer.

A row belongs to the persona of its line's strongest identifier; a row about one address (a consent, a suppression, a
message) belongs to the persona of that address, so that linking people never lends one's consent to another's.
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

_GROUP, _ADDRESS, _REFUSED = "__group", "__address", "__refused"
_PERSON: dict[str, pl.DataType] = {"persona_id": pl.Int64(), "bucket": pl.Int16()}
_HOME: dict[str, pl.DataType] = {"__home_id": pl.Int64(), "__home_bucket": pl.Int16(), "__home_spelt": pl.String()}
"""The persona of the line's own postal address, where the line says whose it is."""
_REMEMBERED = 4_000_000
"""Spellings kept in memory."""


@dataclass(frozen=True)
class Identified:
    """Rows with `persona_id`, `bucket` and normalised `identifier`; rejects.SCHEMA of those whose identifier cannot be one."""

    draft: Draft
    rejected: pl.DataFrame


class Identification:
    """Gives rows their personas, draft after draft.

    kinds    (type, scope) of a draft's `__identifier_0`, `__identifier_1`, …
    role     of personas that are new
    region   ISO 3166 alpha-2 for telephone numbers without a country code; None refuses them
    """

    def __init__(self, kinds: Sequence[tuple[str, str]], *, role: str, region: str | None) -> None:
        self._kinds = kinds
        self._columns = [f"{IDENTIFIER}{i}" for i in range(len(kinds))]
        self._homes = len(kinds) > 1 and any(kind == "postal" for kind, _ in kinds)
        self._recogniser = Recogniser(role=role, region=region)
        self._seen = pl.DataFrame(schema={**dict.fromkeys(self._columns, pl.String()), **_PERSON})
        """Where a line has one identifier only: the spellings seen, which tell nothing new when they come again."""

    def identify(self, draft: Draft, now: int) -> Identified:
        """Each row's persona; `now`, microseconds UTC, is when links begin."""
        frame = draft.frame
        if frame.is_empty():
            nobody = frame.with_columns(pl.lit(None, kind).alias(name) for name, kind in _PERSON.items())
            return Identified(Draft(nobody.drop(self._columns), draft.fixed), pl.DataFrame(schema=SCHEMA))
        addresses = _addresses(draft)
        if self._homes:  # a letter goes to the address of the line's own person, not to whoever else lives there
            addresses = addresses.filter(pl.col("type") != "postal")
        if len(self._columns) == 1:
            people, told = self._of_one(frame.select(self._columns), addresses, now)
        else:
            people, told = self._of_several(draft, addresses, now)
        # Only the identifiers were joined: to take the whole frame through a join would copy every column.
        frame = frame.drop(self._columns).with_columns(
            people.select(*_PERSON, _REFUSED, *(_HOME if self._homes else ()))
        )
        if self._homes:
            frame = _of_home(Draft(frame, draft.fixed))
        if addresses.is_empty():
            return _parted(Draft(frame, draft.fixed))
        fixed = {name: value for name, value in draft.fixed.items() if name != "identifier"}
        return _parted(Draft(_of_address(Draft(frame, draft.fixed), told), fixed))

    def _of_several(self, draft: Draft, addresses: pl.DataFrame, now: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(the rows' people in their order, the addresses' people), where each row is evidence that identifiers belong together."""
        columns = self._columns
        at = pl.col("occurred_at") if draft.varies("occurred_at") else pl.lit(draft.fixed["occurred_at"], pl.Int64)
        named = draft.frame.select(*columns, at.alias("occurred_at"), _name(draft).alias("name"))
        groups = named.group_by(columns, maintain_order=True).agg(
            pl.col("occurred_at").min(), pl.col("name").drop_nulls().first()
        )
        placed, told = self._recognised(groups, addresses, now)
        rows = draft.frame.select(columns)
        return rows.join(placed, on=columns, how="left", nulls_equal=True, maintain_order="left"), told

    def _of_one(self, rows: pl.DataFrame, addresses: pl.DataFrame, now: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The same where a line has one identifier: only spellings that were not seen before are looked at."""
        if self._seen.height > _REMEMBERED:
            self._seen = self._seen.clear()
        people = rows.join(self._seen, on=self._columns, how="left", maintain_order="left")
        people = people.with_columns(pl.lit(None, pl.String).alias(_REFUSED))
        unknown = people["persona_id"].is_null()
        strange = rows.filter(unknown)
        groups = strange.unique(maintain_order=True).with_columns(
            pl.lit(0, pl.Int64).alias("occurred_at"), pl.lit(None, pl.String).alias("name")
        )
        placed, told = self._recognised(groups, addresses, now)
        if not groups.is_empty():
            known = placed.filter(pl.col("persona_id").is_not_null())
            self._seen = pl.concat([self._seen, known.select(self._seen.columns)])
            found = strange.join(placed, on=self._columns, how="left", maintain_order="left")
            at = unknown.arg_true()
            people = people.with_columns(people[name].scatter(at, found[name]) for name in (*_PERSON, _REFUSED))
        return people, told

    def _recognised(self, groups: pl.DataFrame, addresses: pl.DataFrame, now: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(the groups [identifiers, occurred_at], the addresses), each with persona_id, bucket and why it was refused."""
        groups = groups.with_row_index(_GROUP).with_columns(pl.col(_GROUP).cast(pl.Int64))
        addresses = addresses.with_row_index(_ADDRESS, offset=groups.height).with_columns(
            pl.col(_ADDRESS).cast(pl.Int64)
        )
        sightings = [
            groups.select(
                pl.col(_GROUP).alias("row"), pl.lit(kind).alias("type"), pl.lit(scope).alias("scope"),
                pl.col(name).alias("value"), "name", "occurred_at",
            )
            for name, (kind, scope) in zip(self._columns, self._kinds, strict=True)
        ]  # fmt: skip
        sightings.append(
            addresses.select(
                pl.col(_ADDRESS).alias("row"), "type", pl.lit("").alias("scope"), pl.col("identifier").alias("value"),
                pl.lit(None, pl.String).alias("name"), pl.lit(0, pl.Int64).alias("occurred_at"),
            )
        )  # fmt: skip
        with transaction.atomic():
            found = self._recogniser.recognise(pl.concat(sightings), now=now)
            buffer.accept_rows(found.administration, received_at=now)
        people = found.rows.select("row", *_PERSON)
        refused = found.refused.rename({"reason": _REFUSED})  # the ledger has a `reason` of its own
        spelt = found.identifiers.select("row", "value_normalised").unique("row", keep="first")
        placed, told = (
            asked.join(people, left_on=name, right_on="row", how="left").join(
                refused, left_on=name, right_on="row", how="left"
            )
            for asked, name in ((groups, _GROUP), (addresses, _ADDRESS))
        )
        if self._homes:
            homes = found.identifiers.filter(pl.col("type") == "postal").unique("row", keep="first")
            own = homes.select("row", "persona_id", "bucket", "value_normalised").rename(
                dict(zip(("persona_id", "bucket", "value_normalised"), _HOME, strict=True))
            )
            placed = placed.join(own, left_on=_GROUP, right_on="row", how="left")
        return placed, told.join(spelt, left_on=_ADDRESS, right_on="row", how="left")


def _name(draft: Draft) -> pl.Expr:
    """The personal name that a row tells with its identifiers: `name` of what `identified` rows keep."""
    kind, payload = draft.column("kind"), draft.column("payload")
    if kind is None or payload is None or "identified" not in draft.values("kind"):
        return pl.lit(None, pl.String)
    return pl.when(kind == "identified").then(payload.str.json_path_match("$.name"))


def _type_of_address(draft: Draft) -> pl.Expr:
    """The type of a row's `identifier`: by its channel, else by how it looks; NULL where nothing tells."""
    address, channel = draft.column("identifier"), draft.column("channel")
    if address is None:
        return pl.lit(None, pl.String)
    looks = (
        pl.when(address.str.contains("@", literal=True))
        .then(pl.lit("email"))
        .when(address.str.contains(r"^\s*\+?[\d\s()/.-]+$"))
        .then(pl.lit("phone"))
    )
    if channel is None:
        return looks
    return pl.coalesce(channel.replace_strict(REACHED_BY, default=None, return_dtype=pl.String), looks)


def _addressed(draft: Draft) -> pl.Expr:
    kind, address = draft.column("kind"), draft.column("identifier")
    if kind is None or address is None:
        return pl.lit(value=False)
    return kind.is_in(OF_ADDRESS) & address.is_not_null() & _type_of_address(draft).is_not_null()


def _addresses(draft: Draft) -> pl.DataFrame:
    """Distinct [type, identifier] of rows that are about an address."""
    address = draft.column("identifier")
    if address is None or not set(draft.values("kind")) & set(OF_ADDRESS):
        return pl.DataFrame(schema={"type": pl.String, "identifier": pl.String})
    about = draft.frame.filter(_addressed(draft))
    return about.select(_type_of_address(draft).alias("type"), address.alias("identifier")).unique(maintain_order=True)


def _of_address(draft: Draft, told: pl.DataFrame) -> pl.DataFrame:
    """Rows about an address get its persona, and its spelling."""
    address = draft.column("identifier")
    if address is None:
        return draft.frame
    about = _addressed(draft)
    frame = draft.frame.with_columns(
        pl.when(about).then(_type_of_address(draft)).alias("__type"), address.alias("identifier")
    )
    own = told.select(
        pl.col("type").alias("__type"), "identifier", pl.col("persona_id").alias("__persona"), pl.col("bucket").alias("__bucket"),
        pl.col("value_normalised").alias("__spelt"), pl.col(_REFUSED).alias("__why"), pl.lit(value=True).alias("__told"),
    )  # fmt: skip
    frame = frame.join(own, on=["__type", "identifier"], how="left", maintain_order="left")
    mine = pl.col("__told").is_not_null()
    return frame.with_columns(
        pl.when(mine).then("__persona").otherwise("persona_id").alias("persona_id"),
        pl.when(mine).then("__bucket").otherwise("bucket").alias("bucket"),
        pl.when(mine).then("__spelt").otherwise("identifier").alias("identifier"),
        pl.coalesce(_REFUSED, "__why").alias(_REFUSED),
    ).drop("__type", "__persona", "__bucket", "__spelt", "__why", "__told")


def _of_home(draft: Draft) -> pl.DataFrame:
    """Rows about a postal address get the persona of the line's own, and its spelling; the frame without _HOME."""
    address = draft.column("identifier")
    if address is None:
        return draft.frame.drop(_HOME)
    known = pl.col("__home_id").is_not_null()
    about = _addressed(draft) & (_type_of_address(draft) == "postal") & known
    return draft.frame.with_columns(
        pl.when(about).then("__home_id").otherwise("persona_id").alias("persona_id"),
        pl.when(about).then("__home_bucket").otherwise("bucket").alias("bucket"),
        pl.when(about).then("__home_spelt").otherwise(address).alias("identifier"),
    ).drop(_HOME)


def _parted(draft: Draft) -> Identified:
    frame = draft.frame
    bad = frame[_REFUSED].is_not_null()
    rejected = pl.DataFrame(schema=SCHEMA)
    if bad.any():
        why = pl.when(pl.col(_REFUSED) == "missing").then(pl.lit("no_identifier")).otherwise(pl.lit("bad_identifier"))
        told = frame.filter(bad).select(
            NUMBER, pl.col(LINE).alias("line"), why.alias("reason"), pl.col(_REFUSED).alias("column")
        )
        rejected = told.unique(NUMBER, keep="first", maintain_order=True).cast(pl.Schema(SCHEMA))
        frame = frame.join(rejected, on=NUMBER, how="anti", maintain_order="left")
    return Identified(Draft(frame.drop(_REFUSED), draft.fixed), rejected)
