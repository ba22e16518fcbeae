"""In: what was decided. Out: proposals, one row each, with channel, wording and the digest. Writes no interactions.

A proposal is what the gate is asked to let through; it names everything by name, so that it can be read by itself.
"""

from __future__ import annotations

import narwhals as nw

from touchline.decision.deciding import (
    Frame,
    expiries,
    owed_column,
    owed_key_column,
    owed_keys,
    stamped,
    with_rank_read,
)
from touchline.decision.plan import Plan
from touchline.decision.tables import Tables
from touchline.kernel.ids import DRAW_RANGE

PROPOSAL: tuple[str, ...] = (
    "conversation", "channel", "touchpoint", "variant", "purpose", "class", "priority", "programme", "recurrence", "given",
    "asked", "segment", "decided_at", "expires_at", "digest",
)  # fmt: skip
"""Columns of a proposal beside the customer: text, but class, priority, points given and asked, segment (numbers),
decided_at and expires_at (microseconds UTC).

recurrence  of what it may be said once: `once`, `term:MINUTE` and `episode:MINUTE` in which that began (none after the
            colon: none is known), `every:N` for the N-th such span since 1970, or of a programme's conversation the
            microseconds of the customer's entry into it
segment     the micro-segment by which goal rates are learnt
expires_at  when it may no longer be said, since the time of the step that says it, or of its trigger, is then over; NULL
            where nothing limits it
"""


def proposals(decided: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """What is proposed, one row each: customer, winner (the candidate's index) and the columns of PROPOSAL.

    decided  what `decide` made; a lazy one is read once per conversation of class 1, so collect it first
    tables   on the same engine
    at       the instant of decision, microseconds UTC

    A conversation of class 1 goes by the best of its open ways, whatever else is said; of the others one a customer.
    """
    own, ends = owed_keys(plan), expiries(plan)
    turns = {"rank": nw.col("key")} | {
        owed_column(name): nw.col(owed_key_column(name)) if name in own else nw.lit(None, nw.Int64)
        for name in plan.owed
    }
    parts = []
    for rank, key in turns.items():
        end = nw.col(ends[rank]) if rank in ends else nw.lit(None, nw.Int64)
        beside = {"rank": nw.col(rank), "key": key.cast(nw.Int64), "expires_at": end.cast(nw.Int64)}
        found = decided.filter(nw.col(rank) >= 0)
        parts.append(found.select("customer", "draw", "segment", *(told.alias(name) for name, told in beside.items())))
    found = stamped(with_rank_read(nw.concat(parts)), plan, at)
    return named(found, tables).select("customer", "winner", *PROPOSAL)


def named(decided: Frame, tables: Tables) -> Frame:
    """The frame with its winner by name and wording: all the columns of PROPOSAL, all but segment NULL where nobody won.

    It has `expires_at` only if it came with it.
    """
    own = (nw.col("draw") * nw.col("multiplier") + nw.col("offset")) % DRAW_RANGE
    frame = decided.join(tables.ways, on="winner", how="left").with_columns(own.alias("own_draw"))
    variant: nw.Expr = nw.lit(None, dtype=nw.String)
    for place in reversed(range(tables.variants)):
        drawn = nw.col("own_draw") < nw.col(f"bound_{place}")
        variant = nw.when(drawn).then(nw.col(f"variant_{place}")).otherwise(variant)
    places = [f"{name}_{place}" for name in ("bound", "variant") for place in range(tables.variants)]
    spans = nw.when(~nw.col("recurs_every").is_null()).then(nw.col("decided_at") // nw.col("recurs_every"))
    told = nw.coalesce(nw.col("key"), spans).cast(nw.String).fill_null("")
    recurrence = nw.concat_str([nw.col("recurs"), told]).alias("recurrence")
    frame = frame.with_columns(variant.alias("variant"), recurrence)
    return frame.drop("multiplier", "offset", "own_draw", "recurs", "recurs_every", *places)
