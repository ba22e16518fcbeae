"""In: expressions and rows. Out: their values by each of the three forms, which tests hold equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from touchline.expressions import DeclaredNames, Expression, check, evaluate, to_frame
from touchline.kernel.engines import Engine
from touchline.kernel.types import Type, Value

COLUMNS: Mapping[str, tuple[Type, Any]] = {
    "x": (Type.NUMBER, pl.Float64),
    "y": (Type.NUMBER, pl.Float64),
    "narrow.reading": (Type.NUMBER, pl.Float32),
    "i": (Type.INTEGER, pl.Int64),
    "count.asked": (Type.INTEGER, pl.Int16),
    "s": (Type.TEXT, pl.String),
    "topic.last": (Type.TEXT, pl.String),
    "b": (Type.BOOLEAN, pl.Boolean),
    "care.due": (Type.BOOLEAN, pl.Boolean),
    "t": (Type.TIME, pl.Int64),
    "days_since.left": (Type.TIME, pl.Int64),
}
"""Names that the tests' expressions read; the column is as wide as it may be in real frames."""
NAMES = DeclaredNames({name: type_ for name, (type_, _) in COLUMNS.items()})
ENGINES = (Engine("polars"), Engine("duckdb"))


def table(rows: Mapping[str, Sequence[Value]]) -> pl.DataFrame:
    """A frame of the named columns; names that are not given are NULL throughout."""
    height = max((len(values) for values in rows.values()), default=1)
    return pl.DataFrame(
        [
            pl.Series(name.replace(".", "__"), list(rows.get(name, [None] * height)), dtype=dtype)
            for name, (_, dtype) in COLUMNS.items()
        ]
    )


def on_engine(engine: Engine, expressions: Sequence[Expression], frame: pl.DataFrame) -> list[list[Value]]:
    """Each expression's column of values."""
    named = [to_frame(expression).alias(f"e{index}") for index, expression in enumerate(expressions)]
    got = engine.collect(engine.lazy(frame.with_row_index("row")).select("row", *named)).sort("row")
    return [got[f"e{index}"].to_list() for index in range(len(expressions))]


def by_reference(expressions: Sequence[Expression], frame: pl.DataFrame) -> list[list[Value]]:
    """The same by the row-wise evaluator."""
    rows = [{name: row[name.replace(".", "__")] for name in COLUMNS} for row in frame.rows(named=True)]
    return [[evaluate(expression, row) for row in rows] for expression in expressions]


def everywhere(text: str, rows: Mapping[str, Sequence[Value]], *, polars_only: bool = False) -> list[Value]:
    """The values of one expression, after all forms have been found equal."""
    expression, frame = check(text, NAMES, dialect="mapping"), table(rows)
    (told,) = by_reference([expression], frame)
    for engine in ENGINES[: 1 if polars_only else 2]:
        (got,) = on_engine(engine, [expression], frame)
        assert exact(got) == exact(told), (engine.name, expression.text)
    return told


def exact(values: Sequence[Value]) -> list[tuple[str, Value]]:
    """Values with their Python types, since True equals 1 and 1 equals 1.0."""
    return [(type(value).__name__, value) for value in values]
