"""In: what was decided. Out: whose arms are now to be written down. Writes no interactions; `assigned` is written of its rows.

A programme applies to whoever enters it. The global holdout applies to whoever would get something, were it not for it.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import narwhals as nw

from touchline import assignment
from touchline.decision.deciding import Frame
from touchline.decision.plan import GLOBAL_HOLDOUT, Plan
from touchline.kernel.times import from_micros


def assignments(decided: Frame, plan: Plan, at: int) -> Frame | None:
    """The arms to be written: customer, programme, recurrence, arm; None under a plan that holds nobody out.

    decided  columns of `decide`'s frame; it is read once a programme, so collect it first
    """
    names = [programme.name for programme in plan.programmes]
    if GLOBAL_HOLDOUT in plan.policies:
        names.append(assignment.GLOBAL)
        bit = plan.bit(GLOBAL_HOLDOUT)
        under = [c for c in plan.candidates if any(rule.policy == GLOBAL_HOLDOUT for rule in c.rules)]
        applies = nw.any_horizontal(*(nw.col(c.mask).is_in([0, bit]) for c in under), ignore_nulls=False)
        due = nw.when(applies).then(nw.col("assign_global")).otherwise(nw.lit(0, nw.Int8))
        decided = decided.with_columns(due.alias("assign_global"))
    if not names:
        return None
    year = from_micros(at).astimezone(ZoneInfo(plan.zone)).year
    return assignment.due(decided, names, year)
