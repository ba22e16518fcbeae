"""Messages for tests of rendering and senders."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from touchline.delivery.rendering import Brief, Rendered
from touchline.delivery.senders import Outgoing
from touchline.playbook.compiled import Brand

HEARTH = Brand("Hearth & Söhne", "care@hearth.example", "Hearth, Ringstr. 1, 10115 Berlin")
PDF = b"%PDF-1.7 invented"

RENDERED = Rendered(
    subject="Ihr Vertrag: grüß Gott, 名前",
    text="Guten Tag Ann,\n\n.a line that begins with a dot\n",
    html="<p>Guten Tag Ann,</p>",
    pdf=PDF,
    call=Brief("to thank", ("thank for 3 years",), ("postal",)),
)

MAIL = Outgoing(
    message_id="0192f0c1a2b37c44a1b2c3d4e5f60718",
    channel="email",
    address="ann@customer.example",
    class_=2,
    purpose="care",
    brand=HEARTH,
    language="de",
    rendered=RENDERED,
    unsubscribe_url="https://hearth.example/u/abc",
)


def message(**changes: Any) -> Outgoing:
    """The usual message with some changes."""
    return replace(MAIL, **changes)


def rendered(**changes: Any) -> Rendered:
    """The usual content with some changes."""
    return replace(RENDERED, **changes)
