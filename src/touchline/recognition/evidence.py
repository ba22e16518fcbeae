"""In: personas seen together and names seen with them. Out: sightings kept, the shared marked, links.
Writes `linked`, `unlinked` rows.

Most evidence is plain: nothing keeps the people apart, and the links are made at once. What is not goes to
`settling`, which weighs all that is known of the people concerned.
"""

from __future__ import annotations

import polars as pl

from touchline.recognition import settling
from touchline.recognition.administration import LINKS
from touchline.recognition.linking import contested, grouped
from touchline.recognition.staging import execute, insert, read, staged

PEOPLE_OF_ONE_IDENTIFIER = 3
"""More people than that, by user id or by name, and the identifier is shared."""

SEEN = {"strong_id": pl.Int64, "weak_id": pl.Int64, "first_at": pl.Int64}
NAMED = {"persona_id": pl.Int64, "name_hash": pl.Int64}

FACTS = {
    "persona_id": pl.Int64, "type": pl.String, "scope": pl.String, "draw": pl.Int64,
    "role": pl.String, "customer": pl.Int64, "shared": pl.Boolean,
}  # fmt: skip


def weigh(seen: pl.DataFrame, named: pl.DataFrame, made: pl.DataFrame, now: int) -> pl.DataFrame:
    """Store new personas and what speaks for links; the changes of links as LINKS. Must run under `counting.lock`.

    seen    [strong_id, weak_id, first_at], distinct pairs
    named   [persona_id, name_hash], distinct
    made    personas not yet stored, as rows of their table, each its own customer
    """
    if seen.is_empty() and named.is_empty():
        insert("recognition_persona", made)
        return pl.DataFrame(schema=LINKS)
    mentioned = pl.concat(
        [seen.get_column("strong_id"), seen.get_column("weak_id"), named.get_column("persona_id")]
    ).unique()
    facts = pl.concat(
        [_facts(mentioned.filter(~mentioned.is_in(made.get_column("persona_id").implode()))), made.select(*FACTS)]
    )
    stored = facts.filter(~pl.col("persona_id").is_in(made.get_column("persona_id").implode()))
    unshared = facts.filter(~pl.col("shared")).get_column("persona_id")
    seen = seen.filter(pl.col("strong_id").is_in(unshared.implode()) & pl.col("weak_id").is_in(unshared.implode()))
    named = named.filter(pl.col("persona_id").is_in(unshared.implode()))
    fresh, earlier = _compared(seen, stored)
    fresh_names = _unknown_names(named, stored)

    shared = _shared(fresh, fresh_names, facts, stored)
    fresh = fresh.filter(~pl.col("strong_id").is_in(shared.implode()) & ~pl.col("weak_id").is_in(shared.implode()))
    insert("recognition_naming", fresh_names.filter(~pl.col("persona_id").is_in(shared.implode())))
    known_shared = shared.filter(shared.is_in(stored.get_column("persona_id").implode()))
    _mark_shared(known_shared)

    pairs = _with_facts(fresh, facts)
    customers = _customers(pairs)
    held = _held()
    colours = _colours(pairs, made)
    unsure = pl.concat([
        contested(customers, colours),
        customers.filter(pl.col("persona_id").is_in(held.implode())).get_column("customer"),
    ]).unique()  # fmt: skip
    doubtful = customers.filter(pl.col("customer").is_in(unsure.implode())).get_column("persona_id")
    pairs = pairs.with_columns(linked=~pl.col("strong_customer").is_in(doubtful.implode()))
    sure = customers.filter(~pl.col("customer").is_in(unsure.implode()))

    moved = sure.filter(pl.col("persona_id") != pl.col("customer")).select(old="persona_id", new="customer")
    placed = made.join(moved, left_on="customer", right_on="old", how="left", maintain_order="left").with_columns(
        customer=pl.coalesce("new", "customer"), shared=pl.col("persona_id").is_in(shared.implode())
    )
    insert("recognition_persona", placed.select(made.columns))
    _move(moved.filter(pl.col("old").is_in(stored.get_column("customer").implode())))
    insert("recognition_sighting", pairs.select("strong_id", "weak_id", "first_at", "linked"))
    _antedate(earlier)
    links = settling.as_pairs(pairs.filter("linked")).sort("first_at", "persona_a", "persona_b")
    changes = settling.make(links, now, facts)

    open_ = pl.concat(
        [pairs.filter(~pl.col("linked")).get_column("strong_id"), known_shared, _reopened(earlier, facts)]
    )
    if open_.is_empty():
        return changes
    return pl.concat([changes, settling.settle(open_.unique(), now)])


