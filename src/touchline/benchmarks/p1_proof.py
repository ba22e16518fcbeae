"""In: nothing. Out: in how many worlds the proof's interval holds the renewal programme's true effect, and in how many null worlds it is called positive. Writes no interactions.

P1 of benchmarks.md. Each world is a seeded warranty company, half a year old, whose customers come up for renewal; each who does is assigned by the
draw that `decide` uses, the programme speaks to the treated, and `touchline.proof` reads the ledger rows of both arms. The truth is known because every
person lives twice with the same luck, once with the programme and once without: the true effect is the mean difference of the two lives over everybody
assigned.

What is stood in for: the programme's messages come from a few lines here (a call the day after the assignment, a letter the day after that, a reminder a
fortnight later to who has not renewed, nothing to who is being wronged), not from `decide`, the gate and the worker. So P1 measures the assignment's draw and the proof,
on customers who answer by the world's rules; that the worker sends what a programme says is held by other tests.

Beside it stands what is usually done instead: the renewal rate of the treated less that of customers who came up for renewal before there was a programme.
Meanwhile something else happens, as it does (a price, a rival): the odds of renewing move by a draw, for everybody alike.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from touchline import playbook
from touchline.kernel import ids
from touchline.kernel.times import DAY, parse_instant
from touchline.proof import difference, prove
from touchline.world.warranty_chance import Chance, Ints
from touchline.world.warranty_life import Life
from touchline.world.warranty_living import NEVER, Carried, Contacts
from touchline.world.warranty_parameters import WarrantyParameters
from touchline.world.warranty_people import TERM, Bools, people

WORLDS = 40
CUSTOMERS = 4_000
PROGRAMME = "renewal"
BEFORE, ENTERING, FOLLOWED, EARLIER = 190, 90, 90, 20
"""Days lived before anybody enters; days on which customers enter; days that each is followed; the
day from which those enter who are the past of before and after."""

SHIFT = 0.3
"""Deviation of what happens meanwhile, in log-odds of renewing."""

START = parse_instant("2026-01-01T09:00:00Z")
LEAST_COVERED, MOST_FALSE = 36, 2


@dataclass(frozen=True)
class Lives:
    """What became of those who came up for renewal; arrays in the people's order.

    entered   day on which each was assigned; NEVER for who was not
    renewed   day of the first renewal after that; NEVER without one
    messages  how many were said to each
    """

    entered: Ints
    renewed: Ints
    messages: Ints

    def reached(self) -> Bools:
        """Who renewed within the goal's time."""
        within: Bools = (
            (self.renewed > self.entered) & (self.renewed <= self.entered + FOLLOWED) & (self.renewed > NEVER)
        )
        return within & (self.entered > NEVER)


def run(*, worlds: int = WORLDS) -> dict[str, Any]:
    """Measure P1: `figure` is the number of worlds whose true effect lies in the interval, `false_positives` that of null worlds called positive."""
    seeds = [(seed, null) for null in (False, True) for seed in range(1, worlds + 1)]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(_measured, seeds, chunksize=4))
    real, null = found[:worlds], found[worlds:]
    covered = sum(one["low"] <= one["true"] <= one["high"] for one in real)
    naive = sum(one["naive_low"] <= one["true"] <= one["naive_high"] for one in real)
    false = sum(one["low"] > 0 for one in null)
    share = worlds / WORLDS
    return {
        "id": "P1",
        "work": f"the renewal programme's true effect in its 95 % interval, over {worlds} seeded worlds of {CUSTOMERS:,}; null worlds called positive",
        "figure": covered,
        "unit": f"of {worlds} worlds",
        "reference": naive,
        "ratio": round(covered / naive, 2) if naive else None,
        "peak_mib": None,
        "met": covered >= LEAST_COVERED * share and false <= MOST_FALSE * share,
        "false_positives": false,
        "false_negatives": sum(one["high"] < 0 for one in null),
        "found_positive": sum(one["low"] > 0 for one in real),
        "true_effect": [round(min(one["true"] for one in real), 4), round(max(one["true"] for one in real), 4)],
        "mean_effect": round(float(np.mean([one["true"] for one in real])), 4),
        "mean_found": round(float(np.mean([one["difference"] for one in real])), 4),
        "naive_mean": round(float(np.mean([one["naive"] for one in real])), 4),
        "n": int(np.mean([one["n"] for one in real])),
    }


def world(seed: int, *, null: bool = False, customers: int = CUSTOMERS) -> dict[str, Any]:
    """One world: the true effect, what the proof says of it, and what before and after would say."""
    parameters = WarrantyParameters().null() if null else WarrantyParameters()
    chance = Chance(seed)
    folk = people(customers, 0, chance, parameters)
    life = Life(folk, parameters, chance, start=START, history=BEFORE + 120, deaf=True)
    earlier = _live(life, 0, EARLIER, BEFORE - EARLIER - FOLLOWED, speaks=False)
    life.parameters = replace(
        parameters, renews=parameters.renews + SHIFT * float(chance.normal("shift", 0, np.zeros(1, dtype=np.int64))[0])
    )
    begun = _copy(life.carried)
    told = _live(life, BEFORE, BEFORE, ENTERING, speaks=True)
    life.carried = begun
    left_alone = _live(life, BEFORE, BEFORE, ENTERING, speaks=False)
    entered = told.entered > NEVER
    effect = told.reached().astype(float) - left_alone.reached().astype(float)
    treated = ~control(folk.contacts["user_id"].to_list(), _playbook().programmes[PROGRAMME].holdout)
    interactions = _ledger(told, left_alone, treated)
    proof = prove(interactions, _playbook(), START + (BEFORE + ENTERING + FOLLOWED + 1) * DAY, PROGRAMME)[0]
    ours, past = entered & treated, earlier.entered > NEVER
    naive = difference(
        int(told.reached()[ours].sum()), int(ours.sum()), int(earlier.reached()[past].sum()), int(past.sum())
    )
    return {
        "true": float(effect[entered].mean()),
        "difference": proof.all.difference,
        "low": proof.all.low,
        "high": proof.all.high,
        "n": proof.n,
        "messages": proof.messages,
        "sample_ratio_p": proof.sample_ratio_p,
        "naive": naive.difference,
        "naive_low": naive.low,
        "naive_high": naive.high,
    }


