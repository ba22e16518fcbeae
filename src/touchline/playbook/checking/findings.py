"""In: what checkers find, place by place. Out: faults with lines, and expressions by place. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from touchline.expressions import Expression, ExpressionFault, Names, check, tree
from touchline.kernel.errors import Fault
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type
from touchline.playbook.authored.words import shown
from touchline.playbook.loading import Place, Source

Where = tuple[str, Place]
"""A file, and the place in it."""


class Findings:
    """Collects faults and expressions while a playbook is checked."""

    def __init__(self, sources: Mapping[str, Source], faults: Iterable[Fault] = ()) -> None:
        self._sources = sources
        self.faults = list(faults)
        self.expressions: dict[Where, Expression] = {}

    def fault(self, where: Where, what: str, remedy: str, *, of_key: bool = False) -> None:
        """Note a fault; nothing is said of a value that stands in for a faulty one."""
        file, place = where
        source = self._sources.get(file)
        if source is None:
            self.faults.append(Fault(file, 0, what, remedy))
        elif not source.is_stand_in(place):
            line = source.line_of_key(place) if of_key else source.line_of(place)
            self.faults.append(Fault(file, line, what, remedy))

    def one_of(self, where: Where, value: str | None, noun: str, known: Collection[str] | None) -> bool:
        """Whether the value is known; a fault where not. None is, and so is everything where `known` is None."""
        if value is None or known is None or value in known:
            return True
        self.fault(where, f"{shown(value)} is not {noun}.", did_you_mean(value, known))
        return False

    def once_each(self, where: Where, values: Iterable[str], noun: str) -> None:
        """A fault for every value of a list that was there before."""
        file, place = where
        seen: set[str] = set()
        for number, value in enumerate(values):
            if value in seen:
                self.fault((file, (*place, number)), f"{shown(value)} is given twice as {noun}.", "Remove one.")
            seen.add(value)

    def expression(
        self,
        where: Where,
        text: str | None,
        names: Names,
        want: Type | None,
        dialect: Literal["condition", "mapping"] = "condition",
    ) -> Expression | None:
        """The typed expression; None where there is no text, or where it has faults, which are noted with its line."""
        if text is None:
            return None
        try:
            checked = check(text, names, want=want, dialect=dialect)
        except ExpressionFault as error:
            for what, remedy in error.faults:
                self.fault(where, what, remedy or "Write it as the reference of expressions says.")
            return None
        self.expressions[where] = checked
        return checked


def results(expression: Expression) -> list[str]:
    """Every text that stands in the expression as a possible result: `'bought'`, or the branches of a CASE."""
    return [
        str(node.value)
        for node in _results(expression.tree)
        if isinstance(node, tree.Literal) and isinstance(node.value, str)
    ]


def _results(node: tree.Node) -> Iterator[tree.Node]:
    if isinstance(node, tree.Case):
        for _, result in node.branches:
            yield from _results(result)
        if node.otherwise is not None:
            yield from _results(node.otherwise)
    elif isinstance(node, tree.Call) and node.function == "COALESCE":
        for argument in node.arguments:
            yield from _results(argument)
    else:
        yield node
