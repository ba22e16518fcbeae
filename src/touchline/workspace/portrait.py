"""In: one customer's number. Out: everything that their page shows: rows, measures, stages, decision, permissions, identity. Writes no interactions.

It reads the customer's rows once and works everything out from them row by row, so that no page scans the base. Goal rates,
which need a scan, are learnt once for a while and shared by all pages of a process.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from touchline import decision, permission, recognition
from touchline.decision import Explanation
from touchline.decision.priority import Propensity
from touchline.interactions.row import SCHEMA
from touchline.kernel.engines import MEMORY
from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import column
from touchline.kernel.times import DAY, MINUTE
from touchline.kernel.types import Value
from touchline.playbook.compiled import Playbook
from touchline.recognition.staging import read
from touchline.relationship.deriving import measures_of
from touchline.relationship.reference import Evaluator, Persona
from touchline.report.marks import Row
from touchline.workspace import deciding, messages
from touchline.workspace.profiles import Traits, traits_of

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

RATES_HOLD = 15 * MINUTE
"""How long learnt goal rates serve pages; the gate learns its own."""

STAGES_EVERY = 14 * DAY
MOST_STAGES = 40
"""Instants at which the stage is worked out, at most."""

_learning = threading.Lock()


@dataclass(frozen=True)
class Link:
    """Two personas taken for one customer: by which rule, resting on what, from when, until when."""

    persona_a: int
    persona_b: int
    rule: str
    evidence: Mapping[str, Any]
    from_at: int
    to_at: int | None


@dataclass(frozen=True)
class Portrait:
    """One customer, as of now.

    rows          of the ledger and those it will hold, by time
    measures      measure -> value; empty for who has done nothing yet
    stages        (instant, stage) by time
    explanation   the decision explained; None where goal rates were not learnt yet and could not be waited for
    personas      persona_id, type, scope, value, shared
    messages      as `messages.SHOWN`, by time
    """

    customer: int
    now: int
    rows: Sequence[Row]
    traits: Traits
    measures: Mapping[str, Value]
    stages: Sequence[tuple[int, str]]
    explanation: Explanation | None
    personas: Sequence[Mapping[str, Any]]
    links: Sequence[Link]
    permissions: permission.Permissions
    messages: Sequence[Mapping[str, Any]]

    @property
    def name(self) -> str:
        """As they gave it, else their number."""
        return named(self.traits, self.customer)


def named(traits: Traits, customer: int) -> str:
    """The name that a customer gave, else their number."""
    whole = traits.get("name") or " ".join(
        str(traits[part]) for part in ("first_name", "last_name") if traits.get(part)
    )
    return str(whole) if whole else f"Customer {customer}"


def portrait(workspace: Workspace, customer: int, *, wait: bool = True) -> Portrait:
    """One customer's portrait; raises UnknownName.

    wait   learn the goal rates if they are not known; else there is no explanation until somebody learnt them
    """
    now = workspace.clock.now()
    people = recognition.people(of=pl.Series([customer], dtype=pl.Int64))
    if people.is_empty():
        raise UnknownName(f"customer {customer}", remedy="Look for them by an identifier on the page Customers.")
    rows = rows_of(workspace, people, now)
    told = [row for row in rows if not row["machine"]]
    owners = [Persona(*one) for one in people.select("persona_id", "type", "draw").iter_rows()]
    evaluator = Evaluator(told, owners, workspace.playbook, now)
    known = workspace.stores.get(
        f"measures of {workspace.playbook.digest}", lambda: measures_of(workspace.playbook, workspace.layout())
    )
    head = people.row(by_predicate=pl.col("persona_id") == customer, named=True)
    rates = learnt_rates(workspace, now, wait=wait)
    explanation = None
    values: dict[str, Value] = {}
    if told and head["role"] != "employee":
        values = {name: evaluator.measure(name) for name in known}
        if rates is not None and workspace.plan.candidates:
            wanted = {
                name: values[name] if name in values else evaluator.measure(name) for name in workspace.plan.measures
            }
            facts = {
                "customer": customer,
                "draw": head["draw"],
                **{column(name): value for name, value in wanted.items()},
            }
            explanation = decision.explain(facts, workspace.plan, rates, now)
    personas = recognition.identifiers([customer]).drop("customer").sort("persona_id").to_dicts()
    return Portrait(
        customer=customer,
        now=now,
        rows=rows,
        traits=traits_in(rows),
        measures=values,
        stages=stages(workspace.playbook, told, owners, now),
        explanation=explanation,
        personas=personas,
        links=links_of([one["persona_id"] for one in personas]),
        permissions=permission.permissions(people),
        messages=messages.of_personas(people["persona_id"].to_list()).to_dicts(),
    )


def rows_of(workspace: Workspace, people: pl.DataFrame, now: int) -> list[dict[str, Any]]:
    """All rows of these people [recognition.PEOPLE] until now, by time; each id once."""
    personas = people["persona_id"].to_list()
    waiting = workspace.awaited(now, personas)  # before the ledger, so that nothing falls between the two
    engine = MEMORY
    frame = workspace.ledger.frame(
        engine, tuple(SCHEMA.names), buckets=people["bucket"].unique().to_list(), occurred_until=now, personas=personas
    )
    kept = engine.collect(frame)
    mine = waiting.filter(pl.col("persona_id").is_in(people["persona_id"].implode()), pl.col("occurred_at") <= now)
    fresh = mine.filter(~pl.col("id").is_in(kept["id"].implode())).select(kept.columns)
    return pl.concat([kept, fresh], how="vertical_relaxed").sort("occurred_at", "seq").to_dicts()


def traits_in(rows: Sequence[Row]) -> Traits:
    """What they told of themselves, the latest of each trait."""
    told: Traits = {}
    for row in rows:
        if row["kind"] == "identified" and row["payload"]:
            told.update(traits_of(row["payload"]))
    return told


def links_of(personas: Collection[int]) -> list[Link]:
    """Links in force among these personas, and those that ended of which one of them is the younger side, the latest first.

    Both sides of a link in force are one customer's, so that the younger side's index finds all of them.
    """
    if not personas:
        return []
    marks = ", ".join(["%s"] * len(personas))
    schema = {
        "persona_a": pl.Int64, "persona_b": pl.Int64, "rule": pl.String, "evidence": pl.String, "from_at": pl.Int64, "to_at": pl.Int64,
    }  # fmt: skip
    found = read(
        f"SELECT {', '.join(schema)} FROM recognition_link WHERE persona_b IN ({marks})"  # noqa: S608 - marks alone
        " ORDER BY from_at DESC, link_id DESC",
        schema,
        list(personas),
    )
    return [Link(**{**row, "evidence": _object(row["evidence"])}) for row in found.iter_rows(named=True)]


def _object(text: str) -> Mapping[str, Any]:
    try:
        told = json.loads(text)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def stages(playbook: Playbook, rows: Sequence[Row], owners: Sequence[Persona], now: int) -> list[tuple[int, str]]:
    """(instant, stage): where it was another one than before, found to the day, and where it stands now.

    It is worked out every fortnight since the first row, at longer steps for who has been here long, and between two that differ.
    """
    if not rows:
        return []
    first = min(row["occurred_at"] for row in rows)
    step = max(STAGES_EVERY, (now - first) // MOST_STAGES)

    def stage(at: int) -> str | None:
        value = Evaluator(rows, owners, playbook, at).measure("stage")
        return None if value is None else str(value)

    found: list[tuple[int, str | None]] = [(first, stage(first))]
    for at in [*range(first + step, now, step), now]:
        low, became = found[-1][0], stage(at)
        high = at
        while became != found[-1][1] and high - low > DAY:
            middle = (low + high) // 2
            low, high = (middle, high) if stage(middle) == found[-1][1] else (low, middle)
        if became != found[-1][1]:
            found.append((high, became))
        found.append((at, became))
    return [(at, name) for at, name in found if name is not None]


def learnt_rates(workspace: Workspace, now: int, *, wait: bool) -> Propensity | None:
    """Goal rates learnt within the last while; learnt now where there are none and somebody waits."""
    kept: dict[str, tuple[int, Propensity]] = workspace.stores.get("rates for pages", dict)
    digest = workspace.playbook.digest
    found = kept.get(digest)
    if found is not None and 0 <= now - found[0] < RATES_HOLD:
        return found[1]
    if not workspace.plan.goals:
        return deciding.propensity(workspace, now)
    if not wait:
        return None if found is None else found[1]
    with _learning:
        found = kept.get(digest)
        if found is None or not 0 <= now - found[0] < RATES_HOLD:
            kept.clear()
            kept[digest] = found = (now, deciding.propensity(workspace, now))
    return found[1]
