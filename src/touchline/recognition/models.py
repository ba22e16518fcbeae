"""In: nothing. Out: the tables of identity.
Writes no interactions; `operations` and `recognising` say when rows change.

Times are int64 microseconds UTC and a link is ended, never deleted. Ids come from `Counter`; they are declared as
automatic only because SQLite then makes them the row's own place, without a second index.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q


class Counter(models.Model):
    """A sequence that hands out blocks in a transaction; its lock also makes recognition one writer at a time."""

    name = models.CharField(max_length=63, primary_key=True)
    next = models.BigIntegerField()

    class Meta:
        db_table = "recognition_counter"


class Persona(models.Model):
    """Whoever used one identifier; never changed but for `customer` and `shared`, which follow from the links.

    customer   smallest persona id of the personas linked to it, its own where there are none
    shared     seen with more than three people, so that it links nobody
    """

    persona_id = models.BigAutoField(primary_key=True)
    type = models.CharField(max_length=16)
    scope = models.CharField(
        max_length=128
    )  # with `value` at four bytes a letter still fits one index entry of PostgreSQL
    value = models.CharField(max_length=512)
    draw = models.IntegerField()
    role = models.CharField(max_length=16)
    created_at = models.BigIntegerField()
    customer = models.BigIntegerField()
    shared = models.BooleanField(default=False)

    class Meta:
        db_table = "recognition_persona"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["value", "type", "scope"], name="recognition_persona_identifier"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Only the linked: an index over everybody would cost every new persona and find nothing.
            models.Index(
                fields=["customer"], name="recognition_persona_linked", condition=~Q(customer=F("persona_id"))
            ),
        ]


class Sighting(models.Model):
    """Two identifiers used on one interaction, the stronger first: the evidence that links rest on.

    first_at   earliest time of such an interaction
    linked     whether a link by rule rests on it now; not so where a rule refused it
    """

    strong_id = models.BigIntegerField()
    weak_id = models.BigIntegerField()
    first_at = models.BigIntegerField()
    linked = models.BooleanField()

    pk = models.CompositePrimaryKey("strong_id", "weak_id")

    class Meta:
        db_table = "recognition_sighting"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["weak_id"], name="recognition_sighting_weak"),
            models.Index(fields=["strong_id"], name="recognition_sighting_held", condition=Q(linked=False)),
        ]


class Naming(models.Model):
    """A personal name seen with an identifier, as a hash of its normal form: enough to count people."""

    persona_id = models.BigIntegerField()
    name_hash = models.BigIntegerField()

    pk = models.CompositePrimaryKey("persona_id", "name_hash")

    class Meta:
        db_table = "recognition_naming"


class Link(models.Model):
    """Two personas taken for one customer, from an instant until another; the smaller id first.

    rule       `seen_together`, or `merged` by command
    evidence   JSON: since when, by which types; or actor and reason
    to_at      NULL while in force
    """

    link_id = models.BigAutoField(primary_key=True)
    persona_a = models.BigIntegerField()
    persona_b = models.BigIntegerField()
    rule = models.CharField(max_length=16)
    evidence = models.TextField()
    from_at = models.BigIntegerField()
    to_at = models.BigIntegerField(null=True)

    class Meta:
        db_table = "recognition_link"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["persona_a", "persona_b", "rule"],
                condition=Q(to_at__isnull=True),
                name="recognition_link_in_force",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["persona_b"], name="recognition_link_b")]


class Separation(models.Model):
    """Personas that a split keeps apart: no rule joins two sides of one separation.

    separation_id   of the split
    side            0 for who left, or a number each where they left one by one; the rest share one
    """

    separation_id = models.BigIntegerField()
    persona_id = models.BigIntegerField()
    side = models.BigIntegerField()

    pk = models.CompositePrimaryKey("separation_id", "persona_id")

    class Meta:
        db_table = "recognition_separation"
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["persona_id"], name="recognition_separation_who")]
