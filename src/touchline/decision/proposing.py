"""In: what was decided. Out: proposals, one row each, with channel, wording and the digest. Writes no interactions.

A proposal is what the gate is asked to let through; it names everything by name, so that it can be read by itself.
"""

from __future__ import annotations

import narwhals as nw

from touchline.decision.deciding import Frame, owed_column, stamped, with_rank_read
from touchline.decision.plan import Plan
from touchline.decision.tables import Tables
from touchline.kernel.ids import DRAW_RANGE

PROPOSAL: tuple[str, ...] = (
    "conversation", "channel", "touchpoint", "variant", "purpose", "class", "priority", "decided_at", "digest",
)  # fmt: skip
"""Columns of a proposal beside the customer: text, but class, priority (numbers) and decided_at (microseconds UTC)."""


def proposals(decided: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """What is proposed, one row each: customer, winner (the candidate's index) and the columns of PROPOSAL.

    decided  what `decide` made; a lazy one is read once per conversation of class 1, so collect it first
    tables   on the same engine
    at       the instant of decision, microseconds UTC

    A conversation of class 1 goes by the best of its open ways, whatever else is said; of the others one a customer.
    """
    ranks = ["rank", *(owed_column(name) for name in plan.owed)]
    parts = [decided.filter(nw.col(name) >= 0).select("customer", "draw", nw.col(name).alias("rank")) for name in ranks]
    found = stamped(with_rank_read(nw.concat(parts)), plan, at)
    return named(found, tables).select("customer", "winner", *PROPOSAL)


def named(decided: Frame, tables: Tables) -> Frame:
    """The frame with its winner by name and wording: all the columns of PROPOSAL, NULL where nobody won."""
    own = (nw.col("draw") * nw.col("multiplier") + nw.col("offset")) % DRAW_RANGE
    frame = decided.join(tables.ways, on="winner", how="left").with_columns(own.alias("own_draw"))
    variant: nw.Expr = nw.lit(None, dtype=nw.String)
    for place in reversed(range(tables.variants)):
        drawn = nw.col("own_draw") < nw.col(f"bound_{place}")
        variant = nw.when(drawn).then(nw.col(f"variant_{place}")).otherwise(variant)
    places = [f"{name}_{place}" for name in ("bound", "variant") for place in range(tables.variants)]
    return frame.with_columns(variant.alias("variant")).drop("multiplier", "offset", "own_draw", *places)
