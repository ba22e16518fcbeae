"""The page Conversations: what there is to say, to whom it would go, who is held, and the words for a real customer."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.test import Client

from touchline.workspace import outlook
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


def test_the_latest_of_a_conversation_is_found_by_its_index(office: Workspace) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM delivery_message WHERE conversation = %s ORDER BY id DESC LIMIT 1", ["x"]
        )
        plan = " ".join(str(row) for row in cursor.fetchall())
    assert "delivery_message_talk" in plan
    assert "TEMP B-TREE" not in plan
