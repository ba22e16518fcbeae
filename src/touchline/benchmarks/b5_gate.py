"""In: nothing. Out: how fast the gate reserves, beside a plain insert of the same rows. Writes no interactions.

B5 of benchmarks.md: 200k proposals, of which a tenth lost their consent, a twentieth has its cap full of messages that wait and a twentieth
has this very message already; every tenth customer is of two linked addresses. The gate decides again on what the database holds at that
moment, by the compiled policies, finds the address and reserves. The reference puts the rows that it made into the same emptied tables:
COPY into a temporary table and INSERT on PostgreSQL, executemany on SQLite.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from touchline import decision
from touchline import playbook as playbooks
from touchline.benchmarks import relationships
from touchline.benchmarks.b1_import import Opener
from touchline.benchmarks.process import alone
from touchline.decision.plan import Plan, compile_plan
from touchline.decision.priority import Propensity
from touchline.expressions import check
from touchline.kernel.engines import Engine
from touchline.kernel.ids import DRAW_RANGE
from touchline.kernel.measures import column
from touchline.kernel.times import DAY
from touchline.kernel.types import Type
from touchline.playbook.compiled import Playbook

PROPOSALS = 200_000
BATCH = 50_000
"""Proposals that go through the gate in one transaction."""
A_SECOND, SHARE = 20_000, 0.35
SERVER = "postgresql:///postgres?host=127.0.0.1"
AT = relationships.AT

_CAP = 3
_FREE: dict[str, Any] = {
    "stage": "renewal", "arm.global": "treated", "topic.last": None, "clock.minute": 600, "clock.weekday": 2, "value.balance": 0.5,
    "care.due": False, "hand_raiser": True, "count.joined": 1,
}  # fmt: skip
_BY_GROUP: dict[str, Any] = {
    "consent": True, "evidence": True, "withdrawn": False, "suppressed": False, "reach": True, "contact": 0, "count": 0,
}  # fmt: skip
_TYPES = {
    Type.NUMBER: pl.Float64,
    Type.INTEGER: pl.Int64,
    Type.TEXT: pl.String,
    Type.BOOLEAN: pl.Boolean,
    Type.TIME: pl.Int64,
}
_TALK = "talk_05"


def run(opener: Opener, *, proposals: int = PROPOSALS) -> dict[str, Any]:
    """Measure B5; proposals a second. `opener` opens a workspace, and can be sent to another process."""
    with TemporaryDirectory(prefix="touchline-b5-") as folder:
        found = {"sqlite": alone(measured, opener, folder, "", proposals)}
        with _schema() as url:
            if url is not None:
                found["postgresql"] = alone(measured, opener, folder, url, proposals)
    slowest = min(found.values(), key=lambda figures: figures["ratio"])
    return {
        "id": "B5",
        "work": f"{proposals:,} proposals through the gate on facts of the database alone, a fifth of them held, linked people among them",
        "figure": min(figures["a_second"] for figures in found.values()),
        "unit": "proposals/s",
        "reference": slowest["inserted_a_second"],
        "ratio": slowest["ratio"],
        "peak_mib": max(figures["peak_mib"] for figures in found.values()),
        "met": len(found) == 2
        and all(
            figures["exact"] and figures["a_second"] >= A_SECOND and figures["ratio"] >= SHARE
            for figures in found.values()
        ),
        "engines": found,
        **({} if len(found) == 2 else {"lacks": "a PostgreSQL server (TOUCHLINE_TEST_POSTGRES_URL)"}),
    }


def measured(opener: Opener, folder: str, url: str, proposals: int) -> dict[str, Any]:
    """One database: seconds of the gate and of the plain insert, and whether exactly those were reserved who may be."""
    for name in ("DATABASE_URL", "TOUCHLINE_LEDGER", "TOUCHLINE_WORKSPACE"):
        os.environ.pop(name, None)  # this process measures a workspace of its own, whatever the caller works on
    place = Path(folder) / ("postgresql" if url else "sqlite")
    if url:
        os.environ["DATABASE_URL"] = url
    playbooks.new(place, "blank")
    opener(place)
    # Django's models are defined when these are imported, which is after it was started.
    from touchline.delivery import gate

    base = Base(proposals)
    asked = base.proposed()
    start = time.perf_counter()
    reserved = 0
    for begin in range(0, proposals, BATCH):
        reserved += gate.reserve(asked.slice(begin, BATCH), base.again, now=AT).reserved
    seconds = time.perf_counter() - start
    inserted = base.inserted()
    return {
        "seconds": round(seconds, 2),
        "insert_seconds": round(inserted, 2),
        "a_second": round(proposals / seconds),
        "inserted_a_second": round(reserved / inserted),
        "ratio": round(proposals / seconds / (reserved / inserted), 2),  # of what each takes in a second
        "reserved": reserved,
        "exact": reserved == base.allowed,
    }


class Base:
    """Customers with addresses and consents in the open database, some of whom nothing may be reserved for."""

    def __init__(self, customers: int) -> None:
        self.plan, self.book = _plan()
        self.engine = Engine("polars")
        self.tables = decision.tables(self.plan, Propensity(), self.engine)
        number = np.arange(customers, dtype=np.int64)
        linked = number % 10 == 9
        draw = np.random.default_rng(5).integers(0, DRAW_RANGE, 3 * customers)
        # Three numbers a customer: their own, that of their address, that of a second one where they have it.
        self._people = _people(number, linked, draw)
        from touchline.recognition.staging import execute, insert

        insert("recognition_persona", self._people)
        withdrawn, full, had = number % 20 < 2, number % 20 == 2, number % 20 == 3
        addresses = 3 * number + np.where(linked, 3, 2)
        insert("permission_consent", _consents(addresses, withdrawn))
        rows = [self._reserved(number[full], f"other_{n}") for n in range(_CAP)]
        self._before = pl.concat([*rows, self._reserved(number[had], _TALK)])
        insert("delivery_message", self._before)
        execute("ANALYZE")  # as it is in a database that has been in use for a day
        self.allowed = int((~(withdrawn | full | had)).sum())
        self._facts = self._relationships()

    def proposed(self) -> pl.DataFrame:
        """What a decision on older facts proposed: this conversation to everybody."""
        return self._facts.select("customer", conversation=pl.lit(_TALK), channel=pl.lit("email"))

    def again(self, customers: Sequence[int]) -> pl.DataFrame:
        """What is in force now: counted are the messages that wait, consents are read, the policies evaluated, addresses found."""
        from touchline import permission, recognition
        from touchline.delivery.addresses import addressed
        from touchline.delivery.gate import waiting_rows

        asked = pl.DataFrame({"customer": customers}, schema={"customer": pl.Int64})
        people = recognition.people(of=asked["customer"])
        waiting = waiting_rows(AT, people["persona_id"]).select("persona_id", "conversation")
        counted = (
            waiting.join(people.select("persona_id", "customer"), on="persona_id")
            .group_by("customer")
            .agg(_waiting=pl.len(), _had=(pl.col("conversation") == _TALK).any())
        )
        known = permission.permissions(people)
        own = known.consents.group_by("customer").agg(_agreed=pl.col("in_force").any())
        facts = (
            self._facts.join(asked, on="customer")
            .join(counted, on="customer", how="left")
            .join(own, on="customer", how="left")
        )
        exact = facts.with_columns(
            pl.col("_waiting").fill_null(0).cast(pl.Int64).alias(column("contact.all_7d")),
            pl.col("_agreed").fill_null(value=False).alias(column("consent.information_email")),
            pl.when(pl.col("_had")).then(0.0).alias(column(f"recency.{_TALK}")),
        )
        frame = self.engine.lazy(exact.drop("_waiting", "_agreed", "_had"))
        decided = self.engine.lazy(self.engine.collect(decision.decide(frame, self.plan, self.tables, AT)))
        found = self.engine.collect(decision.proposals(decided, self.plan, self.tables, AT))
        return addressed(_told(found), people, known, self.book.policies)

    def inserted(self) -> float:
        """Seconds that a plain insert of the rows that were reserved takes, with what was there before in place."""
        from django.db import connection, transaction

        from touchline.recognition.staging import execute, insert, read, staged

        columns = ", ".join(f'"{name}"' for name in self._before.columns)
        before = self._before.schema
        rows = read(f"SELECT {columns} FROM delivery_message WHERE reserved_at = %s ORDER BY id", before, [AT])
        execute("TRUNCATE delivery_message" if connection.vendor == "postgresql" else "DELETE FROM delivery_message")
        insert("delivery_message", self._before)
        start = time.perf_counter()
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with staged("plain", rows):
                    execute(f"INSERT INTO delivery_message ({columns}) SELECT {columns} FROM plain")
            else:
                insert("delivery_message", rows)
        return time.perf_counter() - start

    def _reserved(self, number: np.ndarray[Any, Any], conversation: str) -> pl.DataFrame:
        """Messages of yesterday that wait."""
        n = len(number)
        return pl.DataFrame(
            {
                "message_id": [uuid.uuid4().hex for _ in range(n)], "customer": 3 * number + 1, "persona_id": 3 * number + 2,
                "bucket": np.zeros(n, dtype=np.int16), "role": ["customer"] * n, "conversation": [conversation] * n,
                "channel": ["email"] * n, "touchpoint": ["account_email"] * n, "variant": ["a"] * n,
                "programme": pl.Series([None] * n, dtype=pl.String), "recurrence": ["term:1"] * n, "purpose": ["information"] * n,
                "talk_class": np.full(n, 4, dtype=np.int16), "priority": np.ones(n), "given": np.zeros(n), "asked": np.zeros(n),
                "cost_minor": np.zeros(n, dtype=np.int64), "segment": np.zeros(n, dtype=np.int64), "identifier": ["a@example.org"] * n, "digest": ["benchmark"] * n,
                "state": ["reserved"] * n, "reason": [""] * n, "reserved_at": np.full(n, AT - DAY), "due_at": np.full(n, AT - DAY),
                "expires_at": np.full(n, AT + DAY), "attempts": np.zeros(n, dtype=np.int32),
            }
        )  # fmt: skip

    def _relationships(self) -> pl.DataFrame:
        """Facts under which nobody is held, for all measures that the plan reads."""
        types = self.book.measures
        facts = []
        for name in self.plan.measures:
            type_ = types.type_of(name)
            value = _FREE.get(name, _BY_GROUP.get(name.partition(".")[0]))
            facts.append(pl.lit(value, dtype=_TYPES[type_ or Type.TEXT]).alias(column(name)))
        draws = self._people.filter(pl.col("persona_id") == pl.col("customer")).select(
            "customer", pl.col("draw").cast(pl.Int64)
        )
        return draws.with_columns(facts)


def _plan() -> tuple[Plan, Playbook]:
    """One conversation on consent, under every policy that it can be under."""
    whole = relationships.playbook()
    audience = check("stage = 'renewal' AND NOT care.due", whole.measures, want=Type.BOOLEAN)
    book = replace(whole, conversations={_TALK: replace(whole.conversations[_TALK], audience=audience)})
    return compile_plan(book), book


def _people(number: np.ndarray[Any, Any], linked: np.ndarray[Any, Any], draw: np.ndarray[Any, Any]) -> pl.DataFrame:
    parts = []
    for place, (type_, chosen) in enumerate(
        (("user_id", number), ("email", number), ("email", number[linked])), start=1
    ):
        ids = 3 * chosen + place
        parts.append(
            pl.DataFrame(
                {"persona_id": ids, "customer": 3 * chosen + 1, "draw": draw[ids - 1].astype(np.int32)}
            ).with_columns(
                type=pl.lit(type_),
                scope=pl.lit(""),
                value=pl.format("p{}@example.org", "persona_id"),
                role=pl.lit("customer"),
                created_at=pl.lit(AT - DAY),
                shared=pl.lit(value=False),
            )
        )
    return pl.concat(parts)


def _consents(addresses: np.ndarray[Any, Any], withdrawn: np.ndarray[Any, Any]) -> pl.DataFrame:
    rows = pl.DataFrame({"persona_id": addresses, "withdrawn_at": np.where(withdrawn, AT - DAY, -(2**62))})
    return rows.with_columns(
        purpose=pl.lit("information"),
        channel=pl.lit("email"),
        granted_at=pl.lit(AT - 2 * DAY),
        evidenced=pl.lit(value=True),
        granted_seq=pl.lit(1, dtype=pl.Int64),
        source=pl.lit("benchmark"),
    )


def _told(found: pl.DataFrame) -> pl.DataFrame:
    """Proposals with what this benchmark's decisions do not say."""
    told: dict[str, pl.Expr] = {
        "programme": pl.lit(None, dtype=pl.String), "recurrence": pl.lit("term:1"), "given": pl.lit(0.0), "asked": pl.lit(0.0),
        "segment": pl.lit(0, dtype=pl.Int64),
    }  # fmt: skip
    return found.with_columns(value.alias(name) for name, value in told.items())


@contextmanager
def _schema() -> Iterator[str | None]:
    """The URL of an empty schema on the tests' PostgreSQL; None where there is no server."""
    try:
        import psycopg
    except ImportError:
        yield None
        return
    url = os.environ.get("TOUCHLINE_TEST_POSTGRES_URL", SERVER)
    name = f"touchline_bench_{uuid.uuid4().hex[:12]}"
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as server:
            server.execute(f"CREATE SCHEMA {name}")
    except psycopg.Error:
        yield None
        return
    try:
        yield f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{name}"
    finally:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"DROP SCHEMA {name} CASCADE")
