"""In: a workspace and an instant. Out: relationships as of then. Writes snapshots, and no interactions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import playbook
from touchline.expressions import to_frame
from touchline.kernel.engines import MEMORY
from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import column
from touchline.kernel.names import did_you_mean
from touchline.permission import forgetting
from touchline.recognition import people
from touchline.relationship import few, refreshing
from touchline.relationship.deriving import measures_of, slots_of
from touchline.relationship.refreshing import Held
from touchline.workspace import uploads

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

Frame = nw.LazyFrame[Any]

SUMMARY: tuple[str, ...] = (
    "stage", "experience.overall", "experience.n", "care.due", "value.balance", "days_since.bought", "count.bought", "sum.revenue",
)  # fmt: skip
"""Measures that are shown where none is named."""


MOST_FILES = 128
"""Files of the ledger from which laying them together is worth its time: each drain adds one."""


def held(
    workspace: Workspace,
    as_of: int,
    *,
    measures: Collection[str] = (),
    personas: Collection[int] | None = None,
    known_at: int | None = None,
    only: bool = False,
) -> Held:
    """Everything that measures are derived from as of an instant, built on the latest fitting snapshot.

    measures  wanted beside those that the playbook uses; `only` these can be had of it, and it is made the sooner
    Where many rows lay beyond the snapshot and everybody was asked for, a new snapshot is kept for the next time.
    """
    erasures = forgetting.erasures()
    layout = workspace.layout(measures)
    waiting = workspace.awaited(as_of, personas) if known_at is None else None
    found = refreshing.state_at(
        workspace.ledger,
        workspace.snapshots,
        layout,
        workspace.engine,
        as_of,
        known_at=known_at,
        pending=None if waiting is None or waiting.is_empty() else workspace.engine.lazy(waiting),
        personas=personas,
        slots=slots_of(workspace.playbook, layout, measures) if only else None,
    )
    if found.whole and _far(workspace, found):
        _keep(workspace, found, erasures)
    return found


def keep_house(workspace: Workspace) -> None:
    """What the loop does for those who read after it: lay the ledger's many small files together, keep a snapshot, let old uploads go."""
    uploads.expire(workspace.settings)
    if len(workspace.ledger.paths()) > MOST_FILES:
        workspace.ledger.maintain()
    now, seq, layout = workspace.clock.now(), workspace.ledger.last_seq(), workspace.layout()
    latest = workspace.snapshots.latest(now, seq, layout.digest)
    if seq - (0 if latest is None else latest.key.seq) > refreshing.KEEP_BEYOND:
        erasures = forgetting.erasures()
        found = refreshing.state_at(workspace.ledger, workspace.snapshots, layout, workspace.engine, now)
        _keep(workspace, found, erasures)


def _keep(workspace: Workspace, found: Held, erasures: int) -> None:
    """Keep a snapshot, unless an erasure has begun since before its rows were read: they may hold whoever left."""
    key = refreshing.keep(found, workspace.snapshots)
    if forgetting.erasures() != erasures:
        workspace.snapshots.drop(key)


def _far(workspace: Workspace, found: Held) -> bool:
    return (
        found.seq - (0 if found.base is None else found.base.seq) > refreshing.KEEP_BEYOND
        and found.at <= workspace.clock.now()
    )


def relationships(
    workspace: Workspace, as_of: int, *, measures: Sequence[str] | None = None, customers: Collection[int] | None = None
) -> Frame:
    """`customer`, `draw` and a column a measure; every measure that the layout yields where none is named.

    customers   only these; everybody where None
    """
    if customers is not None and len(set(customers)) <= few.FEW:
        found = _of_few(workspace, as_of, sorted(set(customers)), measures)
        if found is not None:
            return workspace.engine.lazy(found)
    some = workspace.people() if customers is None else people(of=pl.Series(list(customers), dtype=pl.Int64))
    personas = None if customers is None else some["persona_id"].to_list()
    state = held(workspace, as_of, measures=measures or (), personas=personas, only=measures is not None)
    return refreshing.relationships(state, some, workspace.playbook, workspace.engine, wanted=measures)


def _of_few(
    workspace: Workspace, as_of: int, customers: Sequence[int], measures: Sequence[str] | None
) -> pl.DataFrame | None:
    """The same for a few customers, read row by row; None where their rows are too many for that."""
    own = people(of=pl.Series(customers, dtype=pl.Int64))
    layout = workspace.layout(measures or ())
    rows = rows_of_few(workspace, as_of, own, refreshing.columns(layout))
    if rows is None:
        return None
    names = measures_of(workspace.playbook, layout) if measures is None else tuple(dict.fromkeys(measures))
    return few.relationships(rows, own, workspace.playbook, as_of, names)


def rows_of_few(workspace: Workspace, as_of: int, own: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame | None:
    """All rows of a few people [recognition.PEOPLE], those that the ledger will hold included; None where they are too many."""
    personas = own["persona_id"].to_list()
    waiting = workspace.awaited(as_of, personas)  # read before the ledger, so that nothing falls between the two
    engine, buckets = MEMORY, own["bucket"].unique().to_list()
    frame = workspace.ledger.frame(engine, columns, buckets=buckets, occurred_until=as_of, personas=personas)
    kept = engine.collect(frame)
    if kept.height > few.MOST_ROWS:
        return None
    mine = waiting.filter(pl.col("persona_id").is_in(own["persona_id"].implode())).select(columns)
    return pl.concat([kept, mine.filter(~pl.col("id").is_in(kept["id"].implode()))], how="vertical_relaxed")


def table(
    workspace: Workspace,
    as_of: int,
    *,
    customer: int | None = None,
    where: str | None = None,
    measures: Sequence[str] | None = None,
) -> pl.DataFrame:
    """`customer` and columns named as the measures, where the condition holds (unknown does not), by customer.

    Raises ExpressionFault for a faulty condition, UnknownName for what is no measure.
    """
    names = workspace.playbook.measures
    for name in measures or ():
        if names.type_of(name) is None:
            raise UnknownName(f"measure {name!r}", remedy=did_you_mean(name, names.known()))
    condition = None if where is None else playbook.condition(where, workspace.playbook)
    shown = list(measures) if measures is not None else list(measures_of(workspace.playbook, workspace.layout()))
    wanted = list(dict.fromkeys([*shown, *(condition.names if condition is not None else ())]))
    frame = relationships(workspace, as_of, measures=wanted, customers=None if customer is None else [customer])
    if condition is not None:
        # A condition that names no measure is one value, which a filter would not take.
        frame = frame.filter(to_frame(condition) & (nw.col("customer") >= 0))
    collected = workspace.engine.collect(frame.select("customer", *(column(name) for name in shown)))
    return collected.rename({column(name): name for name in shown}).sort("customer")


def askable(workspace: Workspace) -> tuple[str, ...]:
    """The measures that `touchline sql` offers: all that the playbook's states yield."""
    return measures_of(workspace.playbook, workspace.layout())
