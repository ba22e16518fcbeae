"""`touchline verify` finds an injected fault of each kind that it claims to find, and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from django.db import connection

from touchline.decision import Explanation, Plan
from touchline.decision.priority import Propensity
from touchline.interactions.row import SCHEMA
from touchline.kernel.engines import Engine
from touchline.ledger.snapshots import SnapshotKey
from touchline.relationship import refreshing
from touchline.workspace import verifying
from touchline.workspace.opened import Workspace


def _faults(workspace: Workspace, check: Callable[[Workspace], verifying.Check]) -> list[str]:
    """What one of `verify`'s checks finds; `test_a_sound_workspace…` holds that verify runs them all."""
    found = check(workspace)
    assert found.found >= len(found.faults)
    return found.faults


def _row(workspace: Workspace, kind: str) -> pl.DataFrame:
    rows = pl.from_arrow(workspace.engine.collect(workspace.interactions()).to_arrow())
    assert isinstance(rows, pl.DataFrame)
    return rows.filter(pl.col("kind") == kind).sort("seq").head(1)


def _force(workspace: Workspace, row: pl.DataFrame) -> None:
    """Write a row past every check of the ledger, as a foreign tool could."""
    table = row.select(SCHEMA.names).to_arrow().cast(pa.schema([field.with_nullable(True) for field in SCHEMA]))
    write_deltalake(workspace.settings.ledger, pa.table(table.columns, schema=SCHEMA), mode="append")


def _execute(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.rowcount)


def test_a_sound_workspace_has_no_fault_and_every_check_looked_at_something(lived: Workspace) -> None:
    refreshing.keep(lived.held(lived.clock.now()), lived.snapshots)
    report = lived.verify()
    assert report["faults"] == 0
    assert {check["check"] for check in report["checks"] if check["looked_at"] > 0} == {
        "rows", "personas", "identity", "permission", "drain", "snapshots", "measures", "decisions",
    }  # fmt: skip


def test_two_rows_with_one_id_are_found(lived: Workspace) -> None:
    row = _row(lived, "bought")
    _force(lived, row.with_columns(seq=pl.lit(lived.ledger.last_seq() + 1, pl.Int64)))
    assert f"id {row['id'][0]} is there 2 times" in _faults(lived, verifying.rows)


def test_two_rows_with_one_seq_are_found(lived: Workspace) -> None:
    row = _row(lived, "bought")
    _force(lived, row.with_columns(id=pl.lit("0" * 32)))
    assert f"seq {row['seq'][0]} is there 2 times" in _faults(lived, verifying.rows)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"kind": pl.lit("teleported")}, "of kind teleported, which the catalogue does not know"),
        ({"revenue_minor": pl.lit(None, pl.Int64)}, "is bought without revenue_minor"),
        ({"emotional": pl.lit(7.0, pl.Float32)}, "has a reading outside -1 to 1"),
    ],
)
def test_a_row_that_cannot_be_is_found(lived: Workspace, change: dict[str, pl.Expr], sentence: str) -> None:
    seq = lived.ledger.last_seq() + 1
    _force(lived, _row(lived, "bought").with_columns(id=pl.lit("0" * 32), seq=pl.lit(seq, pl.Int64), **change))
    assert any(sentence in fault and f"row {seq}" in fault for fault in _faults(lived, verifying.rows))


def test_rows_of_nobody_and_rows_in_a_wrong_bucket_are_found(lived: Workspace) -> None:
    row, seq = _row(lived, "bought"), lived.ledger.last_seq()
    fresh = {"id": pl.lit("0" * 32), "seq": pl.lit(seq + 1, pl.Int64)}
    _force(lived, row.with_columns(persona_id=pl.lit(10**9, pl.Int64), **fresh))
    wrong = (row["bucket"][0] + 1) % 64
    _force(lived, row.with_columns(bucket=pl.lit(wrong, pl.Int16), id=pl.lit("1" * 32), seq=pl.lit(seq + 2, pl.Int64)))
    faults = _faults(lived, verifying.personas)
    assert "1 rows belong to persona 1000000000, whom recognition does not know" in faults
    assert any(f"rows of persona {row['persona_id'][0]} lie in bucket {wrong}" in fault for fault in faults)


def test_a_link_that_the_ledger_does_not_tell_of_is_found(lived: Workspace) -> None:
    people = lived.people()
    alone = people.filter(~pl.col("customer").is_duplicated(), pl.col("persona_id") > 1)["persona_id"][0]
    assert _execute(f"UPDATE recognition_persona SET customer = 1 WHERE persona_id = {alone}") == 1
    assert f"persona {alone} is served as customer 1; the ledger's links make it {alone}" in _faults(
        lived, verifying.identity
    )


