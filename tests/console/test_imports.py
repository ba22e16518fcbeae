"""The page Imports: a file is brought, looked at, tried and imported; what is hostile costs nothing but itself."""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from tests.faces import member
from touchline.intake.models import Upload
from touchline.kernel.times import DAY, SystemClock
from touchline.ledger.table import Ledger
from touchline.site import importer
from touchline.team import audit
from touchline.workspace import uploads
from touchline.workspace.opened import Workspace
from touchline.workspace.settings import Settings
from touchline.workspace.uploads import DONE, FAILED, INTERRUPTED, RUNNING, STOPPED

TILL = """
name: till
format: {type: csv, separator: ";"}
types: {receipt: text, card: text, day: text, amount: number}
expect: {columns: [receipt, card, day, amount]}
persona:
  - {type: account, value: card}
row:
  kind: "'bought'"
  touchpoint: "'site'"
  occurred_at: "INSTANT(day, '%d.%m.%Y', 'Europe/Berlin')"
  revenue: amount
id: {key: [receipt]}
reject_when:
  - {when: "amount > 1000", reason: too_large}
"""
GOOD = b"receipt;card;day;amount\n1;c1;03.02.2024;19.90\n2;c2;04.02.2024;5\n2;c2;04.02.2024;5\n3;c1;05.02.2024;2000\n4;c3;never;1\n"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def office(office: Workspace) -> Workspace:
    """The blank workspace, with one import in its playbook."""
    (office.settings.root / "playbook" / "imports").mkdir()
    (office.settings.root / "playbook" / "imports" / "till.yaml").write_text(TILL, "utf-8")
    return office


