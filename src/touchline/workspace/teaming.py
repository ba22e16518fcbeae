"""In: a workspace and its actor. Out: its team, changed and audited in one transaction. Writes no interactions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from touchline.kernel.errors import FaultsFound
from touchline.team import invitations, keys, letters, members
from touchline.workspace import acting

if TYPE_CHECKING:
    from touchline.team.models import User
    from touchline.workspace.opened import Workspace


def create_key(workspace: Workspace, name: str, scope: str) -> keys.NewKey:
    """A machine's key; raises KeyFault."""
    made = keys.create(name, scope, made_by=workspace.actor.name)
    acting.note(f"key {made.id}", name=made.name, scope=made.scope)
    return made


def invite(workspace: Workspace, email: str, role: str, name: str = "") -> invitations.Invited:
    """Ask somebody to join; raises TeamFault, UnknownName."""
    with transaction.atomic():
        made = invitations.invite(email, members.role_of(role), name=name, invited_by=workspace.actor.name)
        acting.note(f"invitation {made.id}", role=made.role.value)
    return _mailed(workspace, made)


def reset_password(workspace: Workspace, who: int | str) -> invitations.Invited:
    """Let a member set a new password; raises UnknownName."""
    user = members.found(who)
    with transaction.atomic():
        made = invitations.reset(user, invited_by=workspace.actor.name)
        acting.note(f"user {user.pk}")
    return _mailed(workspace, made)


def set_role(who: int | str, role: str) -> User:
    """Give a member another role; raises TeamFault, UnknownName."""
    user, wanted = members.found(who), members.role_of(role)
    before = user.role
    members.set_role(user, wanted)
    acting.note(f"user {user.pk}", before=before, after=wanted.value)
    return user


def set_active(who: int | str, active: bool) -> User:
    """Let a member in or out; raises TeamFault, UnknownName."""
    user = members.found(who)
    members.set_active(user, active)
    acting.note(f"user {user.pk}", active=active)
    return user


def link(workspace: Workspace, invited: invitations.Invited) -> str:
    """The whole link of an invitation that was just made."""
    return f"{workspace.settings.public_url}/join/{invited.token}/"


def sender(workspace: Workspace) -> str | None:
    """The address that the organisation writes from; None where its playbook says none, or has faults."""
    try:
        brands = workspace.playbook.organisation.brand_details.values()
    except FaultsFound:
        return None
    return next((brand.from_email for brand in brands if brand.from_email), None)


def _mailed(workspace: Workspace, made: invitations.Invited) -> invitations.Invited:
    """Send the link, where a server and an address to write from are known; after the commit, since a server takes its time."""
    server, address = workspace.settings.smtp_url, sender(workspace)
    if server is None or address is None:
        return made
    sent = letters.send(
        made,
        link(workspace, made),
        server_url=server,
        sender=address,
        organisation=workspace.playbook.organisation.name,
    )
    return replace(made, mailed=sent)
