"""In: candidates, what is known of goal rates. Out: their priorities as exact integers. Writes no interactions.

priority = propensity x (business value + customer value x weight) x lever x context x ramp. All but the ramp depends on
micro-segment and context alone, of which there are few combinations, the situations: those products are made once, in
a small table that the customers are joined to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import narwhals as nw
import polars as pl

from touchline.decision.rules import NEVER, out_of_context, since_encounter
from touchline.kernel.times import DAY
from touchline.playbook.compiled import Conversation, Policies

if TYPE_CHECKING:
    from touchline.decision.plan import Candidate, Plan

SCALE = 1_000_000
"""Millionths of a unit of priority are told apart."""
UNIT = 1e-6
"""A millionth. Multiplied by, never divided: engines round a division by a constant differently."""
LARGEST = 1e9
"""Of a priority, so that a scaled one stays below 2^50."""
CLASS_STEP = 2**50
LOWEST_CLASS = 5
MOST_CANDIDATES = 2**10
"""Class (below 2^3), scaled priority (below 2^50) and index fill one int64 rank."""

CONTEXT_DAYS = 14
IN_CONTEXT, OUT_OF_CONTEXT = 2.0, 0.5


def context(topics: Sequence[str]) -> str:
    """Text of a customer's context as an integer.

    0: no encounter within 14 days, or of no topic; k: of the k-th topic; len(topics) + 1: of another one.
    """
    if not topics:
        return "0"
    branches = " ".join(f"WHEN topic.last = '{topic}' THEN {place}" for place, topic in enumerate(topics, 1))
    recent = f"COALESCE(days_since.encounter, {NEVER}) > {CONTEXT_DAYS}"
    return f"CASE WHEN topic.last IS NULL OR {recent} THEN 0 {branches} ELSE {len(topics) + 1} END"


def context_factor(candidate: Candidate, context: int, plan: Plan) -> float:
    """2 where the topic is that of the last encounter within 14 days, 0.5 where that was another one, else 1."""
    if context == 0 or candidate.topic is None:
        return 1.0
    return IN_CONTEXT if plan.topics.index(candidate.topic) + 1 == context else OUT_OF_CONTEXT


def ramp(conversation: Conversation, policies: Policies) -> str | None:
    """Text of the factor by which it comes back after a cool-off: days / ramp, up to 1; None where it has none."""
    if conversation.purpose not in policies.cool_off_purposes or not policies.cool_off_ramp:
        return None
    # Multiplied, not divided, as UNIT is.
    rising = f"LEAST(1.0, {since_encounter()} * {DAY / policies.cool_off_ramp!r})"
    elsewhere = out_of_context(conversation)
    return rising if elsewhere is None else f"CASE WHEN {elsewhere} THEN {rising} ELSE 1.0 END"


@dataclass(frozen=True)
class Propensity:
    """Goal rates by micro-segment, conversation and channel.

    rates     (segment, candidate name) -> rate in [0, 1]; what is missing has its candidate's `otherwise`
    otherwise candidate name -> rate of the conversation by that channel; what is missing has the playbook's base rate
    """

    rates: Mapping[tuple[int, str], float] = field(default_factory=dict)
    otherwise: Mapping[str, float] = field(default_factory=dict)

    def rate(self, segment: int, candidate: Candidate, plan: Plan) -> float:
        """The propensity; the playbook's base rate for a conversation without a goal."""
        if candidate.conversation not in plan.goals:
            return plan.base_rate
        return self.rates.get((segment, candidate.name), self.otherwise.get(candidate.name, plan.base_rate))


def segments(plan: Plan) -> range:
    """Codes of the micro-segments, stage x hand-raiser: `2 * stage + hand_raiser`; the last two have no known stage."""
    return range(2 * (len(plan.stages) + 1))


def worth(candidate: Candidate, rate: float, context: int, plan: Plan) -> float:
    """The priority but for the ramp, from 0 to LARGEST."""
    value = candidate.business_value + candidate.customer_value * plan.value_weight
    priority = rate * value * candidate.lever * context_factor(candidate, context, plan)
    return min(max(priority, 0.0), LARGEST)


def worths(plan: Plan, propensity: Propensity) -> pl.DataFrame:
    """What every candidate is worth in every situation, one row each.

    Columns: situation (int64, `segment * contexts + context`); worth_K (float64) of each candidate that has a ramp,
    rank_K (int64) of each that has none.
    """
    contexts = range(plan.contexts)
    columns: dict[str, list[int] | list[float]] = {
        "situation": [segment * plan.contexts + context for segment in segments(plan) for context in contexts]
    }
    for candidate in plan.candidates:
        rates = [propensity.rate(segment, candidate, plan) for segment in segments(plan)]
        found = [worth(candidate, rate, context, plan) for rate in rates for context in contexts]
        if candidate.ramp is None:
            columns[rank_column(candidate)] = [rank(candidate, scaled(value)) for value in found]
        else:
            columns[worth_column(candidate)] = found
    return pl.DataFrame(columns)


def worth_column(candidate: Candidate) -> str:
    """Where the table of worths has a candidate that ramps up."""
    return f"worth_{candidate.index}"


def rank_column(candidate: Candidate) -> str:
    """Where the table of worths, and later the frame, has a candidate's rank."""
    return f"rank_{candidate.index}"


def scaled(priority: float) -> int:
    """A priority as an integer, in millionths, cut off."""
    return math.floor(priority * SCALE)


def scaled_frame(priority: nw.Expr) -> nw.Expr:
    """`scaled` on a frame; the float is whole before it is cast, since engines cast fractions differently."""
    return (priority * SCALE).floor().cast(nw.Int64)


def rank(candidate: Candidate, scaled_priority: int) -> int:
    """Higher goes first: class, then priority, then the smaller index."""
    step = (LOWEST_CLASS - candidate.class_) * CLASS_STEP + scaled_priority
    return step * MOST_CANDIDATES + (MOST_CANDIDATES - 1 - candidate.index)
