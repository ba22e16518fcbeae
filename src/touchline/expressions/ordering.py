"""In: an expression's tokens. Out: the fault where they cannot follow one another. Writes no interactions.

SQLGlot would say that it met an unexpected token; here the fault names the two that do not go together. Nesting is
limited before any recursion begins.
"""

from __future__ import annotations

from touchline.expressions.functions import DEEPEST
from touchline.expressions.lexing import ONE_OPERAND, Scan, Token, excerpt

_OPERANDS = frozenset({"name", "number", "string", "TRUE", "FALSE", "NULL"})
_NOT_AFTER = frozenset({"(", ",", "AND", "OR", "NOT", "CASE", "WHEN", "THEN", "ELSE", "IS"})
_CLOSED = "Every ( has its ), every CASE its END."


def order(text: str, found: Scan) -> None:
    """Note the first place where tokens do not follow one another, or nest deeper than DEEPEST."""
    reader = _Reader(text, found)
    for token in found.tokens:
        reader.read(token)
        if found.broken:
            return
    reader.end()


class _Reader:
    """What has been opened, and whether an operand or an operator comes next."""

    def __init__(self, text: str, found: Scan) -> None:
        self.text = text
        self.found = found
        self.open: list[str] = []
        self.wants_operand = True
        self.signs = 0
        self.negates = False
        self.previous: Token | None = None

    @property
    def before(self) -> str:
        """The kind of the token before; `(` at the beginning."""
        return self.previous.kind if self.previous is not None else "("

    def read(self, token: Token) -> None:
        """Take one token more."""
        kind = token.kind
        if self.before == "IN" and kind != "(":
            self.found.fault("IN stands without a list.", "Write x IN ('a', 'b').")
            return
        if self.negates and kind not in ("IN", "LIKE", "BETWEEN"):
            self._beside(token)
            return
        self.negates = kind == "NOT" and not self.wants_operand
        self.signs = self.signs + 1 if kind in ("NOT", "-") and self.wants_operand else 0
        if len(self.open) + self.signs > DEEPEST:
            remedy = "Name a part of it as an audience, or write it flatter."
            self.found.fault(f"More than {DEEPEST} levels stand inside one another.", remedy)
            return
        if kind in _OPERANDS or kind in ("function", "CASE", "("):
            self._operand(token)
        elif kind in (")", "END"):
            self._close(kind)
        elif kind == "NOT":
            self._not()
        elif kind == "type":
            self.wants_operand = False
        else:
            self._operator(kind)
        self.previous = token

    def end(self) -> None:
        """Nothing more comes."""
        if self.open:
            self.found.fault(f"`{self.open[-1].removeprefix('CAST')}` is never closed.", _CLOSED)
        elif self.negates or (self.wants_operand and self.previous is not None):
            self.found.fault(
                f"Something is missing after `{self.before}`.", "Put a name, a value or a condition there."
            )

    def _operand(self, token: Token) -> None:
        if not self.wants_operand:
            self._beside(token)
        elif token.kind == "(":
            called = self.previous if self.before == "function" else None
            self.open.append("CAST(" if called is not None and called.value == "CAST" else "(")
        elif token.kind == "CASE":
            self.open.append("CASE")
        elif token.kind != "function":
            self.wants_operand = False

    def _close(self, kind: str) -> None:
        if not self.open or (self.open[-1] == "CASE") != (kind == "END"):
            self.found.fault(f"`{kind}` closes nothing that is open.", _CLOSED)
        elif self.wants_operand:
            self._missing(kind)
        else:
            self.open.pop()

    def _not(self) -> None:
        if self.wants_operand and self.before not in _NOT_AFTER:
            self.found.fault(f"NOT stands after `{self.before}`.", "Put the part with NOT in parentheses.")

    def _operator(self, kind: str) -> None:
        if kind == "AS" and (not self.open or self.open[-1] != "CAST("):
            self.found.fault("AS stands outside of CAST.", "Nothing is named inside of an expression.")
        elif self.wants_operand and kind != "-" and not (kind == "WHEN" and self.before == "CASE"):
            self._missing(kind)
        else:
            self.wants_operand = True

    def _beside(self, right: Token) -> None:
        left = self.previous
        first = excerpt(self.text[left.start : left.end], 30) if left is not None else ""
        second = excerpt(self.text[right.start : right.end], 30)
        self.found.fault(f"`{first}` and `{second}` stand side by side without an operator.", ONE_OPERAND)

    def _missing(self, kind: str) -> None:
        where = f"between `{self.before}` and `{kind}`" if self.previous is not None else f"before `{kind}`"
        self.found.fault(f"Something is missing {where}.", "Put a name, a value or a condition there.")
