"""In: a command to merge or to split, by whom and why. Out: who is then one customer.
Writes `linked` and `unlinked` rows.

Each verb is one transaction and returns the rows for the ledger, as `administration.ROWS`; the caller hands them to
intake in that same transaction. Nothing is forgotten by either: a split undoes a merge exactly.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl
from django.db import transaction

from touchline.kernel.errors import IdentityFault
from touchline.kernel.times import SystemClock
from touchline.recognition import administration, settling
from touchline.recognition.counting import lock, reserve
from touchline.recognition.linking import grouped
from touchline.recognition.locking import hold_customers
from touchline.recognition.settling import MERGED, SEEN_TOGETHER
from touchline.recognition.staging import execute, insert, read, staged

_OWNERS = {"persona_id": pl.Int64, "customer": pl.Int64}
_KEPT_OF_A_PERSONA = (
    ("recognition_sighting", "strong_id"),
    ("recognition_sighting", "weak_id"),
    ("recognition_naming", "persona_id"),
    ("recognition_separation", "persona_id"),
    ("recognition_link", "persona_a"),
    ("recognition_link", "persona_b"),
    ("recognition_persona", "persona_id"),
)


def merge(ids: Sequence[int], actor: str, why: str, *, now: int | None = None) -> pl.DataFrame:
    """Take the customers of these personas for one, even where they have different user ids.

    The first id's persona is linked to each of the others that is not of its customer yet; with none, nothing happens.
    An earlier split of them no longer keeps them apart. Raises IdentityFault for an unknown id, or fewer than two.
    """
    instant = SystemClock().now() if now is None else now
    if len(set(ids)) < 2:
        raise IdentityFault("a merge needs two ids", remedy="Name the personas or customers that are one person.")
    with transaction.atomic():
        _hold(ids)
        owners = _owners(ids)
        chosen = owners.unique("customer", keep="first", maintain_order=True).get_column("persona_id")
        others = chosen[1:]
        if others.is_empty():
            return pl.DataFrame(schema=administration.ROWS)
        everyone = _members(owners.get_column("customer").unique()).get_column("persona_id")
        _forget_separations(everyone)
        links = pl.DataFrame(
            {"first": [chosen[0]] * others.len(), "other": others}, schema=dict.fromkeys(("first", "other"), pl.Int64)
        )
        evidence = json.dumps({"actor": actor, "why": why}, ensure_ascii=False)
        made = settling.put(
            links.select(
                persona_a=pl.min_horizontal("first", "other"),
                persona_b=pl.max_horizontal("first", "other"),
                rule=pl.lit(MERGED),
                evidence=pl.lit(evidence),
            ),
            instant,
        )
        return administration.rows(pl.concat([made, settling.settle(everyone, instant)]))


def split(ids: Sequence[int], actor: str, why: str, *, alone: bool = False, now: int | None = None) -> pl.DataFrame:
    """Part these personas from the rest of their customer, and let no rule join them again.

    Where a merge by command holds them, it is undone: they leave with those to whom a rule links them, and everybody
    is as before the merge. Where only rules hold them, they leave alone. With `alone` each of them leaves by itself,
    whatever holds it. Evidence for somebody else, which this customer stood in the way of, counts from now on.
    Raises IdentityFault for an unknown id, or where there is nobody to part from.
    """
    instant = SystemClock().now() if now is None else now
    with transaction.atomic():
        _hold(ids)
        owners = _owners(ids)
        everyone = _members(owners.get_column("customer").unique())
        links = _in_force(everyone.get_column("persona_id"))
        sides = _sides(owners.get_column("persona_id").unique(), everyone, links, alone=alone)
        if sides.is_empty():
            raise IdentityFault(
                "there is nobody to part from",
                remedy="`touchline explain` shows a customer's personas; only one of several can be parted.",
            )
        _separate(sides)
        side_of = sides.select("persona_id", "side")
        across = (
            links.join(side_of.rename({"persona_id": "persona_a", "side": "side_a"}), on="persona_a")
            .join(side_of.rename({"persona_id": "persona_b", "side": "side_b"}), on="persona_b")
            .filter(pl.col("side_a") != pl.col("side_b"))
        )
        reason = json.dumps({"actor": actor, "why": why}, ensure_ascii=False)
        parted = settling.end(across.select(links.columns).with_columns(evidence=pl.lit(reason)), instant)
        return administration.rows(pl.concat([parted, settling.settle(everyone.get_column("persona_id"), instant)]))


def erase(ids: Sequence[int], *, now: int | None = None) -> pl.DataFrame:
    """Forget these personas and their identifiers; whoever they were linked to stays, without them.

    The rows returned tell of the links that end; they go to the ledger before it erases the personas' own rows.
    Raises IdentityFault for an unknown id.
    """
    instant = SystemClock().now() if now is None else now
    with transaction.atomic():
        _hold(ids)
        owners = _owners(ids)
        everyone = _members(owners.get_column("customer").unique()).get_column("persona_id")
        gone = owners.get_column("persona_id")
        links = _in_force(everyone)
        parted = settling.end(
            links.filter(pl.col("persona_a").is_in(gone.implode()) | pl.col("persona_b").is_in(gone.implode())), instant
        )
        with staged("gone", gone.to_frame("persona_id"), key=["persona_id"]):
            for table, column in _KEPT_OF_A_PERSONA:
                execute(f"DELETE FROM {table} WHERE {column} IN (SELECT persona_id FROM gone)")  # noqa: S608 - a closed list
        reserve("erasure", 1)  # whoever remembers identifiers forgets them now
        return administration.rows(
            pl.concat([parted, settling.settle(everyone.filter(~everyone.is_in(gone.implode())), instant)])
        )


def _hold(ids: Sequence[int]) -> None:
    """Nobody else decides about these customers, recognises, links or splits until the transaction ends."""
    hold_customers(_owners(ids).get_column("customer"))
    lock()


def _owners(ids: Sequence[int]) -> pl.DataFrame:
    """[persona_id, customer] of the ids, in their order; raises IdentityFault where one is nobody's."""
    asked = pl.DataFrame({"persona_id": list(dict.fromkeys(ids))}, schema={"persona_id": pl.Int64}, strict=True)
    with staged("asked", asked):
        found = read(
            "SELECT p.persona_id, p.customer FROM asked a CROSS JOIN recognition_persona p"
            " WHERE p.persona_id = a.persona_id",
            _OWNERS,
        )
    unknown = asked.join(found, on="persona_id", how="anti").get_column("persona_id").to_list()
    if unknown or asked.is_empty():
        raise IdentityFault(
            f"nobody has the id {', '.join(map(str, unknown))}" if unknown else "no id",
            remedy="`touchline relationships` lists the ids.",
        )
    return asked.join(found, on="persona_id", how="left", maintain_order="left")


