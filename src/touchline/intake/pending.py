"""In: what the buffer keeps. Out: the same as ledger rows, so that readers need not wait for a drain. Writes no interactions.

The rows carry what the next drain would give them, but for `seq`, which follows the ledger's last: good for order, not for keeping.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from touchline.intake.buffer import waiting
from touchline.intake.drain import undrained
from touchline.intake.rows import Draft, joined, table
from touchline.interactions import row
from touchline.ledger import AnyLedger
from touchline.playbook.compiled import Playbook


def pending(playbook: Playbook, ledger: AnyLedger, *, received_at: int) -> pa.Table:
    """What is accepted and not in the ledger yet, in row.SCHEMA, batch 0; empty where there is nothing.

    Persons who are new are recognised, as they would be at the drain. Call it before the ledger is read: a drain in between
    then shows its rows twice at worst, which their ids tell, and never not at all.
    """
    before = waiting()
    batch = undrained(playbook, ledger, received_at)
    if waiting() > before:
        # Looking at them found links, whose rows are kept now too; looking again finds no more.
        batch = undrained(playbook, ledger, received_at)
    if batch is None or not batch.rows:
        return row.empty()
    draft = joined(batch.drafts)
    first = ledger.last_seq() + 1
    numbers = pl.int_range(first, first + draft.frame.height, dtype=pl.Int64, eager=True)
    return table(Draft(draft.frame.with_columns(numbers.alias("seq")), {**draft.fixed, "batch": 0}))
