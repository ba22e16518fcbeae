"""In: the identifiers of many rows. Out: the persona of each row and identifier. Writes `linked` and `unlinked` rows.

New identifiers become personas in order of appearance, identifiers of one row are evidence that one person uses them,
and whoever is known already costs one join. Nothing is lost between processes: one recognises at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from django.db import transaction

from touchline.kernel.ids import BUCKETS, SEPARATOR
from touchline.kernel.times import SystemClock
from touchline.recognition import administration
from touchline.recognition.counting import counts, lock, reserve
from touchline.recognition.evidence import NAMED, SEEN, weigh
from touchline.recognition.hashing import draws, heads, numbers
from touchline.recognition.normalise import STRENGTH, name_normalised, normalised
from touchline.recognition.staging import read, read_texts, staged

SIGHTINGS = {
    "row": pl.Int64,
    "type": pl.String,
    "scope": pl.String,
    "value": pl.String,
    "name": pl.String,
    "occurred_at": pl.Int64,
}
"""What `recognise` takes, in order of arrival: identifier `value` of a type and scope on a row; NULL or blank is none.
`name` is a personal name told with it, NULL where none was."""

_KNOWN = {"key": pl.String, "persona_id": pl.Int64, "draw": pl.Int64}
_REMEMBERED = 4_000_000
"""Identifiers that a Recogniser keeps in memory, about 100 bytes each."""
_SHARE_WORTH_READING_ALL = 8
"""Reading everybody costs as much as looking up this part of them."""


@dataclass(frozen=True)
class Recognised:
    """Who the rows are of.

    rows            [row, persona_id, bucket, draw], one for each row not refused: its strongest identifier's persona
    identifiers     [row, type, scope, value_normalised, persona_id, bucket], one for each identifier of those rows
    refused         [row, reason], one for each row with an identifier that cannot be one, or with none
    administration  rows for the ledger as `administration.ROWS`: links made and ended
    new             personas made
    """

    rows: pl.DataFrame
    identifiers: pl.DataFrame
    refused: pl.DataFrame
    administration: pl.DataFrame
    new: int


def recognise(
    sightings: pl.DataFrame, *, role: str = "customer", region: str | None = None, now: int | None = None
) -> Recognised:
    """Recognise one batch [SIGHTINGS]; see Recogniser for many of them."""
    return Recogniser(role=role, region=region).recognise(sightings, now=now)


class Recogniser:
    """Recognises batch after batch, and keeps in memory whom it has seen, so that a long import asks the database once.

    role     of personas that it makes
    region   ISO 3166 alpha-2 for telephone numbers without a country code; None refuses them
    """

    def __init__(self, *, role: str = "customer", region: str | None = None) -> None:
        self._role = role
        self._region = region
        self._erased = 0
        self._complete: int | None = None
        self._known, self._seen, self._named = pl.DataFrame(), pl.DataFrame(), pl.DataFrame()
        self._forget()

    def recognise(self, sightings: pl.DataFrame, *, now: int | None = None) -> Recognised:
        """Recognise rows; all that is new is written in one transaction, which joins the caller's where there is one.

        now   the instant at which links and personas begin, microseconds UTC; the system's clock where None

        The caller hands `administration` to the ledger in that same transaction, or a crash in between loses it.
        """
        instant = SystemClock().now() if now is None else now
        good, refused = _sifted(sightings.select(*SIGHTINGS).cast(pl.Schema(SIGHTINGS)), self._region)
        order = good.unique("key", keep="first", maintain_order=True).select("key", "type", "scope", "value_normalised")
        made = pl.DataFrame(schema=_KNOWN)
        changes = pl.DataFrame(schema=administration.LINKS)
        until, erased = self._kept_up()
        found, whole = self._looked_up(_absent(order, self._known), until)
        known = pl.concat([self._known, found])
        evidence = None if not _absent(order, known).is_empty() else _evidence(good, known)
        if evidence is None or self._new(evidence):
            with transaction.atomic():
                lock()
                if (until, erased) != self._kept_up():  # another process has made or erased some since
                    until, erased = self._kept_up()
                    found, whole = self._looked_up(_absent(order, self._known), until)
                    known = pl.concat([self._known, found])
                personas = _personas(_absent(order, known), self._role, instant)
                made = personas.select(*_KNOWN)
                known = pl.concat([known, made])
                evidence = _evidence(good, known)
                changes = weigh(evidence.seen, evidence.named, personas.drop("key"), instant)
        # Not before the caller's transaction is through: what it rolls back must not be remembered.
        transaction.on_commit(lambda: self._remember(found, made, evidence, until, whole=whole))
        identified = good.join(known, on="key", how="left", maintain_order="left")
        rows = identified.unique("row", keep="first", maintain_order=True).select(
            "row", "persona_id", (pl.col("draw") % BUCKETS).cast(pl.Int16).alias("bucket"), "draw"
        )
        return Recognised(
            rows=rows,
            identifiers=identified.select(
                "row",
                "type",
                "scope",
                "value_normalised",
                "persona_id",
                (pl.col("draw") % BUCKETS).cast(pl.Int16).alias("bucket"),
            ),
            refused=refused,
            administration=administration.rows(changes),
            new=made.height,
        )

    def _new(self, evidence: _Evidence) -> bool:
        """Whether it says of two identifiers, or of a name, what was not seen before or only later."""
        before = evidence.seen.join(self._seen, on=["strong_id", "weak_id"], how="left")
        old = (pl.col("first_at_right") <= pl.col("first_at")).fill_null(value=False)
        return (
            not before.select(old.all()).item()
            or not evidence.named.join(self._named, on=list(NAMED), how="anti").is_empty()
        )

    def _kept_up(self) -> tuple[int, int]:
        """How many personas were ever made, and how often some were erased; forgets everything where that is news."""
        made, erased = counts()
        if erased != self._erased:
            self._forget()
            self._erased = erased
        return made, erased

    def _looked_up(self, absent: pl.DataFrame, until: int) -> tuple[pl.DataFrame, bool]:
        """Those of [key, …] that are personas, `until` of which were ever made; and whether these are all there are.

        Where many are asked for, all are read: whoever is not in memory then is new, and nobody is looked up again.
        """
        if absent.is_empty():
            return pl.DataFrame(schema=_KNOWN), False
        if until == self._complete:
            return pl.DataFrame(schema=_KNOWN), True
        if until <= _REMEMBERED and until <= absent.height * _SHARE_WORTH_READING_ALL:
            return _absent(_everybody(), self._known), True
        return _asked_for(absent), False

    def _remember(
        self, found: pl.DataFrame, made: pl.DataFrame, evidence: _Evidence, until: int, *, whole: bool
    ) -> None:
        """Keep in memory what is committed; `whole` where memory and `found` were every persona there was."""
        if self._known.height > _REMEMBERED:
            self._forget()
        elif whole or self._complete == until:
            self._complete = until + made.height
        self._known = pl.concat([self._known, _absent(pl.concat([found, made]), self._known)])
        if not evidence.seen.is_empty():
            both = pl.concat([self._seen, evidence.seen])
            self._seen = both.group_by("strong_id", "weak_id").agg(pl.col("first_at").min())
        if not evidence.named.is_empty():
            self._named = pl.concat([self._named, evidence.named]).unique()

    def _forget(self) -> None:
        self._known = pl.DataFrame(schema=_KNOWN)
        self._seen = pl.DataFrame(schema=SEEN)
        self._named = pl.DataFrame(schema=NAMED)
        self._complete = None


def _absent(keys: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Those of [key, …] that are not known, in their order."""
    return keys.join(known, on="key", how="anti", maintain_order="left")


