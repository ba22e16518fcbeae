"""In: a customer who wants to be forgotten. Out: a workspace that holds no byte of them. Writes `unlinked` of whoever stays, and takes rows out.

Two steps. In the first, one transaction, the person leaves the database: from then on nothing is decided, sent or shown of
them. The second takes them out of the ledger and of every file; it is written down as begun, and whoever comes next, the
loop or another erasure, finishes what a crash left. Nothing of this goes back.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import permission, recognition
from touchline.delivery import forgetting as outbox
from touchline.intake import blocks, buffer, traces
from touchline.intake.traces import Sought
from touchline.intake.turns import importing, turn
from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.permission import forgetting
from touchline.recognition import administration
from touchline.recognition.locking import hold_customers
from touchline.recognition.staging import execute, read, staged
from touchline.workspace import acting, uploads, wiping

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

PATIENCE = 30.0
"""Seconds that a message on its way to the person is waited for."""

KEPT: tuple[str, ...] = (
    "an entry that somebody was erased, without who",
    "a keyed digest of each address, so that it is not written to again",
)
"""What remains, as words."""


class OnItsWay(TouchlineError):
    """A message to this person is being sent at this moment."""

    code = "on_its_way"
    remedy = "Nothing was erased; try again in a minute."


@dataclass(frozen=True)
class _Unfinished:
    erasure: int
    personas: list[int]
    messages: list[str]
    links: dict[int, list[str]]
    digests: list[str]
    newest: int


def erase(workspace: Workspace, customer: int, *, suppress: bool = True, at_once: bool = True) -> dict[str, Any]:
    """Forget a customer: all personas, all that is known of them, everywhere; {"customer","personas","messages","events","rows","finished","kept"}.

    suppress   keep a digest of each address, so that whoever imports it again does not write to it
    at_once    do the second step now; else the loop does it at its next turn, and `rows` is 0
    Raises UnknownName where there is no such customer, OnItsWay where a message to them could not be waited for.
    """
    if at_once:
        workspace.catch_up()  # so that `rows` tells of what was on its way, too
    begun = _leave(workspace, customer, suppress=suppress)
    rows = 0
    if at_once:
        rows = finish(workspace)
    return {
        "customer": customer,
        **begun,
        "rows": rows,
        "finished": not _unfinished(),
        "kept": list(KEPT if suppress else KEPT[:1]),
    }


def finish(workspace: Workspace) -> int:
    """Take everybody who left out of ledger and files; how many rows of the ledger went. Where nobody waits for it this is one look at a table."""
    rows, out = 0, []
    for one in _unfinished():
        gone = _rows_out(workspace, one) if one.personas else 0
        if gone is not None:
            rows += gone
            out.append(one.erasure)
    if out and wiping.scrub():  # once for all of them: it writes the whole file anew
        for erasure in out:
            execute(
                "UPDATE permission_erasure SET finished_at = %s WHERE erasure_id = %s",
                [workspace.clock.now(), erasure],
            )
    return rows


def _leave(workspace: Workspace, customer: int, *, suppress: bool) -> dict[str, Any]:
    """The first step, tried again while a worker is sending the person something."""
    until = time.monotonic() + PATIENCE
    while True:
        done = _left(workspace, customer, suppress=suppress)
        if done is not None:
            return done
        if time.monotonic() > until:
            raise OnItsWay
        time.sleep(0.25)


def _left(workspace: Workspace, customer: int, *, suppress: bool) -> dict[str, Any] | None:
    """What was deleted; None, and nothing done, where it has to wait. The writers' turn comes before the transaction, as in a drain."""
    now = workspace.clock.now()
    with turn(), transaction.atomic():
        steady = hold_customers(pl.Series("customer", [customer], dtype=pl.Int64))
        known = recognition.identifiers([customer])
        if known.is_empty():
            raise UnknownName(f"customer {customer}", remedy="`touchline relationships` lists the customers.")
        personas = known["persona_id"].to_list()
        own = known.filter(~pl.col("shared"))
        told = list(own.select("type", "scope", "value").iter_rows())
        newest = int(read("SELECT max(persona_id) AS n FROM recognition_persona", {"n": pl.Int64})["n"][0])
        messages, possible = outbox.erase(personas, now)
        if steady.is_empty() or not possible:
            transaction.set_rollback(True)
            return None
        links = _links(personas)
        told_of = [id_ for ids in links.values() for id_ in ids]
        events = traces.erase(Sought.of(personas, own.select("type", "value").iter_rows()), told_of)
        permission.erase(personas)
        rows = recognition.erase(personas, now=now)
        buffer.accept_rows(
            rows.filter(~pl.col("persona_id").is_in(personas), ~pl.col("id").is_in(told_of)), received_at=now
        )
        if suppress:
            forgetting.remember(told, now)
        digests = [forgetting.digest((kind, scope, value)) for kind, scope, value in told]
        execute(
            "INSERT INTO permission_erasure (begun_at, finished_at, personas, messages, links, digests, newest)"
            " VALUES (%s, NULL, %s, %s, %s, %s, %s)",
            [now, *map(json.dumps, (personas, messages, links, digests)), newest],
        )
        found = {"personas": len(personas), "messages": len(messages), "events": events}
        acting.note(f"customer {customer}", **found)
    return found


