"""The desk: recognise, what to say, what not to ask, one form for the encounter, opt-in where it fits."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.test import Client

from touchline.console.desk import last_by_channel
from touchline.delivery.calls import open_task, tasks
from touchline.intake import accept_rows
from touchline.interactions.catalogue import VERSION
from touchline.kernel.ids import interaction_id
from touchline.kernel.times import DAY
from touchline.report import Setting
from touchline.workspace import desk, listing
from touchline.workspace import portrait as portraits
from touchline.workspace.desk import BadEncounter, Encounter

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

As = Callable[..., Client]


_TAKEN = itertools.count()


@pytest.fixture
def calm(company: Workspace) -> int:
    """A customer whom nothing waits for, another one for each test."""
    where = "NOT care.due AND dialogue.open = 0 AND experience.n >= 1"
    return int(company.relationships_table(where=where, measures=["stage"])["customer"][next(_TAKEN)])


def solved(company: Workspace, customer: int) -> None:
    """A claim of theirs was settled by a visit two days ago."""
    who = company.people().filter(company.people()["persona_id"] == customer).row(0, named=True)
    row = {
        "id": interaction_id("test", str(customer)), "version": VERSION, "kind": "served", "persona_id": customer,
        "bucket": who["bucket"], "role": who["role"], "source": "test", "touchpoint": "claim_visit", "reliability": 0.4,
        "occurred_at": company.clock.now() - 2 * DAY, "episode_type": "claim", "episode_id": "c-desk",
        "episode_closes": True, "given": 1.0,
    }  # fmt: skip
    accept_rows([row], received_at=company.clock.now())


def told(company: Workspace, customer: int) -> list[tuple[str, object]]:
    """What the desk wrote of them."""
    rows = portraits.portrait(company, customer).rows
    return [(row["kind"], row["in_reply_to"]) for row in rows if row["source"] == "desk"]


def test_an_identifier_is_recognised_in_a_tenth_of_a_second(company: Workspace) -> None:
    mail = company.people().filter(company.people()["type"] == "email").row(7, named=True)
    value = next(
        one["value"]
        for one in portraits.portrait(company, mail["customer"]).personas
        if one["persona_id"] == mail["persona_id"]
    )
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        assert listing.found(company, value) == [mail["customer"]]
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.1


def test_a_question_that_is_settled_leaves_nothing_open(company: Workspace, client_of: As, calm: int) -> None:
    place = desk.places(company)[0]
    form = {"customer": calm, "about": "asked", "touchpoint": place, "outcome": "solved", "words": "Where is it?"}
    assert client_of("agent").post("/desk/note", form).status_code == 302
    kinds = told(company, calm)
    assert [kind for kind, _ in kinds[-2:]] == ["asked", "answered_to"]
    after = portraits.portrait(company, calm)
    assert after.measures["dialogue.open"] == 0
    asked = next(row for row in reversed(after.rows) if row["kind"] == "asked")
    assert (asked["text"], kinds[-1][1]) == ("Where is it?", asked["id"])
    answered = json.loads(after.rows[-1]["payload"])
    assert answered["by"] == "Ada Agent"


def test_a_question_that_stays_open_waits_until_a_later_encounter_answers_it(
    company: Workspace, client_of: As, calm: int
) -> None:
    place, client = desk.places(company)[0], client_of("agent")
    client.post(
        "/desk/note", {"customer": calm, "about": "asked", "touchpoint": place, "outcome": "open", "words": "Why?"}
    )
    waiting = portraits.portrait(company, calm)
    assert waiting.measures["dialogue.open"] == 1
    question = desk.open_questions(waiting.rows)[0]
    assert "Why?" in client.get("/desk/", {"q": calm}).content.decode()
    client.post("/desk/note", {"customer": calm, "about": "served", "touchpoint": place, "answers": question["id"]})
    assert portraits.portrait(company, calm).measures["dialogue.open"] == 0


def test_a_form_that_is_sent_twice_is_noted_once(company: Workspace, client_of: As, calm: int) -> None:
    form = {"customer": calm, "about": "praised", "touchpoint": desk.places(company)[0], "once": "a1"}
    for _ in range(2):
        client_of("agent").post("/desk/note", form)
    assert [kind for kind, _ in told(company, calm)] == ["praised", "served"]


def test_a_complaint_calls_for_care_until_it_is_put_right(company: Workspace, calm: int) -> None:
    place = desk.places(company)[0]
    company.note_encounter(calm, Encounter("complained", place, outcome="open", words="It broke again."))
    wrong = portraits.portrait(company, calm)
    assert wrong.measures["care.due"] is True
    complaint = desk.open_questions(wrong.rows)[0]
    company.note_encounter(calm, Encounter("served", place, answers=complaint["id"]))
    assert portraits.portrait(company, calm).measures["care.due"] is False


def test_what_makes_no_sense_is_refused_and_nothing_is_written(company: Workspace, client_of: As, calm: int) -> None:
    before = told(company, calm)
    place = desk.places(company)[0]
    for wrong in (
        Encounter("danced", place), Encounter("asked", "nowhere"), Encounter("asked", place, "maybe"),
        Encounter("said", place), Encounter("asked", place, words="x" * 5000), Encounter("asked", place, note="\x00"),
    ):  # fmt: skip
        with pytest.raises(BadEncounter):
            company.note_encounter(calm, wrong)
    assert client_of("viewer").post("/desk/note", {"customer": calm, "about": "asked"}).status_code == 403
    assert told(company, calm) == before


def test_an_opt_in_is_asked_for_only_where_the_playbook_finds_it_fitting(company: Workspace, client_of: As) -> None:
    where = (
        "NOT COALESCE(consent.information_email, FALSE) AND NOT care.due AND NOT hand_raiser AND days_to_renewal > 60"
    )
    table = company.relationships_table(where=where, measures=["stage"])
    customer = int(table["customer"][0])
    assert desk.offers(company, portraits.portrait(company, customer)) == []
    solved(company, customer)
    (offer,) = desk.offers(company, portraits.portrait(company, customer))
    assert offer.conversation == "claim_opt_in"
    purpose, channel, persona, address = offer.pairs[0]
    client, ticked = client_of("agent"), f"{offer.conversation}:{purpose}:{channel}:{persona}"
    page = client.get("/desk/", {"q": customer}).content.decode()
    assert ticked in page
    assert address in page
    client.post("/desk/note", {"customer": customer, "agree": [ticked, "invented:selling:email:1"]})
    after = portraits.portrait(company, customer)
    agreed = [row for row in after.rows if row["kind"] == "opted_in" and row["source"] == "desk"]
    assert [(row["purpose"], row["channel"], row["identifier"]) for row in agreed] == [(purpose, channel, address)]
    evidence = json.loads(agreed[0]["evidence"])
    assert (evidence["agent"], evidence["conversation"]) == ("Ada Agent", offer.conversation)
    assert desk.offers(company, after) == []
    assert ticked not in client.get("/desk/", {"q": customer}).content.decode()


def test_the_last_encounter_on_each_channel_is_shown_once(company: Workspace, calm: int) -> None:
    from touchline.console.customer import view_of

    view = view_of(portraits.portrait(company, calm), Setting.of(company.playbook))
    last = last_by_channel(view)
    assert len({mark.channel for mark in last}) == len(last)
    assert all(mark.at == max(one.at for one in view.marks if one.channel == mark.channel) for mark in last)


def test_who_is_not_known_is_said_so_and_the_desk_stays(client_of: As) -> None:
    page = client_of("agent").get("/desk/", {"q": "+49 30 000000 nobody"})
    assert (page.status_code, b"Nobody is known by that" in page.content) == (200, True)
    assert client_of("agent").get("/desk/").status_code == 200


def test_what_is_wrong_stands_beside_what_was_typed_and_closes_no_call(
    company: Workspace, client_of: As, calm: int
) -> None:
    call = _call(company, calm)
    form = {
        "customer": calm, "call": call, "call_outcome": "reached", "about": "said", "touchpoint": desk.places(company)[0],
        "note": "Rings at <noon>", "words": " ", "outcome": "open", "once": "b2",
    }  # fmt: skip
    before = told(company, calm)
    page = client_of("agent").post("/desk/note", form)
    text = page.content.decode()
    assert page.status_code == 400
    assert "nothing was said" in text
    assert "Rings at &lt;noon&gt;</textarea>" in text
    assert 'value="said" checked' in text
    assert 'value="reached" checked' in text
    assert 'name="once" value="b2"' in text
    assert told(company, calm) == before
    assert call in [one["task"] for one in company.calls()]
    assert client_of("agent").post("/desk/note", form | {"words": "Call me at noon"}).status_code == 302
    assert call not in [one["task"] for one in company.calls()]
    assert [kind for kind, _ in told(company, calm)] == ["said"]


def test_only_a_call_to_this_customer_is_closed(company: Workspace, client_of: As, calm: int) -> None:
    other = next(one for one in company.people()["customer"].unique().sort().to_list() if one != calm)
    call = _call(company, other)
    for task in (call, "1" * 30, "nothing", ""):
        form = {"customer": calm, "call": task, "call_outcome": "reached", "about": "praised", "words": "Kept"}
        page = client_of("agent").post("/desk/note", form | {"touchpoint": desk.places(company)[0]})
        assert page.status_code == 400
        assert "not an open call to this customer" in page.content.decode()
    assert call in [one["task"] for one in company.calls()]
    assert told(company, calm) == []


def test_what_to_say_loads_by_itself_where_it_has_to_be_learnt(company: Workspace, client_of: As, calm: int) -> None:
    company.stores.get("rates for pages", dict).clear()
    client = client_of("agent")
    page = client.get("/desk/", {"q": calm}).content.decode()
    assert f'hx-get="/desk/?q={calm}&amp;say=1"' in page
    part = client.get("/desk/", {"q": calm, "say": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert '<section id="say">' in part
    assert 'id="offers"' in part
    assert "hx-get" not in part
    assert "<html" not in part
    assert 'hx-get="/desk/' not in client.get("/desk/", {"q": calm}).content.decode()


def _call(company: Workspace, customer: int) -> int:
    """A call to make to them."""
    people = company.people()
    who = people.filter(people["persona_id"] == customer).row(0, named=True)
    now, name = company.clock.now(), f"{customer:032}"
    apps.get_model("delivery", "Message").objects.create(
        message_id=name, customer=customer, persona_id=customer, bucket=who["bucket"], role=who["role"],
        conversation="call_back", channel="phone", recurrence="once", purpose="service", talk_class=1, priority=1.0,
        given=1.0, asked=0.0, identifier="+4930123", digest="0" * 16, state="sending", reason="handed", reserved_at=now,
        due_at=now, expires_at=now + DAY, attempts=1,
    )  # fmt: skip
    open_task(name, json.dumps({"who": {"name": "Ada"}, "why": {"words": "They asked for it."}}), now)
    return next(one.task for one in tasks() if one.message_id == name)
