"""In: a checked expression and one row's values. Out: its value, by the plainest reading. Writes no interactions.

This is the reference that the compiled form is held equal to, so it shares no code with `framing`: it says what is
meant, not how to do it fast. `explain` uses it, because it can be asked about every part.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from touchline.expressions.casing import BEFORE_LOWER, BEFORE_UPPER, NO_LOWER, NO_UPPER
from touchline.expressions.formats import has_clock, has_offset, parts, touching
from touchline.expressions.functions import FIRST_YEAR, LARGEST_INTEGER, LAST_YEAR, MICROS_PER_DAY, ZONES_SINCE
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
    type_of,
)
from touchline.kernel.times import to_micros
from touchline.kernel.types import Type, Value

Row = Mapping[str, Value]

_DIGITS = {"Y": r"(\d{4})", "f": r"(\d{1,9})", "z": r"(Z|[+-]\d\d(?::?\d\d)?)"}
_LONGEST_NUMBER_TEXT = 100


def evaluate(expression: Expression, row: Row) -> Value:
    """The value for one row of name -> value; None is unknown. Raises KeyError for a name that the row lacks."""
    return _value(expression.tree, row)


def _value(node: Node, row: Row) -> Value:  # noqa: C901 - one case per kind of node
    match node:
        case Literal(value):
            return _typed(value, node.type)
        case Name(name, type_):
            return _typed(row[name], type_)
        case Not(operand):
            told = _value(operand, row)
            return None if told is None else not told
        case Junction(operator, operands):
            return _junction(operator == "OR", [_value(operand, row) for operand in operands])
        case Comparison(operator, left, right):
            return _compared(operator, _value(left, row), _value(right, row))
        case Membership(operand, members):
            subject = _value(operand, row)
            return _junction(True, [_compared("=", subject, _value(member, row)) for member in members])
        case Between(operand, low, high):
            subject = _value(operand, row)
            return _junction(
                False, [_compared("<=", _value(low, row), subject), _compared("<=", subject, _value(high, row))]
            )
        case IsNull(operand):
            return _value(operand, row) is None
        case Like(operand, pattern):
            text = _value(operand, row)
            return None if text is None else _like(str(text), pattern)
        case Case(branches, otherwise, type_):
            for condition, result in branches:
                if _value(condition, row) is True:
                    return _typed(_value(result, row), type_)
            return None if otherwise is None else _typed(_value(otherwise, row), type_)
        case Arithmetic(operator, left, right):
            return _computed(operator, _value(left, row), _value(right, row), type_of(left) is Type.TIME)
        case Negative(operand):
            return _computed("-", 0.0, _value(operand, row), False)
        case Call(function, arguments, type_):
            return _typed(_called(function, [_value(argument, row) for argument in arguments]), type_)
        case Cast(operand, type_):
            return _cast(_value(operand, row), type_)
        case Instant(operand, format_, zone):
            text = _value(operand, row)
            return None if text is None else _instant(str(text), format_, zone)


def _typed(value: Value, type_: Type | None) -> Value:
    """An integer among numbers is a number."""
    return float(value) if type_ is Type.NUMBER and isinstance(value, int) and not isinstance(value, bool) else value


def _junction(any_: bool, told: list[Value]) -> Value:
    """Kleene's OR (any_) or AND: one value decides, else one unknown makes it unknown."""
    if any_ in told:
        return any_
    return None if None in told else not any_


