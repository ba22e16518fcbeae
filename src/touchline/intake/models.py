"""In: nothing. Out: the tables of durable intake. Writes no interactions; `buffer`, `drain`, `targets` and `blocks` say when rows change.

Times are int64 microseconds UTC. A drained event keeps its id for de-duplication and gives up its content.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q


class Event(models.Model):
    """What was accepted and acknowledged, on its way to the ledger.

    source      `segment`, …; of a ready row its own
    message_id  the sender's, unique within the source while the row is kept
    ready       the body is a ledger row, not an event
    batch       number of the drain that takes it; NULL while none does
    drained_at  when it was in the ledger or refused; the body is then empty
    """

    event_id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=63)
    message_id = models.CharField(max_length=512)
    ready = models.BooleanField()
    received_at = models.BigIntegerField()
    body = models.TextField()
    batch = models.BigIntegerField(null=True)
    drained_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "intake_event"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["source", "message_id"], name="intake_event_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["batch", "event_id"], name="intake_event_waiting", condition=Q(drained_at__isnull=True)
            ),
            models.Index(fields=["drained_at"], name="intake_event_drained", condition=Q(drained_at__isnull=False)),
        ]

    objects: ClassVar[models.Manager[Any]]


class RejectedEvent(models.Model):
    """An event that could not become an interaction, kept with its reason until somebody has looked."""

    source = models.CharField(max_length=63)
    message_id = models.CharField(max_length=512)
    received_at = models.BigIntegerField()
    reason = models.CharField(max_length=63)
    column = models.CharField(max_length=200)
    body = models.TextField()

    pk = models.CompositePrimaryKey("source", "message_id")

    class Meta:
        db_table = "intake_rejected"

    objects: ClassVar[models.Manager[Any]]


class Awaited(models.Model):
    """An interaction that judges or answers another which is not known yet.

    row_id   id of the one that waits
    target   `interaction:ID` or `episode:ID` that it waits for
    since    when it was received
    held     JSON of its ledger columns that the completing row takes over
    settled  whether the completing row is in the ledger; kept, so that a repeated batch is the same batch
    """

    row_id = models.CharField(max_length=32)
    target = models.CharField(max_length=600)
    since = models.BigIntegerField()
    held = models.TextField()
    settled = models.BooleanField(default=False)

    pk = models.CompositePrimaryKey("row_id", "target")

    class Meta:
        db_table = "intake_awaited"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["target"], name="intake_awaited_target", condition=Q(settled=False)),
        ]

    objects: ClassVar[models.Manager[Any]]


class Block(models.Model):
    """Numbers that were taken together, for rows that are committed together.

    first_seq  the first of them; the others follow without a gap
    rows       how many rows of it the ledger holds once it is committed; an erasure parts it around what is gone
    batch      of the rows
    committed  whether the rows are known to be in the ledger
    """

    first_seq = models.BigIntegerField(primary_key=True)
    rows = models.BigIntegerField()
    batch = models.BigIntegerField()
    committed = models.BooleanField(default=False)

    class Meta:
        db_table = "intake_block"

    objects: ClassVar[models.Manager[Any]]


class Upload(models.Model):
    """A file that a member of the team brought to the console, and what became of it.

    name         as its owner called it, to be shown; empty once anybody was erased since, because a name may be a person's
    size         in bytes
    uploaded_by  name of the member
    import_name  the playbook's import that it was last read by
    job          what was last done with it: `look`, `check` (a dry run) or `import`
    state        of that job: `running`, `done`, `failed`, `stopped`; a running one that no process holds was interrupted
    told         what an import tells: counts, reasons, the rejects file's name
    fault        why it failed, and what to do
    """

    upload_id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=200)
    size = models.BigIntegerField()
    uploaded_at = models.BigIntegerField()
    uploaded_by = models.CharField(max_length=254)
    import_name = models.CharField(max_length=63, blank=True)
    job = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=8)
    begun_at = models.BigIntegerField(null=True)
    ended_at = models.BigIntegerField(null=True)
    told = models.JSONField(default=dict)
    fault = models.TextField(blank=True)

    class Meta:
        db_table = "intake_upload"

    objects: ClassVar[models.Manager[Any]]
