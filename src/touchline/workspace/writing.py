"""In: a decision as it was made. Out: who moved and who was drawn, written down once. Writes `assigned` and `stepped`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from django.db import transaction

from touchline import decision, recognition
from touchline.decision import sequence
from touchline.intake import buffer
from touchline.kernel.ids import BUCKETS, SEPARATOR
from touchline.kernel.measures import column
from touchline.recognition.hashing import heads
from touchline.relationship.layout import conditions_of
from touchline.workspace.deciding import Made, Written

if TYPE_CHECKING:
    from touchline.decision import Plan
    from touchline.workspace.opened import Workspace

SOURCE = "decision"

AT_ONCE = 50_000
"""Rows of one transaction."""


def write(workspace: Workspace, made: Made, now: int) -> Written:
    """Write the steps taken and the arms drawn; a row that is there already is not written again.

    An id follows from programme, entry, step and customer, so that two workers who see the same move tell of it once.
    """
    engine, plan = workspace.engine, made.plan
    due = decision.assignments(engine.lazy(made.chosen), plan, now)
    drawn = pl.DataFrame(schema=_DRAWN) if due is None else engine.collect(due)
    taken = pl.DataFrame(schema=_STEPS)
    if made.moving.height:
        moved = engine.collect(sequence.advance(engine.lazy(made.moving), plan, now))
        taken = engine.collect(sequence.steps(engine.lazy(moved), plan, now)).select(*_STEPS)
    of = pl.concat([drawn["customer"], taken["customer"]]).unique()
    people = recognition.people(of=of).filter(pl.col("persona_id") == pl.col("customer"))
    owners = people.select("customer", "role", bucket=(pl.col("draw") % BUCKETS).cast(pl.Int16))
    assigned = _kept(_assigned(drawn, now), owners, plan.digest, now)
    steps = _kept(_stepped(_told(taken, made.moving, plan)), owners, plan.digest, now)
    return Written(steps, assigned)


_DRAWN = {"customer": pl.Int64, "programme": pl.String, "recurrence": pl.String, "arm": pl.String}
_STEPS = {
    "customer": pl.Int64, "programme": pl.String, "recurrence": pl.String, "step": pl.Int16, "name": pl.String,
    "reason": pl.String, "occurred_at": pl.Int64, "via": pl.Int16,
}  # fmt: skip
_READ = {"customer": pl.Int64, "programme": pl.String, "via": pl.Int16, "payload": pl.String}


def _assigned(drawn: pl.DataFrame, now: int) -> pl.DataFrame:
    key = pl.concat_str(
        pl.lit("assigned"), "programme", pl.col("recurrence").fill_null(""), "customer", separator=SEPARATOR
    )
    return drawn.select(
        "customer",
        "programme",
        "recurrence",
        "arm",
        key=key,
        kind=pl.lit("assigned"),
        occurred_at=pl.lit(now, pl.Int64),
    )


def _told(taken: pl.DataFrame, moving: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The steps; one that a branch led to has as its payload what the conditions of that branch read, by its measures' names.

    A branch is evaluated once: what it saw is told by nothing else, once the facts have changed.
    """
    parts = [pl.DataFrame(schema=_READ)]
    for programme in plan.programmes:
        for step in programme.steps:
            names = sorted({name for condition in conditions_of(step) for name in condition.names})
            if not step.branches or not names:
                continue
            here = taken.filter(pl.col("programme") == programme.name, pl.col("via") == step.place)
            facts = pl.struct(pl.col(column(name)).alias(name) for name in names).struct.json_encode()
            parts.append(here.join(moving, on="customer").select(*list(_READ)[:-1], payload=facts))
    return taken.join(pl.concat(parts), on=["customer", "programme", "via"], how="left").drop("via")


def _stepped(taken: pl.DataFrame) -> pl.DataFrame:
    # By the step's name, as an entry comes to each once: a place may be another step's after the playbook was edited.
    named = pl.col("name").str.strip_prefix(",").str.split(",").list.first().fill_null("end")
    key = pl.concat_str(pl.lit("stepped"), "programme", "recurrence", named, "customer", separator=SEPARATOR)
    return taken.with_columns(key=key, kind=pl.lit("stepped"))


def _kept(rows: pl.DataFrame, owners: pl.DataFrame, digest: str, now: int) -> int:
    """Hand the rows to intake's buffer; how many were new."""
    if rows.is_empty():
        return 0
    told = rows.join(owners, on="customer").with_columns(
        heads(rows["key"], 32).alias("id"), source=pl.lit(SOURCE), digest=pl.lit(digest)
    )
    ready = told.drop("key").rename({"customer": "persona_id"})
    kept = 0
    for part in ready.iter_slices(AT_ONCE):
        with transaction.atomic():
            kept += buffer.accept_rows(part, received_at=now)
    return kept
