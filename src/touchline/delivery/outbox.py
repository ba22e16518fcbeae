"""In: reservations, and what a sender did with each. Out: each message once in a worker's hands, with a state and a reason. Writes `sent` and `failed`.

A try has two steps that are each written down before the next: leased (a worker has it, nothing was begun) and started (from here on it may
have arrived). A worker that dies in between the two has done nothing; after the second nobody can tell, so that a message of
classes 2 to 5 is never tried again (at most once) and one of class 1 is (at least once, under the same id).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import polars as pl
from django.db import connection, transaction

from touchline.delivery import calls, failpoints, gifts, stops
from touchline.delivery.states import SAID, UNSAID, WAITING
from touchline.delivery.telling import TELLING, rows
from touchline.intake import accept_rows
from touchline.kernel.times import HOUR, MINUTE
from touchline.recognition.locking import hold, hold_name
from touchline.recognition.staging import execute, read, staged

LEASE = 10 * MINUTE
"""So long a worker has a message for one try; a sender gives up well before."""
FIRST_WAIT = MINUTE
LONGEST_WAIT = 4 * HOUR
RATE_WINDOW = MINUTE
OWED = 1
"""The class that is sent at least once; every other at most once."""

_READ = {
    **TELLING, "id": pl.Int64, "customer": pl.Int64, "talk_class": pl.Int64, "priority": pl.Float64, "state": pl.String,
    "reason": pl.String, "reserved_at": pl.Int64, "expires_at": pl.Int64, "attempts": pl.Int64, "gift_code": pl.String,
    "worker": pl.String, "lease_until": pl.Int64,
}  # fmt: skip
_COLUMNS = ", ".join(f'"{name}"' for name in _READ)
_WAITS = "state IN ('reserved', 'held')"
# In the words of the index `delivery_message_due`, or SQLite does not see that it would do and reads all messages ever sent.
_DUE = f"state IN ({', '.join(repr(state) for state in WAITING)})"
_REPEATABLE = "(talk_class = %s OR channel = 'phone')"
# A call's try puts it on a list of our own, on which it stands once however often it is put there.
_UNTOUCHED = f"{_WAITS} AND worker = %s AND lease_until = %s"


class Outcome(Protocol):
    """What a sender says of one try.

    state    sent | retry (it has surely not arrived) | failed (it never will) | uncertain | handed (to a person, who will tell)
    reason   one word; `hard_bounce` where the address is to blame
    """

    @property
    def state(self) -> str: ...

    @property
    def reason(self) -> str | None: ...

    @property
    def brief(self) -> str: ...


@dataclass(frozen=True)
class Leased:
    """A message in a worker's hands; the columns are those of `models.Message`."""

    id: int
    message_id: str
    customer: int
    persona_id: int
    bucket: int
    role: str
    conversation: str
    channel: str
    touchpoint: str | None
    variant: str | None
    programme: str | None
    recurrence: str
    purpose: str
    talk_class: int
    priority: float
    given: float
    asked: float
    cost_minor: int
    segment: int | None
    identifier: str
    digest: str
    state: str
    reason: str
    reserved_at: int
    expires_at: int
    attempts: int
    gift_code: str | None
    worker: str
    lease_until: int

    @property
    def class_(self) -> int:
        """1 to 5."""
        return self.talk_class


@dataclass(frozen=True)
class Recovered:
    """What was put right.

    again      messages that will be tried again: of class 1, and calls to put on the list
    uncertain  messages that may have been sent by a worker that died
    expired    messages that waited too long
    """

    again: int = 0
    uncertain: int = 0
    expired: int = 0


def lease(
    worker: str, channels: Sequence[str], now: int, limit: int, rates: Mapping[str, int] | None = None
) -> list[Leased]:
    """At most `limit` messages of each channel that are due, the most urgent first, for this worker alone until `now` + LEASE.

    rates   channel -> how many may be begun in any minute, by all workers together
    """
    found: list[Leased] = []
    for channel in channels:
        rate = (rates or {}).get(channel)
        with transaction.atomic():
            most = limit if rate is None else min(limit, _left(channel, rate, now))
            if most > 0:
                found += _leased(worker, channel, now, most)
    if found:
        failpoints.reach("outbox.leased")
    return found


def started(message: Leased, now: int) -> bool:
    """Write down that from here on it may have arrived; False where it is no longer this worker's, or was stopped.

    That it is not stopped is asked by the statement that begins it, so that nothing lies between the look and the sender.
    """
    begun = execute(
        "UPDATE delivery_message SET state = 'sending', reason = '', started_at = %s, attempts = attempts + 1"  # noqa: S608 - the program's own text
        f" WHERE id = %s AND {_UNTOUCHED} AND lease_until > %s AND NOT {stops.is_stopped('delivery_message')}",
        [now, message.id, message.worker, message.lease_until, now],
    )
    if begun:
        failpoints.reach("outbox.started")
    return bool(begun)


