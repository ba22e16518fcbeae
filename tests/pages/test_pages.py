"""What customers do on their own pages counts at once, and what they read is theirs."""

from __future__ import annotations

import email
import json
from email.policy import SMTP

import polars as pl
import pytest

from tests.pages.visitors import Visitor, visitor, visitors
from touchline import permission, recognition
from touchline.delivery.senders import ConsoleSender
from touchline.delivery.senders.mail import compose
from touchline.kernel.times import DAY
from touchline.recognition.staging import execute, read
from touchline.workspace import erasing
from touchline.workspace.opened import Workspace

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def consents(who: Visitor) -> dict[tuple[str, str], bool]:
    """(purpose, channel) -> whether this address may be written to."""
    known = permission.permissions(recognition.people(of=pl.Series([who.customer]))).consents
    own = known.filter(pl.col("persona_id") == who.persona)
    return {
        (purpose, channel): yes for purpose, channel, yes in own.select("purpose", "channel", "in_force").iter_rows()
    }


def last(who: Visitor, kind: str) -> dict[str, object]:
    return next(one for one in who.workspace.known(str(who.customer)).interactions if one["kind"] == kind)


def test_one_click_unsubscribes_once_and_again(company: Workspace) -> None:
    ada = visitor(company, 1)
    path = ada.path("unsubscribe", ("care", "email"))
    assert "One tap and it is done" in ada.client.get(path).content.decode()
    assert ("care", "email") not in consents(ada) or consents(ada)["care", "email"]
    before = consents(ada)
    ada.client.post(path, {"undo": "yes"})
    assert consents(ada) == before, "nobody takes back what was not said"
    for _ in range(2):
        answer = ada.client.post(path, ONE_CLICK, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 200
        assert consents(ada)["care", "email"] is False
    rows = [
        one
        for one in company.known(str(ada.customer)).interactions
        if one["kind"] == "opted_out" and one["source"] == "pages"
    ]
    assert len(rows) == 1
    evidence = json.loads(str(rows[0]["evidence"]))
    assert evidence["words"] == "No more advice and care by e-mail."
    assert evidence["at"]
    assert "take it back" in answer.content.decode()
    ada.client.post(path, {"undo": "yes"})
    assert consents(ada)["care", "email"] is True


def test_a_post_that_does_not_say_one_click_unsubscribes_nobody(company: Workspace) -> None:
    ada = visitor(company, 2)
    before = consents(ada)
    ada.client.post(ada.path("unsubscribe", ("care", "email")))
    ada.client.post(ada.path("unsubscribe", ("service", "email")), ONE_CLICK)
    assert consents(ada) == before


def test_a_message_that_waits_is_held_by_an_unsubscribing(company: Workspace) -> None:
    found = read("SELECT persona_id, customer, purpose FROM delivery_message WHERE channel = 'email' AND purpose = 'care' LIMIT 1",
                 {"p": pl.Int64, "c": pl.Int64, "purpose": pl.String}).row(0)  # fmt: skip
    execute("UPDATE delivery_message SET state = 'reserved', due_at = 0, expires_at = %s WHERE persona_id = %s AND purpose = 'care'",
            [company.clock.now() + 10**12, found[0]])  # fmt: skip
    ada = Visitor(company, found[1], found[0], "")
    ada.client.post(ada.path("unsubscribe", ("care", "email")), ONE_CLICK)
    sender = ConsoleSender("email")
    company.run(until_idle=True, senders={"email": sender})
    assert not [
        one
        for one in sender.sent
        if one.purpose == "care" and one.address == company.known(str(found[1])).identifiers[0]["value"]
    ]
    states = read("SELECT state, reason FROM delivery_message WHERE persona_id = %s AND purpose = 'care'",
                  {"s": pl.String, "r": pl.String}, [found[0]])  # fmt: skip
    assert set(states.iter_rows()) == {("expired", "consent")}


def test_wishes_are_saved_as_one_taps(company: Workspace) -> None:
    ada = visitor(company, 3)
    path = ada.path("preferences")
    page = ada.client.get(path).content.decode()
    assert "You hear what helps your home" in page, "the playbook's own words"
    assert ada.address not in page, "whoever was forwarded a message is shown no address"
    assert f"{ada.address[0]}…@{ada.address.partition('@')[2]}" in page
    assert 'hx-post="' in page
    part = ada.client.post(
        path, {"section": "frequency", "frequency": "2"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in part
    assert "Saved." in part
    ada.client.post(
        path, {"section": "timing", "timing": ["mon", "sat"], "start": "09:00", "end": "18:00", "zone": "Europe/Rome"}
    )
    ada.client.post(path, {"section": "topics", "topics": ["cover"]})
    ada.client.post(path, {"section": "media", "media.email": "likes", "media.phone": "refuses", "media.post": "fine"})
    told = {
        one["key"]: json.loads(one["told"])[one["key"]]
        for one in company.known(str(ada.customer)).preferences
        if one["told_at"] >= company.clock.now()
    }
    assert told == {
        "max_per_week": "2", "days": "mon,sat", "hours": "09:00-18:00", "zone": "Europe/Rome",
        "topic_cover": "yes", "topic_home_care": "no", "topic_claim_help": "no", "topic_billing_help": "no",
        "likes_email": "yes", "refuses_email": "no", "likes_phone": "no", "refuses_phone": "yes", "likes_post": "no", "refuses_post": "no",
    }  # fmt: skip
    again = ada.client.get(path).content.decode()
    assert '<input type="checkbox" name="timing" value="tue">' in again
    assert '<input type="radio" name="frequency" value="2" checked>' in again


@pytest.mark.parametrize(
    "form",
    [
        {"section": "timing", "timing": "mon", "start": "18:00", "end": "09:00", "zone": "Europe/Rome"},
        {"section": "timing", "timing": "mon", "start": "09:00", "end": "18:00", "zone": "Mars/Olympus"},
        {"section": "frequency", "frequency": "-1"},
        {"section": "media"},
        {"section": "language", "language": "xx"},
        {"section": "nothing"},
    ],
)
def test_what_makes_no_sense_is_not_saved(company: Workspace, form: dict[str, str]) -> None:
    ada = visitor(company, 4)
    before = company.known(str(ada.customer)).preferences
    assert ada.client.post(ada.path("preferences"), form).status_code == 200
    assert company.known(str(ada.customer)).preferences == before


def test_a_box_that_was_left_alone_is_no_consent_and_leaving_is_one_tap(company: Workspace) -> None:
    ada = visitor(company, 5)
    path = ada.path("preferences")
    before = consents(ada)
    shown = [f"{purpose}.{channel}" for (purpose, channel), yes in before.items() if yes]
    free = [one for one in ("care.email", "listening.email") if one not in shown]
    ada.client.post(path, {"section": "what", "what": [*shown, *free]})
    assert consents(ada) == before
    ada.client.post(path, {"section": "leave"})
    assert not any(consents(ada).values())
    assert {purpose for purpose, _ in consents(ada)} == {"care", "listening", "information", "community", "selling"}
    ada.client.post(path, {"section": "what", "what": ["information.email"]})
    assert [pair for pair, yes in consents(ada).items() if yes] == [("information", "email")]


def test_agreement_by_a_form_counts_once_its_own_link_says_yes(company: Workspace) -> None:
    ada = visitor(company, 6)
    address = "a.new.person@customer.example"
    form = {"purpose": ["information", "community"], "address": address}
    answer = ada.client.post("/u/join", form)
    assert "Now look into your mail" in answer.content.decode()
    ada.client.post("/u/join", form)
    customer = company.customer(address)
    assert company.known(str(customer)).consents == []
    sender = ConsoleSender("email")
    company.run(until_idle=True, senders={"email": sender})
    mails = [one for one in sender.sent if one.address == address]
    assert len(mails) == 1, "asked for twice, sent once"
    assert mails[0].unsubscribe_url is None
    link = next(word for word in mails[0].rendered.text.split() if "/u/c/" in word).strip("<>()")
    path = link[link.index("/u/c/") :]
    assert "information, community" in ada.client.get(path).content.decode()
    assert company.known(str(customer)).consents == []
    ada.client.post(path)
    given = company.known(str(customer)).consents
    assert {(one["purpose"], one["in_force"], one["evidenced"]) for one in given} == {
        ("information", True, True), ("community", True, True),
    }  # fmt: skip
    row = next(one for one in company.known(str(customer)).interactions if one["kind"] == "opted_in")
    assert "Yes, Hearth Home Warranty may write to me" in row["evidence"]


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c.example", "x" * 3_000 + "@y.example", "a\x00b@c.example\r\nBcc: d@e.example"]
)
def test_a_form_without_an_address_asks_again(company: Workspace, address: str) -> None:
    answer = visitor(company, 0).client.post("/u/join", {"purpose": "care", "address": address})
    assert answer.status_code == 422
    assert "This is no e-mail address." in answer.content.decode()


def test_what_is_known_is_read_corrected_and_taken_along(company: Workspace) -> None:
    ada = visitor(company, 7)
    path = ada.path("known")
    page = ada.client.get(path).content.decode()
    assert "Your contract began." in page
    assert ada.address in page
    hostile = "<script>alert('x')</script> & Söhne"
    page = ada.client.post(path, {"trait.name": hostile, "trait.unknown": "x"}).content.decode()
    assert "Your correction counts from now on." in page
    assert "<script>alert" not in page
    assert company.known(str(ada.customer)).profile["name"] == hostile
    assert "unknown" not in company.known(str(ada.customer)).profile
    kept = ada.client.get(f"{path}/page")
    assert "attachment" in kept.headers["Content-Disposition"]
    assert "&lt;script&gt;alert" in kept.content.decode()
    told = json.loads(ada.client.get(f"{path}/json").content)
    assert told["profile"]["name"] == hostile
    assert told["customer"] == ada.customer


def test_german_is_spoken_to_whoever_told_it_or_asks_for_it(company: Workspace) -> None:
    german = visitor(company, 0, "de")
    page = german.client.get(german.path("preferences"))
    assert page.headers["Content-Language"] == "de"
    assert "Worüber dürfen wir schreiben?" in page.content.decode()
    assert '<html lang="de">' in page.content.decode()
    asked = german.client.get("/u/join", headers={"Accept-Language": "fr;q=0.9, de-AT;q=0.8, en;q=0.1"})
    assert "Was möchten Sie hören?" in asked.content.decode()
    english = visitor(company, 0)
    assert (
        "What may we write about?"
        in english.client.get(english.path("preferences"), headers={"Accept-Language": "de"}).content.decode()
    )


def test_erasing_takes_two_steps_and_a_link_to_the_address(company: Workspace) -> None:
    ada = visitor(company, 8)
    ada.client.post(f"{ada.path('known')}/erase")
    sender = ConsoleSender("email")
    company.run(until_idle=True, senders={"email": sender})
    mail = next(one for one in sender.sent if one.address == ada.address and "erase" in (one.rendered.subject or ""))
    link = next(word for word in mail.rendered.text.split() if "/u/e/" in word).strip("<>()")
    path = link[link.index("/u/e/") :]
    asked = ada.client.get(path).content.decode()
    assert "A fingerprint of your addresses" in asked
    ada.client.post(path)
    assert company.customer(ada.address) == ada.customer, "a bare POST is not the button"
    assert "We have forgotten you." in ada.client.post(path, {"erase": "yes"}).content.decode()
    for use in ("known", "preferences", "erase"):
        assert ada.client.get(ada.path(use)).status_code == 404
    erasing.finish(company)
    assert company.people().filter(pl.col("persona_id") == ada.persona).is_empty()


def test_every_mail_that_can_be_refused_leads_to_the_wishes(company: Workspace) -> None:
    for name, talk in company.playbook.conversations.items():
        if talk.purpose in ("service", "recovery") or "email" not in {way.channel for way in talk.ways}:
            continue
        for language in ("en", "de"):
            seen = company.preview(name, str(visitor(company, 0).customer), channel="email", language=language)
            if not seen["missing"]:
                assert seen["text"].count("/u/preview") == 2 + (name == "claim_opt_in"), (
                    name,
                    language,
                )  # that one asks, with a button


def test_the_headers_of_a_mail_are_answered(company: Workspace) -> None:
    """RFC 8058: what a mail program finds in the headers is what it posts, and that is enough."""
    ada = next(one for one in visitors(company)[10:] if waits_again(one))
    sender = ConsoleSender("email")
    company.run(until_idle=True, senders={"email": sender})
    made = compose(
        next(one for one in sender.sent if one.unsubscribe_url and one.address == ada.address), company.clock.now()
    )
    assert not isinstance(made, str)
    mail = email.message_from_bytes(made.content, policy=SMTP)
    url = str(mail["List-Unsubscribe"]).strip("<>")
    name, _, value = str(mail["List-Unsubscribe-Post"]).partition("=")
    assert ada.client.post(url[url.index("/u/") :], {name: value}).status_code == 200
    assert consents(ada)["information", "email"] is False


def test_a_message_that_waits_is_given_up_where_its_channel_is_refused_meanwhile(company: Workspace) -> None:
    ada = next(one for one in reversed(visitors(company)) if waits_again(one))
    wishes = {"section": "media", "media.email": "refuses", "media.phone": "fine", "media.post": "fine"}
    ada.client.post(ada.path("preferences"), wishes)
    company.run(until_idle=True, senders={"email": ConsoleSender("email")})
    states = read("SELECT state, reason FROM delivery_message WHERE persona_id = %s AND conversation = 'home_tips'",
                  {"s": pl.String, "r": pl.String}, [ada.persona])  # fmt: skip
    assert set(states.iter_rows()) == {("expired", "preference.channel")}


def waits_again(who: Visitor) -> bool:
    """Put a message of theirs back to where it waits, where they have one and may get it."""
    return bool(
        consents(who).get(("information", "email"))
        and not any(one["key"].startswith("refuses_") for one in who.workspace.known(str(who.customer)).preferences)
        and execute(
            "UPDATE delivery_message SET state = 'reserved', due_at = 0, expires_at = %s, lease_until = NULL"
            " WHERE persona_id = %s AND conversation = 'home_tips'",
            [who.workspace.clock.now() + DAY, who.persona],
        )
    )
