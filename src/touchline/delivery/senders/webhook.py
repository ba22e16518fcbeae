"""In: messages. Out: each as a signed POST to one address of the organisation's choice. Writes no interactions.

Signed as Standard Webhooks 1.0 says, with a CloudEvents 1.0 body. The id is the message's own at each try, by which a receiver
drops the second of two. Addresses inside the network are refused unless they are allowed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from touchline.delivery.senders.sender import MESSAGE_ID, BadSetting, Outcome, Outgoing
from touchline.kernel.times import SECOND, Clock, SystemClock, format_instant

SECONDS = 15.0
"""That a receiver may take."""

TYPE = "touchline.message"
_SECRET = "whsec_"  # noqa: S105 - how a secret begins, not one
_SHORTEST, _LONGEST = 24, 64
_LATER = (408, 425, 429)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], list[str]]


class Refused(Exception):
    """The address lies inside the network."""


@dataclass(frozen=True)
class _Target:
    url: httpx.URL
    host: str
    port: int


class WebhookSender:
    """Posts one channel's messages to `url`.

    secret           `whsec_` and 24 to 64 bytes in base64
    allow_private    whether addresses of this machine and its network are allowed, and http beside https
    source           the CloudEvents source, a URI of this workspace
    """

    def __init__(
        self,
        url: str,
        secret: str,
        channel: str,
        *,
        allow_private: bool = False,
        source: str = "touchline",
        clock: Clock | None = None,
        resolve: Resolve | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.name = "webhook"
        self.channel = channel
        self._key = _key(secret)
        self._target = _target(url, allow_private=allow_private)
        self._allow_private = allow_private
        self._source = source
        self._clock: Clock = clock or SystemClock()
        self._resolve = resolve or _resolved
        self._seconds = seconds
        self._client: httpx.Client | None = None

    def open(self) -> None:
        """Make the client; it follows no redirect, reads no proxy of the environment, and keeps no cookie."""
        if self._client is None:
            self._client = httpx.Client(timeout=self._seconds, follow_redirects=False, trust_env=False)

    def send(self, message: Outgoing) -> Outcome:
        """Post it."""
        if not MESSAGE_ID.fullmatch(message.message_id):
            return Outcome("failed", "bad_id")
        self.open()
        assert self._client is not None
        now = self._clock.now()
        body = json.dumps(event(message, self._source, now), sort_keys=True).encode()
        try:
            address = self._address()
            request = self._request(address, message.message_id, now // SECOND, body)
            response = self._client.send(request, stream=True)
            response.close()  # what it says beside its code is not read
        except Refused:
            return Outcome("failed", "private_address")
        except httpx.HTTPError:
            # Also where it may have arrived: the receiver knows it by its id.
            return Outcome("retry", "no_connection")
        except OSError:
            return Outcome("retry", "no_such_host")
        finally:
            self._client.cookies.clear()
        code = response.status_code
        if 200 <= code < 300:
            return Outcome("sent")
        return Outcome("retry" if code >= 500 or code in _LATER else "failed", f"http_{code}")

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _address(self) -> str:
        """The host's first address, all of them being allowed; asked each time, and then used, so that none is swapped."""
        addresses = self._resolve(self._target.host, self._target.port)
        if not addresses:
            raise OSError("no address")
        if not self._allow_private and not all(_is_public(one) for one in addresses):
            raise Refused
        return addresses[0]

    def _request(self, address: str, message_id: str, seconds: int, body: bytes) -> httpx.Request:
        url = self._target.url
        return httpx.Request(
            "POST",
            url.copy_with(host=address),
            headers={
                "host": url.netloc.decode("ascii"),
                "content-type": "application/cloudevents+json; charset=utf-8",
                "user-agent": "touchline",
                "webhook-id": message_id,
                "webhook-timestamp": str(seconds),
                "webhook-signature": signature(self._key, message_id, seconds, body),
            },
            content=body,
            # The certificate is still the name's, not the number's.
            extensions={"sni_hostname": self._target.host, "timeout": httpx.Timeout(self._seconds).as_dict()},
        )


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64 (Standard Webhooks)."""
    signed = f"{message_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def event(message: Outgoing, source: str, now: int) -> dict[str, object]:
    """The message as a CloudEvent in JSON."""
    return {
        "specversion": "1.0",
        "id": message.message_id,
        "source": source,
        "type": TYPE,
        "time": format_instant(now),
        "datacontenttype": "application/json",
        "data": {
            "message_id": message.message_id,
            "channel": message.channel,
            "address": message.address,
            "purpose": message.purpose,
            "brand": message.brand.name,
            "language": message.language,
            "subject": message.rendered.subject,
            "text": message.rendered.text,
            "html": message.rendered.html,
            "unsubscribe_url": message.unsubscribe_url,
        },
    }


def _key(secret: str) -> bytes:
    remedy = "Give `whsec_` and 24 to 64 bytes in base64."
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET), validate=True)
    except binascii.Error:
        raise BadSetting("TOUCHLINE_WEBHOOK_SECRET", remedy=remedy) from None
    if not secret.startswith(_SECRET) or not _SHORTEST <= len(key) <= _LONGEST:
        raise BadSetting("TOUCHLINE_WEBHOOK_SECRET", remedy=remedy)
    return key


def _target(url: str, *, allow_private: bool) -> _Target:
    remedy = "Write it as https://host/path, without a user name; http and addresses of this network need TOUCHLINE_WEBHOOK_PRIVATE=yes."
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise BadSetting("TOUCHLINE_WEBHOOK_URL", remedy=remedy) from None
    schemes = ("http", "https") if allow_private else ("https",)
    if parsed.scheme not in schemes or not parsed.host or parsed.userinfo or parsed.fragment:
        raise BadSetting("TOUCHLINE_WEBHOOK_URL", remedy=remedy)
    return _Target(parsed, parsed.raw_host.decode("ascii"), parsed.port or (443 if parsed.scheme == "https" else 80))


def _resolved(host: str, port: int) -> list[str]:
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def _is_public(address: str) -> bool:
    """Whether it is an address of the whole internet, whatever IPv6 form it is hidden in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            found = inner
    return found.is_global and not found.is_multicast and not found.is_unspecified
