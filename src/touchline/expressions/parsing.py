"""In: an expression's text. Out: its tree, not yet typed, and every fault of its grammar. Writes no interactions.

SQLGlot gives the precedence of SQL. Each of its nodes must be on the list here, with no argument but the listed ones;
whatever else SQLGlot may read, now or in a later release, is a fault.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from touchline.expressions.functions import DEEPEST_TREE, FUNCTIONS, LARGEST_SIZE
from touchline.expressions.lexing import CASTABLE, Scan, Token, excerpt, scan
from touchline.expressions.ordering import order
from touchline.expressions.size import size
from touchline.expressions.tree import (
    Arithmetic,
    Between,
    Call,
    Case,
    Cast,
    Comparison,
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
)
from touchline.kernel.types import Type

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_JUNCTIONS: dict[type[exp.Expr], str] = {exp.And: "AND", exp.Or: "OR"}
_PREDICATES = (*_COMPARISONS, exp.In, exp.Between, exp.Is, exp.Like, exp.Not, *_JUNCTIONS)
_ARGUMENTS: dict[type[exp.Expr], frozenset[str]] = {
    **dict.fromkeys((*_COMPARISONS, *_JUNCTIONS, exp.Add, exp.Sub, exp.Mul), frozenset({"this", "expression"})),
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
    exp.Is: frozenset({"this", "expression", "negate"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Not: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Paren: frozenset({"this"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    exp.Column: frozenset({"this"}),
    exp.Identifier: frozenset({"this"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
}
"""The white list: SQLGlot's nodes, and the arguments that each may carry."""
_CAST_TO: dict[exp.DType, Type] = {
    exp.DType.BIGINT: Type.INTEGER,
    exp.DType.DOUBLE: Type.NUMBER,
    exp.DType.TEXT: Type.TEXT,
    exp.DType.BOOLEAN: Type.BOOLEAN,
}
_ODD = "That is no expression of this language"
_SEE = "Its operators and functions are listed in the reference of expressions."

_FORMS = "Forms are CASE WHEN … THEN … [ELSE …] END, x BETWEEN a AND b, x IN (a, b), CAST(x AS type)."


LONGEST_REMEMBERED = 2_000
"""Characters."""

HOLE = Name("")
"""Where something could not be read: the fault has been noted, and the checker says no more about it."""


def parse(text: str) -> tuple[Node | None, list[tuple[str, str]]]:
    """(tree without types, faults); no tree where the faults leave none."""
    tree, faults = _remembered(text) if len(text) <= LONGEST_REMEMBERED else _parsed(text)
    return tree, list(faults)


@lru_cache(maxsize=4096)
def _remembered(text: str) -> tuple[Node | None, list[tuple[str, str]]]:
    """A playbook is read again and again while somebody writes it, and its conditions stay what they were."""
    return _parsed(text)


def _parsed(text: str) -> tuple[Node | None, list[tuple[str, str]]]:
    found = scan(text)
    if not found.broken:
        order(text, found)
    if found.broken:
        return None, found.faults
    reader = _Reader(found)
    try:
        statements = sqlglot.parse(reader.placeholders(), dialect="postgres")
    except (SqlglotError, RecursionError):
        found.fault(f"`{excerpt(text)}` cannot be read.", _FORMS)
        return None, found.faults
    if len(statements) != 1 or statements[0] is None:
        found.fault(f"`{excerpt(text)}` is {len(statements)} statements.", "Write one expression.")
        return None, found.faults
    tree = reader.node(statements[0])
    if size(tree) > LARGEST_SIZE:
        found.fault(f"`{excerpt(text)}` is too intricate: its parts stand inside one another too often.", "Split it.")
        return None, found.faults
    return tree, found.faults


