"""In: an expression's text, from anywhere. Out: its tokens and every fault of spelling. Writes no interactions.

SQL parsers are kind: they read comments, quoted names, aliases and a hundred functions. What may stand in an expression
is therefore decided here, before SQLGlot sees it, and SQLGlot gets placeholders instead of names and texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from touchline.expressions.functions import FUNCTIONS, LARGEST_INTEGER, LONGEST_TEXT
from touchline.kernel.names import did_you_mean
from touchline.kernel.types import Type

KEYWORDS = frozenset(
    (
        "AND",
        "OR",
        "NOT",
        "BETWEEN",
        "IN",
        "IS",
        "NULL",
        "LIKE",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "TRUE",
        "FALSE",
        "AS",
    )
)
CASTABLE: dict[str, str] = {"integer": "BIGINT", "number": "DOUBLE", "text": "TEXT", "boolean": "BOOLEAN"}
"""Type in `CAST(x AS type)` -> how SQLGlot is told."""
LONGEST_NAME = 200

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<comment>--|/\*|\*/|\#)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>"[^"]*"|`[^`]*`)
  | (?P<foreign>!=|==|\|\||::|<=>|[;%^?:@$&|~!\[\]{}\\])
  | (?P<operator><=|>=|<>|[=<>+\-*/(),])
    """,
    re.VERBOSE,
)
_CALL = re.compile(r"[ \t\r\n]*\(")
_INSTEAD = {
    "!=": "Write `<>`.",
    "==": "Write `=`.",
    "||": "Write CONCAT(a, b).",
    "::": "Write CAST(x AS type).",
    ";": "Write one expression only.",
    "<=>": "Write `a = b OR a IS NULL AND b IS NULL`.",
}
_REPAIRED = {"!=": "<>", "==": "="}
ONE_OPERAND = (
    "A condition is an operand, an operator, an operand; a duration is a number of days: `days_since.asked > 30`."
)


@dataclass(frozen=True)
class Token:
    """One word of the language.

    kind   `name`, `number`, `string`, `function`, `type`, or the keyword or operator itself
    value  name; number; text; function; type
    start  first character's index in the text
    """

    kind: str
    value: float | int | str
    start: int
    end: int


@dataclass
class Scan:
    """Tokens of one text, and what is wrong with it. `broken` where the tokens cannot make sense together."""

    tokens: list[Token] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    def fault(self, what: str, remedy: str, *, breaks: bool = True) -> None:
        """Note a fault; `breaks` says that what follows cannot be parsed."""
        self.faults.append((what, remedy))
        self.broken = self.broken or breaks


