"""In: a workspace that has lived, and a folder. Out: what each role does all day, done in a real browser, and pictures of it.
Writes what its steps write: `python -m tests.console.walk WORKSPACE FOLDER` does it to a copy and makes the pictures of the documentation.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.console.walker import PASSWORD, STAFF, Walker, chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from touchline.workspace.opened import Workspace

TALK, FILE = "home_tips", "playbook/conversations/home_tips.yaml"
"""The conversation that the marketer looks at, stops, and changes; and where it is written."""


@dataclass(frozen=True)
class Cast:
    """Whom the walks meet.

    writer     a customer who is recognised by telephone and by e-mail, and who is known by a name
    caller     the customer of a call that is to be made, and what they are called
    addresses  e-mail addresses of customers, for a file to import
    code       a gift code that was given and not used yet, and its pool
    """

    writer: int
    name: str
    phone: str
    email: str
    caller: int
    called: str
    addresses: tuple[str, ...]
    code: tuple[str, str]


def cast_of(ws: Workspace, writer: int | None = None) -> Cast:
    """Whom the walks meet in this workspace; it needs an open call, and a code that was given."""
    from django.db.models import F

    from touchline.delivery.models import GiftCode
    from touchline.permission.models import Consent
    from touchline.recognition.models import Persona
    from touchline.workspace.portrait import portrait

    def address(customer: int, sort: str) -> str:
        return str(next((one["value"] for one in portrait(ws, customer).personas if one["type"] == sort), ""))

    known = Persona.objects.filter(type="email").order_by("persona_id")
    if writer is None:  # somebody who has refused something, so that the desk has what not to ask again
        refused = Consent.objects.filter(withdrawn_at__gt=F("granted_at")).values("persona_id")
        able = (one.customer for one in known.filter(persona_id__in=refused))
        writer = next(customer for customer in able if address(customer, "phone"))
    calls = ws.calls()
    call = next((one for one in calls if one["brief"]["who"]["language"] == "en"), calls[0])
    code = GiftCode.objects.filter(message__isnull=False, redeemed_at__isnull=True).order_by("id").first()
    assert code is not None, "no code was given yet"
    return Cast(
        writer, portrait(ws, writer).name, address(writer, "phone"), address(writer, "email"),
        call["customer"], call["brief"]["who"]["name"], tuple(one.value for one in known[:24]), (code.pool, code.code),
    )  # fmt: skip


def staff(ws: Workspace) -> None:
    """One member of the team for each role, with PASSWORD."""
    from touchline.team.models import User
    from touchline.team.roles import Role

    for role, name in STAFF.items():
        if not User.objects.filter(email=f"{role}@hearth.example").exists():
            User.objects.create_user(f"{role}@hearth.example", name, Role(role), PASSWORD)


def viewer(walk: Walker, cast: Cast) -> None:
    """Looks at everything, and can change nothing."""
    page = walk.page
    walk.sees(r"calls? (to make|waits)")
    walk.look(phone=True)
    walk.picture("today", height=1180)
    worst = page.locator('main .rows a[href^="/customers/"]:not([href*="?"])').first
    name = worst.inner_text()
    walk.follow(worst)
    walk.sees(re.escape(name))
    assert page.locator("#drawing svg.line a.m").count() > 0
    assert page.get_by_role("link", name="Serve", exact=True).count() == 0
    for title in ("Customers", "Playbook", "Policies", "Imports", "Outbox", "Gifts", "Proof", "Conversations"):
        walk.rail(title)
        buttons = page.locator('main form[method="post"] button, main [hx-post]')
        assert buttons.count() == 0, (title, buttons.first.inner_text())
        if title in ("Customers", "Proof", "Conversations"):  # the others are looked at with all their buttons
            walk.look(phone=True)
        if title == "Proof":
            walk.sees(r"What each programme changed")
            walk.picture("proof")
    walk.sees(r"22 conversations, 3 programmes")
    walk.sees(r"\d+ treated", "#programme-renewal")
    walk.picture("conversations", height=740, at="#programme-renewal")
    walk.follow(page.locator(f'main a[href="/conversations/{TALK}/"]'))
    walk.sees(r"Home tips")
    assert page.get_by_role("button", name="Stop").count() == 0
    walk.refused("/desk/note", customer=str(cast.writer), about="said", words="no")
    walk.refused("/sending/stop", sort="all", name="")
    walk.refused("/playbook/new", file=FILE)
    walk.refused(f"/customers/{cast.writer}/consent", say="refuse", purpose="care", address="1:email")
    for path in ("/team/", "/keys/", "/audit/", "/audit/export"):
        walk.refused(path)


def agent(walk: Walker, cast: Cast) -> None:
    """Knows who is there, says what is worth saying, notes what happened, makes a call."""
    page = walk.page
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url("**/desk/")
    walk.sees(r"calls? to make")
    walk.look(phone=True)
    page.keyboard.type(cast.phone)  # the field has the focus: whoever has somebody on the phone types at once
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    walk.settle()
    walk.sees(re.escape(cast.name))
    assert page.locator("#say .rows, #say .empty").count() == 1
    walk.sees(r"What not to ask again", "section:has(> h2:text('What not'))")
    walk.look(phone=True)
    page.get_by_label("asked something").check()
    page.get_by_label("In their words").fill("Does the cover include the new boiler?")
    page.get_by_label("What a colleague should know").fill("It does; said so on the phone.")
    page.locator("#outcome").select_option("solved")
    walk.press("Note it", "#note")
    walk.told(r"Noted")
    page.keyboard.press("/")  # finds the field from everywhere, and what stands in it gives way
    page.keyboard.type(cast.email)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*%40*")
    walk.settle()
    walk.sees(re.escape(cast.name))
    walk.sees(r"^1 min ago.*Got an answer", ".tl")

    walk.open("/desk/")
    walk.follow(page.locator(f'main a[href^="?q={cast.caller}&"]'))
    walk.sees(re.escape(cast.called))
    walk.sees(r"\d+ (days|h|min) .*left", "time[data-until]")
    walk.sees(r"Do not ask|What not to ask again", "main")
    walk.look()
    walk.picture("desk", height=1060)
    page.get_by_label("reached", exact=True).check()
    walk.press("Note it", "#note")
    walk.told(r"Noted")
    walk.open("/desk/")
    assert page.locator(f'main a[href^="?q={cast.caller}&"]').count() == 0, "a call that was made is off the list"

    walk.open(f"/customers/{cast.writer}/")
    walk.look(phone=True)
    walk.picture("customer")
    walk.picture("customer-dark", theme="dark")
    walk.picture("customer-phone", height=1100, phone=True)
    marks = page.locator("#drawing svg.line a.m")
    before = page.locator("#encounter").inner_text()
    marks.first.focus()
    page.keyboard.press("Shift+Tab")
    marks.first.focus()
    assert page.locator("#encounter").inner_text() != before, "the encounter that has the focus is told of"
    page.keyboard.press("Enter")
    assert page.locator("#list .enc").first.is_visible()
    page.keyboard.press("?")
    assert page.get_by_role("heading", name="Keys").is_visible()
    walk.press("Close", "#keys")
    walk.refused("/sending/stop", sort="conversation", name=TALK)
    walk.refused("/team/")


def marketer(walk: Walker, cast: Cast) -> None:
    """Sees what is said to whom, stops and resumes it, changes it, brings a file, looks after what waits."""
    _talks(walk, cast)
    _drafts(walk, cast)
    walk.rail("Policies")
    walk.sees(r"polic(y|ies) may hold what would be said")
    walk.look(phone=True)
    walk.picture("policies", height=1200)
    _imports(walk, cast)
    _outbox(walk)
    walk.rail("Gifts")
    pool, code = cast.code
    walk.page.get_by_label("Of the pool").select_option(pool)
    walk.page.get_by_label("Code").fill(code)
    walk.press("Note it")
    walk.told(r"is noted as used")
    walk.look(phone=True)
    walk.refused("/audit/")


def _talks(walk: Walker, cast: Cast) -> None:
    page = walk.page
    walk.rail("Conversations")
    walk.follow(page.locator(f'main a[href="/conversations/{TALK}/"]'))
    page.get_by_label("Customer").fill(str(cast.writer))
    page.locator("#p-l").select_option("en")
    walk.press("Show")
    walk.sees(rf"customer {cast.writer}.*Nothing is sent by looking", "#seen")
    walk.sees(r"Consent", "table")
    walk.look(phone=True)
    walk.picture("conversation", height=980)
    walk.press("Stop")
    walk.told(r"Stopped: the conversation home tips")
    walk.sees(r"Stopped by Mara Lind", ".stops")
    walk.look()
    walk.press("Resume")
    walk.told(r"Resumed")
    assert page.locator(".stops").count() == 0


def _drafts(walk: Walker, cast: Cast) -> None:
    """A fault is shown as one types, and is gone once it is mended; what would change; the proposal."""
    page = walk.page
    walk.rail("Playbook")
    walk.sees(r"Version \d+ is live")
    walk.look(phone=True)
    walk.follow(page.locator(f'main a[href="/playbook/files/{FILE}"]'))
    walk.press("Edit it")
    walk.sees(re.escape(FILE))
    walk.sees(r"no fault", "#faults-said")
    text = page.locator("#text")
    sound = text.input_value()
    page.get_by_label("Customer").fill(str(cast.writer))
    walk.sees(rf"customer {cast.writer}", "#seen")
    page.locator("#p-w").select_option(index=0)
    walk.settle()
    text.fill(sound.replace("audience: content", "audience: contents").replace("every 45 d", "every 30 d"))
    walk.sees(r"1 fault", "#faults-said")
    walk.sees(r"line \d+", "#faults")
    walk.settle()
    walk.look(phone=True)
    walk.picture("playbook", height=900)
    text.fill(sound.replace("every 45 d", "every 30 d"))
    walk.sees(r"no fault", "#faults-said")
    walk.sees(rf"customer {cast.writer}", "#seen")
    walk.press("Save in the draft")
    walk.told(r"Saved in the draft")
    walk.follow(page.get_by_role("link", name=re.compile(r"^draft \d+,")))
    walk.sees(r"No fault", "#faults")
    walk.sees(r"would be told", "#then")
    walk.look(phone=True)
    page.get_by_label("What it is for").fill("Home tips may come again after 30 days")
    walk.press("Propose it")
    walk.told(r"It is proposed")
    assert page.get_by_role("button", name="Approve").count() == 0, "nobody approves what they have written"


def _imports(walk: Walker, cast: Cast) -> None:
    """A file of consents, two of whose lines cannot be read: tried, imported, its rejects fetched."""
    page = walk.page
    lines = ["user_id,account,email,phone,address,zone,purpose,channel,answer,told_at,evidence"]
    lines += [
        f",,{one},,,,listening,email,yes,2026-06-23T09:{n:02}:00Z,ticked in the shop"
        for n, one in enumerate(cast.addresses)
    ]
    lines[3] = lines[3].replace(",yes,", ",perhaps,")
    lines[5] = ",,,,,,listening,email,yes,2026-06-23T09:04:00Z,ticked in the shop"
    walk.rail("Imports")
    walk.look(phone=True)
    page.locator("#i-file").set_input_files(
        {"name": "shop_consents.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    )
    page.get_by_role("button", name="Bring it").click()
    page.wait_for_url(re.compile(r"/imports/\d+/$"))
    _worked(walk, r"imports? of the playbook fits? this file")
    page.get_by_label("consents", exact=True).check()
    page.get_by_role("button", name="Try it first").click()
    _worked(walk, r"would be imported as consents, 2 lines would be rejected")
    walk.look(phone=True)
    walk.picture("import", height=1000)
    page.get_by_role("button", name="Import it as consents").click()
    _worked(walk, r"were imported as consents, 2 lines were rejected")
    with page.expect_download() as fetched:
        page.get_by_role("link", name="their numbers and reasons as CSV").click()
    rejects = fetched.value.path().read_text("utf-8")
    assert [line.split(",")[2] for line in rejects.splitlines()[1:]] == ["4", "6"], rejects
    walk.rail("Imports")
    walk.sees(r"shop_consents\.csv", "main table")


def _worked(walk: Walker, title: str) -> None:
    """The file's page once the job of its own has come to its end; the page goes on by itself."""
    walk.sees(title)
    walk.settle()