def control(users: Sequence[str], holdout: float) -> Bools:
    """Who is held out of the programme, by the draw of their persona, as `decide` draws it."""
    draws = np.array([ids.draw("user_id", "", user) for user in users], dtype=np.int64)
    factor, offset = ids.salted(f"programme:{PROGRAMME}")
    held: Bools = (draws * factor + offset) % ids.DRAW_RANGE < int(holdout * ids.DRAW_RANGE)
    return held


def _measured(asked: tuple[int, bool]) -> Mapping[str, Any]:
    seed, null = asked
    return world(seed, null=null)


def _live(life: Life, since: int, first: int, entering: int, *, speaks: bool) -> Lives:
    """Live on since that day, let customers enter from the first day on for so many, and follow everybody; where the programme speaks, say what it says."""
    count = len(life.people)
    entered, renewed, messages = np.full(count, NEVER), np.full(count, NEVER), np.zeros(count, dtype=np.int64)
    for day in range(since, first + entering + FOLLOWED):
        said = _said(life, day, entered, renewed) if speaks else Contacts.none()
        np.add.at(messages, said.who, 1)
        terms = life.carried.term_start.copy()
        life.step(day, said)
        again = (life.carried.term_start == terms + TERM) & (entered > NEVER) & (renewed == NEVER)
        renewed[again] = day
        if first <= day < first + entering:
            left = life.carried.term_start + TERM - day
            due = life.here & (left >= 30) & (left <= 60) & (life.carried.hurt_on == NEVER) & (entered == NEVER)
            entered[due] = day
    return Lives(entered, renewed, messages)


def _said(life: Life, day: int, entered: Ints, renewed: Ints) -> Contacts:
    """A call, a letter the day after, a reminder a fortnight later; nothing to who is being wronged or has decided."""
    open_ = life.here & (life.carried.hurt_on == NEVER) & (renewed == NEVER)
    parts = [
        (np.flatnonzero(open_ & (day - entered == after)), conversation, channel)
        for after, conversation, channel in (
            (1, "renewal_call", "phone"),
            (2, "renewal_letter", "post"),
            (17, "renewal_reminder", "email"),
        )
    ]
    who = np.concatenate([each for each, _, _ in parts])
    names, channels = (
        np.concatenate([np.full(len(part[0]), part[place], dtype=object) for part in parts]) for place in (1, 2)
    )
    nothing = np.full(len(who), None, dtype=object)
    return Contacts(who, names, np.full(len(who), START + day * DAY), nothing, channels)


def _ledger(told: Lives, left_alone: Lives, treated: Bools) -> nw.LazyFrame[Any]:
    """The rows that a ledger would hold: who was assigned, who renewed in the life that they led, what was said."""
    entered = told.entered > NEVER
    renewed = np.where(treated, told.renewed, left_alone.renewed)
    customer = np.arange(len(entered), dtype=np.int64)

    def rows(mask: npt.NDArray[np.bool_], kind: str, day: Ints, **columns: object) -> pl.DataFrame:
        frame = pl.DataFrame({"customer": customer[mask], "occurred_at": START + day[mask] * DAY})
        return frame.with_columns(kind=pl.lit(kind), **{name: pl.lit(value) for name, value in columns.items()})

    said = entered & treated
    every = [
        rows(said, "assigned", told.entered, programme=PROGRAMME, arm="treated"),
        rows(entered & ~treated, "assigned", told.entered, programme=PROGRAMME, arm="control"),
        rows(entered & (renewed > NEVER), "renewed", renewed),
    ]
    messages = pl.DataFrame({"customer": np.repeat(customer[said], told.messages[said])})
    every.append(
        messages.with_columns(
            occurred_at=pl.lit(START + BEFORE * DAY, dtype=pl.Int64), kind=pl.lit("sent"), programme=pl.lit(PROGRAMME),
            message_id=pl.int_range(pl.len()).cast(pl.String), cost_minor=pl.lit(120, dtype=pl.Int64),
        )
    )  # fmt: skip
    empty = pl.DataFrame(schema={"purpose": pl.String, "evidence": pl.String, "reason": pl.String})
    return nw.from_native(pl.concat([*every, empty], how="diagonal").lazy())


def _copy(carried: Carried) -> Carried:
    return replace(carried, **{name: array.copy() for name, array in vars(carried).items()})


_PLAYBOOKS: dict[str, playbook.Playbook] = {}


def _playbook() -> playbook.Playbook:
    """The `warranty` template's, read once a process."""
    if not _PLAYBOOKS:
        with TemporaryDirectory() as folder:
            _PLAYBOOKS["warranty"] = playbook.load(playbook.new(f"{folder}/w", "warranty"))
    return _PLAYBOOKS["warranty"]