def _compared(operator: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if isinstance(left, float) or isinstance(right, float):
        left, right = float(left), float(right)
    before, same = left < right, left == right  # type: ignore[operator]  # the checker gave both the same type
    return {"=": same, "<>": not same, "<": before, "<=": before or same, ">": not (before or same), ">=": not before}[
        operator
    ]


def _computed(operator: str, left: Value, right: Value, times: bool) -> Value:
    if left is None or right is None:
        return None
    first, second = float(left), float(right)
    match operator:
        case "+":
            result = first + second
        case "-":
            result = (first - second) / (MICROS_PER_DAY if times else 1.0)
        case "*":
            result = first * second
        case _:
            result = math.nan if second == 0 else first / second
    return result if math.isfinite(result) else None


def _called(function: str, arguments: list[Value]) -> Value:
    known = [argument for argument in arguments if argument is not None]
    match function:
        case "COALESCE":
            return known[0] if known else None
        case "NULLIF":
            return None if _compared("=", *arguments) is True else arguments[0]
        case "LEAST":
            return min(known, default=None)
        case "GREATEST":
            return max(known, default=None)
    if len(known) < len(arguments):
        return None
    first = arguments[0]
    match function, first:
        case "ABS", int() | float():
            return abs(float(first))
        case "CONCAT", _:
            return "".join(str(argument) for argument in arguments)
        case "LENGTH", str():
            return len(first)
        case "TRIM", str():
            return first.strip(" ")
        case "LOWER", str():
            return None if _holds(first, NO_LOWER) else _replaced(first, BEFORE_LOWER).lower()
        case "UPPER", str():
            return None if _holds(first, NO_UPPER) else _replaced(first, BEFORE_UPPER).upper()
    raise AssertionError(function)


def _holds(text: str, runs: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(character) <= last for character in text for first, last in runs)


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def _like(text: str, pattern: str) -> bool:
    """Whether the pattern matches: at each place of it, the set of places in the text that are reached."""
    reached = {0}
    for step in pattern:
        if step == "%":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {place + 1 for place in reached if place < len(text) and step in ("_", text[place])}
    return len(text) in reached


def _cast(value: Value, type_: Type) -> Value:
    if value is None:
        return None
    match type_, value:
        case Type.TEXT, bool():
            return "true" if value else "false"
        case Type.TEXT, _:
            return str(value)
        case Type.BOOLEAN, str():
            return True if value in _forms("1 true yes y") else False if value in _forms("0 false no n") else None
        case Type.INTEGER, str():
            return int(value) if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) else None
        case Type.INTEGER, float():
            return math.trunc(value) if abs(value) < LARGEST_INTEGER else None
        case Type.INTEGER, _:
            return int(value)
        case Type.NUMBER, str():
            told = re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", value, re.ASCII)
            number = float(value) if told is not None and len(value) <= _LONGEST_NUMBER_TEXT else math.inf
            return number if math.isfinite(number) else None
        case Type.NUMBER, _:
            return float(value)
    return value


def _forms(words: str) -> set[str]:
    return {form for word in words.split() for form in (word, word.title(), word.upper())}


def _instant(text: str, format_: str, zone: str) -> int | None:
    told = parts(format_)
    fixed = touching(format_)
    pattern = "".join(
        _DIGITS.get(directive, r"(\d\d)" if directive in fixed else r"(\d\d?)") if directive else re.escape(literal)
        for directive, literal in told
    )
    match = re.fullmatch(pattern, text, re.ASCII)
    if match is None:
        return None
    found = dict(zip((directive for directive, _ in told if directive), match.groups(), strict=True))
    year, month, day = (int(found[part]) for part in "Ymd")
    hour, minute, second = (int(found.get(part, "0")) for part in "HMS") if has_clock(format_) else (12, 0, 0)
    micros = int(found.get("f", "0").ljust(6, "0")[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 - a wall clock, its zone is put on below
    except ValueError:
        return None
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        return None
    if has_offset(format_):
        offset = _offset(found["z"])
        return None if offset is None else to_micros(local.replace(tzinfo=UTC) - offset)
    place = ZoneInfo(zone)
    if local.year < ZONES_SINCE:
        ahead = datetime(ZONES_SINCE, 1, 1, tzinfo=place).utcoffset()
        return None if ahead is None else to_micros(local.replace(tzinfo=UTC) - ahead)
    there = local.replace(tzinfo=place, fold=0)
    jumped_over = there.astimezone(UTC).astimezone(place).replace(tzinfo=None) != local
    return None if jumped_over else to_micros(there.astimezone(UTC))


def _offset(text: str) -> timedelta | None:
    if text == "Z":
        return timedelta(0)
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 15 or minutes > 59:
        return None
    return timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)
