"""Today: what needs a person first, the base and the week by themselves, each figure with what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.test import Client
from django.utils.html import escape

from touchline.report import figures
from touchline.workspace import census

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

As = Callable[..., Client]


def test_the_page_is_there_at_once_and_its_figures_load_by_themselves(company: Workspace, client_of: As) -> None:
    page = client_of("viewer").get("/").content.decode()
    assert 'hx-get="/today/base"' in page
    assert 'hx-get="/today/week"' in page
    assert 'hx-get="/today/messages"' in page
    calls = company.calls()
    assert page.count("&amp;call=") == min(len(calls), 6)


def test_what_the_team_stopped_itself_is_not_among_what_did_not_arrive(company: Workspace, client_of: As) -> None:
    messages = apps.get_model("delivery", "Message").objects
    one, other, *_ = messages.order_by("-id")
    was = messages.filter(state="failed").exclude(pk__in=[one.pk, other.pk]).exclude(reason="stopped").count()
    messages.filter(pk=one.pk).update(state="failed", reason="stopped")
    messages.filter(pk=other.pk).update(state="failed", reason="gave_up")
    page = client_of("viewer").get("/today/messages").content.decode()
    assert f"<b>{was + 1}</b> message" in page
    assert 'href="/outbox/?state=failed"' in page
    assert "<html" not in page


def test_the_base_is_counted_as_everybody_else_counts_it(company: Workspace, client_of: As) -> None:
    table = company.relationships_table(measures=["care.due", "stage", "experience.overall"])
    base, stages = census.base(company)
    assert base.customers == table.height
    assert dict(stages) == dict(table.drop_nulls("stage").group_by("stage").len().iter_rows())
    page = client_of("viewer").get("/today/base").content.decode()
    assert base.overall is not None
    assert figures.signed(base.overall.value) in page
    assert f"n {figures.number(base.overall.n)}" in page
    assert f"<b>{figures.number(int(table['care.due'].sum()))}</b> customer" in page


def test_what_went_badly_this_week_names_who_it_was(company: Workspace, client_of: As) -> None:
    weeks, bad, total = census.week(company)
    assert weeks
    assert total >= len(bad)
    page = client_of("viewer").get("/today/week").content.decode()
    for one in bad:
        assert f'href="/customers/{one.customer}/"' in page
    since = company.clock.now() - census.WEEK
    rows = company.engine.collect(company.interactions())
    late = rows.filter((rows["occurred_at"] > since) & ~rows["machine"])
    counted = dict(late.group_by("kind").len().iter_rows())
    assert {one.kind: one.now for one in weeks} == {one.kind: counted.get(one.kind, 0) for one in weeks}


def test_a_served_figure_is_worked_out_once(company: Workspace) -> None:
    assert census.base(company) is census.base(company)


def test_proof_shows_hand_raisers_beside_the_others(company: Workspace, client_of: As) -> None:
    page = client_of("viewer").get("/proof/?now=1").content.decode()
    programmes = census.proven(company)["programmes"]
    for one in programmes:
        assert figures.number(one["hand_raisers"]["n_treated"]) in page
    assert page.count('<svg class="chart"') == len(programmes) > 0
    assert "hand-raisers, who had agreed" in page
    assert 'hx-get="/proof/"' in client_of("viewer").get("/proof/").content.decode()


def test_who_may_see_a_chart_may_save_it(company: Workspace, client_of: As) -> None:
    programme = census.proven(company)["programmes"][0]["name"]
    client = client_of("viewer")
    pages = {"/proof/?now=1": f"/proof/?programme={programme}&format=", "/today/base": "/today/base?format="}
    pages["/today/course"] = "/today/course?format="
    for page, address in pages.items():
        shown = client.get(page).content.decode()
        for form, sort in (("svg", "image/svg+xml"), ("png", "image/png")):
            assert f'href="{escape(address)}{form}"' in shown
            answer = client.get(f"{address}{form}")
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, sort)
            assert f'.{form}"' in answer.headers["Content-Disposition"]
        assert client.get(f"{address}exe").status_code == 404
        assert Client().get(f"{address}svg").status_code == 302
    assert client.get("/proof/?programme=nothing&format=svg").status_code == 404


def test_the_course_of_a_sample_is_told_as_one(company: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    points, step = census._course(company)
    assert (step, points[-1].n) == (1, census.base(company)[0].overall.n)  # type: ignore[union-attr] # it has readings
    assert points[-1].value == pytest.approx(census.base(company)[0].overall.value)  # type: ignore[union-attr] # as above
    monkeypatch.setattr(census, "SAMPLE", 100)
    few, every = census._course(company)
    assert every == 3
    assert points[-1].n / 6 < few[-1].n < points[-1].n / 2
