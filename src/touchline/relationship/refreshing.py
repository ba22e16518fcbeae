"""In: a ledger, its snapshots, an instant. Out: every relationship as of then. Writes no interactions.

State at A is the latest snapshot (S, T) with T ≤ A, merged with the fold of the rows with occurred_at ≤ A and
(seq > S or occurred_at > T). It equals a rebuild from nothing; a standing property test holds it to that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import narwhals as nw
import polars as pl

from touchline.kernel.engines import MEMORY, Engine
from touchline.kernel.ids import BUCKETS
from touchline.ledger.snapshots import SnapshotKey
from touchline.playbook.compiled import Playbook
from touchline.relationship import folding, slices
from touchline.relationship.combining import combine, of_customers
from touchline.relationship.deriving import derive, measures_of, slots_of
from touchline.relationship.folding import State, moved
from touchline.relationship.layout import Layout
from touchline.relationship.scores import ScoreTable, latest

Frame = nw.LazyFrame[Any]

STATE, SLICE = "state", "slice"
"""Tables of a snapshot."""

AT_ONCE = 1_000_000
"""Rows that are held and folded in one piece; more are folded bucket by bucket."""

KEEP_BEYOND = 500_000
"""Rows beyond the latest snapshot from which a new one is worth keeping, so that all columns are folded."""

_FARTHEST = 256
"""Half-lives that a snapshot's reference may lie back before it is rebased: floats hold 2^256 with room to spare."""


class LedgerLike(Protocol):
    """What is asked of a ledger; `ledger.Ledger` and `ledger.MemoryLedger` have it."""

    def frame(
        self,
        engine: Engine,
        columns: Collection[str] | None = None,
        *,
        buckets: Collection[int] | None = None,
        seq_until: int | None = None,
        occurred_until: int | None = None,
        beyond: tuple[int, int] | None = None,
        personas: Collection[int] | None = None,
    ) -> Frame:
        """The rows that fit; `beyond` (S, T) means seq > S or occurred_at > T; `until` is inclusive."""
        ...

    def last_seq(self) -> int:
        """The highest seq there was."""
        ...

    def seq_known_at(self, instant: int) -> int:
        """The highest seq such that no row up to it was received after the instant."""
        ...


class SnapshotLike(Protocol):
    """One snapshot."""

    @property
    def key(self) -> SnapshotKey:
        """What it holds."""
        ...

    def frame(self, engine: Engine, table: str) -> Frame:
        """One of its tables."""
        ...


class SnapshotsLike(Protocol):
    """What is asked of the snapshots; `ledger.snapshots.Snapshots` has it."""

    def save(self, key: SnapshotKey, tables: Mapping[str, pl.DataFrame | Frame]) -> object:
        """Keep the tables under the key."""
        ...

    def latest(self, at: int, seq_until: int, layout: str) -> SnapshotLike | None:
        """Of the snapshots of that layout up to both bounds, the latest."""
        ...


@dataclass(frozen=True)
class Held:
    """What is held of every persona at an instant: all that measures are derived from.

    state  folded
    slice  recent rows, with `persona_id`
    at     microseconds; no row is later
    seq    no row of the ledger has a higher one
    base   the snapshot it was built on, None where it was built from nothing
    whole  whether it is exactly the ledger's rows up to `seq` and `at`: nothing pending, nobody left out
    """

    state: State
    slice: Frame
    at: int
    seq: int
    base: SnapshotKey | None = None
    whole: bool = True


def columns(layout: Layout) -> tuple[str, ...]:
    """The ledger columns that state and slice are made of."""
    return tuple(dict.fromkeys((*folding.columns(layout), *slices.COLUMNS)))


