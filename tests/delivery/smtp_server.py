"""An SMTP server on this machine that says what a test wants it to, and hangs up where a test wants it to."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

HANG_UP = ""
"""A reply that is none: the connection ends."""


@dataclass
class Script:
    """What the server answers, by the command's first word; `BODY` is the reply to a whole message, `CONNECT` the greeting.

    replies    changes while it runs
    offers     extensions, as EHLO lists them
    accepted   the messages whose end was acknowledged, with the envelope's recipient
    seen       every message whose end arrived
    """

    replies: dict[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ("8BITMIME",)
    certificate: ssl.SSLContext | None = None
    from_first_byte: bool = False
    accepted: list[tuple[str, bytes]] = field(default_factory=list)
    seen: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        script: Script = self.server.script  # type: ignore[attr-defined]  # the library's servers carry what they are given
        script.connections += 1
        if script.certificate is not None and script.from_first_byte:
            self._secure(script.certificate)
        if not self._say(script.replies.get("CONNECT", "220 here")):
            return
        recipient = ""
        while line := self.rfile.readline():
            command = line.decode("utf-8", "replace").strip()
            script.commands.append(command)
            verb = command.partition(" ")[0].upper()
            if verb == "RCPT":
                recipient = command
            reply = script.replies.get(verb)
            if reply is None and verb == "EHLO":
                offered = [*script.offers, *(["STARTTLS"] if script.certificate and not script.from_first_byte else [])]
                lines = ["me", *offered]
                reply = "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{one}" for n, one in enumerate(lines))
            if not self._say(
                reply
                or (
                    {"DATA": "354 go", "QUIT": "221 bye", "STARTTLS": "220 go"}.get(verb, "250 ok")
                    if reply is None
                    else ""
                )
            ):
                return
            if verb == "STARTTLS" and reply is None and script.certificate is not None:
                self._secure(script.certificate)
            if verb == "DATA" and (reply is None or reply.startswith("354")):
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    part = self.rfile.readline()
                    if not part:
                        return
                    body += part
                script.seen.append(body)
                said = script.replies.get("BODY", "250 taken")
                if said.startswith("250"):
                    script.accepted.append((recipient, body[:-3].replace(b"\r\n..", b"\r\n.")))
                if not self._say(said):
                    return
            if verb == "QUIT":
                return

    def _say(self, reply: str) -> bool:
        if reply == HANG_UP:
            return False
        self.wfile.write(reply.encode() + b"\r\n")
        return True

    def finish(self) -> None:
        """Hang up, also where the connection became another one on the way."""
        self.rfile.close()
        self.wfile.close()
        self.request.close()

    def _secure(self, certificate: ssl.SSLContext) -> None:
        secured = certificate.wrap_socket(self.request, server_side=True)
        self.request = self.connection = secured
        self.rfile = secured.makefile("rb")
        self.wfile = secured.makefile("wb", buffering=0)  # type: ignore[assignment]  # unbuffered as the one before


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or refuses the certificate, is what the test is about."""


@contextmanager
def serving(
    replies: Mapping[str, str] | None = None,
    *,
    certificate: ssl.SSLContext | None = None,
    from_first_byte: bool = False,
    offers: tuple[str, ...] = ("8BITMIME",),
) -> Iterator[tuple[Script, int]]:
    """The script and the port, for as long as the block runs."""
    script = Script(dict(replies or {}), offers, certificate, from_first_byte)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = script  # type: ignore[attr-defined]  # the library's servers carry what they are given
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield script, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
