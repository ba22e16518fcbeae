"""What every sender does alike, whatever it carries and whoever is at the other end."""

from __future__ import annotations

import email
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email.policy import SMTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.delivery import smtp_server
from tests.delivery.messages import HEARTH, message, rendered
from touchline.delivery.senders import (
    CallSender,
    ConsoleSender,
    LetterSender,
    Outcome,
    Outgoing,
    Sender,
    SmtpSender,
    WebhookSender,
)
from touchline.delivery.senders.letter import MANIFEST
from touchline.kernel.times import FixedClock, parse_instant
from touchline.playbook.compiled import Brand

pytestmark = pytest.mark.network

CLOCK = FixedClock(parse_instant("2026-03-01T10:00:00Z"))
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
ADDRESSES = {"email": "ann@customer.example", "post": "ann, ringstr. 1", "phone": "+4930123456", "sms": "+4930123456"}
HOSTILE = [
    "a\r\nBcc: eve@evil.example",
    "\x00",
    "=cmd|' /C calc'!A0",
    "\ud800",
    "<script>",
    "名前\u2028x",
    '"; DROP',
    "x" * 5_000,
]


@dataclass
class Case:
    """A sender, the ids that arrived, and a way to put its other end out of reach (None: it has none)."""

    sender: Sender
    arrived: Callable[[], list[str]]
    break_: Callable[[], None] | None
    mend: Callable[[], None] | None
    needs: str


@pytest.fixture(params=["console", "smtp", "letter", "call", "webhook"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    with ExitStack() as stack:
        make = {"console": _console, "smtp": _smtp, "letter": _letter, "call": _call, "webhook": _webhook}[
            request.param
        ]
        made = make(stack, tmp_path)
        made.sender.open()
        yield made
        made.sender.close()


def _console(stack: ExitStack, folder: Path) -> Case:
    sender = ConsoleSender("email")
    return Case(sender, lambda: [one.message_id for one in sender.sent], None, None, "")


def _smtp(stack: ExitStack, folder: Path) -> Case:
    script, port = stack.enter_context(smtp_server.serving())

    def ids() -> list[str]:
        mails = [email.message_from_bytes(content, policy=SMTP) for _, content in script.accepted]
        return [str(mail["Message-ID"])[1:].partition("@")[0] for mail in mails]

    return Case(
        SmtpSender(f"smtp://127.0.0.1:{port}", clock=CLOCK, seconds=10, seconds_at_end=10),
        ids,
        lambda: script.replies.update(CONNECT="421 not now", NOOP=smtp_server.HANG_UP),
        script.replies.clear,
        "subject",
    )


def _letter(stack: ExitStack, folder: Path) -> Case:
    letters = folder / "letters"

    def ids() -> list[str]:
        manifest = letters / "2026-03-01" / MANIFEST
        lines = manifest.read_text("utf-8").splitlines()[1:] if manifest.exists() else []
        return [line.partition(",")[0] for line in lines]

    def mend() -> None:
        (letters / "2026-03-01").unlink()

    return Case(LetterSender(letters, CLOCK), ids, lambda: (letters / "2026-03-01").touch(), mend, "pdf")


def _call(stack: ExitStack, folder: Path) -> Case:
    tasks: list[str] = []

    class Noting(CallSender):
        def send(self, message: Outgoing) -> Outcome:
            outcome = super().send(message)
            if outcome.brief and message.message_id not in tasks:
                tasks.append(message.message_id)
            return outcome

    return Case(Noting(), lambda: tasks, None, None, "call")


def _webhook(stack: ExitStack, folder: Path) -> Case:
    got: list[str] = []
    status = [200]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if status[0] == 200:
                got.append(json.loads(body)["id"])
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Receiver))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    stack.callback(server.shutdown)
    sender = WebhookSender(f"http://127.0.0.1:{server.server_port}/in", SECRET, "sms", allow_private=True, clock=CLOCK)
    return Case(sender, lambda: got, lambda: status.__setitem__(0, 503), lambda: status.__setitem__(0, 200), "")


def fitting(sender: Sender, **changes: object) -> Outgoing:
    return message(**{"channel": sender.channel, "address": ADDRESSES[sender.channel], **changes})


def test_a_sender_has_a_name_and_a_channel(case: Case) -> None:
    assert re.fullmatch(r"[a-z]+", case.sender.name)
    assert case.sender.channel in ADDRESSES


def test_a_message_arrives_once_and_its_sender_says_so(case: Case) -> None:
    outcome = case.sender.send(fitting(case.sender))
    assert (outcome.state, outcome.reason) == ("handed" if case.sender.name == "call" else "sent", "")
    assert case.arrived() == [message().message_id]


def test_a_message_tried_twice_bears_the_same_id(case: Case) -> None:
    case.sender.send(fitting(case.sender))
    case.sender.send(fitting(case.sender))
    assert set(case.arrived()) == {message().message_id}


def test_several_messages_go_after_each_other(case: Case) -> None:
    ids = [f"{number:032x}" for number in range(5)]
    assert {case.sender.send(fitting(case.sender, message_id=one)).reason for one in ids} == {""}
    assert case.arrived() == ids


def test_opening_and_closing_twice_is_no_fault(case: Case) -> None:
    case.sender.open()
    case.sender.close()
    case.sender.close()
    case.sender.open()
    assert case.sender.send(fitting(case.sender)).state in ("sent", "handed")


def test_a_message_without_the_part_that_its_channel_shows_fails(case: Case) -> None:
    if not case.needs:
        return  # it shows whatever there is
    outcome = case.sender.send(fitting(case.sender, rendered=rendered(**{case.needs: None})))
    assert outcome.state == "failed"
    assert case.arrived() == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_makes_an_outcome_and_never_an_error(case: Case, hostile: str) -> None:
    wild = fitting(
        case.sender,
        brand=Brand(hostile, HEARTH.from_email, hostile),
        language=hostile[:8],
        unsubscribe_url=hostile,
        rendered=rendered(subject=hostile, text=hostile, html=hostile),
        payload={"who": {"name": hostile}, "before": [hostile], "known": {"postal": hostile}},
    )
    for one in (wild, fitting(case.sender, address=hostile), fitting(case.sender, message_id=hostile)):
        outcome = case.sender.send(one)
        assert re.fullmatch(r"[a-z0-9_]*", outcome.reason)
        assert outcome.state in ("sent", "handed", "failed", "retry")
    assert case.sender.send(fitting(case.sender)).state in ("sent", "handed")


def test_while_the_other_end_is_away_messages_are_to_be_tried_again(case: Case) -> None:
    if case.break_ is None or case.mend is None:
        return  # it has no other end
    case.break_()
    assert case.sender.send(fitting(case.sender)).state == "retry"
    assert case.sender.send(fitting(case.sender)).state == "retry"
    assert case.arrived() == []
    case.mend()
    assert case.sender.send(fitting(case.sender)) == Outcome("sent")
    assert case.arrived() == [message().message_id]


def test_a_reason_names_no_customer(case: Case) -> None:
    secret = "annabel"
    for changes in ({"address": f"{secret} {secret}"}, {"address": f"{secret}@customer.example"}):
        assert secret not in case.sender.send(fitting(case.sender, **changes)).reason
