"""One customer's page: the line, how it came about, permissions, identity with its undo."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from touchline.report import Setting
from touchline.report.story import sides
from touchline.workspace import portrait as portraits

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

As = Callable[..., Client]


@pytest.fixture
def known(company: Workspace) -> int:
    """The customer with the most readings."""
    table = company.relationships_table(measures=["experience.n"]).sort(
        "experience.n", descending=True, nulls_last=True
    )
    return int(table["customer"][0])


def test_the_line_and_the_list_say_the_same(company: Workspace, client_of: As, known: int) -> None:
    page = client_of("viewer").get(f"/customers/{known}/?line=whole").content.decode()
    drawn = re.findall(r'<a class="m [^>]*href="#(l-e\d+)"', page)
    listed = re.findall(r'<tr id="(l-e\d+)">', page)
    assert drawn
    assert sorted(drawn) == sorted(listed)


def test_a_portrait_has_the_measures_that_everybody_else_reads(company: Workspace, known: int) -> None:
    mine = portraits.portrait(company, known)
    names = ["stage", "experience.overall", "experience.n", "care.due", "value.balance", "dialogue.open"]
    table = company.relationships_table(customer=str(known), measures=names, as_of=mine.now).row(0, named=True)
    assert {name: mine.measures[name] for name in names} == pytest.approx({name: table[name] for name in names})
    explained = company.explanations([known], mine.now)[known]
    assert mine.explanation is not None
    assert [(c.name, c.eligible, c.proposed) for c in mine.explanation.candidates] == [
        (c.name, c.eligible, c.proposed) for c in explained.candidates
    ]


def test_the_readings_of_a_side_add_up_to_its_figure(company: Workspace, known: int) -> None:
    from touchline.console.customer import told_rows, weighed

    mine, setting = portraits.portrait(company, known), Setting.of(company.playbook)
    rows = told_rows(mine)
    overall = next(one for one in sides(rows, setting, mine.now) if one.name == "overall")
    parts = weighed(rows, setting, mine.now, "overall")
    assert overall.estimate is not None
    assert sum(one.share * one.reading for one in parts) == pytest.approx(overall.estimate.value, abs=1e-6)
    assert sum(one.share for one in parts) < 1


def test_every_way_off_the_page_answers(client_of: As, known: int) -> None:
    client = client_of("viewer")
    page = client.get(f"/customers/{known}/").content.decode()
    for href in sorted({*re.findall(rf'href="(/customers/{known}/[^"#]+)"', page)}):
        assert client.get(href).status_code == 200, href
    assert client.get(f"/customers/{known}/experience/colour/").status_code == 404
    for number in ("999999999", "9" * 18, "9" * 19, str(2**63), "9" * 400):
        for rest in ("", "decisions/", "experience/overall/"):
            assert client.get(f"/customers/{number}/{rest}").status_code == 404, number[:30]
        assert (
            client_of("agent").post(f"/customers/{number}/told", {"trait": "city", "value": "Ulm"}).status_code == 404
        )
        assert client.get("/desk/", {"q": known, "call": number}).status_code == 200


def test_a_persona_that_was_linked_leads_to_its_customer(company: Workspace, client_of: As) -> None:
    linked = company.people().filter(company.people()["persona_id"] != company.people()["customer"]).row(0, named=True)
    answer = client_of("viewer").get(f"/customers/{linked['persona_id']}/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/customers/{linked['customer']}/")


def test_what_comes_next_loads_by_itself_until_the_rates_are_learnt(
    company: Workspace, client_of: As, known: int
) -> None:
    company.stores.forget("rates for pages")
    client = client_of("viewer")
    assert f'hx-get="/customers/{known}/?next=1"' in client.get(f"/customers/{known}/").content.decode()
    part = client.get(f"/customers/{known}/?next=1", headers={"HX-Request": "true"}).content.decode()
    assert "explain all" in part
    assert "hx-get" not in client.get(f"/customers/{known}/").content.decode().partition('id="next"')[2][:600]


def test_parting_a_persona_can_be_undone_by_merging(company: Workspace, client_of: As, known: int) -> None:
    client = client_of("agent")
    personas = [one["persona_id"] for one in portraits.portrait(company, known).personas]
    gone = personas[-1]
    client.post(f"/customers/{known}/split", {"persona": [str(gone)], "why": "another person's"})
    assert company.customer(str(gone)) != known
    client.post(f"/customers/{known}/merge", {"other": str(gone), "why": "it was theirs"})
    assert company.customer(str(gone)) == known
    page = client.get(f"/customers/{known}/").content.decode()
    assert "it was theirs" in page
    assert [one.operation for one in company.audit()][:2] == ["people.merge", "people.split"]


def test_a_viewer_may_look_and_change_nothing(company: Workspace, client_of: As, known: int) -> None:
    client = client_of("viewer")
    assert "/merge" not in client.get(f"/customers/{known}/").content.decode()
    before = company.people()
    for where in ("split", "merge", "consent", "told", "export"):
        assert client.post(f"/customers/{known}/{where}", {"other": "1", "persona": "1"}).status_code == 403, where
    assert company.people().equals(before)


def test_a_refusal_told_here_is_in_force_at_once_and_only_for_the_customers_own_address(
    company: Workspace, client_of: As, known: int
) -> None:
    mine = portraits.portrait(company, known)
    mail = next(one["persona_id"] for one in mine.personas if one["type"] == "email")
    client = client_of("agent")
    told = {"say": "refuse", "purpose": "selling", "address": f"{mail}:email", "words": "no more"}
    client.post(f"/customers/{known}/consent", told)
    consents = portraits.portrait(company, known).permissions.consents.to_dicts()
    selling = [one for one in consents if (one["purpose"], one["channel"]) == ("selling", "email")]
    assert selling
    assert not any(one["in_force"] for one in selling)
    other = next(one for one in company.people()["customer"].unique().sort().to_list() if one != known)
    client.post(f"/customers/{other}/consent", {**told, "say": "allow"})
    assert not any(
        one["in_force"]
        for one in portraits.portrait(company, known).permissions.consents.to_dicts()
        if one["purpose"] == "selling" and one["channel"] == "email"
    )


def test_a_name_that_is_script_stays_text(company: Workspace, client_of: As, known: int) -> None:
    client = client_of("agent")
    client.post(f"/customers/{known}/told", {"trait": "name", "value": "<script>alert(1)</script>"})
    for url in (f"/customers/{known}/", f"/desk/?q={known}", "/customers/?now=1", f"/customers/{known}/decisions/"):
        page = client.get(url).content.decode()
        assert "<script>alert" not in page, url
    assert "&lt;script&gt;alert(1)" in client.get(f"/customers/{known}/").content.decode()
