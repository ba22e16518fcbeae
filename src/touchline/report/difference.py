"""In: two texts. Out: what was taken out and put in, line by line, with a few lines around. Writes no interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

AROUND = 3
"""Lines that are shown around a change."""

CLOSEST = 1_500
"""Lines on either side up to which they are compared one by one: the time that takes grows with their product."""

MOST = 2_000
"""Lines that are shown."""


@dataclass(frozen=True)
class Line:
    """One line of a difference: `same`, `out`, `in`, or `skip` where lines that did not change are left out.

    old, new  its number on either side, from 1; None where it is not there
    """

    kind: Literal["same", "out", "in", "skip"]
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True)
class Difference:
    """What became of a text: its lines, and how many were taken out and put in; `more` are not shown."""

    lines: tuple[Line, ...]
    out: int
    into: int
    more: int


def difference(old: str | None, new: str | None) -> Difference:
    """From one text to the other; None is no text."""
    before, after = _lines(old), _lines(new)
    if before == after:
        return Difference((), 0, 0, 0)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    steps = [step for step in _steps(before, after, head, tail) if step.old or step.new]
    made: list[Line] = []
    for place, step in enumerate(steps):
        if step.same:
            first, last = AROUND if place else 0, AROUND if place < len(steps) - 1 else 0
            made += _kept(before, step, first, last)
        else:
            made += [Line("out", i + 1, None, before[i]) for i in step.old[:MOST]]
            made += [Line("in", None, i + 1, after[i]) for i in step.new[:MOST]]
    changed = [step for step in steps if not step.same]
    out, into = sum(len(step.old) for step in changed), sum(len(step.new) for step in changed)
    shown = made[:MOST]
    more = out + into - sum(line.kind in ("out", "in") for line in shown)
    return Difference(tuple(shown), out, into, more)


@dataclass(frozen=True)
class _Step:
    """Places of lines on either side, from 0; the same on both, or one's instead of the other's."""

    same: bool
    old: range
    new: range


def _kept(before: Sequence[str], step: _Step, first: int, last: int) -> list[Line]:
    """The first and last lines of what did not change, and one that skips the rest."""

    def lines(part: slice) -> list[Line]:
        return [Line("same", i + 1, k + 1, before[i]) for i, k in zip(step.old[part], step.new[part], strict=True)]

    n = len(step.old)
    if n <= first + last:
        return lines(slice(n))
    return [*lines(slice(first)), Line("skip", None, None, ""), *lines(slice(n - last, n))]


def _steps(before: Sequence[str], after: Sequence[str], head: int, tail: int) -> list[_Step]:
    a, b = len(before) - tail, len(after) - tail
    middle = (before[head:a], after[head:b])
    if max(map(len, middle)) > CLOSEST:
        found = [("replace", 0, len(middle[0]), 0, len(middle[1]))]
    else:
        found = list(SequenceMatcher(None, *middle).get_opcodes())
    steps = [_Step(kind == "equal", range(i + head, j + head), range(k + head, m + head)) for kind, i, j, k, m in found]
    return [
        _Step(True, range(head), range(head)),
        *steps,
        _Step(True, range(a, len(before)), range(b, len(after))),
    ]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    n = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        n += 1
    return n


def _lines(text: str | None) -> list[str]:
    return [] if not text else text.removesuffix("\n").split("\n")
