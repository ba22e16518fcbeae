"""In: a workspace, its clock, its senders. Out: the loop's counts. Writes `assigned`, `stepped`, `sent`, `called`, `failed` and what comes in.

One turn drains what came in, decides for those whom it touched (everybody at each tick), reserves through the gate, and hands
what is due to the senders. Every part takes up what another left, so a turn that dies costs nothing but time.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl
from django.db import close_old_connections

from touchline.decision import Plan
from touchline.delivery import duties, showing
from touchline.delivery.gate import reserve
from touchline.kernel.times import MINUTE, FixedClock
from touchline.recognition.staging import read
from touchline.workspace import carrying, deciding, erasing, states, stopping, writing
from touchline.workspace.looking import owners_of
from touchline.workspace.worldly import WorldFault

if TYPE_CHECKING:
    from touchline.workspace.importing import Tell
    from touchline.workspace.opened import Workspace

_log = logging.getLogger("touchline.worker")
_log.addHandler(logging.NullHandler())  # whoever runs a service says where it goes

EVERY = 15 * MINUTE
"""Between two ticks, at which everybody is decided for."""

PAUSE = 1.0
"""Seconds that an idle worker waits before it looks again."""

AT_ONCE = 20_000
"""Customers whose proposals go through the gate in one transaction."""

FAILED = "failed: "
"""What is told of a turn that did not come to its end begins so; the fault's name follows."""

MOST_TURNS = 1_000
"""Turns that `--until-idle` takes at most: a loop that never comes to rest is a fault to be told."""


