"""In: one customer who is there. Out: everything that deciding for them and speaking to them asks, read once. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from touchline import permission, recognition
from touchline.kernel.measures import measure
from touchline.relationship import few, refreshing
from touchline.workspace import carrying, states
from touchline.workspace.profiles import Traits, profiles, traits_of

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

_BESIDE = ("kind", "payload", *permission.ROWS)


@dataclass(frozen=True)
class Present:
    """One customer, as of now.

    personas  theirs, the customer's own first
    facts     a row as `states.relationships` has it; none for somebody of whom nothing but a name is known, or who is no customer
    traits    what they told of themselves
    consents  every row of theirs [permission.ROWS] that permission knows of; None where they are too many to be read
    """

    customer: int
    personas: tuple[int, ...]
    facts: pl.DataFrame
    traits: Traits
    consents: pl.DataFrame | None = None

    def known(self) -> carrying.Known:
        """The same as words ask for it."""
        facts = {}
        if self.facts.height:
            row = self.facts.row(0, named=True)
            facts[self.customer] = {
                measure(name): value for name, value in row.items() if name not in ("customer", "draw")
            }
        return carrying.Known(
            owners=dict.fromkeys(self.personas, self.customer), facts=facts, profiles={self.customer: self.traits}
        )


def present(workspace: Workspace, customer: int, measures: Collection[str], now: int) -> Present | None:
    """The customer with these measures; None where there is nobody of that number."""
    people = recognition.people(of=pl.Series([customer], dtype=pl.Int64))
    if people.is_empty():
        return None
    personas, names = tuple(people["persona_id"]), sorted(set(measures))
    columns = tuple(dict.fromkeys((*refreshing.columns(workspace.layout(names)), *_BESIDE)))
    rows = states.rows_of_few(workspace, now, people, columns)
    if rows is None:  # somebody with very many rows, whom the frames read sooner
        frame = workspace.relationships(now, measures=names, customers=[customer])
        found = workspace.engine.collect(frame)
        return Present(customer, personas, found, profiles(workspace, [customer]).get(customer, {}))
    facts = few.relationships(rows, people, workspace.playbook, now, names)
    told = rows.filter((pl.col("kind") == "identified") & pl.col("payload").is_not_null()).sort("occurred_at")
    traits: Traits = {}
    for payload in told["payload"]:
        traits.update(traits_of(payload))
    consents = rows.filter(pl.col("kind").is_in(permission.KINDS)).select(
        pl.col(n).cast(t) for n, t in permission.ROWS.items()
    )
    return Present(customer, personas, facts, traits, consents)
