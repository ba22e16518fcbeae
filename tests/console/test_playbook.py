"""The pages of the playbook: faults as one types, the difference, what would change for how many, who may do what; and Policies."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.faces import member
from touchline.playbook.texts import authored_text, digest
from touchline.workspace import drafting, forecasting, outlook, versions
from touchline.workspace.opened import Workspace

As = Callable[..., Client]
LAZILY = {"HX-Request": "true"}
STAGES = "playbook/stages.yaml"
POLICIES = "playbook/policies.yaml"
OFFER = "playbook/conversations/cover_offer.yaml"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(member(role))
    return client


def begun(client: Client, file: str) -> str:
    """The editor's address of a file in a new draft."""
    answer = client.post("/playbook/new", {"file": file})
    assert answer.status_code == 302
    return str(answer["Location"])


def save(client: Client, where: str, text: str, **more: str) -> int:
    page = client.get(where).content.decode()
    held = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("base", "seen")}  # type: ignore[index] # they are there
    return int(client.post(where, {**held, "text": text, "do": "save", **more}).status_code)


def test_from_the_list_to_a_live_version(office: Workspace) -> None:
    ada, eve = signed_in("marketer"), signed_in("admin")
    page = ada.get("/playbook/").content.decode()
    assert "Version 1 is live, as the folder holds it" in page
    assert f'href="/playbook/files/{STAGES}"' in page
    assert 'id="L3"' in ada.get(f"/playbook/files/{STAGES}").content.decode()
    where = begun(ada, STAGES)
    text = (authored_text(office.settings.root, STAGES) or "") + "# <script>alert(1)</script>\r\n"
    assert save(ada, where, text) == 302
    number = versions.listed(1)[0].number
    draft = ada.get("/playbook/drafts/1/").content.decode()
    assert "<ins># &lt;script&gt;alert(1)&lt;/script&gt;</ins>" in draft
    assert "1 in, 0 out" in draft
    assert "No fault." in ada.get("/playbook/drafts/1/?part=faults", headers=LAZILY).content.decode()
    ada.post("/playbook/drafts/1/do", {"do": "propose", "title": "Spring & more"})
    page = eve.get("/playbook/").content.decode()
    assert "1 change of the playbook waits for approval" in page
    assert "Spring &amp; more" in page
    assert "Approve, and let it go live" not in ada.get("/playbook/drafts/1/").content.decode()
    approval = eve.get("/playbook/drafts/1/").content.decode()
    revision = re.search(r'name="revision" value="(\d+)"', approval)
    assert revision is not None
    assert "somebody else may" in _toast(ada, {"do": "approve", "revision": revision[1]})
    assert "was changed since you looked" in _toast(eve, {"do": "approve", "revision": "9999"})
    assert "live as version 2" in _toast(eve, {"do": "approve", "revision": revision[1]})
    assert (authored_text(office.settings.root, STAGES) or "").endswith("</script>\n")
    assert "Version 2 is live, by Ada Marketer: Spring &amp; more" in ada.get("/playbook/").content.decode()
    assert "&lt;script&gt;" in ada.get("/playbook/versions/2/").content.decode()
    back = ada.post(f"/playbook/versions/{number}/restore")
    assert back["Location"] == "/playbook/drafts/2/"
    assert "0 in, 1 out" in ada.get("/playbook/drafts/2/").content.decode()


