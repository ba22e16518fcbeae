"""In: messages and what their customers did. Out: goal rates by micro-segment. Writes no interactions.

Counts are made by the engine that carries the frames; shrinking is arithmetic on that small table, which pulls a rate
of which little was seen towards its parent's: the mean of a beta-binomial posterior, (successes + strength x parent's
rate) / (n + strength), segment towards conversation by channel, that towards the playbook, that towards its base rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.decision.plan import Plan
from touchline.decision.priority import Propensity

Frame = nw.LazyFrame[Any]

BASE_STRENGTH = 20.0
"""Messages that the authored base rate is worth against what was seen."""
STRENGTHS = (5.0, 1000.0)
"""Least and most messages that a parent's rate is worth."""
FALLBACK_STRENGTH = 50.0
"""Where fewer than three groups were seen and their spread tells nothing."""


@dataclass(frozen=True)
class Count:
    """Messages of one conversation by one channel in one micro-segment, and how many reached the goal.

    segment  None where it was not known when the message was sent
    """

    conversation: str
    channel: str
    segment: int | None
    n: int
    successes: int


def count(messages: Frame, goals: Frame, plan: Plan, at: int) -> list[Count]:
    """Count messages and reached goals, for conversations that have a goal.

    messages  customer, message_id, conversation, channel, occurred_at (microseconds), segment (int64 or NULL)
    goals     customer, kind, occurred_at; the customers' acts, machine activity left out
    at        only messages whose whole window lay before it count, or rates would be too low

    A goal is reached by a row of its kind after the message and within its window; several rows reach it once.
    """
    if not plan.goals:
        return []
    conversation = nw.col("conversation")
    kind: nw.Expr = nw.lit(None, dtype=nw.String)
    within: nw.Expr = nw.lit(None, dtype=nw.Int64)
    for name, (goal, window) in plan.goals.items():
        kind = nw.when(conversation == name).then(nw.lit(goal)).otherwise(kind)
        within = nw.when(conversation == name).then(nw.lit(window, dtype=nw.Int64)).otherwise(within)
    sent = messages.select(
        "customer",
        "message_id",
        "conversation",
        "channel",
        "segment",
        nw.col("occurred_at").alias("sent_at"),
        kind.alias("kind"),
        (nw.col("occurred_at") + within).alias("until"),
    ).filter(nw.col("until") <= at)
    acts = goals.select("customer", "kind", nw.col("occurred_at").alias("acted_at"))
    acted = nw.col("acted_at")
    hit = nw.when((acted > nw.col("sent_at")) & (acted <= nw.col("until"))).then(1).otherwise(0)
    place = ("conversation", "channel", "segment")
    table = (
        sent.join(acts, on=["customer", "kind"], how="left")
        .with_columns(hit.alias("hit"))
        .group_by("message_id", *place)
        .agg(nw.col("hit").max())
        .group_by(*place)
        .agg(nw.len().alias("n"), nw.col("hit").sum().alias("successes"))
        .select(*place, "n", "successes")
        .collect()
    )
    return [
        Count(str(name), str(channel), None if segment is None else int(segment), int(n), int(successes))
        for name, channel, segment, n, successes in table.rows()
    ]


def learn(counts: Iterable[Count], plan: Plan) -> Propensity:
    """The shrunk goal rates of every candidate with a goal; what was never seen keeps its parent's rate."""
    by_segment: dict[tuple[int, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    by_way: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    ways = {(c.conversation, c.channel): c.name for c in plan.candidates if c.conversation in plan.goals}
    for seen in counts:
        way = ways.get((seen.conversation, seen.channel))
        if way is None:
            continue
        by_way[way] = _plus(by_way[way], seen)
        if seen.segment is not None:
            by_segment[seen.segment, way] = _plus(by_segment[seen.segment, way], seen)
    n, successes = (sum(pair[i] for pair in by_way.values()) for i in (0, 1))
    overall = shrunk(n, successes, plan.base_rate, BASE_STRENGTH)
    strength = prior_strength(by_way.values())
    otherwise = {way: shrunk(*by_way[way], overall, strength) for way in ways.values()}
    rates: dict[tuple[int, str], float] = {}
    for way, parent in otherwise.items():
        groups: Mapping[int, tuple[int, int]] = {s: pair for (s, w), pair in by_segment.items() if w == way}
        strength = prior_strength(groups.values())
        rates |= {(segment, way): shrunk(*pair, parent, strength) for segment, pair in groups.items()}
    return Propensity(rates, otherwise)


def shrunk(n: int, successes: int, parent: float, strength: float) -> float:
    """Mean of the posterior of a beta prior that is worth `strength` messages at the parent's rate."""
    return (successes + strength * parent) / (n + strength)


def prior_strength(groups: Iterable[tuple[int, int]]) -> float:
    """How many messages the groups' common rate is worth, by their spread: (1 - rho) / rho, kept inside STRENGTHS.

    groups  (n, successes). rho, the correlation inside a group, is the moment estimate weighted by n of Kleinman
    (1973), Proportions with Extraneous Variance, JASA 68, 46-54. Below three groups: FALLBACK_STRENGTH.
    """
    seen = [(n, successes) for n, successes in groups if n > 0]
    total = sum(n for n, _ in seen)
    if len(seen) < 3:
        return FALLBACK_STRENGTH
    mean = sum(successes for _, successes in seen) / total
    free = len(seen) - 1
    room = total - sum(n * n for n, _ in seen) / total - free
    variance = mean * (1 - mean)
    least, most = STRENGTHS
    if variance <= 0 or room <= 0:
        return most
    spread = sum(n * (successes / n - mean) ** 2 for n, successes in seen)
    rho = (spread - variance * free) / (variance * room)
    if rho <= 0:
        return most
    return min(max((1 - rho) / rho, least), most)


def _plus(pair: tuple[int, int], seen: Count) -> tuple[int, int]:
    return pair[0] + seen.n, pair[1] + seen.successes
