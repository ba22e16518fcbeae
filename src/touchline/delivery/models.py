"""In: nothing. Out: the tables of what is on its way out. Writes no interactions; `gate`, `outbox`, `stops`, `gifts`, `calls` and `duties` say when rows change.

Times are int64 microseconds UTC.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from touchline.delivery.states import FREED, WAITING


class Message(models.Model):
    """One reservation of the gate, and what became of it.

    message_id   UUID of version 7 as 32 hex digits; the same at each try
    customer     as it was at the reservation; the ledger's rows are the persona's
    persona_id   whose address is used; `bucket` and `role` are this persona's
    channel      `touchpoint`, `variant`, `programme`, `recurrence`, `purpose`, `given`, `asked`, `segment`, `digest`: as proposed
    talk_class   1 to 5
    cost_minor   of saying it, in minor units of money
    identifier   the address, normalised
    state        reserved | held | sending | sent | delivered | failed | uncertain | expired
    reason       why it is in that state, one word; empty where nothing is to say
    due_at       not before
    expires_at   not after
    lease_until  until when `worker` may try it; NULL where nobody does
    started_at   when the latest try began
    attempts     tries begun
    gift_code    the code that it carries
    """

    message_id = models.CharField(max_length=32)
    customer = models.BigIntegerField()
    persona_id = models.BigIntegerField()
    bucket = models.SmallIntegerField()
    role = models.CharField(max_length=16)
    conversation = models.CharField(max_length=128)
    channel = models.CharField(max_length=16)
    touchpoint = models.CharField(max_length=128, null=True)
    variant = models.CharField(max_length=128, null=True)
    programme = models.CharField(max_length=128, null=True)
    recurrence = models.CharField(max_length=128)
    purpose = models.CharField(max_length=16)
    talk_class = models.SmallIntegerField()
    priority = models.FloatField()
    given = models.FloatField()
    asked = models.FloatField()
    cost_minor = models.BigIntegerField(default=0)
    segment = models.BigIntegerField(null=True)
    identifier = models.CharField(max_length=512)
    digest = models.CharField(max_length=32)
    state = models.CharField(max_length=16)
    reason = models.CharField(max_length=200)
    reserved_at = models.BigIntegerField()
    due_at = models.BigIntegerField()
    expires_at = models.BigIntegerField()
    lease_until = models.BigIntegerField(null=True)
    worker = models.CharField(max_length=64, null=True)
    started_at = models.BigIntegerField(null=True)
    attempts = models.IntegerField()
    gift_code = models.CharField(max_length=200, null=True)

    class Meta:
        db_table = "delivery_message"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # No `unique=True` on the fields: PostgreSQL would get a second index for LIKE, which every reservation would pay.
            models.UniqueConstraint(fields=["message_id"], name="delivery_message_id"),
            models.UniqueConstraint(
                fields=["persona_id", "conversation", "recurrence"],
                condition=~Q(state__in=FREED),
                name="delivery_message_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "due_at"], name="delivery_message_due", condition=Q(state__in=WAITING)),
            models.Index(
                fields=["channel", "started_at"],
                name="delivery_message_rate",
                condition=Q(started_at__isnull=False),
            ),
            models.Index(fields=["conversation", "id"], name="delivery_message_talk"),
        ]


class GiftCode(models.Model):
    """A code to give away once.

    worth    money in major units, as of when it was loaded
    message  the `message_id` that carries it; NULL while nobody has it
    """

    pool = models.CharField(max_length=128)
    code = models.CharField(max_length=200)
    worth = models.FloatField()
    expires_at = models.BigIntegerField(null=True)
    message = models.CharField(max_length=32, null=True, unique=True)
    conversation = models.CharField(max_length=128, null=True)
    given_at = models.BigIntegerField(null=True)
    redeemed_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "delivery_gift_code"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["pool", "code"], name="delivery_gift_code_once"),
        ]


class CallTask(models.Model):
    """A call for a person to make: what they are told, and what came of it.

    message  its `message_id`
    brief    JSON: who, why, what happened before, what to say, what not to ask again
    outcome  reached | no_answer | wrong_number | declined; `expired` where nobody called in time; NULL while open
    """

    message = models.CharField(max_length=32, unique=True)
    brief = models.TextField()
    opened_at = models.BigIntegerField()
    closed_at = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=16, null=True)
    note = models.TextField()

    class Meta:
        db_table = "delivery_call_task"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["opened_at"], name="delivery_call_task_open", condition=Q(closed_at__isnull=True)),
        ]


class Stop(models.Model):
    """What does not go until somebody resumes it; a row is there for as long as it holds.

    sort         conversation | programme | all
    name         of the conversation or programme; empty for all
    service_too  of all: what is owed (class 1) waits as well
    by           who pressed it, as the team calls them
    """

    sort = models.CharField(max_length=16)
    name = models.CharField(max_length=128)
    service_too = models.BooleanField()
    since = models.BigIntegerField()
    by = models.CharField(max_length=120)

    class Meta:
        db_table = "delivery_stop"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["sort", "name"], name="delivery_stop_once"),
        ]


class Notice(models.Model):
    """A notice that one of the organisation's own systems sent, for as long as its key stands for it.

    name       digest of who sent it and of the key that they gave it
    digest     of everything that it said
    at         when its message was reserved
    variables  JSON: what its words say
    """

    name = models.CharField(max_length=64)
    message_id = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    conversation = models.CharField(max_length=128)
    channel = models.CharField(max_length=16)
    at = models.BigIntegerField()
    variables = models.TextField()

    class Meta:
        db_table = "delivery_notice"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name"], name="delivery_notice_once"),
            models.UniqueConstraint(fields=["message_id"], name="delivery_notice_message"),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["at"], name="delivery_notice_at")]


class Lease(models.Model):
    """A duty of the worker, by whom and until when it is done."""

    duty = models.CharField(max_length=63, primary_key=True)
    holder = models.CharField(max_length=64)
    until = models.BigIntegerField()

    class Meta:
        db_table = "delivery_lease"
