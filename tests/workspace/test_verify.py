"""`touchline verify` finds an injected fault of each kind that it claims to find, and nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from django.db import connection, connections

from tests.workspace import lively
from touchline.decision import Explanation, Plan
from touchline.decision.priority import Propensity
from touchline.delivery.senders import ConsoleSender
from touchline.interactions.row import SCHEMA
from touchline.kernel.engines import Engine
from touchline.kernel.times import HOUR, MINUTE, FixedClock
from touchline.ledger.snapshots import SnapshotKey
from touchline.relationship import refreshing
from touchline.site.entry import open_workspace
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
    looked = {check["check"]: check["looked_at"] for check in report["checks"]}
    assert looked.pop("messages") == 0, "nothing was said here; see below"
    assert list(looked) == [
        "rows", "personas", "identity", "permission", "drain", "snapshots", "measures", "decisions",
    ]  # fmt: skip
    assert all(looked.values())
    assert len(report["checks"]) == len(verifying.CHECKS)


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[Workspace]:
    """Two people, with a notice and a thank-you each; all were reserved at NOW and went an hour later."""
    root = lively.make(tmp_path / "w", customers=2)
    clock = FixedClock(lively.NOW)
    opened = open_workspace(root, clock)
    opened.run(until_idle=True, senders={})
    clock.instant += HOUR
    opened.run(until_idle=True, senders={"email": ConsoleSender("email")})
    opened.catch_up()
    yield opened
    connections.close_all()


def test_a_message_that_is_told_twice_is_found(talking: Workspace) -> None:
    check = verifying.said(talking)
    assert (check.looked_at, check.faults) == (4, [])
    row, seq = _row(talking, "sent"), talking.ledger.last_seq() + 1
    _force(talking, row.with_columns(id=pl.lit("0" * 32), seq=pl.lit(seq, pl.Int64)))
    assert _faults(talking, verifying.said) == [f"message {row['message_id'][0]} is told as sent more than once"]


def test_a_message_that_went_although_its_consent_had_ended_since_the_reservation_is_found(talking: Workspace) -> None:
    (thanks,) = talking.messages("sent").filter(conversation="thanks").sort("persona_id").head(1).iter_rows(named=True)
    rows = pl.from_arrow(talking.engine.collect(talking.interactions()).to_arrow())
    assert isinstance(rows, pl.DataFrame)
    given = rows.filter(kind="opted_in", persona_id=thanks["persona_id"], channel="email")
    went = lively.NOW + HOUR
    # One that came while the batch was being looked at is nobody's fault; of the other the last look had to know.
    for number, at in enumerate((went - verifying.LOOKED + 1, lively.NOW + MINUTE)):
        fresh = {"id": pl.lit(str(number) * 32), "seq": pl.lit(talking.ledger.last_seq() + 1, pl.Int64)}
        told = {name: pl.lit(at, pl.Int64) for name in ("occurred_at", "received_at")}
        assert _faults(talking, verifying.said) == []
        _force(talking, given.with_columns(kind=pl.lit("opted_out"), **fresh, **told))
    assert _faults(talking, verifying.said) == [
        f"message {thanks['message_id']} for care by email had no consent when it was reserved or went"
    ]


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


def test_a_winner_that_explain_does_not_name_is_found(lived: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    told = verifying.decision.explain

    def tampered(row: Mapping[str, Any], plan: Plan, rates: Propensity, at: int) -> Explanation:
        explained = told(row, plan, rates, at)
        return replace(explained, candidates=tuple(replace(one, proposed=False) for one in explained.candidates))

    monkeypatch.setattr(verifying.decision, "explain", tampered)
    faults = _faults(lived, verifying.decisions)
    assert faults
    assert all(fault.endswith(": decide and explain name another winner") for fault in faults)


def test_a_decision_that_would_not_be_decided_again_is_found(lived: Workspace) -> None:
    file = next(Path(lived.settings.decisions).glob("*.parquet"))
    record = pl.read_parquet(file)
    assert record.height > 0
    record.with_columns(conversation=pl.lit("make_good")).write_parquet(file)
    assert any("would not be decided again" in fault for fault in _faults(lived, verifying.decisions))
