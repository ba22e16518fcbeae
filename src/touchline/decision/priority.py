"""In: a plan's candidates and what is known of goal rates. Out: each one's priority, as one exact integer. Writes no interactions.

priority = propensity x (business value + customer value x weight) x lever x context x ramp. What depends on the
micro-segment alone is multiplied out once per segment, the worth; what depends on the customer's facts are two factors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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
LARGEST = 5e8
"""Of a worth; with the largest context factor, 2, a scaled priority stays below 2^50."""
CLASS_STEP = 2**50
LOWEST_CLASS = 5
MOST_CANDIDATES = 2**10
"""Class (below 2^3), scaled priority (below 2^50) and index fill one int64 rank."""

CONTEXT_DAYS = 14
IN_CONTEXT, OUT_OF_CONTEXT = 2.0, 0.5


def context(conversation: Conversation) -> str | None:
    """Text of the context factor: 2 where the topic is the last encounter's within 14 days, 0.5 where another was, else 1."""
    if conversation.topic is None:
        return None
    return (
        f"CASE WHEN topic.last IS NULL OR COALESCE(days_since.encounter, {NEVER}) > {CONTEXT_DAYS} THEN 1.0 "
        f"WHEN topic.last = '{conversation.topic}' THEN {IN_CONTEXT} ELSE {OUT_OF_CONTEXT} END"
    )


def ramp(conversation: Conversation, policies: Policies) -> str | None:
    """Text of the factor by which a conversation comes back after a cool-off: days / ramp, up to 1; None where it has none."""
    if conversation.purpose not in policies.cool_off_purposes or not policies.cool_off_ramp:
        return None
    rising = f"LEAST(1.0, {since_encounter()} / {policies.cool_off_ramp / DAY!r})"
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


def worth(candidate: Candidate, rate: float, plan: Plan) -> float:
    """Propensity x (business value + customer value x weight) x lever, from 0 to LARGEST."""
    value = rate * (candidate.business_value + candidate.customer_value * plan.value_weight) * candidate.lever
    return min(max(value, 0.0), LARGEST)


def worths(plan: Plan, propensity: Propensity) -> pl.DataFrame:
    """Columns: segment (int64), worth_0, worth_1, … (float64), one a candidate; one row a micro-segment."""
    columns: dict[str, list[int] | list[float]] = {"segment": list(segments(plan))}
    for candidate in plan.candidates:
        rates = (propensity.rate(segment, candidate, plan) for segment in segments(plan))
        columns[f"worth_{candidate.index}"] = [worth(candidate, rate, plan) for rate in rates]
    return pl.DataFrame(columns, schema_overrides={"segment": pl.Int64})


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
