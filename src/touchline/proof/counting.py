"""In: ledger rows with their customers, a programme. Out: small tables of counts, by arm. Writes no interactions.

By intention to treat: whoever was assigned counts in that arm from that instant on, whether anything was said to them or not, and
whatever became of them. Nothing that came after the assignment decides who is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.interactions.catalogue import MARKETING_PURPOSES
from touchline.interactions.row import RESERVED
from touchline.playbook.compiled import Goal

Frame = nw.LazyFrame[Any]

ARMS = ("treated", "control")


@dataclass(frozen=True)
class Arm:
    """How many are in an arm, how many of them reached the goal, and how many have had its whole time."""

    n: int = 0
    reached: int = 0
    complete: int = 0

    def __add__(self, other: Arm) -> Arm:
        return Arm(self.n + other.n, self.reached + other.reached, self.complete + other.complete)


@dataclass(frozen=True)
class Spent:
    """What a programme said, and what that cost in minor units of money."""

    messages: int
    cost_minor: int


def assigned(interactions: Frame, programme: str, at: int) -> Frame:
    """customer, assigned_at, arm, arms: of everybody assigned to the programme by the instant.

    interactions   ledger rows with `customer`
    arms           how many different arms the personas of a customer were drawn into; where more than one, they belong to none
    """
    rows = interactions.filter(
        (nw.col("kind") == "assigned")
        & (nw.col("programme") == programme)
        & (nw.col("occurred_at") <= at)
        & nw.col("arm").is_in(ARMS)
    )
    return rows.group_by("customer").agg(
        nw.col("occurred_at").min().alias("assigned_at"),
        nw.col("arm").min().alias("arm"),
        nw.col("arm").n_unique().alias("arms"),
    )


def arms(interactions: Frame, entered: Frame, goal: Goal, at: int) -> Mapping[tuple[str, bool], Arm]:
    """(arm, whether they had raised their hand) -> its counts, of those in one arm.

    entered   as `assigned` makes it
    Reached is a row of the goal's kind after the assignment, within the goal's time and by the instant. Both arms are assigned over the same
    days, so that those whose time is not over are in both alike.
    Who raised a hand had, at the assignment, given a consent with evidence for a marketing purpose.
    """
    until = nw.col("assigned_at") + goal.within
    mine = entered.filter(nw.col("arms") == 1)
    acts = interactions.filter((nw.col("kind") == goal.kind) & (nw.col("occurred_at") <= at)).select(
        "customer", nw.col("occurred_at").alias("acted_at")
    )
    reached = (
        mine.join(acts, on="customer", how="inner")
        .filter((nw.col("acted_at") > nw.col("assigned_at")) & (nw.col("acted_at") <= until))
        .group_by("customer")
        .agg(nw.len().alias("reached"))
    )
    table = (
        mine.join(reached, on="customer", how="left")
        .join(_raised(interactions, mine), on="customer", how="left")
        .select(
            "arm",
            (~nw.col("raised").is_null()).alias("raised"),
            nw.when(nw.col("reached").is_null()).then(0).otherwise(1).alias("reached"),
            nw.when(until <= at).then(1).otherwise(0).alias("complete"),
        )
        .group_by("arm", "raised")
        .agg(nw.len().alias("n"), nw.col("reached").sum().alias("reached"), nw.col("complete").sum().alias("complete"))
        .select("arm", "raised", "n", "reached", "complete")
        .collect()
    )
    return {
        (str(arm), bool(raised)): Arm(int(n), int(reached), int(complete))
        for arm, raised, n, reached, complete in table.rows()
    }


def left_out(entered: Frame) -> int:
    """How many customers are in no arm, because their personas were drawn into both."""
    return int(entered.filter(nw.col("arms") > 1).select(nw.len().alias("n")).collect().item(0, "n"))


def spent(interactions: Frame, programme: str, at: int) -> Spent:
    """Messages that the programme said, by their ids, and what they cost; reservations are none yet."""
    said = interactions.filter(
        nw.col("kind").is_in(("sent", "called"))
        & (nw.col("programme") == programme)
        & (nw.col("occurred_at") <= at)
        & ~nw.col("message_id").is_null()
    ).filter(nw.col("reason").is_null() | (nw.col("reason") != RESERVED))
    by_message = said.group_by("message_id").agg(nw.col("cost_minor").sum().alias("cost"))
    table = by_message.select(nw.len().alias("messages"), nw.col("cost").sum().alias("cost")).collect()
    messages, cost = table.row(0)
    return Spent(int(messages), int(cost or 0))


def _raised(interactions: Frame, mine: Frame) -> Frame:
    evidence = interactions.filter(
        (nw.col("kind") == "opted_in") & nw.col("purpose").is_in(MARKETING_PURPOSES) & ~nw.col("evidence").is_null()
    ).select("customer", nw.col("occurred_at").alias("agreed_at"))
    return (
        mine.join(evidence, on="customer", how="inner")
        .filter(nw.col("agreed_at") <= nw.col("assigned_at"))
        .group_by("customer")
        .agg(nw.len().alias("raised"))
    )
