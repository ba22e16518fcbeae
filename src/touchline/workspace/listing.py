"""In: a text, a condition, an order. Out: the customers who are meant, and a page of them. Writes no interactions.

Whoever is named by an identifier is found by the tables of recognition alone. A condition needs the whole base: its answer is
kept for as long as the ledger stands still, a minute at most, and the pages of it are cut from that.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline import playbook, recognition
from touchline.expressions import to_frame
from touchline.kernel.errors import UnknownName
from touchline.kernel.measures import column
from touchline.kernel.names import did_you_mean
from touchline.kernel.spreadsheets import guarded_frame
from touchline.kernel.times import MINUTE
from touchline.kernel.types import Value
from touchline.recognition.counting import counts
from touchline.recognition.staging import read
from touchline.relationship.combining import CUSTOMER_ROLES
from touchline.relationship.reference import Evaluator, Persona
from touchline.report.marks import Row
from touchline.workspace import portrait as portraits

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

KEPT = 24
"""Answers that a process keeps."""
MOST_FOUND = 50
COUNT_HOLDS = 10 * MINUTE
"""How long the number of all customers is not counted again."""
SHORTEST = 3
"""Characters from which the beginning of a name or identifier is looked for."""

_NUMBER = {"customer": pl.Int64}
_lock = threading.RLock()


@dataclass(frozen=True)
class Listed:
    """One customer of a page: rows by time, and the measures asked for."""

    customer: int
    name: str
    rows: Sequence[Row]
    measures: dict[str, Value]


def found(workspace: Workspace, text: str) -> list[int]:
    """Customers whom a text may mean: by an exact identifier; else by its beginning, and by the beginning of a name."""
    asked = text.strip()
    if not asked:
        return []
    exact = recognition.find(asked, workspace.playbook.organisation.country)
    if exact or len(asked) < SHORTEST:
        return exact
    beginning = asked.casefold()
    told = read(
        "SELECT DISTINCT customer FROM recognition_persona WHERE value >= %s AND value < %s LIMIT %s",
        _NUMBER,
        [beginning, f"{beginning}\U0010ffff", MOST_FOUND],
    )
    by_name = named(workspace).filter(
        pl.col("name").str.starts_with(beginning) | pl.col("name").str.contains(f" {beginning}", literal=True)
    )
    return list(dict.fromkeys([*by_name.head(MOST_FOUND)["customer"].to_list(), *told["customer"].to_list()]))[
        :MOST_FOUND
    ]


def named(workspace: Workspace) -> pl.DataFrame:
    """[persona_id, customer, name]: who told a name, small letters; read once, then only what is new."""
    with _lock:
        kept: dict[str, Any] = workspace.stores.get("names", lambda: {"seq": 0, "frame": None, "erased": 0})
        seq, erased = workspace.ledger.last_seq(), counts()[1]
        if kept["erased"] != erased:  # the ledger's seq does not move where rows go
            kept.update(seq=0, frame=None, erased=erased)
        if kept["frame"] is None or seq > kept["seq"]:
            kept["frame"] = _names_since(workspace, kept["seq"], kept["frame"])
            kept["seq"] = seq
        frame: pl.DataFrame = kept["frame"]
    return frame


def _names_since(workspace: Workspace, seq: int, before: pl.DataFrame | None) -> pl.DataFrame:
    wanted = ("persona_id", "kind", "occurred_at", "payload")
    rows = workspace.ledger.frame(workspace.engine, wanted, seq_after=seq)
    told = workspace.engine.collect(rows.filter(nw.col("kind") == "identified", ~nw.col("payload").is_null()))
    parts = [pl.col("payload").str.json_path_match(f"$.{part}") for part in ("name", "first_name", "last_name")]
    name = pl.coalesce(parts[0], pl.concat_str(parts[1:], separator=" ", ignore_nulls=True))
    fresh = (
        told.sort("occurred_at")
        .select("persona_id", name=name.str.to_lowercase().str.strip_chars())
        .filter(pl.col("name").str.len_chars() > 0)
    )
    owners = workspace.people().select("persona_id", "customer")
    known = fresh if before is None else pl.concat([before.select("persona_id", "name"), fresh])
    return known.unique("persona_id", keep="last", maintain_order=True).join(owners, on="persona_id").sort("name")


def counted(workspace: Workspace, where: str) -> int:
    """How many customers a condition holds for; raises ExpressionFault."""
    return len(chosen(workspace, where)) if where.strip() else total(workspace)


def total_if_known(workspace: Workspace) -> int | None:
    """The same where it was counted lately; None where it would have to be counted now."""
    kept: dict[str, Any] = workspace.stores.get("customers counted", dict)
    return int(kept["n"]) if kept.get("at") == workspace.clock.now() // COUNT_HOLDS else None


def total(workspace: Workspace) -> int:
    """How many customers recognition knows."""
    at = workspace.clock.now() // COUNT_HOLDS
    kept: dict[str, Any] = workspace.stores.get("customers counted", dict)
    if kept.get("at") != at:
        marks = ", ".join(["%s"] * len(CUSTOMER_ROLES))
        sql = f"SELECT COUNT(*) AS customer FROM recognition_persona WHERE customer = persona_id AND role IN ({marks})"  # noqa: S608 - marks alone
        kept.update(at=at, n=int(read(sql, _NUMBER, list(CUSTOMER_ROLES))["customer"][0]))
    return int(kept["n"])


def chosen(workspace: Workspace, where: str, order: str | None = None, *, down: bool = False) -> list[int]:
    """Customers for whom a condition holds, in an order; by number where none is named, unknown values last.

    Raises ExpressionFault for a faulty condition, UnknownName for what is no measure.
    """
    with _lock:
        kept: OrderedDict[Any, list[int]] = workspace.stores.get("customers chosen", OrderedDict)
        key = (
            where,
            order,
            down,
            workspace.playbook.digest,
            workspace.ledger.last_seq(),
            counts()[1],
            workspace.clock.now() // MINUTE,
        )
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
    made = _chosen(workspace, where, order, down=down)
    with _lock:
        kept[key] = made
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return made


def _chosen(workspace: Workspace, where: str, order: str | None, *, down: bool) -> list[int]:
    condition = playbook.condition(where, workspace.playbook) if where.strip() else None
    if order is not None and workspace.playbook.measures.type_of(order) is None:
        raise UnknownName(f"measure {order!r}", remedy=did_you_mean(order, workspace.playbook.measures.known()))
    wanted = list(dict.fromkeys([*([] if order is None else [order]), *(condition.names if condition else ())]))
    frame = workspace.relationships(measures=wanted or ["stage"])
    if condition is not None:
        # A condition that names no measure is one value, which a filter would not take.
        frame = frame.filter(to_frame(condition) & (nw.col("customer") >= 0))
    told = workspace.engine.collect(frame.select("customer", *([] if order is None else [column(order)])))
    if order is None:
        return told["customer"].sort(descending=down).to_list()
    return told.sort([column(order), "customer"], descending=[down, False], nulls_last=True)["customer"].to_list()


def first(start: int, many: int) -> list[int]:
    """Customers by number, without looking at what they did."""
    marks = ", ".join(["%s"] * len(CUSTOMER_ROLES))
    where = f"customer = persona_id AND role IN ({marks})"
    sql = f"SELECT persona_id AS customer FROM recognition_persona WHERE {where} ORDER BY persona_id LIMIT %s OFFSET %s"  # noqa: S608 - marks alone
    return read(sql, _NUMBER, [*CUSTOMER_ROLES, many, start])["customer"].to_list()


def export(workspace: Workspace, customers: Sequence[int], measures: Sequence[str]) -> str:
    """These customers in this order with these measures as CSV, harmless in a spreadsheet."""
    asked = pl.DataFrame({"customer": customers}, schema=_NUMBER)
    frame = workspace.relationships(measures=list(measures)).select("customer", *(column(name) for name in measures))
    told = asked.join(workspace.engine.collect(frame), on="customer", how="inner", maintain_order="left")
    return guarded_frame(told.rename({column(name): name for name in measures})).write_csv()


def page(workspace: Workspace, customers: Sequence[int], measures: Sequence[str]) -> list[Listed]:
    """These customers in this order, with names, rows and measures; who is gone is left out."""
    if not customers:
        return []
    now = workspace.clock.now()
    people = recognition.people(of=pl.Series(list(customers), dtype=pl.Int64))
    owner = dict(people.select("persona_id", "customer").iter_rows())
    mine: dict[int, list[dict[str, Any]]] = {}
    for row in portraits.rows_of(workspace, people, now):
        mine.setdefault(owner[row["persona_id"]], []).append(row)
    made = []
    for (customer,), own in people.partition_by("customer", as_dict=True, maintain_order=True).items():
        number, rows = int(str(customer)), mine.get(int(str(customer)), [])
        told = [row for row in rows if not row["machine"]]
        evaluator = Evaluator(
            told,
            [Persona(*one) for one in own.select("persona_id", "type", "draw").iter_rows()],
            workspace.playbook,
            now,
        )
        values = {name: evaluator.measure(name) for name in measures} if told else {}
        made.append(Listed(number, portraits.named(portraits.traits_in(rows), number), rows, values))
    place = {number: index for index, number in enumerate(customers)}
    return sorted(made, key=lambda one: place[one.customer])
