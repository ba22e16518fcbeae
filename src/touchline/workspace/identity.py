"""In: customers to put together or personas to part. Out: who is then who. Writes `linked` and `unlinked` rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import recognition
from touchline.intake import buffer
from touchline.kernel.errors import IdentityFault, UnknownName
from touchline.recognition.normalise import normalised
from touchline.workspace import acting

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


def merge(workspace: Workspace, customers: Sequence[int], *, why: str, actor: str) -> dict[str, Any]:
    """Make the customers one. The links and the rows that tell of them are one transaction."""
    now = workspace.clock.now()
    if len(set(customers)) < 2:
        raise IdentityFault(
            f"all of them are customer {customers[0]} already",
            remedy="`touchline explain` shows a customer's personas; name two different customers.",
        )
    with transaction.atomic():
        rows = recognition.merge(customers, actor, why, now=now)
        buffer.accept_rows(rows, received_at=now)
        acting.note(f"customer {min(customers)}", merged=sorted(set(customers)))
    workspace.catch_up()
    return {"customer": workspace.customer(str(min(customers))), "merged": sorted(set(customers)), "links": rows.height}


def split(workspace: Workspace, ids: Sequence[str], *, why: str, actor: str) -> dict[str, Any]:
    """Part personas from their customer, by persona number or by the identifier that is theirs alone."""
    now = workspace.clock.now()
    personas = [_persona(workspace, text) for text in ids]
    before = workspace.people()
    touched = set(before.filter(before["persona_id"].is_in(personas))["customer"].to_list())
    whole = before.filter(before["customer"].is_in(list(touched)))["persona_id"]
    with transaction.atomic():
        rows = recognition.split(personas, actor, why, now=now)
        buffer.accept_rows(rows, received_at=now)
        acting.note(f"customer {min(touched)}", personas=sorted(personas))
    workspace.catch_up()
    after = workspace.people()
    customers = after.filter(after["persona_id"].is_in(whole.implode()))["customer"].unique().sort().to_list()
    return {"customers": customers, "links": rows.height}


def _persona(workspace: Workspace, text: str) -> int:
    """The persona of a number or of an identifier; a customer's number is that of its oldest persona."""
    customer = workspace.customer(text)
    known = recognition.identifiers([customer])
    number = int(text) if text.isascii() and text.isdecimal() else None
    if number is not None and number in known["persona_id"]:
        return number
    asked = known.select("persona_id", "type", "scope", told="value").with_columns(value=pl.lit(text))
    spelt = normalised(asked, workspace.playbook.organisation.country)
    mine = spelt.filter(pl.col("value_normalised") == pl.col("told"))["persona_id"].to_list()
    if len(mine) != 1:
        raise UnknownName(
            f"persona {text[:80]!r}", remedy="Name the persona by number; `touchline explain` shows them."
        )
    return int(mine[0])
