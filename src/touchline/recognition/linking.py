"""In: candidate links, what keeps people apart. Out: the links that hold, and who is then one customer.
Writes no interactions.

The answer is a function of the candidates alone, whatever order they arrived in: the earliest evidence goes first,
and no link joins two sides of anything that keeps people apart. Only where there is something to keep apart does
Python look at single links.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PAIRS = {"persona_a": pl.Int64, "persona_b": pl.Int64}
COLOURS = {"key": pl.String, "colour": pl.Int64, "persona_id": pl.Int64}
"""What keeps people apart: a customer holds one colour of a key. Keys are the scopes of user ids, and the splits."""


def grouped(personas: pl.Series, pairs: pl.DataFrame) -> pl.DataFrame:
    """[persona_id, customer]: each persona with the smallest id that the pairs [persona_a, persona_b] connect it to.

    Every persona of a pair must be among `personas`, which are distinct.
    """
    ids = personas.sort().to_numpy()
    if not len(ids) or pairs.is_empty():
        return pl.DataFrame({"persona_id": ids, "customer": ids}, schema={"persona_id": pl.Int64, "customer": pl.Int64})
    a = np.searchsorted(ids, pairs.get_column("persona_a").to_numpy())
    b = np.searchsorted(ids, pairs.get_column("persona_b").to_numpy())
    graph = coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(len(ids), len(ids)))
    count, labels = connected_components(graph, directed=False)
    smallest = np.full(count, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(smallest, labels, ids)
    return pl.DataFrame({"persona_id": ids, "customer": smallest[labels]})


def contested(groups: pl.DataFrame, colours: pl.DataFrame) -> pl.Series:
    """Customers of `groups` [persona_id, customer] in which one key has several colours."""
    return (
        colours.join(groups, on="persona_id")
        .group_by("customer", "key")
        .agg(pl.col("colour").n_unique().alias("colours"))
        .filter(pl.col("colours") > 1)
        .get_column("customer")
        .unique()
    )


def accepted(candidates: pl.DataFrame, colours: pl.DataFrame) -> pl.DataFrame:
    """Those of `candidates` [persona_a, persona_b, …], in their given order of precedence, that hold.

    colours   [key, colour, persona_id] as in COLOURS
    """
    if candidates.is_empty():
        return candidates
    personas = pl.concat([candidates.get_column("persona_a"), candidates.get_column("persona_b")]).unique()
    groups = grouped(personas, candidates)
    suspect = contested(groups, colours)
    if suspect.is_empty():
        return candidates
    numbered = candidates.with_row_index("_order").join(groups, left_on="persona_a", right_on="persona_id")
    numbered = numbered.sort("_order").with_columns(_suspect=pl.col("customer").is_in(suspect.implode()))
    doubtful = numbered.filter("_suspect")
    relevant = groups.filter(pl.col("customer").is_in(suspect.implode()))
    kept = _one_by_one(doubtful, relevant, colours)
    holds = pl.col("_order").is_in(pl.Series(kept, dtype=pl.UInt32).implode())
    return numbered.filter(~pl.col("_suspect") | holds).select(candidates.columns)


def _one_by_one(candidates: pl.DataFrame, groups: pl.DataFrame, colours: pl.DataFrame) -> list[int]:
    """`_order` of the candidates that hold, each tried on what those before it made."""
    parent = {persona: persona for persona in groups.get_column("persona_id")}
    held: dict[int, dict[str, int]] = {}
    for persona, key, colour in colours.join(groups, on="persona_id").select("persona_id", "key", "colour").iter_rows():
        held.setdefault(persona, {})[key] = colour

    def root(persona: int) -> int:
        while parent[persona] != persona:
            parent[persona] = parent[parent[persona]]
            persona = parent[persona]
        return persona

    kept: list[int] = []
    for order, persona_a, persona_b in candidates.select("_order", "persona_a", "persona_b").iter_rows():
        a, b = root(persona_a), root(persona_b)
        if a != b:
            mine, theirs = held.get(a, {}), held.get(b, {})
            if any(mine[key] != theirs[key] for key in mine.keys() & theirs.keys()):
                continue
            parent[b] = a
            held[a] = mine | theirs
        kept.append(order)
    return kept