def _toast(client: Client, given: dict[str, str]) -> str:
    answer = client.post("/playbook/drafts/1/do", given, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_faults_stand_beside_the_field_as_one_types_and_nothing_is_kept(office: Workspace) -> None:
    ada = signed_in("marketer")
    where = begun(ada, STAGES)
    page = ada.get(where).content.decode()
    assert f'hx-post="{reverse("draft-check", args=[1, STAGES])}"' in page
    assert "\n# yaml-language-server" in page, "the first line end after the tag is the browser's"
    typed = '# one\r\n- {stage: customer, when: "count.boughtt > 3"}\r\n- {stage: prospect}\r\n'
    told = ada.post(f"/playbook/drafts/1/check/{STAGES}", {"text": typed}, headers=LAZILY).content.decode()
    assert 'data-line="2"' in told
    assert "count.bought" in told
    assert "<html" not in told
    other = ada.post(
        f"/playbook/drafts/1/check/{STAGES}", {"text": "- {stage: else}\n"}, headers=LAZILY
    ).content.decode()
    assert 'href="/playbook/drafts/1/playbook/audiences.yaml#L3"' in other
    sound = authored_text(office.settings.root, STAGES) or ""
    assert (
        "No fault" in ada.post(f"/playbook/drafts/1/check/{STAGES}", {"text": sound}, headers=LAZILY).content.decode()
    )
    for hostile in ("\x00", "x" * 300_000, "&a [*a]", "{{", "- " * 9_000):
        answer = ada.post(f"/playbook/drafts/1/check/{STAGES}", {"text": hostile}, headers=LAZILY)
        assert (answer.status_code, "act-t" in answer.content.decode()) == (200, True), hostile[:20]
    assert drafting.read(office, 1).files == ()


def test_what_cannot_be_saved_is_said_and_what_was_typed_is_still_there(office: Workspace) -> None:
    ada = signed_in("marketer")
    where = begun(ada, STAGES)
    answer = ada.post(where, {"text": "mine, not yet lost", "base": "another", "seen": "", "do": "save"})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "mine, not yet lost" in page
    assert "another one than when it was opened" in page
    assert save(ada, where, "with a \x00") == 400
    (office.settings.root / STAGES).unlink()
    assert " is new" in ada.get(where).content.decode()


@pytest.mark.parametrize(
    "file", ["../secret", "playbook/../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", ".touchline/secret_key", "playbook/gifts/tea.txt", "a%00b"]
)  # fmt: skip
def test_no_path_leads_out_of_the_playbook(office: Workspace, file: str) -> None:
    ada = signed_in("marketer")
    begun(ada, STAGES)
    for where in (f"/playbook/files/{file}", f"/playbook/drafts/1/{file}", f"/playbook/drafts/1/check/{file}"):
        assert ada.get(where).status_code in (404, 405), where
        assert ada.post(where, {"text": "x"}).status_code in (404, 405), where
    told = ada.post("/playbook/new", {"file": file}, follow=True)
    assert "cannot be a file of the playbook" in told.content.decode()
    assert ada.post("/playbook/new", {"folder": "playbook/templates/../..", "name": "x"})["Location"] == "/playbook/"


def test_a_viewer_sees_all_and_changes_nothing(office: Workspace) -> None:
    ada, vic = signed_in("marketer"), signed_in("viewer")
    where = begun(ada, STAGES)
    save(ada, where, "- {stage: customer}\n")
    for url in ("/playbook/", f"/playbook/files/{STAGES}", "/playbook/drafts/1/", where, "/policies/"):
        page = vic.get(url).content.decode()
        assert page.count("<form") == page.count("data-theme-form") + page.count("logout"), url
    assert "readonly" in vic.get(where).content.decode()
    for url in (
        "/playbook/new",
        where,
        "/playbook/drafts/1/do",
        f"/playbook/drafts/1/check/{STAGES}",
        "/playbook/versions/1/restore",
    ):
        assert vic.post(url, {"file": STAGES, "do": "withdraw", "text": "x"}).status_code == 403, url
    for url in (
        "/playbook/drafts/77/",
        f"/playbook/drafts/{'9' * 30}/",
        "/playbook/versions/9/",
        "/playbook/files/playbook/none.yaml",
    ):
        assert vic.get(url).status_code == 404, url
    assert drafting.read(office, 1).state == drafting.OPEN
    ada.post("/playbook/drafts/1/do", {"do": "withdraw"})
    assert "withdrawn by Ada Marketer" in vic.get("/playbook/drafts/1/").content.decode()
    assert "readonly" in ada.get(where).content.decode()


def test_a_service_that_starts_with_faults_says_so_and_is_mended_by_a_draft(office: Workspace) -> None:
    (office.settings.root / STAGES).write_text("- {stage: else}\n", encoding="utf-8")
    ada, eve = signed_in("marketer"), signed_in("admin")
    told = eve.get("/playbook/", headers=LAZILY).content.decode()
    assert "The folder has faults" in told
    assert 'href="/playbook/files/playbook/audiences.yaml#L3"' in told
    where = begun(ada, STAGES)
    assert save(ada, where, "- {stage: customer}\n") == 302
    assert "once the playbook has no faults" in ada.get("/playbook/drafts/1/?part=then").content.decode()
    ada.post("/playbook/drafts/1/do", {"do": "propose", "title": "mended"})
    revision = str(drafting.read(office, 1).revision)
    assert "live as version 2" in _toast(eve, {"do": "approve", "revision": revision})
    assert [stage.name for stage in office.playbook.stages] == ["customer"]


def test_a_draft_says_for_how_many_it_would_change_what(company: Workspace, client_of: As) -> None:
    ada = client_of("marketer")
    text = authored_text(company.settings.root, POLICIES) or ""
    strict = re.sub(r"\{name: overall,\s+at_most: 3", "{name: overall, at_most: 0", text)
    assert strict != text
    told = forecasting.forecast(company, {POLICIES: strict})
    assert told.now == outlook.outlook(company)
    reached = sum(1 for _ in told.then.reach)
    assert reached == len(told.now.reach)
    assert told.then.held["cap.overall"] > told.now.held.get("cap.overall", 0)
    goes = {side: sum(one.goes for one in getattr(told, side).reach.values()) for side in ("now", "then")}
    assert goes["then"] <= goes["now"]
    assert forecasting.forecast(company, {}).changed == 0
    assert company.playbook.policies.caps[0].at_most == 3, "the live one is as it was"
    where = begun(ada, POLICIES)
    save(ada, where, strict)
    number = re.search(r"/drafts/(\d+)/", where)
    assert number is not None
    part = ada.get(f"/playbook/drafts/{number[1]}/?part=then", headers=LAZILY).content.decode()
    assert "Cap: overall" in part
    assert f">{told.then.held['cap.overall']}</td>" in part


def test_words_are_read_as_a_real_customer_would_while_they_are_typed(company: Workspace, client_of: As) -> None:
    ada = client_of("marketer")
    name = "playbook/templates/renewal_call.liquid"
    where = begun(ada, name)
    customer = str(company.people()["customer"][0])
    url = where.replace("/playbook/templates", "/check/playbook/templates")
    typed = "Hello <b>you</b>, {{ brand.name }} calls about {{ today }}.\n"
    told = ada.post(url, {"text": typed, "customer": customer, "way": ""}, headers=LAZILY).content.decode()
    assert "Hello &lt;b&gt;you&lt;/b&gt;" in told
    assert "hx-swap-oob" in told
    loop = "{% for i in (1..100000000) %}x{% endfor %}"
    assert ada.post(url, {"text": loop, "customer": customer}, headers=LAZILY).status_code == 200
    kept = ada.get(f"{where}?customer={customer}").content.decode()
    assert f"customer {customer}</a>, by phone" in kept
    number = re.search(r"drafts/(\d+)/", where)[1]  # type: ignore[index] # it is there
    letter = f"/playbook/drafts/{number}/letter?customer={customer}&way=welcome_letter:post:a:en"
    assert ada.get(letter).content.startswith(b"%PDF-")
    assert ada.get(letter.replace("post", "pigeon")).status_code == 404
    paper = ada.get(
        f"/playbook/drafts/{number}/playbook/templates/welcome_letter.typ?customer={customer}"
    ).content.decode()
    assert "as the saved draft prints it" in paper
    nobody = ada.post(url, {"text": typed, "customer": "<i>nobody"}, headers=LAZILY).content.decode()
    assert "<i>" not in nobody
    assert drafting.read(company, int(number)).files == ()


def test_policies_stand_in_order_with_what_they_are_set_to_and_how_many_they_hold(
    company: Workspace, client_of: As
) -> None:
    vic = client_of("viewer")
    page = vic.get("/policies/").content.decode()
    assert "policies may hold what would be said" in page
    assert "holds, n" not in page, "counts come by themselves"
    assert "At most 3 messages in 7 days." in page
    assert "From 20:00 until 08:00." in page
    assert "Complained less than 60 days ago" in page or "complained less than 60 days ago" in page
    lines = (authored_text(company.settings.root, POLICIES) or "").split("\n")
    for word in ("name: email", "quiet_hours:", "no_offer_to_unhappy"):
        line = next(number for number, text in enumerate(lines, 1) if word in text)
        assert f'href="/playbook/files/{POLICIES}#L{line}"' in page, word
    order = [
        page.index(f'<th scope="row">{name}<')
        for name in ("Suppression", "Consent", "Cap: overall", "Care first", "Holdout")
    ]
    assert order == sorted(order)
    part = vic.get("/policies/", headers=LAZILY).content.decode()
    held = outlook.outlook(company).held
    assert re.findall(r'<td class="n">(\d*)</td></tr>', part) == [
        str(held.get(name, 0)) for name in company.plan.policies
    ]
    assert held["holdout"] > 0


def test_without_conversations_the_page_policies_teaches(office: Workspace) -> None:
    page = signed_in("viewer").get("/policies/").content.decode()
    assert "No policy is in force" in page
    assert "playbook/conversations/" in page


def test_a_version_keeps_texts_once(office: Workspace) -> None:
    from touchline.team.models import VersionText

    first = versions.look(office)
    (office.settings.root / STAGES).write_text((first.texts[STAGES]) + "# by hand\n", encoding="utf-8")
    second = versions.look(office)
    assert second.number != first.number
    assert versions.look(office).number == second.number
    assert VersionText.objects.count() == len(set(first.files.values())) + 1
    assert digest(second.texts[STAGES]) == second.files[STAGES]
