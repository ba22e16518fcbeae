"""E-mails: what their bytes say, and what each answer of a server means."""

from __future__ import annotations

import email
import shutil
import socket
import ssl
import subprocess
import sys
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from hypothesis import given
from hypothesis import strategies as st

from tests.delivery import smtp_server
from tests.delivery.messages import HEARTH, message, rendered
from touchline.delivery.senders import Outcome, Outgoing, SmtpSender
from touchline.delivery.senders.mail import Mail, compose
from touchline.delivery.senders.sender import BadSetting
from touchline.delivery.senders.smtp import server
from touchline.kernel.times import FixedClock, parse_instant
from touchline.playbook.compiled import Brand

NOW = parse_instant("2026-03-01T10:00:00Z")
CLOCK = FixedClock(NOW)


def mail(one: Outgoing) -> Mail:
    made = compose(one, NOW)
    assert isinstance(made, Mail), made
    return made


def parsed(one: Outgoing) -> EmailMessage:
    return email.message_from_bytes(mail(one).content, policy=SMTP)


def sender(port: int, **options: Any) -> SmtpSender:
    return SmtpSender(f"smtp://127.0.0.1:{port}", clock=CLOCK, **{"seconds": 5, "seconds_at_end": 5, **options})


def test_names_and_subjects_of_other_alphabets_come_through() -> None:
    read = parsed(message())
    assert read["Subject"] == "Ihr Vertrag: grüß Gott, 名前"
    assert read["From"].addresses[0].display_name == "Hearth & Söhne"
    assert mail(message()).content.isascii()


def test_both_parts_of_a_message_come_through_and_lines_end_as_smtp_wants() -> None:
    read = parsed(message())
    plain, html = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == message().rendered.text
    assert html.get_content().strip() == message().rendered.html
    assert b"\n" not in mail(message()).content.replace(b"\r\n", b"")
    assert max(len(line) for line in mail(message()).content.split(b"\r\n")) <= 998


def test_the_message_id_is_the_same_at_each_try_and_of_the_senders_domain() -> None:
    assert parsed(message())["Message-ID"] == "<0192f0c1a2b37c44a1b2c3d4e5f60718@hearth.example>"
    assert compose(message(), NOW) == compose(message(), NOW)


def test_a_message_that_can_be_refused_says_how_by_one_click() -> None:
    read = parsed(message())
    assert read["List-Unsubscribe"] == "<https://hearth.example/u/abc>"
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize("purpose", ["service", "recovery"])
def test_what_the_contract_demands_offers_no_unsubscribing(purpose: str) -> None:
    read = parsed(message(purpose=purpose))
    assert "List-Unsubscribe" not in read
    assert "List-Unsubscribe-Post" not in read


def test_one_click_needs_https() -> None:
    read = parsed(message(unsubscribe_url="http://hearth.example/u"))
    assert read["List-Unsubscribe"] == "<http://hearth.example/u>"
    assert "List-Unsubscribe-Post" not in read


def test_a_long_address_of_the_web_is_not_broken() -> None:
    url = "https://hearth.example/u/" + "a1-" * 250
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in mail(message(unsubscribe_url=url)).content


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://a/\r\nBcc: x@y.example", "https://a/>, <b", "", "x" * 2000]
)
def test_an_address_of_the_web_that_is_none_makes_no_header(url: str) -> None:
    read = parsed(message(unsubscribe_url=url))
    assert "List-Unsubscribe" not in read
    assert "Bcc" not in read


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "@x.example", "a@b@c.example", "ann@x.example\r\nBcc: eve@y.example", "a,b@x.example", "<a@x.example>",
     "ann @x.example", "ann@x.example\x00", "a\u2028b@x.example"],
)  # fmt: skip
def test_an_address_that_is_none_fails_before_anybody_is_asked(address: str) -> None:
    assert compose(message(address=address), NOW) == "bad_address"


def test_a_brand_without_an_address_sends_nothing() -> None:
    assert compose(message(brand=Brand("Hearth")), NOW) == "no_sender"


def test_a_domain_of_another_alphabet_is_written_in_ascii() -> None:
    made = mail(message(address="ann@bücher.example"))
    assert (made.recipient, made.international) == ("ann@xn--bcher-kva.example", False)