def finish(message: Leased, outcome: Outcome, now: int) -> str | None:
    """Write down what became of a try that was started, and tell the ledger in the same transaction.

    The task of what was handed to a person is opened in the same transaction too.
    The state it has then; None where it is no longer this worker's, because its lease ran out and somebody else decided.
    """
    failpoints.reach("outbox.before_finish")
    with transaction.atomic():
        hold([message.bucket])  # a gate that is looking at this person sees it before or after, never in between
        told, reason = outcome.state, outcome.reason or ""
        due = now + backoff(message.message_id, message.attempts + 1)  # as `started` counted it
        if told == "uncertain" and message.talk_class == OWED and due < message.expires_at:
            told = "retry"
        if told == "retry" and due >= message.expires_at:
            told, reason = "expired", "gave_up"
        state = {"retry": "reserved", "handed": "sending"}.get(told, told)
        if state not in ("sent", "reserved", "failed", "uncertain", "sending", "expired"):
            raise ValueError("no outcome of a try")
        changed = execute(
            "UPDATE delivery_message SET state = %s, reason = %s, due_at = CASE WHEN %s THEN %s ELSE due_at END,"
            " worker = CASE WHEN %s THEN worker END, lease_until = NULL"
            " WHERE id = %s AND state = 'sending' AND worker = %s AND lease_until = %s",
            [
                state, "handed" if told == "handed" else reason[:200], told == "retry", due, told == "handed",
                message.id, message.worker, message.lease_until,
            ],
        )  # fmt: skip
        if not changed:
            return None
        _tell([asdict(message)], state, reason, now)
        if state == "sending":
            calls.open_task(message.message_id, outcome.brief, now)
    failpoints.reach("outbox.after_finish")
    return state


def put_off(message: Leased, reason: str, until: int) -> bool:
    """Hold a message that was not started until an instant, and say why; its reservation stands until it expires."""
    return bool(
        execute(
            "UPDATE delivery_message SET state = 'held', reason = %s, due_at = %s, worker = NULL, lease_until = NULL"  # noqa: S608 - the program's own text
            f" WHERE id = %s AND {_UNTOUCHED}",
            [reason[:200], until, message.id, message.worker, message.lease_until],
        )
    )


def give_up(message: Leased, reason: str) -> bool:
    """End a message that was not started: what it rested on no longer holds. It counts in no cap from now on."""
    with transaction.atomic():
        hold([message.bucket])
        ended = execute(
            "UPDATE delivery_message SET state = 'expired', reason = %s, worker = NULL, lease_until = NULL"  # noqa: S608 - as above
            f" WHERE id = %s AND {_UNTOUCHED}",
            [reason[:200], message.id, message.worker, message.lease_until],
        )
        if ended:
            gifts.give_back([message.message_id])
    return bool(ended)


def give_back(message: Leased) -> bool:
    """Let go of a message that was not started, as it was."""
    return bool(
        execute(
            f"UPDATE delivery_message SET worker = NULL, lease_until = NULL WHERE id = %s AND {_UNTOUCHED}",  # noqa: S608 - as above
            [message.id, message.worker, message.lease_until],
        )
    )


def conclude(message_id: str, state: str, reason: str, now: int) -> bool:
    """What was heard later of a message that is `sending` by hand, `sent` or `uncertain`: delivered | sent | failed; whether that was news.

    A message that failed after it was sent keeps its `sent` row: it counted as one.
    """
    if state not in ("delivered", "sent", "failed"):
        raise ValueError("nothing that is heard later")
    with transaction.atomic():
        message = _one(message_id)
        if message is None:
            return False
        hold([int(message["bucket"][0])])
        handed = "(state = 'sending' AND reason = 'handed')"
        before = handed if state == "sent" else f"({handed} OR state IN ('sent', 'uncertain'))"
        changed = execute(
            f"UPDATE delivery_message SET state = %s, reason = %s WHERE message_id = %s AND {before}",  # noqa: S608 - as above
            [state, reason[:200], message_id],
        )
        if changed:
            was = message["state"][0]
            if state == "delivered" and was not in SAID:
                accept_rows(rows(message.iter_rows(named=True), "sent", now), received_at=now)
            _tell(message.to_dicts(), state, reason, now, keep_code=was in SAID)
    return bool(changed)


