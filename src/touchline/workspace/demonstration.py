"""In: a folder, a seed. Out: the demonstration company in it, decided for, and a report. Writes the interactions of its imports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import playbook, report
from touchline.decision import Explanation, Summary
from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import measure
from touchline.kernel.names import did_you_mean
from touchline.kernel.times import DAY
from touchline.relationship.reference import Persona
from touchline.workspace import circling, rehearsing
from touchline.workspace.portrait import stages
from touchline.workspace.worldly import clock_of
from touchline.world import retail

if TYPE_CHECKING:
    from touchline.workspace.importing import Tell
    from touchline.workspace.opened import Workspace

DAYS = 548
"""Eighteen months, the last of them lived in step with the loop."""

LOOP = 91
"""Days of them: thirteen weeks, so that both ends are a Wednesday."""

RETAIL_DAYS = 730
UNTIL = rehearsing.UNTIL
"""The demonstration's now: a fixed instant, so that the same seed gives the same report."""

STORIES = 10
QUARTER = 91 * DAY
MARK = ".touchline-demo"
COMPANIES = ("warranty", "retail")

_BAD = -0.25
"""A reading of a visit from which on it was a bad one."""


def demonstrate(
    directory: Path,
    opener: Callable[[Path | None], Workspace],
    *,
    customers: int,
    seed: int,
    company: str = "warranty",
    days: int = LOOP,
    tell: Tell | None = None,
) -> dict[str, Any]:
    """Build the company (or find it built), let it live on under the loop, and write `report.html` beside it.

    company   `warranty` lives its last `days` in step with the loop; `retail` is imported and decided for
    Raises UnknownName where the folder holds something else than a demonstration of that company, size and seed.
    """
    if company not in COMPANIES:
        raise UnknownName(f"company {company!r}", remedy=did_you_mean(company, COMPANIES))
    folder = directory.resolve()
    asked = f"{company}, {customers} customers, seed {seed}, {days} days\n"
    mark = folder / MARK
    if not mark.exists():
        playbook.new(folder, company)
        mark.write_text(asked, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != asked:
        raise UnknownName(
            f"{folder} holds another demonstration", remedy="Delete that folder, or name another with --directory."
        )
    workspace = opener(folder)
    if company == "warranty":
        _live(workspace, customers, days, seed, tell)
    else:
        written = retail.generate(folder / "data" / "demo", customers, RETAIL_DAYS, seed, until=UNTIL)
        for name, path in written.files.items():
            workspace.import_files([path], name, tell=tell)
    decided = workspace.decide(as_of=UNTIL)
    made = _report(workspace, decided.summary, days if company == "warranty" else 0)
    path = folder / "report.html"
    path.write_text(report.render(made), encoding="utf-8")
    ask = f"touchline explain {made.people[0].key if made.people else 1} -w {directory}"
    return {
        "organisation": workspace.playbook.organisation.name,
        "workspace": str(folder),
        "interactions": workspace.ledger.count(),
        "customers": decided.summary["customers"],
        "decided": decided.summary["decided"],
        "report": str(path),
        "ask": ask if company == "warranty" else f"{ask} --as-of 2026-06-24T08:00:00Z",
    }


def _live(workspace: Workspace, customers: int, days: int, seed: int, tell: Tell | None) -> None:
    """The history, then the last days in step with the loop; what was lived before is not lived again."""
    if clock_of(workspace.settings) is None:
        start = UNTIL - days * DAY
        rehearsing.fill(workspace, customers=customers, days=DAYS - days, seed=seed, until=start, tell=tell)
    left = (UNTIL - workspace.clock.now()) // DAY
    if left > 0:
        rehearsing.forward(workspace, left, tell=tell, calls_wait=True)  # today's: the desk has calls to make


def _report(workspace: Workspace, summary: dict[str, Any], days: int) -> report.Report:
    setting = report.Setting.of(workspace.playbook)
    relationships = workspace.engine.collect(workspace.relationships(UNTIL))
    interactions = workspace.engine.collect(_of_customers(workspace))
    recovered = _recovered(interactions, UNTIL - days * DAY) if days else []
    picks = tuple(
        [report.Pick(customer, "a visit that went wrong, and how it was put right") for customer in recovered[:1]]
        + [pick for pick in report.choose(relationships, STORIES) if pick.customer not in recovered[:1]]
    )[:STORIES]
    explained = workspace.explanations([pick.customer for pick in picks], UNTIL)
    return report.Report(
        setting=setting,
        as_of=UNTIL,
        base=report.base_of(relationships, workspace.ledger.count()),
        map=report.map_of(relationships, setting),
        holds=report.holds_of(Summary(**summary), setting),
        people=tuple(
            _story(workspace, pick, interactions, relationships, setting, explained[pick.customer]) for pick in picks
        ),
        series=report.series_of(interactions, setting, [UNTIL - back * QUARTER for back in reversed(range(8))]),
        circle=circling.circle(workspace, interactions, UNTIL, days) if days else None,
    )


def _recovered(interactions: pl.DataFrame, since: int) -> list[int]:
    """Customers who had a bad visit since then, were called about it, and whose case was resolved; the worst visit first."""
    at, kind = pl.col("occurred_at"), pl.col("kind")
    reading = pl.mean_horizontal("emotional", "reliability", "convenience", "responsiveness", "relevance")
    visits = interactions.filter(kind == "served", at >= since, reading <= _BAD).select(
        "customer", visit=at, bad=reading
    )
    calls = interactions.filter(kind == "called", pl.col("purpose") == "recovery", pl.col("reason") == "reached")
    solved = interactions.filter(kind == "case_resolved").select("customer", solved=at)
    found = (
        visits.join(calls.select("customer", call=at), on="customer")
        .filter(pl.col("call") > pl.col("visit"))
        .join(solved, on="customer")
        .filter(pl.col("solved") >= pl.col("call"))
    )
    return found.sort("bad", "customer").get_column("customer").unique(maintain_order=True).to_list()


def _of_customers(workspace: Workspace) -> nw.LazyFrame[Any]:
    """The ledger with `customer` beside each row."""
    owners = workspace.engine.lazy(workspace.people().select("persona_id", "customer"))
    return workspace.interactions().join(owners, on="persona_id", how="left")


def _story(
    workspace: Workspace,
    pick: report.Pick,
    interactions: pl.DataFrame,
    relationships: pl.DataFrame,
    setting: report.Setting,
    explained: Explanation,
) -> report.CustomerStory:
    row = relationships.row(by_predicate=pl.col("customer") == pick.customer, named=True)
    rows = interactions.filter(pl.col("customer") == pick.customer)
    return report.tell(
        pick.customer,
        report.name_of(report.rows_of(rows, UNTIL)) or f"Customer {pick.customer}",
        rows,
        {measure(name): value for name, value in row.items()},
        explained,
        setting,
        UNTIL,
        stages=_stages(workspace, pick.customer, rows),
        about=pick.why,
    )


def _stages(workspace: Workspace, customer: int, rows: pl.DataFrame) -> list[tuple[int, str]]:
    """The customer's stages since their first row."""
    own = workspace.people().filter(pl.col("customer") == customer)
    personas = [Persona(*one) for one in own.select("persona_id", "type", "draw").iter_rows()]
    return stages(workspace.playbook, list(rows.iter_rows(named=True)), personas, UNTIL)
