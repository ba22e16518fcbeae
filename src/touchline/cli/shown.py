"""In: the results of verbs. Out: words and tables for people. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from touchline.cli import output
from touchline.kernel.errors import Fault
from touchline.playbook import Playbook
from touchline.playbook.checking.wording import MayHold
from touchline.playbook.steps import GoneStep
from touchline.workspace.importing import MEANINGS


def faults(found: Sequence[Fault]) -> None:
    """Every fault of a playbook, one line each, and how many there are."""
    for fault in found:
        place = f"{fault.file}:{fault.line}" if fault.line else fault.file
        output.say(f"{place}  {fault.what}")
        output.say(f"    {fault.remedy}", "dim")
    output.say(f"{len(found)} fault{'s' if len(found) != 1 else ''}.", "bold")


def sound(book: Playbook, holding: Sequence[MayHold], gone: Sequence[GoneStep]) -> None:
    """A playbook without faults: what it has, what may hold a message, whose step is gone."""
    output.say(
        f"No faults. {len(book.touchpoints)} touchpoints, {len(book.conversations)} conversations, "
        f"{len(book.programmes)} programmes, {len(book.pools)} pools of gifts, {len(book.imports)} imports; digest {book.digest}."
    )
    for one in holding:
        output.say(
            f"{one.file}:{one.line}  without `{one.name}` the message is held; a `default` would let it go.", "dim"
        )
    for step in gone:
        output.say(str(step), "yellow")


def imported(result: Mapping[str, Any], dry_run: bool) -> None:
    """What an import did."""
    verb = "would be accepted" if dry_run else "accepted"
    output.say(
        f"{result['read']:,} lines read, {result['rejected']:,} rejected; {result['accepted']:,} interactions {verb}, "
        f"{result['duplicates']:,} known already by their key; {result['customers']:,} customers in the file."
    )
    if result["differing"]:
        output.say(
            f"  {result['differing']:,} of those with the key of an earlier line of the file, but other content: the first was "
            "taken. Where both are interactions of their own, add the columns that tell them apart to `id.key`.",
            "yellow",
        )
    for reason, lines in sorted(result["reasons"].items(), key=lambda each: -each[1]):
        output.say(f"  {lines:,} {reason}: {MEANINGS.get(reason, 'as the import says')}", "yellow")
    if result["rejects_file"]:
        output.say(f"Their numbers: {result['rejects_file']}", "yellow")


def relationships(frame: pl.DataFrame, wanted: Sequence[str] | None, summary: Sequence[str]) -> None:
    """The table; without --columns only measures that fit a screen."""
    if frame.is_empty():
        output.say("No customer fits. Import some, or loosen the condition.", "dim")
        return
    if frame.height == 1 and wanted is None:
        row = frame.row(0, named=True)
        output.rows(
            ["measure", "value"],
            [(name, value) for name, value in row.items() if value not in (None, 0, False)],
            right=[1],
        )
        return
    kept = [name for name in frame.columns if wanted is not None or name == "customer" or name in summary]
    output.frame(frame.select(kept))


def decided(summary: Mapping[str, Any], dry_run: bool) -> None:
    """Who would hear what, and who is held by what."""
    customers = summary["customers"]
    output.say(
        f"{summary['decided']:,} of {customers:,} customers have something to hear"
        f"{' (dry run: nothing was written)' if dry_run else ''}; {summary['eligible']:,} are open for something."
    )
    reached = sorted(((n, name) for name, n in summary["by_conversation"].items() if n), reverse=True)
    if reached:
        output.rows(["conversation", "customers"], [(name, f"{n:,}") for n, name in reached], right=[1])
    held = sorted(((n, name) for name, n in summary["held"].items() if n), reverse=True)
    if held:
        output.say("Held, by policy (a customer may be held by several, and still hear something else):", "dim")
        output.rows(["policy", "customers"], [(name, f"{n:,}") for n, name in held], right=[1])


def explained(result: Mapping[str, Any]) -> None:
    """Every candidate of one customer, as sentences."""
    for line in result["lines"]:
        output.say(line, "dim" if line.startswith("  ") else None)


def verified(report: Mapping[str, Any]) -> None:
    """Each check, how much it looked at, and what it found."""
    for check in report["checks"]:
        mark = "ok" if not check["faults"] else f"{len(check['faults'])} found"
        output.say(
            f"{check['check']:<14} {check['looked_at']:>12,} {check['of']:<16} {mark}",
            None if not check["faults"] else "red",
        )
        for fault in check["faults"]:
            output.say(f"    {fault}")
    output.say("Everything agrees with the ledger." if not report["faults"] else f"{report['faults']} faults.", "bold")


def measured(figures: Mapping[str, Any]) -> None:
    """One benchmark."""
    output.say(
        f"{figures['id']} {figures['work']}: {figures['figure']} {figures['unit']}, reference {figures['reference']}, "
        f"ratio {figures['ratio']}, peak {figures['peak_mib']} MiB, target {'met' if figures['met'] else 'missed'}"
    )


def demonstrated(result: Mapping[str, Any]) -> None:
    """What the demonstration built, and where its report is."""
    output.say(
        f"{result['organisation']}: {result['interactions']:,} interactions of {result['customers']:,} customers, "
        f"{result['decided']:,} with something to hear."
    )
    output.say(f"Report: {result['report']}")
    output.say(f"Ask it yourself: {result['ask']}", "dim")


def erased(result: Mapping[str, Any]) -> None:
    """What went, and what stays."""
    for one in result["erased"]:
        output.say(
            f"Customer {one['customer']} is erased: {one['personas']} identifiers, {one['messages']} messages,"
            f" {one['events']} events that intake kept."
        )
    rows = sum(one["rows"] for one in result["erased"])  # they leave the ledger together
    output.say(f"{rows} interactions went out of the ledger.")
    output.say(f"What stays: {'; '.join(result['kept'])}.", "dim")
    if not result["finished"]:
        output.say("Somebody is reading the database file; the loop clears it at its next turn.", "dim")
