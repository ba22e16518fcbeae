"""The design: one definition of colours, a strict page, the theme, who sees which way."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.test import Client

from touchline.console import look
from touchline.console.templatetags.console import ITEMS
from touchline.report.tokens import palette

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

As = Callable[..., Client]


def test_every_colour_of_the_sheet_is_a_token() -> None:
    own = look.sheet()
    rules = own[own.index("/* the page */") :]
    assert re.findall(r"#[0-9a-fA-F]{6}\b", rules) == []
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", own))
    assert used - {"c"} <= {*palette("light"), *palette("dark")}
    for theme in ("light", "dark"):
        assert f"--paper:{palette(theme)['paper']};" in own


def test_pages_carry_no_inline_script_and_no_inline_style(company: Workspace, client_of: As) -> None:
    customer = company.people()["customer"][0]
    for url in (
        "/",
        "/customers/?now=1",
        f"/customers/{customer}/",
        f"/customers/{customer}/decisions/",
        "/desk/",
        "/proof/?now=1",
    ):
        answer = client_of("admin").get(url)
        page = answer.content.decode()
        assert "<style" not in page, url
        assert not re.search(r'\sstyle="|\son[a-z]+="', page), url
        assert all("src=" in one for one in re.findall(r"<script[^>]*>", page)), url
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_the_sheet_is_kept_by_its_own_address_and_needs_no_sign_in(company: Workspace) -> None:
    kept = Client().get(f"/look/{look.digest()}.css")
    assert (kept.status_code, "immutable" in kept.headers["Cache-Control"]) == (200, True)
    assert "immutable" not in Client().get("/look/older.css").headers["Cache-Control"]


def test_the_theme_is_kept_and_leads_nowhere_else(company: Workspace, client_of: As) -> None:
    client = client_of("viewer")
    answer = client.post("/look/theme", {"theme": "dark", "back": "//elsewhere.example/"})
    assert answer.headers["Location"] == "/"
    assert b'<html lang="en" data-theme="dark">' in client.get("/").content
    client.cookies["theme"] = '"><script>'
    assert b'<html lang="en">' in client.get("/").content


def test_who_may_not_administer_sees_no_way_to_it(client_of: As) -> None:
    kept = {item.label for item in ITEMS if item.right.value == "administer"}
    page = client_of("agent").get("/").content.decode()
    assert not any(f"</svg>{label}</a>" in page for label in kept)


def test_nobody_gets_in_without_signing_in(company: Workspace) -> None:
    for url in ("/", "/customers/", "/desk/", "/customers/1/", "/customers/export", "/today/base"):
        answer = Client().get(url)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/accounts/login/"), url
    page = Client().get("/accounts/login/").content.decode()
    assert "<h1>Sign in</h1>" in page
    assert look.digest() in page
