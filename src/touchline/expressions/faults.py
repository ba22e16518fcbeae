"""In: what is wrong with an expression's text. Out: the error that carries all of it. Writes no interactions."""

from __future__ import annotations

from collections.abc import Iterable

from touchline.kernel.errors import TouchlineError


class ExpressionFault(TouchlineError):
    """The expression is refused."""

    code = "expression"

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        self.faults = list(dict.fromkeys(faults))
        """(what is wrong, what to do about it), one sentence each."""
        super().__init__("".join(f"\n  {what} {remedy}" for what, remedy in self.faults))
