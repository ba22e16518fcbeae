"""In: a misspelt name and the known ones. Out: the nearest known one. Writes no interactions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
"""How names of touchpoints, conversations, policies and the like are written."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a typing slip most likely meant; None where none is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy sentence for an unknown name: the nearest one, or the list of all where it is short."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"Did you mean `{near}`?"
    if names and len(names) <= 12:
        return f"Known here: {', '.join(names)}."
    return f"None of the {len(names)} known names is near it." if names else "No names are known here yet."
