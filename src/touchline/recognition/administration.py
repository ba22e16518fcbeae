"""In: links made and ended. Out: the ledger rows that tell of them.
Writes `linked` and `unlinked`, through intake's buffer.

`rebuilt` reads those rows back, so that `verify` can hold the database against the ledger.
"""

from __future__ import annotations

import polars as pl

from touchline.kernel.ids import BUCKETS, SEPARATOR
from touchline.recognition.hashing import heads
from touchline.recognition.linking import grouped

SOURCE = "recognition"

ROWS = {
    "id": pl.String,
    "kind": pl.String,
    "persona_id": pl.Int64,
    "bucket": pl.Int16,
    "role": pl.String,
    "source": pl.String,
    "occurred_at": pl.Int64,
    "payload": pl.String,
}
"""Ledger columns that an administration row brings; the rest is NULL or intake's."""

LINKS = {
    "link_id": pl.Int64,
    "persona_a": pl.Int64,
    "persona_b": pl.Int64,
    "rule": pl.String,
    "evidence": pl.String,
    "at": pl.Int64,
    "kind": pl.String,
    "draw": pl.Int64,
    "role": pl.String,
}
"""A link made (`linked`) or ended (`unlinked`) at an instant; draw and role are persona_a's, whose the row is."""


def rows(changes: pl.DataFrame) -> pl.DataFrame:
    """Ledger rows [ROWS] of link changes [LINKS], in order; payload is {"link", "a", "b", "rule", "evidence"}.

    The id is the link's and the kind's alone, so that a row handed over twice is one.
    """
    if changes.is_empty():
        return pl.DataFrame(schema=ROWS)
    key = changes.select(pl.concat_str(pl.lit(SOURCE), "kind", "link_id", separator=SEPARATOR)).to_series()
    payload = pl.concat_str(
        pl.lit('{"link":'), "link_id", pl.lit(',"a":'), "persona_a", pl.lit(',"b":'), "persona_b",
        pl.lit(',"rule":"'), "rule", pl.lit('","evidence":'), "evidence", pl.lit("}"),
    )  # fmt: skip
    return changes.select(
        heads(key, 32).alias("id"),  # kernel.ids.interaction_id, set-based
        pl.col("kind"),
        persona_id="persona_a",
        bucket=(pl.col("draw") % BUCKETS).cast(pl.Int16),
        role="role",
        source=pl.lit(SOURCE),
        occurred_at="at",
        payload=payload,
    ).select(*ROWS)


def row_ids(link_ids: pl.Series) -> list[str]:
    """The ids of all rows that tell of these links: made, and ended."""
    keys = [
        pl.format("{}\x1f{}\x1f{}", pl.lit(SOURCE), pl.lit(kind), pl.col("link_id")) for kind in ("linked", "unlinked")
    ]
    links = link_ids.to_frame("link_id")
    return [id_ for key in keys for id_ in heads(links.select(key).to_series(), 32)]


def rebuilt(told: pl.DataFrame) -> pl.DataFrame:
    """The links in force as the ledger's `linked` and `unlinked` rows tell: [link_id, persona_a, persona_b, rule].

    told   [kind, payload], in any order
    """
    fields = pl.Struct({"link": pl.Int64, "a": pl.Int64, "b": pl.Int64, "rule": pl.String})
    read = told.filter(pl.col("kind").is_in(["linked", "unlinked"])).select(
        "kind", pl.col("payload").str.json_decode(fields).alias("told")
    )
    links = read.select("kind", pl.col("told").struct.unnest())
    ended = links.filter(pl.col("kind") == "unlinked")
    in_force = links.filter(pl.col("kind") == "linked").join(ended, on="link", how="anti").unique("link")
    return in_force.select(link_id="link", persona_a="a", persona_b="b", rule="rule").sort("link_id")


def customers_rebuilt(personas: pl.Series, told: pl.DataFrame) -> pl.DataFrame:
    """[persona_id, customer] of those personas as the ledger's `linked` and `unlinked` rows [kind, payload] tell it."""
    links = rebuilt(told)
    mentioned = pl.concat([personas, links.get_column("persona_a"), links.get_column("persona_b")]).unique()
    return grouped(mentioned, links).filter(pl.col("persona_id").is_in(personas.implode()))
