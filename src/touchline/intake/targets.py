"""In: rows that judge or answer others. Out: the same with place and time of what they are about. Writes completing rows, source `completion`.

A reading counts at the place and from the time of what it judges. Where that is not known yet, the reading waits here and comes
with a completing row as soon as it is: so a reading counts once, and arriving early or late makes no difference. A promise with a
time limit gives its reading likewise, in a row of its own, when question and answer are first both known: it is judged once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import polars as pl
from django.db import transaction

from touchline.intake.keys import ids
from touchline.intake.rows import DTYPES, Draft, Terms
from touchline.interactions import row
from touchline.interactions.catalogue import VERSION
from touchline.kernel.engines import MEMORY
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.ledger import AnyLedger
from touchline.playbook.compiled import Playbook
from touchline.recognition.staging import execute, read, staged

PATIENCE = 30 * DAY
"""After so long without its target a reading counts for the relationship as a whole."""

_HELD = (
    "persona_id", "bucket", "occurred_at", "kind", "role", "name", "touchpoint", "survey", "question", "about", "in_reply_to", *row.READINGS,
)  # fmt: skip
_GIVEN = pl.any_horizontal([pl.col(name).is_not_null() for name in row.READINGS])
_WAITING = {"id": pl.String(), "target": pl.String(), **{name: DTYPES[name] for name in _HELD}}
_FOUND = {
    "target": pl.String(),
    "kind": pl.String(),
    "touchpoint": pl.String(),
    "episode_type": pl.String(),
    "at": pl.Int64(),
}
_INTERACTION, _EPISODE = "interaction:", "episode:"


@dataclass(frozen=True)
class Settlement:
    """What a batch leaves to be noted in the database.

    waiting   [id, target, …]: rows whose target is not known; to be noted before the batch is appended
    settled   [row_id, target] whose completing row is in the batch; to be noted after
    """

    waiting: pl.DataFrame
    settled: pl.DataFrame


NOTHING = Settlement(pl.DataFrame(schema=_WAITING), pl.DataFrame(schema={"id": pl.String, "target": pl.String}))
"""Nothing to note."""


def settle(draft: Draft, ledger: AnyLedger, terms: Terms) -> tuple[list[Draft], Settlement]:
    """(the batch: the rows with what they are about, and completing rows; what is to be noted).

    The draft has ids and personas. Readings whose target is not known are taken out of the rows; they come later.
    """
    playbook = terms.playbook
    frame = _whole(draft)
    promises = _promises(playbook)
    until = sorted({promise.until for promise in promises})
    wants = pl.col("about").str.starts_with(_INTERACTION) | pl.col("about").str.starts_with(_EPISODE)
    judging = frame.filter(wants).with_columns(pl.col("about").alias("target"))
    answering = frame.filter(pl.col("kind").is_in(until) & pl.col("in_reply_to").is_not_null())
    answering = answering.with_columns((_INTERACTION + pl.col("in_reply_to")).alias("target"))
    awaited = _awaited(frame)
    if judging.is_empty() and answering.is_empty() and awaited.is_empty():
        return [draft], Settlement(pl.DataFrame(schema=_WAITING), awaited.select("id", "target"))
    wanted = pl.concat([judging["target"], answering["target"], awaited["target"]]).unique()
    known = _known(wanted, frame, ledger)
    held = _already_held(judging["id"])
    told = judging.filter(~pl.col("id").is_in(held.implode())).join(
        known.drop("kind"), on="target", how="inner", suffix="_target"
    )
    unknown = judging.join(told, on="id", how="anti")
    late = answering.join(known, on="target", how="anti")
    waiting = pl.concat([unknown.filter(_GIVEN, ~pl.col("id").is_in(held.implode())), late]).unique(["id", "target"])
    answers = awaited.filter(pl.col("target") == _INTERACTION + pl.col("in_reply_to"))
    kept = _kept(pl.concat([answering.select(*_WAITING), answers]), known, promises, ledger)
    complete = pl.concat([_readings(awaited, known), kept])
    drafts = [_with_targets(draft, told, unknown["id"])]
    if not complete.is_empty():
        drafts.append(_draft_of(complete, terms))
    settled = awaited.join(known, on="target", how="semi").select("id", "target")
    return drafts, Settlement(waiting.select(*_WAITING), settled)


def overdue(ledger: AnyLedger, terms: Terms) -> tuple[list[Draft], Settlement]:
    """Completing rows, without a place, for readings that have waited longer than PATIENCE."""
    late = _read_awaited("settled = %s AND since < %s", [False, terms.received_at - PATIENCE])
    if late.is_empty():
        return [], Settlement(pl.DataFrame(schema=_WAITING), late.select("id", "target"))
    nowhere = late.select("target", "occurred_at").unique("target").select(
        "target", pl.lit(None, pl.String).alias("kind"), pl.lit(None, pl.String).alias("touchpoint"),
        pl.lit(None, pl.String).alias("episode_type"), pl.col("occurred_at").alias("at"),
    )  # fmt: skip
    made = _readings(late, nowhere)
    there = _in_ledger(made["id"], ledger)
    made = made.filter(~pl.col("id").is_in(there.implode()))
    return ([_draft_of(made, terms)] if made.height else []), Settlement(
        pl.DataFrame(schema=_WAITING), late.select("id", "target")
    )


def note_waiting(settlement: Settlement, received_at: int) -> None:
    """Keep the waiting rows; before their batch is appended, or a crash in between would lose their readings."""
    if settlement.waiting.is_empty():
        return
    held = [
        json.dumps({name: value for name, value in one.items() if value is not None})
        for one in settlement.waiting.select(*_HELD).iter_rows(named=True)
    ]
    rows = settlement.waiting.select(
        pl.col("id").alias("row_id"),
        "target",
        pl.lit(received_at, pl.Int64).alias("since"),
        pl.Series("held", held),
        pl.lit(value=False).alias("settled"),
    )
    with transaction.atomic(), staged("waiting_now", rows):
        execute(
            "INSERT INTO intake_awaited (row_id, target, since, held, settled) SELECT row_id, target, since, held, settled FROM waiting_now WHERE true"
            " ON CONFLICT DO NOTHING"
        )


def note_settled(settlement: Settlement) -> None:
    """Forget what the settled rows held; after their batch is appended."""
    if settlement.settled.is_empty():
        return
    with transaction.atomic(), staged("settled_now", settlement.settled, ("id",)):
        execute(
            "UPDATE intake_awaited SET settled = %s, held = '{}' WHERE EXISTS"
            " (SELECT 1 FROM settled_now s WHERE s.id = intake_awaited.row_id AND s.target = intake_awaited.target)",
            [True],
        )


@dataclass(frozen=True)
class _Timed:
    """A promise of a touchpoint that has a time limit."""

    touchpoint: str
    name: str
    principle: str
    started: str
    until: str
    within: int
    kept: float
    broken: float


def _promises(playbook: Playbook) -> list[_Timed]:
    return [
        _Timed(place, p.name, p.principle, p.from_kind, p.until_kind, p.within, p.kept, p.broken)
        for place, point in playbook.touchpoints.items()
        for p in point.promises
        if p.from_kind is not None and p.until_kind is not None and p.within is not None
    ]


def _whole(draft: Draft) -> pl.DataFrame:
    """The columns that targets are found by, whether or not the draft has them."""
    wanted = dict.fromkeys(("id", "episode_type", "episode_id", *_HELD))
    columns = [pl.col(n) if draft.varies(n) else pl.lit(draft.fixed.get(n), DTYPES[n]).alias(n) for n in wanted]
    return draft.frame.select(columns).cast({n: DTYPES[n] for n in wanted})


def _awaited(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows that have waited for one of these, as _WAITING."""
    if read("SELECT 1 AS n FROM intake_awaited WHERE settled = %s LIMIT 1", {"n": pl.Int64}, [False]).is_empty():
        return pl.DataFrame(schema=_WAITING)
    episodes = frame["episode_id"].drop_nulls().unique()
    arrived = pl.concat([_INTERACTION + frame["id"], _EPISODE + episodes]).unique().alias("target").to_frame()
    with transaction.atomic(), staged("arrived", arrived, ("target",)):
        return _read_awaited(
            "settled = %s AND EXISTS (SELECT 1 FROM arrived a WHERE a.target = intake_awaited.target)", [False]
        )


