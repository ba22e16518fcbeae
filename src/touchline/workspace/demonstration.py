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
from touchline.kernel.times import DAY, parse_instant
from touchline.relationship.reference import Evaluator, Persona
from touchline.world import retail

if TYPE_CHECKING:
    from touchline.workspace.importing import Tell
    from touchline.workspace.opened import Workspace

DAYS = 730
UNTIL = parse_instant("2026-06-24T10:00:00+02:00")
"""The demonstration's now: a fixed instant, so that the same seed gives the same report."""

STORIES = 10
QUARTER = 91 * DAY
MARK = ".touchline-demo"


def demonstrate(
    directory: Path, opener: Callable[[Path | None], Workspace], *, customers: int, seed: int, tell: Tell | None = None
) -> dict[str, Any]:
    """Build the company (or find it built), decide as of its last instant, and write `report.html` beside it.

    Raises UnknownName where the folder holds something else than a demonstration of that size and seed.
    """
    folder = directory.resolve()
    asked = f"{customers} customers, seed {seed}\n"
    mark = folder / MARK
    if not mark.exists():
        playbook.new(folder, "retail")
        mark.write_text(asked, encoding="utf-8")
    elif mark.read_text(encoding="utf-8") != asked:
        raise UnknownName(
            f"{folder} holds another demonstration", remedy="Delete that folder, or name another with --directory."
        )
    workspace = opener(folder)
    written = retail.generate(folder / "data" / "demo", customers, DAYS, seed, until=UNTIL)
    for name, path in written.files.items():
        workspace.import_files([path], name, tell=tell)
    decided = workspace.decide(as_of=UNTIL)
    path = folder / "report.html"
    path.write_text(report.render(_report(workspace, decided.summary)), encoding="utf-8")
    return {
        "organisation": workspace.playbook.organisation.name,
        "workspace": str(folder),
        "interactions": workspace.ledger.count(),
        "customers": decided.summary["customers"],
        "decided": decided.summary["decided"],
        "report": str(path),
        "ask": f"touchline explain 1 -w {directory} --as-of 2026-06-24T08:00:00Z",
    }


def _report(workspace: Workspace, summary: dict[str, Any]) -> report.Report:
    setting = report.Setting.of(workspace.playbook)
    relationships = workspace.engine.collect(workspace.relationships(UNTIL))
    interactions = workspace.engine.collect(_of_customers(workspace))
    picks = report.choose(relationships, STORIES)
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
    )


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
    """The customer's stage every fortnight since their first row, worked out row by row as of then."""
    own = workspace.people().filter(pl.col("customer") == customer)
    personas = [Persona(*one) for one in own.select("persona_id", "type", "draw").iter_rows()]
    told = list(rows.iter_rows(named=True))
    first = min((row["occurred_at"] for row in told), default=UNTIL)
    at_instants = (
        (at, Evaluator(told, personas, workspace.playbook, at).measure("stage")) for at in range(first, UNTIL, 14 * DAY)
    )
    return [(at, str(stage)) for at, stage in at_instants if stage is not None]
