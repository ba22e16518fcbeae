"""In: relationships of the whole base, readings of its ledger. Out: its figures, its distribution, its experience
over time. Writes no interactions.

Set work is Narwhals over lazy frames: it runs on whatever engine the frames come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw

from touchline.interactions.row import PRINCIPLES
from touchline.kernel.measures import column
from touchline.report.curve import K, Point
from touchline.report.figures import Estimate, mean_of, share_of
from touchline.report.setting import Setting

UNHAPPY, HAPPY = -0.2, 0.2
EDGES: tuple[float, ...] = tuple(round(-1 + 0.1 * step, 1) for step in range(21))


@dataclass(frozen=True)
class Base:
    """The base at an instant.

    customers    in the relationships; `interactions` in the ledger
    overall      mean experience over customers that have one
    unhappy      share at or below -0.2, `happy` at or above 0.2, of those that have one
    care_due     share of customers with care due; `missed` with a need that nobody met
    open, overdue questions, summed
    balance      mean value balance
    histogram    customers by experience.overall in the twenty bins of EDGES
    """

    customers: int
    interactions: int
    overall: Estimate | None
    unhappy: Estimate | None
    happy: Estimate | None
    care_due: Estimate | None
    missed: Estimate | None
    open: int
    overdue: int
    balance: Estimate | None
    raised: Estimate | None
    histogram: tuple[int, ...]


def base_of(relationships: Any, interactions: int) -> Base:
    """The figures of a relationships frame: columns `customer` and a column a measure; those it lacks count as
    unknown."""
    frame = nw.from_native(relationships).lazy()
    has = set(frame.collect_schema().names())
    overall, balance = column("experience.overall"), column("value.balance")
    wanted: list[nw.Expr] = [nw.len().alias("customers")]
    if overall in has:
        value = nw.col(overall)
        wanted += [value.count().alias("n"), value.mean().alias("mean"), value.std().alias("deviation")]
        wanted += [_counted(value <= UNHAPPY).alias("unhappy"), _counted(value >= HAPPY).alias("happy")]
        for index, (low, high) in enumerate(pairwise(EDGES)):
            upper = value <= high if index == len(EDGES) - 2 else value < high
            wanted.append(_counted((value >= low) & upper).alias(f"bin{index}"))
    if balance in has:
        wanted += [
            nw.col(balance).count().alias("balance_n"),
            nw.col(balance).mean().alias("balance"),
            nw.col(balance).std().alias("balance_sd"),
        ]
    for name, measure in (("due", "care.due"), ("raised", "hand_raiser")):
        if column(measure) in has:
            wanted.append(_counted(nw.col(column(measure))).alias(name))
    if column("care.missed") in has:
        wanted.append(_counted(nw.col(column("care.missed")) > 0).alias("missed"))
    for name in ("open", "overdue"):
        if column(f"dialogue.{name}") in has:
            wanted.append(nw.col(column(f"dialogue.{name}")).sum().alias(name))
    row = frame.select(*wanted).collect().rows(named=True)[0]
    customers, n = int(row["customers"]), int(row.get("n") or 0)
    return Base(
        customers=customers,
        interactions=interactions,
        overall=mean_of(row.get("mean"), row.get("deviation"), n),
        unhappy=share_of(int(row.get("unhappy") or 0), n),
        happy=share_of(int(row.get("happy") or 0), n),
        care_due=share_of(int(row["due"] or 0), customers) if "due" in row else None,
        missed=share_of(int(row["missed"] or 0), customers) if "missed" in row else None,
        open=int(row.get("open") or 0),
        overdue=int(row.get("overdue") or 0),
        balance=mean_of(row.get("balance"), row.get("balance_sd"), int(row.get("balance_n") or 0)),
        raised=share_of(int(row["raised"] or 0), customers) if "raised" in row else None,
        histogram=tuple(int(row.get(f"bin{index}") or 0) for index in range(len(EDGES) - 1)),
    )


def series_of(interactions: Any, setting: Setting, instants: Sequence[int]) -> tuple[Point, ...]:
    """Mean experience.overall over customers with a reading, at each instant, with the 95 % interval of that mean.

    interactions  the ledger's columns, and `customer` where people are linked (else the persona stands for the
                  customer)
    The law is applied at each instant to the rows that had occurred; a row's weight is that of the place judged.
    """
    frame = nw.from_native(interactions).lazy()
    who = "customer" if "customer" in frame.collect_schema().names() else "persona_id"
    known = [nw.col(name) for name in PRINCIPLES]
    count = nw.sum_horizontal(*[(~one.is_null()).cast(nw.Int64) for one in known])
    summed = nw.sum_horizontal(*[one.cast(nw.Float64).fill_null(0.0) for one in known])
    tangible = nw.when(count > 0).then(summed / nw.when(count > 0).then(count).otherwise(1))
    emotional = nw.col("emotional").cast(nw.Float64)
    place = nw.when(nw.col("about").is_null()).then(nw.col("touchpoint")).otherwise(nw.col("about_touchpoint"))
    weight = nw.lit(1.0)
    for name, declared in setting.places.items():
        weight = nw.when(nw.col("place") == name).then(nw.lit(float(declared.weight))).otherwise(weight)
    readings = (
        frame.with_columns(
            place=place, tangible=tangible, feeling=emotional, counts_from=nw.coalesce("about_at", "occurred_at")
        )
        .with_columns(
            reading=nw.when(~nw.col("feeling").is_null() & ~nw.col("tangible").is_null())
            .then((nw.col("feeling") + nw.col("tangible")) / 2)
            .otherwise(nw.coalesce("feeling", "tangible"))
        )
        .filter(~nw.col("reading").is_null())
        .with_columns(weight=weight)
        .select(nw.col(who).alias("who"), "occurred_at", "counts_from", "reading", "weight")
        .collect()
        .lazy()
    )
    made: list[Point] = []
    for at in instants:
        decayed = (
            nw.col("weight") * ((nw.col("counts_from") - at).cast(nw.Float64) * (math.log(2) / setting.half_life)).exp()
        )
        each = (
            readings.filter(nw.col("occurred_at") <= at)
            .with_columns(used=decayed)
            .with_columns(part=nw.col("used") * nw.col("reading"))
            .group_by("who")
            .agg(nw.col("part").sum(), nw.col("used").sum())
            .with_columns(value=nw.col("part") / (nw.col("used") + K))
        )
        row = (
            each.select(
                nw.col("value").mean().alias("mean"), nw.col("value").std().alias("deviation"), nw.len().alias("n")
            )
            .collect()
            .rows(named=True)[0]
        )
        estimate = mean_of(row["mean"], row["deviation"], int(row["n"]))
        if estimate is not None and estimate.n > 1:
            made.append(Point(at, estimate.value, estimate.low, estimate.high, estimate.n))
    return tuple(made)


def _counted(condition: nw.Expr) -> nw.Expr:
    return condition.cast(nw.Int64).sum()
