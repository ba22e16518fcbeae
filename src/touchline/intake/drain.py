"""In: what the buffer keeps. Out: the ledger with it, batch by numbered batch. Writes every kept event and row, once.

A batch is stamped with its number in one database transaction and becomes one commit that carries the number. Whatever step a crash
comes after, the next drain takes the same batch again and finds out from the ledger whether it is there already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from django.db import Error as DatabaseFault
from django.db import transaction

from touchline.intake import targets
from touchline.intake.appending import append
from touchline.intake.events import KINDS, map_events
from touchline.intake.identifying import Identification
from touchline.intake.readers import LINE, NUMBER
from touchline.intake.rejects import rejected
from touchline.intake.rows import DTYPES, Draft, Terms
from touchline.intake.turns import turn
from touchline.interactions.catalogue import VERSION
from touchline.kernel.times import DAY
from touchline.ledger import AnyLedger
from touchline.playbook.compiled import Playbook
from touchline.recognition.counting import reserve
from touchline.recognition.staging import execute, read, staged

APPLICATION = "drain"
BATCH = 50_000
"""Events and rows of one batch at most."""
REMEMBERED = 14 * DAY
"""So long the id of a drained event is kept, and the same event refused as a duplicate."""

_KEPT = {
    "event_id": pl.Int64,
    "source": pl.String,
    "message_id": pl.String,
    "ready": pl.Boolean,
    "received_at": pl.Int64,
    "body": pl.String,
}


@dataclass(frozen=True)
class Drained:
    """What a drain did.

    batches    that were committed or found in the ledger
    rows       interactions appended, completing rows among them
    rejected   events that became none; they are kept with their reason
    """

    batches: int = 0
    rows: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Batch:
    """Kept events and rows on their way.

    drafts      the rows
    settlement  what waits for its target, and what no longer does
    refused     rejects.SCHEMA by `row_number` = event_id
    rows        how many interactions
    """

    drafts: list[Draft]
    settlement: targets.Settlement
    refused: pl.DataFrame

    @property
    def rows(self) -> int:
        return sum(draft.frame.height for draft in self.drafts)


def drain(playbook: Playbook, ledger: AnyLedger, *, received_at: int, most: int | None = None) -> Drained:
    """Move what is kept into the ledger, until nothing is left or `most` batches are done.

    received_at   now, microseconds UTC: when links found on the way begin, and what is past its time
    """
    total = Drained()
    while most is None or total.batches < most:
        number = _stamped(ledger)
        if number is None:
            break
        with turn():  # a target and what waits for it, in two hands at once, would not see each other
            total = _plus(total, _drained(number, playbook, ledger, received_at))
    with turn():
        _complete_overdue(playbook, ledger, received_at)
    execute("DELETE FROM intake_event WHERE drained_at IS NOT NULL AND drained_at < %s", [received_at - REMEMBERED])
    execute("DELETE FROM intake_awaited WHERE settled = %s AND since < %s", [True, received_at - 2 * targets.PATIENCE])
    return total


def undrained(playbook: Playbook, ledger: AnyLedger, received_at: int) -> Batch | None:
    """Everything kept that the ledger does not hold yet, made ready as a drain would, but nothing noted; None where there is nothing."""
    there = ledger.last_transaction(APPLICATION) or 0
    kept = read(
        "SELECT event_id, source, message_id, ready, received_at, body FROM intake_event"
        " WHERE drained_at IS NULL AND (batch IS NULL OR batch > %s)",
        _KEPT,
        [there],
    ).sort("event_id")  # here, since SQLite would read the whole table in that order to be spared the sorting
    return None if kept.is_empty() else prepared(kept, playbook, ledger, received_at)


def prepared(kept: pl.DataFrame, playbook: Playbook, ledger: AnyLedger, received_at: int) -> Batch:
    """A batch of kept events and rows, mapped, recognised and placed. Links found go into the buffer."""
    terms = Terms(playbook, "", received_at)
    identification = Identification(KINDS, role="customer", region=playbook.organisation.country)

    def made(part: pl.DataFrame) -> tuple[Draft, pl.DataFrame]:
        draft, refused = map_events(part, terms)
        if draft.frame.is_empty():
            return draft, refused
        found = identification.identify(Draft(draft.frame, {**draft.fixed, "role": "customer"}), received_at)
        return found.draft, pl.concat([refused, found.rejected])

    events = (
        kept.filter(~pl.col("ready"))
        .rename({"event_id": NUMBER})
        .select(NUMBER, "source", "message_id", "received_at", "body")
    )
    drafts, refused = _robust(events, made)
    drafts = [
        Draft(d.frame.drop([n for n in d.frame.columns if n.startswith("__") or n in (NUMBER, LINE)]), d.fixed)
        for d in drafts
    ]
    settlements = []
    placed: list[Draft] = []
    for draft in drafts:
        found, settlement = targets.settle(draft, ledger, terms)
        placed += found
        settlements.append(settlement)
    ready = kept.filter("ready")
    if not ready.is_empty():
        placed.append(_ready(ready, playbook))
    together = (
        targets.Settlement(pl.concat([s.waiting for s in settlements]), pl.concat([s.settled for s in settlements]))
        if settlements
        else targets.NOTHING
    )
    return Batch(placed, together, refused)


def _robust(
    events: pl.DataFrame, made: Callable[[pl.DataFrame], tuple[Draft, pl.DataFrame]]
) -> tuple[list[Draft], pl.DataFrame]:
    """The drafts of all events that can be mapped: where a group fails, its halves are tried, down to the one that is to blame."""
    if events.is_empty():
        return [], rejected([])
    try:
        draft, refused = made(events)
    except (DatabaseFault, MemoryError):
        raise
    except Exception:
        # Whatever one event did to the mapping, it must not stop the others; it is kept with its body for whoever looks.
        if events.height == 1:
            return [], rejected([(events[NUMBER][0], None, "broken_event", None)])
        half = events.height // 2
        (first, bad), (second, worse) = _robust(events.head(half), made), _robust(events.slice(half), made)
        return first + second, pl.concat([bad, worse])
    return ([draft] if draft.frame.height else []), refused


def _ready(kept: pl.DataFrame, playbook: Playbook) -> Draft:
    """Rows that other rooms made, with what only the ledger's side knows."""
    told = kept["body"].str.json_decode(pl.Struct(DTYPES)).struct.unnest()
    whole = told.with_columns(
        kept["received_at"],
        pl.col("version").fill_null(VERSION),
        pl.col("digest").fill_null(playbook.digest),
        pl.col("machine").fill_null(value=False),
    )
    return Draft(whole.drop("seq", "batch"), {})


