"""In: customers. Out: what each told of themselves, the latest of each trait. Writes no interactions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

Traits = dict[str, str | int | float | bool]

LONGEST = 400
"""Characters of a trait that a message may show; a longer one is not a trait but a text."""


def profiles(workspace: Workspace, customers: Collection[int]) -> Mapping[int, Traits]:
    """Customer -> trait -> value, from `identified` rows of all their personas; who told nothing has no traits.

    For a batch of messages, not for a base: the traits are read one by one.
    """
    owners = workspace.people().filter(pl.col("customer").is_in(list(customers))).select("persona_id", "customer")
    wanted = ("persona_id", "kind", "occurred_at", "payload")
    rows = workspace.ledger.frame(workspace.engine, wanted, personas=owners["persona_id"].to_list())
    told = workspace.engine.collect(rows.filter(nw.col("kind") == "identified", ~nw.col("payload").is_null()))
    waiting = workspace.pending().select(wanted)
    told = pl.concat(
        [told.select(wanted), waiting.filter(pl.col("kind") == "identified", pl.col("payload").is_not_null())]
    )
    found: dict[int, Traits] = defaultdict(dict)
    for customer, payload in (
        told.join(owners, on="persona_id").sort("occurred_at").select("customer", "payload").iter_rows()
    ):
        found[customer].update(traits_of(payload))
    return found


def traits_of(payload: str) -> Traits:
    """The plain values of a payload: texts, numbers, truth values; what is no object, or nested, gives none."""
    try:
        told = json.loads(payload)
    except ValueError:
        return {}
    if not isinstance(told, dict):
        return {}
    return {
        name: value
        for name, value in told.items()
        if isinstance(value, str | int | float) and value != "" and len(str(value)) <= LONGEST
    }
