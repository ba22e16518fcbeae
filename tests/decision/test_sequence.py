"""The law of a sequence: for all customers at once and row by row it is the same, and it says what it should."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.decision.builder import AT, condition, conversation, measures_of, plan_of, programme, rows_of
from tests.effort import examples
from touchline.decision.plan import Plan
from touchline.decision.sequence import advance, steps
from touchline.decision.standing import advance_row
from touchline.kernel.engines import ENGINES, Engine, EngineName
from touchline.kernel.measures import column
from touchline.kernel.times import DAY, HOUR, MINUTE
from touchline.kernel.types import Value
from touchline.playbook.compiled import Branch, Conversation, Done, Programme, Recurs, Step

OPENED = {name: Engine(name) for name in ENGINES}
TALKS = ("talk_a", "talk_b", "talk_c", "talk_d", "talk_e", "talk_f")
WHEN = ("stage = 'renewal'", "experience.claims < -0.2", "count.joined > 1", "programme.first.step > 2")


def talk(name: str, done: Done = "sent", **told: Any) -> Step:
    return Step(name, 0, conversation=name, done=done, **told)


def asks(text: str) -> Any:
    return condition(text, measures_of((), ("first", "second")))


@st.composite
def sequences(draw: st.DrawFn, when: tuple[str, ...] = WHEN) -> list[Programme]:
    """Two programmes of random steps, which ask those conditions; a conversation is said by one step at most."""
    left = list(TALKS)
    found = []
    for name in ("first", "second"):
        number = draw(st.integers(1, 6))
        made = []
        for place in range(1, number + 1):
            kind = draw(st.sampled_from(["talk", "talk", "wait", "until", "branch"]))
            limit = draw(st.sampled_from([None, HOUR, 2 * DAY, 7 * DAY]))
            otherwise: Any = draw(st.sampled_from(["skip", "exit"]))
            if kind == "talk" and left:
                wait = draw(st.sampled_from([0, HOUR, DAY]))
                made.append(talk(left.pop(), wait=wait, within=limit, otherwise=otherwise))
            elif kind == "until":
                until = asks(draw(st.sampled_from(when)))
                made.append(Step(f"until_{place}", 0, until=until, at_most=limit, otherwise=otherwise))
            elif kind == "branch":
                later = st.sampled_from([0, *range(place + 1, number + 1)])
                ways = [Branch(asks(one), draw(later)) for one in draw(st.lists(st.sampled_from(when), max_size=2))]
                if draw(st.booleans()) or not ways:
                    ways.append(Branch(None, draw(later)))
                made.append(Step(f"branch_{place}", 0, branches=tuple(ways)))
            else:
                made.append(Step(f"wait_{place}", 0, wait=draw(st.sampled_from([0, MINUTE, DAY, 14 * DAY]))))
        recurs: Recurs = draw(st.sampled_from(["once", "term", "episode", "every"]))
        found.append(
            programme(
                name,
                *made,
                enter="count.joined > 0",
                exit=draw(st.sampled_from([None, "care.due"])),
                recurs=recurs,
                recurs_every=30 * DAY if recurs == "every" else None,
            )
        )
    return found


def spoken(programmes: list[Programme]) -> list[Conversation]:
    said = [step.conversation for p in programmes for step in p.steps if step.conversation is not None]
    return [conversation(name, purpose="care") for name in said]


def crowd(plan: Plan, seed: int, customers: int = 40) -> pl.DataFrame:
    """Customers that stand anywhere, with acts before, at and after they came there."""
    source = random.Random(seed)
    ages = (0, 1, MINUTE, HOUR - 1, HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 14 * DAY + 1, 40 * DAY, 400 * DAY)
    rows = []
    for _ in range(customers):
        facts: dict[str, Value] = {}
        for name in plan.measures:
            group = name.partition(".")[0]
            if group == "done":
                facts[name] = source.choice((None, *(AT - age for age in ages)))
            elif group == "days_since":
                facts[name] = source.choice((None, *(age / DAY for age in ages)))
            elif group in ("count", "contact"):
                facts[name] = source.choice((None, 0, 1, 2))
            elif group == "experience":
                facts[name] = source.choice((None, -0.9, 0.3))
            else:
                facts[name] = {
                    "arm.global": source.choice(("treated", "treated", "treated", "control", None)),
                    "care.due": source.choice((False, False, False, True, None)),
                    "stage": source.choice(("member", "renewal", None)),
                }.get(name)
        for each in plan.programmes:
            own = f"programme.{each.name}"
            since, before = source.choice(ages), source.choice((0, 0, DAY, 60 * DAY))
            entered = source.random() < 0.8
            place = source.randrange(len(each.steps) + 1) if entered else 0
            told: dict[str, Value] = {
                "step": place,
                "since": AT - since if entered else None,
                "entered": AT - since - before if entered else None,
                "days_in_step": since / DAY if place else None,
                "days_since_entry": (since + before) / DAY if entered else None,
                "arm": source.choice(("treated", "control")),
                "assigned": AT - since - before if entered and source.random() < 0.7 else None,
            }
            facts |= {f"{own}.{member}": value for member, value in told.items() if f"{own}.{member}" in plan.measures}
        rows.append(facts)
    return rows_of(plan, rows)


def moved_by(plan: Plan, base: pl.DataFrame, engine: Engine, at: int = AT) -> tuple[pl.DataFrame, list[Any]]:
    """The base after its steps, and the steps, in order."""
    moved = engine.collect(advance(engine.lazy(base), plan, at)).sort("customer")
    taken = engine.collect(steps(engine.lazy(moved), plan, at))
    return moved, taken.sort("customer", "programme", "occurred_at", pl.col("step").replace(0, 999)).rows()


def assert_alike(plan: Plan, base: pl.DataFrame, engine: Engine) -> None:
    moved, taken = moved_by(plan, base, engine)
    told = []
    for row, after in zip(base.iter_rows(named=True), moved.iter_rows(named=True), strict=True):
        facts = {name: row[column(name)] for name in plan.measures}
        expected, walked = advance_row(facts, plan, AT)
        assert {name: after[column(name)] for name in expected} == expected
        told += [
            (row["customer"], t.programme, t.recurrence, t.step, t.name, t.reason, t.occurred_at, t.via) for t in walked
        ]
        assert after["moved"] == bool(walked)
        for each in plan.programmes:
            mine = [t for t in walked if t.programme == each.name]
            touched = bool(mine) or bool(facts[f"programme.{each.name}.step"])
            unwritten = touched and facts[f"programme.{each.name}.assigned"] is None
            arm = 2 if facts[f"programme.{each.name}.arm"] == "control" else 1
            assert after[f"assign_{each.name}"] == (arm if unwritten else 0)
            times = [(t.occurred_at, t.step or 999) for t in mine]
            assert times == sorted(times)
            assert all(time <= AT for time, _ in times)
    assert taken == sorted(told, key=lambda t: (t[0], t[1], t[6], t[3] or 999))


@given(programmes=sequences(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(40))
def test_everybody_at_once_moves_as_each_one_row_by_row(programmes: list[Programme], seed: int) -> None:
    plan = plan_of(*spoken(programmes), programmes=programmes)
    assert_alike(plan, crowd(plan, seed), OPENED["polars"])


@given(programmes=sequences(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(3))
def test_so_it_is_on_the_other_engine(programmes: list[Programme], seed: int) -> None:
    plan = plan_of(*spoken(programmes), programmes=programmes)
    assert_alike(plan, crowd(plan, seed), OPENED["duckdb"])


@given(programmes=sequences(when=WHEN[:3]), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=examples(20))
def test_a_tick_that_is_repeated_takes_no_step_again(programmes: list[Programme], seed: int) -> None:
    engine, plan = OPENED["polars"], plan_of(*spoken(programmes), programmes=programmes)
    moved, taken = moved_by(plan, crowd(plan, seed), engine)
    again = moved.select("customer", "draw", *(column(name) for name in plan.measures))
    _, more = moved_by(plan, again, engine)
    # No condition reads where customers stand, so that none changes by the first. Whoever had left before its instant may come in again.
    left = {(row[0], row[1]) for row in taken if row[3] == 0 and row[6] < AT}
    first = {(row[0], row[1]): row[5] for row in reversed(more)}
    assert set(first) <= left
    assert set(first.values()) <= {"entered"}


def test_a_playbook_without_programmes_is_left_as_it_is() -> None:
    plan = plan_of(conversation())
    frame = Engine("polars").lazy(rows_of(plan, [dict.fromkeys(plan.measures)]))
    assert advance(frame, plan, AT) is frame
    assert plan.asked == ()


@pytest.mark.parametrize("name", ENGINES)
def test_several_steps_may_pass_in_one_tick_each_at_its_own_instant(name: EngineName) -> None:
    first = programme("first", talk("talk_a", within=2 * DAY), Step("pause", 0, wait=DAY), talk("talk_b"), exit=None)
    plan = plan_of(*spoken([first]), programmes=[first])
    since = AT - 10 * DAY
    facts = dict.fromkeys(plan.measures) | {
        "programme.first.step": 1, "programme.first.since": since, "programme.first.entered": since,
    }  # fmt: skip
    _, taken = moved_by(plan, rows_of(plan, [facts]), OPENED[name])
    assert [row[3:] for row in taken] == [
        (2, ",pause,talk_b,", "skipped", since + 2 * DAY, 1),
        (3, ",talk_b,", "waited", since + 3 * DAY, 2),
    ]
    assert {row[2] for row in taken} == {str(since)}
