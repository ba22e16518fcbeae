"""In: a compiled playbook, and rows of kind `stepped`. Out: how many stand at steps that are gone, and where they go. Writes no interactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw

from touchline.playbook.compiled import Playbook, Programme, Step

Frame = nw.LazyFrame[Any]

_LEFT = 999
"""Who left a programme comes after every step that they stood at in the same instant."""


@dataclass(frozen=True, order=True)
class GoneStep:
    """A step where customers stand, and that the playbook no longer has.

    n     customers who stand there
    to    id of the step that they go on to; None: they leave, for nothing that followed it remains
    """

    programme: str
    step: str
    n: int
    to: str | None

    def __str__(self) -> str:
        stand = "1 customer stands" if self.n == 1 else f"{self.n:,} customers stand"
        on = f"goes on to `{self.to}`" if self.to is not None else "leaves the programme"
        if self.n != 1:
            on = f"go on to `{self.to}`" if self.to is not None else "leave the programme"
        return f"{stand} at the step `{self.step}` of `{self.programme}`, which is gone, and {on}."


def step_of(programme: Programme, name: str) -> Step | None:
    """The step at which someone stands whose row bears this name: its own, else the first that remains of those after it.

    First is first in the programme as it is now, so that an edit that also changes the order skips nothing.
    name   `,ID,ID,…,`: the step that they came to and all that followed it then; None where none of them remains
    """
    own, *after = name.strip(",").split(",")
    remaining = {step.id: step for step in programme.steps}
    return remaining.get(own) or next((step for step in programme.steps if step.id in after), None)


def standing(stepped: Frame) -> Frame:
    """programme, name, n: how many customers stand where, by the rows of kind `stepped`; who left stands nowhere.

    stepped   customer, programme, step, name, occurred_at; a linked customer's personas have one `customer`
    """
    step = nw.when(nw.col("step") > 0).then(nw.col("step").cast(nw.Int64)).otherwise(nw.lit(_LEFT))
    rows = stepped.select("customer", "programme", "name", _order=nw.col("occurred_at") * 1000 + step)
    last = rows.group_by("customer", "programme").agg(nw.col("_order").max())
    stand = rows.join(last, on=["customer", "programme", "_order"], how="inner")
    stand = stand.group_by("customer", "programme").agg(nw.col("name").max())
    return stand.filter(~nw.col("name").is_null()).group_by("programme", "name").agg(n=nw.len())


def steps_gone(playbook: Playbook, rows: Frame) -> list[GoneStep]:
    """Every step that is gone while customers stand there, by programme and step.

    rows   programme, name (as `stepped` has it; NULL where left), n: where people stand now, one row or several a name
    """
    summed = rows.filter(~nw.col("name").is_null()).group_by("programme", "name").agg(nw.col("n").sum())
    gone: dict[tuple[str, str, str | None], int] = {}
    # A row a name: as many as steps that a programme ever had, however many customers there are.
    for row in summed.collect().iter_rows(named=True):
        at = row["name"].strip(",").partition(",")[0]
        programme = playbook.programmes.get(row["programme"])
        now = None if programme is None else step_of(programme, row["name"])
        if now is None or now.id != at:
            key = (row["programme"], at, None if now is None else now.id)
            gone[key] = gone.get(key, 0) + int(row["n"])
    return sorted(
        (GoneStep(programme, step, n, to) for (programme, step, to), n in gone.items() if n),
        key=lambda one: (one.programme, one.step, one.to or ""),
    )
