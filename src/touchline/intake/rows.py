"""In: mapped columns of interactions. Out: rows as the ledger wants them, and what is wrong with which. Writes every kind that a mapping names.

Here, and nowhere else, the catalogue is applied: what a kind requires, its default reading and points, and the bounds
of every column. A row that breaks one is a fault with a word; no other row notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import pyarrow as pa

from touchline.intake.casting import Faults, parted
from touchline.interactions import row
from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES, VERSION
from touchline.kernel.times import DAY, parse_instant
from touchline.kernel.types import Value
from touchline.playbook.compiled import Playbook

EARLIEST = parse_instant("1900-01-01T00:00:00Z")
LATEST = parse_instant("2200-01-01T00:00:00Z")
WORD_LIMIT = 512
"""Characters of every text column but `text`, `payload` and `evidence`, which hold 32 KB."""
EVENT = "event."
NOT_ABOUT = "none"
"""What `about` says of an answer that judges the relationship as a whole; the row then holds NULL."""

_LONG = ("text", "payload", "evidence")
_MONEY = {"revenue": "revenue_minor", "cost": "cost_minor"}
_MESSAGES = ("sent", "delivered", "failed", "called", "opened", "clicked")
_SMALL = {"step": (0, 2**15 - 1)}
_ABOUT = r"^(interaction:[^\x1f]+|episode:[^\x1f]+|touchpoint:[^\x1f]+)$"
_LARGEST = 2.0**53

DTYPES: dict[str, pl.DataType] = {
    c.name: {
        pa.int64(): pl.Int64(), pa.int16(): pl.Int16(), pa.string(): pl.String(),
        pa.float32(): pl.Float32(), pa.float64(): pl.Float64(), pa.bool_(): pl.Boolean(),
    }[c.type]
    for c in row.COLUMNS
}  # fmt: skip
"""Ledger column -> its Polars type."""


@dataclass(frozen=True)
class Terms:
    """What holds for all rows of one batch.

    playbook      that maps them; its digest goes into each row
    source        import name, `segment`, …
    received_at   when they were learned of, microseconds UTC
    """

    playbook: Playbook
    source: str
    received_at: int

    @cached_property
    def channel_of(self) -> dict[str, str]:
        """Touchpoint -> channel."""
        return {name: point.channel for name, point in self.playbook.touchpoints.items()}


@dataclass(frozen=True)
class Draft:
    """Rows on their way to the ledger.

    frame   columns that differ from row to row; beside the ledger's: `row_number`, `line_number` and the caller's own `__` ones
    fixed   columns that are the same in all of them
    """

    frame: pl.DataFrame
    fixed: Mapping[str, Value]

    def column(self, name: str) -> pl.Expr | None:
        """The column, also a fixed one; None where the draft has it not, or it is NULL throughout."""
        if name in self.frame.columns:
            return None if self.frame.schema[name] == pl.Null else pl.col(name)
        value = self.fixed.get(name)
        return None if value is None else pl.lit(value)

    def varies(self, name: str) -> bool:
        """Whether the column differs from row to row."""
        return name in self.frame.columns

    def values(self, name: str) -> list[Value]:
        """The distinct values of the column, without NULL."""
        if self.varies(name):
            return self.frame[name].drop_nulls().unique().to_list()
        value = self.fixed.get(name)
        return [] if value is None else [value]


def finish(draft: Draft, terms: Terms) -> tuple[Draft, pl.DataFrame]:
    """(the sound rows with every default and bound applied, rejects.SCHEMA rows of the others).

    `revenue` and `cost` in major units become minor ones, half cents away from zero. Rows have then every ledger
    column but seq, id, persona_id, bucket and batch, and the `about_` columns as far as the row tells them itself.
    """
    draft = _in_types(draft, terms.playbook.organisation.minor_units)
    frame, rejected = parted(draft.frame, _faults(draft, terms))
    return _completed(Draft(frame, draft.fixed), terms), rejected


def minor(amount: pl.Expr, units: int) -> pl.Expr:
    """Major units as int64 minor units, halves away from zero.

    1.005 is 100.49999999999999 in binary; the tiny push, far below any amount's last digit, restores what was written.
    """
    scaled = amount.abs() * float(units)
    whole = (scaled * (1 + 1e-15) + 0.5).floor()
    return (pl.when(amount < 0).then(-whole).otherwise(whole)).cast(pl.Int64, strict=False)


def _in_types(draft: Draft, units: int) -> Draft:
    changed, fixed = [], dict(draft.fixed)
    for name in draft.frame.columns:
        if name in _MONEY:
            changed.append(minor(pl.col(name).cast(pl.Float64), units).alias(_MONEY[name]))
        elif name in DTYPES and draft.frame.schema[name] != DTYPES[name] and name not in _SMALL:
            changed.append(pl.col(name).cast(DTYPES[name], strict=False))
    for name, minor_name in _MONEY.items():
        if isinstance(amount := fixed.pop(name, None), int | float):
            fixed[minor_name] = pl.select(minor(pl.lit(float(amount)), units)).item()
    return Draft(draft.frame.with_columns(changed), fixed)


def _faults(draft: Draft, terms: Terms) -> Faults:
    faults: Faults = []
    kind = draft.column("kind")
    faults.append(
        ("unknown_kind", "kind", pl.lit(value=True) if kind is None else kind.is_null() | ~kind.is_in(list(KINDS)))
    )
    faults += _of_times(draft, terms.received_at)
    known = {
        "touchpoint": ("unknown_touchpoint", list(terms.playbook.touchpoints)),
        "channel": ("unknown_channel", list(CHANNELS)),
        "purpose": ("unknown_purpose", list(PURPOSES)),
        "episode_type": ("unknown_episode_type", list(terms.playbook.episodes)),
    }
    for name, (reason, names) in known.items():
        if set(draft.values(name)) - set(names):
            faults.append((reason, name, ~_sure(draft, name).is_in(names)))
    faults += _of_numbers(draft)
    faults += _of_texts(draft)
    faults += _required(draft)
    about = draft.column("about")
    if about is not None:
        named = about.str.strip_prefix("touchpoint:")
        strange = about.str.starts_with("touchpoint:") & ~named.is_in(list(terms.playbook.touchpoints))
        faults.append(("unknown_target", "about", ~about.str.contains(_ABOUT) & (about != NOT_ABOUT) | strange))
    return faults


def _of_times(draft: Draft, received_at: int) -> Faults:
    at = draft.column("occurred_at")
    if at is None:
        return [("bad_time", "occurred_at", pl.lit(value=True))]
    faults: Faults = [
        ("bad_time", "occurred_at", at.is_null()),
        ("time_before_1900", "occurred_at", at < EARLIEST),
        ("time_in_future", "occurred_at", at > received_at + DAY),
    ]
    for name in ("term_start", "renewal_at"):
        if (time := draft.column(name)) is not None:
            faults.append(("bad_time", name, ~time.is_between(EARLIEST, LATEST)))
    return faults


def _of_numbers(draft: Draft) -> Faults:
    faults: Faults = []
    for name, told in _MONEY.items():
        minor_name = told
        if (amount := draft.column(minor_name)) is not None and draft.varies(minor_name):
            lost = amount.is_null() & pl.col(name).is_not_null() if name in draft.frame.columns else pl.lit(value=False)
            faults.append(("amount_too_large", name, lost | (amount.cast(pl.Float64).abs() > _LARGEST)))
    revenue, kinds = draft.column("revenue_minor"), draft.values("kind")
    if revenue is not None:
        kind = _sure(draft, "kind")
        if "bought" in kinds:
            faults.append(("negative_revenue", "revenue", (kind == "bought") & (revenue < 0)))
        if "refunded" in kinds:
            faults.append(("positive_refund", "revenue", (kind == "refunded") & (revenue > 0)))
    for name in (*row.READINGS, "given", "asked", "answer"):
        if (number := draft.column(name)) is None:
            continue
        if draft.varies(name):
            faults.append(("not_finite", name, ~number.is_finite()))
        if name in row.READINGS:
            faults.append(("reading_out_of_range", name, ~number.is_between(-1, 1)))
    for name, (least, most) in _SMALL.items():
        if (number := draft.column(name)) is not None:
            faults.append(("number_too_large", name, ~number.is_between(least, most)))
    return faults


def _of_texts(draft: Draft) -> Faults:
    faults: Faults = []
    for name, kind in DTYPES.items():
        if (
            kind != pl.String
            or not draft.varies(name)
            or name in ("kind", "touchpoint", "channel", "purpose", "episode_type")
        ):
            continue
        size = pl.col(name).str.len_bytes()
        if name in _LONG:
            faults.append(("too_long", name, size > row.TEXT_LIMIT))
        else:
            # Bytes first: they are known without looking at the text, and characters are no more than bytes.
            faults.append(("too_long", name, (size > WORD_LIMIT) & (pl.col(name).str.len_chars() > WORD_LIMIT)))
    return faults


def _required(draft: Draft) -> Faults:
    faults: Faults = []
    kind = _sure(draft, "kind")
    for name in draft.values("kind"):
        for wanted in KINDS[str(name)].requires if name in KINDS else ():
            columns = [column for one in wanted.split("|") if (column := draft.column(one)) is not None]
            missing = pl.all_horizontal([column.is_null() for column in columns]) if columns else pl.lit(value=True)
            if columns and not any(draft.varies(one) for one in wanted.split("|")):
                continue
            faults.append(("missing_value", wanted.replace("|", " or "), (kind == name) & missing))
    return faults


def _sure(draft: Draft, name: str) -> pl.Expr:
    column = draft.column(name)
    return pl.lit(None, DTYPES[name]) if column is None else column


def _completed(draft: Draft, terms: Terms) -> Draft:
    fixed: dict[str, Value] = {
        **draft.fixed, "version": VERSION, "received_at": terms.received_at, "source": terms.source, "digest": terms.playbook.digest,
    }  # fmt: skip
    frame = draft.frame.drop([name for name in _MONEY if name in draft.frame.columns])
    changed = [pl.col(name).cast(DTYPES[name], strict=False) for name in _SMALL if name in frame.columns]
    kinds = [KINDS[str(name)] for name in draft.values("kind") if name in KINDS]
    kind = _sure(draft, "kind")
    usual_of: dict[str, dict[str, float | None]] = {
        "emotional": {k.name: k.emotional for k in kinds},
        "given": {k.name: k.given for k in kinds},
        "asked": {k.name: k.asked for k in kinds},
    }
    for name, defaults in usual_of.items():
        told, wanted = draft.column(name), {k: v for k, v in defaults.items() if v is not None}
        if len(set(defaults.values())) == 1 and (told is None or not draft.varies(name)):
            fixed[name] = draft.fixed.get(name) if told is not None else next(iter(defaults.values()))
            continue
        if not wanted:
            continue
        usual = kind.replace_strict(list(wanted), list(wanted.values()), default=None, return_dtype=pl.Float32)
        changed.append((usual if told is None else pl.coalesce(told, usual)).cast(pl.Float32).alias(name))
    if draft.varies("machine"):
        changed.append(pl.col("machine").fill_null(value=False))
    elif fixed.get("machine") is None:
        fixed["machine"] = False
    if any(k.name in _MESSAGES for k in kinds) and draft.column("touchpoint") is not None:
        channel = _sure(draft, "touchpoint").replace_strict(terms.channel_of, default=None, return_dtype=pl.String)
        of_message = pl.when(kind.is_in(_MESSAGES)).then(channel)
        changed.append(pl.coalesce(_sure(draft, "channel"), of_message).alias("channel"))
        fixed.pop("channel", None)
    about = draft.column("about")
    if about is not None:
        place = about.str.starts_with("touchpoint:")
        changed += [
            pl.when(about != NOT_ABOUT).then(about).alias("about"),
            pl.when(place).then(about.str.strip_prefix("touchpoint:")).alias("about_touchpoint"),
            pl.when(place)
            .then(pl.col("occurred_at") if draft.varies("occurred_at") else pl.lit(fixed["occurred_at"], pl.Int64))
            .alias("about_at"),
        ]
        fixed.pop("about", None)
    # A literal alone would make a frame of one row; every new column here has a frame to follow.
    return Draft(frame.with_columns(changed), {k: v for k, v in fixed.items() if v is not None})


def joined(drafts: list[Draft]) -> Draft:
    """Several drafts as one; what is fixed and equal in all stays fixed."""
    if len(drafts) == 1:
        return drafts[0]
    shared = {
        name: value
        for name, value in drafts[0].fixed.items()
        if all(name in d.fixed and d.fixed[name] == value and type(d.fixed[name]) is type(value) for d in drafts)
    }
    frames = []
    for draft in drafts:
        own = [pl.lit(value, DTYPES[name]).alias(name) for name, value in draft.fixed.items() if name not in shared]
        frames.append(draft.frame.with_columns(own))
    return Draft(pl.concat(frames, how="diagonal_relaxed"), shared)


def table(draft: Draft) -> pa.Table:
    """The rows in row.SCHEMA."""
    height = draft.frame.height
    arrays = []
    for column in row.COLUMNS:
        if column.name in draft.frame.columns:
            array = draft.frame[column.name].cast(DTYPES[column.name]).to_arrow(compat_level=pl.CompatLevel.oldest())
            arrays.append(array.cast(column.type))
        elif (value := draft.fixed.get(column.name)) is not None:
            arrays.append(pa.repeat(pa.scalar(value, column.type), height))
        else:
            arrays.append(pa.nulls(height, column.type))
    return pa.table(arrays, schema=row.SCHEMA)
