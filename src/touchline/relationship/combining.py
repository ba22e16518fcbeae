"""In: personas' folded states, and which personas are one customer. Out: a state each. Writes no interactions.

Only customers of several personas pass through a second group-by. An un-linked persona is its own customer again
as soon as `people` says so, because nothing of the link is kept in the state.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import narwhals as nw
import polars as pl

from touchline.interactions.catalogue import REACHED_BY
from touchline.kernel.engines import MEMORY, Engine
from touchline.relationship import packing
from touchline.relationship.folding import State, combined, moved
from touchline.relationship.layout import ALWAYS, Layout

Frame = nw.LazyFrame[Any]

CUSTOMER_ROLES: tuple[str, ...] = ("customer", "prospect")
"""Roles of the smallest persona whose relationships are kept."""

ADDRESS_TYPES: tuple[str, ...] = tuple(sorted(set(REACHED_BY.values())))
"""Types of identifier that messages are addressed to."""


@dataclass(frozen=True)
class Customers:
    """Customers' folded states, and beside them what recognition knows of them.

    layers      frames of `customer` (smallest persona id) and slots, at most one row a customer each
    identities  `customer`, `layer` (int64: the place of the layer whose row of this customer counts), `draw`, and for
                each address type T `known:T` and `usable:T` (int8, 0 or 1); whoever is not in it is no customer
    layout
    reference   as of the state
    zones       codes of the time zones that anybody told, `languages` likewise: those that formulas tell apart
    """

    layers: tuple[Frame, ...]
    identities: Frame
    layout: Layout
    reference: int
    zones: frozenset[int]
    languages: frozenset[int]


def combine(state: State, people: pl.DataFrame, engine: Engine, slots: Collection[str] | None = None) -> Customers:
    """One state a customer. `people` has persona_id, customer, type, draw and role, for every persona of the state.

    `slots` narrows the columns to those that will be derived from. Customers whose smallest persona has another role
    than customer or prospect are left out, and personas that `people` lacks.
    """
    wanted = tuple(slot for slot in state.layout.slots if slots is None or slot.name in slots)
    names = tuple(slot.name for slot in wanted)
    noted = _noted(state)
    unusable = _unusable(noted)
    keys: list[pl.Series] = []
    sources = [state.picking.select("persona_id", *names)]
    if state.over is not None and state.replaced is not None:
        over = MEMORY.collect(state.over.select("persona_id", *names))  # small, and read more than once
        sources.append(MEMORY.lazy(over))
        keys.append(over["persona_id"])
        state = replace(state, over=sources[1], replaced=MEMORY.lazy(over.select("persona_id")))
    personas = sources
    if engine.name != MEMORY.name:
        # DuckDB binds each layer's wide selects anew, which costs more than the copy that layers save.
        personas = [state.flat(engine, names)]
    layers = [rows.rename({"persona_id": "customer"}) for rows in personas]
    numbers = keys[: len(personas) - 1]
    several = _flagged(_of_several(people), unusable)
    if several.height:
        links = [several] * len(sources)
        if keys:  # leaving them out of the few links, not of all rows
            links[0] = several.filter(~pl.col("persona_id").is_in(keys[0].implode()))
        linked = [
            rows.join(MEMORY.lazy(of), on="persona_id", how="inner") for rows, of in zip(sources, links, strict=True)
        ]
        own = [_of_usable(slot.name).alias(slot.name) for slot in wanted]
        rows = nw.concat([rows.select("customer", *own) for rows in linked], how="vertical")
        layers.append(moved(combined(rows, wanted, "customer"), engine))
        numbers.append(several["customer"].unique())
    known = identities(people, unusable).with_columns(layer=_last_of(numbers))
    zones, languages = (frozenset(noted[name].drop_nulls().unique().to_list()) for name in ("zone", "language"))
    return Customers(tuple(layers), engine.lazy(known), state.layout, state.reference, zones, languages)


def identities(people: pl.DataFrame, unusable: Collection[int]) -> pl.DataFrame:
    """A row a customer of a customer's role: `customer`, `draw`, `known:T` and `usable:T` for each address type."""
    flagged = _flagged(people, unusable)
    names = [f"{what}:{type_}" for what in ("known", "usable") for type_ in ADDRESS_TYPES]
    several = _of_several(flagged)
    heads = several.filter(pl.col("persona_id") == pl.col("customer"))
    together = heads.drop(names).join(several.group_by("customer").agg(pl.col(names).max()), on="customer")
    alone = flagged.filter(~pl.col("customer").is_in(heads["customer"].implode())) if heads.height else flagged
    rows = pl.concat([alone, together.select(alone.columns)])
    return rows.filter(pl.col("role").is_in(CUSTOMER_ROLES)).select("customer", "draw", *names)


def _flagged(people: pl.DataFrame, unusable: Collection[int]) -> pl.DataFrame:
    """`persona_id`, `customer`, `role`, `draw`, and of each persona `known:T` and `usable:T` for each address type."""
    usable = ~pl.col("persona_id").is_in(list(unusable)) if unusable else pl.lit(True)
    return people.select(
        "persona_id",
        "customer",
        "role",
        pl.col("draw").cast(pl.Int64),
        *((pl.col("type") == type_).cast(pl.Int8).alias(f"known:{type_}") for type_ in ADDRESS_TYPES),
        *(((pl.col("type") == type_) & usable).cast(pl.Int8).alias(f"usable:{type_}") for type_ in ADDRESS_TYPES),
    )


def _of_usable(slot: str) -> nw.Expr:
    """A slot of one of several personas: an opt-in speaks for its own address, so only while that can be used."""
    way, _, rest = slot.partition(":")
    type_ = REACHED_BY.get(rest.partition(":")[2]) if way == "granted" else None
    return nw.col(slot) if type_ is None else nw.when(nw.col(f"usable:{type_}") > 0).then(nw.col(slot))


def _last_of(keys: Sequence[pl.Series]) -> pl.Expr:
    """The number of the last of the sets that a customer is in, from 1; 0 where they are in none."""
    number = pl.lit(0, dtype=pl.Int64)
    for index, customers in enumerate(keys, start=1):
        there = pl.col("customer").is_in(customers.implode())
        number = pl.when(there).then(pl.lit(index, dtype=pl.Int64)).otherwise(number)
    return number


def _of_several(people: pl.DataFrame) -> pl.DataFrame:
    """The personas of customers who have more than one."""
    heads = people.filter(pl.col("customer") != pl.col("persona_id"))["customer"].unique()
    return people.filter(pl.col("customer").is_in(heads.implode())) if heads.len() else people.clear()


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


def _noted(state: State) -> pl.DataFrame:
    """`persona_id`, `bounced`, the later of both releases as `released`, and codes `zone` and `language`: few, read at once."""
    zone, language = nw.col("prefers:zone"), nw.col("prefers:language")
    rows = state.flat(MEMORY, sorted(ALWAYS))
    rows = rows.filter(~nw.col("bounced").is_null() | ~zone.is_null() | ~language.is_null())
    told = {"zone": packing.value_of(zone), "language": packing.value_of(language)}
    released = nw.max_horizontal("released", "released_bounce")
    return MEMORY.collect(rows.select("persona_id", "bounced", released=released, **told))


def _unusable(noted: pl.DataFrame) -> list[int]:
    """Personas whose address has bounced and has not been released since."""
    bounced, released = pl.col("bounced"), pl.col("released")
    still = bounced.is_not_null() & (released.is_null() | (bounced > released))
    return noted.filter(still)["persona_id"].to_list()
