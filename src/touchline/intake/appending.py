"""In: finished rows. Out: the ledger with them, numbered. Writes whatever it is given."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from touchline.intake import blocks
from touchline.intake.rows import Draft, joined, table
from touchline.intake.turns import turn
from touchline.ledger import AnyLedger


def append(
    drafts: Sequence[Draft], ledger: AnyLedger, batch: int, *, transaction: tuple[str, int] | None = None
) -> bool:
    """Number the rows in their order and commit them; False, and nothing written, where the transaction is there already."""
    draft = joined(list(drafts))
    with turn():
        first = blocks.reserved(draft.frame.height, batch)
        numbers = pl.int_range(first, first + draft.frame.height, dtype=pl.Int64, eager=True)
        landed = ledger.append(
            table(Draft(draft.frame.with_columns(numbers.alias("seq")), {**draft.fixed, "batch": batch})),
            transaction=transaction,
        )
        if landed:
            blocks.committed(first)
        else:
            blocks.forgotten(first)
        return landed
