"""Proof: what is counted, in which arm, and from when; alike on every engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline import playbook
from touchline.interactions.row import SCHEMA
from touchline.kernel.engines import ENGINES, Engine
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY
from touchline.playbook import Playbook
from touchline.playbook.compiled import Goal
from touchline.proof import as_json, prove

START = 1_700_000_000_000_000
COLUMNS = {
    "customer": pl.Int64, "persona_id": pl.Int64, "occurred_at": pl.Int64, "kind": pl.String, "programme": pl.String, "arm": pl.String,
    "purpose": pl.String, "evidence": pl.String, "message_id": pl.String, "reason": pl.String, "cost_minor": pl.Int64,
}  # fmt: skip


@pytest.fixture(scope="module")
def warranty(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    loaded = playbook.load(playbook.new(tmp_path_factory.mktemp("proof") / "w", "warranty"))
    renewal = replace(loaded.programmes["renewal"], holdout=0.5, goal=Goal("renewed", 90 * DAY, 0.0))
    return replace(loaded, programmes={"renewal": renewal, "recovery": loaded.programmes["recovery"]})


def row(customer: int, day: float, kind: str, **told: Any) -> dict[str, Any]:
    return {
        "customer": customer,
        "persona_id": customer,
        "occurred_at": START + round(day * DAY),
        "kind": kind,
        **({"programme": "renewal"} if kind in ("assigned", "sent", "called") else {}),
        **told,
    }


def ledger(rows: Sequence[dict[str, Any]], engine: str = "polars") -> nw.LazyFrame[Any]:
    return Engine(engine).lazy(pl.DataFrame(list(rows), schema=COLUMNS, infer_schema_length=None))


def assigned(customer: int, arm: str, day: float = 0) -> dict[str, Any]:
    return row(customer, day, "assigned", arm=arm)


@pytest.mark.parametrize("engine", ENGINES)
def test_everybody_assigned_counts_in_their_arm_whatever_was_said_to_them(warranty: Playbook, engine: str) -> None:
    rows = [assigned(n, "treated") for n in range(8)] + [assigned(n, "control") for n in range(8, 12)]
    rows += [row(n, 10, "renewed") for n in (0, 1, 2, 3, 8)]
    rows += [row(n, 1, "sent", message_id=f"m{n}", cost_minor=90) for n in (0, 4)]
    [proof] = prove(ledger(rows, engine), warranty, START + 40 * DAY)
    assert (proof.all.n_treated, proof.all.n_control, proof.n) == (8, 4, 12)
    assert (proof.all.treated, proof.all.control, proof.all.difference) == (0.5, 0.25, 0.25)
    assert proof.all.low is not None
    assert proof.all.high is not None
    assert proof.all.low < 0.25 < proof.all.high
    assert (proof.messages, proof.cost) == (2, 1.8)
    assert proof.complete == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_goal_counts_once_after_the_assignment_within_its_time_and_by_the_instant(
    warranty: Playbook, engine: str
) -> None:
    rows = [assigned(n, "treated", 5) for n in range(6)]
    rows += [row(0, 4, "renewed"), row(1, 5, "renewed"), row(2, 6, "renewed"), row(2, 7, "renewed")]
    rows += [row(3, 95, "renewed"), row(4, 95.1, "renewed"), row(5, 120, "renewed")]
    [proof] = prove(ledger(rows, engine), warranty, START + 110 * DAY)
    assert proof.all.treated == pytest.approx(2 / 6)
    assert proof.complete == 6
    [earlier] = prove(ledger(rows, engine), warranty, START + 50 * DAY)
    assert earlier.all.treated == pytest.approx(1 / 6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_linked_customer_has_the_earliest_assignment_and_leaves_where_the_arms_differ(
    warranty: Playbook, engine: str
) -> None:
    rows = [assigned(1, "treated", 0), assigned(1, "treated", 30), assigned(2, "treated", 0), assigned(2, "control", 1)]
    rows += [assigned(3, "control", 0), row(1, 100, "renewed"), row(2, 5, "renewed")]
    [proof] = prove(ledger(rows, engine), warranty, START + 200 * DAY)
    assert (proof.n, proof.left_out) == (2, 1)
    assert proof.all.treated == 0.0, "day 100 is after 90 days from the earlier assignment"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reservation_is_no_message_and_a_message_counts_once(warranty: Playbook, engine: str) -> None:
    rows = [assigned(1, "treated"), row(1, 1, "sent", message_id="a", cost_minor=100)]
    rows += [
        row(1, 2, "called", message_id="a", reason="reached"),
        row(1, 3, "sent", message_id="b", reason="reserved"),
    ]
    rows += [row(1, 4, "sent", message_id="c", programme="welcome", cost_minor=999), row(1, 80, "sent", message_id="d")]
    [proof] = prove(ledger(rows, engine), warranty, START + 40 * DAY)
    assert (proof.messages, proof.cost) == (1, 1.0)


@pytest.mark.parametrize("engine", ENGINES)
def test_hand_raisers_stand_beside_the_others_by_what_they_had_agreed_to_before(
    warranty: Playbook, engine: str
) -> None:
    agreed = {"purpose": "information", "evidence": "form"}
    rows = [assigned(n, "treated", 10) for n in range(4)] + [assigned(n, "control", 10) for n in range(4, 8)]
    rows += [row(0, 5, "opted_in", **agreed), row(4, 5, "opted_in", **agreed), row(4, 6, "opted_in", **agreed)]
    rows += [
        row(1, 20, "opted_in", **agreed),
        row(2, 5, "opted_in", purpose="information"),
        row(3, 5, "opted_in", purpose="listening", evidence="x"),
    ]
    rows += [row(0, 20, "renewed")]
    [proof] = prove(ledger(rows, engine), warranty, START + 40 * DAY)
    raised, others = proof.hand_raisers, proof.others
    assert (raised.n_treated, raised.n_control, raised.treated, raised.control) == (1, 1, 1.0, 0.0)
    assert (others.n_treated, others.n_control, others.treated) == (3, 3, 0.0)


def test_arms_that_are_not_what_was_drawn_are_not_trusted(warranty: Playbook) -> None:
    even = [assigned(n, "treated") for n in range(50)] + [assigned(n, "control") for n in range(50, 100)]
    lost = even[:50] + even[50:60]
    assert prove(ledger(even), warranty, START + DAY)[0].trusted
    [proof] = prove(ledger(lost), warranty, START + DAY)
    assert not proof.trusted
    assert proof.sample_ratio_p is not None
    assert proof.sample_ratio_p < 1e-6


def test_nobody_assigned_proves_nothing_and_says_so_in_json(warranty: Playbook) -> None:
    [proof] = prove(ledger([]), warranty, START)
    told = json.loads(json.dumps(as_json(proof)))
    assert {
        "name",
        "goal",
        "n",
        "treated",
        "control",
        "difference",
        "low",
        "high",
        "method",
        "messages",
        "cost",
    } <= set(told)
    assert (told["n"], told["difference"], told["messages"], told["cost"]) == (0, None, 0, 0.0)


def test_a_programme_without_a_goal_cannot_be_asked_for(warranty: Playbook) -> None:
    for name in ("recovery", "renewl"):
        with pytest.raises(UnknownName):
            prove(ledger([]), warranty, START, name)


def test_arms_and_texts_that_nobody_wrote_by_the_rules_change_nothing(warranty: Playbook) -> None:
    """Whatever an import may have put into these columns."""
    hostile = "'; DROP TABLE interactions; --\u202e"
    rows = [assigned(1, "treated"), assigned(2, hostile), row(3, 0, "assigned", programme=hostile, arm="control")]
    rows += [row(1, 1, "sent", message_id=hostile, programme="renewal"), row(1, 1, hostile)]
    [proof] = prove(ledger(rows), warranty, START + DAY)
    assert (proof.n, proof.left_out, proof.messages) == (1, 0, 1)


def test_the_columns_asked_for_are_columns_of_the_ledger() -> None:
    assert set(COLUMNS) - {"customer"} <= set(SCHEMA.names)


events = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.integers(0, 12),
        st.sampled_from(["treated", "control", "renewed", "opted_in", "left"]),
    ),
    max_size=40,
)


@given(events, st.integers(0, 14))
def test_proof_counts_what_a_person_with_a_pencil_would_count(
    warranty: Playbook, told: list[tuple[int, int, str]], now: int
) -> None:
    goal = Goal("renewed", 4 * DAY, 0.0)
    short = replace(warranty, programmes={"renewal": replace(warranty.programmes["renewal"], goal=goal)})
    rows = [
        assigned(who, what, day)
        if what in ("treated", "control")
        else row(who, day, what, purpose="care", evidence="x")
        for who, day, what in told
    ]
    [proof] = prove(ledger(rows), short, START + now * DAY)
    counted = {(arm, raised): [0, 0] for arm in ("treated", "control") for raised in (True, False)}
    differing = 0
    for who in {each for each, _, _ in told}:
        mine = [(day, what) for each, day, what in told if each == who and day <= now]
        arms = {what for _, what in mine if what in ("treated", "control")}
        differing += len(arms) > 1
        if len(arms) != 1:
            continue
        [arm] = arms
        since = min(day for day, what in mine if what == arm)
        raised = any(what == "opted_in" and day <= since for day, what in mine)
        reached = any(what == "renewed" and since < day <= since + 4 for day, what in mine)
        counted[arm, raised][0] += 1
        counted[arm, raised][1] += reached
    for raised, group in ((True, proof.hand_raisers), (False, proof.others)):
        assert (group.n_treated, group.n_control) == (counted["treated", raised][0], counted["control", raised][0])
        for arm, rate in (("treated", group.treated), ("control", group.control)):
            n, reached_ = counted[arm, raised]
            assert rate == (reached_ / n if n else None)
    assert proof.left_out == differing
