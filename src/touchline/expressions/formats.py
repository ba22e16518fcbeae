"""In: a format of INSTANT. Out: its parts, or what is wrong with it. Writes no interactions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from zoneinfo import available_timezones

DIRECTIVES: Mapping[str, str] = {
    "Y": "year, four digits",
    "m": "month",
    "d": "day",
    "H": "hour 0 to 23",
    "M": "minute",
    "S": "second",
    "f": "fraction of a second, one to nine digits, cut to microseconds",
    "z": "offset: Z, +hh:mm, +hhmm or +hh",
}
"""What each part means. Those without a number of digits take one or two, or exactly two where parts touch: `%Y%m%d`."""
_PART = re.compile(r"%(.?)|([^%]+)", re.DOTALL)
_LONGEST = 60


def parts(format_: str) -> list[tuple[str, str]]:
    """(directive, '') or ('', literal text), in order; `%%` is a literal %."""
    found = []
    for match in _PART.finditer(format_):
        if match[2] is not None:
            found.append(("", match[2]))
        else:
            found.append(("", "%") if match[1] == "%" else (match[1], ""))
    return found


def touching(format_: str) -> frozenset[str]:
    """The directives with another one right beside them; no text between says where such a number ends."""
    told = [directive for directive, _ in parts(format_)]
    pairs = [pair for pair in pairwise(told) if all(pair)]
    return frozenset(directive for pair in pairs for directive in pair)


@cache
def zones() -> frozenset[str]:
    """The zones of INSTANT: UTC and `Area/Place`; of older names (`WET`) libraries keep different rules."""
    return frozenset(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def has_offset(format_: str) -> bool:
    """Whether the text itself says its offset from UTC."""
    return ("z", "") in parts(format_)


def has_clock(format_: str) -> bool:
    """Whether the format has an hour; without one a date is its local noon."""
    return ("H", "") in parts(format_)


def format_fault(format_: str) -> tuple[str, str] | None:
    """(what, remedy) where the format cannot be read; None where it is well."""
    told = [directive for directive, literal in parts(format_) if not literal]
    known = "; ".join(f"%{key} {means}" for key, means in DIRECTIVES.items())
    unknown = [directive for directive in told if directive not in DIRECTIVES]
    if len(format_) > _LONGEST:
        return f"A format of {len(format_)} characters is too long.", f"At most {_LONGEST}."
    if unknown:
        return f"`%{unknown[0]}` is no part of a format.", f"Parts are: {known}."
    if len(set(told)) < len(told):
        return f"The format '{format_}' names a part twice.", "Each part stands once."
    if not {"Y", "m", "d"} <= set(told):
        return f"The format '{format_}' does not give a date.", "It needs %Y, %m and %d."
    needs = {"M": "H", "S": "M", "f": "S", "z": "H"}
    for part, before in needs.items():
        if part in told and before not in told:
            return f"The format '{format_}' has %{part} without %{before}.", f"Add %{before}, or leave %{part} out."
    if "H" in told and "M" not in told:
        return f"The format '{format_}' has %H without %M.", "Add %M, or leave %H out: a date alone is its local noon."
    return None
