"""In: messages about to be sent, what is allowed now. Out: which of them wait, or are given up, and why. Writes no interactions.

The last look before a sender: the gate has checked everything; between it and now a customer may have opted out, been
suppressed, refused the channel or the topic, or fallen asleep, have come to need care, or have left the step that the message belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import permission, recognition
from touchline.decision.purposes import TABLE
from touchline.delivery import quiet
from touchline.delivery.outbox import Leased
from touchline.delivery.working import Hold
from touchline.interactions.preferences import zone_codes
from touchline.kernel.times import HOUR
from touchline.playbook.compiled import Playbook
from touchline.recognition.staging import read, staged

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
    owners = owners_of(asked["persona_id"].to_list())
    asked = asked.join(owners, on="persona_id", how="left")
    known = permission.permissions(recognition.people(of=owners["customer"]))
    ended = {**_refused(workspace, messages, asked, known), **_ended(asked, known)}
    waits = _asleep(workspace, messages, asked, known, now)
    return {**waits, **ended}


def asked(playbook: Playbook) -> set[str]:
    """The measures by which a message may have been overtaken."""
    steps = {f"programme.{name}.{member}" for name in playbook.programmes for member in ("step", "entered")}
    return {"care.due", "topic.last"} | steps


def overtaken(
    workspace: Workspace, messages: Sequence[Leased], facts: Mapping[str, Mapping[str, Any]], now: int
) -> dict[str, Hold]:
    """Those that a need for care has overtaken since they were reserved, and those whose customer has left their step.

    facts   `message_id` -> measure -> value, of `asked`
    """
    held = {}
    for message in messages:
        conversation = workspace.playbook.conversations.get(message.conversation)
        told = facts.get(message.message_id, {})
        if conversation is None or not told:
            continue
        rule = TABLE[message.purpose].care_first
        about = conversation.topic is not None and told.get("topic.last") == conversation.topic
        if told.get("care.due") and rule != "passes" and not (rule == "unless_about_it" and about):
            held[message.message_id] = Hold("care_first", now + HOUR)
        programme = workspace.playbook.programmes.get(message.programme or "")
        if programme is None:
            continue
        place = next((step.place for step in programme.steps if step.conversation == message.conversation), None)
        entered = told.get(f"programme.{programme.name}.entered")
        if told.get(f"programme.{programme.name}.step") != place or str(entered) != message.recurrence:
            held[message.message_id] = Hold("step_left")
    return held


def owners_of(personas: Sequence[int]) -> pl.DataFrame:
    """[persona_id, customer] of these personas, as they are now."""
    told = pl.DataFrame({"persona_id": list(personas)}, schema={"persona_id": pl.Int64}).unique()
    with transaction.atomic(), staged("asked_for", told, key=["persona_id"]):
        return read(
            "SELECT p.persona_id, p.customer FROM asked_for a CROSS JOIN recognition_persona p WHERE p.persona_id = a.persona_id",
            {"persona_id": pl.Int64, "customer": pl.Int64},
        )


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


def _refused(
    workspace: Workspace, messages: Sequence[Leased], asked: pl.DataFrame, known: permission.Permissions
) -> dict[str, Hold]:
    """Those whose channel or topic their customer refused meanwhile; what is owed goes all the same."""
    told = known.preferences.select("customer", "key", "answer").iter_rows()
    answers = {(customer, key): answer for customer, key, answer in told}
    owner = dict(asked.select("message_id", "customer").iter_rows())
    ended = {}
    for message in messages:
        customer = owner[message.message_id]
        conversation = workspace.playbook.conversations.get(message.conversation)
        if TABLE[message.purpose].contractual or customer is None:
            continue
        if answers.get((customer, f"refuses_{message.channel}")) == 1:
            ended[message.message_id] = Hold("preference.channel")
        elif conversation is not None and answers.get((customer, f"topic_{conversation.topic}")) == 0:
            ended[message.message_id] = Hold("preference.topic")
    return ended


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