def excerpt(text: str, limit: int = 60) -> str:
    """Text from outside, short and printable, for a fault."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in short)


def scan(text: str) -> Scan:
    """Every token of the text, and what is wrong with its spelling."""
    found = Scan()
    if len(text) > LONGEST_TEXT:
        found.fault(
            f"The expression has {len(text):,} characters, more than {LONGEST_TEXT:,}.",
            "Split it, or move a list into a column.",
        )
        return found
    _tokens(text, found)
    if not found.tokens and not found.faults:
        found.fault("The expression is empty.", "Write a value or a condition.")
    return found


def _tokens(text: str, found: Scan) -> None:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            _stray(text, place, found)
            return
        place = match.end()
        token = _token(match, text, found)
        if token is not None:
            found.tokens.append(token)


def _stray(text: str, place: int, found: Scan) -> None:
    character = text[place]
    if character == "'":
        found.fault(
            f"The text that begins at `{excerpt(text[place:], 20)}` does not end.", "Close it with a single quote."
        )
    elif character in '"`':
        found.fault(f"A quote `{character}` has no partner.", "Texts take single quotes; names take none.")
    elif character == ".":
        found.fault(
            f"A dot stands alone before `{excerpt(text[place + 1 :], 20)}`.",
            "Names are `a`, `a.b` or `a.b.c`, without spaces.",
        )
    else:
        shown = f"`{character}`" if character.isprintable() else "a character that cannot be seen"
        found.fault(
            f"{shown[:1].upper()}{shown[1:]} (U+{ord(character):04X}) is no part of an expression.",
            "Only ASCII letters, digits and operators stand outside of 'texts'.",
        )


def _token(match: re.Match[str], text: str, found: Scan) -> Token | None:
    kind, raw, start, end = str(match.lastgroup), match[0], match.start(), match.end()
    after = text[end : end + 1]
    if kind == "comment":
        found.fault(
            f"`{raw}` begins or ends a comment, which an expression has none of.",
            "Use YAML's own comments; write `a - (-1)` for two signs.",
        )
    elif kind == "number":
        if after and (after.isalnum() or after in "_."):
            found.fault(f"`{excerpt(raw + text[end : end + 10].split()[0])}` is no number.", ONE_OPERAND)
            return None
        return Token("number", _number(raw, found), start, end)
    elif kind == "word":
        return _word(raw, text, start, end, found)
    elif kind == "string":
        value = raw[1:-1].replace("''", "'")
        if any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
            found.fault(
                f"The text '{excerpt(value, 20)}' holds a control character.", "Write it without.", breaks=False
            )
        return Token("string", value, start, end)
    elif kind == "quoted":
        inner = excerpt(raw[1:-1], 40)
        found.fault(
            f"`{excerpt(raw, 42)}` is in the wrong quotes.",
            f"A text takes single quotes: '{inner}'; a name takes none: {inner}.",
            breaks=False,
        )
        return Token("string", raw[1:-1], start, end)
    elif kind == "foreign":
        found.fault(
            f"`{raw}` is no operator of an expression.",
            _INSTEAD.get(raw, "Operators are = <> < <= > >= + - * /."),
            breaks=raw not in _REPAIRED,
        )
        return Token(_REPAIRED[raw], raw, start, end) if raw in _REPAIRED else None
    elif kind == "operator":
        return Token(raw, raw, start, end)
    return None


def _number(raw: str, found: Scan) -> float | int:
    if raw.isdecimal():
        digits = raw.lstrip("0") or "0"
        if len(digits) > 16 or int(digits) > LARGEST_INTEGER:
            found.fault(
                f"{excerpt(raw, 30)} is larger than 2^53.",
                "Put a long number that is a name, such as an account's, in single quotes.",
                breaks=False,
            )
            return 0
        return int(digits)
    value = float(raw)
    if value == float("inf"):
        found.fault(f"{excerpt(raw, 30)} is larger than any number.", "Write a smaller one.", breaks=False)
        return 0.0
    return value


def _word(raw: str, text: str, start: int, end: int, found: Scan) -> Token:
    upper = raw.upper()
    called = _CALL.match(text, end) is not None
    if found.tokens and found.tokens[-1].kind == "AS":
        if raw.lower() not in CASTABLE:
            found.fault(
                f"`{excerpt(raw)}` is no type.",
                f"{did_you_mean(raw.lower(), CASTABLE)} Types are {', '.join(CASTABLE)}.",
                breaks=False,
            )
        return Token("type", raw.lower() if raw.lower() in CASTABLE else Type.TEXT.value, start, end)
    if upper in KEYWORDS:
        return Token(upper, upper, start, end)
    if called:
        if upper not in FUNCTIONS:
            found.fault(
                f"There is no function `{excerpt(raw)}`.", did_you_mean(upper[:LONGEST_NAME], FUNCTIONS), breaks=False
            )
        return Token("function", upper, start, end)
    if raw.count(".") > 2 or len(raw) > LONGEST_NAME:
        found.fault(
            f"The name `{excerpt(raw)}` is too long.",
            f"Names are `a`, `a.b` or `a.b.c`, at most {LONGEST_NAME} characters.",
            breaks=False,
        )
    return Token("name", raw, start, end)
