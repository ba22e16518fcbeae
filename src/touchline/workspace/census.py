"""In: a workspace. Out: the figures of its whole base, what changed lately, what went badly. Writes no interactions.

Each is worked out once for a state of the ledger and a minute, and shared by all pages of a process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import narwhals as nw
import polars as pl

from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import PRINCIPLES
from touchline.kernel.times import DAY, MINUTE
from touchline.recognition.counting import counts
from touchline.report.totals import Base, base_of

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

T = TypeVar("T")

MEASURES = (
    "stage", "experience.overall", "care.due", "care.missed", "dialogue.open", "dialogue.overdue", "value.balance", "hand_raiser",
)  # fmt: skip
BAD = -0.5
WEEK = 7 * DAY
CHANGES = (
    "joined",
    "renewed",
    "left",
    "bought",
    "complained",
    "praised",
    "asked",
    "opted_in",
    "opted_out",
    "sent",
    "failed",
)
"""Kinds whose number of a week is told beside that of the week before."""

_lock = threading.RLock()


@dataclass(frozen=True)
class Bad:
    """An encounter that went badly and was told within the last week."""

    customer: int
    kind: str
    touchpoint: str | None
    at: int
    reading: float
    words: str | None


@dataclass(frozen=True)
class Week:
    """A kind's number in the last seven days, and in the seven before."""

    kind: str
    means: str
    now: int
    before: int


def base(workspace: Workspace) -> tuple[Base, list[tuple[str, int]]]:
    """The figures of the base, and how many customers are in each stage, in the playbook's order."""
    return _kept(workspace, "base", lambda: _base(workspace))


def week(workspace: Workspace) -> tuple[list[Week], list[Bad], int]:
    """What happened in the last week against the one before; the worst of it, the latest first; how many were bad."""
    return _kept(workspace, "week", lambda: _week(workspace))


def proven(workspace: Workspace) -> dict[str, Any]:
    """Each programme against its control."""
    return _kept(workspace, "proof", workspace.proof)


def _kept(workspace: Workspace, name: str, work: Callable[[], T]) -> T:
    key = (workspace.playbook.digest, workspace.ledger.last_seq(), counts()[1], workspace.clock.now() // MINUTE)
    kept: dict[str, tuple[Any, T]] = workspace.stores.get("census", dict)
    with _lock:  # who comes meanwhile waits for the one answer instead of working it out again
        found = kept.get(name)
        if found is None or found[0] != key:
            kept[name] = found = (key, work())
    return found[1]


def _base(workspace: Workspace) -> tuple[Base, list[tuple[str, int]]]:
    frame = workspace.engine.collect(workspace.relationships(measures=MEASURES))
    figures = base_of(frame, workspace.ledger.last_seq())
    counted = dict(frame.group_by("stage").len().iter_rows())
    order = [stage.name for stage in workspace.playbook.stages]
    return figures, [(name, counted[name]) for name in order if counted.get(name)]


def _week(workspace: Workspace) -> tuple[list[Week], list[Bad], int]:
    now = workspace.clock.now()
    wanted = ("id", "persona_id", "kind", "occurred_at", "touchpoint", "machine", "text", "emotional", *PRINCIPLES)
    frame = workspace.ledger.frame(workspace.engine, wanted, occurred_from=now - 2 * WEEK, occurred_until=now)
    rows = workspace.engine.collect(frame.filter(~nw.col("machine")))
    waiting = (
        workspace.pending().select(rows.columns).filter(~pl.col("machine"), pl.col("occurred_at") > now - 2 * WEEK)
    )
    rows = pl.concat([rows, waiting.filter(~pl.col("id").is_in(rows["id"].implode()))], how="vertical_relaxed")
    late = pl.col("occurred_at") > now - WEEK
    counts = rows.group_by("kind").agg(now=late.sum(), before=(~late).sum())
    by_kind = {kind: (after, before) for kind, after, before in counts.iter_rows()}
    weeks = [Week(kind, KINDS[kind].means.split(";")[0], *by_kind[kind]) for kind in CHANGES if kind in by_kind]
    worst = pl.min_horizontal("emotional", *PRINCIPLES)
    bad = rows.filter(late, worst <= BAD).with_columns(reading=worst).sort("occurred_at", "id", descending=True)
    owners = workspace.people().select("persona_id", "customer")
    told = (
        bad.head(40)
        .join(owners, on="persona_id", maintain_order="left")
        .unique("customer", keep="first", maintain_order=True)
    )
    listed = [
        Bad(row["customer"], row["kind"], row["touchpoint"], row["occurred_at"], float(row["reading"]), row["text"])
        for row in told.head(8).iter_rows(named=True)
    ]
    return weeks, listed, bad.height
