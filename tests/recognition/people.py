"""Rows of identifiers for the tests of recognition, and who is who afterwards in terms of identifiers, not of ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl
from django.db import connection

from touchline import recognition
from touchline.recognition.staging import read

Identifier = tuple[str, str, str]


@dataclass(frozen=True)
class Row:
    """One interaction's identifiers, with the time and the name that came with it."""

    identifiers: tuple[Identifier, ...]
    at: int = 0
    name: str | None = None


def row(*identifiers: str, at: int = 0, name: str | None = None) -> Row:
    """`row("user_id:7", "email:a@b.example", at=3)`; a scope stands after an @@."""
    return Row(tuple(_identifier(text) for text in identifiers), at, name)


def _identifier(text: str) -> Identifier:
    kind, _, rest = text.partition(":")
    value, _, scope = rest.partition("@@")
    return kind, scope, value


def sightings(rows: Iterable[Row], first: int = 0) -> pl.DataFrame:
    """The rows as `recognise` takes them, numbered from `first`."""
    return pl.DataFrame(
        [
            (number, kind, scope, value, given.name, given.at)
            for number, given in enumerate(rows, first)
            for kind, scope, value in given.identifiers
        ],
        schema=recognition.SIGHTINGS,
        orient="row",
    )


def emptied() -> None:
    """Forget everybody: one database serves all examples of a property."""
    with connection.cursor() as cursor:
        for table in ("counter", "persona", "sighting", "naming", "link", "separation"):
            cursor.execute(f"DELETE FROM recognition_{table}")


def recognise(*rows: Row, now: int = 1_000) -> recognition.Recognised:
    """Recognise the rows as one batch."""
    return recognition.recognise(sightings(rows), now=now)


def persona(text: str) -> int:
    """The persona of an identifier that is in its normal form."""
    kind, scope, value = _identifier(text)
    found = read(
        "SELECT persona_id FROM recognition_persona WHERE type = %s AND scope = %s AND value = %s",
        {"persona_id": pl.Int64},
        [kind, scope, value],
    )
    return int(found.item())


def groups() -> set[frozenset[str]]:
    """The customers, each as the set of its identifiers: what does not depend on the order of arrival."""
    texts = read("SELECT persona_id, type, scope, value FROM recognition_persona", _TEXTS).select(
        "persona_id",
        text=pl.format("{}:{}", "type", "value")
        + pl.when(pl.col("scope") == "").then(pl.lit("")).otherwise(pl.lit("@@") + pl.col("scope")),
    )
    joined = recognition.people().join(texts, on="persona_id")
    return {frozenset(texts) for texts in joined.group_by("customer").agg("text").get_column("text").to_list()}


def together(*texts: str) -> bool:
    """Whether these identifiers are of one customer."""
    people = recognition.people()
    of = {row["persona_id"]: row["customer"] for row in people.iter_rows(named=True)}
    return len({of[persona(text)] for text in texts}) == 1


def batches(rows: Sequence[Row], cuts: Sequence[int]) -> list[Sequence[Row]]:
    """The rows in pieces, cut at those places."""
    edges = [0, *sorted({cut % (len(rows) + 1) for cut in cuts}), len(rows)]
    return [rows[a:b] for a, b in pairwise(edges) if a < b]


_TEXTS = {"persona_id": pl.Int64, "type": pl.String, "scope": pl.String, "value": pl.String}
