"""In: dated score tables of other rooms. Out: each customer's latest scores at an instant. Writes no interactions.

A score is no fold of interactions, so it comes as a table of its own: when it was published, for whom, and its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from touchline.kernel.engines import Engine
from touchline.kernel.measures import column
from touchline.relationship.combining import of_customers

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class ScoreTable:
    """One published table of scores.

    rows      `persona_id` (a customer's smallest persona is one), the time column (int64 µs), a column per measure
    measures  measure -> column of `rows`
    time      the name of the time column
    """

    rows: Frame
    measures: Mapping[str, str]
    time: str = "published_at"


@dataclass(frozen=True)
class Scores:
    """The scores of one table at an instant.

    rows      `customer`, at most once, and a column per measure, named as the measure's column
    measures
    """

    rows: Frame
    measures: tuple[str, ...]


def latest(table: ScoreTable, people: pl.DataFrame, at: int, engine: Engine) -> Scores:
    """Of all the rows published up to `at` for any of a customer's personas, the latest.

    Of two rows published at the same instant the greater value counts. A NULL in the latest row is NULL.
    """
    time = nw.col("_published")
    values = [nw.col(source).alias(column(measure)) for measure, source in table.measures.items()]
    dated = table.rows.select("persona_id", nw.col(table.time).alias("_published"), *values)
    rows = of_customers(dated.filter(time <= at), people, engine)
    newest = rows.with_columns(_newest=time.max().over("customer")).filter(time == nw.col("_newest"))
    measures = tuple(table.measures)
    return Scores(newest.group_by("customer").agg(*(nw.col(column(measure)).max() for measure in measures)), measures)
