"""In: messages. Out: a list of them, and lines on a stream; nothing leaves this process. Writes no interactions.

For rehearsals and tests: it can be told what to answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from touchline.delivery.senders.sender import Outcome, Outgoing


class ConsoleSender:
    """Keeps what it was given in `sent`, in its order; `answer` says what became of each, `sent` where there is none.

    stream   gets a line a message; None: nobody sees them. The line has an address: it is for rehearsals, not for logs
    """

    def __init__(
        self,
        channel: str = "email",
        *,
        answer: Callable[[Outgoing], Outcome] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self.name = "console"
        self.channel = channel
        self.sent: list[Outgoing] = []
        self._answer = answer
        self._stream = stream

    def open(self) -> None:
        """Nothing to make ready."""

    def send(self, message: Outgoing) -> Outcome:
        """Keep it where the answer is that it left, or may have."""
        outcome = Outcome("sent") if self._answer is None else self._answer(message)
        if outcome.state in ("sent", "handed", "uncertain"):
            self.sent.append(message)
            if self._stream is not None:
                said = message.rendered.subject or message.rendered.text.strip().partition("\n")[0]
                self._stream.write(f"{message.channel} to {message.address}: {' '.join(said.split())}\n")
        return outcome

    def close(self) -> None:
        """Nothing to let go of."""
