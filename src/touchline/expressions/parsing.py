"""In: an expression's text. Out: its tree, not yet typed, and every fault of its grammar. Writes no interactions.

SQLGlot gives the precedence of SQL. Each of its nodes must be on the list here, with no argument but the listed ones; whatever
else SQLGlot may read, now or in a later release, is a fault.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from touchline.expressions.functions import DEEPEST_TREE, FUNCTIONS
from touchline.expressions.lexing import CASTABLE, Scan, Token, excerpt, scan
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

_COMPARISONS: dict[type[exp.Expr], str] = {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
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
_ODD = "That is no expression of this language"
_SEE = "Its operators and functions are listed in the reference of expressions."


HOLE = Name("")
"""Where something could not be read: the fault has been noted, and the checker says no more about it."""


def parse(text: str) -> tuple[Node | None, list[tuple[str, str]]]:
    """(tree without types, faults); no tree where the faults leave none."""
    found = scan(text)
    if found.broken:
        return None, found.faults
    reader = _Reader(found)
    try:
        statements = sqlglot.parse(reader.placeholders(), dialect="postgres")
    except (SqlglotError, RecursionError):
        found.fault(f"`{excerpt(text)}` cannot be read.", "CASE WHEN … THEN … [ELSE …] END, x BETWEEN a AND b, x IN (a, b), CAST(x AS type) are written so.")
        return None, found.faults
    if len(statements) != 1 or statements[0] is None:
        found.fault(f"`{excerpt(text)}` is {len(statements)} statements.", "Write one expression.")
        return None, found.faults
    return reader.node(statements[0], 0), found.faults


class _Reader:
    """SQLGlot's tree to ours, for one text."""

    def __init__(self, found: Scan) -> None:
        self.found = found
        self.tokens = found.tokens

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

    def node(self, node: exp.Expr, depth: int) -> Node:
        """The node's tree, with a hole wherever it cannot be read."""
        if depth > DEEPEST_TREE:
            return self.fault(f"More than {DEEPEST_TREE} operations depend on one another.", "Split the expression.")
        allowed = _ARGUMENTS.get(type(node))
        if allowed is None or any(value and key not in allowed for key, value in node.args.items()) or node.comments:
            return self.fault(f"{_ODD}: {type(node).__name__}.", _SEE)
        if type(node) in _JUNCTIONS:
            return self._junction(node, depth)
        if type(node) in _COMPARISONS:
            return Comparison(_COMPARISONS[type(node)], self._side(node.this, depth), self._side(node.expression, depth))
        if type(node) in _ARITHMETIC:
            return Arithmetic(_ARITHMETIC[type(node)], self.node(node.this, depth + 1), self.node(node.expression, depth + 1))
        read: Callable[[exp.Expr, int], Node] | None = {
            exp.Paren: lambda n, d: self.node(n.this, d),
            exp.Not: lambda n, d: Not(self.node(n.this, d + 1)),
            exp.Neg: self._negative,
            exp.In: self._membership,
            exp.Between: self._between,
            exp.Is: self._is_null,
            exp.Like: self._like,
            exp.Case: self._case,
            exp.Cast: self._cast,
            exp.Anonymous: self._call,
            exp.Column: self._leaf,
            exp.Literal: self._leaf,
            exp.Boolean: lambda n, d: Literal(bool(n.this), Type.BOOLEAN),
            exp.Null: lambda n, d: Literal(None, None),
        }.get(type(node))
        if read is None:
            return self.fault(f"{_ODD}: {type(node).__name__}.", _SEE)
        return read(node, depth)

    def _side(self, node: exp.Expr, depth: int) -> Node:
        """An operand of a comparison, which must not be another one without parentheses: `1 < x < 5`."""
        if isinstance(node, _PREDICATES):
            return self.fault("A comparison stands inside another one, as in `1 < x < 5`.", "Write `x > 1 AND x < 5` or `x BETWEEN 1 AND 5`, or use parentheses.")
        return self.node(node, depth + 1)

    def _junction(self, node: exp.Expr, depth: int) -> Node:
        """A run of the same operator as one node, read without recursion, since it may be thousands long."""
        operands: list[Node] = []
        waiting = [node]
        while waiting:
            current = waiting.pop()
            inner = current.unnest()
            if type(inner) is type(node):
                waiting += [inner.expression, inner.this]
            else:
                operands.append(self.node(current, depth + 1))
        return Junction(_JUNCTIONS[type(node)], tuple(operands))

    def _negative(self, node: exp.Expr, depth: int) -> Node:
        operand = self.node(node.this, depth + 1)
        if isinstance(operand, Literal) and operand.type in (Type.NUMBER, Type.INTEGER) and isinstance(operand.value, int | float):
            return Literal(-operand.value, operand.type)
        return Negative(operand)

    def _membership(self, node: exp.Expr, depth: int) -> Node:
        members = node.expressions
        if not members:
            return self.fault("IN stands before an empty list.", "List at least one value: x IN ('a', 'b').")
        return Membership(self._side(node.this, depth), tuple(self._side(member, depth) for member in members))

    def _between(self, node: exp.Expr, depth: int) -> Node:
        return Between(*(self._side(node.args[part], depth) for part in ("this", "low", "high")))

    def _is_null(self, node: exp.Expr, depth: int) -> Node:
        if not isinstance(node.expression, exp.Null):
            return self.fault("IS takes NULL only.", "Write `x IS NULL` or `x IS NOT NULL`; a boolean stands alone: `x`, `NOT x`.")
        test = IsNull(self._side(node.this, depth))
        return Not(test) if node.args.get("negate") else test

    def _like(self, node: exp.Expr, depth: int) -> Node:
        pattern = self.node(node.expression, depth + 1)
        if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
            return self.fault("The pattern of LIKE is not written out.", "Write it as a text: x LIKE 'a%'.")
        test = Like(self._side(node.this, depth), pattern.value)
        return Not(test) if node.args.get("negate") else test

    def _case(self, node: exp.Expr, depth: int) -> Node:
        subject = None if node.this is None else self._side(node.this, depth)
        branches = []
        for branch in node.args["ifs"]:
            if set(key for key, value in branch.args.items() if value) - {"this", "true"}:
                return self.fault(f"{_ODD}: CASE.", _SEE)
            condition = self.node(branch.this, depth + 1) if subject is None else Comparison("=", subject, self._side(branch.this, depth))
            branches.append((condition, self.node(branch.args["true"], depth + 1)))
        default = node.args.get("default")
        return Case(tuple(branches), None if default is None else self.node(default, depth + 1))

    def _cast(self, node: exp.Expr, depth: int) -> Node:
        named = {exp.DType.BIGINT: Type.INTEGER, exp.DType.DOUBLE: Type.NUMBER, exp.DType.TEXT: Type.TEXT, exp.DType.BOOLEAN: Type.BOOLEAN}
        kind = node.args["to"].this
        if kind not in named:
            return self.fault(f"{_ODD}: CAST to {kind}.", f"Types are {', '.join(CASTABLE)}.")
        return Cast(self.node(node.this, depth + 1), named[kind])

    def _call(self, node: exp.Expr, depth: int) -> Node:
        name = str(node.this).removeprefix("F_")
        arguments = tuple(self.node(argument, depth + 1) for argument in node.expressions)
        function = FUNCTIONS.get(name)
        if function is None:
            return Call(name, arguments)
        if not function.takes(len(arguments)):
            return self.fault(f"{name} takes {function.arity}, not {len(arguments)}.", f"{function.name}: {function.means}.")
        if name == "INSTANT":
            return self._instant(arguments)
        return Call(name, arguments)

    def _instant(self, arguments: tuple[Node, ...]) -> Node:
        told = []
        for place, argument in zip(("format", "zone"), arguments[1:], strict=False):
            if not isinstance(argument, Literal) or not isinstance(argument.value, str):
                return self.fault(f"The {place} of INSTANT is not written out.", "Write INSTANT(text, '%Y-%m-%d', 'Europe/Berlin').")
            told.append(argument.value)
        return Instant(arguments[0], told[0], told[1] if len(told) > 1 else "")

    def _leaf(self, node: exp.Expr, depth: int) -> Node:
        """A placeholder back to what it stands for."""
        if isinstance(node, exp.Column):
            if not isinstance(node.this, exp.Identifier) or node.this.args.get("quoted"):
                return self.fault(f"{_ODD}: {type(node.this).__name__}.", _SEE)
            token = self.tokens[int(node.name[1:])]
        else:
            token = self.tokens[int(node.this)]
        if isinstance(token.value, str):
            return Name(token.value) if token.kind == "name" else Literal(token.value, Type.TEXT)
        return Literal(token.value, Type.INTEGER if isinstance(token.value, int) else Type.NUMBER)