def _read_awaited(where: str, parameters: Sequence[object]) -> pl.DataFrame:
    found = read(
        f"SELECT row_id, target, held FROM intake_awaited WHERE {where}",  # noqa: S608 - the conditions are this module's own
        {"row_id": pl.String, "target": pl.String, "held": pl.String}, parameters,
    )  # fmt: skip
    held = found["held"].str.json_decode(pl.Struct({name: DTYPES[name] for name in _HELD})).struct.unnest()
    return pl.concat([found.select(pl.col("row_id").alias("id"), "target"), held], how="horizontal").select(*_WAITING)


def _already_held(judging: pl.Series) -> pl.Series:
    """Ids of rows that were noted as waiting by an earlier attempt at the same batch: they must stay as they were."""
    if judging.is_empty():
        return judging
    with transaction.atomic(), staged("judging", judging.alias("id").to_frame()):
        return read(
            "SELECT DISTINCT row_id AS id FROM intake_awaited WHERE row_id IN (SELECT id FROM judging)",
            {"id": pl.String},
        )["id"]


def _known(wanted: pl.Series, frame: pl.DataFrame, ledger: AnyLedger) -> pl.DataFrame:
    """_FOUND of those targets that this batch or the ledger holds; an episode is where and when it was last."""
    interactions = wanted.filter(wanted.str.starts_with(_INTERACTION)).str.strip_prefix(_INTERACTION)
    episodes = wanted.filter(wanted.str.starts_with(_EPISODE)).str.strip_prefix(_EPISODE)
    columns = ["id", "kind", "touchpoint", "episode_type", "episode_id", "occurred_at", "source"]
    told = nw.col("id").is_in(interactions.to_list()) | nw.col("episode_id").is_in(episodes.to_list())
    engine = MEMORY
    stored = engine.collect(
        ledger.frame(engine, columns).filter(told, nw.col("source") != row.COMPLETION), streaming=True
    )
    here = frame.filter(pl.col("id").is_in(interactions.implode()) | pl.col("episode_id").is_in(episodes.implode()))
    both = pl.concat([stored.drop("source"), here.select(stored.drop("source").columns)]).unique("id")
    single = both.filter(pl.col("id").is_in(interactions.implode())).select(
        (_INTERACTION + pl.col("id")).alias("target"),
        "kind",
        "touchpoint",
        "episode_type",
        pl.col("occurred_at").alias("at"),
    )
    journeys = (
        both.filter(pl.col("episode_id").is_in(episodes.implode()))
        .sort("occurred_at", "id")
        .group_by("episode_id", maintain_order=True)
        .agg(pl.col("episode_type").drop_nulls().last(), pl.col("occurred_at").last().alias("at"))
        .select(
            (_EPISODE + pl.col("episode_id")).alias("target"), pl.lit(None, pl.String).alias("kind"),
            pl.lit(None, pl.String).alias("touchpoint"), "episode_type", "at",
        )
    )  # fmt: skip
    return pl.concat([single, journeys]).cast(pl.Schema(_FOUND))


