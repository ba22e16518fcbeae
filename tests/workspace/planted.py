"""A person whose one unique word is put into every place where Touchline keeps people, by the ways in which it gets there."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import polars as pl

from tests.workspace import lively
from touchline import recognition
from touchline.delivery.senders import CallSender, ConsoleSender, LetterSender
from touchline.intake import buffer
from touchline.kernel.times import DAY, FixedClock, format_instant
from touchline.site.entry import open_workspace
from touchline.workspace import uploads
from touchline.workspace.opened import Workspace

WORD = "Zwetschgenkuchen"
"""In no other text of the program, in this spelling or any other."""
MAIL = f"{WORD.lower()}@lantern.example"
USER = f"user-{WORD}"


def company(folder: Path) -> Workspace:
    """Three customers, and the one with the word, who was imported (with a line that was rejected), wrote, called, wished, and was written to."""
    root = lively.make(folder, customers=3, programme=True)
    workspace = open_workspace(root, FixedClock(lively.NOW))
    told = root / "more.csv"
    with told.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "email", "phone", "address", "name", "told_at"])
        at = format_instant(lively.NOW - 30 * DAY)
        writer.writerow([USER, MAIL, "+4930555123", f"{WORD}gasse 7, Berlin", f"Ada {WORD}", at])
        writer.writerow([f"{USER}-2", MAIL, "", "", f"Eve {WORD}", "no time at all"])
    result = workspace.import_files([told], "people")
    assert (result["accepted"], result["rejected"]) == (5, 1)
    told.unlink()  # the organisation's own file: Touchline has not made it
    buffer.accept(list(_events()), received_at=lively.NOW)
    workspace.catch_up()
    senders = {
        "email": ConsoleSender("email"),
        "phone": CallSender(),
        "post": LetterSender(workspace.settings.letters, workspace.clock),
    }
    workspace.run(until_idle=True, senders=senders)
    _called(workspace)
    assert isinstance(workspace.clock, FixedClock)
    workspace.clock.instant += DAY
    workspace.run(until_idle=True, senders=senders)
    persona = _persona(MAIL)
    workspace.prefer(persona, {"max_per_week": "2", "topic_light": "no"})
    workspace.opt(persona, [("care", "email")], allow=False, evidence={"words": WORD})
    workspace.tell_traits(persona, {"pet": f"a cat called {WORD}"})
    workspace.merge([USER, "u2"], why=f"{WORD} said so")
    workspace.split([str(_persona("u2"))], why=f"{WORD} said no")
    workspace.decide(as_of=workspace.clock.instant)
    workspace.decide()
    workspace.snapshots.save(*_snapshot(workspace))
    buffer.accept(list(_waiting()), received_at=workspace.clock.instant)  # on its way when the erasure comes
    _brought(workspace)
    return workspace


def places(root: Path) -> list[str]:
    """Every file under the folder in which the word stands, in any way in which it can be read: as it is, gzipped, or in a Parquet column."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and any(_holds(path)))


def _holds(path: Path) -> Iterator[bool]:
    needles = [WORD.lower().encode(), WORD.lower().encode("utf-16-le")]
    content = path.read_bytes()
    yield any(needle in content.lower() for needle in needles)
    if content[:2] == b"\x1f\x8b":
        yield needles[0] in gzip.decompress(content).lower()
    if content[:4] == b"PAR1":
        rows = pl.read_parquet(io.BytesIO(content))
        yield needles[0].decode() in rows.write_json().lower()
    if path.suffix == ".pdf":
        from pypdf import PdfReader

        text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        yield needles[0].decode() in text.lower().replace("\n", "")


def _events() -> Iterator[dict[str, object]]:
    at = format_instant(lively.NOW - DAY)
    yield {"type": "track", "messageId": f"m-{WORD}-1", "userId": USER, "event": "Asked", "timestamp": at,
           "properties": {"words": f"where is my {WORD}?"}}  # fmt: skip
    yield {"type": "identify", "messageId": "m2", "userId": USER, "timestamp": at, "traits": {"hobby": WORD}}
    yield {"type": "track", "messageId": "m3", "userId": USER, "event": "Order Placed", "timestamp": "never",
           "properties": {"total": f"much {WORD}"}}  # fmt: skip
    yield {"type": "track", "messageId": "m4", "anonymousId": "stranger", "event": "Order Placed", "timestamp": "never",
           "properties": {"note": f"write to {MAIL.upper()} please"}}  # fmt: skip


def _waiting() -> Iterator[dict[str, object]]:
    yield {
        "type": "track",
        "messageId": "m9",
        "userId": USER,
        "event": "Case Opened",
        "properties": {"case": f"c-{WORD}"},
    }


def _brought(workspace: Workspace) -> None:
    """Files that members brought: one that was looked at, of which an import failed and says its header; and one on its way."""
    file = uploads.draft(workspace.settings)
    file.write_text(f"name,{WORD}\n{WORD},1\n", encoding="utf-8")
    with mock.patch.object(uploads, "_begin"):
        number = workspace.keep_upload(file, f"{WORD}.csv")
        uploads.work(workspace, number, uploads.LOOK)
        workspace.start_upload(number, uploads.CHECK, "people")
    uploads.work(workspace, number, uploads.CHECK)
    shown = uploads.found(workspace.settings, number)
    assert WORD in shown.row.fault
    assert WORD in shown.row.name
    uploads.draft(workspace.settings).write_text(WORD, encoding="utf-8")


def _persona(text: str) -> int:
    known = recognition.identifiers(recognition.find(text))
    return int(known.filter(pl.col("value") == text)["persona_id"][0])


def _called(workspace: Workspace) -> None:
    customer = recognition.find(USER)[0]
    task = next(one for one in workspace.calls() if one["customer"] == customer)
    assert WORD in json.dumps(task["brief"])
    workspace.close_call(task["task"], "reached", f"likes {WORD}")


def _snapshot(workspace: Workspace) -> tuple[object, dict[str, object]]:
    """A snapshot with the word in a column: whatever a later layout keeps there, it goes."""
    from touchline.kernel.engines import Engine
    from touchline.ledger.snapshots import SnapshotKey

    frame = pl.DataFrame(
        {"persona_id": recognition.people()["persona_id"], "words": [WORD] * recognition.people().height}
    )
    frame = frame.filter(
        pl.col("persona_id").is_in(recognition.identifiers(recognition.find(USER))["persona_id"].implode())
    )
    return SnapshotKey(workspace.ledger.last_seq(), workspace.clock.now(), "planted"), {
        "words": Engine("polars").lazy(frame)
    }
