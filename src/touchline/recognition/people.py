"""In: the tables of identity. Out: who everybody is, now or as it was known, and who is meant by a text.
Writes no interactions."""

from __future__ import annotations

import polars as pl

from touchline.interactions.catalogue import IDENTIFIER_TYPES
from touchline.interactions.row import ROLES
from touchline.kernel.ids import BUCKETS
from touchline.recognition.linking import grouped
from touchline.recognition.normalise import normalised
from touchline.recognition.staging import read, read_numbers, staged

PEOPLE = {
    "persona_id": pl.Int64,
    "customer": pl.Int64,
    "type": pl.String,
    "draw": pl.Int64,
    "bucket": pl.Int16,
    "role": pl.String,
    "shared": pl.Boolean,
}


def people(known_at: int | None = None, *, of: pl.Series | None = None) -> pl.DataFrame:
    """Every persona and its customer, as PEOPLE, by persona_id.

    known_at   microseconds UTC: personas and links as they were known then; `shared` is always today's
    of         only the personas of these customers, as they are now
    """
    if of is not None and of.len() == 1:
        return _unpacked(*_of_one(int(of[0])))
    if of is not None:
        with staged("wanted", of.unique().to_frame("customer"), key=["customer"]):
            return _unpacked(*_of_customers())
    where = "" if known_at is None else f" WHERE created_at <= {int(known_at)}"
    found = read_numbers({"persona_id": "persona_id", "packed": _packed()}, f"recognition_persona{where}")
    if known_at is None:
        linked = read_numbers(
            {"persona_id": "persona_id", "customer": "customer"},
            "recognition_persona WHERE NOT (customer = persona_id)",
        )
    else:
        links = read_numbers(
            {"persona_a": "persona_a", "persona_b": "persona_b"},
            f"recognition_link WHERE from_at <= {int(known_at)} AND (to_at IS NULL OR to_at > {int(known_at)})",
        )
        linked = grouped(pl.concat([links.get_column("persona_a"), links.get_column("persona_b")]).unique(), links)
    return _unpacked(found, linked)


def _packed() -> str:
    """SQL of one number of everything but the id: the fewer numbers, the faster."""
    drawn = f"(CAST(draw AS BIGINT) * {_TYPES} + {_code('type', IDENTIFIER_TYPES)})"
    return f"({drawn} * {_ROLES} + {_code('role', ROLES)}) * 2 + CAST(shared AS INTEGER)"


def _of_customers() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Personas [persona_id, packed] of the customers in the table `wanted`, and [persona_id, customer] of the linked."""
    # CROSS JOIN: SQLite then begins with the few that are wanted.
    numbers = {"persona_id": "persona_id", "packed": _packed()}
    heads = "wanted w CROSS JOIN recognition_persona p WHERE p.persona_id = w.customer AND p.customer = p.persona_id"
    others = (
        "wanted w CROSS JOIN recognition_persona p WHERE p.customer = w.customer AND NOT (p.customer = p.persona_id)"
    )
    linked = read_numbers({**numbers, "customer": "p.customer"}, others)
    found = pl.concat([read_numbers(numbers, heads), linked.drop("customer")])
    return found, linked.drop("packed")


def _of_one(customer: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same of one customer, for whom a table of those wanted would take longer than all the rest."""
    numbers = {"persona_id": "persona_id", "packed": _packed()}
    head = read_numbers(numbers, f"recognition_persona p WHERE p.persona_id = {customer} AND p.customer = p.persona_id")
    others = f"recognition_persona p WHERE p.customer = {customer} AND NOT (p.customer = p.persona_id)"
    linked = read_numbers({**numbers, "customer": "p.customer"}, others)
    return pl.concat([head, linked.drop("customer")]), linked.drop("packed")


def _unpacked(found: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """PEOPLE of personas [persona_id, packed], of whom the linked have another customer than themselves."""
    code = pl.col("packed") // 2
    return (
        found.sort("persona_id")
        .join(linked, on="persona_id", how="left", maintain_order="left")
        .select(
            "persona_id",
            customer=pl.coalesce("customer", "persona_id"),
            type=_names(code // _ROLES % _TYPES, IDENTIFIER_TYPES),
            draw=code // (_ROLES * _TYPES),
            bucket=(code // (_ROLES * _TYPES) % BUCKETS).cast(pl.Int16),
            role=_names(code % _ROLES, ROLES),
            shared=(pl.col("packed") % 2) == 1,
        )
    )


def addresses(personas: pl.Series) -> pl.DataFrame:
    """[persona_id, type, scope, value] of those personas that are known: the one identifier of each, normalised."""
    schema = {"persona_id": pl.Int64, "type": pl.String, "scope": pl.String, "value": pl.String}
    if personas.is_empty():
        return pl.DataFrame(schema=schema)
    with staged("asked", personas.unique().to_frame("persona_id")):
        return read(
            "SELECT p.persona_id, p.type, p.scope, p.value FROM asked a CROSS JOIN recognition_persona p"
            " WHERE p.persona_id = a.persona_id",
            schema,
        ).sort("persona_id")


def find(text: str, region: str | None = None) -> list[int]:
    """Customers whom the text may mean, smallest first: a persona's or customer's id, or an identifier as spelt."""
    stripped = text.strip()
    found: set[int] = set()
    if stripped.isascii() and stripped.isdecimal() and len(stripped) < 19:
        known = read("SELECT customer FROM recognition_persona WHERE persona_id = %s", _CUSTOMER, [int(stripped)])
        found |= set(known.get_column("customer"))
    asked = pl.DataFrame(
        {"type": IDENTIFIER_TYPES, "scope": [""] * len(IDENTIFIER_TYPES), "value": [text] * len(IDENTIFIER_TYPES)}
    )
    good = normalised(asked, region).filter(pl.col("reason").is_null())
    for kind, value in good.select("type", "value_normalised").iter_rows():
        known = read(
            "SELECT customer FROM recognition_persona WHERE value = %s AND type = %s", _CUSTOMER, [value, kind]
        )
        found |= set(known.get_column("customer"))
    return sorted(found)


def identifiers(customers: list[int]) -> pl.DataFrame:
    """Every identifier of the customers: [customer, persona_id, type, scope, value, shared], by persona_id."""
    schema = {
        "customer": pl.Int64, "persona_id": pl.Int64, "type": pl.String,
        "scope": pl.String, "value": pl.String, "shared": pl.Boolean,
    }  # fmt: skip
    if not customers:
        return pl.DataFrame(schema=schema)
    marks = ", ".join(["%s"] * len(customers))
    columns = "customer, persona_id, type, scope, value, shared"
    return read(
        f"SELECT {columns} FROM recognition_persona"  # noqa: S608 - only marks are put in
        f" WHERE customer IN ({marks}) AND NOT (customer = persona_id)"
        f" UNION ALL SELECT {columns} FROM recognition_persona WHERE persona_id IN ({marks}) AND customer = persona_id",
        schema,
        [*customers, *customers],
    ).sort("persona_id")


_CUSTOMER = {"customer": pl.Int64}
_TYPES, _ROLES = 16, 8
"""Powers of two above how many types and roles there are: places in the packed number."""


def _code(column: str, names: tuple[str, ...]) -> str:
    """SQL that gives a closed set's name its number."""
    return f"(CASE {column} " + " ".join(f"WHEN '{name}' THEN {number}" for number, name in enumerate(names)) + " END)"


def _names(code: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
    return code.replace_strict(list(range(len(names))), names, return_dtype=pl.String)
