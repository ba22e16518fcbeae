"""Letters in a folder for the printer, calls on somebody's list, and rehearsals on a console."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.delivery.messages import HEARTH, PDF, message, rendered
from touchline.delivery.senders import CallSender, ConsoleSender, LetterSender, Outcome
from touchline.delivery.senders import letter as letters
from touchline.delivery.senders.call import MOST_BEFORE
from touchline.kernel.times import DAY, FixedClock, parse_instant
from touchline.playbook.compiled import Brand

NOW = parse_instant("2026-03-01T10:00:00Z")
LETTER = message(channel="post", address="ann example\nringstr. 1")


def manifest(folder: Path, day: str = "2026-03-01") -> list[dict[str, str]]:
    with (folder / day / "manifest.csv").open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def test_a_letter_lies_in_the_days_folder_with_a_line_in_its_manifest(tmp_path: Path) -> None:
    sender = LetterSender(tmp_path, FixedClock(NOW))
    assert sender.send(LETTER) == Outcome("sent")
    (line,) = manifest(tmp_path)
    assert (tmp_path / "2026-03-01" / line["file"]).read_bytes() == PDF
    assert line["address"] == "ann example ringstr. 1"
    assert line["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert sorted(one.name for one in (tmp_path / "2026-03-01").iterdir()) == [
        f"{LETTER.message_id}.pdf",
        "manifest.csv",
    ]


def test_each_day_has_its_folder(tmp_path: Path) -> None:
    clock = FixedClock(NOW)
    sender = LetterSender(tmp_path, clock)
    sender.send(LETTER)
    clock.instant += DAY
    sender.send(message(message_id="0" * 32, channel="post", address="x"))
    assert [len(manifest(tmp_path, day)) for day in ("2026-03-01", "2026-03-02")] == [1, 1]


def test_a_letter_that_was_interrupted_is_in_the_manifest_once(tmp_path: Path) -> None:
    sender = LetterSender(tmp_path, FixedClock(NOW))
    assert [sender.send(LETTER), LetterSender(tmp_path, FixedClock(NOW)).send(LETTER)] == [Outcome("sent")] * 2
    assert len(manifest(tmp_path)) == 1


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", '=HYPERLINK("x")'])
def test_a_manifest_runs_nothing_in_a_spreadsheet(tmp_path: Path, text: str) -> None:
    one = message(channel="post", address=text, brand=Brand(text))
    assert LetterSender(tmp_path, FixedClock(NOW)).send(one) == Outcome("sent")
    (line,) = manifest(tmp_path)
    for cell in (line["address"], line["brand"]):
        assert cell.startswith("'")


def test_several_workers_write_one_manifest(tmp_path: Path) -> None:
    def write(number: int) -> Outcome:
        return LetterSender(tmp_path, FixedClock(NOW)).send(message(channel="post", message_id=f"{number:032x}"))

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(64))) == {Outcome("sent")}
    assert len({line["message_id"] for line in manifest(tmp_path)}) == 64


def test_a_line_that_could_not_be_finished_is_uncertain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(letters, "_append", full)
    assert LetterSender(tmp_path, FixedClock(NOW)).send(LETTER) == Outcome("uncertain", "manifest")


def test_a_line_that_the_disk_took_in_part_is_uncertain_and_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, write = LetterSender(tmp_path, FixedClock(NOW)), os.write
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", lambda file, line: write(file, line[:40]))
        assert sender.send(LETTER) == Outcome("uncertain", "manifest")
    assert sender.send(message(channel="post", message_id="0" * 32, address="x")) == Outcome("sent")
    assert sender.send(LETTER) == Outcome("sent")
    whole = [line for line in manifest(tmp_path) if line["sha256"]]
    assert [line["message_id"] for line in whole] == ["0" * 32, LETTER.message_id]


def test_what_was_read_of_a_manifest_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (LetterSender(tmp_path, FixedClock(NOW)) for _ in range(2))
    ids = [f"{number:032x}" for number in range(20)]
    for id_ in ids:
        assert one.send(message(channel="post", message_id=id_)) == Outcome("sent")
    assert other.send(message(channel="post", message_id="f" * 32)) == Outcome("sent")
    file = tmp_path / "2026-03-01" / "manifest.csv"
    # What was read already is not looked at: here it is made illegible.
    assert one.send(message(channel="post", message_id="f" * 32)) == Outcome("sent")
    text = file.read_bytes()
    file.write_bytes(b"x" * (len(text) - 2) + b"\r\n")
    assert one.send(message(channel="post", message_id=ids[0])) == Outcome("sent")
    assert file.stat().st_size == len(text), "it is known, and not written twice"


def test_a_pdf_that_could_not_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(letters, "_write", full)
    assert LetterSender(tmp_path, FixedClock(NOW)).send(LETTER) == Outcome("retry", "no_folder")


def test_no_id_leads_out_of_the_folder(tmp_path: Path) -> None:
    sender = LetterSender(tmp_path / "letters", FixedClock(NOW))
    assert sender.send(message(channel="post", message_id="../../x")) == Outcome("failed", "bad_id")
    assert sender.send(message(channel="post", message_id="a/b")) == Outcome("failed", "bad_id")


def test_a_brief_says_who_why_what_before_what_to_say_and_what_not_to_ask() -> None:
    before = [{"at": "2026-02-20", "what": "complained"}] * (MOST_BEFORE + 5)
    call = message(
        channel="phone",
        address="+4930123456",
        payload={"who": {"name": "Ann", "number": "no"}, "before": before, "known": {"postal": "Ringstr. 1"}},
    )
    outcome = CallSender().send(call)
    assert (outcome.state, outcome.reason) == ("handed", "")
    brief = json.loads(outcome.brief)
    assert brief["who"] == {"name": "Ann", "number": "+4930123456", "language": "de"}
    assert brief["why"] == {"purpose": "care", "brand": HEARTH.name, "words": "to thank"}
    assert brief["before"] == before[:MOST_BEFORE]
    assert brief["say"] == ["thank for 3 years"]
    assert brief["never_ask"] == {"postal": "Ringstr. 1"}


def test_a_call_without_a_history_has_a_brief_too() -> None:
    outcome = CallSender().send(message(channel="phone", address="+4930123456"))
    assert json.loads(outcome.brief)["before"] == []


def test_the_console_answers_what_it_is_told_and_keeps_what_left() -> None:
    stream = io.StringIO()
    answers = iter([Outcome("retry", "later"), Outcome("uncertain", "who_knows"), Outcome("sent")])
    console = ConsoleSender("email", answer=lambda _: next(answers), stream=stream)
    assert [console.send(message(message_id=one)).state for one in "abc"] == ["retry", "uncertain", "sent"]
    assert [one.message_id for one in console.sent] == ["b", "c"]
    assert stream.getvalue().count("\n") == 2


def test_the_console_writes_one_line_a_message() -> None:
    stream = io.StringIO()
    ConsoleSender("sms", stream=stream).send(message(channel="sms", rendered=rendered(subject=None, text="one\ntwo")))
    assert stream.getvalue() == "sms to ann@customer.example: one\n"
