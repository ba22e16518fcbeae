"""In: playbook/gifts.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, RootModel, WithJsonSchema

from touchline.playbook.authored.words import Authored, Name, Note, shown, wrong


def _date(value: str) -> str:
    try:
        known = date.fromisoformat(value) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) else None
    except ValueError:
        known = None
    if known is None or not 1970 <= known.year <= 2999:
        raise wrong(f"{shown(value)} is not a date.", "Write it as `2027-12-31`.")
    return value


def _codes_file(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.(txt|csv)", value):
        raise wrong(
            f"{shown(value)} is not the name of a file of codes.",
            "Name a `.txt` file inside playbook/ by letters, digits, `.`, `-` and `_`.",
        )
    return value


Date = Annotated[str, AfterValidator(_date), WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"})]
CodesFile = Annotated[str, Field(max_length=200), AfterValidator(_codes_file)]
Money = Annotated[float, Field(ge=0, le=1e9)]


class Pool(Authored):
    """Codes of one sort, to be given away one by one."""

    file: CodesFile
    """The codes, one a line, in a file inside playbook/."""
    worth: Money
    """Money that one code is worth, in major units."""
    budget: Money | None = None
    """Money that all codes given may be worth together; left out: all that there are."""
    expires: Date | None = None
    """The last day on which a code is given, in the organisation's zone; left out: no last day."""
    note: Note = ""
    """For the authors."""


class Gifts(RootModel[Annotated[dict[Name, Pool], Field(max_length=200)]]):
    """Pools of codes by name."""
