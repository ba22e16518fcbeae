"""The whole circle in small: real conversations, policies, consents and cases, decided for by the real rooms; and what happened, noted plainly."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from django.db import transaction

from tests.decision.builder import conversation, playbook
from tests.delivery.offers import NOW
from touchline import decision, recognition
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.priority import Propensity
from touchline.delivery import gate, outbox
from touchline.delivery.addresses import addressed
from touchline.delivery.outbox import Leased
from touchline.intake import accept_rows, pending
from touchline.kernel.engines import Engine
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY, SECOND
from touchline.ledger.memory import MemoryLedger
from touchline.permission import ROWS, permissions
from touchline.playbook.compiled import Cap, Playbook, Policies
from touchline.recognition import locking
from touchline.recognition.staging import read
from touchline.relationship import refreshing
from touchline.relationship.layout import Layout

CAP, OVER, EVERY = 2, DAY, 2 * DAY
"""The cap's window is shorter than a reservation lasts: what waits must not leave it."""
POLARS = Engine("polars")
BOOK: Playbook = playbook(
    conversation("sell", "selling", audience="count.answered = 0", recurs_every=EVERY, topic=None),
    conversation("tips", "information", audience="count.answered = 0", recurs_every=EVERY, topic=None),
    conversation("notice", "service", audience="count.answered = 0", recurs_every=EVERY, topic=None),
    policies=Policies(caps=(Cap("overall", CAP, OVER),), one_a_day=(), holdout_global=0.0, quiet=None),
)
PLAN: Plan = compile_plan(BOOK)
LAYOUT = Layout.of(BOOK)
TABLES = decision.tables(PLAN, Propensity(), POLARS)
PURPOSE = {"sell": "selling", "tips": "information", "notice": "service"}


class Ticks:
    """A clock that never tells one instant twice, to any thread."""

    def __init__(self) -> None:
        self._instant = NOW
        self._mutex = threading.Lock()

    def next(self, more: int = SECOND) -> int:
        with self._mutex:
            self._instant += more
            return self._instant


@dataclass(frozen=True)
class Said:
    state: str
    reason: str | None = None


@dataclass
class Circle:
    """A few customers, what is written about them, and the verbs that the tests call.

    personas   customer -> its personas, the user id's first, then the addresses'
    notes      (tick, what, persona, detail), in the order in which each person's things happened
    """

    ticks: Ticks = field(default_factory=Ticks)
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    notes: list[tuple[int, str, int, str]] = field(default_factory=list)

    def settle(self, customers: int, addresses: int = 2) -> None:
        """New customers, each with so many e-mail addresses."""
        rows = [
            (i * addresses + j, kind, "", value, None, 1)
            for i in range(customers)
            for j in range(addresses)
            for kind, value in (("user_id", f"u{i}"), ("email", f"a{i}.{j}@example.org"))
        ]
        recognition.recognise(pl.DataFrame(rows, schema=recognition.SIGHTINGS, orient="row"), now=1)
        everyone = recognition.people()
        self.emails = everyone.filter(pl.col("type") == "email")["persona_id"].sort().to_list()
        self.users = everyone.filter(pl.col("type") == "user_id")["persona_id"].sort().to_list()
        for user in self.users:
            self.write(user, "identified", payload="{}")

    def owner(self, persona: int) -> int:
        return int(
            read("SELECT customer FROM recognition_persona WHERE persona_id = %s", {"c": pl.Int64}, [persona]).item()
        )

    def write(self, persona: int, kind: str, **columns: Any) -> int:
        """A fact about a person, as an operation writes it: under the lock that the gate takes; when."""
        found = read("SELECT draw FROM recognition_persona WHERE persona_id = %s", {"draw": pl.Int64}, [persona])
        bucket = int(found.item()) % 64
        with transaction.atomic():
            locking.hold([bucket])
            at = self.ticks.next()
            row = {
                "id": interaction_id("test", kind, str(at)), "kind": kind, "persona_id": persona, "bucket": bucket, "role": "customer",
                "source": "test", "occurred_at": at, **columns,
            }  # fmt: skip
            accept_rows(pl.DataFrame([row], schema_overrides={"bucket": pl.Int16}), received_at=at)
            self.notes.append((at, kind, persona, str(columns.get("purpose") or columns.get("case_id") or "")))
        return at

    def opt(self, persona: int, way: str, purpose: str) -> None:
        self.write(persona, f"opted_{way}", purpose=purpose, channel="email", identifier="x", evidence="{}")

    def open_case(self, persona: int) -> None:
        self.write(persona, "case_opened", case_id=f"c{self.ticks.next()}")

    def resolve(self, persona: int, case: str) -> None:
        self.write(persona, "case_resolved", case_id=case)

    def again(self, customers: Sequence[int]) -> pl.DataFrame:
        """What is in force on exact facts, read in the order that the gate asks for."""
        at = self.ticks.next()
        everyone = recognition.people().filter(pl.col("customer").is_in(list(customers)))
        waiting = gate.waiting_rows(at, everyone["persona_id"])
        kept = pl.from_arrow(pending(BOOK, self.ledger, received_at=at))
        assert isinstance(kept, pl.DataFrame)
        rows = pl.concat([waiting, kept.cast(waiting.schema)])
        held = refreshing.state_at(
            self.ledger, None, LAYOUT, POLARS, at, pending=POLARS.lazy(rows), personas=everyone["persona_id"].to_list()
        )
        frame = refreshing.relationships(held, everyone, BOOK, POLARS, wanted=PLAN.measures)
        decided = POLARS.lazy(POLARS.collect(decision.decide(frame, PLAN, TABLES, at)))
        found = POLARS.collect(decision.proposals(decided, PLAN, TABLES, at))
        told = {
            "programme": pl.lit(None, dtype=pl.String), "recurrence": pl.lit(f"every:{at // EVERY}"), "given": pl.lit(0.0),
            "asked": pl.lit(0.0), "segment": pl.lit(0),
        }  # fmt: skip
        whole = found.with_columns(value.alias(name) for name, value in told.items() if name not in found.columns)
        # The tables of permissions are behind the ledger until somebody refreshes them; here nobody does.
        drained = POLARS.collect(self.ledger.frame(POLARS, tuple(ROWS)))
        known = permissions(everyone, pl.concat([drained.select(*ROWS), kept.select(*ROWS)]))
        return addressed(whole, everyone, known, BOOK.policies)

    def reserve(self, customers: Sequence[int]) -> gate.Gated:
        """Everything for everybody is proposed, on no facts at all: what goes through is the gate's doing."""
        rows = [(customer, name, "email") for customer in customers for name in PURPOSE]
        asked = pl.DataFrame(rows, schema=["customer", "conversation", "channel"], orient="row")
        return gate.reserve(asked, self.again, now=self.ticks.next())

    def lease(self, worker: str, limit: int = 3) -> list[Leased]:
        return outbox.lease(worker, ["email"], self.ticks.next(), limit)

    def reservations(self) -> list[dict[str, Any]]:
        """All messages: persona_id, conversation, state, reason, reserved_at, customer."""
        columns = {
            "message_id": pl.String, "persona_id": pl.Int64, "customer": pl.Int64, "conversation": pl.String,
            "state": pl.String, "reason": pl.String, "reserved_at": pl.Int64,
        }  # fmt: skip
        query = f"SELECT {', '.join(columns)} FROM delivery_message ORDER BY reserved_at, message_id"
        return read(query, columns).to_dicts()
