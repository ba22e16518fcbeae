"""Wordings are drawn by the persona's stored integer: sticky, by share, one draw a conversation and channel."""

from __future__ import annotations

from collections import Counter

import polars as pl

from tests.decision.builder import conversation, facts, plan_of, rows_of, run
from touchline.decision.variants import Draw, draw_of
from touchline.kernel.engines import Engine
from touchline.kernel.ids import DRAW_RANGE, draw


def wording(**kwargs: object) -> Draw:
    talk = conversation(**kwargs)  # type: ignore[arg-type]  # handed on as it is
    return draw_of(talk, talk.ways[0])


def test_a_customer_gets_the_same_wording_at_every_send() -> None:
    plan = plan_of(conversation(variants=[("a", 1), ("b", 1), ("c", 1)]))
    base = rows_of(plan, [facts(plan) for _ in range(200)], [draw("email", "", f"p{i}@x.example") for i in range(200)])
    first = run(plan, base).proposed.select("customer", "variant")
    later = run(plan, base.sample(fraction=1.0, shuffle=True, seed=3), Engine("duckdb")).proposed
    assert later.select("customer", "variant").equals(first)
    assert first["variant"].n_unique() == 3


def test_wordings_come_by_their_shares() -> None:
    drawn = wording(variants=[("a", 1), ("b", 3)])
    counts = Counter(drawn.variant(draw("user_id", "", str(person))) for person in range(20_000))
    # Six standard deviations of a binomial share of 20,000.
    assert abs(counts["a"] / 20_000 - 0.25) < 6 * (0.25 * 0.75 / 20_000) ** 0.5
    assert counts["a"] + counts["b"] == 20_000


def test_wordings_of_two_conversations_are_drawn_apart() -> None:
    one = wording(name="one", variants=[("a", 1), ("b", 1)])
    two = wording(name="two", variants=[("a", 1), ("b", 1)])
    people = [draw("user_id", "", str(person)) for person in range(4000)]
    same = sum(one.variant(p) == two.variant(p) for p in people)
    assert abs(same / 4000 - 0.5) < 6 * (0.25 / 4000) ** 0.5


def test_every_draw_has_a_wording_and_a_share_of_nothing_gets_nobody() -> None:
    drawn = wording(variants=[("a", 2), ("none", 0), ("b", 5)])
    assert drawn.bounds[-1] == DRAW_RANGE
    assert {drawn.variant(d) for d in (0, 1, DRAW_RANGE // 2, DRAW_RANGE - 1)} <= {"a", "b"}
    assert all(drawn.variant(d) != "none" for d in range(0, DRAW_RANGE, DRAW_RANGE // 5000))


def test_a_way_without_wordings_is_proposed_without_one() -> None:
    plan = plan_of(conversation(variants=[]))
    proposed = run(plan, rows_of(plan, [facts(plan)])).proposed
    assert proposed["variant"].to_list() == [None]
    assert proposed.schema["variant"] == pl.String