def _with_targets(draft: Draft, told: pl.DataFrame, unknown: pl.Series) -> Draft:
    """The rows with place and time of their targets; those that wait give up their readings."""
    if told.is_empty() and unknown.is_empty():
        return draft
    places = told.select(
        "id",
        pl.col("touchpoint_target").alias("__touchpoint"),
        pl.col("episode_type_target").alias("__episode_type"),
        # What is judged lay before the judgement, whatever the clocks say.
        pl.min_horizontal("at", "occurred_at").alias("__at"),
    )
    frame = draft.frame.join(places, on="id", how="left", maintain_order="left").with_columns(
        pl.col("id").is_in(unknown.implode()).alias("__waits")
    )

    def before(name: str) -> pl.Expr:
        return pl.col(name) if draft.varies(name) else pl.lit(draft.fixed.get(name), DTYPES[name])

    frame = frame.with_columns(
        pl.coalesce("__touchpoint", before("about_touchpoint")).alias("about_touchpoint"),
        pl.coalesce("__episode_type", before("about_episode_type")).alias("about_episode_type"),
        pl.coalesce("__at", before("about_at")).alias("about_at"),
        *(
            pl.when(~pl.col("__waits")).then(before(name)).alias(name)
            for name in row.READINGS
            if draft.column(name) is not None
        ),
    )
    replaced = {"about_touchpoint", "about_episode_type", "about_at", *row.READINGS}
    return Draft(
        frame.drop("__touchpoint", "__episode_type", "__at", "__waits"),
        {k: v for k, v in draft.fixed.items() if k not in replaced},
    )


