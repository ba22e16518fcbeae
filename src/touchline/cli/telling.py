"""In: what the loop did, what waits, what was proven. Out: words and tables for people. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from touchline.cli import output

_BECAME = {
    "sent": "sent", "handed": "handed to people", "retry": "to be tried again", "held": "put off", "failed": "failed",
    "uncertain": "uncertain", "expired": "given up", "lost": "taken by another worker",
}  # fmt: skip


def ran(done: Mapping[str, Any]) -> None:
    """What the loop did."""
    output.say(
        f"{done['turns']:,} turns: {done['drained']:,} interactions came in, {done['reserved']:,} messages reserved, "
        f"{done['steps']:,} steps taken, {done['assigned']:,} customers drawn into an arm."
    )
    told = ", ".join(f"{n:,} {_BECAME.get(state, state)}" for state, n in done["messages"].items())
    output.say(f"Messages: {told}." if told else "No message was due.")
    for why, n in done["refused"].items():
        output.say(f"  {n:,} proposals got no reservation: {why}", "dim")
    for channel, why in done["without_sender"].items():
        output.say(f"Nobody carries {channel}: {why}. Its messages wait until they expire.", "yellow")
    for fault, n in done["failed"].items():
        output.say(f"{n:,} turns did not come to their end ({fault}); the next one took up what they left.", "yellow")


def lived(result: Mapping[str, Any]) -> None:
    """What the world did."""
    if "events" in result:
        output.say(f"{result['days']:,} days, {result['events']:,} events; it is {result['now']} there now.")
        calls = ", ".join(f"{n:,} {outcome.replace('_', ' ')}" for outcome, n in result["calls"].items())
        output.say(f"Calls: {calls}." if calls else "No calls were made.", "dim")
    else:
        output.say(
            f"{result['customers']:,} customers, {result['days']:,} days, {result['interactions']:,} interactions; "
            f"it is {result['now']} there now."
        )
        output.say("Next: touchline decide --dry-run; touchline run --until-idle; touchline world --forward 7", "dim")


def proven(result: Mapping[str, Any]) -> None:
    """Each programme against its control."""
    programmes: Sequence[Mapping[str, Any]] = result["programmes"]
    if not programmes:
        output.say(
            "No programme has a goal. Give one to it, and a holdout: `goal: {kind: renewed, within: 90 d}`.", "dim"
        )
        return
    for one in programmes:
        head = f"{one['name']}: {one['goal']} within {one['within'] / 86_400_000_000:g} days"
        if one["difference"] is None or not one["complete"]:
            output.say(f"{head}: {one['n']:,} customers so far, and nobody's time for it is over yet.")
            continue
        output.say(
            f"{head}: {_percent(one['treated'])} of {one['n_treated']:,} treated, {_percent(one['control'])} of "
            f"{one['n_control']:,} in control; difference {_points(one['difference'])} points "
            f"(95 % {_points(one['low'])} to {_points(one['high'])})."
        )
        output.say(f"  {one['method']}; {one['messages']:,} messages, cost {one['cost']:,.2f}.", "dim")
        if one["complete"] < one["n"]:
            output.say(
                f"  {one['n'] - one['complete']:,} of them still have time to reach it, in both arms alike.", "dim"
            )
        if not one["trusted"]:
            output.say(
                f"  The arms are not of the sizes that were drawn (p = {one['sample_ratio_p']:.2g}): do not trust the difference.",
                "yellow",
            )


def previewed(seen: Mapping[str, Any]) -> None:
    """A message as it would be read."""
    output.say(f"{seen['conversation']} by {seen['channel']}, wording {seen['variant']}, {seen['language']}", "bold")
    if seen["missing"]:
        output.say(f"It would be held: {', '.join(seen['missing'])} is not known of this customer.", "yellow")
        return
    if seen["subject"]:
        output.say(f"Subject: {seen['subject']}")
    output.say(seen["text"].strip() or ("(a letter)" if seen["out"] else "(a letter; write it with --out FILE.pdf)"))
    for line in seen["say"]:
        output.say(f"- {line}")
    if seen["out"]:
        output.say(f"Written to {seen['out']}.", "dim")


def outbox(found: pl.DataFrame, counts: Mapping[str, int]) -> None:
    """How many messages are in which state, and the latest."""
    if not counts:
        output.say("Nothing was reserved yet. `touchline run` reserves what is decided, and sends it.", "dim")
        return
    output.say(", ".join(f"{n:,} {state}" for state, n in counts.items()))
    if not found.is_empty():
        told = found.select(
            "customer",
            "conversation",
            "channel",
            "state",
            "reason",
            reserved=pl.from_epoch("reserved_at", time_unit="us"),
        )
        output.frame(told)


def stopped(found: Sequence[Mapping[str, Any]], *, news: bool) -> None:
    """What is stopped, and what waits for it."""
    if not found:
        output.say("Nothing is stopped.", "dim")
    for one in found:
        everything = "everything" if one["service_too"] else "everything but what is owed"
        what = everything if one["sort"] == "all" else f"{one['sort']} {one['name']}"
        output.say(f"Stopped: {what}, since {one['since']}; {one['waiting']:,} messages wait.", "yellow")
    if news:
        output.say("No worker begins another one. Let it go on: touchline resume", "dim")


def calls(tasks: Sequence[Mapping[str, Any]]) -> None:
    """Calls to make, each with its brief."""
    if not tasks:
        output.say("No calls to make.", "dim")
    for task in tasks:
        brief = task["brief"]
        who = brief.get("who", {})
        output.say(
            f"{task['task']}  customer {task['customer']}, {who.get('name', '')} {who.get('number', '')}".rstrip(),
            "bold",
        )
        output.say(f"    {task['conversation']}, until {task['expires_at']}", "dim")
        why = brief.get("why", {}).get("words", "").strip()
        if why:
            output.say(f"    why: {' '.join(why.split())}")
        for line in brief.get("say", []):
            output.say(f"    say: {line}")
        for line in brief.get("before", []):
            output.say(f"    before: {line['at']} {line['what']} at {line['where']}", "dim")
        known = brief.get("never_ask", [])
        names = known if isinstance(known, list) else list(known)
        if names:
            output.say(f"    do not ask for: {', '.join(str(name) for name in names)}", "dim")
    if tasks:
        output.say("Close one: touchline calls close NUMBER --outcome reached", "dim")


def gifts(pools: Sequence[Mapping[str, Any]]) -> None:
    """What is left of each pool."""
    if not pools:
        output.say("The playbook has no pools. Write playbook/gifts.yaml.", "dim")
        return
    body = [(p["pool"], p["left"], p["given"], p["redeemed"], p["worth"], p["budget"]) for p in pools]
    output.rows(["pool", "left", "given", "used", "worth given", "budget"], body, right=[1, 2, 3, 4, 5])


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f}"
