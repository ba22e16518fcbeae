"""In: nothing, or a size. Out: how long the fold of every additive measure takes beside one hand-written query. Writes no interactions.

B2 of benchmarks.md: interactions of 1M personas in 64 bucket files, folded bucket by bucket and written as Parquet. The
reference is one DuckDB query a bucket with the same sums as `SUM(CASE …)`, writing the same rows.
"""

from __future__ import annotations

from touchline.interactions.catalogue import KINDS, MARKETING_PURPOSES
from touchline.interactions.row import PRINCIPLES, READINGS
from touchline.kernel.measures import SIDES
from touchline.relationship.folding import HARD_BOUNCE
from touchline.relationship.layout import (
    ENCOUNTERS,
    Layout,
    episode_reading_of,
    episode_weight_of,
    reading_of,
    weight_of,
)
from touchline.relationship.packing import PLACES, STEPS, VALUES


def reference_sql(layout: Layout, reference: int, path: str) -> str:
    """The whole fold of one bucket as a person would write it by hand: one scan, one wide group-by."""
    columns = [
        "count(*)::INTEGER AS rows",
        "count(overall)::INTEGER AS n",
        f"max(CASE WHEN overall IS NOT NULL THEN read_at // 1000 * {VALUES} + floor((overall + 1) * {STEPS} + 0.5)::BIGINT END) AS latest",
        f"max(CASE WHEN least(emotional, tangible) <= {layout.care_reading} THEN t END) AS bad",
        f"min(CASE WHEN {_among('kind', [k.name for k in KINDS.values() if k.way != 'administration' and k.name != 'assigned'])} THEN t END) AS first",
        f"max(CASE WHEN {_among('kind', ENCOUNTERS)} THEN t * {PLACES} + list_position({list(layout.touchpoints)}, touchpoint) END) AS encounter",
        f"max(CASE WHEN {_among('kind', layout.resolved_by)} THEN t END) AS resolved",
        "sum(given * d) AS given",
        "sum(asked * d) AS asked",
        "sum(revenue_minor)::BIGINT AS revenue",
        "sum(cost_minor)::BIGINT AS cost",
        f"max(CASE WHEN kind = 'opted_in' AND evidence IS NOT NULL AND {_among('purpose', MARKETING_PURPOSES)} THEN t END) AS raised",
        f"max(CASE WHEN kind = 'opted_out' AND {_among('purpose', MARKETING_PURPOSES)} THEN t END) AS lowered",
        f"max(CASE WHEN kind IN ('suppressed', 'failed') AND reason = '{HARD_BOUNCE}' THEN t END) AS bounced",
        f"max(CASE WHEN kind = 'reported_spam' OR (kind = 'suppressed' AND coalesce(reason, '') <> '{HARD_BOUNCE}') THEN t END) AS suppressed",
        "max(CASE WHEN kind = 'released' THEN t END) AS released",
    ]
    for kind in layout.kinds:
        columns.append(f"sum(CASE WHEN kind = '{kind}' THEN 1 END)::INTEGER AS \"count:{kind}\"")
        columns.append(f"max(CASE WHEN kind = '{kind}' THEN t END) AS \"last:{kind}\"")
    for kind in layout.firsts:
        columns.append(f"min(CASE WHEN kind = '{kind}' THEN t END) AS \"first:{kind}\"")
    for place in layout.places:
        here = f"place = '{place}'" if place else "place IS NULL"
        for side in SIDES:
            columns.append(f'sum(CASE WHEN {here} AND {side} IS NOT NULL THEN rd END) AS "{weight_of(place, side)}"')
            columns.append(f'sum(CASE WHEN {here} THEN rd * {side} END) AS "{reading_of(place, side)}"')
        for type_ in layout.episode_types:
            there = f"{here} AND episode = '{type_}'"
            columns.append(
                f'sum(CASE WHEN {there} AND overall IS NOT NULL THEN rd END) AS "{episode_weight_of(type_, place)}"'
            )
            columns.append(f'sum(CASE WHEN {there} THEN rd * overall END) AS "{episode_reading_of(type_, place)}"')
    for purpose, channel in layout.consents:
        of = f"purpose = '{purpose}' AND channel = '{channel}'"
        columns.append(
            f"max(CASE WHEN kind = 'opted_in' AND {of} THEN t * 2 + (evidence IS NOT NULL)::INT END) AS \"granted:{purpose}:{channel}\""
        )
        columns.append(f"max(CASE WHEN kind = 'opted_out' AND {of} THEN t END) AS \"withdrawn:{purpose}:{channel}\"")
    for key in layout.preferences:
        columns.append(
            f"max(CASE WHEN kind = 'preferred' AND name = '{key}' THEN t // 1000 * {VALUES} + floor(answer + 0.5)::BIGINT END) AS \"prefers:{key}\""
        )
    for talk in layout.conversations:
        columns.append(
            f"max(CASE WHEN kind IN ('sent', 'called') AND conversation = '{talk}' THEN t END) AS \"contact:{talk}\""
        )
    for due in layout.dues:
        at = f" AND touchpoint = '{due.touchpoint}'" if due.touchpoint else ""
        columns.append(f"max(CASE WHEN kind = '{due.kind}'{at} THEN t END) AS \"due:{due.conversation}\"")
    known = " + ".join(f"({name} IS NOT NULL)::INT" for name in PRINCIPLES)
    total = " + ".join(f"coalesce({name}, 0)" for name in PRINCIPLES)
    readings = ", ".join(f"{name}::DOUBLE AS {name}" for name in READINGS)
    return f"""
        WITH rows AS (
            SELECT *, occurred_at AS t, coalesce(about_at, occurred_at) AS read_at,
                   CASE WHEN about IS NULL THEN touchpoint ELSE about_touchpoint END AS place,
                   CASE WHEN about IS NULL THEN episode_type ELSE about_episode_type END AS episode,
                   pow(2, (occurred_at - {reference})::DOUBLE / {layout.half_life}) AS d,
                   pow(2, (coalesce(about_at, occurred_at) - {reference})::DOUBLE / {layout.half_life}) AS rd
            FROM read_parquet('{path}') WHERE NOT machine
        ), read AS (
            SELECT * REPLACE ({readings}), CASE WHEN {known} > 0 THEN ({total})::DOUBLE / ({known}) END AS tangible FROM rows
        ), sides AS (
            SELECT *, CASE WHEN tangible IS NULL THEN emotional WHEN emotional IS NULL THEN tangible
                           ELSE (emotional + tangible) / 2 END AS overall FROM read
        )
        SELECT persona_id, {", ".join(columns)} FROM sides GROUP BY persona_id
    """


def _among(column: str, words: object) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"  # type: ignore[attr-defined]
