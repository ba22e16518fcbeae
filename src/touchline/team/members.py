"""In: who is to do what. Out: the team's users, changed. Writes no interactions.

These functions change rows and nothing else; the workspace's verbs of the same names authorise and audit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import transaction

from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.recognition.locking import hold_name
from touchline.team.roles import Role

if TYPE_CHECKING:
    from touchline.team.models import User

LONGEST_NAME = 120


class TeamFault(TouchlineError):
    """The team cannot be changed that way."""

    code = "team"


def role_of(text: str) -> Role:
    """The role of that name; raises UnknownName."""
    try:
        return Role(text)
    except ValueError:
        names = [role.value for role in Role]
        raise UnknownName(f"role {text[:40]!r}", remedy=did_you_mean(text[:40], names)) from None


def listed() -> list[User]:
    """Every user, those who are not active last."""
    return list(_users().order_by("-is_active", "name", "email"))


def found(who: int | str) -> User:
    """The user of a number or an e-mail address; raises UnknownName."""
    users = _users()
    user: User | None = (
        users.filter(pk=who).first() if isinstance(who, int) else users.filter(email=who.strip().lower()).first()
    )
    if user is None:
        raise UnknownName("that member of the team", remedy="`touchline team list` shows them.")
    return user


def has_admin() -> bool:
    """Whether somebody can administer: an active admin who can sign in."""
    return any(user.has_usable_password() for user in _users().filter(role=Role.ADMIN.value, is_active=True))


def set_role(user: User, role: Role) -> None:
    """Give a user a role; raises TeamFault where nobody would be left to administer."""
    with transaction.atomic():
        _keep_an_admin(user, still=role is Role.ADMIN and user.is_active)
        _users().filter(pk=user.pk).update(role=role.value)
    user.role = role.value


def set_active(user: User, active: bool) -> None:
    """Let a user in, or out: whoever is out cannot sign in, and is signed out. Raises TeamFault as `set_role` does."""
    with transaction.atomic():
        _keep_an_admin(user, still=active and user.role == Role.ADMIN.value)
        _users().filter(pk=user.pk).update(is_active=active)
        if not active:
            # Sessions are bound to the password's hash: another salt ends them all, and the password cannot be used again.
            _users().filter(pk=user.pk).update(password=make_password(None))
    user.is_active = active


def _keep_an_admin(user: User, *, still: bool) -> None:
    """Refuse what would leave the team without an admin."""
    hold_name("team admins")
    if still or user.role != Role.ADMIN.value or not user.is_active:
        return
    if not _users().filter(role=Role.ADMIN.value, is_active=True).exclude(pk=user.pk).exists():
        raise TeamFault("nobody would be left to administer", remedy="Make somebody else an admin first.")


def _users() -> Any:
    # Asked for by name, so that this room can be imported before Django has started, as all others can.
    return apps.get_model("team", "User").objects
