"""In: relationships with stage and experience.NAME. Out: the map: experience of each touchpoint in each stage, with
n, interval, spread. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.kernel.measures import column
from touchline.report.figures import Estimate, mean_of
from touchline.report.setting import Setting

EVERY = "all stages"
SMALL = 30
"""Cells of fewer customers are shown without colour: their interval says too little."""


@dataclass(frozen=True)
class Cell:
    """Experience of one place by customers of one stage: mean with interval and n, and the spread (standard
    deviation) between them."""

    estimate: Estimate | None
    spread: float | None


@dataclass(frozen=True)
class Line:
    """One row of the map: a department (its touchpoints follow) or a touchpoint."""

    name: str
    channel: str | None
    department: str
    is_department: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Map:
    """The map. The last column is all stages; `reach` is customers a stage."""

    stages: tuple[str, ...]
    reach: tuple[int, ...]
    lines: tuple[Line, ...]

    def worst(self, at_least: int = 100) -> Line | None:
        """The touchpoint that costs most: the lowest mean times the customers who had it, its interval below zero;
        None where there is none."""
        below = [line for line in self.lines if not line.is_department and _below_zero(line, at_least)]
        return min(below, key=lambda line: (_burden(line), line.name), default=None)


def map_of(relationships: Any, setting: Setting) -> Map:
    """The map of a relationships frame with `stage` and `experience__NAME` columns; places without a column are left
    out."""
    frame = nw.from_native(relationships).lazy()
    has = set(frame.collect_schema().names())
    departments = dict.fromkeys(place.department for place in setting.places.values())
    names = [name for name in (*setting.places, *departments) if column(f"experience.{name}") in has]
    measures: list[nw.Expr] = [nw.len().alias("reach")]
    for name in names:
        value = nw.col(column(f"experience.{name}"))
        measures += [
            value.count().alias(f"{name}__n"),
            value.mean().alias(f"{name}__mean"),
            value.std().alias(f"{name}__deviation"),
        ]
    whole = frame.select(*measures).collect().rows(named=True)[0]
    rows = {}
    if "stage" in has:
        rows = {row["stage"]: row for row in frame.group_by("stage").agg(*measures).collect().rows(named=True)}
    order = [stage for stage in setting.stages if stage in rows]
    order += sorted(str(stage) for stage in rows if stage is not None and stage not in order)
    columns = [*(rows[stage] for stage in order), whole]
    lines: list[Line] = []
    for department in departments:
        own = [name for name, place in setting.places.items() if place.department == department and name in names]
        known = [name for name in own if int(whole[f"{name}__n"] or 0)]
        if not known:
            continue
        if department in names:
            lines.append(
                Line(
                    department,
                    None,
                    department,
                    is_department=True,
                    cells=tuple(_cell(row, department) for row in columns),
                )
            )
        lines += [
            Line(
                name,
                setting.places[name].channel,
                department,
                is_department=False,
                cells=tuple(_cell(row, name) for row in columns),
            )
            for name in known
        ]
    return Map((*order, EVERY), tuple(int(row["reach"]) for row in columns), tuple(lines))


def _cell(row: dict[str, Any], name: str) -> Cell:
    return Cell(
        mean_of(row[f"{name}__mean"], row[f"{name}__deviation"], int(row[f"{name}__n"] or 0)), row[f"{name}__deviation"]
    )


def _below_zero(line: Line, at_least: int) -> bool:
    estimate = line.cells[-1].estimate
    return estimate is not None and estimate.n >= at_least and estimate.high < 0


def _burden(line: Line) -> float:
    estimate = line.cells[-1].estimate
    return 0.0 if estimate is None else estimate.value * estimate.n
