"""On SQLite, no statement of the outbox reads every message that was ever sent: it uses a partial index only in the index's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.delivery.offers import NOW, known, proposal, reserved
from touchline.delivery import outbox
from touchline.delivery.gate import LASTING, waiting_rows
from touchline.delivery.outbox import LEASE
from touchline.recognition import people
from touchline.recognition.staging import execute

SENT = 1_000
STARTS = ("UPDATE delivery_message SET worker", "SELECT id, bucket", "SELECT (SELECT")


@pytest.mark.sqlite
@pytest.mark.parametrize("analysed", [False, True])
def test_every_statement_uses_an_index(database: Path, analysed: bool) -> None:
    customers = known(SENT)
    reserved(*(proposal(customer) for customer in customers))
    execute("UPDATE delivery_message SET state = 'sent', started_at = 1", [])
    reserved(*(proposal(customer, "other") for customer in customers[:2]))
    if analysed:
        execute("ANALYZE")
    plans: dict[str, list[str]] = {}

    def explained(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if "delivery_message" in sql and not many:
            run(f"EXPLAIN QUERY PLAN {sql}", parameters, many, context)
            plan = [str(line[3]) for line in context["cursor"].fetchall()]
            plans[sql] = [line for line in plan if line.startswith(("SCAN", "SEARCH")) and "found" not in line]
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(explained):
        begun, _ = outbox.lease("w", ["email"], NOW, 2, {"email": 5})
        outbox.started(begun, NOW)
        waiting_rows(NOW)
        waiting_rows(NOW, people()["persona_id"][:2])
        outbox.recover(NOW + LEASE)
        outbox.recover(NOW + LASTING)
    assert len(plans) >= 7
    for start in STARTS:
        mine = [plan for sql, plan in plans.items() if sql.startswith(start)]
        assert mine, start
        assert all(any("delivery_message_due" in line for line in plan) for plan in mine), (start, mine)
    for sql, plan in plans.items():
        assert not [line for line in plan if "delivery_message" in line and "USING" not in line], (sql, plan)
        assert not [line for line in plan if line == "SCAN m"], (sql, plan)