def _outbox(walk: Walker) -> None:
    page = walk.page
    walk.rail("Outbox")
    walk.sees(r"messages? waits? to go")
    walk.look(phone=True)
    walk.follow(page.locator("main table").first.locator("tr", has_text="held").get_by_role("link"))
    page.locator('input[name="message"]').first.check()
    walk.picture("outbox")
    walk.press("Release the chosen")
    walk.told(r"1 message can go now")


def admin(walk: Walker, cast: Cast) -> None:
    """Asks somebody to join, makes a key, approves what was proposed, and sees who did what."""
    page = walk.page
    walk.rail("Team")
    page.get_by_label("Their e-mail address").fill("nell@hearth.example")
    page.get_by_label(re.compile("^agent")).check()
    walk.press("Make the invitation")
    link = page.locator("#made").inner_text()
    assert "/join/" in link
    walk.look(phone=True)
    walk.rail("Keys")
    page.get_by_label("Whose it is").fill("the shop's till")
    walk.press("Make the key")
    key = page.locator("#made").inner_text()
    walk.look(phone=True)
    walk.rail("Keys")
    assert key not in page.content(), "a key is shown once"
    walk.sees(r"the shop.s till", "main table")
    walk.rail("Playbook")
    walk.sees(r"1 change of the playbook waits for approval")
    walk.follow(page.get_by_role("link", name="Home tips may come again after 30 days"))
    walk.press("Approve, and let it go live")
    walk.told(r"It is live as version \d+")
    walk.sees(r"live since Jo Ashdown approved it")
    walk.look()
    walk.rail("Audit")
    walk.look(phone=True)
    walk.picture("audit", height=1000)
    done = page.locator("main tbody tr")
    for name, operation in (
        ("Mara Lind", "playbook.propose"), ("Jo Ashdown", "playbook.approve"), ("Mara Lind", "sending.stop"),
        ("Mara Lind", "sending.resume"), ("Jo Ashdown", "team.invite"), ("Jo Ashdown", "keys.create"),
        ("Mara Lind", "gifts.redeem"), ("Mara Lind", "messages.release"), ("Mara Lind", "imports."),
    ):  # fmt: skip
        assert done.filter(has_text=name).filter(has_text=operation).count() > 0, (name, operation)
    assert link.split("/join/")[1].strip("/") not in page.content()
    walk.follow(page.locator(".rail").get_by_role("link", name="account"))
    walk.look(phone=True)