@pytest.fixture
def at_once(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done in this process before the answer, by the very function that the child calls."""

    def begin(_settings: Settings, command: Sequence[str], _lock: int) -> None:
        upload, job, who = command[-3:]
        assert int(who) > 0
        uploads.work(office, int(upload), job)

    monkeypatch.setattr(uploads, "_begin", begin)


def client_of(role: str, *, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf)
    client.force_login(member(role))
    return client


def bring(content: bytes, name: str = "till.csv", client: Client | None = None) -> Any:
    return (client or client_of("marketer")).post("/imports/upload", {"file": SimpleUploadedFile(name, content)})


def sent(content: bytes, name: bytes) -> Any:
    """The same with the client's name as it is, which no decent client would send."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\nContent-Type: a/b\r\n\r\n'
    body = head + content + b"\r\n--x--\r\n"
    return client_of("marketer").post("/imports/upload", body, content_type="multipart/form-data; boundary=x")


def brought(content: bytes, name: str = "till.csv") -> int:
    answer = bring(content, name)
    assert answer.status_code == 302, answer.content.decode()
    return int(re.search(r"/imports/(\d+)/$", answer.headers["Location"])[1])  # type: ignore[index] # it is one


def page_of(number: int, role: str = "marketer") -> str:
    answer = client_of(role).get(f"/imports/{number}/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def row(number: int) -> Any:
    return Upload.objects.get(pk=number)


def many(monkeypatch: pytest.MonkeyPatch) -> int:
    """A file of a thousand lines that was brought, and that nobody looks at."""
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_begin", lambda *_: None)
        return brought(
            b"receipt;card;day;amount\n" + b"".join(b"%d;c%d;03.02.2024;1\n" % (n, n % 40) for n in range(1000))
        )


def whole(office: Workspace, number: int) -> None:
    """All of those lines are there once."""
    told = row(number).told
    assert told["read"] == 1000
    assert told["accepted"] + told["duplicates"] == 1000
    assert told["duplicates"] >= 100, "what was there already was passed over"
    office.stores.forget("ledger")
    ids = office.interactions().select("id").collect().to_native()
    assert (len(ids), ids["id"].n_unique()) == (1000, 1000)


def settled(settings: Settings, number: int) -> uploads.Shown:
    """The upload once no process works on it; the children take seconds to be born."""
    for _ in range(600):
        shown = uploads.found(settings, number)
        if shown.state != RUNNING:
            return shown
        time.sleep(0.1)
    raise AssertionError("its process did not come to an end")


@pytest.mark.usefixtures("at_once")
def test_a_file_is_tried_and_imported_with_the_counts_of_the_terminal(office: Workspace, tmp_path: Path) -> None:
    empty = client_of("marketer").get("/imports/").content.decode()
    assert "No file was brought here yet" in empty
    assert 'enctype="multipart/form-data"' in empty
    number = brought(GOOD)
    page = page_of(number)
    assert "1 import of the playbook fits this file" in page
    assert "19.90" in page
    same = tmp_path / "till.csv"
    same.write_bytes(GOOD)
    terminal = office.import_files([same], "till", dry_run=True)
    marketer = client_of("marketer")
    assert marketer.post(f"/imports/{number}/check", {"as": "till"}).status_code == 302
    counts = {name: value for name, value in terminal.items() if name != "rejects_file"}
    assert {name: row(number).told[name] for name in counts} == counts
    assert (counts["read"], counts["accepted"], counts["duplicates"], counts["rejected"]) == (5, 2, 1, 2)
    assert office.interactions().collect().shape[0] == 0, "a try writes nothing"
    page = page_of(number)
    assert "2 interactions would be imported as till, 2 lines would be rejected" in page
    assert "Import it as till" in page
    assert marketer.post(f"/imports/{number}/import", {"as": "till"}).status_code == 302
    assert {name: row(number).told[name] for name in counts} == counts
    assert not uploads.file_of(office.settings, number).exists(), "what is imported is deleted"
    again = office.import_files([same], "till")
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    page = page_of(number, "viewer")
    assert "2 interactions were imported as till, 2 lines were rejected" in page
    assert "Too large" in page
    told = b"".join(client_of("viewer").get(f"/imports/{number}/rejects.csv").streaming_content).decode()  # type: ignore[attr-defined] # it streams
    assert "too_large" in told
    assert "upload-" in told
    assert "2000" not in told, "a rejects file holds nothing of the lines"
    assert ">imported</span>" in client_of("viewer").get("/imports/").content.decode()


def test_whoever_may_not_bring_files_sees_the_list_and_changes_nothing(office: Workspace, at_once: None) -> None:
    number = brought(GOOD)
    for role in ("viewer", "agent"):
        client = client_of(role)
        assert client.get("/imports/").status_code == 200
        assert '<form method="post" action="/imports/' not in client.get(f"/imports/{number}/").content.decode()
        assert "imports/upload" not in client.get("/imports/").content.decode()
        assert client.get("/imports/upload").status_code == 403
        assert bring(GOOD, client=client).status_code == 403
        for verb in ("look", "check", "import", "stop", "discard"):
            assert client.post(f"/imports/{number}/{verb}", {"as": "till"}).status_code == 403, (role, verb)
    assert Client().get("/imports/upload").status_code == 302
    assert client_of("marketer").get("/imports/upload").status_code == 204
    assert Upload.objects.count() == 1
    assert uploads.file_of(office.settings, number).exists()


def test_a_form_without_its_token_is_refused_and_leaves_nothing(office: Workspace) -> None:
    strict = client_of("marketer", csrf=True)
    assert bring(GOOD, client=strict).status_code == 403
    assert Upload.objects.count() == 0
    assert list(office.settings.uploads.iterdir()) == []


@pytest.mark.usefixtures("at_once")
def test_what_does_not_fit_is_told_with_what_is_missing_and_an_import_is_proposed(office: Workspace) -> None:
    number = brought(
        b"Rechnung;Kunden-Nr;Betrag;Datum\nR1;k1;3.5;01.02.2024\nR2;<b>k2</b>;4;02.02.2024\n", "Mai <2024>.csv"
    )
    page = page_of(number)
    assert "No import of the playbook fits this file yet" in page
    assert "Missing: receipt, card, day, amount. Not expected: Rechnung, Kunden-Nr, Betrag, Datum." in page
    assert "&lt;b&gt;k2&lt;/b&gt;" in page
    assert "<b>k2</b>" not in page
    assert "Mai &lt;2024&gt;.csv" in page
    proposed = re.search(r'id="proposal">(.*?)</pre>', page, re.DOTALL)
    assert proposed is not None
    name = re.search(r"playbook/imports/([a-z0-9_]+)\.yaml", page)
    assert name is not None
    from html import unescape

    (office.settings.root / "playbook" / "imports" / f"{name[1]}.yaml").write_text(unescape(proposed[1]), "utf-8")
    office.stores.forget("playbook")
    page = page_of(number)
    assert "1 import of the playbook fits this file" in page
    client_of("marketer").post(f"/imports/{number}/import", {"as": name[1]})
    assert (row(number).told["accepted"], row(number).told["rejected"]) == (2, 0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02" * 100,
        b"PK\x03\x04" + b"x" * 100,
        b"PAR1" + b"\xff" * 200 + b"\x10\x00\x00\x00PAR1",
        "receipt;card;day;amount\n1;ä;01.01.2024;1\n".encode("utf-16"),
        gzip.compress(GOOD, mtime=0)[:-9],
        b"receipt;card;day;amount\n",
        b"\n\n\n",
        b"x" * 300_000,
        b'"never closed;\n' * 50,
        b'{"a": {"b": {"c": {"d": 1}}}, "\\ud800": "\\udfff", "": null}\n[1]\n{broken\n',
        b"{" * 5000,
        b";".join(b"c%d" % n for n in range(3000)) + b"\n",
        "=cmd|' /C calc'!A0;@SUM(1)\n<script>alert(1)</script>;\u202ereversed\n".encode(),
        gzip.compress(b"a;b\n" + b"1;2\n" * 5_000_000, mtime=0),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_a_hostile_file_costs_nothing_but_itself(office: Workspace, content: bytes) -> None:
    number = brought(content, "x'; DROP TABLE--\r\nSet-Cookie: a=b\x00.csv")
    marketer = client_of("marketer")
    page = page_of(number)
    assert "<script>alert" not in page
    assert row(number).state in (DONE, FAILED)
    answer = marketer.post(f"/imports/{number}/check", {"as": "till"})
    assert answer.status_code == 302
    assert row(number).state == FAILED or row(number).told["accepted"] == 0
    assert marketer.get(f"/imports/{number}/").status_code == 200
    assert marketer.get("/imports/").status_code == 200


@pytest.mark.usefixtures("at_once")
def test_a_small_parquet_file_that_unpacks_to_a_vast_one_is_looked_at(office: Workspace, tmp_path: Path) -> None:
    vast = tmp_path / "vast.parquet"
    pl.DataFrame(
        {"a": pl.repeat("x" * 20_000, 20_000, eager=True), "b": pl.repeat(1, 20_000, eager=True)}
    ).write_parquet(vast)
    assert vast.stat().st_size < 1_000_000
    number = brought(vast.read_bytes(), "vast.parquet")
    head = uploads.head(office.settings, number)
    assert head is not None
    assert [len(one.shown[0]) for one in head.columns] == [61, 1]
    assert page_of(number).count("x" * 61) == 0


@pytest.mark.usefixtures("at_once")
def test_a_client_s_name_leads_nowhere(office: Workspace) -> None:
    for name in (
        b"../../../etc/passwd",
        b"..\\..\\boot.ini",
        b"/abs/olute.csv",
        b"..",
        b"a\x00b\x1b.csv",
        b"\xff\xfe",
        b"&#x2e;&#x2e;/x",
    ):
        assert sent(GOOD, name).status_code in (302, 400), name
    names = {one.name for one in Upload.objects.all()}
    assert {"passwd", "boot.ini", "olute.csv"} <= names
    assert all("/" not in name and "\\" not in name and name.isprintable() for name in names), names
    assert client_of("viewer").get("/imports/").status_code == 200
    inside = {path.relative_to(office.settings.uploads).parts[0] for path in office.settings.uploads.rglob("*")}
    assert all(one.isdecimal() for one in inside), inside
    client = client_of("marketer")
    for address in (
        "/imports/999/",
        "/imports/999/state",
        "/imports/999/rejects.csv",
        "/imports/99999999999999999999/",
    ):
        assert client.get(address).status_code == 404, address
    number = brought(GOOD)
    assert client.get(f"/imports/{number}/rejects.csv").status_code == 404
    Upload.objects.filter(pk=number).update(told={"rejects": "../secret"})
    assert client.get(f"/imports/{number}/rejects.csv").status_code == 404
    assert client.post(f"/imports/{number}/check", {"as": "../../x"}).status_code == 404
    assert client.post(f"/imports/{number}/check", {"as": "nothing\x00"}).status_code == 404
    assert client.get("/imports/?before=9999999999999999999999").status_code == 200


def test_an_empty_file_and_an_empty_form_are_told_beside_the_field(office: Workspace) -> None:
    answer = bring(b"")
    assert (answer.status_code, b"the file is empty" in answer.content) == (400, True)
    answer = client_of("marketer").post("/imports/upload", {"other": "x"})
    assert (answer.status_code, b"Choose one first" in answer.content) == (400, True)
    answer = client_of("marketer").post(
        "/imports/upload", {"file": SimpleUploadedFile("a.csv", b"")}, headers={"HX-Request": "true"}
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert Upload.objects.count() == 0
    assert list(office.settings.uploads.iterdir()) == []


def test_not_two_at_once_for_one_file_and_not_many_in_all(office: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    monkeypatch.setattr(uploads, "_begin", lambda _settings, _command, lock: held.append(os.dup(lock)))
    try:
        number = brought(GOOD)  # its look is under way for as long as the lock is held
        assert uploads.found(office.settings, number).state == RUNNING
        part = client_of("viewer").get(f"/imports/{number}/state").content.decode()
        assert 'hx-trigger="load delay:1s"' in part
        answer = client_of("marketer").post(f"/imports/{number}/import", {"as": "till"})
        assert (answer.status_code, b"something is under way" in answer.content) == (400, True)
        assert client_of("marketer").post(f"/imports/{number}/discard").status_code == 400
        brought(GOOD)
        third = brought(GOOD)
        assert uploads.found(office.settings, third).state == DONE, "it is kept, and looked at later"
        answer = client_of("marketer").post(f"/imports/{third}/look")
        assert (answer.status_code, b"2 other files are under way" in answer.content) == (400, True)
    finally:
        for lock in held:
            os.close(lock)
    assert uploads.found(office.settings, number).state == INTERRUPTED
    assert "HX-Refresh" in client_of("viewer").get(f"/imports/{number}/state").headers
    assert client_of("marketer").post(f"/imports/{number}/discard").status_code == 302
    assert not uploads.file_of(office.settings, number).exists()


@pytest.mark.sqlite  # its processes are the product's own, which know no database of a test's; on PostgreSQL tests/intake kills imports
def test_an_import_that_was_killed_is_gone_on_with_and_nothing_comes_twice(
    office: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = many(monkeypatch)
    monkeypatch.chdir(ROOT)
    marketer = client_of("marketer")
    with monkeypatch.context() as patched:
        patched.setattr(uploads, "COMMAND", (sys.executable, "-m", "tests.console.dying"))
        assert marketer.post(f"/imports/{number}/import", {"as": "till"}).status_code == 302
        assert settled(office.settings, number).state == INTERRUPTED
    assert "Go on importing as till" in page_of(number)
    assert 100 <= office.interactions().collect().shape[0] < 1000
    assert marketer.post(f"/imports/{number}/import", {"as": "till"}).status_code == 302
    shown = settled(office.settings, number)
    assert (shown.state, shown.there) == (DONE, False), shown.row.fault
    whole(office, number)
    entry = audit.entries(operation="imports.run")[0]
    assert (entry.actor_kind, entry.actor_name, entry.about) == ("user", "Ada Marketer", "import till")


def test_an_import_that_was_stopped_is_gone_on_with(
    office: Workspace, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = many(monkeypatch)
    real = Ledger.append

    def append(self: Ledger, *given: Any, **named: Any) -> Any:
        office.stop_upload(number)
        asked.join(10)
        return real(self, *given, **named)

    for name in ("readers", "imports"):
        monkeypatch.setattr(f"touchline.intake.{name}.CHUNK_ROWS", 100)
    monkeypatch.setattr("touchline.intake.lines.BLOCK", 1024)
    asked = threading.Thread(target=importer._stopped, args=[office, number])
    asked.start()
    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append", append)
        patched.setattr(uploads, "_alive", lambda *_: True)
        client_of("marketer").post(f"/imports/{number}/import", {"as": "till"})
    assert not asked.is_alive()
    assert row(number).state == STOPPED
    assert "Go on importing as till" in page_of(number)
    assert 100 <= office.interactions().collect().shape[0] < 1000
    client_of("marketer").post(f"/imports/{number}/import", {"as": "till"})
    whole(office, number)


@pytest.mark.sqlite
def test_a_dry_run_works_on_a_copy_of_the_sqlite_file(office: Workspace) -> None:
    Upload.objects.create(pk=5, name="x", size=1, uploaded_at=1, uploaded_by="y", state=DONE)
    uploads.folder(office.settings, 5).mkdir(parents=True)
    where = connection.settings_dict["NAME"]
    with importer._aside(office, 5):
        assert connection.settings_dict["NAME"] != where
        assert Upload.objects.get(pk=5).name == "x"
        Upload.objects.all().delete()
    assert str(connection.settings_dict["NAME"]) == str(where)
    assert Upload.objects.count() == 1
    assert list(uploads.folder(office.settings, 5).iterdir()) == []


@pytest.mark.usefixtures("at_once")
def test_files_are_deleted_some_days_after_they_came(office: Workspace) -> None:
    number = brought(GOOD)
    (office.settings.uploads / "arriving-0").write_bytes(b"broken off")
    office_now = SystemClock().now()
    uploads.expire(office.settings, office_now + (uploads.KEPT - 1) * DAY)
    assert uploads.found(office.settings, number).there
    uploads.expire(office.settings, office_now + (uploads.KEPT + 1) * DAY)
    assert not uploads.found(office.settings, number).there
    assert list(office.settings.uploads.iterdir()) == []
    assert "not here any more" in page_of(number)
    answer = client_of("marketer").post(f"/imports/{number}/import", {"as": "till"})
    assert (answer.status_code, b"Choose it again" in answer.content) == (400, True)


@pytest.mark.usefixtures("at_once")
def test_what_the_program_itself_fails_at_keeps_no_words_of_the_file(office: Workspace) -> None:
    number = brought(GOOD)
    uploads.failed(number, ValueError("Ada Lovelace, c1"))
    assert row(number).state == FAILED
    assert "Lovelace" not in row(number).fault
    assert "ValueError" in page_of(number)
    assert json.dumps(row(number).told) == "{}"