def _stamped(ledger: AnyLedger) -> int | None:
    """The number of the batch to take: one that was begun, else a new one over what waits; None where nothing does."""
    with transaction.atomic():
        number = reserve(APPLICATION, 1)  # locks the counter: two drains stamp one after the other
        begun = read(
            "SELECT min(batch) AS n FROM intake_event WHERE drained_at IS NULL AND batch IS NOT NULL", {"n": pl.Int64}
        )["n"][0]
        if begun is not None:
            return int(begun)
        there = ledger.last_transaction(APPLICATION) or 0
        if number <= there:  # the database is older than the ledger
            reserve(APPLICATION, there - number + 1)
            number = there + 1
        taken = execute(
            "UPDATE intake_event SET batch = %s WHERE event_id IN"
            " (SELECT event_id FROM intake_event WHERE batch IS NULL AND drained_at IS NULL ORDER BY event_id LIMIT %s)",
            [number, BATCH],
        )
        return number if taken else None


def _drained(number: int, playbook: Playbook, ledger: AnyLedger, received_at: int) -> Drained:
    kept = read(
        "SELECT event_id, source, message_id, ready, received_at, body FROM intake_event"
        " WHERE batch = %s AND drained_at IS NULL ORDER BY event_id",
        _KEPT,
        [number],
    )
    if kept.is_empty():
        return Drained(1)
    batch = prepared(kept, playbook, ledger, received_at)
    targets.note_waiting(batch.settlement, received_at)
    landed = bool(batch.rows) and append(batch.drafts, ledger, number, transaction=(APPLICATION, number))
    _finish(number, kept, batch, received_at)
    return Drained(1, batch.rows if landed else 0, batch.refused.height)


def _finish(number: int, kept: pl.DataFrame, batch: Batch, received_at: int) -> None:
    """Give up the content of what is in the ledger and keep that of what was refused."""
    refused = batch.refused.join(kept, left_on=NUMBER, right_on="event_id").select(
        "source", "message_id", "received_at", "reason", pl.col("column").fill_null("").str.slice(0, 200), "body"
    )
    with transaction.atomic():
        with staged("refused_now", refused):
            execute(
                'INSERT INTO intake_rejected (source, message_id, received_at, reason, "column", body)'
                ' SELECT source, message_id, received_at, reason, "column", body FROM refused_now WHERE true ON CONFLICT DO NOTHING'
            )
        execute(
            "UPDATE intake_event SET drained_at = %s, body = '' WHERE batch = %s AND drained_at IS NULL",
            [received_at, number],
        )
        targets.note_settled(batch.settlement)


def _complete_overdue(playbook: Playbook, ledger: AnyLedger, received_at: int) -> None:
    drafts, settlement = targets.overdue(ledger, Terms(playbook, "", received_at))
    if drafts:
        append(drafts, ledger, 0)
    targets.note_settled(settlement)


def vanished(ledger: AnyLedger) -> tuple[int, list[tuple[int, int]]]:
    """(drained events whose ids are still kept, [(batch, events)] of those that the ledger does not hold and nobody refused)."""
    there = ledger.last_transaction(APPLICATION) or 0
    drained = read("SELECT count(*) AS n FROM intake_event WHERE drained_at IS NOT NULL", {"n": pl.Int64})["n"][0]
    lost = read(
        "SELECT batch, count(*) AS n FROM intake_event e WHERE drained_at IS NOT NULL AND batch > %s AND NOT EXISTS"
        " (SELECT 1 FROM intake_rejected r WHERE r.source = e.source AND r.message_id = e.message_id) GROUP BY batch ORDER BY batch",
        {"batch": pl.Int64, "n": pl.Int64},
        [there],
    )
    return int(drained), [(int(batch), int(n)) for batch, n in lost.iter_rows()]


def _plus(a: Drained, b: Drained) -> Drained:
    return Drained(a.batches + b.batches, a.rows + b.rows, a.rejected + b.rejected)
