"""In: relationships, a plan. Out: a row a customer: every candidate's mask, the winner. Writes no interactions.

One wide select of integers. A condition that several candidates share is computed once; conditions that go together
on the same candidates are added up once; a rank, one integer of class, priority and index, makes the winner a
maximum. Boolean columns are avoided: they cost DuckDB five times the integers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

import narwhals as nw

from touchline.decision import priority
from touchline.decision.plan import Candidate, Plan
from touchline.decision.priority import CLASS_STEP, LOWEST_CLASS, MOST_CANDIDATES
from touchline.decision.rules import PlanFault
from touchline.decision.tables import Tables
from touchline.expressions import Expression, to_frame
from touchline.kernel import measures

Frame = nw.LazyFrame[Any]

NOBODY = -1
"""Mask of a customer outside the audience, rank and winner of one for whom nothing is left."""


def decide(relationships: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """Decide for every customer.

    relationships  customer (int64), draw (int64), one column a measure of `plan.measures`, named by `measures.column`
    tables         on the same engine
    at             the instant of decision, microseconds UTC

    Columns out: customer, draw; mask_CANDIDATE (-1 outside audience and trigger, else bit j where policy j blocks);
    held_POLICY (1 where it blocks any candidate in whose audience the customer is, else 0); rank_CONVERSATION of each
    conversation of class 1 (-1: none of its ways is open); rank of the turn (-1: nobody won it), and what it says:
    winner (index of the candidate, -1), class and priority (NULL); decided_at (microseconds UTC), digest. The rows are
    in no order; `proposing.named` adds names and wording.
    """
    if not plan.candidates:
        raise PlanFault("it has no conversations", remedy="Write one into playbook/conversations/.")
    asked = _Asked(plan)
    frame = relationships.select("customer", "draw", *asked.conditions())
    frame = frame.join(tables.worths.select("situation", *asked.worths), on="situation", how="left")
    frame = frame.with_columns(*asked.sums())
    masks = [asked.mask(candidate) for candidate in plan.candidates]
    frame = frame.select("customer", "draw", *asked.ramps.values(), *asked.worths, *masks, *asked.held())
    kept = ["customer", "draw", *(c.mask for c in plan.candidates), *(held_column(p) for p in plan.policies)]
    frame = frame.select(*kept, *(asked.rank(candidate) for candidate in plan.candidates))
    turn = _highest(priority.rank_column(c) for c in plan.candidates if c.arbitrated).alias("rank")
    owed = [_highest(map(priority.rank_column, ways)).alias(owed_column(name)) for name, ways in plan.owed.items()]
    return stamped(with_rank_read(frame.select(*kept, *owed, turn)), plan, at)


def with_rank_read(frame: Frame) -> Frame:
    """The frame with what its column `rank` says: winner (index, -1: nobody), class and priority (NULL: nobody)."""
    rank = nw.col("rank")
    found = rank >= 0
    step = nw.when(found).then(rank // MOST_CANDIDATES)
    return frame.with_columns(
        nw.when(found).then((MOST_CANDIDATES - 1) - rank % MOST_CANDIDATES).otherwise(NOBODY).alias("winner"),
        (LOWEST_CLASS - step // CLASS_STEP).alias("class"),
        ((step % CLASS_STEP).cast(nw.Float64) * priority.UNIT).alias("priority"),
    )


def stamped(frame: Frame, plan: Plan, at: int) -> Frame:
    """The frame with the instant of decision and the playbook that decided."""
    return frame.with_columns(nw.lit(at, dtype=nw.Int64).alias("decided_at"), nw.lit(plan.digest).alias("digest"))


def held_column(policy: str) -> str:
    """The frame column that says whether a policy holds anything from the customer."""
    return f"held_{measures.column(policy)}"


def owed_column(conversation: str) -> str:
    """The frame column of the rank of a conversation of class 1."""
    return f"rank_{conversation}"


def _highest(columns: Iterable[str]) -> nw.Expr:
    names = list(columns)
    if not names:
        return nw.lit(NOBODY, dtype=nw.Int64)
    return nw.max_horizontal(*names) if len(names) > 1 else nw.col(names[0])


class _Asked:
    """What a plan asks, each thing once: distinct conditions, and the sums of those that always go together.

    audiences      (audience, trigger) -> frame column
    blocks, ramps  expression -> frame column
    users          (policy, condition) -> candidates that are under it
    cells          candidates -> the (policy, condition) pairs that exactly those are under
    bits           the masks' type: the narrowest that has a bit for each policy
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.audiences: dict[tuple[Expression, Expression | None], str] = {}
        self.blocks: dict[Expression, str] = {}
        self.ramps: dict[Expression, str] = {}
        self.users: dict[tuple[str, Expression], list[int]] = defaultdict(list)
        for candidate in plan.candidates:
            self.audiences.setdefault((candidate.audience, candidate.due), f"reached_{len(self.audiences)}")
            for rule in candidate.rules:
                self.blocks.setdefault(rule.blocks, f"block_{len(self.blocks)}")
                self.users[rule.policy, rule.blocks].append(candidate.index)
            if candidate.ramp is not None:
                self.ramps.setdefault(candidate.ramp, f"ramp_{len(self.ramps)}")
        self.cells: dict[tuple[int, ...], list[tuple[str, Expression]]] = defaultdict(list)
        for pair, users in self.users.items():
            self.cells[tuple(users)].append(pair)
        self._any: dict[tuple[str, ...], str] = {}
        for users in self.users.values():
            names = self._reached_by(users)
            self._any.setdefault(names, names[0] if len(names) == 1 else f"any_{len(self._any)}")
        self.bits = nw.Int32 if len(plan.policies) < 32 else nw.Int64

    @property
    def worths(self) -> list[str]:
        """Columns of the table of worths, one a candidate."""
        return [priority.rank_column(c) if c.ramp is None else priority.worth_column(c) for c in self.plan.candidates]

    def conditions(self) -> list[nw.Expr]:
        """The situation, and every distinct condition as 0 or 1: unknown is outside an audience, and blocks."""
        plan = self.plan
        stage, raised, context = (to_frame(e).cast(nw.Int64) for e in (plan.stage, plan.hand_raiser, plan.context))
        columns = [((stage * 2 + raised) * plan.contexts + context).alias("situation")]
        for (audience, due), name in self.audiences.items():
            holds = to_frame(audience) if due is None else to_frame(audience) & to_frame(due)
            columns.append(_bit(holds, 1, 0).alias(name))
        columns += [_bit(~to_frame(blocks), 0, 1).alias(name) for blocks, name in self.blocks.items()]
        columns += [to_frame(ramp).cast(nw.Float64).alias(name) for ramp, name in self.ramps.items()]
        return columns

    def sums(self) -> list[nw.Expr]:
        """Per cell the bits that block, as one integer; per set of audiences whether any of them is reached."""
        columns = []
        for place, pairs in enumerate(self.cells.values()):
            bits = (nw.col(self.blocks[blocks]).cast(self.bits) * self.plan.bit(policy) for policy, blocks in pairs)
            columns.append(reduce(add, bits).alias(f"cell_{place}"))
        columns += [_highest(names).alias(any_) for names, any_ in self._any.items() if len(names) > 1]
        return columns

    def mask(self, candidate: Candidate) -> nw.Expr:
        """-1 outside the audience, else bit j where policy j blocks."""
        cells = (nw.col(f"cell_{place}") for place, users in enumerate(self.cells) if candidate.index in users)
        bits = reduce(add, cells)
        inside = nw.col(self._reached(candidate.index)) == 1
        return nw.when(inside).then(bits).otherwise(nw.lit(NOBODY, dtype=self.bits)).alias(candidate.mask)

    def held(self) -> list[nw.Expr]:
        """Per policy: 1 where it blocks a candidate in whose audience the customer is."""
        parts: dict[str, list[nw.Expr]] = {policy: [] for policy in self.plan.policies}
        for (policy, blocks), users in self.users.items():
            parts[policy].append(nw.col(self.blocks[blocks]) * nw.col(self._any[self._reached_by(users)]))
        return [
            (nw.max_horizontal(*held) if len(held) > 1 else held[0]).cast(nw.Int8).alias(held_column(policy))
            for policy, held in parts.items()
        ]

    def rank(self, candidate: Candidate) -> nw.Expr:
        """Of an open candidate class, priority and index as one integer; -1 of any other."""
        column = priority.rank_column(candidate)
        if candidate.ramp is None:
            ranked = nw.col(column)
        else:
            value = nw.col(priority.worth_column(candidate)) * nw.col(self.ramps[candidate.ramp])
            ranked = priority.scaled_frame(value) * MOST_CANDIDATES + priority.rank(candidate, 0)
        open_ = nw.col(candidate.mask) == 0
        return nw.when(open_).then(ranked).otherwise(nw.lit(NOBODY, dtype=nw.Int64)).alias(column)

    def _reached_by(self, users: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted({self._reached(user) for user in users}))

    def _reached(self, index: int) -> str:
        candidate = self.plan.candidates[index]
        return self.audiences[candidate.audience, candidate.due]


def _bit(condition: nw.Expr, true: int, other: int) -> nw.Expr:
    return nw.when(condition).then(nw.lit(true, dtype=nw.Int8)).otherwise(nw.lit(other, dtype=nw.Int8))
