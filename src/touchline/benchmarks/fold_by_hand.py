"""In: a layout. Out: one bucket's fold as a person would write it in DuckDB's SQL. Writes no interactions.

The reference of B2: one scan, one wide group-by, a `SUM(CASE …)` for each column of the state.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import HARD_BOUNCE, PRINCIPLES, READINGS
from touchline.kernel.measures import SIDES
from touchline.relationship.layout import (
    ENCOUNTERS,
    Layout,
    episode_reading_of,
    episode_weight_of,
    reading_of,
    weight_of,
)
from touchline.relationship.packing import PLACES, STEPS, VALUES


def query(layout: Layout, reference: int, path: str) -> str:
    """The query over one Parquet file; its columns are `persona_id` and the layout's slots, in another order."""
    columns = (*_readings(layout), *_acts(layout), *_permissions(layout), *_conversations(layout))
    known = " + ".join(f"({name} IS NOT NULL)::INT" for name in PRINCIPLES)
    total = " + ".join(f"coalesce({name}::DOUBLE, 0)" for name in PRINCIPLES)
    readings = ", ".join(f"{name}::DOUBLE AS {name}" for name in READINGS)
    return f"""
        WITH timed AS (
            SELECT *, occurred_at AS t, coalesce(about_at, occurred_at) AS read_at,
                   CASE WHEN about IS NULL THEN touchpoint ELSE about_touchpoint END AS place,
                   CASE WHEN about IS NULL THEN episode_type ELSE about_episode_type END AS episode,
                   pow(2, (occurred_at - {reference})::DOUBLE / {layout.half_life}) AS d,
                   pow(2, (coalesce(about_at, occurred_at) - {reference})::DOUBLE / {layout.half_life}) AS rd
            FROM read_parquet('{path}') WHERE NOT machine
        ), placed AS (
            SELECT * REPLACE ({readings}), CASE WHEN {known} > 0 THEN ({total})::DOUBLE / ({known}) END AS tangible,
                   CASE WHEN {_among("place", layout.touchpoints)} THEN place ELSE '' END AS here
            FROM timed
        ), sides AS (
            SELECT *, CASE WHEN tangible IS NULL THEN emotional WHEN emotional IS NULL THEN tangible
                           ELSE (emotional + tangible) / 2 END AS overall
            FROM placed
        )
        SELECT persona_id, {", ".join(columns)} FROM sides GROUP BY persona_id
    """


def _readings(layout: Layout) -> Iterator[str]:
    for place in layout.places:
        here = f"here = '{place}'"
        for side in SIDES:
            yield f'sum(CASE WHEN {here} AND {side} IS NOT NULL THEN rd END) AS "{weight_of(place, side)}"'
            yield f'sum(CASE WHEN {here} THEN rd * {side} END) AS "{reading_of(place, side)}"'
        for type_ in layout.episode_types:
            there = f"{here} AND episode = '{type_}'"
            weight, reading = episode_weight_of(type_, place), episode_reading_of(type_, place)
            yield f'sum(CASE WHEN {there} AND overall IS NOT NULL THEN rd END) AS "{weight}"'
            yield f'sum(CASE WHEN {there} THEN rd * overall END) AS "{reading}"'
    step = f"read_at // 1000 * {VALUES} + floor((overall + 1) * {STEPS} + 0.5)::BIGINT"
    yield "count(overall)::INTEGER AS n"
    yield f"max(CASE WHEN overall IS NOT NULL THEN {step} END) AS latest"
    yield f"max(CASE WHEN least(emotional, tangible) <= {layout.care_reading} THEN t END) AS bad"


def _acts(layout: Layout) -> Iterator[str]:
    telling = [k.name for k in KINDS.values() if k.way != "administration" and k.name != "assigned"]
    place = f"list_position({list(layout.touchpoints)}, touchpoint)"
    yield "count(*)::INTEGER AS rows"
    for kind in layout.kinds:
        yield f"sum(CASE WHEN kind = '{kind}' THEN 1 END)::INTEGER AS \"count:{kind}\""
        yield f"max(CASE WHEN kind = '{kind}' THEN t END) AS \"last:{kind}\""
    for kind in layout.firsts:
        yield f"min(CASE WHEN kind = '{kind}' THEN t END) AS \"first:{kind}\""
    yield f"min(CASE WHEN {_among('kind', telling)} THEN t END) AS first"
    yield f"max(CASE WHEN {_among('kind', ENCOUNTERS)} THEN t * {PLACES} + coalesce({place}, 0) END) AS encounter"
    yield f"max(CASE WHEN {_among('kind', layout.resolved_by)} THEN t END) AS resolved"
    yield "sum(given * d) AS given"
    yield "sum(asked * d) AS asked"
    yield "sum(revenue_minor)::BIGINT AS revenue"
    yield "sum(cost_minor)::BIGINT AS cost"


def _permissions(layout: Layout) -> Iterator[str]:
    for purpose, channel in layout.consents:
        of, name = f"purpose = '{purpose}' AND channel = '{channel}'", f"{purpose}:{channel}"
        grant = "t * 2 + (evidence IS NOT NULL)::INT"
        yield f"max(CASE WHEN kind = 'opted_in' AND {of} THEN {grant} END) AS \"granted:{name}\""
        yield f"max(CASE WHEN kind = 'opted_out' AND {of} THEN t END) AS \"withdrawn:{name}\""
    bounce = f"coalesce(reason, '') = '{HARD_BOUNCE}'"
    for key in layout.preferences:
        told = f"t // 1000 * {VALUES} + floor(answer + 0.5)::BIGINT"
        yield f"max(CASE WHEN kind = 'preferred' AND name = '{key}' THEN {told} END) AS \"prefers:{key}\""
    yield f"max(CASE WHEN kind IN ('suppressed', 'failed') AND {bounce} THEN t END) AS bounced"
    yield f"max(CASE WHEN kind = 'reported_spam' OR (kind = 'suppressed' AND NOT {bounce}) THEN t END) AS suppressed"
    yield f"max(CASE WHEN kind = 'released' AND NOT {bounce} THEN t END) AS released"
    yield f"max(CASE WHEN kind = 'released' AND {bounce} THEN t END) AS released_bounce"


def _conversations(layout: Layout) -> Iterator[str]:
    for name in layout.conversations:
        yield f"max(CASE WHEN (kind IN ('sent', 'called') OR (kind = 'failed' AND coalesce(reason, '') <> '{HARD_BOUNCE}')) AND conversation = '{name}' THEN t END) AS \"contact:{name}\""
    for due in layout.dues:
        where = f"kind = '{due.kind}'" + (f" AND touchpoint = '{due.touchpoint}'" if due.touchpoint else "")
        yield f'max(CASE WHEN {where} THEN t END) AS "due:{due.conversation}"'


def _among(column: str, words: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"