@given(text=st.text(max_size=60), name=st.text(max_size=60), body=st.text(max_size=200))
def test_no_value_makes_a_header_of_its_own(text: str, name: str, body: str) -> None:
    made = compose(message(brand=Brand(name, HEARTH.from_email), rendered=rendered(subject=text, text=body)), NOW)
    if isinstance(made, str):
        assert made == "no_subject"
        return
    read = email.message_from_bytes(made.content, policy=SMTP)
    assert sorted(read.keys()) == sorted(
        ["Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "From", "To", "Subject", "Date", "Content-Language",
         "Auto-Submitted", "MIME-Version", "Content-Type"]
    )  # fmt: skip
    assert made.content.isascii()


@pytest.mark.network
@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ({"RCPT": "550 no such user"}, Outcome("failed", "hard_bounce")),
        ({"RCPT": "551 not here"}, Outcome("failed", "hard_bounce")),
        ({"RCPT": "553 what"}, Outcome("failed", "hard_bounce")),
        ({"RCPT": "554 5.1.1 who"}, Outcome("failed", "hard_bounce")),
        ({"RCPT": "550 5.1.10 null MX"}, Outcome("failed", "hard_bounce")),
        ({"RCPT": "550 5.7.1 blocked"}, Outcome("failed", "smtp_550")),
        ({"RCPT": "552 5.2.2 full"}, Outcome("failed", "smtp_552")),
        ({"RCPT": "550 5.1.8 bad sender"}, Outcome("failed", "smtp_550")),
        ({"RCPT": "554 no"}, Outcome("failed", "smtp_554")),
        ({"RCPT": "450 4.2.1 later"}, Outcome("retry", "smtp_450")),
        ({"RCPT": "421 going"}, Outcome("retry", "smtp_421")),
        ({"MAIL": "550 5.1.1 not you"}, Outcome("failed", "smtp_550")),
        ({"MAIL": "451 later"}, Outcome("retry", "smtp_451")),
        ({"DATA": "451 later"}, Outcome("retry", "smtp_451")),
        ({"DATA": "554 no"}, Outcome("failed", "smtp_554")),
        ({"BODY": "451 later"}, Outcome("retry", "smtp_451")),
        ({"BODY": "550 spam"}, Outcome("failed", "smtp_550")),
        ({"BODY": "550 5.1.1 unknown after all"}, Outcome("failed", "hard_bounce")),
        ({"BODY": "200 what"}, Outcome("uncertain", "strange_answer")),
        ({"CONNECT": "554 go away"}, Outcome("retry", "smtp_554")),
        ({"CONNECT": smtp_server.HANG_UP}, Outcome("retry", "no_connection")),
        ({"MAIL": smtp_server.HANG_UP}, Outcome("retry", "connection_lost")),
        ({"RCPT": smtp_server.HANG_UP}, Outcome("retry", "connection_lost")),
        ({"DATA": smtp_server.HANG_UP}, Outcome("retry", "connection_lost")),
        ({"BODY": smtp_server.HANG_UP}, Outcome("uncertain", "no_answer")),
    ],
)  # fmt: skip
def test_each_answer_of_a_server_has_its_meaning(replies: dict[str, str], outcome: Outcome) -> None:
    with smtp_server.serving(replies) as (script, port):
        one = sender(port)
        assert one.send(message()) == outcome
        # Whatever it was, the next message goes as if nothing had been.
        script.replies.clear()
        assert one.send(message()) == Outcome("sent")
        assert len(script.accepted) == 1
        one.close()


@pytest.mark.network
def test_several_messages_share_a_connection_and_a_lost_one_is_opened_again() -> None:
    with smtp_server.serving() as (script, port):
        one = sender(port)
        assert [one.send(message()).state for _ in range(3)] == ["sent"] * 3
        assert script.connections == 1
        script.replies["NOOP"] = smtp_server.HANG_UP
        assert one.send(message()) == Outcome("sent")
        assert script.connections == 2
        one.close()


@pytest.mark.network
def test_a_server_that_is_not_there_is_tried_again() -> None:
    with smtp_server.serving() as (_, port):
        pass
    assert sender(port).send(message()) == Outcome("retry", "no_connection")


@pytest.mark.network
def test_lines_that_begin_with_a_dot_arrive_as_they_are() -> None:
    with smtp_server.serving() as (script, port):
        one = sender(port)
        one.send(message())
        one.close()
        assert b"\r\n.a line that begins with a dot" in script.accepted[0][1]


