"""In: one customer's measures and rows. Out: the facts row: stage, money, value, dialogue, care, consents. Writes no
interactions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from touchline.interactions.catalogue import KINDS
from touchline.kernel.measures import LONGEST_WINDOW_DAYS
from touchline.kernel.times import DAY
from touchline.kernel.types import Value
from touchline.report import figures
from touchline.report.marks import Row
from touchline.report.setting import Setting


def facts(
    measures: Mapping[str, Value], rows: Sequence[Row], setting: Setting, now: int
) -> tuple[tuple[str, str], ...]:
    """The facts row: stage, money, value exchanged, dialogue, care, contact, what they agreed to."""
    purchases = sum(1 for row in rows if row["kind"] == "bought")
    made: list[tuple[str, str]] = []
    stage = measures.get("stage")
    last = max(
        (row["occurred_at"] for row in rows if KINDS[row["kind"]].way == "in" and not row["machine"]), default=None
    )
    made.append(
        (
            "stage",
            figures.words(str(stage)) + (f", last act {figures.ago(last, now)}" if last is not None else "")
            if stage
            else "unknown",
        )
    )
    revenue = measures.get("sum.revenue")
    if isinstance(revenue, int | float):
        made.append(
            ("revenue", f"{figures.money(float(revenue), setting.currency)} in {figures.plural(purchases, 'purchase')}")
        )
    balance, given, asked = (measures.get(f"value.{name}") for name in ("balance", "given", "asked"))
    if isinstance(given, int | float) and isinstance(asked, int | float):
        shown = f", balance {figures.signed(float(balance))}" if isinstance(balance, int | float) else ""
        made.append(
            (
                "given and asked, points",
                f"{figures.number(float(given), 1)} and {figures.number(float(asked), 1)}{shown}",
            )
        )
    made.append(("dialogue", _dialogue(measures, rows, now)))
    made.append(("care", _care(measures)))
    agreed = _agreed(measures)
    made.append(("agreed to", agreed or "nothing on record"))
    return tuple(made)


def _dialogue(measures: Mapping[str, Value], rows: Sequence[Row], now: int) -> str:
    """Open and overdue questions; of those of the last year, which the measure looks at, the share answered in time."""
    open_, overdue, share = (measures.get(f"dialogue.{name}") for name in ("open", "overdue", "answered"))
    asked = [row["occurred_at"] for row in rows if row["kind"] == "asked" and not row["machine"]]
    if not asked:
        return "no question asked"
    late = f", {figures.number(int(overdue))} overdue" if isinstance(overdue, int | float) and overdue else ""
    waiting = int(open_) if isinstance(open_, int | float) else 0
    parts = [f"{figures.plural(waiting, 'question')} open{late}" if waiting else "nothing open"]
    recent = sum(1 for at in asked if at > now - LONGEST_WINDOW_DAYS * DAY)
    if isinstance(share, int | float) and recent:
        parts.append(f"{figures.percent(float(share), 0)} of the year’s {figures.number(recent)} answered in time")
    return "; ".join(parts)


def _care(measures: Mapping[str, Value]) -> str:
    due, missed = measures.get("care.due"), measures.get("care.missed")
    parts = ["due now" if due else "nothing due" if due is not None else "unknown"]
    if isinstance(missed, int) and missed:
        parts.append(f"missed {figures.number(missed)} times" if missed > 1 else "missed once")
    return ", ".join(parts)


def _agreed(measures: Mapping[str, Value]) -> str:
    """`care, selling by email; care by post`."""
    channels: dict[str, list[str]] = defaultdict(list)
    for name, value in measures.items():
        if name.startswith("consent.") and value is True:
            purpose, _, channel = name.removeprefix("consent.").partition("_")
            channels[channel].append(purpose)
    return "; ".join(f"{', '.join(purposes)} by {figures.words(channel)}" for channel, purposes in channels.items())