def _rows_out(workspace: Workspace, one: _Unfinished) -> int | None:
    """The second step: ledger, snapshots, files; how many rows. Imports and drains that were under way have come to their end by then.

    None, and nothing done, where a worker is sending them something: it is tried again.
    """
    settings = workspace.settings
    with ExitStack() as held:
        for name in sorted(workspace.playbook.imports):
            held.enter_context(importing(name))
        held.enter_context(turn())
        personas = sorted({*one.personas, *_residue(workspace, one)})
        now = workspace.clock.now()
        with transaction.atomic():  # what was under way may have left rows of theirs
            late, possible = outbox.erase(personas, now)
            if not possible:
                transaction.set_rollback(True)
                return None
            messages = [*one.messages, *late]
            execute(  # their letters are deleted last: a retry finds the messages nowhere else
                "UPDATE permission_erasure SET messages = %s WHERE erasure_id = %s", [json.dumps(messages), one.erasure]
            )
            permission.erase(personas)
            traces.erase(Sought.of(personas, []))
        told_of = [id_ for ids in one.links.values() for id_ in ids]
        wanted = ("seq", "id", "persona_id")
        theirs = workspace.ledger.frame(workspace.engine, wanted, personas=[*personas, *one.links])
        rows = workspace.engine.collect(theirs).filter(
            pl.col("persona_id").is_in(personas) | pl.col("id").is_in(told_of)
        )
        blocks.erased(rows["seq"].to_list())
        traces.erase_rows(rows["id"].to_list())  # first: a retry knows these rows by the ledger alone
        removed = workspace.ledger.erase(personas, one.links)
    workspace.snapshots.erase(personas)
    wiping.decisions(settings.decisions, personas)
    wiping.letters(settings.letters, messages)
    wiping.rehearsal(settings.state)
    wiping.report(settings.root)
    uploads.wipe(settings)
    execute(
        "UPDATE permission_erasure SET personas = '[]', messages = '[]', links = '{}', digests = '[]' WHERE erasure_id = %s",
        [one.erasure],
    )
    return removed


def _links(personas: list[int]) -> dict[int, list[str]]:
    """Whoever else the person was ever taken for -> ids of their rows that tell of it: they carry the reasons that somebody wrote."""
    with staged("leaving", pl.DataFrame({"persona_id": personas}, schema={"persona_id": pl.Int64})):
        found = read(
            "SELECT link_id, persona_a FROM recognition_link WHERE persona_b IN (SELECT persona_id FROM leaving)"
            " AND persona_a NOT IN (SELECT persona_id FROM leaving)",
            {"link_id": pl.Int64, "persona_a": pl.Int64},
        )
    return {
        int(some["persona_a"][0]): administration.row_ids(some["link_id"]) for some in found.partition_by("persona_a")
    }


def _residue(workspace: Workspace, one: _Unfinished) -> list[int]:
    """Personas that somebody who was reading at that moment has made again, without any row; they go too.

    Whoever has rows since has come back, and stays: that is a new fact, and the address is suppressed.
    """
    found = forgetting.residue(one.newest, one.digests)
    if not found:
        return []
    rows = workspace.engine.collect(workspace.ledger.frame(workspace.engine, ("persona_id",), personas=found).unique())
    with transaction.atomic():
        again = [persona for persona in found if persona not in set(rows["persona_id"])]
        if again:
            hold_customers(pl.Series("customer", again, dtype=pl.Int64))
            recognition.erase(again, now=workspace.clock.now())
    return again


def _unfinished() -> list[_Unfinished]:
    found = read(
        "SELECT erasure_id, personas, messages, links, digests, newest FROM permission_erasure WHERE finished_at IS NULL ORDER BY erasure_id",
        {
            "erasure_id": pl.Int64,
            "personas": pl.String,
            "messages": pl.String,
            "links": pl.String,
            "digests": pl.String,
            "newest": pl.Int64,
        },
    )
    return [
        _Unfinished(
            erasure,
            json.loads(personas),
            json.loads(messages),
            {int(persona): ids for persona, ids in json.loads(links).items()},
            json.loads(digests),
            newest,
        )
        for erasure, personas, messages, links, digests, newest in found.iter_rows()
    ]
