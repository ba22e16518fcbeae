"""The page behind an invitation's link."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.faces import PASSWORD, member
from touchline.team import audit, invitations
from touchline.team.models import User
from touchline.workspace.opened import Workspace


def test_the_link_lets_the_invited_set_name_and_password_once(office: Workspace) -> None:
    link = f"/join/{office.invite('ada@lantern.example', 'marketer').token}/"
    client = Client()
    page = client.get(link)
    assert page.status_code == 200
    assert "ada@lantern.example" in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]
    answer = client.post(link, {"name": "Ada", "password": PASSWORD, "email": "eve@x.example", "role": "admin"})
    assert answer.headers["Location"] == "/"
    user = User.objects.get()
    assert (user.email, user.role) == ("ada@lantern.example", "marketer")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert client.get(link).status_code == 410
    assert client.post(link, {"name": "Eve", "password": PASSWORD}).status_code == 410
    entered, joined, invited = audit.entries()
    assert (entered.operation, entered.actor_id) == ("access.sign_in", user.pk)
    assert (joined.operation, joined.actor_id, joined.about) == ("team.join", user.pk, f"user {user.pk}")
    assert (invited.operation, invited.actor_kind) == ("team.invite", "terminal")


@pytest.mark.parametrize("password", ["short", "1234567890123", "password123", "ada@lantern.example", ""])
def test_a_weak_password_is_refused_and_the_link_still_holds(office: Workspace, password: str) -> None:
    made = office.invite("ada@lantern.example", "viewer")
    answer = Client().post(f"/join/{made.token}/", {"name": "Ada", "password": password})
    assert answer.status_code == 400
    assert not User.objects.exists()
    assert invitations.read(made.token).pk == made.id


def test_the_first_admin_tells_who_they_are(office: Workspace) -> None:
    link = f"/join/{invitations.first().token}/"
    client = Client()
    assert client.post(link, {"name": "Ada", "password": PASSWORD, "email": "nobody"}).status_code == 400
    assert client.post(link, {"name": "Ada", "password": PASSWORD, "email": "ada@lantern.example"}).status_code == 302
    assert User.objects.get().role == "admin"
    assert client.get(link).status_code == 410


def test_a_new_password_does_not_go_round_the_second_factor(office: Workspace) -> None:
    user = member("agent")
    client = Client()
    answer = client.post(f"/join/{office.reset_password(user.pk).token}/", {"password": "another long password"})
    assert answer.headers["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in client.session


def test_a_made_up_link_shows_nothing_and_trying_links_is_throttled(office: Workspace) -> None:
    statuses = [Client().get("/join/1:abc/").status_code for _ in range(22)]
    assert statuses[:20] == [410] * 20
    assert statuses[20:] == [429, 429]


@pytest.mark.parametrize(
    "path",
    ["/join/%00/", "/join/%ff/", f"/join/{'a' * 5000}/", "/join/1:%F0%9F%92%A9/", "/join/99999999999999999999999:x/",
     "/accounts/login/?next=%00", "/accounts/login/?next=//evil.example", "/accounts/password/reset/key/x-y/",
     "/accounts/2fa/authenticate/", "/accounts/reauthenticate/", f"/accounts/login/?{'a=b&' * 3000}", "/%00", "/static/%2e%2e/x"],
)  # fmt: skip
def test_odd_paths_are_answered_without_a_fault(office: Workspace, path: str) -> None:
    assert Client(raise_request_exception=False).get(path).status_code < 500
    odd = {"login": "\x00", "password": "\uffff", "name": "\x00", "code": "x" * 9000}
    assert Client(raise_request_exception=False).post(path, odd).status_code < 500


def test_an_invitation_takes_no_odd_words(office: Workspace) -> None:
    link = f"/join/{office.invite('ada@lantern.example', 'viewer').token}/"
    for name in ("\x00", "a" * 121, " ", "\u202e"):
        answer = Client(raise_request_exception=False).post(link, {"name": name, "password": PASSWORD})
        assert answer.status_code in (302, 400), name
    assert User.objects.count() <= 1


def test_words_from_outside_are_escaped(office: Workspace) -> None:
    made = office.invite("ada@lantern.example", "viewer", name="<script>alert(1)</script>")
    text = Client().get(f"/join/{made.token}/").content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
