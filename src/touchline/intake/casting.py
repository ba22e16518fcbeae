"""In: columns as read and their declared types. Out: typed columns, and what is wrong with which line. Writes no interactions.

Text is taken as it is, whatever a spreadsheet would make of it. A value that does not fit its type is a fault of its
line and never becomes NULL in silence; an empty one is NULL. Times become int64 microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from touchline.intake.readers import LINE, NUMBER
from touchline.intake.rejects import SCHEMA
from touchline.kernel.ids import SEPARATOR
from touchline.kernel.measures import column
from touchline.kernel.types import Type

Faults = list[tuple[str, str | None, pl.Expr]]
"""(reason, column, boolean: whether the line has it), the first that holds is told."""

KEY = "__key_"
"""Before the name of a key column, whose text is kept as it was read."""

_INTEGER = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_ENDLESS = r"(?i)^[+-]?(nan|inf|infinity)$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_CLOCK = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?"
_ZONE = r"(Z|z|[+-]\d{2}(:?\d{2})?)$"
_TRUE, _FALSE = ["true", "t", "yes", "y", "1"], ["false", "f", "no", "n", "0"]
_NOON = 12 * 3_600_000_000
_MICROS = {"ns": (1, 1000), "us": (1, 1), "ms": (1000, 1)}


@dataclass(frozen=True)
class Typed:
    """A chunk with its types.

    frame     typed columns under their frame names, `row_number`, `line_number`, and `__key_NAME` texts; only sound lines
    rejected  rejects.SCHEMA, one row a line that has a fault
    """

    frame: pl.DataFrame
    rejected: pl.DataFrame


def cast(
    frame: pl.DataFrame,
    types: Mapping[str, str],
    key: Sequence[str],
    zone: str | None,
    *,
    zone_of_dates: str | None = None,
) -> Typed:
    """The chunk's columns as their declared types.

    zone            of times that carry none; without it they are refused
    zone_of_dates   of dates without a clock, where `zone` is None
    """
    values: list[pl.Expr] = []
    faults: Faults = []
    for name, told in types.items():
        value, wrong = _typed(name, Type(told), frame.schema[name], zone, zone_of_dates)
        values.append(value.alias(column(name)))
        faults += wrong
    texts = [_as_read(name, frame.schema[name]) for name in key]
    faults += [
        ("separator_character", name, text.str.contains(SEPARATOR, literal=True))
        for name, text in zip(key, texts, strict=True)
    ]
    values += [text.fill_null("").alias(f"{KEY}{name}") for name, text in zip(key, texts, strict=True)]
    sound, rejected = parted(frame, faults)
    numbered = [pl.col(name) for name in (NUMBER, LINE) if name not in types]
    return Typed(sound.select(*values, *numbered), rejected)


def parted(frame: pl.DataFrame, faults: Faults) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(lines without a fault, rejects of the others); looks for reasons only where there is one."""
    if not faults or frame.is_empty():
        return frame, pl.DataFrame(schema=SCHEMA)
    bad = frame.select(pl.any_horizontal([fault.fill_null(value=False) for _, _, fault in faults])).to_series()
    if not bad.any():
        return frame, pl.DataFrame(schema=SCHEMA)
    first = pl.coalesce([pl.when(fault).then(pl.lit(i, pl.Int32)) for i, (_, _, fault) in enumerate(faults)])
    reasons = pl.Series([reason for reason, _, _ in faults], dtype=pl.String)
    columns = pl.Series([name for _, name, _ in faults], dtype=pl.String)
    told = frame.filter(bad).select(NUMBER, LINE, first.alias("which"))
    which = told["which"]
    rejected = told.select(
        pl.col(NUMBER),
        pl.col(LINE).alias("line"),
        reasons.gather(which).alias("reason"),
        columns.gather(which).alias("column"),
    )
    return frame.filter(~bad), rejected.cast(pl.Schema(SCHEMA))


def _as_read(name: str, kind: pl.DataType) -> pl.Expr:
    """A key column's text: as it stands in a text file, else as Polars writes the value."""
    return pl.col(name) if kind == pl.String else pl.col(name).cast(pl.String)


def _typed(
    name: str, told: Type, kind: pl.DataType, zone: str | None, zone_of_dates: str | None
) -> tuple[pl.Expr, Faults]:
    value = pl.col(name)
    if kind in (pl.Categorical, pl.Enum):
        value, kind = value.cast(pl.String), pl.String()
    if kind == pl.Null:
        return value.cast(_FRAME[told]), []
    if told is Type.TEXT:
        text = value.cast(pl.String)
        # The readers of text have refused U+0000 already; Parquet may hold anything.
        return text, [("null_character", name, text.str.contains("\x00", literal=True))] if kind == pl.String else []
    if told is Type.INTEGER:
        return _integer(name, value, kind)
    if told is Type.NUMBER:
        return _number(name, value, kind)
    if told is Type.BOOLEAN:
        return _boolean(name, value, kind)
    return _time(name, value, kind, zone, zone_of_dates)


_FRAME: dict[Type, pl.DataType] = {
    Type.TEXT: pl.String(), Type.INTEGER: pl.Int64(), Type.NUMBER: pl.Float64(), Type.BOOLEAN: pl.Boolean(), Type.TIME: pl.Int64(),
}  # fmt: skip


