"""In: a `warranty` workspace. Out: a synthetic company in it, and days that it lives on in step with the loop. Writes its people's interactions.

In such a workspace now is the world's clock, for every command.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from touchline.delivery import calls
from touchline.delivery.senders import ConsoleSender, Sender
from touchline.intake import buffer
from touchline.kernel.times import FixedClock, format_instant, parse_instant
from touchline.recognition.staging import read
from touchline.workspace import carrying, running
from touchline.workspace.worldly import CLOCK, WorldFault, clock_of
from touchline.world.warranty import Company

if TYPE_CHECKING:
    from touchline.workspace.importing import Tell
    from touchline.workspace.opened import Workspace

UNTIL = parse_instant("2026-06-24T10:00:00+02:00")
"""Where the world's history ends unless it is told otherwise: a Wednesday, ten o'clock in Berlin."""

SOURCE = "world"
FILLING = "filling.json"
"""Stands in the world's folder while its history is imported, with what was asked for."""

_CODE = {"message_id": pl.String, "pool": pl.String, "code": pl.String}


def fill(
    workspace: Workspace, *, customers: int, days: int, seed: int, until: int = UNTIL, tell: Tell | None = None
) -> dict[str, Any]:
    """Make the company's history and import it; from now on the workspace's clock is the world's."""
    settings = workspace.settings
    if (settings.world / CLOCK).exists():
        raise WorldFault("there is a world already", remedy="Let it live on with --forward, or make another workspace.")
    asked = json.dumps({"customers": customers, "days": days, "seed": seed, "until": until})
    filling = settings.world / FILLING
    begun = filling.exists() and filling.read_text(encoding="utf-8") == asked
    if workspace.ledger.count() and not begun:
        raise WorldFault(
            "the workspace holds interactions", remedy="Make one with `touchline new DIR --template warranty`."
        )
    if "renewal" not in workspace.playbook.programmes:
        raise WorldFault(
            "the playbook is not the warranty company's: it has no programme `renewal`",
            remedy="Make a workspace with `touchline new DIR --template warranty`.",
        )
    settings.world.mkdir(parents=True, exist_ok=True)
    filling.write_text(
        asked, encoding="utf-8"
    )  # interrupted and asked for again it goes on: files that are in add nothing
    company = Company(None, customers, days, seed, until=until)
    if tell is not None:
        tell("living the history", 0, None, "days")
    counted: Counter[str] = Counter()
    for path, name in company.history(settings.state / "history"):
        result = workspace.import_files([path], name, tell=tell)
        counted.update({"accepted": result["accepted"], "rejected": result["rejected"]})
    _keep(workspace, company, workspace.ledger.last_seq())
    filling.unlink()
    return {
        "customers": customers, "days": days, "seed": seed, "now": format_instant(company.now),
        "interactions": counted["accepted"], "rejected": counted["rejected"],
    }  # fmt: skip


def forward(
    workspace: Workspace,
    days: int,
    *,
    senders: Mapping[str, Sender] | None = None,
    tell: Tell | None = None,
    calls_wait: bool = False,
) -> dict[str, Any]:
    """Live so many days: each day its people act, then the loop runs until it is idle, then the day's calls are made.

    senders     else the workspace's own, e-mails into a console where no server is set
    calls_wait  the last day's calls are left for somebody at the desk to make; a day that follows makes them
    """
    clock = workspace.clock
    if not isinstance(clock, FixedClock) or clock_of(workspace.settings) is None:
        raise WorldFault("the workspace is no world's", remedy="Fill it first: `touchline world`.")
    company = Company.restore(workspace.settings.world)
    events, messages, reached = 0, Counter[str](), Counter[str]()
    with carrying.opened(workspace, senders if senders is not None else _senders(workspace)) as carried:
        for day in range(days):
            contacts, seen = _contacts(workspace)
            happened = company.day(contacts)
            clock.instant = company.now
            for path, name in company.enrolled(workspace.settings.state / "enrolled"):
                workspace.import_files([path], name)
            accepted = buffer.accept(happened, received_at=company.now, source=SOURCE)
            if accepted.faults:
                raise WorldFault(f"an event of the world was refused: {accepted.faults[0][1]}")
            events += accepted.accepted
            messages.update(running.loop(workspace, carried, until_idle=True).messages)
            if not (calls_wait and day == days - 1):
                reached.update(_called(workspace, company))
            _keep(workspace, company, seen)
            if tell is not None:
                tell("living on", day + 1, days, "days")
    workspace.catch_up()
    return {
        "days": days, "now": format_instant(company.now), "events": events,
        "messages": dict(sorted(messages.items())), "calls": dict(sorted(reached.items())),
    }  # fmt: skip


