"""In: a workspace. Out: the figures of its whole base, what changed lately, what went badly. Writes no interactions.

Each is worked out once for a state of the ledger and a minute, and shared by all pages of a process; the course over time, which
reads years, once a day.
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
from touchline.report.curve import Point
from touchline.report.setting import Setting
from touchline.report.totals import Base, base_of, series_of

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

COURSE = tuple(30 * DAY * back for back in reversed(range(13)))
"""How long before now the points of the course over time lie."""
SAMPLE = 20_000
"""Of at least so many customers the course is drawn: of all, or of every so many-th by number."""
_READ = ("persona_id", "occurred_at", "touchpoint", "about", "about_at", "about_touchpoint", "emotional", *PRINCIPLES)

_lock = threading.RLock()
_long = threading.RLock()  # the course is long in coming: whoever asks for other figures does not wait for it


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


def course(workspace: Workspace) -> tuple[tuple[Point, ...], int]:
    """The mean experience over a year, and of every how many-th customer; of the ledger's rows as of the day."""
    grown = workspace.ledger.last_seq().bit_length()  # after the first import nobody waits for tomorrow
    key = (workspace.playbook.digest, grown, workspace.clock.now() // DAY)
    return _kept_for(workspace, "course", key, _long, lambda: _course(workspace))


def _kept(workspace: Workspace, name: str, work: Callable[[], T]) -> T:
    key = (workspace.playbook.digest, workspace.ledger.last_seq(), counts()[1], workspace.clock.now() // MINUTE)
    return _kept_for(workspace, name, key, _lock, work)


def _kept_for(workspace: Workspace, name: str, key: tuple[Any, ...], lock: threading.RLock, work: Callable[[], T]) -> T:
    kept: dict[str, tuple[Any, T]] = workspace.stores.get("census", dict)
    with lock:  # who comes meanwhile waits for the one answer instead of working it out again
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


def _course(workspace: Workspace) -> tuple[tuple[Point, ...], int]:
    now, people = workspace.clock.now(), workspace.people()
    customers = people["customer"].unique().sort()
    step = max(1, len(customers) // SAMPLE)
    chosen = people.filter(pl.col("customer").is_in(customers.gather_every(step).implode()))
    personas = None if step == 1 else chosen["persona_id"].to_list()
    rows = workspace.ledger.frame(workspace.engine, _READ, occurred_until=now, personas=personas)
    owned = rows.join(workspace.engine.lazy(chosen.select("persona_id", "customer")), on="persona_id", how="inner")
    return series_of(owned, Setting.of(workspace.playbook), [now - back for back in COURSE]), step


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
