"""Webhooks: what is posted, how it is signed, where it may go, and what an answer means."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.delivery.messages import message
from touchline.delivery.senders import Outcome, WebhookSender
from touchline.delivery.senders.sender import BadSetting
from touchline.delivery.senders.webhook import signature
from touchline.kernel.times import FixedClock, parse_instant

KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CLOCK = FixedClock(parse_instant("2026-03-01T10:00:00Z"))
SECONDS = CLOCK.instant // 1_000_000


class Receiver:
    """What came in, and what is answered."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.got: list[dict[str, object]] = []
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        self.port = 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.paths.append(self.path)
            state.bodies.append(body)
            state.headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(state.status)
            self.send_header("location", "http://127.0.0.1:9/elsewhere")
            self.send_header("set-cookie", "a=b")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield state
        server.shutdown()


def sender(receiver: Receiver, host: str = "127.0.0.1") -> WebhookSender:
    return WebhookSender(
        f"http://{host}:{receiver.port}/in?a=1", SECRET, "sms", allow_private=True, source="https://hearth.example", clock=CLOCK,
        resolve=lambda *_: ["127.0.0.1"],
    )  # fmt: skip


SMS = message(channel="sms", address="+4930123456")


def test_the_signature_is_that_of_standard_webhooks() -> None:
    # The example of the specification's own libraries.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.network
def test_a_message_is_a_signed_cloud_event(receiver: Receiver) -> None:
    one = sender(receiver)
    assert one.send(SMS) == Outcome("sent")
    one.close()
    body, headers = receiver.bodies[0], receiver.headers
    signed = f"{SMS.message_id}.{SECONDS}.".encode() + body
    assert headers["webhook-id"] == SMS.message_id
    assert headers["webhook-timestamp"] == str(SECONDS)
    assert (
        headers["webhook-signature"]
        == "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    )
    assert headers["content-type"].startswith("application/cloudevents+json")
    said = json.loads(body)
    assert {name: said[name] for name in ("specversion", "id", "source", "type", "time", "datacontenttype")} == {
        "specversion": "1.0", "id": SMS.message_id, "source": "https://hearth.example", "type": "touchline.message",
        "time": "2026-03-01T10:00:00Z", "datacontenttype": "application/json",
    }  # fmt: skip
    assert (said["data"]["address"], said["data"]["channel"], said["data"]["text"]) == (
        "+4930123456",
        "sms",
        SMS.rendered.text,
    )
    assert receiver.paths == ["/in?a=1"]


@pytest.mark.network
def test_the_host_keeps_its_name_though_its_number_is_called(receiver: Receiver) -> None:
    one = sender(receiver, "hooks.example")
    assert one.send(SMS) == Outcome("sent")
    one.close()
    assert receiver.headers["host"] == f"hooks.example:{receiver.port}"


@pytest.mark.network
@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "sent"), (204, "sent"), (301, "failed"), (302, "failed"), (400, "failed"), (401, "failed"), (404, "failed"), (410, "failed"),
     (408, "retry"), (425, "retry"), (429, "retry"), (500, "retry"), (502, "retry"), (503, "retry")],
)  # fmt: skip
def test_each_status_has_its_meaning_and_no_redirect_is_followed(receiver: Receiver, status: int, outcome: str) -> None:
    receiver.status = status
    one = sender(receiver)
    assert one.send(SMS) == Outcome(outcome, "" if outcome == "sent" else f"http_{status}")  # type: ignore[arg-type]  # one of the states
    assert len(receiver.bodies) == 1
    one.close()


@pytest.mark.network
def test_nothing_that_a_receiver_sets_comes_back_to_it(receiver: Receiver) -> None:
    one = sender(receiver)
    one.send(SMS)
    one.send(SMS)
    one.close()
    assert "cookie" not in receiver.headers


PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "255.255.255.255",
    "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "2002:0a00:0001::", "64:ff9b::a00:1", "not an address",
)  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_inside_the_network_is_refused(address: str) -> None:
    one = WebhookSender(
        "https://hooks.example/in", SECRET, "sms", clock=CLOCK, resolve=lambda *_: ["93.184.216.34", address]
    )
    assert one.send(SMS) == Outcome("failed", "private_address")
    one.close()


def test_a_host_without_an_address_is_tried_again() -> None:
    one = WebhookSender("https://hooks.example/in", SECRET, "sms", clock=CLOCK, resolve=lambda *_: [])
    assert one.send(SMS) == Outcome("retry", "no_such_host")
    one.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example",
        "ftp://hooks.example",
        "https://ann:secret@hooks.example",
        "https://",
        "x",
        "https://a/#b",
        "https://[::",
    ],
)
def test_an_address_of_webhooks_is_https_and_names_nobody(url: str) -> None:
    with pytest.raises(BadSetting) as caught:
        WebhookSender(url, SECRET, "sms")
    assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_abc",
        "whsec_" + base64.b64encode(b"short").decode(),
        base64.b64encode(KEY).decode(),
        "whsec_!!!!",
    ],
)
def test_a_secret_is_long_enough_and_never_quoted(secret: str) -> None:
    with pytest.raises(BadSetting) as caught:
        WebhookSender("https://hooks.example", secret, "sms")
    assert secret == "" or secret.removeprefix("whsec_") == "" or secret not in str(caught.value)
