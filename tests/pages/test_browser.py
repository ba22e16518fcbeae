"""In a real browser: the pages can be read by everybody, fit a phone, and save without a reload, or without any script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest

from tests.pages.visitors import Visitor, visitor
from touchline.workspace.opened import Workspace

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.network


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(company: Workspace) -> Iterator[str]:
    from django.core.wsgi import get_wsgi_application

    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; while it runs this thread may not ask the database, as Playwright keeps an event loop in it."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium at /usr/bin/chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def paths(ada: Visitor) -> dict[str, str]:
    return {
        "preferences": ada.path("preferences"),
        "known": ada.path("known"),
        "unsubscribe": ada.path("unsubscribe", ("care", "email")),
        "erase": ada.path("erase"),
        "join": "/u/join",
        "gone": "/u/nothing",
    }


def test_everybody_can_use_the_pages(company: Workspace, served: str) -> None:
    ada = visitor(company, 0)
    with chromium() as browser:
        for width, theme in ((390, "light"), (1280, "dark")):
            looked_at(browser, served, ada, width, theme)
        saving(browser, served, ada)
    told = {one["key"]: one["answer"] for one in company.known(str(ada.customer)).preferences}
    assert told["max_per_week"] == 5


def looked_at(browser: Any, served: str, ada: Visitor, width: int, theme: str) -> None:
    """No fault that axe finds, nothing wider than the screen, nothing too small to tap, no cookie, nothing that the policy stops."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    said: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=theme, base_url=served)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    for name, path in paths(ada).items():
        page.goto(path)
        found = axe.run(page)
        assert found.violations_count == 0, (name, width, theme, [one["id"] for one in found.response["violations"]])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        targets = page.locator("button, .choice, .three label")
        heights = targets.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
        assert min(heights, default=44) >= 44, (name, width)
    assert not [text for text in said if "Content Security" in text]
    assert context.cookies() == []
    context.close()


def saving(browser: Any, served: str, ada: Visitor) -> None:
    """One tap saves, in place; and with script switched off its button does."""
    page = browser.new_context(base_url=served).new_page()
    page.goto(ada.path("preferences"))
    page.evaluate("window.stays = true")
    page.get_by_label("Three").check()
    page.wait_for_selector("#frequency strong")
    assert page.evaluate("window.stays") is True
    plain = browser.new_context(java_script_enabled=False, base_url=served).new_page()
    plain.goto(ada.path("preferences"))
    plain.get_by_label("Five").check()
    plain.locator("#frequency button").click()
    assert plain.locator("#frequency strong").inner_text() == "Saved."