def _completing(waiting: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    there = known.select(
        "target",
        pl.col("kind").alias("started"),
        pl.col("touchpoint").alias("about_touchpoint"),
        pl.col("episode_type").alias("about_episode_type"),
        "at",
    )
    return waiting.join(there, on="target", how="inner", maintain_order="left")


_COMPLETE = (
    "id", "kind", "persona_id", "bucket", "role", "occurred_at", "name", "touchpoint", "survey", "question",
    "about", "about_touchpoint", "about_episode_type", "about_at", *row.READINGS,
)  # fmt: skip


def _readings(awaited: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Completing rows of readings that waited: `interaction_id('completion', id)`."""
    due = _completing(awaited.filter(_GIVEN, pl.col("about") == pl.col("target")), known)
    due = due.with_columns(pl.min_horizontal("at", "occurred_at").alias("about_at"))
    due = due.with_columns(ids(row.COMPLETION, [pl.col("id")], due))
    return due.select(*_COMPLETE).cast({name: DTYPES[name] for name in _COMPLETE})


def _kept(answering: pl.DataFrame, known: pl.DataFrame, promises: Sequence[_Timed], ledger: AnyLedger) -> pl.DataFrame:
    """Completing rows of promises kept or broken by these answers, one a question and promise.

    Of the answers here the earliest judges; of those that come when the promise is judged already, none, even an earlier one:
    what was written stays, and a second reading would count beside it.
    """
    made = [pl.DataFrame(schema={name: DTYPES[name] for name in _COMPLETE})]
    for promise in promises:
        answers = answering.filter(pl.col("kind") == promise.until)
        pairs = _completing(
            answers, known.filter((pl.col("touchpoint") == promise.touchpoint) & (pl.col("kind") == promise.started))
        )
        pairs = (
            pairs.filter(pl.col("occurred_at") >= pl.col("at"))
            .sort("occurred_at", "id")
            .unique("target", keep="first", maintain_order=True)
        )
        if pairs.is_empty():
            continue
        kept = pl.col("occurred_at") - pl.col("at") <= promise.within
        reading = pl.when(kept).then(pl.lit(promise.kept)).otherwise(pl.lit(promise.broken))
        pairs = pairs.with_columns(ids(row.COMPLETION, [pl.col("target"), pl.lit(promise.name)], pairs))
        pairs = pairs.with_columns(
            pl.col("target").alias("about"),
            pl.col("at").alias("about_at"),
            pl.lit(promise.name).alias("name"),
            *(
                (reading if name == promise.principle else pl.lit(None)).cast(pl.Float32).alias(name)
                for name in row.READINGS
            ),
        )
        made.append(pairs.select(*_COMPLETE).cast({name: DTYPES[name] for name in _COMPLETE}))
    complete = pl.concat(made)
    if complete.is_empty():
        return complete
    return complete.filter(~pl.col("id").is_in(_in_ledger(complete["id"], ledger).implode()))


def _in_ledger(wanted: pl.Series, ledger: AnyLedger) -> pl.Series:
    engine = MEMORY
    found = ledger.frame(engine, ["id"], sources=[row.COMPLETION]).filter(nw.col("id").is_in(wanted.to_list()))
    return engine.collect(found, streaming=True)["id"]


def _draft_of(complete: pl.DataFrame, terms: Terms) -> Draft:
    fixed: dict[str, Value] = {
        "source": row.COMPLETION,
        "version": VERSION,
        "received_at": terms.received_at,
        "digest": terms.playbook.digest,
        "machine": False,
    }
    return Draft(complete, fixed)