def _senders(workspace: Workspace) -> dict[str, Sender]:
    found = carrying.senders_of(workspace)
    return {**found, **{channel: ConsoleSender(channel) for channel in carrying.without_sender(workspace)}}


def _keep(workspace: Workspace, company: Company, seen: int) -> None:
    """Put the world and its clock away; the clock last, so that a world without one is not there.

    seen   the ledger's seq up to which the people have heard what was said
    """
    folder = workspace.settings.world
    company.state(folder)
    draft = folder / f".{CLOCK}"
    draft.write_text(json.dumps({"now": company.now, "seen": seen}), encoding="utf-8")
    draft.replace(folder / CLOCK)
    if isinstance(workspace.clock, FixedClock):
        workspace.clock.instant = company.now
    else:
        workspace.clock = FixedClock(company.now)


def _contacts(workspace: Workspace) -> tuple[pl.DataFrame, int]:
    """(what was said since the day before, by user id; the ledger's seq up to which that is told)."""
    workspace.catch_up()
    last = workspace.ledger.last_seq()
    seen = int(json.loads((workspace.settings.world / CLOCK).read_text(encoding="utf-8"))["seen"])
    wanted = ("persona_id", "kind", "source", "conversation", "channel", "occurred_at", "message_id")
    rows = workspace.ledger.frame(workspace.engine, wanted, seq_after=seen, seq_until=last).filter(
        nw.col("source") == "outbox", nw.col("kind").is_in(["sent", "called"])
    )
    said = workspace.engine.collect(rows).join(workspace.people().select("persona_id", "customer"), on="persona_id")
    codes = read("SELECT message, pool, code FROM delivery_gift_code WHERE message IS NOT NULL", _CODE)
    users = user_ids(said["customer"])
    told = said.join(users, on="customer").join(codes, on="message_id", how="left")
    return told.select("user_id", "conversation", "channel", "message_id", "pool", "code", at="occurred_at"), last


def user_ids(customers: pl.Series) -> pl.DataFrame:
    """[customer, user_id]: the user ids of these customers."""
    found = read(
        "SELECT customer, value FROM recognition_persona WHERE type = 'user_id'",
        {"customer": pl.Int64, "user_id": pl.String},
    )
    return found.filter(pl.col("customer").is_in(customers.implode())).unique(
        "customer", keep="first", maintain_order=True
    )


def _called(workspace: Workspace, company: Company) -> Counter[str]:
    """Make the day's calls: each ends as the world has it."""
    open_ = pl.DataFrame(
        [(task.task, task.customer, task.conversation) for task in calls.tasks()],
        schema={"task": pl.Int64, "customer": pl.Int64, "conversation": pl.String},
        orient="row",
    )
    told: Counter[str] = Counter()
    known = open_.join(user_ids(open_["customer"]), on="customer")
    for (conversation,), some in known.partition_by("conversation", as_dict=True).items():
        outcomes = company.outcomes(some["user_id"].to_list(), str(conversation))
        for task, outcome in zip(some["task"], outcomes, strict=True):
            calls.close(task, outcome, "", workspace.clock.now())
            told[outcome] += 1
    return told
