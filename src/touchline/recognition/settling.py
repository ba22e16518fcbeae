"""In: personas whose evidence changed. Out: the links that hold among all whom they reach.
Writes `linked` and `unlinked` rows.

What keeps people apart and the earliest evidence decide, so that the answer does not depend on the order of arrival.
Rules do not look at merges by command: those join whatever the rules have made, and go without a trace.
"""

from __future__ import annotations

import polars as pl
from django.db import transaction

from touchline.recognition.administration import LINKS
from touchline.recognition.counting import reserve
from touchline.recognition.linking import COLOURS, PAIRS, accepted, grouped
from touchline.recognition.staging import execute, insert, read, staged

SEEN_TOGETHER = "seen_together"
MERGED = "merged"

_ID = {"persona_id": pl.Int64}
_LINK = {"link_id": pl.Int64, "persona_a": pl.Int64, "persona_b": pl.Int64, "rule": pl.String, "evidence": pl.String}


def settle(seeds: pl.Series, now: int) -> pl.DataFrame:
    """Decide every link by rule among the personas that evidence connects to the seeds; the changes as LINKS.

    Must run under `counting.lock`. `customer` of every persona concerned is right afterwards.
    """
    everyone = _reached(seeds)
    with transaction.atomic(savepoint=False), staged("settled", everyone.to_frame("persona_id"), key=["persona_id"]):
        in_force = read(
            "SELECT l.link_id, l.persona_a, l.persona_b, l.rule, l.evidence FROM recognition_link l"
            " JOIN settled s ON s.persona_id = l.persona_a WHERE l.to_at IS NULL",
            _LINK,
        )
        sightings = _sightings()
        colours = colours_of("settled")
        merged = in_force.filter(pl.col("rule") == MERGED)
        held = accepted(sightings, colours)
        ruled = in_force.filter(pl.col("rule") == SEEN_TOGETHER)
        ended = ruled.join(held, on=list(PAIRS), how="anti", maintain_order="left")
        made = held.join(ruled, on=list(PAIRS), how="anti", maintain_order="left")
        changes = pl.concat([end(ended, now), make(made, now)])
        _mark(sightings, held)
        place(grouped(everyone, pl.concat([merged.select(*PAIRS), held.select(*PAIRS)])))
    return changes


def make(sightings: pl.DataFrame, now: int, facts: pl.DataFrame | None = None) -> pl.DataFrame:
    """Put links by rule in force for sightings [persona_a, persona_b, first_at, by]; the changes as LINKS.

    facts   [persona_id, draw, role] of them, read where it is not given
    """
    evidence = pl.concat_str(pl.lit('{"since":'), "first_at", pl.lit(',"by":"'), "by", pl.lit('"}'))
    return put(sightings.select(*PAIRS, rule=pl.lit(SEEN_TOGETHER), evidence=evidence), now, facts)


def put(links: pl.DataFrame, now: int, facts: pl.DataFrame | None = None) -> pl.DataFrame:
    """Put links [persona_a, persona_b, rule, evidence] in force; the changes as LINKS."""
    if links.is_empty():
        return pl.DataFrame(schema=LINKS)
    first = reserve("link", links.height)
    numbered = links.with_columns(link_id=pl.int_range(first, first + links.height, dtype=pl.Int64))
    insert("recognition_link", numbered.with_columns(from_at=pl.lit(now, dtype=pl.Int64)))
    return _told(numbered, "linked", now, facts)


def end(links: pl.DataFrame, now: int) -> pl.DataFrame:
    """End links [link_id, persona_a, persona_b, rule, evidence] that are in force; the changes as LINKS."""
    if not links.is_empty():
        with staged("ended", links.select("link_id"), key=["link_id"]):
            execute("UPDATE recognition_link SET to_at = %s WHERE link_id IN (SELECT link_id FROM ended)", [now])
    return _told(links, "unlinked", now, None)


def place(customers: pl.DataFrame) -> None:
    """Write [persona_id, customer] where it differs from what the personas say."""
    if customers.is_empty():
        return
    with staged("placed", customers.select("persona_id", "customer"), key=["persona_id"]):
        execute(
            "UPDATE recognition_persona SET customer = (SELECT n.customer FROM placed n"
            " WHERE n.persona_id = recognition_persona.persona_id)"
            " WHERE persona_id IN (SELECT persona_id FROM placed) AND customer <> (SELECT n.customer FROM placed n"
            " WHERE n.persona_id = recognition_persona.persona_id)"
        )


def members(customers: str) -> str:
    """SELECT of [persona_id, customer], all personas of the customers in that table's column `customer`."""
    return (
        "SELECT p.persona_id, p.customer FROM recognition_persona p"  # noqa: S608 - the program's own text
        f" JOIN {customers} c ON c.customer = p.customer AND NOT (p.customer = p.persona_id)"
        " UNION ALL SELECT p.persona_id, p.customer FROM recognition_persona p"
        f" JOIN {customers} c ON c.customer = p.persona_id AND p.customer = p.persona_id"
    )


