"""In: an identifier as somebody told it, and of which type it is. Out: whose it is. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from touchline.interactions.catalogue import IDENTIFIER_TYPES
from touchline.kernel.errors import UnknownName
from touchline.kernel.ids import BUCKETS
from touchline.kernel.names import did_you_mean
from touchline.recognition.normalise import normalised
from touchline.recognition.staging import read

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

LONGEST = 600
"""Characters of an identifier that are looked at."""


@dataclass(frozen=True)
class Identifier:
    """One identifier, as it was told: `type` is one of IDENTIFIER_TYPES."""

    type: str
    value: str


@dataclass(frozen=True)
class Person:
    """Whose identifier it is.

    persona_id           of the identifier itself; `bucket`, `role`, `type` and `value`, normalised, are this persona's
    customer             whom it belongs to now
    """

    customer: int
    persona_id: int
    bucket: int
    role: str
    type: str
    value: str


def person(workspace: Workspace, told: Identifier) -> Person | None:
    """Whose it is; None where nobody has it, several have, or it is none. Raises UnknownName for an unknown type."""
    if told.type not in IDENTIFIER_TYPES:
        raise UnknownName(f"identifier {told.type[:40]!r}", remedy=did_you_mean(told.type[:40], IDENTIFIER_TYPES))
    if len(told.value) > LONGEST:
        return None
    asked = pl.DataFrame({"type": [told.type], "scope": [""], "value": [told.value]})
    value = normalised(asked, workspace.playbook.organisation.country)["value_normalised"][0]
    if value is None:
        return None
    found = read(
        "SELECT customer, persona_id, draw, role, scope FROM recognition_persona WHERE value = %s AND type = %s",
        {"customer": pl.Int64, "persona_id": pl.Int64, "draw": pl.Int64, "role": pl.String, "scope": pl.String},
        [value, told.type],
    )
    # A name that several systems gave means the organisation's own, where it gave it too.
    own = found.filter(pl.col("scope") == "") if found.height > 1 else found
    if own.height != 1:
        return None
    row = own.row(0, named=True)
    return Person(row["customer"], row["persona_id"], row["draw"] % BUCKETS, row["role"], told.type, value)
