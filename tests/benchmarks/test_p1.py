"""P1: its worlds are seeded, their truth is known, and the arms are those that `decide` draws."""

from __future__ import annotations

import narwhals as nw
import polars as pl
import pytest

from touchline.benchmarks import p1_proof
from touchline.kernel import ids
from touchline.relationship import formulas

CUSTOMERS = 1_200


@pytest.fixture(scope="module")
def world() -> dict[str, object]:
    return p1_proof.world(3, customers=CUSTOMERS)


def test_a_world_is_the_same_each_time(world: dict[str, object]) -> None:
    assert p1_proof.world(3, customers=CUSTOMERS) == world
    assert p1_proof.world(4, customers=CUSTOMERS) != world


def test_the_programme_works_in_the_world_and_not_at_all_in_the_null_world(world: dict[str, object]) -> None:
    assert 0.05 < float(str(world["true"])) < 0.15
    assert p1_proof.world(3, null=True, customers=CUSTOMERS)["true"] == 0.0


def test_the_arms_are_those_that_relationships_draw() -> None:
    """By the expression itself, so that the stand-in cannot drift from what `decide` does."""
    users = [f"h{n:06d}" for n in range(5_000)]
    frame = nw.from_native(pl.DataFrame({"draw": [ids.draw("user_id", "", user) for user in users]}).lazy())
    drawn = formulas._drawn("programme:renewal", 0.1)
    treated = frame.select(drawn.alias("treated")).collect()["treated"].to_list()
    assert [one == 0 for one in treated] == p1_proof.control(users, 0.1).tolist()


def test_a_run_tells_its_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds = {
        (seed, null): {"true": 0.0 if null else 0.1, "low": -0.05, "high": 0.2, "difference": 0.07, "naive": 0.3, "naive_low": 0.2, "naive_high": 0.4, "n": 10}
        for seed in (1, 2) for null in (False, True)
    }  # fmt: skip
    worlds[2, True]["low"] = 0.01

    class Here:
        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, _: object, seeds: list[tuple[int, bool]], **__: object) -> list[dict[str, float]]:
            return [worlds[each] for each in seeds]

    monkeypatch.setattr(p1_proof, "ProcessPoolExecutor", Here)
    told = p1_proof.run(worlds=2)
    assert (told["id"], told["figure"], told["reference"], told["false_positives"]) == ("P1", 2, 0, 1)
    assert not told["met"], "one of two null worlds is more than two of forty"