@pytest.mark.network
def test_an_address_of_another_alphabet_needs_a_server_that_takes_it() -> None:
    other = message(address="änn@customer.example")
    with smtp_server.serving() as (_, port):
        one = sender(port)
        assert one.send(other) == Outcome("failed", "needs_smtputf8")
        assert one.send(message()) == Outcome("sent")
        one.close()
    with smtp_server.serving(offers=("8BITMIME", "SMTPUTF8")) as (script, port):
        one = sender(port)
        assert one.send(other) == Outcome("sent")
        one.close()
        assert script.accepted[0][0] == "rcpt TO:<änn@customer.example>"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's own with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "cert"],
        check=True, capture_output=True,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return both


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_tls_protects_the_connection_and_a_strange_certificate_is_refused(scheme: str, certificate: Path) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(certificate)
    with smtp_server.serving(certificate=own, from_first_byte=scheme == "smtps") as (script, port):
        url = f"{scheme}://127.0.0.1:{port}"
        trusting = SmtpSender(url, clock=CLOCK, trust=ssl.create_default_context(cafile=str(certificate)), seconds=5)
        assert trusting.send(message()) == Outcome("sent")
        trusting.close()
        assert SmtpSender(url, clock=CLOCK, seconds=5).send(message()) == Outcome("retry", "tls")
        assert len(script.accepted) == 1


@pytest.mark.network
def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for() -> None:
    with smtp_server.serving() as (script, port):
        one = SmtpSender(f"smtp+starttls://127.0.0.1:{port}", clock=CLOCK, seconds=5)
        assert one.send(message()) == Outcome("retry", "not_offered")
        assert not any(command.startswith("MAIL") for command in script.commands)


@pytest.mark.network
def test_a_refused_login_is_tried_again_and_fails_no_message() -> None:
    with smtp_server.serving({"AUTH": "535 no"}, offers=("AUTH PLAIN",)) as (_, port):
        one = SmtpSender(f"smtp://ann:se%40cret@127.0.0.1:{port}", clock=CLOCK, seconds=5)
        assert one.send(message()) == Outcome("retry", "login_refused")


def test_the_setting_is_read_and_its_password_is_nowhere_shown() -> None:
    read = server("smtp+starttls://ann:se%40cret@mail.example")
    assert (read.host, read.port, read.security, read.user, read.password) == (
        "mail.example",
        587,
        "starttls",
        "ann",
        "se@cret",
    )
    assert "cret" not in repr(read)
    assert server("smtps://mail.example").port == 465
    assert server("smtp://mail.example").port == 25


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example",
        "http://mail.example",
        "smtp://",
        "smtp://h:x",
        "smtp://ann:secret@mail.example",
        "smtp://h/?a=1",
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(BadSetting) as caught:
        server(url)
    assert "secret" not in str(caught.value)


@pytest.mark.network
def test_a_process_that_dies_after_the_message_left_it_there_once() -> None:
    program = (
        "import sys\n"
        "from tests.delivery.messages import message\n"
        "from touchline.delivery.senders import SmtpSender\n"
        "SmtpSender(f'smtp://127.0.0.1:{sys.argv[1]}').send(message())\n"
    )
    with smtp_server.serving() as (script, port):
        died = subprocess.run(
            [sys.executable, "-c", program, str(port)],
            env={"TOUCHLINE_FAILPOINT": "smtp.after_data", "PYTHONPATH": ":".join(sys.path)},
        )
        assert died.returncode == -9
    assert len(script.seen) == 1


@pytest.mark.network
def test_another_implementation_of_smtp_reads_what_was_meant() -> None:
    class Kept:
        def __init__(self) -> None:
            self.envelopes: list[Any] = []

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            self.envelopes.append(envelope)
            return "250 OK"

    kept = Kept()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    try:
        one = sender(port)
        for address in ("ann@customer.example", "änn@customer.example"):
            assert one.send(message(address=address)) == Outcome("sent")
        one.close()
    finally:
        controller.stop()
    assert [envelope.rcpt_tos for envelope in kept.envelopes] == [["ann@customer.example"], ["änn@customer.example"]]
    assert {envelope.mail_from for envelope in kept.envelopes} == {"care@hearth.example"}
    for envelope in kept.envelopes:
        read = email.message_from_bytes(envelope.content, policy=SMTP)
        assert read["Subject"] == message().rendered.subject
        body = read.get_body(("plain",))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == message().rendered.text
