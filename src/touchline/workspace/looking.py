"""In: messages about to be sent, what is allowed now. Out: which of them wait, or are given up, and why. Writes no interactions.

The last look before a sender: the gate has checked everything; between it and now a customer may have opted out, been
suppressed, or fallen asleep.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from touchline import permission
from touchline.decision.purposes import TABLE
from touchline.delivery import quiet
from touchline.delivery.outbox import Leased
from touchline.delivery.working import Hold
from touchline.interactions.preferences import zone_codes

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace


def look(workspace: Workspace, messages: Sequence[Leased], now: int) -> Mapping[str, Hold]:
    """`message_id` -> why it does not go now. What intake has taken by this moment counts."""
    workspace.catch_up()
    asked = pl.DataFrame(
        {
            "message_id": [m.message_id for m in messages],
            "persona_id": [m.persona_id for m in messages],
            "purpose": [m.purpose for m in messages],
            "channel": [m.channel for m in messages],
        }
    )
    people = workspace.people()
    owners = people.filter(pl.col("persona_id").is_in(asked["persona_id"].implode())).select("persona_id", "customer")
    asked = asked.join(owners, on="persona_id", how="left")
    own = people.filter(pl.col("customer").is_in(owners["customer"].implode()))
    known = permission.permissions(own)
    ended = _ended(asked, known)
    waits = _asleep(workspace, messages, asked, known, now)
    return {**waits, **ended}


def _ended(asked: pl.DataFrame, known: permission.Permissions) -> dict[str, Hold]:
    """Those who were suppressed or opted out meanwhile."""
    person = known.suppressions.filter(~pl.col("address_only"))["customer"].unique()
    address = known.suppressions.filter("address_only")["persona_id"].unique()
    stopped = asked.filter(pl.col("customer").is_in(person.implode()) | pl.col("persona_id").is_in(address.implode()))[
        "message_id"
    ]
    free = [name for name, purpose in TABLE.items() if purpose.basis == "contract"]
    withdrawn = (
        known.consents.filter(pl.col("withdrawn_at").is_not_null())
        .group_by("customer", "purpose", "channel")
        .agg(pl.col("withdrawn_at").max())
    )
    granted = known.consents.filter("in_force").select("persona_id", "purpose", "channel", "in_force")
    out = (
        asked.filter(~pl.col("purpose").is_in(free))
        .join(withdrawn, on=["customer", "purpose", "channel"], how="inner")
        .join(granted, on=["persona_id", "purpose", "channel"], how="anti")["message_id"]
    )
    return {**{id_: Hold("consent") for id_ in out}, **{id_: Hold("suppression") for id_ in stopped}}


def _asleep(
    workspace: Workspace, messages: Sequence[Leased], asked: pl.DataFrame, known: permission.Permissions, now: int
) -> dict[str, Hold]:
    """Those whose quiet hours have begun, until they are over in the customer's zone."""
    policies, home = workspace.playbook.policies, workspace.playbook.organisation.zone
    if policies.quiet is None:
        return {}
    names = zone_codes()
    told = known.preferences.filter(pl.col("key") == "zone").select("customer", "answer")
    zones = {customer: names.get(answer, home) for customer, answer in told.iter_rows()}
    owner = dict(asked.select("message_id", "customer").iter_rows())
    held = {}
    for message in messages:
        conversation = workspace.playbook.conversations.get(message.conversation)
        if conversation is not None and conversation.urgent and TABLE[message.purpose].urgent_passes:
            continue
        zone = zones.get(owner[message.message_id], home) if policies.quiet_zone_of_customer else home
        until = quiet.next_allowed(policies.quiet, zone, now)
        if until > now:
            held[message.message_id] = Hold("quiet_hours", until)
    return held