@dataclass
class Done:
    """What the loop did.

    turns      of the loop
    customers  decided for, each as often as it was
    drained    interactions that came in
    steps      rows of sequences
    assigned   drawn into arms
    reserved   messages
    refused    why a proposal got no reservation -> how many
    messages   what became of messages -> how many: sent, handed, held, failed, expired, uncertain, retry
    without_sender  channel that nobody carries -> what to set, or why nobody does
    failed     turns that did not come to their end, by the fault
    """

    turns: int = 0
    customers: int = 0
    drained: int = 0
    steps: int = 0
    assigned: int = 0
    reserved: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    without_sender: dict[str, str] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The object that `touchline run --json` prints."""
        return {
            **vars(self),
            "failed": dict(sorted(self.failed.items())),
            "refused": dict(sorted(self.refused.items())),
            "messages": dict(sorted(self.messages.items())),
        }


def run(
    workspace: Workspace,
    *,
    until_idle: bool,
    senders: Mapping[str, Any] | None = None,
    tell: Tell | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Done:
    """Turn until nothing is left to do, or for ever; `stop` is asked between turns.

    Raises WorldFault for an endless run where the clock stands still.
    """
    if not until_idle and isinstance(workspace.clock, FixedClock):
        raise WorldFault(
            "the clock stands still here, so that no tick would ever come",
            remedy="Let the world live on: `touchline world --forward DAYS`; or take one turn: `touchline run --until-idle`.",
        )
    with carrying.opened(workspace, senders) as carried:
        done = loop(workspace, carried, until_idle=until_idle, tell=tell, stop=stop)
        if senders is None:
            done.without_sender.update(carrying.without_sender(workspace))
    return done


def loop(
    workspace: Workspace,
    carried: carrying.Carried,
    *,
    until_idle: bool,
    tell: Tell | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Done:
    """The same with senders that are open already, and stay so."""
    done = Done(without_sender=dict(carried.broken))
    ticked, seen = -EVERY, workspace.ledger.last_seq()
    while not stop():
        now = workspace.clock.now()
        everybody = now - ticked >= EVERY
        ticked = now if everybody else ticked
        try:
            erasing.finish(workspace)
            # Of several workers one decides for everybody; each of them decides for those whom it sees touched.
            everybody = everybody and (until_idle or duties.take("tick", carried.worker, now, EVERY))
            if everybody and duties.take("housekeeping", carried.worker, now, EVERY):
                states.keep_house(workspace)
            moved, seen = turn(workspace, carried, done, None if everybody else seen)
        except Exception as error:
            if until_idle:
                raise
            # A busy store, or one that is away for a while: what was done is whole, and the next turn takes it up.
            done.failed[type(error).__name__] += 1
            _log.error("a turn failed", exc_info=error)
            close_old_connections()  # one that was lost stays so; the next turn opens another
            if tell is not None:
                tell(FAILED + type(error).__name__, done.turns, None, "turns")
            ticked, moved = -EVERY, False
        if tell is not None:
            tell("running", done.turns, None, "turns")
        if until_idle and ((not moved and not everybody) or done.turns >= MOST_TURNS):
            break
        if not until_idle and not moved:
            time.sleep(PAUSE)
    return done


def turn(workspace: Workspace, carried: carrying.Carried, done: Done, seen: int | None) -> tuple[bool, int]:
    """One turn: (whether anything moved, the ledger's last seq that it has seen).

    seen   only those are decided for whom later rows of the ledger touched; None: everybody
    """
    done.turns += 1
    workspace.catch_up()
    now, last = workspace.clock.now(), workspace.ledger.last_seq()
    customers = None if seen is None else _touched(workspace, seen, last)
    moved = bool(customers)
    if workspace.plan.candidates and (customers is None or customers):
        moved = _decided(workspace, carried, now, customers, done) or moved
    showing.settle(now)
    said = carried.deliver(now)
    done.messages.update(said)
    done.drained += last - (seen if seen is not None else last)
    return moved or bool(said), last


def _one_turn(proposals: pl.DataFrame, now: int) -> pl.DataFrame:
    """The proposals without those for customers who have had their turn since the last tick; what is owed is no turn.

    Arbitration gives one thing to say at a time; deciding again as soon as it is said would make that two.
    """
    had = read(
        "SELECT DISTINCT customer FROM delivery_message WHERE reserved_at > %s AND talk_class > 1",
        {"customer": pl.Int64},
        [now - EVERY],
    )
    return proposals.filter((pl.col("class") == 1) | ~pl.col("customer").is_in(had["customer"].implode()))


def _carried(plan: Plan, carried: carrying.Carried) -> Plan:
    """The plan without what is said to whoever asks for it: a reservation would hold the customer's turn until somebody comes by."""
    pushed = [one for one in plan.candidates if one.channel not in showing.ASKED_FOR or one.channel in carried.senders]
    return plan if len(pushed) == len(plan.candidates) else plan.of(pushed)


def _touched(workspace: Workspace, since: int, until: int) -> list[int]:
    """The customers whom rows of the ledger after a seq are about."""
    if until <= since:
        return []
    rows = workspace.ledger.frame(workspace.engine, ("persona_id", "kind"), seq_after=since, seq_until=until)
    # What the loop itself wrote down about somebody is no news to it.
    rows = rows.filter(~nw.col("kind").is_in(["assigned", "stepped"])).select("persona_id")
    personas = workspace.engine.collect(rows.unique())
    return owners_of(personas["persona_id"].to_list())["customer"].unique().sort().to_list()


def _decided(
    workspace: Workspace, carried: carrying.Carried, now: int, customers: Collection[int] | None, done: Done
) -> bool:
    """Decide, write down who moved and who was drawn, and reserve; whether anything was new."""
    rates, plan = carried.rates(now), _carried(stopping.going(workspace), carried)
    if not plan.candidates:
        return False
    decided = deciding.decided(workspace, now, customers=customers, rates=rates, plan=plan)
    done.customers += decided.chosen.height
    written = writing.write(workspace, decided, now)
    done.steps += written.steps
    done.assigned += written.assigned
    reserved = 0
    proposals = _one_turn(decided.proposals, now)
    owners = proposals["customer"].unique().sort()
    for start in range(0, len(owners), AT_ONCE):
        some = proposals.filter(pl.col("customer").is_in(owners[start : start + AT_ONCE].implode()))
        gated = reserve(some, lambda few: deciding.in_force(workspace, few, rates, plan), now=now)
        reserved += gated.reserved
        done.refused.update(gated.refused)
    done.reserved += reserved
    return bool(written.steps or written.assigned or reserved)
