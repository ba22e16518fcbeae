"""What is allowed, preferred and suppressed now."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from tests.permission.told import happened, opted, people, preferred, told
from touchline import permission
from touchline.interactions import row as ledger_row
from touchline.permission.reading import NEVER

_PERSONAS, _TIMES = st.integers(1, 3), st.integers(0, 5)
ROW = st.one_of(
    st.builds(
        opted, st.sampled_from(["in", "out"]), _PERSONAS, _TIMES,
        purpose=st.sampled_from(["selling", "care"]), proof=st.none() | st.just("{}"),
    ),
    st.builds(preferred, _PERSONAS, _TIMES, st.sampled_from(["max_per_week", "topic_cover"]), st.integers(0, 3)),
    st.builds(
        happened, st.sampled_from(["suppressed", "released", "reported_spam", "failed", "bought"]), _PERSONAS, _TIMES,
        st.sampled_from([None, "hard_bounce", "deceased"]),
    ),
)  # fmt: skip
ROWS = st.lists(ROW, min_size=1, max_size=14)


def _emptied() -> None:
    permission.rebuild(told(), 0)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM permission_progress")


def _allowed(known: pl.DataFrame, purpose: str = "selling", channel: str = "email") -> dict[int, str | None]:
    """Persona -> why it may not be contacted, None where it may."""
    return dict(permission.may_contact(known, purpose, channel).select("persona_id", "why").iter_rows())


@given(
    rows=ROWS,
    cuts=st.lists(st.integers(0, 20), max_size=3),
    twice=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_any_order_partition_and_repetition_leave_the_same_in_force(database, rows, cuts, twice, order) -> None:
    _emptied()
    everything = told(*rows)
    arrival = list(range(len(rows)))
    order.shuffle(arrival)
    shuffled = everything[arrival]
    edges = [0, *sorted({cut % (len(rows) + 1) for cut in cuts}), len(rows)]
    for first, last in pairwise(edges):
        for _ in range(2 if twice else 1):
            permission.refresh(shuffled[first:last], up_to_seq=last)
    assert permission.compare(everything).is_empty()
    found = permission.current()
    permission.rebuild(everything, len(rows))
    expected = permission.current()
    assert found.consents.equals(expected.consents)
    assert found.preferences.equals(expected.preferences)
    assert found.suppressions.equals(expected.suppressions)
    assert permission.read_until() == len(rows)


@given(rows=ROWS, customers=st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_an_address_may_be_used_only_by_its_own_consent_and_no_ones_objection(database, rows, customers) -> None:
    _emptied()
    permission.refresh(told(*rows))
    linked = people(*enumerate(customers, 1))
    for persona, why in _allowed(linked).items():
        mine = [r for r in rows if r["persona_id"] == persona]
        ours = [r for r in rows if customers[r["persona_id"] - 1] == customers[persona - 1]]

        def latest(kinds: set[str], among: list[dict], reasons=lambda r: True) -> int:
            return max((r["occurred_at"] for r in among if r["kind"] in kinds and reasons(r)), default=NEVER)

        def of_selling(r) -> bool:
            return r.get("purpose") == "selling"

        def bounce(r) -> bool:
            return r["reason"] == "hard_bounce"

        objected = max(latest({"reported_spam"}, ours), latest({"suppressed"}, ours, lambda r: not bounce(r))) > latest(
            {"released"}, ours, lambda r: not bounce(r)
        )
        bounced = latest({"suppressed", "failed"}, mine, bounce) > latest({"released"}, mine)
        agreed = latest({"opted_in"}, mine, of_selling) > latest({"opted_out"}, ours, of_selling)
        assert why == ("suppression" if objected or bounced else None if agreed else "consent")


def test_an_address_with_consent_may_be_used(database) -> None:
    permission.refresh(told(opted("in", 1, 10)))
    assert _allowed(people((1, 1))) == {1: None}
    assert _allowed(people((1, 1)), purpose="care") == {1: "consent"}
    assert _allowed(people((1, 1)), channel="sms") == {}, "an e-mail address is not reached by a text message"


def test_what_a_machine_did_is_nobodys_consent_and_nobodys_objection(database) -> None:
    by_machine = {"machine": True}
    permission.refresh(told(opted("in", 1, 5) | by_machine, opted("in", 2, 5), opted("out", 2, 6) | by_machine))
    permission.refresh(
        told(happened("reported_spam", 2, 7) | by_machine, preferred(2, 7, "topic_cover", 0) | by_machine)
    )
    assert _allowed(people((1, 1), (2, 2))) == {1: "consent", 2: None}


def test_linking_lends_no_consent_to_another_address(database) -> None:
    permission.refresh(told(opted("in", 1, 10)))
    assert _allowed(people((1, 1), (2, 1))) == {1: None, 2: "consent"}


def test_an_opt_out_of_one_address_counts_for_the_whole_person(database) -> None:
    permission.refresh(told(opted("in", 1, 10), opted("in", 2, 10), opted("out", 2, 20)))
    assert _allowed(people((1, 1), (2, 1))) == {1: "consent", 2: "consent"}
    assert _allowed(people((1, 1), (2, 2))) == {1: None, 2: "consent"}


def test_a_withdrawal_at_the_instant_of_a_consent_counts(database) -> None:
    permission.refresh(told(opted("out", 1, 10), opted("in", 1, 10)))
    assert _allowed(people((1, 1))) == {1: "consent"}


def test_a_late_opt_out_does_not_undo_a_newer_consent(database) -> None:
    permission.refresh(told(opted("in", 1, 30)))
    permission.refresh(told(opted("out", 1, 20)))
    assert _allowed(people((1, 1))) == {1: None}


def test_consent_without_evidence_is_marked_so(database) -> None:
    permission.refresh(
        told(opted("in", 1, 10, proof="{}"), opted("in", 2, 10, proof="{}"), opted("in", 2, 20, proof=None))
    )
    found = permission.permissions(people((1, 1), (2, 2))).consents
    assert dict(found.select("persona_id", "evidenced").iter_rows()) == {1: True, 2: False}


def test_a_hard_bounce_stops_the_address_and_spam_the_person(database) -> None:
    both = people((1, 1), (2, 1))
    permission.refresh(told(opted("in", 1, 10), opted("in", 2, 10), happened("failed", 1, 20, "hard_bounce")))
    assert _allowed(both) == {1: "suppression", 2: None}
    permission.refresh(told(happened("failed", 2, 30, "mailbox_full")))
    assert _allowed(both) == {1: "suppression", 2: None}
    permission.refresh(told(happened("reported_spam", 1, 40)))
    assert _allowed(both) == {1: "suppression", 2: "suppression"}
    permission.refresh(told(happened("released", 1, 50)))
    assert _allowed(both) == {1: None, 2: None}


def test_a_release_of_a_bounce_lifts_neither_death_nor_spam_nor_law(database) -> None:
    both = people((1, 1), (2, 1))
    permission.refresh(told(opted("in", 1, 10), opted("in", 2, 10), happened("failed", 2, 20, "hard_bounce")))
    permission.refresh(told(happened("suppressed", 1, 21, "deceased"), happened("released", 2, 30, "hard_bounce")))
    assert _allowed(both) == {1: "suppression", 2: "suppression"}
    assert _allowed(people((1, 1), (2, 2))) == {1: "suppression", 2: None}
    permission.refresh(told(happened("released", 1, 40)))
    assert _allowed(both) == {1: None, 2: None}


def test_a_suppression_whose_reason_reads_like_a_release_lifts_nothing(database) -> None:
    permission.refresh(told(opted("in", 1, 10), happened("suppressed", 1, 20, "deceased")))
    permission.refresh(
        told(happened("suppressed", 1, 30, "released"), happened("suppressed", 1, 31, "released_bounce"))
    )
    assert _allowed(people((1, 1))) == {1: "suppression"}


def test_the_latest_preference_of_the_person_counts(database) -> None:
    permission.refresh(told(preferred(1, 10, "max_per_week", 3), preferred(2, 20, "max_per_week", 1)))
    permission.refresh(told(preferred(1, 15, "max_per_week", 2)))
    found = permission.permissions(people((1, 1), (2, 1))).preferences
    assert found.select("customer", "key", "answer", "told").rows() == [(1, "max_per_week", 1, '{"max_per_week":1}')]


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE permission_consent SET withdrawn_at = 99", "consents"),
        ("DELETE FROM permission_consent", "consents"),
        ("UPDATE permission_preference SET answer = 7", "preferences"),
        ("INSERT INTO permission_suppression (persona_id, reason, at) VALUES (9, 'legal', 5)", "suppressions"),
    ],
)
def test_compare_finds_a_row_that_the_ledger_does_not_tell(database, statement: str, table: str) -> None:
    rows = told(opted("in", 1, 10), preferred(1, 10, "max_per_week", 3), happened("reported_spam", 1, 40))
    permission.refresh(rows)
    assert permission.compare(rows).is_empty()
    with connection.cursor() as cursor:
        cursor.execute(statement)
    assert permission.compare(rows).get_column("table").to_list() == [table]


def test_rows_are_taken_as_the_ledger_holds_them(database) -> None:
    base = {
        "seq": [1],
        "id": ["0" * 32],
        "version": [1],
        "persona_id": [5],
        "bucket": [0],
        "occurred_at": [10],
        "received_at": [10],
    }
    more = {
        "batch": [1],
        "kind": ["opted_in"],
        "role": ["customer"],
        "source": ["s"],
        "machine": [False],
        "digest": ["d"],
    }
    given_ = {**base, **more, "purpose": ["selling"], "channel": ["email"]}
    table = pl.DataFrame(given_).to_arrow()
    for field in ledger_row.SCHEMA:
        if field.name not in table.column_names:
            import pyarrow as pa

            table = table.append_column(field.name, pa.nulls(1, field.type))
    permission.refresh(table.select(ledger_row.SCHEMA.names), up_to_seq=1)
    assert permission.current().consents.get_column("persona_id").to_list() == [5]


def test_erasure_leaves_no_row_of_the_person(database) -> None:
    permission.refresh(told(opted("in", 1, 10), preferred(1, 10, "days", 3), happened("reported_spam", 2, 40)))
    assert permission.erase([1]) == 2
    assert permission.current().suppressions.get_column("persona_id").to_list() == [2]
    assert permission.current().consents.is_empty()


@given(ROWS, st.integers(0, 14))
def test_pending_rows_count_as_if_the_tables_had_taken_them_in(
    database: object, rows: list[dict[str, object]], cut: int
) -> None:
    everyone = people((1, 1), (2, 1), (3, 3))
    permission.rebuild(told(*rows), 100)
    whole = permission.permissions(everyone)
    permission.rebuild(told(*rows[:cut]), 100)
    pieced = permission.permissions(everyone, told(*rows[cut:]))
    assert pieced.consents.equals(whole.consents)
    assert pieced.preferences.equals(whole.preferences)
    assert pieced.suppressions.equals(whole.suppressions)