def _members(customers: pl.Series) -> pl.DataFrame:
    """[persona_id, customer] of everybody in these customers."""
    with staged("whole", customers.to_frame("customer"), key=["customer"]):
        return read(settling.members("whole"), _OWNERS)


def _in_force(personas: pl.Series) -> pl.DataFrame:
    """Links in force among personas that make up whole customers: [link_id, persona_a, persona_b, rule, evidence]."""
    schema = {
        "link_id": pl.Int64,
        "persona_a": pl.Int64,
        "persona_b": pl.Int64,
        "rule": pl.String,
        "evidence": pl.String,
    }
    with staged("among", personas.to_frame("persona_id"), key=["persona_id"]):
        return read(
            "SELECT l.link_id, l.persona_a, l.persona_b, l.rule, l.evidence FROM among a CROSS JOIN recognition_link l"
            " WHERE l.persona_a = a.persona_id AND l.to_at IS NULL",
            schema,
        ).sort("link_id")


def _sides(chosen: pl.Series, everyone: pl.DataFrame, links: pl.DataFrame, *, alone: bool) -> pl.DataFrame:
    """[customer, persona_id, side] of each customer that is parted: -1 stays; who leaves has 0, or alone its own id."""
    leaves = pl.col("persona_id").is_in(chosen.implode())
    sides = everyone.with_columns(side=pl.when(leaves).then("persona_id"))
    if not alone:
        ruled = links.filter(pl.col("rule") == SEEN_TOGETHER)
        held = grouped(everyone.get_column("persona_id"), ruled).rename({"customer": "held"})
        sides = sides.join(held, on="persona_id")
        merged = pl.col("held").n_unique().over("customer") > 1
        together = pl.when(pl.col("side").is_not_null().any().over("held")).then(pl.lit(0, dtype=pl.Int64))
        sides = sides.with_columns(side=pl.when(merged).then(together).when(leaves).then(pl.lit(0, dtype=pl.Int64)))
    sides = sides.with_columns(side=pl.col("side").fill_null(-1))
    return sides.filter(pl.col("side").n_unique().over("customer") > 1).select("customer", "persona_id", "side")


def _separate(sides: pl.DataFrame) -> None:
    """Keep the sides of each customer apart: one separation a customer."""
    customers = sides.select("customer").unique(maintain_order=True)
    first = reserve("separation", customers.height)
    numbered = customers.with_columns(separation_id=pl.int_range(first, first + customers.height, dtype=pl.Int64))
    rows = sides.join(numbered, on="customer").select("separation_id", "persona_id", "side")
    insert("recognition_separation", rows)


def _forget_separations(personas: pl.Series) -> None:
    """End what keeps these apart from each other: of each separation with several sides among them, their part."""
    with staged("joined", personas.to_frame("persona_id"), key=["persona_id"]):
        execute(
            "DELETE FROM recognition_separation WHERE persona_id IN (SELECT persona_id FROM joined)"
            " AND separation_id IN (SELECT s.separation_id FROM recognition_separation s"
            " JOIN joined j ON j.persona_id = s.persona_id"
            " GROUP BY s.separation_id HAVING COUNT(DISTINCT s.side) > 1)"
        )
