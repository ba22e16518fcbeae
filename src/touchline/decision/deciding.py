"""In: relationships, a plan. Out: a row a customer: every candidate's mask, the winner. Writes no interactions.

One wide select of integers. A condition that several candidates share is computed once; conditions that go together
on the same candidates are added up once; a rank, one integer of class, priority and index, makes the winner a
maximum. Boolean columns are avoided: they cost DuckDB five times the integers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import narwhals as nw
import polars as pl

from touchline.decision import priority
from touchline.decision.plan import Candidate, Plan
from touchline.decision.priority import CLASS_STEP, MOST_CANDIDATES, Propensity
from touchline.decision.rules import PlanFault
from touchline.expressions import Expression, to_frame
from touchline.kernel import measures
from touchline.kernel.engines import Engine
from touchline.kernel.ids import DRAW_RANGE

Frame = nw.LazyFrame[Any]

NOBODY = -1
"""Mask of a customer outside the audience, rank and winner of one for whom nothing is left."""

PROPOSAL: tuple[str, ...] = (
    "conversation", "channel", "touchpoint", "variant", "purpose", "class", "priority", "decided_at", "digest",
)  # fmt: skip
"""Columns of a proposal beside the customer: text, but class, priority (numbers) and decided_at (microseconds UTC)."""


@dataclass(frozen=True)
class Tables:
    """The plan's small tables, on the engine that carries the relationships.

    worths  segment, worth_0, worth_1, …: what an offer is worth in a micro-segment
    ways    winner, conversation, channel, touchpoint, purpose, class, multiplier, offset, bound_K, variant_K
    """

    worths: Frame
    ways: Frame
    variants: int


def tables(plan: Plan, propensity: Propensity, engine: Engine) -> Tables:
    """The plan's tables on that engine, made once a tick."""
    most = max((len(candidate.draw.names) for candidate in plan.candidates), default=0)
    columns: dict[str, list[Any]] = defaultdict(list)
    for candidate in plan.candidates:
        draw = candidate.draw
        columns["winner"].append(candidate.index)
        for name in ("conversation", "channel", "touchpoint", "purpose"):
            columns[name].append(getattr(candidate, name))
        columns["class"].append(candidate.class_)
        columns["multiplier"].append(draw.multiplier)
        columns["offset"].append(draw.offset)
        for place in range(most):
            given = place < len(draw.names)
            columns[f"bound_{place}"].append(draw.bounds[place] if given else 0)
            columns[f"variant_{place}"].append(draw.names[place] if given else None)
    text = ("conversation", "channel", "touchpoint", "purpose", *(f"variant_{place}" for place in range(most)))
    number = ("winner", "class", "multiplier", "offset", *(f"bound_{place}" for place in range(most)))
    schema = {name: pl.String if name in text else pl.Int64 for name in (*number, *text)}
    ways = pl.DataFrame(dict(columns), schema=schema)
    return Tables(engine.lazy(priority.worths(plan, propensity)), engine.lazy(ways), most)


