"""A real SMTP server on this machine that keeps what it accepted, and can be slow or unwilling."""

from __future__ import annotations

import email
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage, Message
from email.policy import SMTP
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """What was accepted, in its order.

    refuses  address -> the reply to its RCPT, for example `550 5.1.1 nobody here`
    slow     seconds that accepting one message takes
    """

    def __init__(self) -> None:
        self.accepted: list[tuple[str, EmailMessage | Message]] = []
        self.refuses: dict[str, str] = {}
        self.slow = 0.0
        self._lock = threading.Lock()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take the address, or refuse it."""
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep the message; only then say so."""
        if self.slow:
            time.sleep(self.slow)
        with self._lock:
            for address in envelope.rcpt_tos:
                self.accepted.append((address, email.message_from_bytes(envelope.content, policy=SMTP)))
        return "250 OK"

    def ids(self) -> Counter[str]:
        """How often each Message-ID arrived."""
        with self._lock:
            return Counter(str(message["Message-ID"]) for _, message in self.accepted)

    def subjects(self) -> Counter[tuple[str, str]]:
        """How often each subject arrived at each address."""
        with self._lock:
            return Counter((address, str(message["Subject"])) for address, message in self.accepted)


@contextmanager
def serving() -> Iterator[tuple[Mailbox, str]]:
    """The mailbox, and TOUCHLINE_SMTP_URL of its server, on a port that was free."""
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()
