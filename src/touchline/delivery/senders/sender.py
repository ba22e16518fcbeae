"""In: nothing. Out: what the outbox hands to a sender, what it hears back, and what a sender is. Writes no interactions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from touchline.delivery.rendering import Named, Rendered
from touchline.kernel.errors import TouchlineError

State = Literal["sent", "retry", "failed", "uncertain", "handed"]
"""sent       it is out of our hands, and nobody has to do anything more
retry      it has certainly not left; later it may
failed     it has certainly not left, and never will
uncertain  it may have left
handed     a person has it, who says what became of it"""

MESSAGE_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""What goes into headers and names of files as it is."""


class BadSetting(TouchlineError):
    """A sender's setting cannot be used."""

    code: ClassVar[str] = "bad_setting"


@dataclass(frozen=True)
class Outcome:
    """What became of one message.

    reason  one word, and never of the message's content
    brief   JSON: what the person is told to whom it is handed; empty in every other state
    """

    state: State
    reason: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Outgoing:
    """One message on its way out.

    message_id       the same at each try
    address          normalised; of the type that reaches the channel
    class_           1 to 5
    unsubscribe_url  where one POST ends the purpose; None where it cannot be refused
    payload          what else a channel shows: of a call `who`, `before`, `known`
    """

    message_id: str
    channel: str
    address: str
    class_: int
    purpose: str
    brand: Named
    language: str
    rendered: Rendered
    unsubscribe_url: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


class Sender(Protocol):
    """Carries one channel's messages.

    `send` never raises for what a message or the other side may be: that is an Outcome. Between `open` and `close` it
    may keep a connection; it opens a lost one again by itself.
    """

    @property
    def name(self) -> str:
        """As settings and reports call it."""
        ...

    @property
    def channel(self) -> str:
        """Whose messages it carries."""
        ...

    def open(self) -> None:
        """Make ready; what cannot be reached yet is no error, each message then says `retry`."""
        ...

    def send(self, message: Outgoing) -> Outcome:
        """Carry it, or say why not."""
        ...

    def close(self) -> None:
        """Let go of everything; may be called twice."""
        ...