class _Reader:
    """SQLGlot's tree to ours, for one text."""

    def __init__(self, found: Scan) -> None:
        self.found = found
        self.tokens = found.tokens
        self.depth = 0

    def placeholders(self) -> str:
        """What SQLGlot reads: `n7` is the name that is token 7, `'7'` the text; functions are `F_NAME`."""
        return " ".join(self._placeholder(index, token) for index, token in enumerate(self.tokens))

    def _placeholder(self, index: int, token: Token) -> str:
        match token.kind:
            case "name" | "number":
                return f"n{index}"
            case "string":
                return f"'{index}'"
            case "function":
                return "CAST" if token.value == "CAST" else f"F_{token.value}"
            case "type":
                return CASTABLE[str(token.value)]
            case kind:
                return kind

    def fault(self, what: str, remedy: str) -> Name:
        """Note the fault; what stood there becomes a hole."""
        self.found.fault(what, remedy)
        return HOLE

    def node(self, node: exp.Expr) -> Node:
        """The node's tree, with a hole wherever it cannot be read."""
        if self.depth >= DEEPEST_TREE:
            return self.fault(f"More than {DEEPEST_TREE} operations depend on one another.", "Split the expression.")
        read = _READERS.get(type(node))
        if read is None or not _is_plain(node):
            return self.fault(f"{_ODD}: {type(node).__name__}.", _SEE)
        self.depth += 1
        tree = read(self, node)
        self.depth -= 1
        return tree

    def side(self, node: exp.Expr) -> Node:
        """An operand of a comparison, which must not be another one without parentheses: `1 < x < 5`."""
        if isinstance(node, _PREDICATES):
            return self.fault(
                "A comparison stands inside another one, as in `1 < x < 5`.",
                "Write `x > 1 AND x < 5` or `x BETWEEN 1 AND 5`, or use parentheses.",
            )
        return self.node(node)

    def inside(self, node: exp.Expr) -> Node:
        """What parentheses hold."""
        return self.node(node.this)

    def negation(self, node: exp.Expr) -> Node:
        """NOT."""
        return Not(self.node(node.this))

    def comparison(self, node: exp.Expr) -> Node:
        """`=` and its like."""
        return Comparison(_COMPARISONS[type(node)], self.side(node.this), self.side(node.expression))

    def arithmetic(self, node: exp.Expr) -> Node:
        """`+` and its like."""
        return Arithmetic(_ARITHMETIC[type(node)], self.node(node.this), self.node(node.expression))

    def junction(self, node: exp.Expr) -> Node:
        """A run of the same operator as one node, read without recursion, since it may be thousands long."""
        operands: list[Node] = []
        waiting = [node]
        while waiting:
            current = waiting.pop()
            inner = current.unnest()
            if type(inner) is type(node) and _is_plain(inner):
                waiting += [inner.expression, inner.this]
            else:
                operands.append(self.node(current))
        return Junction(_JUNCTIONS[type(node)], tuple(operands))

    def negative(self, node: exp.Expr) -> Node:
        """A sign; that of a number is part of it."""
        operand = self.node(node.this)
        if isinstance(operand, Literal) and isinstance(operand.value, int | float) and operand.type is not Type.BOOLEAN:
            return Literal(-operand.value, operand.type)
        return Negative(operand)

    def membership(self, node: exp.Expr) -> Node:
        """IN."""
        return Membership(self.side(node.this), tuple(self.side(member) for member in node.expressions))

    def between(self, node: exp.Expr) -> Node:
        """BETWEEN."""
        return Between(*(self.side(node.args[part]) for part in ("this", "low", "high")))

    def is_null(self, node: exp.Expr) -> Node:
        """IS NULL, IS NOT NULL."""
        if not isinstance(node.expression, exp.Null):
            remedy = "Write `x IS NULL` or `x IS NOT NULL`; a boolean stands alone: `x`, `NOT x`."
            return self.fault("IS takes NULL only.", remedy)
        test = IsNull(self.side(node.this))
        return Not(test) if node.args.get("negate") else test

    def like(self, node: exp.Expr) -> Node:
        """LIKE, NOT LIKE."""
        pattern = self.node(node.expression)
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            return self.fault("The pattern of LIKE is not written out.", "Write it as a text: x LIKE 'a%'.")
        test = Like(self.side(node.this), pattern.value)
        return Not(test) if node.args.get("negate") else test

    def case(self, node: exp.Expr) -> Node:
        """CASE; `CASE x WHEN a` means `CASE WHEN x = a`."""
        subject = None if node.this is None else self.side(node.this)
        branches: list[tuple[Node, Node]] = []
        for branch in node.args["ifs"]:
            if not _is_plain(branch):
                return self.fault(f"{_ODD}: CASE.", _SEE)
            when = self.node(branch.this) if subject is None else Comparison("=", subject, self.side(branch.this))
            branches.append((when, self.node(branch.args["true"])))
        default = node.args.get("default")
        return Case(tuple(branches), None if default is None else self.node(default))

    def cast(self, node: exp.Expr) -> Node:
        """CAST."""
        type_ = _CAST_TO.get(node.args["to"].this)
        if type_ is None:
            return self.fault(f"{_ODD}: CAST.", f"Types are {', '.join(CASTABLE)}.")
        return Cast(self.node(node.this), type_)

    def call(self, node: exp.Expr) -> Node:
        """A function; one that is unknown has its fault already."""
        name = str(node.this).removeprefix("F_")
        arguments = tuple(self.node(argument) for argument in node.expressions)
        function = FUNCTIONS.get(name)
        if function is not None and not function.takes(len(arguments)):
            remedy = f"{function.name}: {function.means}."
            return self.fault(f"{name} takes {function.arity}, not {len(arguments)}.", remedy)
        return self._instant(arguments) if name == "INSTANT" else Call(name, arguments)

    def _instant(self, arguments: tuple[Node, ...]) -> Node:
        told = []
        for place, argument in zip(("format", "zone"), arguments[1:], strict=False):
            if not isinstance(argument, Literal) or not isinstance(argument.value, str):
                remedy = "Write INSTANT(text, '%Y-%m-%d', 'Europe/Berlin')."
                return self.fault(f"The {place} of INSTANT is not written out.", remedy)
            told.append(argument.value)
        return Instant(arguments[0], told[0], told[1] if len(told) > 1 else "")

    def leaf(self, node: exp.Expr) -> Node:
        """A placeholder back to what it stands for."""
        if isinstance(node, exp.Null):
            return Literal(None, None)
        if isinstance(node, exp.Boolean):
            return Literal(bool(node.this), Type.BOOLEAN)
        token = self.tokens[int(node.name.removeprefix("n"))]
        if isinstance(token.value, str):
            return Name(token.value) if token.kind == "name" else Literal(token.value, Type.TEXT)
        return Literal(token.value, Type.INTEGER if isinstance(token.value, int) else Type.NUMBER)


_READERS: dict[type[exp.Expr], Callable[[_Reader, exp.Expr], Node]] = {
    **dict.fromkeys(_COMPARISONS, _Reader.comparison),
    **dict.fromkeys(_ARITHMETIC, _Reader.arithmetic),
    **dict.fromkeys(_JUNCTIONS, _Reader.junction),
    exp.Paren: _Reader.inside,
    exp.Not: _Reader.negation,
    exp.Neg: _Reader.negative,
    exp.In: _Reader.membership,
    exp.Between: _Reader.between,
    exp.Is: _Reader.is_null,
    exp.Like: _Reader.like,
    exp.Case: _Reader.case,
    exp.Cast: _Reader.cast,
    exp.Anonymous: _Reader.call,
    exp.Column: _Reader.leaf,
    exp.Literal: _Reader.leaf,
    exp.Boolean: _Reader.leaf,
    exp.Null: _Reader.leaf,
}


def _is_plain(node: exp.Expr) -> bool:
    """Whether the node carries nothing but what the white list gives it."""
    allowed = _ARGUMENTS.get(type(node))
    return (
        allowed is not None
        and not node.comments
        and all(key in allowed or not value for key, value in node.args.items())
    )
