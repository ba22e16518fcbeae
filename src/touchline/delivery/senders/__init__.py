"""The adapters that carry a channel's messages; all of them pass one suite, `tests/delivery/test_senders.py`."""

from touchline.delivery.senders.call import CallSender
from touchline.delivery.senders.console import ConsoleSender
from touchline.delivery.senders.letter import LetterSender
from touchline.delivery.senders.sender import Outcome, Outgoing, Sender, State
from touchline.delivery.senders.smtp import SmtpSender
from touchline.delivery.senders.webhook import WebhookSender

__all__ = [
    "CallSender",
    "ConsoleSender",
    "LetterSender",
    "Outcome",
    "Outgoing",
    "Sender",
    "SmtpSender",
    "State",
    "WebhookSender",
]