def state_at(
    ledger: LedgerLike,
    snapshots: SnapshotsLike | None,
    layout: Layout,
    engine: Engine,
    as_of: int,
    *,
    known_at: int | None = None,
    pending: Frame | None = None,
    personas: Collection[int] | None = None,
    slots: Collection[str] | None = None,
) -> Held:
    """Everything as of an instant, from the latest fitting snapshot and the tail, or from nothing.

    known_at  only rows received by then; a decision of the past is so repeated as it was seen
    pending   rows that intake has taken and not drained yet, in the ledger's schema
    personas  only these; all where None
    slots     what will be derived needs only these: the others are not made, unless so many rows lie beyond the snapshot
              that a new one is worth keeping
    """
    seq = ledger.last_seq() if known_at is None else ledger.seq_known_at(known_at)
    base = None if snapshots is None else snapshots.latest(as_of, seq, layout.digest)
    beyond = None if base is None else (base.key.seq, base.key.at)
    wanted = columns(layout)

    def tail(buckets: Collection[int] | None = None) -> Frame:
        rows = ledger.frame(
            engine, wanted, buckets=buckets, seq_until=seq, occurred_until=as_of, beyond=beyond, personas=personas
        )
        if pending is None:
            return rows
        extra = pending.filter(nw.col("occurred_at") <= as_of)
        extra = extra if buckets is None else extra.filter(nw.col("bucket").is_in(sorted(buckets)))
        extra = _only(extra, personas, engine)
        return nw.concat([rows, extra.select(*wanted)], how="vertical")

    size = int(engine.collect(tail().select(nw.len())).item())
    nearest = reference = layout.reference(as_of)
    if base is not None and nearest - layout.reference(base.key.at) <= _FARTHEST * layout.half_life:
        reference = layout.reference(base.key.at)
    if slots is not None and size <= KEEP_BEYOND:
        layout = layout.only(slots)
    folded, recent = [], []
    if size <= AT_ONCE:
        rows = MEMORY.lazy(engine.collect(tail()))  # so few rows take longer to plan than to fold elsewhere
        folded.append(folding.fold_bucket(rows, layout, reference, MEMORY))
        recent.append(MEMORY.collect(slices.cut(rows, layout, as_of)))
    else:
        for bucket in range(BUCKETS):
            folded.append(folding.fold_bucket(tail([bucket]), layout, reference, engine))
            recent.append(engine.collect(slices.cut(tail([bucket]), layout, as_of)))
    state = State(MEMORY.lazy(pl.concat(folded)), layout, reference)
    slice_ = engine.lazy(pl.concat(recent))
    whole = pending is None and personas is None and layout.kept is None
    if base is None:
        state = replace(state, rows=moved(state.rows, engine), light=state.rows)
        return Held(state, slice_, as_of, seq, whole=whole)
    names = ("persona_id", *(slot.name for slot in layout.slots))
    stored, light = (base.frame(carrier, STATE).select(*names) for carrier in (engine, MEMORY))
    kept = State(stored, layout, layout.reference(base.key.at), light)
    older = Held(folding.rebase(kept, reference), base.frame(engine, SLICE).select(*slices.KEPT), as_of, seq, base.key)
    older = older if personas is None else narrowed(older, personas, engine)
    return replace(_extended(older, state, slice_) if size else older, whole=whole)


def advance(held: Held, rows: Frame, engine: Engine, *, at: int, seq: int) -> Held:
    """What is held, moved on to a later instant and seq; `rows` are all rows of the ledger between."""
    layout, reference = held.state.layout, held.state.reference
    state = State(MEMORY.lazy(folding.fold_bucket(rows, layout, reference, engine)), layout, reference)
    recent = engine.lazy(engine.collect(slices.cut(rows, layout, at)))
    return replace(_extended(held, state, recent), at=at, seq=seq)


def narrowed(held: Held, personas: Collection[int], engine: Engine, slots: Collection[str] | None = None) -> Held:
    """What is held of these personas alone, in memory; with `slots` only what is derived from those can be had of it."""
    layout = held.state.layout if slots is None else held.state.layout.only(slots)
    rows = held.state.flat(MEMORY, (slot.name for slot in layout.slots))
    light = MEMORY.lazy(MEMORY.collect(_only(rows, personas, MEMORY)))
    state = State(moved(light, engine), layout, held.state.reference, light)
    recent = engine.lazy(engine.collect(_only(held.slice, personas, engine)))
    return replace(held, state=state, slice=recent, whole=False)


def keep(held: Held, snapshots: SnapshotsLike) -> SnapshotKey:
    """Save what is held as a snapshot, rebased to the reference of its instant; its key. It must be whole."""
    if not held.whole:
        raise ValueError("a snapshot holds all of the ledger and nothing else")
    layout = held.state.layout
    key = SnapshotKey(held.seq, held.at, layout.digest)
    state = folding.rebase(held.state, layout.reference(held.at))
    snapshots.save(key, {STATE: state.flat(MEMORY), SLICE: slices.settled(held.slice, held.at)})
    return key


def relationships(
    held: Held,
    people: pl.DataFrame,
    playbook: Playbook,
    engine: Engine,
    *,
    wanted: Iterable[str] | None = None,
    scores: Sequence[ScoreTable] = (),
) -> Frame:
    """`customer`, `draw` and the wanted measures of every customer.

    `people` is recognition's, as known today or, for how it was seen, at an earlier instant; links have no other date.
    """
    layout, published = held.state.layout, frozenset(measure for table in scores for measure in table.measures)
    names = measures_of(playbook, layout, published) if wanted is None else tuple(wanted)
    customers = combine(held.state, people, engine, slots_of(playbook, layout, names, published))
    recent = of_customers(held.slice, people, engine)
    dated = [latest(table, people, held.at, engine) for table in scores]
    return derive(customers, recent, playbook, held.at, wanted=names, scores=dated)


def _extended(held: Held, state: State, recent: Frame) -> Held:
    both = nw.concat([held.slice, recent.select(*slices.KEPT)], how="vertical")
    return replace(held, state=folding.merge(held.state, state), slice=both)


def _only(rows: Frame, personas: Collection[int] | None, engine: Engine) -> Frame:
    if personas is None:
        return rows
    wanted = engine.lazy(pl.DataFrame({"persona_id": sorted(set(personas))}, schema={"persona_id": pl.Int64}))
    return rows.join(wanted, on="persona_id", how="semi")
