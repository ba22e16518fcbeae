"""People with addresses, and proposals for them, written shortly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from touchline import recognition
from touchline.delivery import gate
from touchline.delivery.addresses import ADDED
from touchline.kernel.times import parse_instant
from touchline.recognition import people
from touchline.recognition.staging import execute, read

NOW = parse_instant("2026-11-01T12:00:00Z")

MESSAGE = {
    "message_id": pl.String, "persona_id": pl.Int64, "conversation": pl.String, "state": pl.String, "reason": pl.String,
    "due_at": pl.Int64, "attempts": pl.Int64, "worker": pl.String, "lease_until": pl.Int64, "gift_code": pl.String,
}  # fmt: skip


def known(n: int, *, each: Sequence[str] = ("email",)) -> list[int]:
    """`n` new customers, each with a user id and an identifier of each of those types; their keys."""
    spelt = {"email": "email{}@example.org", "phone": "+4930123{:05}"}
    rows = [
        (i, kind, "", value, None, 1)
        for i in range(n)
        for kind, value in [("user_id", f"u{i}"), *((type_, spelt[type_].format(i)) for type_ in each)]
    ]
    recognition.recognise(pl.DataFrame(rows, schema=recognition.SIGHTINGS, orient="row"), now=1)
    return sorted(people().get_column("customer").unique().to_list())


def proposal(customer: int, conversation: str = "hello", **changes: Any) -> dict[str, Any]:
    """What `decide` would propose."""
    return {
        "customer": customer, "conversation": conversation, "channel": "email", "touchpoint": "mail", "variant": "a",
        "programme": None, "recurrence": "once", "purpose": "selling", "class": 5, "priority": 1.0, "given": 1.0, "asked": 0.0,
        "segment": 3, "digest": "0123456789abcdef", "decided_at": NOW, **changes,
    }  # fmt: skip


def proposed(*rows: dict[str, Any]) -> pl.DataFrame:
    """Proposals as a frame of the gate's types, not addressed."""
    schema = {name: dtype for name, dtype in gate.WANTED.items() if name not in ADDED}
    return pl.DataFrame(rows, schema=schema, orient="row")


def to_email(proposals: pl.DataFrame) -> pl.DataFrame:
    """The proposals with the customer's oldest e-mail address."""
    emails = people().filter(pl.col("type") == "email").sort("persona_id").unique("customer", keep="first")
    values = recognition.addresses(emails["persona_id"]).select("persona_id", identifier="value")
    own = emails.select("customer", "persona_id", "bucket", "role").join(values, on="persona_id")
    return proposals.join(own, on="customer", how="left")


def still(*rows: dict[str, Any]) -> Callable[[Sequence[int]], pl.DataFrame]:
    """An `again` that finds those proposals in force, each to the customer's e-mail address."""

    def again(customers: Sequence[int]) -> pl.DataFrame:
        return to_email(proposed(*(row for row in rows if row["customer"] in set(customers))))

    return again


def reserved(*rows: dict[str, Any], now: int = NOW) -> gate.Gated:
    """The gate's answer where nothing has changed since."""
    return gate.reserve(proposed(*rows), still(*rows), now=now)


def messages() -> list[dict[str, Any]]:
    """All messages, in order of their reservation."""
    columns = ", ".join(MESSAGE)
    return read(f"SELECT {columns} FROM delivery_message ORDER BY id", MESSAGE).to_dicts()


def told(*columns: str) -> list[tuple[Any, ...]]:
    """Those columns of the rows that wait for the ledger, in order."""
    kept = read(
        "SELECT body FROM intake_event WHERE source = 'outbox' ORDER BY event_id", {"body": pl.String}
    ).get_column("body")
    rows = kept.str.json_decode(pl.Struct(dict.fromkeys(columns, pl.String))).to_list() if len(kept) else []
    return [tuple(row[name] for name in columns) for row in rows]


def forget() -> None:
    """Empty the tables: one database serves all examples of a property."""
    for table in (
        "delivery_message", "delivery_gift_code", "delivery_call_task", "delivery_lease",
        "intake_event", "intake_block", "intake_awaited", "intake_rejected",
    ):  # fmt: skip
        execute(f"DELETE FROM {table}")
