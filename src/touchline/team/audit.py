"""In: who did what to what. Out: one row each, and the latest of them. Writes no interactions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.apps import apps

from touchline.team.actors import Actor

if TYPE_CHECKING:
    from touchline.team.models import Entry

LONGEST_ABOUT = 200
MOST = 500
"""Entries that are handed over at once."""


def record(actor: Actor, operation: str, about: str = "", details: Mapping[str, object] | None = None) -> None:
    """Add one entry, inside the caller's transaction where there is one.

    about, details  say what was done to what, without personal data: numbers, names of conversations, counts
    """
    _entries().create(
        at=now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:120],
        operation=operation,
        about=about[:LONGEST_ABOUT],
        details=dict(details or {}),
    )


def entries(
    *,
    operation: str | None = None,
    about: str | None = None,
    actor_kind: str | None = None,
    actor_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """The latest entries, newest first; `before` is the id of the last one that was seen, for the next page.

    operation  a verb (`people.merge`), or a group of them with a dot at the end (`people.`)
    """
    found = _entries().order_by("-id")
    if operation is not None:
        found = (
            found.filter(operation__startswith=operation)
            if operation.endswith(".")
            else found.filter(operation=operation)
        )
    if about is not None:
        found = found.filter(about=about)
    if actor_kind is not None:
        found = found.filter(actor_kind=actor_kind)
    if actor_id is not None:
        found = found.filter(actor_id=actor_id)
    if before is not None:
        found = found.filter(id__lt=before)
    return list(found[: max(1, min(limit, MOST))])


def now() -> int:
    """Microseconds UTC of the machine: when somebody really did it, whatever a rehearsed world's clock says."""
    return time.time_ns() // 1000


def _entries() -> Any:
    # Asked for by name, so that this room can be imported before Django has started, as all others can.
    return apps.get_model("team", "Entry").objects
