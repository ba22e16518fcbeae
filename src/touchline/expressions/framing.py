"""In: a checked expression. Out: a Narwhals expression, of the same values on every engine. Writes no interactions.

Whatever an engine might refuse (a bad text, a number too large) is made NULL before it gets there, so that no row can
stop the rest. Comparisons carry no guard at all; arithmetic carries one only where a result might not be finite.
"""

from __future__ import annotations

import math
import operator
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import narwhals as nw
from narwhals.typing import IntoDType

from touchline.expressions.casing import BEFORE_LOWER, BEFORE_UPPER, NO_LOWER, NO_UPPER
from touchline.expressions.evaluation import evaluate
from touchline.expressions.functions import LARGEST_INTEGER, MICROS_PER_DAY
from touchline.expressions.instants import instant
from touchline.expressions.tree import (
    Arithmetic,
    Between,
    Call,
    Case,
    Cast,
    Comparison,
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
    children,
    type_of,
    walk,
)
from touchline.kernel import measures
from touchline.kernel.types import Type

_DTYPES: dict[Type, IntoDType] = {
    Type.NUMBER: nw.Float64,
    Type.INTEGER: nw.Int64,
    Type.TEXT: nw.String,
    Type.BOOLEAN: nw.Boolean,
    Type.TIME: nw.Int64,
}
_COMPARE: dict[str, Callable[[nw.Expr, nw.Expr], nw.Expr]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPUTE: dict[str, Callable[[nw.Expr, nw.Expr], nw.Expr]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_INTEGER_TEXT = r"\A[+-]?[0-9]{1,18}\z"
_NUMBER_TEXT = r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\z"
_TRUE_TEXTS = [form for word in ("1", "true", "yes", "y") for form in dict.fromkeys((word, word.title(), word.upper()))]
_FALSE_TEXTS = [
    form for word in ("0", "false", "no", "n") for form in dict.fromkeys((word, word.title(), word.upper()))
]
_LONGEST_NUMBER_TEXT = 100
_LARGEST = sys.float_info.max
_LARGEST_MEASURE = 1e100
"""No sum of ledger rows comes near it; so the arithmetic of most conditions needs no guard against overflow."""


def to_frame(expression: Expression, column: Callable[[str], str] = measures.column) -> nw.Expr:
    """The expression over a frame's columns, for `with_columns`, `select` and `filter`.

    column  name in the expression -> column of the frame

    Columns hold the types that the names have: number any float or integer, NaN and infinity excepted, and in a
    condition below 1e100 in size, which every measure is; integer and time any integer; text strings; boolean booleans.
    The result is Float64, Int64 (integer, time), String or Boolean. A constant selected alone has one row, and Narwhals
    does not filter by it: `matching` does.
    INSTANT works on Polars only, where imports run; elsewhere the engine raises when the expression is used.
    """
    largest = _LARGEST_MEASURE if expression.dialect == "condition" else _LARGEST
    framed = _Framing(column, largest).value(expression.tree)
    return framed.cast(_DTYPES[expression.type]) if isinstance(expression.tree, Name | Case | Call) else framed


def matching(
    frame: nw.LazyFrame[Any], condition: Expression, column: Callable[[str], str] = measures.column
) -> nw.LazyFrame[Any]:
    """The rows where the condition is TRUE. Unlike `filter`, it also takes a condition without names, such as `TRUE`."""
    if condition.names:
        return frame.filter(to_frame(condition, column))
    return frame if evaluate(condition, {}) is True else frame.head(0)


class _Framing:
    """One expression over one frame's columns."""

    def __init__(self, column: Callable[[str], str], largest: float) -> None:
        self.column = column
        self.largest = largest

    def value(self, node: Node) -> nw.Expr:  # noqa: C901 - one case per kind of node
        """The node's values, never NaN or infinite."""
        match node:
            case Literal(value, type_):
                return nw.lit(value, _dtype(type_))
            case Name(name):
                return nw.col(self.column(name))
            case Not(operand):
                return ~self.value(operand)
            case Junction(operator_, operands):
                join = operator.and_ if operator_ == "AND" else operator.or_
                return _joined([self.value(operand) for operand in operands], join)
            case Comparison(operator_, left, right):
                return _COMPARE[operator_](*self._alike((left, right)))
            case Membership():
                return self._membership(node)
            case Between(operand, low, high):
                middle, least, most = self._alike((operand, low, high))
                return (middle >= least) & (middle <= most)
            case IsNull(operand):
                return self.value(operand).is_null()
            case Like(operand, pattern):
                return _like(self.value(operand), pattern)
            case Case():
                return self._case(node)
            case Arithmetic() | Negative() | Call("ABS"):
                raw, bound = self._computed(node)
                return raw if bound <= _LARGEST else nw.when(raw.abs() <= nw.lit(_LARGEST, nw.Float64)).then(raw)
            case Call(function, arguments, type_):
                return self._call(function, arguments, type_)
            case Cast(operand, type_):
                return _cast(self.value(operand), type_of(operand), type_)
            case Instant(operand, format_, zone):
                return instant(self.value(operand), format_, zone)

    def _as(self, node: Node, type_: Type | None) -> nw.Expr:
        """The node's values; integers as Float64 where a number is wanted."""
        return self._float(node) if type_ is Type.NUMBER and type_of(node) is Type.INTEGER else self.value(node)

    def _alike(self, nodes: Sequence[Node]) -> list[nw.Expr]:
        """Operands of a comparison: integers as numbers where one is a number."""
        type_ = Type.NUMBER if any(type_of(node) is Type.NUMBER for node in nodes) else None
        return [self._as(node, type_) for node in nodes]

    def _membership(self, node: Membership) -> nw.Expr:
        values = [member.value for member in node.members if isinstance(member, Literal)]
        if len(values) < len(node.members) or len(values) == 1 or type_of(node.operand) is Type.BOOLEAN:
            return _joined(
                [_COMPARE["="](*self._alike((node.operand, member))) for member in node.members], operator.or_
            )
        if any(type_of(part) is Type.NUMBER for part in (node.operand, *node.members)):
            return self._as(node.operand, Type.NUMBER).is_in(
                [float(value) for value in values if isinstance(value, int | float)]
            )
        return self.value(node.operand).is_in(values)

    def _case(self, node: Case) -> nw.Expr:
        (condition, value), *others = node.branches
        chain = nw.when(self.value(condition)).then(self._as(value, node.type))
        for condition, value in others:
            chain = chain.when(self.value(condition)).then(self._as(value, node.type))
        return chain if node.otherwise is None else chain.otherwise(self._as(node.otherwise, node.type))

    def _call(self, function: str, arguments: tuple[Node, ...], type_: Type | None) -> nw.Expr:
        values = [self._as(argument, type_) if type_ is Type.NUMBER else self.value(argument) for argument in arguments]
        match function:
            case "COALESCE":
                return nw.coalesce(*values)
            case "LEAST":
                return nw.min_horizontal(*values)
            case "GREATEST":
                return nw.max_horizontal(*values)
            case "NULLIF":
                return nw.when(values[0] == values[1]).then(nw.lit(None, _dtype(type_))).otherwise(values[0])
            case "LOWER":
                return _agreed(values[0], BEFORE_LOWER, NO_LOWER).str.to_lowercase()
            case "UPPER":
                return _agreed(values[0], BEFORE_UPPER, NO_UPPER).str.to_uppercase()
            case "TRIM":
                return values[0].str.strip_chars(" ")
            case "LENGTH":
                return values[0].str.len_chars().cast(nw.Int64)
            case "CONCAT":
                return nw.concat_str(*values, ignore_nulls=False)
        raise AssertionError(function)

    def _computed(self, node: Node) -> tuple[nw.Expr, float]:
        """(values in float64, a size that none of them exceeds; infinite where a value may not be finite).

        Sums and products that left the finite never come back to it, so one guard at the end of a chain is enough. A
        divisor is guarded, since a number divided by infinity would be 0. Rounding is monotonic, so that the bound of a
        result is the result of the bounds.
        """
        match node:
            case Arithmetic("-", left, right) if type_of(left) is Type.TIME:
                micros = self.value(left).cast(nw.Float64) - self.value(right).cast(nw.Float64)
                return micros / self._divisor(left, Literal(MICROS_PER_DAY, Type.NUMBER)), float(2**64)
            case Arithmetic("/", left, right):
                above, bound = self._computed(left)
                constant = _constant(right)
                return above / self._divisor(left, right), bound / abs(constant) if constant else float("inf")
            case Arithmetic(operator_, left, right):
                (first, one), (second, two) = self._computed(left), self._computed(right)
                return _COMPUTE[operator_](first, second), one * two if operator_ == "*" else one + two
            case Negative(operand):
                raw, bound = self._computed(operand)
                return -raw, bound
            case Call("ABS", (operand,)):
                raw, bound = self._computed(operand)
                return raw.abs(), bound
            case _:
                constant = _constant(node)
                if constant is not None:
                    return nw.lit(constant, nw.Float64), abs(constant)
                return self._float(node), self._bound(node)

    def _divisor(self, dividend: Node, divisor: Node) -> nw.Expr:
        """The divisor as a whole column: Polars divides by a single value by multiplying with its inverse.

        Then 49 / 49 would not be 1. The inverse of a power of two is exact, and single values are divided exactly.
        """
        constant, below = _constant(divisor), self._float(divisor)
        name = next((node for side in (dividend, divisor) for node in walk(side) if isinstance(node, Name)), None)
        if name is None or _is_whole(divisor) or (constant is not None and abs(math.frexp(constant)[0]) == 0.5):
            return below
        # Where the dividend is the name itself, an unknown name makes the result unknown anyway.
        zero = self._float(name) if name is dividend else self.value(name).is_null().cast(nw.Float64)
        return zero * nw.lit(0.0, nw.Float64) + below

    def _bound(self, node: Node) -> float:
        """A size that no value of the node exceeds."""
        if type_of(node) is Type.INTEGER:
            return float(2**63)
        match node:
            case Name():
                return self.largest
            case Case(branches, otherwise):
                values = [value for _, value in branches] + ([] if otherwise is None else [otherwise])
                return max(self._bound(value) for value in values)
            case Call("COALESCE" | "LEAST" | "GREATEST" | "NULLIF", arguments):
                return max(self._bound(argument) for argument in arguments)
            case _:
                return _LARGEST

    def _float(self, node: Node) -> nw.Expr:
        """The node's values as Float64; a column may be stored narrower, and a cast to the same type is free."""
        constant = _constant(node)
        return self.value(node).cast(nw.Float64) if constant is None else nw.lit(constant, nw.Float64)


def _is_whole(node: Node) -> bool:
    """Whether the node's values are a column of the frame's length; Polars may keep a single value for all rows."""
    if isinstance(node, Name):
        return True
    return isinstance(node, Arithmetic | Negative | Cast) and any(_is_whole(child) for child in children(node))


def _constant(node: Node) -> float | None:
    """The number that is written there."""
    return float(node.value) if isinstance(node, Literal) and isinstance(node.value, int | float) else None


def _dtype(type_: Type | None) -> IntoDType:
    if type_ is None:
        raise AssertionError("the checker leaves no node without a type")
    return _DTYPES[type_]


def _joined(values: list[nw.Expr], join: Callable[[nw.Expr, nw.Expr], nw.Expr]) -> nw.Expr:
    """All of them joined pairwise, since an engine's depth is limited and a text may hold thousands."""
    while len(values) > 1:
        pairs = [join(values[i], values[i + 1]) for i in range(0, len(values) - 1, 2)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]


def _like(text: nw.Expr, pattern: str) -> nw.Expr:
    """LIKE by the cheapest test that says the same."""
    inner = pattern.strip("%")
    if "_" not in pattern and "%" not in inner:
        if pattern == inner:
            return text == nw.lit(pattern, nw.String)
        if pattern.startswith("%") and pattern.endswith("%"):
            return text.str.contains(inner, literal=True)
        return text.str.ends_with(inner) if pattern.startswith("%") else text.str.starts_with(inner)
    steps = {"%": ".*", "_": "."}
    return text.str.contains(
        r"(?s)\A" + "".join(steps.get(c) or re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", c) for c in pattern) + r"\z"
    )


def _agreed(text: nw.Expr, replaced: Sequence[tuple[str, str]], odd: Sequence[tuple[int, int]]) -> nw.Expr:
    """The text, ready for a change of case; NULL where it holds a letter without an agreed one."""
    letters = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in odd)
    known = nw.when(~text.str.contains(f"[{letters}]")).then(text)
    for old, new in replaced:
        known = known.str.replace_all(old, new, literal=True)
    return known


def _cast(values: nw.Expr, from_: Type | None, to: Type) -> nw.Expr:
    if from_ is to:
        return values
    match to, from_:
        case Type.INTEGER, Type.TEXT:
            return nw.when(values.str.contains(_INTEGER_TEXT)).then(values).cast(nw.Int64)
        case Type.INTEGER, Type.NUMBER:
            held = nw.when(values.abs() < nw.lit(float(LARGEST_INTEGER), nw.Float64)).then(values)
            return nw.when(held < nw.lit(0.0, nw.Float64)).then(held.ceil()).otherwise(held.floor()).cast(nw.Int64)
        case Type.NUMBER, Type.TEXT:
            short = values.str.len_chars() <= nw.lit(_LONGEST_NUMBER_TEXT, nw.Int64)
            number = nw.when(short & values.str.contains(_NUMBER_TEXT)).then(values).cast(nw.Float64)
            return nw.when(number.is_finite()).then(number)
        case Type.BOOLEAN, _:
            return (
                nw.when(values.is_in(_TRUE_TEXTS))
                .then(nw.lit(True, nw.Boolean))
                .when(values.is_in(_FALSE_TEXTS))
                .then(nw.lit(False, nw.Boolean))
            )
        case _:
            return values.cast(_DTYPES[to])
