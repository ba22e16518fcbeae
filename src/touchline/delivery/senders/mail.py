"""In: a message for an e-mail address. Out: its bytes as SMTP carries them. Writes no interactions.

The same message is the same bytes at each try, but for its date: RFC 5322, RFC 2369 and RFC 8058 (one-click unsubscribing).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from urllib.parse import urlsplit

from touchline.delivery.senders.sender import MESSAGE_ID, Outgoing
from touchline.kernel.times import from_micros
from touchline.playbook.wording import UNSUBSCRIBABLE

# Wider than what intake admits, and still without anything that ends an address or a header.
_ADDRESS = re.compile(r"[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,64}@[^\s@\"(),:;<>\[\]\\\x00-\x1f\x7f]{1,253}")
_WEB_ADDRESS = re.compile(r"https?://[!-;=?-~]{1,900}")
"""Printable ASCII without `<` and `>`, short enough for one line of a header."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Mail:
    """An e-mail ready for SMTP.

    sender, recipient   of the envelope, domains in ASCII
    international       whether an address needs SMTPUTF8 (RFC 6531)
    """

    sender: str
    recipient: str
    content: bytes
    international: bool


def compose(message: Outgoing, now: int) -> Mail | str:
    """The e-mail, or in one word why there is none: `bad_id`, `bad_address`, `no_sender`, `no_subject`."""
    if not MESSAGE_ID.fullmatch(message.message_id):
        return "bad_id"
    recipient = _address(message.address)
    if recipient is None:
        return "bad_address"
    sender = _address(message.brand.from_email or "")
    if sender is None:
        return "no_sender"
    subject = _one_line(message.rendered.subject or "")
    if not subject:
        return "no_subject"
    international = not (sender.isascii() and recipient.isascii())
    mail = EmailMessage(policy=SMTPUTF8 if international else SMTP)
    mail["From"] = _named(_one_line(message.brand.name), sender)
    mail["To"] = _named("", recipient)
    mail["Subject"] = subject
    mail["Date"] = from_micros(now)
    mail["Auto-Submitted"] = "auto-generated"
    # Quoted-printable goes through every server, and needs no extension of it.
    mail.set_content(_sound(message.rendered.text) or "\n", cte="quoted-printable")
    if message.rendered.html is not None:
        mail.add_alternative(_sound(message.rendered.html), subtype="html", cte="quoted-printable")
        mail.set_boundary(f"=_{message.message_id}")
    mail["Content-Language"] = _one_line(message.language)  # of all parts, and so after them
    # The library folds or encodes long words, which ends an address of the web or an id.
    unfolded = [("Message-ID", message_id(message, sender)), *_unsubscribing(message)]
    first = "".join(f"{name}: {value}\r\n" for name, value in unfolded).encode("ascii")
    return Mail(sender, recipient, first + mail.as_bytes(), international)


def message_id(message: Outgoing, sender: str) -> str:
    """`<id@domain of the sender>`: the same at each try, so that a receiver can tell it is the same."""
    return f"<{message.message_id}@{sender.rpartition('@')[2]}>"


def _unsubscribing(message: Outgoing) -> list[tuple[str, str]]:
    url = message.unsubscribe_url
    if url is None or message.purpose not in UNSUBSCRIBABLE or not _WEB_ADDRESS.fullmatch(url):
        return []
    parts = urlsplit(url)
    headers = [("List-Unsubscribe", f"<{url}>")]
    # RFC 8058 wants https; a rehearsal on this machine has none.
    if parts.scheme == "https" or parts.hostname in _LOOPBACK:
        headers.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return headers


def _address(text: str) -> str | None:
    """The address with its domain in ASCII; None where it is none."""
    if not _ADDRESS.fullmatch(text):
        return None
    local, _, domain = text.rpartition("@")
    try:
        ascii_ = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return f"{local}@{ascii_}"


def _named(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _sound(text: str) -> str:
    """Without the halves of characters that no encoding has."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _one_line(text: str) -> str:
    """Without line ends and other control characters, whatever rendering did."""
    return " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in _sound(text)).split())
