"""Links go out by e-mail where there is a server, and are shown in any case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.workspace.lively import make
from tests.workspace.mailbox import serving
from touchline.site.entry import open_workspace
from touchline.team import invitations
from touchline.workspace.opened import Workspace


@pytest.fixture
def lantern(database: Path, tmp_path: Path, quick_passwords: None) -> Workspace:
    """An organisation with an address to write from."""
    return open_workspace(make(tmp_path / "w", customers=1))


@pytest.mark.network
def test_the_invited_get_their_link_by_mail_and_so_do_those_who_forgot(lantern: Workspace) -> None:
    with serving() as (mailbox, url):
        lantern.settings = replace(lantern.settings, smtp_url=url)
        made = lantern.invite("ada@elsewhere.example", "agent")
        assert made.mailed
        invitations.take_up(made.token, name="Ada", password="a long enough password")
        assert lantern.reset_password("ada@elsewhere.example").mailed
    (_, join), (_, reset) = mailbox.accepted
    assert (join["To"], join["From"]) == ("ada@elsewhere.example", "care@lantern.example")
    assert lantern.invitation_link(made) in join.get_payload()
    assert "Lantern" in join["Subject"]
    assert "/join/" in reset.get_payload()


@pytest.mark.network
def test_a_server_that_refuses_costs_nothing_but_the_mail(lantern: Workspace) -> None:
    with serving() as (mailbox, url):
        mailbox.refuses["ada@elsewhere.example"] = "550 5.1.1 nobody here"
        lantern.settings = replace(lantern.settings, smtp_url=url)
        made = lantern.invite("ada@elsewhere.example", "agent")
    lantern.settings = replace(lantern.settings, smtp_url="smtp://127.0.0.1:9")
    again = lantern.invite("ada@elsewhere.example", "agent")
    assert (made.mailed, again.mailed) == (False, False)
    assert invitations.read(again.token).email == "ada@elsewhere.example"


def test_without_a_server_the_link_is_only_shown(lantern: Workspace) -> None:
    made = lantern.invite("ada@elsewhere.example", "agent")
    assert not made.mailed
    assert lantern.invitation_link(made).endswith(f"/join/{made.token}/")
