"""In: proposals, and how to decide again on exact facts. Out: reservations, and how many proposals got none and why. Writes no interactions.

Nothing leaves without a reservation, and a reservation counts in every cap from the moment it is written: `waiting_rows` shows it
to every reader as a `sent` row. While a batch is checked and written, the people in it are held, so that of two gates at work on the
same person the second one sees what the first one did.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from django.db import connection, transaction

from touchline.delivery import failpoints, stops
from touchline.delivery.states import FREED, WAITING
from touchline.delivery.telling import TELLING, virtual
from touchline.kernel.times import DAY
from touchline.recognition.locking import hold_customers
from touchline.recognition.staging import execute, read, staged

Again = Callable[[Sequence[int]], pl.DataFrame]

LASTING = 3 * DAY
"""So long a reservation waits for its sender at most; a proposal may say an earlier `expires_at`."""

WANTED = {
    "customer": pl.Int64, "persona_id": pl.Int64, "bucket": pl.Int16, "role": pl.String, "conversation": pl.String,
    "channel": pl.String, "touchpoint": pl.String, "variant": pl.String, "programme": pl.String, "recurrence": pl.String,
    "purpose": pl.String, "class": pl.Int16, "priority": pl.Float64, "given": pl.Float64, "asked": pl.Float64,
    "segment": pl.Int64, "identifier": pl.String, "digest": pl.String, "decided_at": pl.Int64,
}  # fmt: skip
"""Columns of a proposal in force and addressed; `expires_at` (microseconds UTC) and `cost_minor` may stand beside them."""

_NAMED = 20
"""Personas up to which a query names them."""

_SAME = ["customer", "conversation", "channel"]
_OWED = pl.col("class") == 1


@dataclass(frozen=True)
class Gated:
    """What a gate let through.

    reserved  messages that were reserved
    refused   why a proposal was not -> how many: `not_in_force` (on exact facts something else is to be said, or nothing),
              `no_address`, `already` (this person has it), `stopped` (the team has stopped it), `moved` (linked to somebody
              else at this very moment)
    """

    reserved: int
    refused: Mapping[str, int]


def reserve(proposals: pl.DataFrame, again: Again, *, now: int) -> Gated:
    """Reserve what still holds, in one transaction.

    proposals  customer, conversation, channel, and anything else
    again      customers -> what is in force for them on exact facts, as WANTED with an address or NULL in its place. It is called
               while they are held and must read then: first `waiting_rows`, then what intake keeps, then the ledger, so that a message
               on its way from one to the other is seen twice and not never. A row of `waiting_rows` has the id of the one to come.
    now        microseconds UTC
    """
    refused: Counter[str] = Counter()
    asked = proposals.select(_SAME).unique(maintain_order=True)
    if asked.is_empty():
        return Gated(0, {})
    with transaction.atomic():
        steady = hold_customers(asked.get_column("customer"))
        there = asked.filter(pl.col("customer").is_in(steady.implode()))
        refused["moved"] = asked.height - there.height
        reserved = _reserve(there, again, now, refused)
        failpoints.reach("gate.before_commit")
    failpoints.reach("gate.after_commit")
    return Gated(reserved, {why: n for why, n in sorted(refused.items()) if n})


def waiting_rows(now: int, personas: pl.Series | None = None, *, as_of: int | None = None) -> pl.DataFrame:
    """A `sent` row of `now`, with all of the ledger's columns, for each message that is reserved, held or being sent.

    A message that waits goes out later than now, however long ago it was reserved: by its own age it would leave the caps too soon.

    personas   only theirs; everybody's where None
    as_of      a past instant that is asked about: left out is what was reserved after it, and the rows are of this instant
    """
    at = now if as_of is None else as_of
    columns = ", ".join(f'm."{name}"' for name in TELLING)
    states = ", ".join(f"'{state}'" for state in WAITING)
    # Said once more in the words of the index, which begins with the persona and leaves out the freed.
    freed = ", ".join(f"'{state}'" for state in FREED)
    where = f"NOT (m.state IN ({freed})) AND m.state IN ({states})"
    before = []
    if as_of is not None:
        where, before = f"{where} AND m.reserved_at <= %s", [as_of]
    if personas is None:
        return virtual(read(f"SELECT {columns} FROM delivery_message m WHERE {where}", TELLING, before), at)  # noqa: S608 - the program's own names
    if personas.is_empty():
        return virtual(pl.DataFrame(schema=TELLING), at)
    if personas.len() <= _NAMED:  # one customer's, for whom a table would take longer than all the rest
        marks = ", ".join(["%s"] * personas.len())
        query = f"SELECT {columns} FROM delivery_message m WHERE m.persona_id IN ({marks}) AND {where}"  # noqa: S608 - as above
        return virtual(read(query, TELLING, [*personas.to_list(), *before]), at)
    with staged("asked", personas.unique().to_frame("persona_id")):
        query = (
            f"SELECT {columns} FROM asked a CROSS JOIN delivery_message m WHERE m.persona_id = a.persona_id AND {where}"  # noqa: S608 - as above
        )
        return virtual(read(query, TELLING, before), at)


def _reserve(asked: pl.DataFrame, again: Again, now: int, refused: Counter[str]) -> int:
    """What is owed goes first; who has got something decides anew about the rest, since it counts for them already."""
    found = _in_force(asked, again)
    exact = _going(found)
    refused["stopped"] += found.height - exact.height
    owed, rest = exact.filter(_OWED), exact.filter(~_OWED)
    done, no_address = _insert(owed, now, refused)
    both = rest.join(owed, on="customer", how="semi")
    if done and both.height:
        still = _going(_in_force(both.select(_SAME), again)).filter(~_OWED)
        rest = pl.concat([rest.join(owed, on="customer", how="anti"), still])
    # Of what competes for the customer's one turn only the first: more would be decided without knowing of each other.
    first = rest.sort("class", "priority", "conversation", descending=[False, True, False]).unique(
        "customer", keep="first", maintain_order=True
    )
    more, without = _insert(first, now, refused)
    refused["not_in_force"] += asked.height - owed.height - first.height - refused["stopped"]
    refused["no_address"] += no_address + without
    return done + more


def _in_force(asked: pl.DataFrame, again: Again) -> pl.DataFrame:
    """Of what was asked for, what is in force on exact facts; nobody is asked where nothing is."""
    if asked.is_empty():
        return pl.DataFrame(schema={**WANTED, "expires_at": pl.Int64, "cost_minor": pl.Int64})
    found = again(asked.get_column("customer").unique().to_list())
    lasting = pl.col("expires_at") if "expires_at" in found.columns else pl.lit(None, dtype=pl.Int64)
    cost = pl.col("cost_minor").cast(pl.Int64) if "cost_minor" in found.columns else pl.lit(0, dtype=pl.Int64)
    beside = (lasting.alias("expires_at"), cost.alias("cost_minor"))
    exact = found.select(*(pl.col(name).cast(dtype) for name, dtype in WANTED.items()), *beside)
    return exact.unique(_SAME, keep="first", maintain_order=True).join(
        asked, on=_SAME, how="semi", maintain_order="left"
    )


def _going(found: pl.DataFrame) -> pl.DataFrame:
    """Those that the team has not stopped by now."""
    same = ("conversation", "programme", "class")
    halted = stops.stopped(found.select(*same).unique().rename({"class": "talk_class"}))
    if halted.is_empty():
        return found
    halted = halted.select("conversation", "programme", pl.col("talk_class").cast(pl.Int16).alias("class"))
    return found.join(halted, on=same, how="anti", nulls_equal=True, maintain_order="left")


def _insert(exact: pl.DataFrame, now: int, refused: Counter[str]) -> tuple[int, int]:
    """(how many were written, how many have no address)."""
    rows = exact.filter(pl.col("persona_id").is_not_null() & pl.col("identifier").is_not_null())
    without = exact.height - rows.height
    if rows.is_empty():
        return 0, without
    messages = rows.select(
        _message_ids(rows.height, now),
        pl.all().exclude("class", "decided_at", "expires_at"),
        talk_class="class",
        state=pl.lit("reserved"),
        reason=pl.lit(""),
        reserved_at="decided_at",
        due_at=pl.lit(now, dtype=pl.Int64),
        expires_at=pl.min_horizontal("expires_at", pl.lit(now + LASTING, dtype=pl.Int64)),
        attempts=pl.lit(0, dtype=pl.Int32),
    )
    written = _insert_new(messages)
    refused["already"] += rows.height - written
    return written, without


def _insert_new(messages: pl.DataFrame) -> int:
    """Append the messages that nobody has yet; how many."""
    columns = ", ".join(f'"{name}"' for name in messages.columns)
    if connection.vendor == "postgresql":
        with staged("offered", messages):
            return execute(
                f"INSERT INTO delivery_message ({columns}) SELECT {columns} FROM offered ON CONFLICT DO NOTHING"  # noqa: S608 - as above
            )
    marks = ", ".join("?" * messages.width)
    with connection.cursor() as cursor, connection.wrap_database_errors:
        driver = cursor.connection
        before = driver.total_changes
        # Not OR IGNORE, which would also pass over a NULL where none may be.
        statement = f"INSERT INTO delivery_message ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - as above
        driver.executemany(statement, messages.iter_rows())
        return int(driver.total_changes - before)


def _message_ids(n: int, now: int) -> pl.Series:
    """UUIDs of version 7 (RFC 9562) as 32 hex digits, rising, so that their index grows at one end."""
    random = np.sort(np.frombuffer(os.urandom(10 * n).hex().encode(), dtype="S20")).astype("U20")
    rest = pl.Series("rest", random.tolist(), dtype=pl.String)
    moment = f"{now // 1000:012x}"
    return pl.select(
        (pl.lit(f"{moment}7") + rest.str.slice(0, 3) + pl.lit("8") + rest.str.slice(3, 15)).alias("message_id")
    ).to_series()
