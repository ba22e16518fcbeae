"""In: nothing. Out: the typed tree that an expression is, and its canonical text. Writes no interactions.

Every node is frozen and hashable and knows its type, so that equal expressions are equal values wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal as Choice

from touchline.kernel.types import Type

Dialect = Choice["condition", "mapping"]
"""A condition reads measures; a mapping reads what comes in, and has INSTANT and CAST."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the text; `value` None with type None is NULL, whose type its place gives."""

    value: float | int | str | bool | None
    type: Type | None


@dataclass(frozen=True, slots=True)
class Name:
    """A measure, column or property; `type` None only before the checker has run."""

    name: str
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Not:
    """Kleene's NOT: unknown stays unknown."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """`AND` or `OR` over two or more operands, Kleene's: FALSE decides an AND, TRUE an OR, whatever is unknown."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`=`, `<>`, `<`, `<=`, `>`, `>=`; unknown where a side is. Text compares by code point."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand IN (members)`: the OR of `operand = member`."""

    operand: Node
    members: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """`low <= operand AND operand <= high`."""

    operand: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class IsNull:
    """TRUE where the operand is unknown, else FALSE; never unknown itself."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Like:
    """Case-sensitive; `%` is any run of characters, `_` exactly one, everything else itself (also a backslash)."""

    operand: Node
    pattern: str


@dataclass(frozen=True, slots=True)
class Case:
    """The value of the first branch whose condition is TRUE; else `otherwise`; NULL without one."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+ - * /` of numbers in float64; division by zero and a result that is not finite are NULL.

    time - time is the number of days between them.
    """

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negative:
    """The operand with its sign turned, a number."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the closed list."""

    function: str
    arguments: tuple[Node, ...]
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """`CAST(operand AS type)`; NULL where the value cannot be had."""

    operand: Node
    type: Type


@dataclass(frozen=True, slots=True)
class Instant:
    """`INSTANT(text, format, zone)`: microseconds UTC; NULL where the text is no such instant."""

    operand: Node
    format: str
    zone: str


Node = (
    Literal
    | Name
    | Not
    | Junction
    | Comparison
    | Membership
    | Between
    | IsNull
    | Like
    | Case
    | Arithmetic
    | Negative
    | Call
    | Cast
    | Instant
)

TYPE_OF_NODE: Mapping[type, Type] = MappingProxyType(
    {
        Not: Type.BOOLEAN,
        Junction: Type.BOOLEAN,
        Comparison: Type.BOOLEAN,
        Membership: Type.BOOLEAN,
        Between: Type.BOOLEAN,
        IsNull: Type.BOOLEAN,
        Like: Type.BOOLEAN,
        Arithmetic: Type.NUMBER,
        Negative: Type.NUMBER,
        Instant: Type.TIME,
    }
)
"""Of nodes whose type does not depend on what they hold."""


def type_of(node: Node) -> Type | None:
    """The node's type; None for a bare NULL."""
    if isinstance(node, Literal | Name | Case | Call | Cast):
        return node.type
    return TYPE_OF_NODE[type(node)]


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below, in the order they are written."""
    match node:
        case Literal() | Name():
            return ()
        case Not(operand) | IsNull(operand) | Like(operand) | Negative(operand) | Cast(operand) | Instant(operand):
            return (operand,)
        case Junction(_, operands):
            return operands
        case Comparison(_, left, right) | Arithmetic(_, left, right):
            return (left, right)
        case Membership(operand, members):
            return (operand, *members)
        case Between(operand, low, high):
            return (operand, low, high)
        case Case(branches, otherwise):
            below = tuple(part for branch in branches for part in branch)
            return below if otherwise is None else (*below, otherwise)
        case Call(_, arguments):
            return arguments


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))


@dataclass(frozen=True)
class Expression:
    """A checked expression. Equal trees are equal expressions, however they were written.

    text      canonical, and itself a text that checks to the same tree
    type      of its value
    names     that it reads, sorted
    tree      typed
    dialect   `condition` or `mapping`
    inferred  name -> type of the names of an open scope (OpenNames), from their use
    """

    text: str = field(compare=False)
    type: Type
    names: tuple[str, ...] = field(compare=False)
    tree: Node
    dialect: Dialect = "condition"
    inferred: Mapping[str, Type] = field(compare=False, default_factory=dict)
