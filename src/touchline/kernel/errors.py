"""In: nothing. Out: the one root error and a subclass per cause. Writes no interactions.

The docstring of a subclass is its message; `remedy` says what to do next; `code` is stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


class TouchlineError(Exception):
    """Something that Touchline was asked to do cannot be done."""

    code: ClassVar[str] = "error"
    remedy: ClassVar[str] = ""

    def __init__(self, detail: str = "", *, remedy: str | None = None) -> None:
        self.detail = detail
        self.how = self.remedy if remedy is None else remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        message = (type(self).__doc__ or "").strip().splitlines()[0]
        text = f"{message.rstrip('.')}: {self.detail}" if self.detail else message
        return f"{text}\n  {self.how}" if self.how else text


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of an authored text.

    file    path relative to the playbook's workspace
    line    1-based; 0 where the file as a whole is at fault
    what    what is wrong, one sentence
    remedy  what to do about it, one sentence; names the nearest known name for a misspelt one
    """

    file: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what} {self.remedy}"


class FaultsFound(TouchlineError):
    """The playbook has faults."""

    code = "faults"
    remedy = "Mend them and run `touchline check` again."

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n" + "\n".join(f"  {fault}" for fault in self.faults))


class NotAWorkspace(TouchlineError):
    """No workspace was found."""

    code = "no_workspace"
    remedy = "Make one with `touchline new DIR`, or name one with --workspace DIR."


class UnknownName(TouchlineError):
    """There is nothing of that name."""

    code = "unknown_name"


class BadTime(TouchlineError):
    """That is not an instant."""

    code = "bad_time"
    remedy = "Write it as ISO 8601 with a zone, for example 1998-07-01T00:00:00Z."


class BadFile(TouchlineError):
    """The file cannot be imported."""

    code = "bad_file"


class BadQuery(TouchlineError):
    """The query is refused."""

    code = "bad_query"
    remedy = "Only one SELECT over interactions, relationships and decisions is allowed, SHOW TABLES, or DESCRIBE of one of them."


class LedgerFault(TouchlineError):
    """The ledger cannot do that."""

    code = "ledger"


class IdentityFault(TouchlineError):
    """Identity cannot be changed that way."""

    code = "identity"
