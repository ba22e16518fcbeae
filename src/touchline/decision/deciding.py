"""In: relationships, a plan. Out: a row a customer: every candidate's mask, the winner. Writes no interactions.

One wide select of integers. A condition that several candidates share is computed once; conditions that go together
on the same candidates are added up once; a rank, one integer of class, priority and index, makes the winner a
maximum. Boolean columns are avoided: they cost DuckDB five times the integers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property, reduce
from operator import add
from typing import Any

import narwhals as nw

from touchline.decision import priority, sequence
from touchline.decision.plan import GLOBAL_HOLDOUT, RECURS, Candidate, Plan
from touchline.decision.priority import CLASS_STEP, LOWEST_CLASS, MOST_CANDIDATES
from touchline.decision.rules import PlanFault
from touchline.decision.tables import Tables
from touchline.expressions import Expression, to_frame
from touchline.kernel import measures
from touchline.kernel.times import MINUTE

Frame = nw.LazyFrame[Any]

NOBODY = -1
"""Mask of a customer outside the audience, rank and winner of one for whom nothing is left."""


def decide(relationships: Frame, plan: Plan, tables: Tables, at: int) -> Frame:
    """Decide for every customer.

    relationships  customer (int64), draw (int64), one column a measure of `plan.measures`, named by `measures.column`
    tables         on the same engine
    at             the instant of decision, microseconds UTC

    Columns out: customer, draw; mask_CANDIDATE (-1 outside audience and trigger, else bit j where policy j blocks);
    held_POLICY (1 where it blocks any candidate in whose audience the customer is, else 0); rank_CONVERSATION of each
    conversation of class 1 (-1: none of its ways is open); rank of the turn (-1: nobody won it), and what it says:
    winner (index of the candidate, -1), class and priority (NULL); decided_at (microseconds UTC), digest. For what
    comes after: segment (int16, the micro-segment of priority.segments); key, and key_CONVERSATION of each conversation of
    class 1 whose recurrence is told from something of the customer's (int64, see `key_column`); the columns of `expiries`
    (int64, microseconds UTC: when the winner, or that conversation, may no longer be said); with a global holdout
    assign_global (int8: 1 for whose arm of the year is not written and would be treated, 2 control); with programmes moved
    (int8: 1 for who takes a step) and assign_NAME of each. The rows are in no order; `proposing.named` adds names and
    wording. Whoever stands in a programme is moved on first, as `sequence.advance` does.
    """
    if not plan.candidates:
        raise PlanFault("it has no conversations", remedy="Write one into playbook/conversations/.")
    asked = _Asked(plan)
    frame = asked.answered(relationships, at)
    frame = frame.join(tables.worths.select("situation", *asked.worths), on="situation", how="left")
    frame = frame.with_columns(*asked.sums())
    masks = [asked.mask(candidate) for candidate in plan.candidates]
    told, carried = [*asked.told(), "segment"], [*asked.keys, *asked.limits]
    frame = frame.select(
        "customer", "draw", *asked.ramps.values(), *asked.worths, *masks, *asked.held(), *told, *carried
    )
    kept = ["customer", "draw", *(c.mask for c in plan.candidates), *(held_column(p) for p in plan.policies), *told]
    frame = frame.select(*kept, *carried, *(asked.rank(candidate) for candidate in plan.candidates))
    turn = _highest(priority.rank_column(c) for c in plan.candidates if c.arbitrated).alias("rank")
    owed = [_highest(map(priority.rank_column, ways)).alias(owed_column(name)) for name, ways in plan.owed.items()]
    frame = with_rank_read(frame.select(*kept, *carried, *owed, turn))
    owing = [nw.col(key).alias(owed_key_column(name)) for name, key in owed_keys(plan).items()]
    owing += asked.expiries(at)
    read = ["winner", "class", "priority"]
    owed_names = [owed_column(name) for name in plan.owed]
    return stamped(frame.select(*kept, *owed_names, "rank", *read, asked.key(), *owing), plan, at)


def with_rank_read(frame: Frame) -> Frame:
    """The frame with what its column `rank` says: winner (index, -1: nobody), class and priority (NULL: nobody)."""
    rank = nw.col("rank")
    found = rank >= 0
    step = nw.when(found).then(rank // MOST_CANDIDATES)
    return frame.with_columns(
        nw.when(found).then((MOST_CANDIDATES - 1) - rank % MOST_CANDIDATES).otherwise(NOBODY).alias("winner"),
        (LOWEST_CLASS - step // CLASS_STEP).alias("class"),
        ((step % CLASS_STEP).cast(nw.Float64) * priority.UNIT).alias("priority"),
    )


def stamped(frame: Frame, plan: Plan, at: int) -> Frame:
    """The frame with the instant of decision and the playbook that decided."""
    return frame.with_columns(nw.lit(at, dtype=nw.Int64).alias("decided_at"), nw.lit(plan.digest).alias("digest"))


def held_column(policy: str) -> str:
    """The frame column that says whether a policy holds anything from the customer."""
    return f"held_{measures.column(policy)}"


def owed_column(conversation: str) -> str:
    """The frame column of the rank of a conversation of class 1."""
    return f"rank_{conversation}"


def owed_key_column(conversation: str) -> str:
    """The frame column of what a conversation of class 1 counts its recurrence from."""
    return f"key_{conversation}"


def key_column(candidate: Candidate) -> str | None:
    """The column of what its recurrence is told from: the entry (µs), or the minute a term or episode began."""
    if candidate.recurs == "entry":
        return f"entered_{candidate.programme}"
    return f"key_of_{candidate.recurs}" if candidate.recurs in RECURS else None


def owed_keys(plan: Plan) -> dict[str, str]:
    """Conversation of class 1 -> the column of what its recurrence is told from, where there is one."""
    keys = {name: key_column(ways[0]) for name, ways in plan.owed.items()}
    return {name: key for name, key in keys.items() if key is not None}


def expiries(plan: Plan) -> dict[str, str]:
    """Column of a rank -> that of when what it says may no longer be said, where anything of it has an end."""
    found = {owed_column(name): f"ends_{name}" for name, ways in plan.owed.items() if ways[0].ends}
    return found | ({"rank": "expires_at"} if any(c.ends and c.arbitrated for c in plan.candidates) else {})


def _end(candidate: Candidate, at: int) -> nw.Expr:
    """When it may no longer be said to a customer to whom it now may; of two ends the earlier."""
    found = []
    if candidate.programme is not None and candidate.within is not None:
        found.append(sequence.ends(candidate.programme, candidate.place, candidate.within))
    if candidate.due_within is not None:
        found.append(sequence.ago(nw.col(_trigger(candidate)), at) + candidate.due_within)
    return nw.min_horizontal(*found) if len(found) > 1 else found[0]


def _trigger(candidate: Candidate) -> str:
    return measures.column(f"trigger.{candidate.conversation}")


def _highest(columns: Iterable[str]) -> nw.Expr:
    names = list(columns)
    if not names:
        return nw.lit(NOBODY, dtype=nw.Int64)
    return nw.max_horizontal(*names) if len(names) > 1 else nw.col(names[0])


class _Asked:
    """What a plan asks, each thing once: distinct conditions, and the sums of those that always go together.

    audiences      (audience, trigger) -> frame column
    standing       (frame column of the audience, programme, place of the step, its wait) -> frame column
    blocks, ramps  expression -> frame column
    users          (policy, condition) -> candidates that are under it
    cells          candidates -> the (policy, condition) pairs that exactly those are under
    bits           the masks' type: the narrowest that has a bit for each policy
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.audiences: dict[tuple[Expression, Expression | None], str] = {}
        self.standing: dict[tuple[str, str, int, int], str] = {}
        self.blocks: dict[Expression, str] = {}
        self.ramps: dict[Expression, str] = {}
        self.users: dict[tuple[str, Expression], list[int]] = defaultdict(list)
        for candidate in plan.candidates:
            new = f"reached_{len(self.audiences)}"
            reached = self.audiences.setdefault((candidate.audience, candidate.due), new)
            if candidate.programme is not None:
                there = (reached, candidate.programme, candidate.place, candidate.wait)
                self.standing.setdefault(there, f"stands_{len(self.standing)}")
            for rule in candidate.rules:
                self.blocks.setdefault(rule.blocks, f"block_{len(self.blocks)}")
                self.users[rule.policy, rule.blocks].append(candidate.index)
            if candidate.ramp is not None:
                self.ramps.setdefault(candidate.ramp, f"ramp_{len(self.ramps)}")
        self.cells: dict[tuple[int, ...], list[tuple[str, Expression]]] = defaultdict(list)
        for pair, users in self.users.items():
            self.cells[tuple(users)].append(pair)
        self._any: dict[tuple[str, ...], str] = {}
        for users in self.users.values():
            names = self._reached_by(users)
            self._any.setdefault(names, names[0] if len(names) == 1 else f"any_{len(self._any)}")
        self.bits = nw.Int32 if len(plan.policies) < 32 else nw.Int64

    @property
    def worths(self) -> list[str]:
        """Columns of the table of worths, one a candidate."""
        return [priority.rank_column(c) if c.ramp is None else priority.worth_column(c) for c in self.plan.candidates]

    @cached_property
    def keys(self) -> list[str]:
        """Columns that recurrences are told from."""
        return sorted({key for candidate in self.plan.candidates if (key := key_column(candidate)) is not None})

    @cached_property
    def triggers(self) -> list[str]:
        """Columns of relationships that say how long ago triggers fell due."""
        return sorted({_trigger(c) for c in self.plan.candidates if c.due_within is not None})

    @cached_property
    def limits(self) -> list[str]:
        """Columns that ends are told from; none where nothing has an end."""
        return sorted({f"stood_{c.programme}" for c in self.plan.candidates if c.within is not None}) + self.triggers

    def answered(self, relationships: Frame, at: int) -> Frame:
        """Customers with the answers to everything that is asked; whoever stands in a programme is moved on between."""
        plan, early, late, read = self.plan, self._situation(at), list[nw.Expr](), set[str]()
        for names, column in self._conditions():
            moving = any(_moves(name) for name in names)
            (late if moving else early).append(column)
            read |= set(names) if moving else set()
        if not plan.programmes:
            return relationships.select("customer", "draw", *early, *self.triggers)
        carried = {measures.column(name) for name in read if not _moves(name)}.union(
            sequence.needed(plan), self.triggers
        )
        frame = relationships.select("customer", "draw", *early, *sorted(carried), *sequence.begun(plan, at))
        for columns in sequence.rounds(plan, at):
            frame = frame.with_columns(*columns)
        frame = frame.with_columns(*sequence.read_off(plan, at, read))
        there = [
            _bit((nw.col(reached) == 1) & sequence.stands(programme, place, wait, at), 1, 0).alias(name)
            for (reached, programme, place, wait), name in self.standing.items()
        ]
        return frame.with_columns(*late, *there) if late or there else frame

    def _situation(self, at: int) -> list[nw.Expr]:
        """The situation and the micro-segment, what recurrences are told from, whose arm of the year is not written."""
        plan = self.plan
        stage, raised, context = (to_frame(e).cast(nw.Int64) for e in (plan.stage, plan.hand_raiser, plan.context))
        segment = stage * 2 + raised
        columns = [(segment * plan.contexts + context).alias("situation"), segment.cast(nw.Int16).alias("segment")]
        for recurs, name in RECURS.items():
            if f"key_of_{recurs}" in self.keys:
                began = sequence.ago(nw.col(measures.column(name)), at)
                columns.append((began // MINUTE).alias(f"key_of_{recurs}"))
        if GLOBAL_HOLDOUT in plan.policies:
            arm = nw.when(nw.col(measures.column("arm.global")) == "control").then(nw.lit(2, nw.Int8))
            unwritten = arm.otherwise(nw.lit(1, nw.Int8))
            written = nw.col(measures.column("arm.assigned"))
            columns.append(nw.when(written).then(nw.lit(0, nw.Int8)).otherwise(unwritten).alias("assign_global"))
        return columns

    def _conditions(self) -> Iterator[tuple[tuple[str, ...], nw.Expr]]:
        """Every distinct condition, what it reads, and it as 0 or 1: unknown is outside an audience, and blocks."""
        for (audience, due), name in self.audiences.items():
            if due is None:
                yield audience.names, _bit(to_frame(audience), 1, 0).alias(name)
            else:
                holds = to_frame(audience) & to_frame(due)
                yield (*audience.names, *due.names), _bit(holds, 1, 0).alias(name)
        for blocks, name in self.blocks.items():
            yield blocks.names, _bit(~to_frame(blocks), 0, 1).alias(name)
        for ramp, name in self.ramps.items():
            yield ramp.names, to_frame(ramp).cast(nw.Float64).alias(name)

    def told(self) -> list[str]:
        """Columns of what is to be written down after the decision."""
        plan = self.plan
        names = ["assign_global"] if GLOBAL_HOLDOUT in plan.policies else []
        return [*names, "moved", *(f"assign_{p.name}" for p in plan.programmes)] if plan.programmes else names

    def key(self) -> nw.Expr:
        """What the winner's recurrence is told from; NULL where nobody won or it is told without anything of theirs."""
        value = nw.lit(None, dtype=nw.Int64)
        for key in self.keys:
            of = [c.index for c in self.plan.candidates if c.arbitrated and key_column(c) == key]
            value = nw.when(nw.col("winner").is_in(of)).then(nw.col(key)).otherwise(value) if of else value
        return value.alias("key")

    def expiries(self, at: int) -> list[nw.Expr]:
        """The columns of `expiries`; NULL where nobody won or what won has no end."""
        columns: list[nw.Expr] = []
        owed, names = self.plan.owed, expiries(self.plan)
        for name, ways in owed.items():
            if (column := names.get(owed_column(name))) is not None:
                open_ = nw.col(owed_column(name)) >= 0
                columns.append(nw.when(open_).then(_end(ways[0], at)).alias(column))
        if "rank" in names:
            value = nw.lit(None, dtype=nw.Int64)
            for name in self.plan.conversations:
                ways = tuple(c for c in self.plan.candidates if c.conversation == name)
                if name not in owed and ways[0].ends:
                    won = nw.col("winner").is_between(ways[0].index, ways[-1].index)
                    value = nw.when(won).then(_end(ways[0], at)).otherwise(value)
            columns.append(value.alias(names["rank"]))
        return columns

    def sums(self) -> list[nw.Expr]:
        """Per cell the bits that block, as one integer; per set of audiences whether any of them is reached."""
        columns = []
        for place, pairs in enumerate(self.cells.values()):
            bits = (nw.col(self.blocks[blocks]).cast(self.bits) * self.plan.bit(policy) for policy, blocks in pairs)
            columns.append(reduce(add, bits).alias(f"cell_{place}"))
        columns += [_highest(names).alias(any_) for names, any_ in self._any.items() if len(names) > 1]
        return columns

    def mask(self, candidate: Candidate) -> nw.Expr:
        """-1 outside the audience, else bit j where policy j blocks."""
        cells = (nw.col(f"cell_{place}") for place, users in enumerate(self.cells) if candidate.index in users)
        bits = reduce(add, cells)
        inside = nw.col(self._reached(candidate.index)) == 1
        return nw.when(inside).then(bits).otherwise(nw.lit(NOBODY, dtype=self.bits)).alias(candidate.mask)

    def held(self) -> list[nw.Expr]:
        """Per policy: 1 where it blocks a candidate in whose audience the customer is."""
        parts: dict[str, list[nw.Expr]] = {policy: [] for policy in self.plan.policies}
        for (policy, blocks), users in self.users.items():
            parts[policy].append(nw.col(self.blocks[blocks]) * nw.col(self._any[self._reached_by(users)]))
        return [
            (nw.max_horizontal(*held) if len(held) > 1 else held[0]).cast(nw.Int8).alias(held_column(policy))
            for policy, held in parts.items()
        ]

    def rank(self, candidate: Candidate) -> nw.Expr:
        """Of an open candidate class, priority and index as one integer; -1 of any other."""
        column = priority.rank_column(candidate)
        if candidate.ramp is None:
            ranked = nw.col(column)
        else:
            value = nw.col(priority.worth_column(candidate)) * nw.col(self.ramps[candidate.ramp])
            ranked = priority.scaled_frame(value) * MOST_CANDIDATES + priority.rank(candidate, 0)
        open_ = nw.col(candidate.mask) == 0
        return nw.when(open_).then(ranked).otherwise(nw.lit(NOBODY, dtype=nw.Int64)).alias(column)

    def _reached_by(self, users: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted({self._reached(user) for user in users}))

    def _reached(self, index: int) -> str:
        candidate = self.plan.candidates[index]
        reached = self.audiences[candidate.audience, candidate.due]
        if candidate.programme is None:
            return reached
        return self.standing[reached, candidate.programme, candidate.place, candidate.wait]


def _moves(name: str) -> bool:
    """Whether the measure is one that moving customers on changes."""
    return name.startswith("programme.") and name.rpartition(".")[2] in sequence.MOVED


def _bit(condition: nw.Expr, true: int, other: int) -> nw.Expr:
    return nw.when(condition).then(nw.lit(true, dtype=nw.Int8)).otherwise(nw.lit(other, dtype=nw.Int8))
