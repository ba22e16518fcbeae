"""The page Team: an admin decides who works here and what they may do; a link is shown once; nobody else sees the page."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.faces import PASSWORD, member
from touchline.team import audit
from touchline.team.models import User
from touchline.workspace.opened import Workspace

pytestmark = pytest.mark.usefixtures("office")


def signed_in(role: str = "admin") -> Client:
    client = Client()
    client.force_login(member(role))
    return client


def test_an_admin_invites_somebody_whose_link_is_shown_once_and_lets_them_join(office: Workspace) -> None:
    admin = signed_in()
    told = admin.post("/team/invite", {"email": "Eve@Lantern.example", "role": "agent", "name": "<script>Eve</script>"})
    page = told.content.decode()
    link = re.search(r"<code id=\"made\">http[^<]*(/join/[^<]+)</code>", page)
    assert link is not None
    assert told["Cache-Control"] == "no-store"
    again = admin.get("/team/").content.decode()
    assert link[1] not in again
    assert "eve@lantern.example" in again
    assert "1 person works here, 1 admin among them; 1 invitation not taken up yet" in again
    joined = Client().post(
        link[1], {"name": "Eve <b>", "password1": PASSWORD, "password2": PASSWORD, "password": PASSWORD}
    )
    assert joined.status_code == 302
    shown = admin.get("/team/").content.decode()
    assert "Eve &lt;b&gt;" in shown
    assert "Eve <b>" not in shown
    assert Client().get(link[1]).status_code in (400, 404, 410)


def test_an_invitation_that_was_withdrawn_opens_nothing() -> None:
    admin = signed_in()
    page = admin.post("/team/invite", {"email": "eve@lantern.example", "role": "agent"}).content.decode()
    link = re.search(r"(/join/[^<]+)</code>", page)
    withdraw = re.search(r'action="(/team/invitations/\d+/withdraw)"', page)
    assert link is not None
    assert withdraw is not None
    assert admin.post(withdraw[1]).status_code == 302
    assert Client().get(link[1]).status_code in (400, 404, 410)
    assert "withdraw" not in admin.get("/team/").content.decode().split("Not taken up yet")[1].split("Ask somebody")[0]


def test_roles_are_changed_and_the_last_admin_stays_one() -> None:
    admin, agent = signed_in(), member("agent")
    assert isinstance(agent, User)
    assert admin.post(f"/team/{agent.pk}/role", {"role": "marketer"}).status_code == 302
    assert User.objects.get(pk=agent.pk).role == "marketer"
    assert [one.operation for one in audit.entries(limit=1)] == ["team.role"]
    own = User.objects.get(role="admin")
    refused = admin.post(f"/team/{own.pk}/role", {"role": "viewer"})
    assert refused.status_code == 400
    assert "nobody would be left to administer" in refused.content.decode()
    assert admin.post(f"/team/{own.pk}/active", {"active": "no"}).status_code == 400
    assert User.objects.get(pk=own.pk).is_active


def test_whoever_is_let_out_is_signed_out_and_a_reset_link_is_shown_once() -> None:
    admin, agent = signed_in(), signed_in("agent")
    number = User.objects.get(role="agent").pk
    assert "/join/" in admin.post(f"/team/{number}/reset").content.decode()
    assert admin.post(f"/team/{number}/active", {"active": "no"}).status_code == 302
    assert agent.get("/team/").status_code in (302, 403)
    assert "let out" in admin.get("/team/").content.decode()


def test_a_fault_keeps_what_was_typed_and_unknown_names_are_not_found() -> None:
    admin = signed_in()
    told = admin.post("/team/invite", {"email": "no address", "role": "agent", "name": "Eve"})
    assert told.status_code == 400
    assert 'value="no address"' in told.content.decode()
    assert admin.post("/team/invite", {"email": "e@e.example", "role": "king"}).status_code == 404
    assert admin.post(f"/team/{10**19}/role", {"role": "agent"}).status_code == 404


@pytest.mark.parametrize("path", ["/team/", "/keys/", "/audit/", "/audit/export"])
def test_only_an_admin_sees_team_keys_and_audit(path: str) -> None:
    marketer = signed_in("marketer")
    assert marketer.get(path).status_code == 403
    assert f'href="{path}"' not in marketer.get("/keys/").content.decode()
    assert signed_in().get(path).status_code == 200
    assert Client().get(path).status_code == 302


@pytest.mark.parametrize(
    "path", ["/team/invite", "/team/invitations/1/withdraw", "/team/1/reset", "/team/1/role", "/team/1/active", "/keys/create", "/keys/1/revoke"]
)  # fmt: skip
def test_only_an_admin_changes_team_and_keys_and_only_by_a_form_of_ours(path: str) -> None:
    assert signed_in("marketer").post(path, {"role": "admin"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(member("admin"))
    assert strict.post(path, {"role": "admin"}).status_code == 403
    assert strict.get(path).status_code == 405
