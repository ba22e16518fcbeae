"""In: a tree. Out: its canonical text, which parses to the same tree. Writes no interactions."""

from __future__ import annotations

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

_OR, _AND, _NOT, _PREDICATE, _SUM, _PRODUCT, _SIGN, _LEAF = range(8)
_BINDS: dict[str, int] = {"OR": _OR, "AND": _AND, "+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT}


def render(node: Node) -> str:
    """The node as text, with the fewest parentheses that keep its meaning."""
    return _render(node)[0]


def _within(node: Node, least: int) -> str:
    text, binds = _render(node)
    return text if binds >= least else f"({text})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _render(node: Node) -> tuple[str, int]:  # noqa: C901 - one case per kind of node
    """(text, how tightly its outermost operator binds)."""
    match node:
        case Literal():
            return _literal(node)
        case Name(name):
            return name, _LEAF
        case Not(IsNull(operand)):
            return f"{_within(operand, _SUM)} IS NOT NULL", _PREDICATE
        case Not(Membership(operand, members)):
            return f"{_within(operand, _SUM)} NOT IN ({', '.join(_within(m, _SUM) for m in members)})", _PREDICATE
        case Not(Between(operand, low, high)):
            return f"{_within(operand, _SUM)} NOT BETWEEN {_within(low, _SUM)} AND {_within(high, _SUM)}", _PREDICATE
        case Not(Like(operand, pattern)):
            return f"{_within(operand, _SUM)} NOT LIKE {_quoted(pattern)}", _PREDICATE
        case Not(operand):
            return f"NOT {_within(operand, _NOT)}", _NOT
        case Junction(operator, operands):
            binds = _BINDS[operator]
            return f" {operator} ".join(_within(operand, binds + 1) for operand in operands), binds
        case Comparison(operator, left, right):
            return f"{_within(left, _SUM)} {operator} {_within(right, _SUM)}", _PREDICATE
        case Membership(operand, members):
            return f"{_within(operand, _SUM)} IN ({', '.join(_within(m, _SUM) for m in members)})", _PREDICATE
        case Between(operand, low, high):
            return f"{_within(operand, _SUM)} BETWEEN {_within(low, _SUM)} AND {_within(high, _SUM)}", _PREDICATE
        case IsNull(operand):
            return f"{_within(operand, _SUM)} IS NULL", _PREDICATE
        case Like(operand, pattern):
            return f"{_within(operand, _SUM)} LIKE {_quoted(pattern)}", _PREDICATE
        case Arithmetic(operator, left, right):
            binds = _BINDS[operator]
            return f"{_within(left, binds)} {operator} {_within(right, binds + 1)}", binds
        case Negative(operand):
            return f"-{_within(operand, _LEAF)}", _SIGN
        case Case(branches, otherwise):
            when = " ".join(f"WHEN {render(condition)} THEN {render(value)}" for condition, value in branches)
            last = "" if otherwise is None else f" ELSE {render(otherwise)}"
            return f"CASE {when}{last} END", _LEAF
        case Call(function, arguments):
            return f"{function}({', '.join(render(argument) for argument in arguments)})", _LEAF
        case Cast(operand, type_):
            return f"CAST({render(operand)} AS {type_})", _LEAF
        case Instant(operand, format_, zone):
            place = f", {_quoted(zone)}" if zone else ""
            return f"INSTANT({render(operand)}, {_quoted(format_)}{place})", _LEAF


def _literal(node: Literal) -> tuple[str, int]:
    match node.value:
        case None:
            return "NULL", _LEAF
        case bool():
            return ("TRUE" if node.value else "FALSE"), _LEAF
        case str():
            return _quoted(node.value), _LEAF
        case int():
            return str(node.value), (_SIGN if node.value < 0 else _LEAF)
        case float():
            text = repr(node.value)
            return text, (_SIGN if text.startswith("-") else _LEAF)
