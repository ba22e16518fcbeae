"""In: a few customers' ledger rows, who they are, an instant. Out: their relationships, each worked out row by row. Writes no interactions.

For one customer the frames take longer to plan than the plain reading of their rows takes. `reference` is that reading, and
property tests hold it equal to the frames on every engine, so that it may answer in their place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import column
from touchline.kernel.names import did_you_mean
from touchline.playbook.compiled import Playbook
from touchline.relationship.combining import CUSTOMER_ROLES
from touchline.relationship.deriving import TYPES
from touchline.relationship.reference import Evaluator, Persona

FEW = 200
"""Customers up to whom this is the quicker way."""

MOST_ROWS = 20_000
"""Rows of them all, likewise."""


def relationships(
    rows: pl.DataFrame, people: pl.DataFrame, playbook: Playbook, at: int, wanted: Sequence[str]
) -> pl.DataFrame:
    """`customer`, `draw` and a column per wanted measure, as `refreshing.relationships` has them; by customer.

    rows    of the ledger and those that it will hold, of all their personas; later ones and machine activity count nothing
    people  recognition's, of these customers
    Raises UnknownName for what is no measure.
    """
    types: dict[str, Any] = {"customer": nw.Int64, "draw": nw.Int64}
    for name in wanted:
        type_ = playbook.measures.type_of(name)
        if type_ is None:
            raise UnknownName(f"measure {name!r}", remedy=did_you_mean(name, playbook.measures.known()))
        types[column(name)] = TYPES[type_]
    schema = nw.Schema(types).to_polars()
    mine: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.filter(~pl.col("machine"), pl.col("occurred_at") <= at).iter_rows(named=True):
        mine[row["persona_id"]].append(row)
    told = []
    for (customer,), own in people.partition_by("customer", as_dict=True).items():
        head = own.row(by_predicate=pl.col("persona_id") == customer, named=True)
        acts = [row for persona in own["persona_id"] for row in mine[persona]]
        if head["role"] not in CUSTOMER_ROLES or not acts:
            continue
        personas = [Persona(*row) for row in own.select("persona_id", "type", "draw").iter_rows()]
        evaluator = Evaluator(acts, personas, playbook, at)
        values = {column(name): _as(evaluator.measure(name), schema[column(name)]) for name in wanted}
        told.append({"customer": customer, "draw": head["draw"], **values})
    return pl.DataFrame(told, schema=schema).sort("customer")


def _as(value: Any, dtype: Any) -> Any:
    """A measure as its column has it: counts that the reading gives as integers are numbers there, and the other way round."""
    if value is None or isinstance(value, bool | str):
        return value
    return float(value) if dtype == pl.Float64 else int(value)
