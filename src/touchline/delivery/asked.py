"""In: a link that a customer asked for. Out: the message that carries it, reserved for the address that asked. Writes no interactions; its sender does.

It is of class 1 and owed: nobody decides about it, but no address is written to more than once an hour for the same thing,
however often somebody asks in its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import polars as pl
from django.apps import apps
from django.db import transaction

from touchline.delivery import links
from touchline.delivery.gate import LASTING
from touchline.kernel.times import HOUR
from touchline.recognition.locking import hold
from touchline.recognition.staging import read

AGAIN = HOUR
"""So long the same is not sent again to the same address."""

MOST_AN_HOUR = 1_000
"""Confirmations that strangers may ask for in an hour, all together: a form that somebody's program fills in is no mail server."""

CONVERSATIONS: dict[str, str] = {"confirm": "confirm_opt_in", "known": "your_data", "erase": "confirm_erasure"}
"""What a link is for -> the conversation that carries it."""


@dataclass(frozen=True)
class Asking:
    """Who asks, by which address, and how it is said.

    touchpoint, variant, digest   of the conversation's way and of the playbook
    """

    customer: int
    persona_id: int
    bucket: int
    role: str
    identifier: str
    channel: str
    touchpoint: str
    variant: str
    digest: str


def is_crowded(now: int) -> bool:
    """Whether so many confirmations were asked for within the hour that no more are sent."""
    query = "SELECT count(*) AS n FROM delivery_message WHERE conversation = %s AND reserved_at > %s"
    return int(read(query, {"n": pl.Int64}, [CONVERSATIONS["confirm"], now - HOUR])["n"][0]) >= MOST_AN_HOUR


def reserve(asking: Asking, use: str, about: tuple[str, ...], now: int) -> bool:
    """Reserve the message; False where the same was asked for within the last hour."""
    conversation = CONVERSATIONS[use]
    with transaction.atomic():
        hold([asking.bucket])
        lately = read(
            "SELECT count(*) AS n FROM delivery_message WHERE persona_id = %s AND conversation = %s AND reserved_at > %s"
            " AND state <> 'failed'",
            {"n": pl.Int64},
            [asking.persona_id, conversation, now - AGAIN],
        )
        if lately["n"][0]:
            return False
        id_ = uuid4().hex
        apps.get_model("delivery", "Message").objects.create(
            message_id=f"{now // 1000:012x}7{id_[:3]}8{id_[3:18]}",  # UUID of version 7, as the gate's
            customer=asking.customer,
            persona_id=asking.persona_id,
            bucket=asking.bucket,
            role=asking.role,
            conversation=conversation,
            channel=asking.channel,
            touchpoint=asking.touchpoint,
            variant=asking.variant,
            recurrence=links.recurrence(use, about, id_[:12]),
            purpose="service",
            talk_class=1,
            priority=0.0,
            given=0.0,
            asked=0.0,
            identifier=asking.identifier,
            digest=asking.digest,
            state="reserved",
            reason="",
            reserved_at=now,
            due_at=now,
            expires_at=now + LASTING,
            attempts=0,
        )
    return True
