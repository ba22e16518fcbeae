"""In: finished rows. Out: the ledger with them, numbered. Writes whatever it is given."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from touchline.intake.rows import Draft, joined, table
from touchline.intake.turns import turn
from touchline.ledger import AnyLedger
from touchline.recognition.counting import reserve


def append(
    drafts: Sequence[Draft], ledger: AnyLedger, batch: int, *, transaction: tuple[str, int] | None = None
) -> bool:
    """Number the rows in their order and commit them; False, and nothing written, where the transaction is there already."""
    draft = joined(list(drafts))
    with turn():
        first = reserve("seq", draft.frame.height)
        numbers = pl.int_range(first, first + draft.frame.height, dtype=pl.Int64, eager=True)
        return ledger.append(
            table(Draft(draft.frame.with_columns(numbers.alias("seq")), {**draft.fixed, "batch": batch})),
            transaction=transaction,
        )
