"""In: an expression's text and the names of its place. Out: a typed Expression, or every fault. Writes no interactions.

Types go both ways: up from literals and declared names, and down from the place, so that `event.X`, which nobody
declared, takes the type of its use. The tree is passed over until nothing new is learnt, and once more for the faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

from touchline.expressions.faults import ExpressionFault
from touchline.expressions.formats import format_fault, has_offset, zones
from touchline.expressions.functions import FUNCTIONS, MOST_NAMES
from touchline.expressions.lexing import excerpt
from touchline.expressions.parsing import HOLE, parse
from touchline.expressions.scope import Names, OpenNames
from touchline.expressions.text import render
from touchline.expressions.tree import (
    Arithmetic,
    Between,
    Call,
    Case,
    Cast,
    Comparison,
    Dialect,
    Expression,
    Instant,
    IsNull,
    Junction,
    Like,
    Literal,
    Membership,
    Name,
    Negative,
    Node,
    Not,
    type_of,
    walk,
)
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type

_ARGUMENT: dict[str, Type] = {
    "ABS": Type.NUMBER,
    "LOWER": Type.TEXT,
    "UPPER": Type.TEXT,
    "TRIM": Type.TEXT,
    "LENGTH": Type.TEXT,
    "CONCAT": Type.TEXT,
}
"""What the arguments of a function must be; those that are not here take any one type."""
_RESULT: dict[str, Type] = _ARGUMENT | {"LENGTH": Type.INTEGER}
_CASTS: dict[Type, frozenset[Type]] = {
    Type.INTEGER: frozenset({Type.INTEGER, Type.NUMBER, Type.TEXT, Type.BOOLEAN}),
    Type.NUMBER: frozenset({Type.INTEGER, Type.NUMBER, Type.TEXT, Type.BOOLEAN}),
    Type.TEXT: frozenset({Type.INTEGER, Type.TEXT, Type.BOOLEAN}),
    Type.BOOLEAN: frozenset({Type.BOOLEAN, Type.TEXT}),
}
"""Target -> what may be cast to it."""
_NO_CAST: dict[tuple[Type, Type], str] = {
    (
        Type.NUMBER,
        Type.TEXT,
    ): "Engines write numbers differently: CAST it to integer first, or keep the text that it came from.",
    (Type.NUMBER, Type.BOOLEAN): "Write `x <> 0`.",
    (Type.INTEGER, Type.BOOLEAN): "Write `x <> 0`.",
}


def check(text: str, names: Names, *, want: Type | None = None, dialect: Dialect = "condition") -> Expression:
    """The expression that the text is, every name resolved and every node typed.

    want     type that its value must have; None takes any. An integer is accepted where a number is wanted
    dialect  `condition`, or `mapping`, which has INSTANT and CAST too

    Raises ExpressionFault with all that is wrong.
    """
    parsed, faults = parse(text)
    if parsed is None:
        raise ExpressionFault(faults)
    read = sorted({node.name for node in walk(parsed) if isinstance(node, Name) and node is not HOLE})
    if len(read) > MOST_NAMES:
        raise ExpressionFault(
            [*faults, (f"The expression reads {len(read)} names, more than {MOST_NAMES}.", "Split it.")]
        )
    checker = _Checker(names, dialect)
    tree = checker.infer(parsed, read, want)
    faults += checker.faults
    if faults:
        raise ExpressionFault(faults)
    type_ = type_of(tree)
    if type_ is None:
        raise ExpressionFault([("NULL alone has no type.", "Leave the place empty instead.")])
    inferred = {name: found for name in read if (found := checker.inferred.get(name)) is not None}
    return Expression(text=render(tree), type=type_, names=tuple(read), tree=tree, dialect=dialect, inferred=inferred)


def _accepts(wanted: Type | None, got: Type | None) -> bool:
    return wanted is None or got is None or wanted is got or (wanted is Type.NUMBER and got is Type.INTEGER)


def _join(left: Type | None, right: Type | None) -> Type | None:
    """The narrowest type that holds both; where there is none, the left one, and the fault is found later."""
    if left is None or (left is Type.INTEGER and right is Type.NUMBER):
        return right
    return left


def _shown(node: Node) -> str:
    return f"`{excerpt(render(node))}`"


class _Checker:
    """One expression's types and, once nothing more can be inferred (`settled`), its faults."""

    def __init__(self, names: Names, dialect: Dialect) -> None:
        self.names = names
        self.dialect = dialect
        self.inferred: dict[str, Type] = {}
        self.faults: list[tuple[str, str]] = []
        self.settled = False

    def infer(self, parsed: Node, read: Sequence[str], want: Type | None) -> Node:
        """The typed tree; afterwards `faults` and `inferred` are complete."""
        while True:
            before = dict(self.inferred)
            self._top(parsed, want)
            if before == self.inferred:
                break
        for name in read:
            if self.names.type_of(name) is None and self._is_open(name):
                self.inferred.setdefault(name, Type.TEXT)
        self.settled = True
        return self._top(parsed, want)

    def _fault(self, what: str, remedy: str) -> None:
        if self.settled:
            self.faults.append((what, remedy))

    def _accepts(self, wanted: Type | None, got: Type | None) -> bool:
        """Whether the type will do; before all is inferred every one does, since faults wait."""
        return not self.settled or _accepts(wanted, got)

    def _is_open(self, name: str) -> bool:
        return isinstance(self.names, OpenNames) and self.names.is_open(name)

    def _top(self, parsed: Node, want: Type | None) -> Node:
        self._learn(parsed, want)
        tree = self._node(parsed)
        if isinstance(tree, Literal) and tree.type is None:
            return Literal(None, want)
        if not self._accepts(want, type_of(tree)):
            self._fault(
                f"The value must be {want}, but {_shown(tree)} is {type_of(tree)}.",
                _remedy(want, type_of(tree), self.dialect),
            )
        return tree

    def _learn(self, node: Node, type_: Type | None) -> None:
        """Push a type down to the open names that give the node its value."""
        if type_ is None:
            return
        match node:
            case Name(name) if self._is_open(name):
                known = self.inferred.get(name)
                if known is None or (known is Type.NUMBER and type_ is Type.INTEGER):
                    self.inferred[name] = type_
            case Case(branches, otherwise):
                for _, value in branches:
                    self._learn(value, type_)
                if otherwise is not None:
                    self._learn(otherwise, type_)
            case Call("COALESCE" | "LEAST" | "GREATEST" | "NULLIF", arguments):
                for argument in arguments:
                    self._learn(argument, type_)
            case _:
                pass

    def _must(self, parsed: Node, type_: Type, place: str) -> Node:
        """The node, typed; a fault where it is not of that type."""
        self._learn(parsed, type_)
        node = self._node(parsed)
        self._demand(node, type_, place)
        return node

    def _demand(self, node: Node, type_: Type, place: str) -> None:
        if isinstance(node, Literal) and node.type is None:
            self._no_null(place)
        elif not self._accepts(type_, type_of(node)):
            self._fault(
                f"{place} must be {type_}, but {_shown(node)} is {type_of(node)}.",
                _remedy(type_, type_of(node), self.dialect),
            )

    def _no_null(self, place: str) -> None:
        self._fault(
            f"{place} is NULL, which makes all of it unknown.",
            "Ask with `x IS NULL`; NULL may only be the value of a CASE branch.",
        )

    def _alike(self, parsed: Sequence[Node], place: str, *, nulls: bool = False) -> tuple[Node, ...]:
        """The nodes, typed alike (integers among numbers stay integers); a fault where they are not."""
        nodes = tuple(self._node(node) for node in parsed)
        common = reduce(_join, (type_of(node) for node in nodes), None)
        for node in parsed:
            self._learn(node, Type.NUMBER if common is Type.INTEGER else common)
        for node in nodes:
            if isinstance(node, Literal) and node.type is None:
                if not nulls:
                    self._no_null(place)
            elif not self._accepts(common, type_of(node)):
                first = next(other for other in nodes if not _accepts(type_of(node), type_of(other)))
                what = f"{place} mixes {type_of(first)} and {type_of(node)}: {_shown(first)} and {_shown(node)}."
                self._fault(what, _remedy(type_of(first), type_of(node), self.dialect))
                break
        return nodes

    def _node(self, node: Node) -> Node:  # noqa: C901 - one case per kind of node
        """The node with its type, and everything below it."""
        match node:
            case Literal():
                return node
            case Name():
                return self._name(node)
            case Not(operand):
                return Not(self._must(operand, Type.BOOLEAN, "What stands after NOT"))
            case Junction(operator, operands):
                return Junction(
                    operator, tuple(self._must(operand, Type.BOOLEAN, f"A side of {operator}") for operand in operands)
                )
            case Comparison(operator, left, right):
                return Comparison(operator, *self._compared(operator, (left, right)))
            case Membership(operand, members):
                first, *rest = self._compared("IN", (operand, *members))
                return Membership(first, tuple(rest))
            case Between(operand, low, high):
                return Between(*self._compared("BETWEEN", (operand, low, high)))
            case IsNull(operand):
                return IsNull(self._node(operand))
            case Like(operand, pattern):
                return Like(self._must(operand, Type.TEXT, "What LIKE looks at"), pattern)
            case Case():
                return self._case(node)
            case Arithmetic(operator, left, right):
                return self._arithmetic(operator, left, right)
            case Negative(operand):
                return Negative(self._must(operand, Type.NUMBER, "What stands after the sign"))
            case Call():
                return self._call(node)
            case Cast():
                return self._cast(node)
            case Instant():
                return self._instant(node)

    def _name(self, node: Name) -> Name:
        if node is HOLE:
            return node
        type_ = self.names.type_of(node.name)
        if type_ is None:
            if not self._is_open(node.name):
                if self.settled:
                    self._fault(
                        f"There is no name `{excerpt(node.name)}` here.", did_you_mean(node.name, self.names.known())
                    )
                return HOLE
            type_ = self.inferred.get(node.name)
        return Name(node.name, type_)

    def _compared(self, operator: str, parsed: tuple[Node, ...]) -> tuple[Node, ...]:
        nodes = self._alike(parsed, f"`{operator}`")
        if operator not in ("=", "<>", "IN") and any(type_of(node) is Type.BOOLEAN for node in nodes):
            self._fault(f"`{operator}` asks which boolean is larger.", "Write `x`, `NOT x`, or compare with = or <>.")
        return nodes

    def _case(self, node: Case) -> Node:
        conditions = [self._must(condition, Type.BOOLEAN, "What stands after WHEN") for condition, _ in node.branches]
        values = [value for _, value in node.branches] + ([] if node.otherwise is None else [node.otherwise])
        typed, common = self._result(self._alike(values, "CASE", nulls=True))
        otherwise = None if node.otherwise is None else typed[-1]
        return Case(tuple(zip(conditions, typed, strict=False)), otherwise, common)

    def _result(self, nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], Type | None]:
        """(nodes with NULLs of the common type, the common type)."""
        common = reduce(_join, (type_of(node) for node in nodes), None)
        return tuple(
            Literal(None, common) if isinstance(node, Literal) and node.type is None else node for node in nodes
        ), common

    def _arithmetic(self, operator: str, left: Node, right: Node) -> Node:
        sides = (self._node(left), self._node(right))
        times = operator == "-" and any(type_of(side) is Type.TIME for side in sides)
        type_, place = (
            (Type.TIME, "A side of a difference of times") if times else (Type.NUMBER, f"A side of `{operator}`")
        )
        for parsed, side in zip((left, right), sides, strict=True):
            self._learn(parsed, type_)
            self._demand(side, type_, place)
        return Arithmetic(operator, *sides)

    def _call(self, node: Call) -> Node:
        if node.function not in FUNCTIONS:
            for argument in node.arguments:
                self._node(argument)
            return HOLE
        if node.function in _ARGUMENT:
            place = f"An argument of {node.function}"
            arguments = tuple(self._must(argument, _ARGUMENT[node.function], place) for argument in node.arguments)
            return Call(node.function, arguments, _RESULT[node.function])
        arguments, common = self._result(self._alike(node.arguments, node.function))
        if node.function in ("LEAST", "GREATEST") and common is Type.BOOLEAN:
            self._fault(f"{node.function} asks which boolean is larger.", "Write AND or OR.")
        return Call(node.function, arguments, common)

    def _cast(self, node: Cast) -> Node:
        self._mapping_only("CAST")
        operand = self._node(node.operand)
        got = type_of(operand)
        if isinstance(operand, Literal) and got is None:
            self._no_null("What CAST takes")
        elif got is not None and got not in _CASTS[node.type]:
            remedy = _NO_CAST.get(
                (got, node.type), "Times are made with INSTANT and compared with times; `a - b` of two is days."
            )
            self._fault(f"{_shown(operand)} is {got}, which cannot be cast to {node.type}.", remedy)
        return replace(node, operand=operand)

    def _instant(self, node: Instant) -> Node:
        self._mapping_only("INSTANT")
        fault = format_fault(node.format)
        if fault is not None:
            self._fault(*fault)
        elif not node.zone and not has_offset(node.format):
            self._fault(
                f"INSTANT reads '{excerpt(node.format)}', which has no zone.",
                "Name one: INSTANT(text, format, 'Europe/Berlin').",
            )
        if node.zone and node.zone not in zones():
            self._fault(f"There is no zone '{excerpt(node.zone)}'.", did_you_mean(node.zone[:60], zones()))
        return replace(node, operand=self._must(node.operand, Type.TEXT, "What INSTANT reads"))

    def _mapping_only(self, function: str) -> None:
        if self.dialect != "mapping":
            self._fault(
                f"{function} has no place in a condition.",
                "It belongs to imports and mapping; a condition reads measures, which have their type.",
            )


def _remedy(wanted: Type | None, got: Type | None, dialect: Dialect) -> str:
    """How the one type is had from the other."""
    pair = {wanted, got}
    if wanted is Type.BOOLEAN:
        return "Compare it: `x = 'a'`, `x > 0`, `x IS NOT NULL`."
    if Type.TIME in pair:
        return (
            "A time comes from INSTANT(text, format, zone); times compare with times, and `a - b` of two is days."
            if dialect == "mapping"
            else "Times compare with times; `days_since.X` is a number of days."
        )
    if wanted is Type.INTEGER and got is Type.NUMBER:
        return (
            "Arithmetic gives numbers: CAST(x AS integer) drops the fraction."
            if dialect == "mapping"
            else "Arithmetic gives numbers."
        )
    if Type.TEXT in pair and Type.NUMBER in pair | ({Type.NUMBER} if Type.INTEGER in pair else set()):
        return (
            "A text stands in single quotes, a number without; CAST(x AS number) reads a text."
            if dialect == "mapping"
            else "A text stands in single quotes, a number without."
        )
    return "Give both the same type."
