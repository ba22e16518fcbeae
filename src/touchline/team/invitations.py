"""In: whom to ask, or the link that they were sent. Out: an invitation, or the member that it makes. Writes no interactions.

The link carries the invitation's number under a signature of the workspace's secret, so that it cannot be made up; the row says
until when it holds, and that it was used, so that it works once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q

from touchline.kernel.errors import TouchlineError, UnknownName
from touchline.kernel.times import DAY
from touchline.team import audit, members
from touchline.team.actors import Actor
from touchline.team.members import TeamFault
from touchline.team.roles import EVERYTHING, Role, rights_of

if TYPE_CHECKING:
    from touchline.team.models import Invitation, User

VALID_FOR = 7 * DAY
JOIN, RESET, FIRST = "join", "reset", "first"
"""To become a member; to set a new password; to become the first admin, whose address is not known yet."""
_SALT = "touchline.team.invitation"


class InvitationFault(TouchlineError):
    """The invitation cannot be taken up."""

    code = "invitation"
    remedy = "Ask an admin of your team for a new one."


@dataclass(frozen=True)
class Invited:
    """An invitation that was just made.

    id      its number
    token   the last part of its link, which is shown once
    mailed  whether a server took an e-mail with the link
    """

    id: int
    email: str
    role: Role
    purpose: str
    token: str
    mailed: bool = False


def invite(email: str, role: Role, *, name: str = "", invited_by: str) -> Invited:
    """Ask somebody to join; an earlier invitation of theirs ends. Raises TeamFault for a bad address or a member's."""
    email = address(email)
    if _users().filter(email=email, is_active=True).exists():
        raise TeamFault("they are a member already", remedy="`touchline team role` changes what they may do.")
    return _made(email, role, JOIN, invited_by, " ".join(name.split())[: members.LONGEST_NAME])


def reset(user: User, *, invited_by: str) -> Invited:
    """Let a member set a new password."""
    return _made(user.email, Role(user.role), RESET, invited_by, user.name)


def first(*, invited_by: str = "touchline up") -> Invited:
    """Let whoever has the link become the first admin; earlier ones of this sort end. Raises TeamFault where there is one."""
    if members.has_admin():
        raise TeamFault("there is an admin already", remedy="`touchline team invite` asks others to join.")
    return _made("", Role.ADMIN, FIRST, invited_by)


def open_() -> list[Invitation]:
    """Invitations that can still be taken up, the newest first; that of the first admin is not among them."""
    return list(_open().exclude(purpose=FIRST).order_by("-id"))


def withdraw(id: int) -> bool:  # noqa: A002 - the field's own word
    """End an invitation; False where it had ended. Raises UnknownName."""
    if not _invitations().filter(pk=id).exists():
        raise UnknownName(f"invitation {id}", remedy="`touchline team list` shows them.")
    return bool(_open().filter(pk=id).update(revoked_at=audit.now()))


def read(token: str) -> Invitation:
    """The invitation of a link; raises InvitationFault where it was changed, used, taken back or is too old."""
    try:
        number = int(signing.Signer(salt=_SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise InvitationFault("the link is not one of this team's") from None
    found: Invitation | None = _open().filter(pk=number).first()
    if found is None or (found.purpose == FIRST and members.has_admin()):
        raise InvitationFault("it was used, taken back, or is older than a week")
    return found


def take_up(token: str, *, name: str, password: str, email: str = "") -> User:
    """Become a member, or set a new password, once. The invitation itself says who, but for the first admin.

    The password is taken as it is: whoever asks for it checks it. Raises InvitationFault, TeamFault.
    """
    with transaction.atomic():
        invitation = read(token)
        if not _open().filter(pk=invitation.pk).update(used_at=audit.now()):
            raise InvitationFault("it was used a moment ago")
        user = _user(invitation, name, email)
        user.set_password(password)
        user.save()
        _verify_address(user)
        role = Role(user.role)
        actor = Actor("user", user.name, EVERYTHING if role is Role.ADMIN else rights_of(role), user.pk)
        operation = "team.reset" if invitation.purpose == RESET else "team.join"
        audit.record(actor, operation, f"user {user.pk}", {"role": user.role, "invited_by": invitation.invited_by})
    return user


def address(text: str) -> str:
    """An e-mail address as users are known by; raises TeamFault."""
    cleaned = text.strip().lower()
    try:
        validate_email(cleaned)
    except ValidationError:
        raise TeamFault("that is no e-mail address", remedy="Write it as name@example.org.") from None
    return cleaned


def _user(invitation: Invitation, name: str, email: str) -> User:
    """The user whom the invitation makes or means, with the name that they told."""
    cleaned = " ".join(name.split())
    if invitation.purpose == RESET:
        member = members.found(invitation.email)
        if not member.is_active:
            raise InvitationFault("you are not a member any more")
        return member
    if not 0 < len(cleaned) <= members.LONGEST_NAME:
        raise TeamFault("the name", remedy=f"Give a name of 1 to {members.LONGEST_NAME} characters.")
    model = apps.get_model("team", "User")
    whose = address(email) if invitation.purpose == FIRST else invitation.email
    user: User = _users().filter(email=whose).first() or model(email=whose, since=audit.now())
    if user.pk and user.is_active and invitation.purpose != FIRST:
        raise InvitationFault("you are a member already", remedy="Sign in.")
    user.name, user.role, user.is_active = cleaned, invitation.role, True
    return user


def _verify_address(user: User) -> None:
    """Tell allauth that the address is theirs: the link reached them there, or an admin vouched for it."""
    addresses = apps.get_model("account", "EmailAddress").objects
    addresses.filter(user=user).exclude(email=user.email).delete()
    addresses.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def _made(email: str, role: Role, purpose: str, invited_by: str, name: str = "") -> Invited:
    now = audit.now()
    with transaction.atomic():
        _open().filter(email=email, purpose=purpose).update(revoked_at=now)
        made = _invitations().create(
            email=email, name=name, role=role.value, invited_by=invited_by[:120], purpose=purpose,
            made_at=now, expires_at=now + VALID_FOR,
        )  # fmt: skip
    return Invited(made.pk, email, role, purpose, signing.Signer(salt=_SALT).sign(str(made.pk)))


def _open() -> Any:
    return _invitations().filter(Q(used_at__isnull=True, revoked_at__isnull=True, expires_at__gt=audit.now()))


def _invitations() -> Any:
    return apps.get_model("team", "Invitation").objects


def _users() -> Any:
    return apps.get_model("team", "User").objects
