"""The page Gifts: what is left of each pool, and a code that a customer used is noted once."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from touchline.delivery import gifts
from touchline.playbook.compiled import Gift
from touchline.workspace import outgoing
from touchline.workspace.opened import Workspace


def test_a_used_code_is_noted_once_by_who_may_serve_and_a_strange_one_is_refused(
    company: Workspace, client_of: Callable[..., Client]
) -> None:
    agent = client_of("agent")
    page = agent.get("/gifts/").content.decode()
    assert "left to give" in page
    assert "Tea codes" in page
    assert "31 Dec 2027" in page, "the last day on which one is given"
    (message,) = outgoing.page(most=1).to_dicts()
    code = gifts.take(
        message["message_id"],
        "anniversary",
        Gift("tea_codes"),
        company.playbook.pools["tea_codes"],
        company.clock.now(),
    )
    assert code is not None
    told = agent.post("/gifts/redeem", {"pool": "tea_codes", "code": f" {code} "}, follow=True).content.decode()
    assert "is noted as used" in told
    told = agent.post("/gifts/redeem", {"pool": "tea_codes", "code": code}, follow=True).content.decode()
    assert "noted already" in told
    strange = agent.post("/gifts/redeem", {"pool": "tea_codes", "code": "<b>none"})
    assert strange.status_code == 400
    assert 'value="&lt;b&gt;none"' in strange.content.decode()
    viewer = client_of("viewer")
    assert "gifts/redeem" not in viewer.get("/gifts/").content.decode()
    assert viewer.post("/gifts/redeem", {"pool": "tea_codes", "code": code}).status_code == 403