def decide(relationships: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """Decide for every customer.

    relationships  customer (int64), draw (int64), one column a measure of `plan.measures`, named by `measures.column`
    at             the instant of decision, microseconds UTC

    Columns out: customer, draw; mask_CANDIDATE (int64, -1 outside audience and trigger, else bit j where policy j
    blocks); held_POLICY (int8, 1 where it blocks any candidate in whose audience the customer is); rank_CONVERSATION
    of each conversation of class 1 (int64, -1: none of its ways is open); rank and winner (index of the candidate that
    won the turn, -1: none); and of that one the columns of PROPOSAL.
    """
    if not plan.candidates:
        raise PlanFault("it has no conversations", remedy="Write one into playbook/conversations/.")
    asked = _Asked(plan)
    frame = relationships.select("customer", "draw", *asked.conditions())
    if asked.worths:
        frame = frame.join(tables.worths.select("segment", *asked.worths), on="segment", how="left")
    frame = frame.with_columns(*asked.sums())
    masks = [asked.mask(candidate) for candidate in plan.candidates]
    frame = frame.select("customer", "draw", *asked.factors, *asked.worths, *masks, *asked.held())
    ranks = [asked.rank(candidate).alias(f"rank_{candidate.index}") for candidate in plan.candidates]
    kept = ["customer", "draw", *(c.mask for c in plan.candidates), *(held_column(p) for p in plan.policies)]
    frame = frame.select(*kept, *ranks)
    turn = _highest(f"rank_{c.index}" for c in plan.candidates if c.arbitrated).alias("rank")
    owed = [_highest(f"rank_{c.index}" for c in ways).alias(owed_column(name)) for name, ways in plan.owed.items()]
    return _named(frame.select(*kept, *owed, turn), plan, tables, at)


def proposals(decided: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """What `decide` proposes, one row each: customer, winner and the columns of PROPOSAL.

    A conversation of class 1 goes by the best of its open ways, whatever else is said; of the others one a customer.
    On a lazy engine `decided` is read once per conversation of class 1: collect it first.
    """
    ranks = ["rank", *(owed_column(name) for name in plan.owed)]
    parts = [decided.filter(nw.col(name) >= 0).select("customer", "draw", nw.col(name).alias("rank")) for name in ranks]
    return _named(nw.concat(parts), plan, tables, at).select("customer", "winner", *PROPOSAL)


def held_column(policy: str) -> str:
    """The frame column that says whether a policy holds anything from the customer."""
    return f"held_{measures.column(policy)}"


def owed_column(conversation: str) -> str:
    """The frame column of the rank of a conversation of class 1."""
    return f"rank_{conversation}"


def _named(frame: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """The frame with what its rank means: the candidate, its priority and the customer's own wording."""
    rank = nw.col("rank")
    found = rank >= 0
    winner = nw.when(found).then((MOST_CANDIDATES - 1) - rank % MOST_CANDIDATES).otherwise(NOBODY)
    scaled = nw.when(found).then((rank // MOST_CANDIDATES) % CLASS_STEP)
    frame = frame.with_columns(
        winner.cast(nw.Int64).alias("winner"), (scaled.cast(nw.Float64) * priority.UNIT).alias("priority")
    )
    frame = frame.join(tables.ways, on="winner", how="left")
    own = (nw.col("draw") * nw.col("multiplier") + nw.col("offset")) % DRAW_RANGE
    frame = frame.with_columns(own.alias("own_draw"))
    variant: nw.Expr = nw.lit(None, dtype=nw.String)
    for place in reversed(range(tables.variants)):
        drawn = nw.col("own_draw") < nw.col(f"bound_{place}")
        variant = nw.when(drawn).then(nw.col(f"variant_{place}")).otherwise(variant)
    frame = frame.with_columns(
        variant.alias("variant"),
        nw.lit(at, dtype=nw.Int64).alias("decided_at"),
        nw.lit(plan.digest).alias("digest"),
    )
    drawn_from = (
        "multiplier",
        "offset",
        "own_draw",
        *(f"{n}_{p}" for n in ("bound", "variant") for p in range(tables.variants)),
    )
    return frame.drop(*drawn_from)


def _highest(columns: Iterable[str]) -> nw.Expr:
    names = list(columns)
    if not names:
        return nw.lit(NOBODY, dtype=nw.Int64)
    return nw.max_horizontal(*names) if len(names) > 1 else nw.col(names[0])


class _Asked:
    """What a plan asks, each thing once: distinct conditions, and the sums of those that always go together.

    audiences, blocks, factors  expression (or pair of audience and trigger) -> frame column
    users                       (policy, condition) -> candidates that are under it
    cells                       candidates -> the (policy, condition) pairs that exactly those are under
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.audiences: dict[tuple[Expression, Expression | None], str] = {}
        self.blocks: dict[Expression, str] = {}
        self._factors: dict[Expression, str] = {}
        self.users: dict[tuple[str, Expression], list[int]] = defaultdict(list)
        for candidate in plan.candidates:
            self.audiences.setdefault((candidate.audience, candidate.due), f"reached_{len(self.audiences)}")
            for rule in candidate.rules:
                self.blocks.setdefault(rule.blocks, f"block_{len(self.blocks)}")
                self.users[rule.policy, rule.blocks].append(candidate.index)
            for factor in (candidate.context, candidate.ramp):
                if factor is not None:
                    self._factors.setdefault(factor, f"factor_{len(self._factors)}")
        self.cells: dict[tuple[int, ...], list[tuple[str, Expression]]] = defaultdict(list)
        for pair, users in self.users.items():
            self.cells[tuple(users)].append(pair)
        self._any: dict[tuple[str, ...], str] = {}
        for users in self.users.values():
            names = self._reached_by(users)
            self._any.setdefault(names, names[0] if len(names) == 1 else f"any_{len(self._any)}")
        self.bits = nw.Int32 if len(plan.policies) < 32 else nw.Int64

    @property
    def factors(self) -> Sequence[str]:
        """Columns of the factors of priority."""
        return list(self._factors.values())

    @property
    def worths(self) -> Sequence[str]:
        """Columns of the table of worths."""
        return [f"worth_{candidate.index}" for candidate in self.plan.candidates]

    def conditions(self) -> list[nw.Expr]:
        """Every distinct condition as 0 or 1: unknown is outside an audience, and blocks."""
        stage, raised = to_frame(self.plan.stage), to_frame(self.plan.hand_raiser)
        columns = [(stage.cast(nw.Int64) * 2 + raised.cast(nw.Int64)).alias("segment")]
        for (audience, due), name in self.audiences.items():
            holds = to_frame(audience) if due is None else to_frame(audience) & to_frame(due)
            columns.append(_bit(holds, 1, 0).alias(name))
        columns += [_bit(~to_frame(blocks), 0, 1).alias(name) for blocks, name in self.blocks.items()]
        columns += [to_frame(factor).cast(nw.Float64).alias(name) for factor, name in self._factors.items()]
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
        value = nw.col(f"worth_{candidate.index}")
        for factor in (candidate.context, candidate.ramp):
            if factor is not None:
                value = value * nw.col(self._factors[factor])
        ranked = priority.scaled_frame(value) * MOST_CANDIDATES + priority.rank(candidate, 0)
        return nw.when(nw.col(candidate.mask) == 0).then(ranked).otherwise(nw.lit(NOBODY, dtype=nw.Int64))

    def _reached_by(self, users: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted({self._reached(user) for user in users}))

    def _reached(self, index: int) -> str:
        candidate = self.plan.candidates[index]
        return self.audiences[candidate.audience, candidate.due]


def _bit(condition: nw.Expr, true: int, other: int) -> nw.Expr:
    return nw.when(condition).then(nw.lit(true, dtype=nw.Int8)).otherwise(nw.lit(other, dtype=nw.Int8))
