"""In: a workspace's rows with their customers, an instant. Out: the circle in figures for the report. Writes no interactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from touchline import report
from touchline.delivery.states import WAITING
from touchline.proof.proving import Proof
from touchline.report.figures import Estimate, share_of
from touchline.workspace import messages, proving

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


def circle(workspace: Workspace, interactions: pl.DataFrame, at: int, days: int) -> report.Circle:
    """What the loop said in its days, and what each programme changed.

    interactions   the ledger's rows with `customer`
    """
    told = messages.reservations()
    sent = interactions.filter(pl.col("source") == "outbox", pl.col("kind").is_in(["sent", "called"]))
    cases = interactions.filter(pl.col("occurred_at") > at - days * 86_400_000_000)
    opened, resolved = ((cases["kind"] == kind).sum() for kind in ("case_opened", "case_resolved"))
    return report.Circle(
        days=days,
        said=tuple(_said(workspace, told, sent, interactions, at)),
        lifts=tuple(lift for one in proving.prove(workspace, at) if (lift := _lift(one)) is not None),
        recovery=(int(opened), int(resolved)),
        currency=workspace.playbook.organisation.currency,
    )


def _said(
    workspace: Workspace, told: pl.DataFrame, sent: pl.DataFrame, interactions: pl.DataFrame, at: int
) -> list[report.Said]:
    """Each conversation by each of its channels; who had its goal's whole time counts for the share that reached it."""
    state = pl.col("state")
    counted = told.group_by("conversation", "channel").agg(
        waiting=state.is_in(list(WAITING)).sum(), failed=(state == "failed").sum(), ended=(state == "expired").sum()
    )
    waiting = {(row[0], row[1]): (int(row[2]), int(row[3]), int(row[4])) for row in counted.iter_rows()}
    found = []
    for talk in workspace.playbook.conversations.values():
        for way in talk.ways:
            mine = sent.filter(pl.col("conversation") == talk.name, pl.col("channel") == way.channel)
            reached = None
            if talk.goal is not None:
                whole = mine.filter(pl.col("occurred_at") + talk.goal.within <= at).select(
                    "customer", said="occurred_at"
                )
                acts = interactions.filter(pl.col("kind") == talk.goal.kind).select("customer", act="occurred_at")
                hits = (
                    whole.with_row_index()
                    .join(acts, on="customer")
                    .filter(pl.col("act") > pl.col("said"), pl.col("act") <= pl.col("said") + talk.goal.within)
                )
                reached = share_of(hits["index"].n_unique(), whole.height)
            held = waiting.get((talk.name, way.channel), (0, 0, 0))
            found.append(report.Said(talk.name, talk.purpose, way.channel, mine.height, *held, reached=reached))
    return sorted(found, key=lambda one: (-one.said, one.conversation))


def _lift(one: Proof) -> report.Lift | None:
    """The proof as the report draws it; None where an arm is empty."""
    group = one.all
    told = (group.treated, group.control, group.difference, group.low, group.high)
    if any(value is None for value in told):
        return None
    treated, control = (
        share_of(round((group.treated or 0) * group.n_treated), group.n_treated),
        share_of(round((group.control or 0) * group.n_control), group.n_control),
    )
    if treated is None or control is None:
        return None
    difference = Estimate(group.difference or 0.0, group.low or 0.0, group.high or 0.0, one.n)
    return report.Lift(
        one.name,
        one.goal,
        treated,
        control,
        difference,
        one.messages,
        one.cost,
        1.0 if one.sample_ratio_p is None else one.sample_ratio_p,
        one.method,
    )
