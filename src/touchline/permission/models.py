"""In: nothing. Out: the tables of what is allowed now. Writes no interactions; `refreshing` says when rows change.

Each row is a maximum over ledger rows, so that it does not matter in what order or how often they arrive. Times are
int64 microseconds UTC, `reading.NEVER` where there was no such row; whose address it is, recognition knows.
"""

from __future__ import annotations

from django.db import models


class Consent(models.Model):
    """What the person of one address allowed for one purpose on one channel.

    granted_at    latest opt-in
    evidenced     whether that one came with evidence; of two at one instant the one that did
    granted_seq   its ledger row, where the evidence can be read; -1 until it is drained
    source        where it came from
    withdrawn_at  latest opt-out
    """

    pk = models.CompositePrimaryKey("persona_id", "purpose", "channel")
    persona_id = models.BigIntegerField()
    purpose = models.CharField(max_length=32)
    channel = models.CharField(max_length=32)
    granted_at = models.BigIntegerField()
    evidenced = models.BooleanField()
    granted_seq = models.BigIntegerField()
    source = models.TextField()
    withdrawn_at = models.BigIntegerField()

    class Meta:
        db_table = "permission_consent"


class Preference(models.Model):
    """What a person last told about one wish.

    key      as in interactions/preferences.py
    answer   its encoded value; of two at one instant the larger
    told     JSON payload as it came, empty where none did
    """

    pk = models.CompositePrimaryKey("persona_id", "key")
    persona_id = models.BigIntegerField()
    key = models.TextField()
    told_at = models.BigIntegerField()
    answer = models.BigIntegerField()
    told = models.TextField()

    class Meta:
        db_table = "permission_preference"


class Suppression(models.Model):
    """Why a person, or one address, is not to be contacted, and since when; a release ends what came before it.

    reason   `hard_bounce` is of the address alone, every other of the whole person; `released` ends every reason,
             `released_bounce` that address' bounce alone
    """

    pk = models.CompositePrimaryKey("persona_id", "reason")
    persona_id = models.BigIntegerField()
    reason = models.TextField()
    at = models.BigIntegerField()

    class Meta:
        db_table = "permission_suppression"


class Forgotten(models.Model):
    """An address that is not to be written to although nobody knows it any more: its keyed digest, and nothing else.

    digest   HMAC-SHA-256 of type and address under the workspace's secret, 64 hex digits
    """

    digest = models.CharField(max_length=64, primary_key=True)
    at = models.BigIntegerField()

    class Meta:
        db_table = "permission_forgotten"


class Erasure(models.Model):
    """An erasure, from the moment at which the person is gone from this database; what it still has to find until it is finished.

    personas, messages   JSON lists of numbers and ids, empty once it is finished
    links                JSON object: other persona -> ids of ledger rows of theirs that tell of a link to the person
    newest               the highest persona there was when it began
    digests              JSON list of keyed digests of all identifiers, empty once it is finished
    """

    erasure_id = models.BigAutoField(primary_key=True)
    begun_at = models.BigIntegerField()
    finished_at = models.BigIntegerField(null=True)
    personas = models.TextField()
    messages = models.TextField()
    links = models.TextField()
    digests = models.TextField()
    newest = models.BigIntegerField()

    class Meta:
        db_table = "permission_erasure"


class Progress(models.Model):
    """How far the other tables have read: the row `permission` into the ledger, the row `forgotten` into the personas."""

    name = models.CharField(max_length=16, primary_key=True)
    seq = models.BigIntegerField()

    class Meta:
        db_table = "permission_progress"
