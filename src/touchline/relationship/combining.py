"""In: personas' folded states, and which personas are one customer. Out: a state each. Writes no interactions.

Only customers of several personas pass through a second group-by. An un-linked persona is its own customer again
as soon as `people` says so, because nothing of the link is kept in the state.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from touchline.interactions.catalogue import REACHED_BY
from touchline.kernel.engines import Engine
from touchline.relationship.folding import State, combined
from touchline.relationship.layout import Layout

Frame = nw.LazyFrame[Any]

CUSTOMER_ROLES: tuple[str, ...] = ("customer", "prospect")
"""Roles of the smallest persona whose relationships are kept."""

ADDRESS_TYPES: tuple[str, ...] = tuple(sorted(set(REACHED_BY.values())))
"""Types of identifier that messages are addressed to."""


@dataclass(frozen=True)
class Customers:
    """Customers' folded states, and beside them what recognition knows of them.

    rows        `customer` (smallest persona id) and the layout's slots, or those asked for; only customers of whom
                something is in the ledger
    identities  `customer`, `draw`, and for each address type T `known:T` and `usable:T` (int8, 0 or 1)
    layout
    reference   as of the state
    """

    rows: Frame
    identities: Frame
    layout: Layout
    reference: int


def combine(state: State, people: pl.DataFrame, engine: Engine, slots: Collection[str] | None = None) -> Customers:
    """One row a customer. `people` has persona_id, customer, type, draw and role, for every persona of the state.

    `slots` narrows the columns to those that will be derived from. Customers whose smallest persona has another
    role than customer or prospect are left out.
    """
    layout = state.layout
    wanted = tuple(slot for slot in layout.slots if slots is None or slot.name in slots)
    rows = state.rows.select("persona_id", *(slot.name for slot in wanted))
    several = people.filter(pl.col("customer").is_duplicated()).select("persona_id", "customer")
    if several.height:
        links = engine.lazy(several)
        alone = rows.join(links.select("persona_id"), on="persona_id", how="anti").rename({"persona_id": "customer"})
        joined = combined(rows.join(links, on="persona_id", how="inner").drop("persona_id"), wanted, "customer")
        rows = nw.concat([alone, joined], how="vertical")
    else:
        rows = rows.rename({"persona_id": "customer"})
    key = pl.col("persona_id") == pl.col("customer")
    others = people.filter(key, ~pl.col("role").is_in(CUSTOMER_ROLES)).select("customer")
    if others.height:
        rows = rows.join(engine.lazy(others), on="customer", how="anti")
    return Customers(rows, engine.lazy(identities(people, _unusable(state, engine))), layout, state.reference)


def identities(people: pl.DataFrame, unusable: Collection[int]) -> pl.DataFrame:
    """A row a customer of a customer's role: `customer`, `draw`, `known:T` and `usable:T` for each address type."""
    keys = people.filter(pl.col("persona_id") == pl.col("customer"), pl.col("role").is_in(CUSTOMER_ROLES))
    usable = ~pl.col("persona_id").is_in(list(unusable)) if unusable else pl.lit(True)
    flags = people.select(
        "customer",
        *((pl.col("type") == type_).cast(pl.Int8).alias(f"known:{type_}") for type_ in ADDRESS_TYPES),
        *(((pl.col("type") == type_) & usable).cast(pl.Int8).alias(f"usable:{type_}") for type_ in ADDRESS_TYPES),
    )
    several = pl.col("customer").is_duplicated()
    flags = pl.concat([flags.filter(~several), flags.filter(several).group_by("customer").max()])
    return keys.select("customer", pl.col("draw").cast(pl.Int64)).join(flags, on="customer", how="left")


def of_customers(rows: Frame, people: pl.DataFrame, engine: Engine) -> Frame:
    """Rows with `persona_id` as rows with `customer` instead."""
    linked = people.filter(pl.col("customer") != pl.col("persona_id")).select("persona_id", "customer")
    if not linked.height:
        return rows.rename({"persona_id": "customer"})
    return (
        rows.join(engine.lazy(linked), on="persona_id", how="left")
        .with_columns(customer=nw.coalesce(nw.col("customer"), nw.col("persona_id")))
        .drop("persona_id")
    )


def _unusable(state: State, engine: Engine) -> set[int]:
    """Personas whose address has bounced and has not been released since."""
    bounced, released = nw.col("bounced"), nw.col("released")
    rows = state.rows.select("persona_id", "bounced", "released").filter(~bounced.is_null())
    still = rows.filter(released.is_null() | (bounced > released)).select("persona_id")
    return set(engine.collect(still)["persona_id"].to_list())