def test_a_consent_that_nobody_gave_is_found(lived: Workspace) -> None:
    assert (
        _execute(
            "UPDATE permission_consent SET withdrawn_at = 1 WHERE persona_id = (SELECT min(persona_id) FROM permission_consent)"
        )
        > 0
    )
    assert any(fault.startswith("consents of persona") for fault in _faults(lived, verifying.consent))


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("suppressions", "DELETE FROM permission_suppression"),
        ("preferences", "UPDATE permission_preference SET answer = answer + 1"),
    ],
)
def test_a_lost_suppression_and_a_changed_preference_are_found(lived: Workspace, table: str, statement: str) -> None:
    assert _execute(statement) > 0
    assert any(fault.startswith(f"{table} of persona") for fault in _faults(lived, verifying.consent))


def test_a_consent_lent_to_another_address_is_found(lived: Workspace) -> None:
    row, seq = _row(lived, "opted_in"), lived.ledger.last_seq() + 1
    _force(
        lived,
        row.with_columns(
            identifier=pl.lit("somebody.else@example.com"), id=pl.lit("0" * 32), seq=pl.lit(seq, pl.Int64)
        ),
    )
    persona = row["persona_id"][0]
    assert f"row {seq} lends a consent to persona {persona}, whose address it does not name" in _faults(
        lived, verifying.consent
    )


def test_an_event_called_drained_that_the_ledger_does_not_hold_is_found(lived: Workspace) -> None:
    assert _execute(
        "INSERT INTO intake_event (source, message_id, ready, received_at, body, batch, drained_at) VALUES ('segment', 'm-1', FALSE, 1, '', 999999, 1)"
    )
    assert _faults(lived, verifying.drained) == [
        "batch 999999 of 1 events is called drained, and the ledger has no such batch"
    ]


def test_rows_that_vanished_from_the_ledger_are_found(lived: Workspace) -> None:
    before = lived.ledger.count()
    DeltaTable(lived.settings.ledger).delete("kind = 'bought'")
    gone = before - lived.ledger.count()
    assert gone > 0
    assert any("the ledger holds" in fault for fault in _faults(lived, verifying.drained))


def test_a_snapshot_with_changed_bytes_is_found(lived: Workspace) -> None:
    key = refreshing.keep(lived.held(lived.clock.now()), lived.snapshots)
    folder = lived.settings.snapshots / str(key)
    file = max(folder.rglob("*.parquet"), key=lambda path: path.stat().st_size)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content))
    assert any("bytes that were not written so" in fault for fault in _faults(lived, verifying.snapshots))


def test_a_snapshot_that_tells_another_story_is_found(lived: Workspace) -> None:
    held = lived.held(lived.clock.now())
    wrong = Engine("polars").collect(held.state.rows).with_columns(pl.col("revenue") + 100)
    recent = Engine("polars").collect(held.slice)
    key = SnapshotKey(held.seq, held.at, held.state.layout.digest)
    lived.snapshots.save(key, {refreshing.STATE: lived.engine.lazy(wrong), refreshing.SLICE: lived.engine.lazy(recent)})
    assert any("sum.revenue of customer" in fault for fault in _faults(lived, verifying.snapshots))
    assert any(fault.startswith("sum.revenue of customer") for fault in _faults(lived, verifying.measures))


def test_a_half_written_snapshot_is_found(lived: Workspace) -> None:
    key = refreshing.keep(lived.held(lived.clock.now()), lived.snapshots)
    next((lived.settings.snapshots / str(key)).rglob("*.parquet")).unlink()
    assert any(fault.startswith(f"snapshot {key}") for fault in _faults(lived, verifying.snapshots))


def test_a_proposal_that_was_left_out_is_found(lived: Workspace) -> None:
    file = next(Path(lived.settings.decisions).glob("*.parquet"))
    pl.read_parquet(file)[1:].write_parquet(file)
    assert any(fault.endswith("is missing") for fault in _faults(lived, verifying.decisions))


def test_decide_and_explain_that_differ_are_found(lived: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    told = verifying.decision.explain

    def tampered(row: Mapping[str, Any], plan: Plan, rates: Propensity, at: int) -> Explanation:
        return told({**row, "care__due": not row["care__due"]}, plan, rates, at)

    monkeypatch.setattr(verifying.decision, "explain", tampered)
    assert any("decide and explain differ" in fault for fault in _faults(lived, verifying.decisions))


def test_a_decision_that_would_not_be_decided_again_is_found(lived: Workspace) -> None:
    file = next(Path(lived.settings.decisions).glob("*.parquet"))
    record = pl.read_parquet(file)
    assert record.height > 0
    record.with_columns(conversation=pl.lit("make_good")).write_parquet(file)
    assert any("would not be decided again" in fault for fault in _faults(lived, verifying.decisions))