def _integer(name: str, value: pl.Expr, kind: pl.DataType) -> tuple[pl.Expr, Faults]:
    if kind.is_integer():
        whole = value.cast(pl.Int64, strict=False)
        return whole, [("bad_integer", name, value.is_not_null() & whole.is_null())]
    if kind.is_float() or kind.is_decimal():
        number = value.cast(pl.Float64)
        fits = number.is_finite() & (number == number.floor()) & (number.abs() < 2.0**53)
        return pl.when(fits).then(number).cast(pl.Int64), [("bad_integer", name, value.is_not_null() & ~fits)]
    if kind == pl.String:
        text = value.str.strip_chars()
        whole = pl.when(text.str.contains(_INTEGER)).then(text.str.strip_prefix("+")).cast(pl.Int64, strict=False)
        return whole, [("bad_integer", name, (text != "") & whole.is_null())]
    return value.cast(pl.Int64, strict=False), [("bad_integer", name, value.is_not_null())]


def _number(name: str, value: pl.Expr, kind: pl.DataType) -> tuple[pl.Expr, Faults]:
    if kind == pl.String:
        text = value.str.strip_chars()
        endless = text.str.contains(_ENDLESS)
        number = pl.when(text.str.contains(_NUMBER)).then(text).cast(pl.Float64, strict=False)
        return number, [
            ("not_finite", name, endless | number.is_infinite()),
            ("bad_number", name, (text != "") & number.is_null()),
        ]
    number = value.cast(pl.Float64, strict=False)
    if kind.is_float():
        return number, [("not_finite", name, ~number.is_finite())]
    if kind.is_numeric():
        return number, []
    return number, [("bad_number", name, value.is_not_null())]


def _boolean(name: str, value: pl.Expr, kind: pl.DataType) -> tuple[pl.Expr, Faults]:
    if kind == pl.Boolean:
        return value, []
    text = value.cast(pl.String).str.strip_chars().str.to_lowercase()
    truth = pl.when(text.is_in(_TRUE)).then(pl.lit(value=True)).when(text.is_in(_FALSE)).then(pl.lit(value=False))
    return truth, [("bad_boolean", name, (text != "") & truth.is_null())]


def _time(
    name: str, value: pl.Expr, kind: pl.DataType, zone: str | None, zone_of_dates: str | None
) -> tuple[pl.Expr, Faults]:
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            times, over = _MICROS[kind.time_unit]
            return value.to_physical() * times // over, []
        if zone is None:
            return value.to_physical(), [("naive_time", name, value.is_not_null())]
        local = _placed(value.cast(pl.Datetime("us")), zone)
        return local, [("bad_time", name, value.is_not_null() & local.is_null())]
    if kind == pl.Date:
        place = zone or zone_of_dates
        if place is None:
            return value.to_physical().cast(pl.Int64), [("naive_time", name, value.is_not_null())]
        local = _placed(value.cast(pl.Datetime("us")) + pl.duration(hours=12), place)
        return local, [("bad_time", name, value.is_not_null() & local.is_null())]
    if kind == pl.String:
        return _time_of_text(name, value.str.strip_chars(), zone, zone_of_dates)
    return value.cast(pl.Int64, strict=False), [("bad_time", name, value.is_not_null())]


def _time_of_text(name: str, text: pl.Expr, zone: str | None, zone_of_dates: str | None) -> tuple[pl.Expr, Faults]:
    """ISO 8601: a date (its local noon), or date and clock with `Z`, an offset, or the mapping's zone."""
    dated = text.str.contains(_DATE)
    clocked = text.str.contains(f"{_CLOCK}({_ZONE[:-1]})?$")
    offset = pl.when(clocked).then(text.str.extract(_ZONE))
    digits = offset.str.replace_all(r"[^0-9]", "").str.pad_end(4, "0")
    minutes = digits.str.slice(0, 2).cast(pl.Int64, strict=False).fill_null(0) * 60 + digits.str.slice(2, 2).cast(
        pl.Int64, strict=False
    ).fill_null(0)
    away = pl.when(offset.str.starts_with("-")).then(-minutes).otherwise(minutes) * 60_000_000
    clock = text.str.extract(f"({_CLOCK})").str.replace(" ", "T").str.replace(",", ".")
    whole, part = (
        clock.str.slice(0, 19),
        clock.str.extract(r"\.(\d+)").str.slice(0, 6).str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0),
    )
    seconds = pl.when(whole.str.len_bytes() == 16).then(whole + ":00").otherwise(whole)
    stamp = pl.when(clocked).then(
        seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False, time_unit="us")
    ) + part * pl.duration(microseconds=1)
    noon = pl.when(dated).then(text.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")) + pl.duration(
        microseconds=_NOON
    )
    told = pl.when(offset.is_not_null()).then(stamp.to_physical() - away)
    instant: pl.Expr = told
    refused: pl.Expr = pl.lit(value=False)
    for naive, form, place in ((stamp, clocked & offset.is_null(), zone), (noon, dated, zone or zone_of_dates)):
        if place is None:
            refused |= form
        else:
            instant = pl.coalesce(instant, _placed(pl.when(form).then(naive), place))
    return instant, [("naive_time", name, refused), ("bad_time", name, (text != "") & instant.is_null())]


def _placed(naive: pl.Expr, zone: str) -> pl.Expr:
    """Local times as instants: of two the earlier; one that the clocks skipped does not exist and is NULL."""
    return naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").to_physical()
