"""Joining: only by a link, once, for a week; and somebody can always administer."""

from __future__ import annotations

import pytest

from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY
from touchline.team import audit, invitations, members
from touchline.team.invitations import InvitationFault
from touchline.team.members import TeamFault
from touchline.team.models import Invitation, User
from touchline.team.roles import Role
from touchline.workspace.opened import Workspace

SECRET = "a long enough password"


def _join(office: Workspace, email: str, role: str) -> User:
    return invitations.take_up(office.invite(email, role).token, name="Ada", password=SECRET)


def test_an_invitation_makes_a_member_with_its_role_once(office: Workspace) -> None:
    made = office.invite("Ada@Lantern.example ", "marketer")
    user = invitations.take_up(made.token, name=" Ada  Byron ", password=SECRET)
    assert (user.email, user.name, user.role) == ("ada@lantern.example", "Ada Byron", "marketer")
    assert User.objects.get(pk=user.pk).check_password(SECRET)
    with pytest.raises(InvitationFault):
        invitations.take_up(made.token, name="Eve", password=SECRET)
    assert len(office.team()) == 1
    assert office.invitations() == []


def test_a_changed_link_is_nobody_s(office: Workspace) -> None:
    made = office.invite("ada@lantern.example", "viewer")
    number, _, signature = made.token.partition(":")
    for wrong in (f"{int(number) + 1}:{signature}", f"{number}:A{signature}", number, "", ":", "x:y"):
        with pytest.raises(InvitationFault):
            invitations.read(wrong)


def test_a_link_of_another_workspace_is_nobody_s(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    made = office.invite("ada@lantern.example", "viewer")
    monkeypatch.setattr(settings, "SECRET_KEY", "another secret")
    with pytest.raises(InvitationFault):
        invitations.read(made.token)


def test_a_link_holds_seven_days(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.invite("ada@lantern.example", "viewer")
    begun = audit.now()
    monkeypatch.setattr(audit, "now", lambda: begun + 7 * DAY - 60_000_000)
    assert invitations.read(made.token).pk == made.id
    monkeypatch.setattr(audit, "now", lambda: begun + 7 * DAY + 60_000_000)
    with pytest.raises(InvitationFault):
        invitations.read(made.token)


def test_a_withdrawn_or_repeated_invitation_ends_the_link(office: Workspace) -> None:
    first, second = (office.invite("ada@lantern.example", "viewer") for _ in range(2))
    with pytest.raises(InvitationFault):
        invitations.read(first.token)
    assert office.withdraw_invitation(second.id)
    assert not office.withdraw_invitation(second.id)
    with pytest.raises(InvitationFault):
        invitations.read(second.token)
    with pytest.raises(UnknownName):
        office.withdraw_invitation(second.id + 1)


def test_a_member_is_not_invited_again_and_nobody_without_an_address(office: Workspace) -> None:
    _join(office, "ada@lantern.example", "viewer")
    for wrong in ("ada@lantern.example", "ADA@lantern.example", "nobody", "a@b\nBcc: c@d.example"):
        with pytest.raises(TeamFault):
            office.invite(wrong, "viewer")
    with pytest.raises(UnknownName):
        office.invite("eve@lantern.example", "owner")


def test_the_first_admin_tells_their_own_address_and_there_is_one_first(office: Workspace) -> None:
    stale, made = invitations.first(), invitations.first()
    with pytest.raises(InvitationFault):
        invitations.read(stale.token)
    user = invitations.take_up(made.token, name="Ada", password=SECRET, email="Ada@lantern.example")
    assert (user.email, user.role) == ("ada@lantern.example", "admin")
    assert members.has_admin()
    with pytest.raises(TeamFault):
        invitations.first()


def test_a_link_to_become_the_first_admin_ends_with_the_first_admin(office: Workspace) -> None:
    made = invitations.first()
    _join(office, "ada@lantern.example", "admin")
    with pytest.raises(InvitationFault):
        invitations.take_up(made.token, name="Eve", password=SECRET, email="eve@lantern.example")


def test_a_new_password_is_set_by_a_link_of_its_own(office: Workspace) -> None:
    user = _join(office, "ada@lantern.example", "agent")
    made = office.reset_password("ada@lantern.example")
    invitations.take_up(made.token, name="Somebody else", password="another long password")
    now = User.objects.get(pk=user.pk)
    assert now.check_password("another long password")
    assert (now.name, now.role) == ("Ada", "agent")


def test_the_last_admin_stays_one(office: Workspace) -> None:
    only = _join(office, "ada@lantern.example", "admin")
    for attempt in (lambda: office.set_role(only.pk, "viewer"), lambda: office.set_active(only.pk, active=False)):
        with pytest.raises(TeamFault, match="nobody would be left"):
            attempt()
    _join(office, "eve@lantern.example", "admin")
    office.acting_as(only.actor).set_role(only.pk, "viewer")
    assert User.objects.get(pk=only.pk).role == Role.VIEWER


def test_who_is_let_out_cannot_come_back_by_an_old_password_or_link(office: Workspace) -> None:
    _join(office, "ada@lantern.example", "admin")
    eve = _join(office, "eve@lantern.example", "agent")
    link = office.reset_password(eve.pk).token
    office.set_active(eve.pk, active=False)
    assert not User.objects.get(pk=eve.pk).has_usable_password()
    with pytest.raises(InvitationFault):
        invitations.take_up(link, name="Eve", password=SECRET)
    back = _join(office, "eve@lantern.example", "viewer")
    assert (back.pk, back.role, back.is_active) == (eve.pk, "viewer", True)


def test_two_who_take_up_one_invitation_make_one_member(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.invite("ada@lantern.example", "viewer")
    read = invitations.read

    def slow(token: str) -> Invitation:
        found = read(token)
        Invitation.objects.filter(pk=found.pk).update(used_at=1)  # somebody else was quicker
        return found

    monkeypatch.setattr(invitations, "read", slow)
    with pytest.raises(InvitationFault):
        invitations.take_up(made.token, name="Eve", password=SECRET)
    assert office.team() == []
