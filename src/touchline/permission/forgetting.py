"""In: addresses of the erased. Out: their digests, and who has one of these addresses again. Writes `suppressed`, through intake's buffer.

Whoever was erased is not written to again, although nothing says who they were: of each address a digest under the
workspace's secret is kept. A new persona with such an address is suppressed when intake is drained next; until then the gate
reserves nothing for it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

import polars as pl
from django.conf import settings
from django.db import transaction

from touchline.intake import accept_rows
from touchline.interactions.catalogue import VERSION
from touchline.kernel.ids import BUCKETS, SEPARATOR, interaction_id
from touchline.recognition.staging import execute, read

TELLING: tuple[str, ...] = ("user_id", "account", "email", "phone", "social", "postal")
"""Types of identifier that somebody is known by again; an anonymous id is a device's. A postal address is a household's, and tells
somebody only with the scope that recognition gives to a person's own."""

Identifier = tuple[str, str, str]
"""Type, scope and normalised value."""

ERASED = "erased"
"""`reason` of the suppression."""

SOURCE = "erasure"
_SALT = b"touchline.forgotten"
_PROGRESS = "forgotten"
_IDENTIFIER = {"type": pl.String, "scope": pl.String, "value": pl.String}


def digest(identifier: Identifier) -> str:
    """The keyed digest of a normalised identifier, 64 hex digits. Another TOUCHLINE_SECRET_KEY gives another one."""
    key = hashlib.sha256(_SALT + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, SEPARATOR.join(identifier).encode(), hashlib.sha256).hexdigest()


def erasures() -> int:
    """How many erasures have begun: another number than before tells whoever read meanwhile that somebody has left."""
    return int(read("SELECT count(*) AS n FROM permission_erasure", {"n": pl.Int64})["n"][0])


def remember(identifiers: Iterable[Identifier], now: int) -> int:
    """Keep the digests of those that tell somebody; how many. Inside the caller's transaction."""
    kept = 0
    for identifier in identifiers:
        if _tells(identifier):
            kept += execute(
                "INSERT INTO permission_forgotten (digest, at) VALUES (%s, %s) ON CONFLICT (digest) DO NOTHING",
                [digest(identifier), now],
            )
    if kept and _mark() is None:
        newest = read("SELECT coalesce(max(persona_id), 0) AS n FROM recognition_persona", {"n": pl.Int64})["n"][0]
        _note(int(newest))
    return kept


def are_back(identifiers: pl.DataFrame) -> set[int]:
    """Of [customer, persona_id, type, scope, value], customers with an address that was forgotten and is not suppressed yet.

    Costs one look at an empty table where nobody was ever erased.
    """
    anybody = read("SELECT EXISTS (SELECT 1 FROM permission_forgotten) AS n", {"n": pl.Boolean})["n"][0]
    if not anybody:
        return set()
    new = identifiers.filter(pl.col("persona_id") > (_mark() or 0)).select("customer", "type", "scope", "value")
    told = [(customer, (kind, scope, value)) for customer, kind, scope, value in new.iter_rows()]
    return {customer for customer, one in told if _tells(one) and _is_forgotten(one)}


def suppress_returned(now: int) -> int:
    """Suppress every persona made since the last time whose address was forgotten; how many rows were handed to intake.

    Costs one look at an empty table where nobody was ever erased.
    """
    known = set(read("SELECT digest FROM permission_forgotten", {"digest": pl.String})["digest"])
    if not known:
        return 0
    with transaction.atomic():
        since = _mark() or 0
        people = read(
            "SELECT persona_id, type, scope, value, draw, role FROM recognition_persona WHERE persona_id > %s ORDER BY persona_id",
            {"persona_id": pl.Int64, **_IDENTIFIER, "draw": pl.Int64, "role": pl.String},
            [since],
        )
        if people.is_empty():
            return 0
        back = [
            (persona, draw, role)
            for persona, kind, scope, value, draw, role in people.iter_rows()
            if _tells((kind, scope, value)) and digest((kind, scope, value)) in known
        ]
        kept = 0
        for persona, draw, role in back:
            kept += accept_rows(_suppressed(persona, draw, role, now), received_at=now)
        _note(max(people["persona_id"].to_list()))
        return kept


def welcome_back(identifiers: Iterable[Identifier]) -> bool:
    """Take what somebody is known by, who was erased and asks to be written to again, off the list; whether any of it was on it."""
    gone = [execute("DELETE FROM permission_forgotten WHERE digest = %s", [digest(one)]) for one in identifiers]
    return any(gone)


def residue(newest: int, digests: Iterable[str]) -> list[int]:
    """Personas made after `newest` whose identifier has one of these digests."""
    people = read(
        "SELECT persona_id, type, scope, value FROM recognition_persona WHERE persona_id > %s",
        {"persona_id": pl.Int64, **_IDENTIFIER},
        [newest],
    )
    wanted = set(digests)
    return [persona for persona, *told in people.iter_rows() if digest((told[0], told[1], told[2])) in wanted]


def _is_forgotten(identifier: Identifier) -> bool:
    found = read("SELECT at FROM permission_forgotten WHERE digest = %s", {"at": pl.Int64}, [digest(identifier)])
    return bool(found.height)


def _tells(identifier: Identifier) -> bool:
    kind, scope, _ = identifier
    return kind in TELLING and (kind != "postal" or scope != "")


def _suppressed(persona: int, draw: int, role: str, now: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": [interaction_id(SOURCE, "suppressed", str(persona))],
            "version": [VERSION],
            "kind": ["suppressed"],
            "persona_id": [persona],
            "bucket": [draw % BUCKETS],
            "role": [role],
            "source": [SOURCE],
            "occurred_at": [now],
            "reason": [ERASED],
            "payload": ["{}"],
        },
        schema_overrides={"bucket": pl.Int16, "version": pl.Int16},
    )


def _mark() -> int | None:
    found = read("SELECT seq FROM permission_progress WHERE name = %s", {"seq": pl.Int64}, [_PROGRESS])
    return int(found["seq"][0]) if found.height else None


def _note(persona: int) -> None:
    execute(
        "INSERT INTO permission_progress (name, seq) VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq",
        [_PROGRESS, persona],
    )
