"""In: a plan, what is known of goal rates. Out: the small tables customers are joined to. Writes no interactions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from touchline.decision.plan import Plan
from touchline.decision.priority import Propensity, worths
from touchline.kernel.engines import Engine

TEXT: tuple[str, ...] = ("conversation", "channel", "touchpoint", "purpose", "programme", "recurs")

_TOLD = {"once": "once", "every": "every:", "term": "term:", "episode": "episode:", "entry": ""}
"""What a recurrence is told by, before what it counts from."""


@dataclass(frozen=True)
class Tables:
    """What customers are joined to, on the engine that carries them.

    worths    as `priority.worths`
    ways      as `ways`
    variants  the most that any way has
    """

    worths: nw.LazyFrame[Any]
    ways: nw.LazyFrame[Any]
    variants: int


def tables(plan: Plan, propensity: Propensity, engine: Engine) -> Tables:
    """The plan's tables on that engine, made once a tick."""
    return Tables(engine.lazy(worths(plan, propensity)), engine.lazy(ways(plan)), _variants(plan))


def ways(plan: Plan) -> pl.DataFrame:
    """The candidates by index.

    Columns: winner (the index), conversation, channel, touchpoint, purpose, programme; recurs and recurs_every, of which
    its recurrence is told; given and asked; multiplier, offset, bound_K and variant_K
    of the draw of its variant.
    """
    columns: dict[str, list[Any]] = defaultdict(list)
    for candidate in plan.candidates:
        draw = candidate.draw
        columns["winner"].append(candidate.index)
        for name in TEXT:
            columns[name].append(_TOLD[candidate.recurs] if name == "recurs" else getattr(candidate, name))
        columns["recurs_every"].append(candidate.recurs_every if candidate.recurs == "every" else None)
        columns["given"].append(candidate.customer_value)
        columns["asked"].append(candidate.asked)
        columns["multiplier"].append(draw.multiplier)
        columns["offset"].append(draw.offset)
        for place in range(_variants(plan)):
            given = place < len(draw.names)
            columns[f"bound_{place}"].append(draw.bounds[place] if given else 0)
            columns[f"variant_{place}"].append(draw.names[place] if given else None)
    text = [name for name in columns if name in TEXT or name.startswith("variant_")]
    types: dict[str, Any] = dict.fromkeys(text, pl.String) | {"recurs_every": pl.Int64}
    return pl.DataFrame(dict(columns), schema_overrides=types)


def _variants(plan: Plan) -> int:
    return max((len(candidate.draw.names) for candidate in plan.candidates), default=0)