def _facts(personas: pl.Series) -> pl.DataFrame:
    """FACTS of personas in the database."""
    if personas.is_empty():
        return pl.DataFrame(schema=FACTS)
    columns = ", ".join(f"p.{name}" for name in FACTS)
    with staged("mentioned", personas.to_frame("persona_id")):
        return read(
            f"SELECT {columns} FROM mentioned m CROSS JOIN recognition_persona p WHERE p.persona_id = m.persona_id",  # noqa: S608 - names are the program's own
            FACTS,
        )


def _compared(seen: pl.DataFrame, stored: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sightings that are not stored, and stored ones that happened earlier than was known."""
    known = stored.get_column("persona_id").implode()
    possible = seen.filter(pl.col("strong_id").is_in(known) & pl.col("weak_id").is_in(known))
    if possible.is_empty():
        return seen, possible
    with staged("seen", possible.select("strong_id", "weak_id")):
        kept = read(
            "SELECT s.strong_id, s.weak_id, s.first_at FROM seen n CROSS JOIN recognition_sighting s"
            " WHERE s.strong_id = n.strong_id AND s.weak_id = n.weak_id",
            SEEN,
        )
    pair = ["strong_id", "weak_id"]
    earlier = seen.join(kept, on=pair).filter(pl.col("first_at") < pl.col("first_at_right")).select(*SEEN)
    return seen.join(kept, on=pair, how="anti"), earlier


def _unknown_names(named: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Those of [persona_id, name_hash] that are not stored."""
    possible = named.filter(pl.col("persona_id").is_in(stored.get_column("persona_id").implode()))
    if possible.is_empty():
        return named
    with staged("named", possible):
        kept = read(
            "SELECT n.persona_id, n.name_hash FROM named n CROSS JOIN recognition_naming k"
            " WHERE k.persona_id = n.persona_id AND k.name_hash = n.name_hash",
            NAMED,
        )
    return named.join(kept, on=list(NAMED), how="anti")


def _shared(fresh: pl.DataFrame, names: pl.DataFrame, facts: pl.DataFrame, stored: pl.DataFrame) -> pl.Series:
    """Personas that the new evidence shows with more people than one identifier has."""
    user_ids = facts.filter(pl.col("type") == "user_id").select("persona_id", "scope")
    users = pl.concat([
        fresh.select(persona_id=one, user=other).join(user_ids, left_on="user", right_on="persona_id")
        for one, other in (("weak_id", "strong_id"), ("strong_id", "weak_id"))
    ]).group_by("persona_id", "scope").agg(n=pl.len())  # fmt: skip
    by_name = names.group_by("persona_id").agg(n=pl.len())
    known_users, known_names = _counted(users.get_column("persona_id"), by_name.get_column("persona_id"), stored)
    counts = pl.concat(
        [
            pl.concat([users.select("persona_id", "scope", "n"), known_users], how="vertical_relaxed")
            .group_by("persona_id", "scope").agg(pl.col("n").sum()).select("persona_id", "n"),
            pl.concat([by_name.select("persona_id", "n"), known_names], how="vertical_relaxed")
            .group_by("persona_id").agg(pl.col("n").sum()),
        ],
        how="vertical_relaxed",
    )  # fmt: skip
    return counts.filter(pl.col("n") > PEOPLE_OF_ONE_IDENTIFIER).get_column("persona_id").unique()


def _counted(users: pl.Series, names: pl.Series, stored: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """How many people are stored already: [persona_id, scope, n] by user id and [persona_id, n] by name."""
    known = stored.get_column("persona_id").implode()
    by_user = pl.DataFrame(schema={"persona_id": pl.Int64, "scope": pl.String, "n": pl.Int64})
    by_name = pl.DataFrame(schema={"persona_id": pl.Int64, "n": pl.Int64})
    asked = users.filter(users.is_in(known)).unique()
    if asked.len():
        with staged("asked", asked.to_frame("persona_id")):
            by_user = read(
                "SELECT u.persona_id, u.scope, COUNT(*) FROM ("
                "SELECT a.persona_id, p.scope FROM asked a CROSS JOIN recognition_sighting s"
                " CROSS JOIN recognition_persona p"
                " WHERE s.weak_id = a.persona_id AND p.persona_id = s.strong_id AND p.type = 'user_id' UNION ALL "
                "SELECT a.persona_id, p.scope FROM asked a CROSS JOIN recognition_sighting s"
                " CROSS JOIN recognition_persona p"
                " WHERE s.strong_id = a.persona_id AND p.persona_id = s.weak_id AND p.type = 'user_id'"
                ") u GROUP BY u.persona_id, u.scope",
                by_user.schema,
            )
    asked = names.filter(names.is_in(known)).unique()
    if asked.len():
        with staged("asked", asked.to_frame("persona_id")):
            by_name = read(
                "SELECT a.persona_id, COUNT(*) FROM asked a CROSS JOIN recognition_naming k"
                " WHERE k.persona_id = a.persona_id GROUP BY a.persona_id",
                by_name.schema,
            )
    return by_user, by_name


def _mark_shared(personas: pl.Series) -> None:
    """A shared identifier is evidence of nothing: what spoke for it goes."""
    if personas.is_empty():
        return
    with staged("turned", personas.to_frame("persona_id"), key=["persona_id"]):
        execute("UPDATE recognition_persona SET shared = TRUE WHERE persona_id IN (SELECT persona_id FROM turned)")
        execute("DELETE FROM recognition_naming WHERE persona_id IN (SELECT persona_id FROM turned)")
        execute("DELETE FROM recognition_sighting WHERE weak_id IN (SELECT persona_id FROM turned)")
        execute("DELETE FROM recognition_sighting WHERE strong_id IN (SELECT persona_id FROM turned)")


def _with_facts(fresh: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Sightings with the type and customer of both ends."""
    strong = facts.select(strong_id="persona_id", strong="type", strong_customer="customer")
    weak = facts.select(weak_id="persona_id", weak="type", weak_customer="customer")
    return fresh.join(strong, on="strong_id").join(weak, on="weak_id")


def _customers(pairs: pl.DataFrame) -> pl.DataFrame:
    """[persona_id, customer]: each customer concerned, and whose they would be if every pair held."""
    edges = pairs.select(persona_a="strong_customer", persona_b="weak_customer")
    before = pl.concat([edges.get_column("persona_a"), edges.get_column("persona_b")]).unique()
    return grouped(before, edges)


def _held() -> pl.Series:
    """Customers with a sighting that a rule has refused to make a link of."""
    return read(
        "SELECT p.customer FROM recognition_sighting s JOIN recognition_persona p ON p.persona_id = s.strong_id"
        " WHERE NOT s.linked UNION SELECT p.customer FROM recognition_sighting s"
        " JOIN recognition_persona p ON p.persona_id = s.weak_id WHERE NOT s.linked",
        {"customer": pl.Int64},
    ).get_column("customer")


def _colours(pairs: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """What keeps the customers concerned apart, as COLOURS of customers in the place of personas."""
    new = made.filter(pl.col("type") == "user_id").select(
        key=pl.lit("user_id ") + pl.col("scope"), colour="persona_id", persona_id="customer"
    )
    customers = pl.concat([pairs.get_column("strong_customer"), pairs.get_column("weak_customer")]).unique()
    customers = customers.filter(~customers.is_in(made.get_column("persona_id").implode()))
    if customers.is_empty():
        return new
    with staged("concerned", customers.to_frame("customer"), key=["customer"]):
        owners = read(settling.members("concerned"), {"persona_id": pl.Int64, "customer": pl.Int64})
    with staged("holders", owners.select("persona_id"), key=["persona_id"]):
        known = settling.colours_of("holders")
    of_customers = known.join(owners, on="persona_id").select("key", "colour", persona_id="customer")
    return pl.concat([new, of_customers])


def _move(moved: pl.DataFrame) -> None:
    """Give every persona of customer `old` to customer `new`."""
    if moved.is_empty():
        return
    with staged("moved", moved.select(customer="old"), key=["customer"]):
        owners = read(settling.members("moved"), {"persona_id": pl.Int64, "customer": pl.Int64})
    settling.place(owners.join(moved, left_on="customer", right_on="old").select("persona_id", customer="new"))


def _antedate(earlier: pl.DataFrame) -> None:
    """Late arrivals: a sighting happened before the earliest that was known."""
    if earlier.is_empty():
        return
    with staged("earlier", earlier, key=["strong_id", "weak_id"]):
        mine = "e.strong_id = recognition_sighting.strong_id AND e.weak_id = recognition_sighting.weak_id"
        execute(
            f"UPDATE recognition_sighting SET first_at = (SELECT e.first_at FROM earlier e WHERE {mine})"  # noqa: S608 - the program's own text
            f" WHERE EXISTS (SELECT 1 FROM earlier e WHERE {mine})"
        )


def _reopened(earlier: pl.DataFrame, facts: pl.DataFrame) -> pl.Series:
    """Personas of antedated sightings whose customer has a refused one: who came first may have changed."""
    if earlier.is_empty():
        return pl.Series(dtype=pl.Int64)
    ends = pl.concat([earlier.get_column("strong_id"), earlier.get_column("weak_id")]).unique()
    held = _held()
    return facts.filter(
        pl.col("persona_id").is_in(ends.implode()) & pl.col("customer").is_in(held.implode())
    ).get_column("persona_id")
