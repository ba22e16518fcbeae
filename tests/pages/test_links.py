"""A link is for one thing and ends; whatever is changed about it, nothing is shown and nobody is told why."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages.visitors import Visitor, visitor
from touchline.delivery import links
from touchline.kernel.times import DAY
from touchline.workspace.opened import Workspace

USES = tuple(links.LASTING)


@pytest.fixture
def ada(company: Workspace) -> Visitor:
    return visitor(company, 0)


def about(use: str) -> tuple[str, ...]:
    return {"unsubscribe": ("care", "email"), "confirm": ("email", "care")}.get(use, ())


@pytest.mark.parametrize("use", USES)
def test_a_link_leads_to_its_own_page_alone(ada: Visitor, use: str) -> None:
    assert ada.client.get(ada.path(use, about(use))).status_code == 200
    token = ada.token(use, about(use))
    for other in USES:
        if other != use:
            assert ada.client.get(f"/u/{links.PATHS[other]}{token}").status_code == 404
            assert ada.client.post(f"/u/{links.PATHS[other]}{token}", {"erase": "yes"}).status_code == 404


@given(data=st.data())
def test_a_link_of_which_one_bit_is_another_shows_nothing(ada: Visitor, data: st.DataObject) -> None:
    use = data.draw(st.sampled_from(USES))
    token = ada.token(use, about(use)).encode()
    place, bit = data.draw(st.integers(0, len(token) - 1)), data.draw(st.integers(0, 6))
    changed = (token[:place] + bytes([token[place] ^ 1 << bit]) + token[place + 1 :]).decode("ascii")
    with pytest.raises(links.NoLink):
        links.read(changed, use, ada.workspace.clock.now())


@given(st.text(max_size=60))
def test_whatever_is_no_link_is_refused(text: str) -> None:
    for use in USES:
        with pytest.raises(links.NoLink):
            links.read(text, use, 0)


@pytest.mark.parametrize("use", USES)
def test_a_link_ends(company: Workspace, use: str) -> None:
    now = company.clock.now()
    token = links.token(use, 1, now)
    assert links.read(token, use, now + links.LASTING[use] - DAY // 2).persona == 1
    with pytest.raises(links.NoLink):
        links.read(token, use, now + links.LASTING[use])


def test_every_bad_link_gets_the_same_answer(ada: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    now = ada.workspace.clock.now()
    ended = links.token("known", ada.persona, now - 30 * DAY)
    nobody = links.token("known", 987_654_321, now)
    foreign = ada.token("preferences")
    asked = [ada.client.get(f"/u/k/{token}") for token in (ended, nobody, foreign, "x", ada.token("known")[:-1])]
    assert {answer.status_code for answer in asked} == {404}
    assert len({answer.content for answer in asked}) == 1
    assert ada.address.encode() not in asked[0].content


def test_nothing_of_the_person_can_be_read_in_a_link(ada: Visitor) -> None:
    from base64 import urlsafe_b64decode

    body = ada.token("known").partition(":")[0]
    shown = urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode()
    assert shown.startswith(f"[{ada.persona},")
    assert ada.address.partition("@")[0] not in shown


def test_pages_give_nothing_away_by_their_headers_or_the_log(ada: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for path in (ada.path("preferences"), "/u/not-a-link-at-all", "/u/k/neither-is-this"):
        answer = ada.client.get(path)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert not answer.cookies
        assert path.rpartition("/")[2] not in caplog.text


def test_a_form_of_another_site_changes_nothing(ada: Visitor) -> None:
    before = state(ada)
    form = {"erase": "yes", "undo": "yes", "section": "leave"}
    for use in USES:
        answer = ada.client.post(ada.path(use, about(use)), form, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 404
    assert state(ada) == before


def test_looking_changes_nothing(ada: Visitor) -> None:
    before = state(ada)
    for use in USES:
        for method in ("get", "head", "options", "delete", "put"):
            getattr(ada.client, method)(ada.path(use, about(use)))
    ada.client.get(ada.path("known") + "/erase")
    assert state(ada) == before


def state(ada: Visitor) -> object:
    known = ada.workspace.known(str(ada.customer))
    return known.consents, known.preferences, known.suppressions, known.messages, len(known.interactions)