def colours_of(table: str) -> pl.DataFrame:
    """What keeps the personas of that table's column `persona_id` apart, as COLOURS."""
    return read(
        "SELECT 'user_id ' || p.scope, p.persona_id, p.persona_id"  # noqa: S608 - a name of the program's own
        f" FROM {table} t CROSS JOIN recognition_persona p WHERE p.persona_id = t.persona_id AND p.type = 'user_id'"
        " UNION ALL SELECT 'split ' || CAST(s.separation_id AS TEXT), s.side, s.persona_id"
        f" FROM {table} t CROSS JOIN recognition_separation s WHERE s.persona_id = t.persona_id",
        COLOURS,
    )


def _reached(seeds: pl.Series) -> pl.Series:
    """The seeds and every persona that sightings and links in force connect them to, step by step outwards."""
    known = seeds.unique()
    frontier = known
    while frontier.len():
        with staged("frontier", frontier.to_frame("persona_id"), key=["persona_id"]):
            near = read(
                "SELECT s.weak_id FROM recognition_sighting s JOIN frontier f ON f.persona_id = s.strong_id"
                " UNION SELECT s.strong_id FROM recognition_sighting s JOIN frontier f ON f.persona_id = s.weak_id"
                " UNION SELECT l.persona_b FROM recognition_link l JOIN frontier f ON f.persona_id = l.persona_a"
                " WHERE l.to_at IS NULL"
                " UNION SELECT l.persona_a FROM recognition_link l JOIN frontier f ON f.persona_id = l.persona_b"
                " WHERE l.to_at IS NULL",
                _ID,
            ).get_column("persona_id")
        frontier = near.filter(~near.is_in(known.implode()))
        known = pl.concat([known, frontier])
    return known


def _sightings() -> pl.DataFrame:
    """Sightings among the settled, the earliest first; draws break ties, because they do not depend on arrival."""
    found = read(
        "SELECT s.strong_id, s.weak_id, s.first_at, s.linked, p.type, q.type, p.draw, q.draw"
        " FROM recognition_sighting s"
        " JOIN settled n ON n.persona_id = s.strong_id"
        " JOIN recognition_persona p ON p.persona_id = s.strong_id"
        " JOIN recognition_persona q ON q.persona_id = s.weak_id",
        {
            "strong_id": pl.Int64, "weak_id": pl.Int64, "first_at": pl.Int64, "linked": pl.Boolean,
            "strong": pl.String, "weak": pl.String, "strong_draw": pl.Int64, "weak_draw": pl.Int64,
        },
    )  # fmt: skip
    return as_pairs(found).sort("first_at", "strong_draw", "weak_draw", "persona_a", "persona_b")


def as_pairs(sightings: pl.DataFrame) -> pl.DataFrame:
    """Sightings [strong_id, weak_id, strong, weak, …] with persona_a < persona_b and `by`, the two types."""
    return sightings.with_columns(
        persona_a=pl.min_horizontal("strong_id", "weak_id"),
        persona_b=pl.max_horizontal("strong_id", "weak_id"),
        by=pl.concat_str("strong", "weak", separator=" and "),
    )


def _mark(sightings: pl.DataFrame, held: pl.DataFrame) -> None:
    """Say of each sighting whether a link rests on it."""
    now_linked = sightings.join(held.select(*PAIRS), on=list(PAIRS), how="semi")
    for state, rows in ((True, now_linked), (False, sightings.join(held.select(*PAIRS), on=list(PAIRS), how="anti"))):
        changed = rows.filter(pl.col("linked") != state).select("strong_id", "weak_id")
        if not changed.is_empty():
            with staged("marked", changed, key=["strong_id", "weak_id"]):
                execute(
                    "UPDATE recognition_sighting SET linked = %s WHERE EXISTS (SELECT 1 FROM marked m"
                    " WHERE m.strong_id = recognition_sighting.strong_id AND m.weak_id = recognition_sighting.weak_id)",
                    [state],
                )


def _told(links: pl.DataFrame, kind: str, now: int, facts: pl.DataFrame | None) -> pl.DataFrame:
    """Changes as LINKS of links just written."""
    if links.is_empty():
        return pl.DataFrame(schema=LINKS)
    if facts is None:
        with staged("told", links.select(persona_id="persona_a").unique()):
            facts = read(
                "SELECT p.persona_id, p.draw, p.role FROM told t CROSS JOIN recognition_persona p"
                " WHERE p.persona_id = t.persona_id",
                {"persona_id": pl.Int64, "draw": pl.Int64, "role": pl.String},
            )
    owners = facts.select(persona_a="persona_id", draw="draw", role="role")
    joined = links.join(owners, on="persona_a", how="left", maintain_order="left")
    return joined.with_columns(at=pl.lit(now, dtype=pl.Int64), kind=pl.lit(kind)).select(*LINKS)
