"""In: a served workspace, and a role. Out: a member of the team at a real browser, what they see, what they would grumble about, and pictures.
Writes what they do.

What they would miss fails at once; what they would only grumble about (a message of the browser, a request that failed, a page that is
wider than their screen, something that axe finds) is kept in `faults`, so that all of it is told together.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

CHROMIUM = Path("/usr/bin/chromium")
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PASSWORD = "a long enough password"
STAFF = {"viewer": "Ines Vogel", "agent": "Tomas Brandt", "marketer": "Mara Lind", "admin": "Jo Ashdown"}
SLOW = 60_000.0
"""Milliseconds that a page may take to count a large base on a busy machine."""
SETTLING = ".skeleton, .htmx-request, .htmx-swapping, .htmx-settling"
"""What a page holds that is not there yet."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        from django.db import connections

        super().process_request_thread(request, client_address)
        connections.close_all()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The open workspace, served to this machine alone; where."""
    from django.core.wsgi import get_wsgi_application

    server = make_server("127.0.0.1", 0, get_wsgi_application(), _Server, _Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's browser; while it runs this thread may not ask the database, as Playwright keeps an event loop in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


class Walker:
    """A member of the team at their browser, from the sign-in on.

    faults    what they would grumble about, page by page
    pictures  names of those that were made, into `folder`
    """

    def __init__(self, browser: Browser, base: str, role: str, folder: Path) -> None:
        from axe_playwright_python.sync_playwright import Axe

        self.role, self._folder, self._axe = role, folder, Axe()
        self.faults: list[str] = []
        self.pictures: list[str] = []
        self._context = browser.new_context(viewport=WIDE, color_scheme="light", base_url=base)  # type: ignore[arg-type] # a size
        self.page = self._context.new_page()
        self.page.set_default_timeout(20_000.0)
        self.page.on("console", lambda said: self._grumble(f"said {said.text}"))
        self.page.on("pageerror", lambda fault: self._grumble(f"failed with {fault}"))
        self.page.on("requestfailed", lambda one: None if _gave_up(one) else self._grumble(f"{one.url} {one.failure}"))
        self.page.on(
            "response", lambda one: self._grumble(f"{one.url} answered {one.status}") if one.status >= 400 else None
        )
        self.open("/")
        self.sees(r"Sign in")
        self.look()
        self.page.get_by_label("E-mail address").fill(f"{role}@hearth.example")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        assert self.page.locator(".rail .foot bdi").inner_text() == STAFF[role]

    def _grumble(self, what: str) -> None:
        self.faults.append(f"{self.role} at {urlsplit(self.page.url).path}: {what}")

    def open(self, path: str) -> None:
        """Go to an address."""
        self.page.goto(path)
        self.settle()

    def rail(self, name: str) -> None:
        """Go to a page by the rail."""
        self.follow(self.page.locator(".rail").get_by_role("link", name=name, exact=True))

    def follow(self, link: Locator) -> None:
        """Go where a link leads."""
        link.first.click()
        self.settle()

    def press(self, name: str, within: str = "main") -> None:
        """Press the button of that name."""
        self.page.locator(within).first.get_by_role("button", name=re.compile(name)).first.click()
        self.settle()

    def settle(self) -> None:
        """Wait until everything that loads by itself is there."""
        from playwright.sync_api import expect

        self.page.wait_for_load_state("load")
        expect(self.page.locator(SETTLING)).to_have_count(0, timeout=SLOW)

    def sees(self, pattern: str, where: str = "h1") -> None:
        """Whether the title, or what else is named, says that; raises AssertionError."""
        from playwright.sync_api import expect

        expect(self.page.locator(where).first).to_have_text(re.compile(pattern, re.DOTALL), timeout=SLOW)

    def told(self, pattern: str) -> None:
        """What the toast says."""
        self.sees(pattern, ".toasts p")

    def look(self, *, phone: bool = False) -> None:
        """The page as it stands: nothing that axe finds, nothing wider than the screen; on a phone as well."""
        for found in self._axe.run(self.page).response["violations"]:
            nodes = "; ".join(str(node["html"])[:160] for node in found["nodes"][:2])
            self._grumble(f"{found['impact']}: {found['id']}: {nodes}")
        for size in (WIDE, PHONE) if phone else (WIDE,):
            self.page.set_viewport_size(size)  # type: ignore[arg-type] # a size
            width = self.page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                self._grumble(f"{width} wide on a screen of {size['width']}")
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type] # a size

    def picture(
        self, name: str, *, height: int = 900, theme: str = "light", phone: bool = False, at: str = "body"
    ) -> None:
        """Keep what stands on the screen as `console-NAME.png`, in that theme, beginning at `at`."""
        size = {"width": PHONE["width"] if phone else WIDE["width"], "height": height}
        self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        self.page.set_viewport_size(size)  # type: ignore[arg-type] # a size
        self.page.locator(at).first.evaluate("one => one.scrollIntoView()")
        self.page.locator(".toasts").evaluate_all("all => all.forEach(one => one.replaceChildren())")
        self.page.mouse.move(0, 0)
        self.page.screenshot(path=self._folder / f"console-{name}.png")
        self.pictures.append(f"console-{name}.png")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type] # a size

    def refused(self, path: str, **form: str) -> None:
        """Whether an address answers 403, asked directly; with a form, whether posting it does."""
        if form:
            held = self.page.locator("body").get_attribute("hx-headers") or ""
            token = re.search(r'"X-CSRFToken":"([^"]+)"', held)
            assert token is not None
            asked = {"form": {**form, "csrfmiddlewaretoken": token[1]}, "headers": {"Referer": self.page.url}}
            answer = self._context.request.post(path, max_redirects=0, **asked)  # type: ignore[arg-type] # a form
        else:
            answer = self._context.request.get(path, max_redirects=0)
        assert answer.status == 403, f"{self.role}: {path} answered {answer.status}"
        assert "needs the right" in answer.text(), "refused for what they are, not for how they asked"

    def end(self) -> None:
        """Close the browser's window."""
        self._context.close()


def _gave_up(request: Any) -> bool:
    """Whether the page itself gave a request up, as it does with a check of what is typed on."""
    return "ERR_ABORTED" in str(request.failure)
