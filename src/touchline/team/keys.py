"""In: a name and a scope, or a key as it was sent. Out: a new key, shown once, or whose it is. Writes no interactions.

A key is 256 random bits, so its plain SHA-256 can be kept and looked up by index: nothing about a key that is not there can be
learned from how long the answer takes.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import OperationalError, connection

from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.team import audit
from touchline.team.actors import Actor
from touchline.team.roles import Right

if TYPE_CHECKING:
    from touchline.team.models import Key

SCOPES = ("write", "read", "next", "serve")
"""`write` sends events; `read` reads all that the console shows; `next` asks what to say now and tells what became of it; `serve`
does that too, sends notices and records consent."""
LONGEST_NAME = 120
PREFIX = {"write": "tlw_", "read": "tlr_", "next": "tln_", "serve": "tls_"}
_SERVES = frozenset({Right.SERVE})
_RIGHTS = {"write": _SERVES, "read": frozenset({Right.SEE}), "next": _SERVES, "serve": _SERVES}
_USED = 3_600_000_000  # microseconds between two notes of a key's use: one write an hour, not one a request
_PATIENCE = 20  # milliseconds that noting it may wait for another writer
_LONGEST = 200  # characters of a key as it was sent that are looked at


class KeyFault(TouchlineError):
    """The key cannot be made."""

    code = "key"


@dataclass(frozen=True)
class NewKey:
    """A key that was just made.

    id     its number
    key    the key itself, which nobody can show again
    """

    id: int
    name: str
    scope: str
    key: str


def create(name: str, scope: str, *, made_by: str = "terminal") -> NewKey:
    """Make a key; raises KeyFault for an unknown scope or an empty name. `Workspace.create_key` authorises and audits."""
    name = " ".join(name.split())
    if scope not in SCOPES:
        raise KeyFault(f"scope {scope[:40]!r}", remedy=f"Scopes are {', '.join(SCOPES)}.")
    if not 0 < len(name) <= LONGEST_NAME:
        raise KeyFault("its name", remedy=f"Give it a name of 1 to {LONGEST_NAME} characters, for example the shop's.")
    key = PREFIX[scope] + secrets.token_urlsafe(32)
    made = _keys().create(
        name=name, scope=scope, digest=_digest(key), hint=key[:8], made_at=audit.now(), made_by=made_by[:120]
    )
    return NewKey(made.pk, name, scope, key)


def verify(text: str, scope: str) -> Actor | None:
    """Whose key that is; None where there is no such key, it was revoked, or it has another scope."""
    if not 0 < len(text) <= _LONGEST:
        return None
    found = _keys().filter(digest=_digest(text), revoked_at__isnull=True, scope=scope).first()
    if found is None:
        return None
    now = audit.now()
    if found.last_used_at is None or now - found.last_used_at > _USED:
        _note_use(found.pk, now)
    return Actor("key", found.name, _RIGHTS[scope], found.pk)


def revoke(id: int) -> bool:  # noqa: A002 - the promised name
    """End a key; False where it had ended already. Raises UnknownName. `Workspace.revoke_key` authorises and audits."""
    if not _keys().filter(pk=id).exists():
        raise UnknownName(f"key {id}", remedy="`touchline keys list` shows them.")
    return bool(_keys().filter(pk=id, revoked_at__isnull=True).update(revoked_at=audit.now()))


def listed() -> list[Key]:
    """Every key, the newest first; revoked ones too."""
    return list(_keys().order_by("-id"))


def _note_use(key: int, now: int) -> None:
    """Note that a key was used, unless somebody writes for long at this moment: whoever shows a key is not kept waiting for it."""
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite" or connection.in_atomic_block:
            _keys().filter(pk=key).update(last_used_at=now)
            return
        cursor.execute("PRAGMA busy_timeout")
        patience = int(cursor.fetchone()[0])
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        try:
            _keys().filter(pk=key).update(last_used_at=now)
        except OperationalError:
            pass  # the next use is noted
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _keys() -> Any:
    # Asked for by name, so that this room can be imported before Django has started, as all others can.
    return apps.get_model("team", "Key").objects