def recover(now: int) -> Recovered:
    """Put right what workers left behind, and end what waited too long.

    Two transactions, since each holds its people's buckets at once: taken one after the other they could wait in a circle.
    """
    with transaction.atomic():
        left = _changed(
            "state = 'sending' AND lease_until <= %s",
            f"state = CASE WHEN {_REPEATABLE} THEN 'reserved' ELSE 'uncertain' END,"
            f" reason = CASE WHEN {_REPEATABLE} THEN 'interrupted' ELSE 'worker_died' END,"
            " due_at = %s, worker = NULL, lease_until = NULL",
            [now],
            [OWED, OWED, now],
        )
        unknown = left.filter(pl.col("state") == "uncertain")
        _tell(unknown.to_dicts(), "uncertain", "", now)
    with transaction.atomic():
        late = _changed(
            f"({_WAITS} AND expires_at <= %s AND (lease_until IS NULL OR lease_until <= %s))"
            " OR (state = 'sending' AND reason = 'handed' AND expires_at <= %s)",
            "state = 'expired', reason = CASE WHEN reason = '' THEN 'too_late' ELSE reason END, worker = NULL, lease_until = NULL",
            [now, now, now],
            [],
        )
        if late.height:
            gifts.give_back(late["message_id"].to_list())
            with staged("late", late.select("message_id")):
                execute(
                    "UPDATE delivery_call_task SET closed_at = %s, outcome = 'expired'"
                    " WHERE closed_at IS NULL AND message IN (SELECT message_id FROM late)",
                    [now],
                )
    return Recovered(left.height - unknown.height, unknown.height, late.height)


def backoff(message_id: str, attempts: int) -> int:
    """Microseconds until the next try: doubled each time up to LONGEST_WAIT, times 0.5 to 1.5 by the message's own hash."""
    wait = min(FIRST_WAIT * 2 ** min(max(attempts - 1, 0), 20), LONGEST_WAIT)
    digest = hashlib.sha256(f"{message_id} {attempts}".encode()).digest()
    return wait // 2 + wait * int.from_bytes(digest[:4], "big") // 2**32


def counts() -> dict[str, int]:
    """State -> how many messages are in it."""
    found = read(
        "SELECT state, count(*) AS n FROM delivery_message GROUP BY state", {"state": pl.String, "n": pl.Int64}
    )
    return dict(found.sort("state").iter_rows())


def _left(channel: str, rate: int, now: int) -> int:
    """How many of a channel may still be begun; what is leased and not begun counts, since it may be at any moment."""
    hold_name(f"rate {channel}")
    used = read(
        "SELECT (SELECT count(*) FROM delivery_message WHERE channel = %s AND started_at > %s)"  # noqa: S608 - the program's own text
        f" + (SELECT count(*) FROM delivery_message WHERE channel = %s AND {_DUE} AND {_WAITS} AND lease_until > %s"
        " AND (started_at IS NULL OR started_at <= %s)) AS n",
        {"n": pl.Int64},
        [channel, now - RATE_WINDOW, channel, now, now - RATE_WINDOW],
    )
    return rate - int(used["n"][0])


def _leased(worker: str, channel: str, now: int, most: int) -> list[Leased]:
    skipping = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE delivery_message SET worker = %s, lease_until = %s WHERE id IN (SELECT id FROM delivery_message"  # noqa: S608 - the program's own text
            f" WHERE {_DUE} AND {_WAITS} AND channel = %s AND due_at <= %s AND expires_at > %s"
            f" AND (lease_until IS NULL OR lease_until <= %s) AND NOT {stops.is_stopped('delivery_message')}"
            f" ORDER BY talk_class, priority DESC, id LIMIT %s{skipping}) RETURNING {_COLUMNS}",
            [worker, now + LEASE, channel, now, now, now, most],
        )
        rows = cursor.fetchall()
    found = [Leased(**dict(zip(_READ, row, strict=True))) for row in rows]
    return sorted(found, key=lambda message: (message.talk_class, -message.priority, message.id))


def _one(message_id: str) -> pl.DataFrame | None:
    found = read(f"SELECT {_COLUMNS} FROM delivery_message WHERE message_id = %s", _READ, [message_id])  # noqa: S608 - as above
    return found if found.height else None


def _changed(where: str, change: str, asked: list[Any], changed: list[Any]) -> pl.DataFrame:
    """The messages not in the ledger yet that the condition found, after the change; their people are held first."""
    query = f"SELECT id, bucket FROM delivery_message WHERE {_DUE} AND ({where})"  # noqa: S608 - as above
    found = read(query, {"id": pl.Int64, "bucket": pl.Int64}, asked)
    if found.is_empty():
        return pl.DataFrame(schema=_READ)
    hold(found["bucket"].unique().to_list())
    with staged("found", found.select("id")):
        # Asked once more: what changed while this waited is left alone.
        return read(
            f"UPDATE delivery_message SET {change} WHERE id IN (SELECT id FROM found) AND ({where}) RETURNING {_COLUMNS}",  # noqa: S608 - as above
            _READ,
            [*changed, *asked],
        )


def _tell(messages: Sequence[Mapping[str, Any]], state: str, reason: str, now: int, *, keep_code: bool = False) -> None:
    """The ledger's rows about messages that are in that state now; a code that never left goes back."""
    if not messages:
        return
    if state in SAID and state != "delivered":
        why = "uncertain" if state == "uncertain" else None
        accept_rows(rows(messages, "sent", now, why), received_at=now)
    elif state in ("delivered", "failed"):
        accept_rows(rows(messages, state, now, reason or None), received_at=now)
    if state in UNSAID and not keep_code:
        gifts.give_back([message["message_id"] for message in messages])
