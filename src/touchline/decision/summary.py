"""In: what was decided. Out: numbers of customers, by proposal and by policy that held. Writes no interactions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import narwhals as nw

from touchline.decision.deciding import Frame, held_column, owed_column
from touchline.decision.plan import Plan


@dataclass(frozen=True)
class Summary:
    """One decision over a base, in numbers of customers.

    customers        decided for
    eligible         with at least one candidate that nothing blocks
    decided          with at least one proposal
    held             policy -> with at least one candidate in whose audience they are that it blocks
    by_conversation  conversation -> to whom it is proposed
    """

    customers: int
    eligible: int
    decided: int
    held: dict[str, int]
    by_conversation: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """The object that `touchline decide --json` prints."""
        return asdict(self)


def summarise(decided: Frame, plan: Plan) -> Summary:
    """Count `decide`'s rows, in one pass over its integers."""
    owed = {name: nw.col(owed_column(name)) for name in plan.owed}
    winners = {
        name: [c.index for c in plan.candidates if c.conversation == name and c.arbitrated]
        for name in plan.conversations
    }
    open_ = [nw.col(candidate.mask) == 0 for candidate in plan.candidates]
    proposed = [nw.col("rank") >= 0, *(rank >= 0 for rank in owed.values())]
    counts = [
        nw.len().alias("customers"),
        _count(nw.any_horizontal(*open_, ignore_nulls=False)).alias("eligible"),
        _count(nw.any_horizontal(*proposed, ignore_nulls=False)).alias("decided"),
        *(nw.col(held_column(policy)).sum().alias(f"held_{place}") for place, policy in enumerate(plan.policies)),
        *(
            _count(owed[name] >= 0 if name in owed else _won(winners[name])).alias(f"by_{place}")
            for place, name in enumerate(plan.conversations)
        ),
    ]
    row = decided.select(*(count.cast(nw.Int64) for count in counts)).collect().row(0)
    numbers = iter(int(number or 0) for number in row)
    return Summary(
        customers=next(numbers),
        eligible=next(numbers),
        decided=next(numbers),
        held={policy: next(numbers) for policy in plan.policies},
        by_conversation={name: next(numbers) for name in plan.conversations},
    )


def _count(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1, dtype=nw.Int64)).otherwise(nw.lit(0, dtype=nw.Int64)).sum()


def _won(indexes: list[int]) -> nw.Expr:
    """A conversation's ways stand side by side in the plan, so that they are one range."""
    return (nw.col("winner") >= indexes[0]) & (nw.col("winner") <= indexes[-1])
