"""The page Conversations: what there is to say, to whom it would go, who is held, and the words for a real customer."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client

from touchline.delivery.states import SAID
from touchline.report import figures
from touchline.workspace import listing, meant, outlook
from touchline.workspace.opened import Workspace

LAZILY = {"HX-Request": "true"}


def test_the_list_is_there_at_once_and_its_counts_agree_with_the_decision(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    viewer = client_of("viewer")
    page = viewer.get("/conversations/").content.decode()
    assert "22 conversations, 3 programmes" in page
    assert 'href="/conversations/claim_survey/"' in page
    assert "stand there" not in page, "counts come by themselves"
    part = viewer.get("/conversations/", headers=LAZILY).content.decode()
    assert "<html" not in part
    assert "stand there" in part
    decided = company.decide(dry_run=True)
    told = outlook.outlook(company)
    assert told.customers == decided.summary["customers"]
    assert {name: reach.goes for name, reach in told.reach.items()} == decided.summary["by_conversation"]
    assert all(reach.goes <= reach.open <= reach.reached for reach in told.reach.values())
    held: dict[str, int] = {}
    for reach in told.reach.values():
        for policy, n in reach.held:
            assert 0 < n <= reach.reached
            held[policy] = max(held.get(policy, 0), n)
    assert held.keys() == {policy for policy, n in decided.summary["held"].items() if n}
    assert all(n <= decided.summary["held"][policy] for policy, n in held.items())


def test_a_conversation_is_read_as_a_real_customer_would_and_says_who_is_held(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    viewer = client_of("viewer")
    page = viewer.get("/conversations/welcome_letter/").content.decode()
    assert "Welcome letter: " in page
    assert "who is held by what is being counted" in page
    number = company.people()["customer"][0]
    seen = viewer.get(f"/conversations/welcome_letter/?customer={number}").content.decode()
    assert f"customer {number}</a>, by post" in seen
    told = company.preview("welcome_letter", str(number))
    assert told["missing"] == []
    paper = re.search(r'href="(/conversations/welcome_letter/letter[^"]+)"', seen)
    assert paper is not None
    assert viewer.get(paper[1].replace("&amp;", "&")).content.startswith(b"%PDF-")
    read = company.preview("claim_survey", str(number))
    mail = viewer.get(f"/conversations/claim_survey/?customer={number}").content.decode()
    assert ("It would be held" if read["missing"] else 'class="words"') in mail
    assert viewer.get(f"/conversations/claim_survey/letter?customer={number}").status_code in (400, 404)
    wrong = viewer.get("/conversations/welcome_letter/?customer=<b>nobody&way=pigeon:x").content.decode()
    assert 'id="p-fault"' in wrong
    assert "<b>nobody" not in wrong
    assert "It fits" in viewer.get("/conversations/welcome_letter/", headers=LAZILY).content.decode()
    assert viewer.get("/conversations/nothing/").status_code == 404


def test_the_lists_that_a_page_leads_to_hold_whom_it_counts(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    told, compared = outlook.outlook(company), 0
    steps = {step.conversation for one in company.playbook.programmes.values() for step in one.steps}
    for name, reach in told.reach.items():
        if name in steps or not reach.reached:
            continue  # a decision moves who stands in a programme on first
        where = meant.fits(company.plan, name)
        assert where is not None
        assert listing.counted(company, where) == reach.reached, name
        for policy, n in reach.held:
            asked = meant.held(company.plan, name, policy)
            assert asked is not None
            assert listing.counted(company, asked) == n, (name, policy)
            compared += 1
    assert compared > 3
    name = next(name for name, reach in told.reach.items() if reach.held and name not in steps)
    part = client_of("viewer").get(f"/conversations/{name}/", headers=LAZILY).content.decode()
    assert "/customers/?where=" in part


def test_each_step_says_who_stands_there_in_which_arm_and_what_was_said(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    stands = outlook.standing(company)
    everybody = company.relationships_table(measures=["programme.welcome.step", "programme.welcome.arm"])
    here = everybody.filter(everybody["programme.welcome.step"] > 0)
    places = stands.places["welcome"]
    assert sum(place.n for place in places.values()) == here.height > 0
    held_out = sum(place.control for place in places.values())
    assert held_out == here.filter(here["programme.welcome.arm"] == "control").height > 0
    went = sum(n for state, n in stands.said["welcome_letter"].items() if state in SAID)
    part = client_of("viewer").get("/conversations/", headers=LAZILY).content.decode()
    assert f"{figures.number(went)} went so far" in part
    place, most = max(places.items(), key=lambda one: one[1].n)
    assert f"<b>{most.n}</b> stand" in part
    where = f"programme.welcome.step = {place}"
    assert urlencode({"where": where}) in part
    assert listing.counted(company, where) == most.n
    assert 'class="branch"' in part


@pytest.mark.sqlite
def test_the_latest_of_a_conversation_is_found_by_its_index(office: Workspace) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM delivery_message WHERE conversation = %s ORDER BY id DESC LIMIT 1", ["x"]
        )
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "delivery_message_talk" in plan
    assert "TEMP B-TREE" not in plan
