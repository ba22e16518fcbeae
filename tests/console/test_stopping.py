"""Stopping and test sends on the pages: one press, who may, whose name is shown; a test reaches its member and nobody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from tests.delivery.offers import known, messages, proposal, reserved
from tests.faces import member
from tests.workspace.mailbox import Mailbox, serving
from touchline.team import audit
from touchline.workspace import trials

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

TALK = "claim_survey"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(member(role))
    return client


def test_all_sending_is_stopped_and_resumed_by_who_may_and_the_outbox_says_by_whom(office: Workspace) -> None:
    reserved(proposal(known(1)[0]), now=office.clock.now())
    marketer, agent = signed_in("marketer"), signed_in("agent")
    assert "Stop all sending" in marketer.get("/outbox/").content.decode()
    assert "Stop all sending" not in agent.get("/outbox/").content.decode()
    assert agent.post("/sending/stop", {"sort": "all"}).status_code == 403
    assert office.stops() == []
    answer = marketer.post("/sending/stop", {"sort": "all", "back": "//elsewhere.example/"})
    assert (answer.status_code, answer["Location"]) == (302, "/outbox/")
    page = agent.get("/outbox/").content.decode()
    assert "1 of 1 waiting message is stopped by hand" in page
    assert "Everything but what is owed" in page
    assert "<bdi>Ada Marketer</bdi>" in page
    assert "Resume" not in page
    assert messages()[0]["reason"] == "stopped_by_hand"
    assert "By <bdi>Ada Marketer</bdi> since" in agent.get("/today/messages").content.decode()
    assert marketer.post("/sending/stop", {"sort": "all", "service_too": "yes"}).status_code == 302
    assert office.stops()[0].service_too
    assert marketer.post("/sending/resume", {"sort": "all", "back": "/outbox/"}).status_code == 302
    assert messages()[0]["reason"] == ""
    assert marketer.post("/sending/stop", {"sort": "conversation", "name": "no\x00thing"}).status_code == 404
    assert [(one.operation, one.about) for one in audit.entries(operation="sending.", limit=9)] == [
        ("sending.resume", "everything"),
        ("sending.stop", "everything"),
        ("sending.stop", "everything"),
    ]


def test_a_conversation_says_that_it_is_stopped_and_with_its_programme(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    marketer, viewer = client_of("marketer"), client_of("viewer")
    marketer.post("/sending/stop", {"sort": "programme", "name": "renewal"})
    page = viewer.get("/conversations/renewal_letter/").content.decode()
    assert "The programme renewal" in page
    assert "Ada Marketer" in page
    assert "It is stopped" in viewer.get("/conversations/renewal_letter/?now=1").content.decode()
    assert "Stopped by hand" not in viewer.get(f"/conversations/{TALK}/").content.decode()
    assert viewer.get("/conversations/").content.decode().count("stopped by hand") >= 2
    customer = company.people()["customer"][0]
    assert company.explain(str(customer))["stopped"].keys() >= {"renewal_letter", "renewal_thanks"}
    marketer.post("/sending/resume", {"sort": "programme", "name": "renewal"})
    assert "Stopped by hand" not in viewer.get("/conversations/renewal_letter/").content.decode()


@pytest.fixture
def post(company: Workspace) -> Iterator[Mailbox]:
    """The company with a mail server of its own."""
    before = company.settings
    with serving() as (mailbox, url):
        company.settings = replace(before, smtp_url=url)
        yield mailbox
    company.settings = before


def readable(company: Workspace) -> int:
    """A customer of whom all is known that the words need."""
    everybody = company.people()["customer"].unique().sort()
    return next(int(one) for one in everybody if not company.preview(TALK, str(one))["missing"])


@pytest.mark.network
def test_a_test_reaches_the_member_alone_with_harmless_links_and_leaves_no_trace_of_the_customer(
    company: Workspace, client_of: Callable[..., Client], post: Mailbox
) -> None:
    marketer, customer = client_of("marketer"), readable(company)
    count, seq = company.message_counts(), company.ledger.last_seq()
    assert "Send a test to me" in marketer.get(f"/conversations/{TALK}/?customer={customer}").content.decode()
    asked = {"customer": str(customer), "to": "eve@elsewhere.example", "email": "eve@elsewhere.example"}
    assert marketer.post(f"/conversations/{TALK}/test", asked).status_code == 302
    ((to, mail),) = post.accepted
    assert to == "marketer@lantern.example"
    assert str(mail["Subject"]) == f"[test] {company.preview(TALK, str(customer))['subject']}"
    assert mail["List-Unsubscribe"] is None
    body = "".join(part.get_content() for part in mail.walk() if part.get_content_maintype() == "text")
    links = set(re.findall(r"/u/([\w/.:=-]+)", body))
    assert links == {"preview"}
    assert Client().post("/u/preview").status_code == 404
    assert (company.message_counts(), company.ledger.last_seq()) == (count, seq)
    assert company.pending().height == 0
    (entry,) = audit.entries(operation=trials.OPERATION, limit=1)
    assert (entry.actor_name, entry.about, entry.details) == (
        "Ada Marketer",
        f"conversation {TALK}",
        {"customer": customer},
    )
    for _ in range(trials.AT_MOST + 1):
        marketer.post(f"/conversations/{TALK}/test", asked)
    assert len(post.accepted) == trials.AT_MOST
    assert "tests a minute" in marketer.get("/conversations/").content.decode()
    assert client_of("agent").post(f"/conversations/{TALK}/test", asked).status_code == 403


def test_without_a_server_or_a_member_no_test_is_sent(company: Workspace, client_of: Callable[..., Client]) -> None:
    admin, customer = client_of("admin"), readable(company)
    page = admin.get(f"/conversations/{TALK}/?customer={customer}").content.decode()
    assert "set <code>TOUCHLINE_SMTP_URL</code>" in page
    assert admin.post(f"/conversations/{TALK}/test", {"customer": str(customer)}).status_code == 302
    assert "TOUCHLINE_SMTP_URL" in admin.get("/conversations/").content.decode()
    with pytest.raises(trials.TrialFault, match="whoever asks for it"):
        company.send_test(TALK, str(customer))