@dataclass(frozen=True)
class _Evidence:
    """What the rows say: seen [strong_id, weak_id, first_at], and named [persona_id, name_hash]."""

    seen: pl.DataFrame
    named: pl.DataFrame


def _sifted(sightings: pl.DataFrame, region: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of good identifiers, in order of arrival and then of strength, with their key; and the refused."""
    looked_at = normalised(sightings.with_row_index("_n"), region)
    present = looked_at.filter((pl.col("reason") != "missing").fill_null(value=True))
    nameless = looked_at.join(present, on="row", how="anti").unique("row").select("row", reason=pl.lit("missing"))
    strength = pl.col("type").replace_strict(
        STRENGTH, list(range(len(STRENGTH))), default=len(STRENGTH), return_dtype=pl.Int8
    )
    ordered = present.with_columns(_strength=strength).sort("row", "_strength", "_n")
    wrong = ordered.filter(pl.col("reason").is_not_null()).unique("row", keep="first", maintain_order=True)
    refused = pl.concat([wrong.select("row", "reason"), nameless]).sort("row")
    good = _at_home(ordered.join(refused, on="row", how="anti", maintain_order="left"))
    key = pl.concat_str("type", "scope", "value_normalised", separator=SEPARATOR)
    return good.select("row", "type", "scope", "value_normalised", "name", "occurred_at", key=key), refused


def _at_home(good: pl.DataFrame) -> pl.DataFrame:
    """Rows ordered by strength, where a postal address beside another identifier is that person's own.

    A household shares an address; scoped by the strongest identifier of its row it links nobody else.
    """
    if not (good["type"] == "postal").any():
        return good
    key = pl.concat_str("type", "scope", "value_normalised", separator=SEPARATOR)
    owned = good.with_columns(
        _owner=key.first().over("row"),
        _owned=(pl.col("type") == "postal") & (pl.col("type").first().over("row") != "postal"),
    )
    owner = heads(owned.filter("_owned").get_column("_owner"), 32)
    homes = owned.filter("_owned").with_columns(scope=pl.concat_str("scope", pl.lit("of:"), owner))
    places = pl.col("row", "_strength", "_n")
    return pl.concat([owned.filter(~pl.col("_owned")), homes]).sort(places).drop("_owner", "_owned")


def _everybody() -> pl.DataFrame:
    """Every persona as _KNOWN."""
    columns = {"type": "type", "scope": "scope", "value": "value", "persona_id": "persona_id", "draw": "draw"}
    found = read_texts(columns, "recognition_persona")
    return found.select(
        pl.concat_str("type", "scope", "value", separator=SEPARATOR).alias("key"),
        pl.col("persona_id", "draw").cast(pl.Int64),
    )


def _asked_for(keys: pl.DataFrame) -> pl.DataFrame:
    """Those of [key, type, scope, value_normalised] that are personas, as _KNOWN."""
    asked = keys.select("type", "scope", "value_normalised").with_row_index("n").cast({"n": pl.Int64})
    with staged("asked", asked):
        found = read(
            # CROSS JOIN fixes the order on SQLite: each asked one is a look-up in the index.
            "SELECT a.n, p.persona_id, p.draw FROM asked a CROSS JOIN recognition_persona p"
            " WHERE p.value = a.value_normalised AND p.type = a.type AND p.scope = a.scope",
            {"n": pl.Int64, "persona_id": pl.Int64, "draw": pl.Int64},
        )
    return keys.with_row_index("n").cast({"n": pl.Int64}).join(found, on="n").select(*_KNOWN)


def _personas(absent: pl.DataFrame, role: str, now: int) -> pl.DataFrame:
    """New personas of [key, type, scope, value_normalised], as rows of the table and `key`, each its own customer."""
    first = reserve("persona", absent.height)
    return absent.select(
        "key",
        "type",
        "scope",
        persona_id=pl.int_range(first, first + absent.height, dtype=pl.Int64),
        value="value_normalised",
        draw=draws(absent.get_column("key")),
        role=pl.lit(role),
        created_at=pl.lit(now, dtype=pl.Int64),
        customer=pl.int_range(first, first + absent.height, dtype=pl.Int64),
        shared=pl.lit(value=False),
    )


def _evidence(good: pl.DataFrame, known: pl.DataFrame) -> _Evidence:
    """Each row's strongest identifier seen with its weaker ones, and names seen with any; a postal address alone says nothing."""
    telling = good.filter((pl.col("type") != "postal") | pl.col("scope").str.contains("of:", literal=True))
    several = telling.filter((pl.len().over("row") > 1) | pl.col("name").is_not_null())
    found = several.join(known, on="key", how="inner", maintain_order="left")
    # Two of one type, say two addresses, are one pair whichever of them a row names first.
    strongest = found.select(
        "type", "key", "persona_id", "occurred_at",
        first=pl.col("persona_id").first().over("row"),
        first_type=pl.col("type").first().over("row"),
        first_key=pl.col("key").first().over("row"),
    )  # fmt: skip
    turned = (pl.col("type") == pl.col("first_type")) & (pl.col("key") < pl.col("first_key"))
    seen = (
        strongest.filter(pl.col("first") != pl.col("persona_id"))
        .select(
            "occurred_at",
            strong_id=pl.when(turned).then("persona_id").otherwise("first"),
            weak_id=pl.when(turned).then("first").otherwise("persona_id"),
        )
        .group_by("strong_id", "weak_id")
        .agg(pl.col("occurred_at").min().alias("first_at"))
    )
    names = (
        found.filter((pl.col("type") != "user_id") & pl.col("name").is_not_null())
        .select("persona_id", name=name_normalised(pl.col("name")))
        .filter(pl.col("name") != "")
        .unique()
    )
    named = names.select("persona_id", name_hash=numbers(names.get_column("name"), 15))
    return _Evidence(seen.select(*SEEN), named)
