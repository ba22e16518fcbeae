"""In: texts of dates, their format and zone. Out: microseconds UTC, as an expression of Polars. Writes no interactions.

Imports always run on Polars, and no other engine says what to do at a change of the clocks; so this one function is not
engine-neutral. One regular expression takes the text apart, arithmetic checks the calendar, and Polars knows the zone.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import narwhals as nw
import polars as pl
from narwhals._expression_parsing import ExprKind, ExprNode

from touchline.expressions.formats import has_offset, parts, touching
from touchline.expressions.functions import FIRST_YEAR, LAST_YEAR, ZONES_SINCE

_PATTERNS = {
    "Y": "(?P<Y>[0-9]{4})",
    "f": "(?P<f>[0-9]{1,9})",
    "z": "(?:Z|(?P<sign>[+-])(?P<zh>[0-9]{2})(?::?(?P<zm>[0-9]{2}))?)",
}


def instant(text: nw.Expr, format_: str, zone: str) -> nw.Expr:
    """Microseconds UTC of the text in that format; NULL where it is no such instant.

    A date alone is its local noon. A local time that the clocks jumped over is NULL; one that they passed twice is the
    earlier. Years outside of 1900 to 2099 are NULL; those before 1970 have the offset with which 1970 began.
    """
    # Narwhals has no public way to add an operation that one engine has; this is how its own methods are added.
    return text._append_node(ExprNode(ExprKind.ELEMENTWISE, _OPERATION, format_=format_, zone=zone))


class _Instant:
    """The operation as Polars has it: `expression.instant_runs_on_polars_only(format_=…, zone=…)`."""

    def __init__(self, text: pl.Expr) -> None:
        self._text = text

    def __call__(self, *, format_: str, zone: str) -> pl.Expr:
        """The text's instant."""
        return _native(self._text, format_, zone)


_OPERATION = "instant_runs_on_polars_only"
"""Another engine's error names the operation that it lacks, so the name says why."""
pl.api.register_expr_namespace(_OPERATION)(_Instant)


def _native(text: pl.Expr, format_: str, zone: str) -> pl.Expr:
    told = parts(format_)
    fixed = touching(format_)
    pattern = "".join(
        _pattern(directive, directive in fixed) if directive else re.escape(literal) for directive, literal in told
    )
    directives = {directive for directive, _ in told}
    found = text.str.extract_groups(rf"\A{pattern}\z")
    # Inside of with_fields the text is taken apart once, however often its parts are read.
    found = found.struct.with_fields(_local(directives).alias("local"))
    if not has_offset(format_):
        found = found.struct.with_fields(_utc(pl.field("local"), zone).alias("local"))
    return found.struct.field("local")


def _utc(local: pl.Expr, zone: str) -> pl.Expr:
    """Microseconds UTC of a zone's local clock."""
    clock = local.cast(pl.Datetime("us")).dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return pl.when(local >= 0).then(clock.cast(pl.Int64)).otherwise(local - _first_offset(zone))


def _first_offset(zone: str) -> int:
    """Microseconds by which the zone's clocks were ahead of UTC when 1970 began there."""
    beginning = datetime(ZONES_SINCE, 1, 1, tzinfo=ZoneInfo(zone))
    return (beginning.utcoffset() or timedelta()) // timedelta(microseconds=1)


def _pattern(directive: str, fixed: bool) -> str:
    return _PATTERNS.get(directive, f"(?P<{directive}>[0-9]{{{2 if fixed else '1,2'}}})")


def _local(directives: set[str]) -> pl.Expr:
    """Microseconds of the local clock, or UTC where the text has its offset; NULL where there is no such time."""

    def part(name: str, absent: int) -> pl.Expr:
        return pl.field(name).cast(pl.Int64) if name in directives else pl.lit(absent, pl.Int64)

    year, month, day = part("Y", 0), part("m", 0), part("d", 0)
    hour, minute, second = part("H", 12), part("M", 0), part("S", 0)
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    february = pl.when(leap).then(29).otherwise(28)
    longest = pl.when(month == 2).then(february).otherwise(pl.when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31))
    real = year.is_between(FIRST_YEAR, LAST_YEAR) & month.is_between(1, 12) & day.is_between(1, longest)
    real &= (hour <= 23) & (minute <= 59) & (second <= 59)
    micros = (_days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000
    if "f" in directives:
        micros += pl.field("f").str.pad_end(6, "0").str.slice(0, 6).cast(pl.Int64)
    if "z" in directives:
        hours, minutes = (pl.field(name).cast(pl.Int64).fill_null(0) for name in ("zh", "zm"))
        east = pl.when(pl.field("sign") == "-").then(-1).otherwise(1)
        micros -= east * (hours * 3_600 + minutes * 60) * 1_000_000
        real &= (hours <= 15) & (minutes <= 59)
    return pl.when(real).then(micros)


def _days(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """Days since 1970-01-01 in the Gregorian calendar, counted from March so that a leap day is a year's last."""
    shifted = (month + 9) % 12
    since = year - (month <= 2).cast(pl.Int64)
    return since * 365 + since // 4 - since // 100 + since // 400 + (shifted * 306 + 5) // 10 + day - 719_469
