"""In: e-mails. Out: what an SMTP server said to each. Writes no interactions.

What was certainly not taken is tried again or has failed; once the server has all of a message and has not said what it does with
it, nobody knows (RFC 5321, 4.5.3.2.6), and that is what is said.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from touchline.delivery.failpoints import reach
from touchline.delivery.senders.mail import Mail, compose
from touchline.delivery.senders.sender import BadSetting, Outcome, Outgoing
from touchline.interactions.row import HARD_BOUNCE
from touchline.kernel.times import Clock, SystemClock

SECONDS = 30.0
"""That a server may take for an answer."""

SECONDS_AT_END = 300.0
"""Likewise after the end of a message: a server that scans it takes its time, and whoever hangs up does not know."""

_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_NO_MAILBOX = (550, 551, 553)
_ENHANCED = re.compile(rb"\A([245])\.(\d{1,3})\.(\d{1,3})(?:\s|\Z)")
_OF_THE_SENDER = (7, 8)
"""X.1.7 and X.1.8 (RFC 3463) blame the sender's address, not the recipient's."""


@dataclass(frozen=True)
class Server:
    """Where e-mails are handed over; `security` is '', 'tls' (from the first byte) or 'starttls'."""

    host: str
    port: int
    security: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def server(url: str) -> Server:
    """`smtp://host:25`, `smtps://user:password@host`, `smtp+starttls://…`; raises BadSetting, which quotes no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadSetting("TOUCHLINE_SMTP_URL", remedy="Write it as smtp+starttls://user:password@host:587.") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise BadSetting("TOUCHLINE_SMTP_URL", remedy="Write it as smtp+starttls://user:password@host:587.")
    security = {"smtps": "tls", "smtp+starttls": "starttls"}.get(parts.scheme, "")
    if parts.username is not None and not security and parts.hostname not in _LOOPBACK:
        raise BadSetting(
            "TOUCHLINE_SMTP_URL would send a password in the open", remedy="Use smtps:// or smtp+starttls://."
        )
    return Server(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        security=security,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


class SmtpSender:
    """Hands e-mails to one server, over one connection for as long as it lasts."""

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        trust: ssl.SSLContext | None = None,
        seconds: float = SECONDS,
        seconds_at_end: float = SECONDS_AT_END,
    ) -> None:
        self.name = "smtp"
        self.channel = "email"
        self._server = server(url)
        self._clock: Clock = clock or SystemClock()
        self._trust = trust
        self._seconds = seconds
        self._seconds_at_end = seconds_at_end
        self._connection: smtplib.SMTP | None = None

    def open(self) -> None:
        """Nothing yet: the first message connects, so that a server that is away delays and does not fail."""

    def send(self, message: Outgoing) -> Outcome:
        """Hand it over; each step of the protocol has its own meaning for what is certain."""
        mail = compose(message, self._clock.now())
        if isinstance(mail, str):
            return Outcome("failed", mail)
        connection, away = self._connected()
        if connection is None:
            return away
        try:
            outcome = self._envelope(connection, mail)
        except (OSError, smtplib.SMTPException):
            self._drop()
            return Outcome("retry", "connection_lost")
        if outcome is None:
            outcome = self._content(connection, mail.content)
        if outcome.state != "sent":
            self._reset()
        return outcome

    def close(self) -> None:
        """Say good-bye, and hang up."""
        if self._connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):  # it is being left anyhow
                self._connection.quit()
            self._drop()

    def _connected(self) -> tuple[smtplib.SMTP | None, Outcome]:
        if self._connection is not None:
            try:
                # A server hangs up on whoever is silent for long; nothing is lost if that is noticed now.
                if self._connection.noop()[0] == 250:
                    return self._connection, Outcome("sent")
            except (OSError, smtplib.SMTPException):
                pass
            self._drop()
        try:
            self._connection = self._connect()
        except smtplib.SMTPAuthenticationError:
            return None, Outcome("retry", "login_refused")
        except ssl.SSLError:
            return None, Outcome("retry", "tls")
        except smtplib.SMTPNotSupportedError:
            return None, Outcome("retry", "not_offered")
        except smtplib.SMTPResponseException as error:
            return None, Outcome("retry", f"smtp_{error.smtp_code}")
        except (OSError, smtplib.SMTPException):
            return None, Outcome("retry", "no_connection")
        return self._connection, Outcome("sent")

    def _connect(self) -> smtplib.SMTP:
        to = self._server
        # The name is not looked up: a machine without a resolver still has mail to send.
        own = socket.gethostname() if "." in socket.gethostname() else "[127.0.0.1]"
        trust = self._trust or ssl.create_default_context()
        connection: smtplib.SMTP
        if to.security == "tls":
            connection = smtplib.SMTP_SSL(to.host, to.port, local_hostname=own, timeout=self._seconds, context=trust)
        else:
            connection = smtplib.SMTP(to.host, to.port, local_hostname=own, timeout=self._seconds)
        try:
            connection.ehlo_or_helo_if_needed()
            if to.security == "starttls":
                connection.starttls(context=trust)
                connection.ehlo_or_helo_if_needed()
            if to.user is not None:
                connection.login(to.user, to.password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _envelope(self, connection: smtplib.SMTP, mail: Mail) -> Outcome | None:
        """Who writes to whom; None where the server takes both and waits for the message."""
        options: list[str] = []
        if mail.international:
            if not connection.has_extn("smtputf8"):
                return Outcome("failed", "needs_smtputf8")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        connection.command_encoding = "utf-8" if mail.international else "ascii"
        code, said = connection.mail(mail.sender, options)
        if code != 250:
            return _refused(code, said, of_recipient=False)
        code, said = connection.rcpt(mail.recipient)
        if code not in (250, 251):
            return _refused(code, said, of_recipient=True)
        code, said = connection.docmd("DATA")
        return None if code == 354 else _refused(code, said, of_recipient=True)

    def _content(self, connection: smtplib.SMTP, content: bytes) -> Outcome:
        """The message; from its first byte on a silence is no answer."""
        # Lines that begin with a dot are doubled, and a dot alone ends it (RFC 5321, 4.5.2).
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        try:
            connection.send((stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n") + b".\r\n")
            reach("smtp.after_data")
            code, said = self._final_reply(connection)
        except (OSError, smtplib.SMTPException):
            self._drop()
            return Outcome("uncertain", "no_answer")
        return Outcome("sent") if code == 250 else _refused(code, said, of_recipient=True, after_data=True)

    def _final_reply(self, connection: smtplib.SMTP) -> tuple[int, bytes]:
        sock = connection.sock
        if sock is not None:
            sock.settimeout(self._seconds_at_end)
        reply = connection.getreply()
        if sock is not None:
            sock.settimeout(self._seconds)
        return reply

    def _reset(self) -> None:
        """Forget the message begun, so that the next one starts clean."""
        if self._connection is None:
            return
        try:
            if self._connection.rset()[0] == 250:
                return
        except (OSError, smtplib.SMTPException):
            pass
        self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self._connection.close()
            self._connection = None


def _refused(code: int, said: bytes, *, of_recipient: bool, after_data: bool = False) -> Outcome:
    """What a reply other than the hoped one means; its text may name the address, and is not kept."""
    if 400 <= code < 500:
        return Outcome("retry", f"smtp_{code}")
    if not 500 <= code < 600:
        return Outcome("uncertain" if after_data else "retry", "strange_answer")
    enhanced = _ENHANCED.match(said)
    if of_recipient and enhanced is not None:
        # A server that says more is believed: 550 5.7.1 is a policy, not an unknown mailbox.
        unknown = enhanced[1] == b"5" and int(enhanced[2]) == 1 and int(enhanced[3]) not in _OF_THE_SENDER
        return Outcome("failed", HARD_BOUNCE if unknown else f"smtp_{code}")
    # At the end of a message a bare 550 is about what it says, as spam filters do; before, about whom it is for.
    if of_recipient and not after_data and code in _NO_MAILBOX:
        return Outcome("failed", HARD_BOUNCE)
    return Outcome("failed", f"smtp_{code}")