WALKS: dict[str, Callable[[Walker, Cast], None]] = {
    "viewer": viewer, "agent": agent, "marketer": marketer, "admin": admin,
}  # fmt: skip


def walked(browser: Browser, base: str, cast: Cast, roles: tuple[str, ...], folder: Path) -> list[Walker]:
    """Those roles' walks, one after the other."""
    done = []
    for role in roles:
        walker = Walker(browser, base, role, folder)
        try:
            WALKS[role](walker, cast)
        except BaseException:
            walker.page.screenshot(path=folder / f"stuck-{role}.png")
            raise
        finally:
            walker.end()
        done.append(walker)
    return done


def main() -> int:
    """Walk on a copy of a demonstration and keep the pictures; tell what is amiss."""
    from django.conf import settings
    from django.db import connections

    from touchline.site.entry import open_workspace
    from touchline.workspace import rehearsing, serving

    if len(sys.argv) not in (3, 4):
        sys.stderr.write("python -m tests.console.walk WORKSPACE FOLDER [CUSTOMER]\n")
        return 2
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as scratch:
        root = Path(scratch) / "demo"
        copytree(sys.argv[1], root)
        ws = open_workspace(root)
        if not ws.calls():  # a demonstration that an older version has built made its last day's calls, too
            rehearsing.forward(ws, 1, calls_wait=True)
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        serving.use(ws)
        staff(ws)
        cast = cast_of(ws, int(sys.argv[3]) if len(sys.argv) == 4 else None)
        connections.close_all()
        with served() as base, chromium() as browser:
            done = walked(browser, base, cast, tuple(WALKS), folder)
    sys.stdout.writelines(f"{fault}\n" for one in done for fault in one.faults)
    sys.stdout.write(f"{sum(len(one.pictures) for one in done)} pictures in {folder}\n")
    return int(any(one.faults for one in done))


if __name__ == "__main__":
    sys.exit(main())
