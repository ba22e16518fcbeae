"""Pools of gift codes: what a conversation gives is there, is counted in money, and ends with its last day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.playbook import hearth
from touchline import playbook
from touchline.kernel.times import to_micros
from touchline.playbook.codes import LARGEST_FILE, MOST_FAULTS, read_codes
from touchline.playbook.compiled import Brand, Call, Gift, Pool

GIFTS = "playbook/gifts.yaml"
CODES = "playbook/tea_codes.txt"
THANKS = "playbook/conversations/renewal_thanks.yaml"
LETTER = "playbook/conversations/renewal_letter.yaml"
SECRET = "TEA-SECRET-77"


def test_a_pool_is_compiled_with_the_instant_after_its_last_day(tmp_path: Path) -> None:
    compiled = playbook.load(hearth.write(tmp_path))
    midnight = to_micros(datetime(2028, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")))
    assert compiled.pools == {"tea_codes": Pool("tea_codes", "tea_codes.txt", 5, 2500, midnight)}
    assert compiled.conversations["renewal_thanks"].gift == Gift("tea_codes", 500)
    assert compiled.conversations["renewal_call"].gift is None


def test_what_is_left_out_of_a_pool_is_no_limit(tmp_path: Path) -> None:
    changes = {GIFTS: "tea_codes: {file: tea_codes.txt, worth: 5}\n"}
    assert playbook.load(hearth.write(tmp_path, changes)).pools["tea_codes"] == Pool("tea_codes", "tea_codes.txt", 5)


def test_a_call_is_compiled_with_what_to_say_and_what_not_to_ask(tmp_path: Path) -> None:
    compiled = playbook.load(hearth.write(tmp_path))
    call = compiled.conversations["renewal_call"].call
    assert call == Call(
        ("thank for {{ tenure_days | divided_by: 365 }} years", "ask what should be better"),
        ("postal_address", "contract_no"),
    )
    assert compiled.conversations["renewal_letter"].call is None


def test_a_brand_is_compiled_with_its_sender_and_postal_address(tmp_path: Path) -> None:
    organisation = playbook.load(hearth.write(tmp_path)).organisation
    assert organisation.brands == ("hearth",)
    assert organisation.brand_details == {
        "hearth": Brand("Hearth", "care@hearth.example", "Hearth, Ringstr. 1, 10115 Berlin")
    }


@pytest.mark.parametrize(
    ("file", "old", "new", "what", "remedy"),
    [
        (GIFTS, "worth: 5,", "worth: five,", "`worth` must be a number", "digits"),
        (GIFTS, "worth: 5, ", "", "`worth` is missing", "Add `worth:`"),
        (GIFTS, "budget: 2500", "budget: 4", "does not reach for one code", "at least 5"),
        (GIFTS, "budget: 2500", "bugdet: 2500", "`bugdet` is not a key", "`budget`"),
        (GIFTS, "2027-12-31", "2027-12-32", "`2027-12-32` is not a date", "`2027-12-31`"),
        (GIFTS, "2027-12-31", "31.12.2027", "is not a date", "`2027-12-31`"),
        (GIFTS, "tea_codes.txt", "tee_codes.txt", "no file `tee_codes.txt` inside playbook/", "one a line"),
        (GIFTS, "tea_codes.txt", "../../secret.txt", "is not the name of a file of codes", "`.txt`"),
        (GIFTS, "tea_codes.txt", "stages.yaml", "is not the name of a file of codes", "`.txt`"),
        (GIFTS, "tea_codes: {", "Tea Codes: {", "`Tea Codes` cannot be a name", "small letters"),
        (THANKS, "pool: tea_codes", "pool: tee_codes", "`tee_codes` is not a pool of gifts.yaml", "`tea_codes`"),
        (THANKS, "budget: 500", "budget: 0", "`budget` is below 1", "1 or more"),
        (THANKS, "gift: {pool: tea_codes, budget: 500}", "gift: tea_codes", "`gift` must be a mapping", "key: value"),
        (LETTER, "recurs: per agreement term", "recurs: per agreement term\ncall: {say: [thanks]}",
         "has a `call`, and is not had on channel `phone`", "Remove `call`"),
    ],
)  # fmt: skip
def test_a_fault_is_found_on_its_line_with_a_remedy(
    file: str, old: str, new: str, what: str, remedy: str, tmp_path: Path
) -> None:
    changes = hearth.replaced(file, old, new)
    line = hearth.line_of(changes, file, new.rpartition("\n")[2] or hearth.FILES[file].splitlines()[0][:5])
    faults = playbook.check(hearth.write(tmp_path, changes))
    assert [(fault.file, fault.line) for fault in faults] == [(file, line)], [str(fault) for fault in faults]
    assert what in faults[0].what
    assert remedy in faults[0].remedy


def test_two_pools_cannot_give_the_same_codes(tmp_path: Path) -> None:
    text = hearth.FILES[GIFTS] + "late_codes: {file: tea_codes.txt, worth: 5}\n"
    (fault,) = playbook.check(hearth.write(tmp_path, {GIFTS: text}))
    assert (fault.file, fault.line) == (GIFTS, 2)
    assert "`tea_codes` already" in fault.what


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{SECRET}\nB 2\n", [2]),
        (f"{SECRET}\n\n\n{SECRET}\n", [4]),
        (f"{SECRET}{'x' * 100}\n", [1]),
        (f"{SECRET}\x00\nB2\n", [1]),
        ("", [0]),
        ("\n \n", [0]),
    ],
)
def test_a_line_that_is_no_code_is_a_fault_and_no_code_is_ever_quoted(
    text: str, lines: list[int], tmp_path: Path
) -> None:
    faults = playbook.check(hearth.write(tmp_path, {CODES: text}))
    assert [(fault.file, fault.line) for fault in faults] == [(CODES, line) for line in lines]
    assert SECRET not in "".join(map(str, faults))


def test_codes_are_read_in_their_order_without_the_space_around_them(tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    path.write_bytes("\ufeffB2\r\n  A1 \r\n\r\nÜ3".encode())
    assert read_codes(path, "codes.txt") == (("B2", "A1", "Ü3"), [])


def test_a_hostile_file_of_codes_is_refused_in_few_words(tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    path.write_bytes(b"A1\n\xff\n")
    assert [fault.line for fault in read_codes(path, "codes.txt")[1]] == [2]
    path.write_text("no code\n" * 10_000, encoding="utf-8")
    assert len(read_codes(path, "codes.txt")[1]) == MOST_FAULTS
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    codes, (fault,) = read_codes(path, "codes.txt")
    assert (codes, fault.line) == ((), 0)


def test_codes_may_lie_in_a_folder_of_their_own_and_nowhere_outside(tmp_path: Path) -> None:
    inside = hearth.replaced(GIFTS, "tea_codes.txt", "gifts/tea.txt")
    assert playbook.check(hearth.write(tmp_path / "a", {**inside, "playbook/gifts/tea.txt": "A1\n"})) == []
    root = hearth.write(tmp_path / "b", {CODES: None})
    (tmp_path / "elsewhere.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    (root / CODES).symlink_to(tmp_path / "elsewhere.txt")
    (fault,) = playbook.check(root)
    assert (fault.file, fault.line) == (GIFTS, 1)


def test_filling_a_pool_up_does_not_change_the_digest_and_its_worth_does(tmp_path: Path) -> None:
    digest = playbook.load(hearth.write(tmp_path / "a")).digest
    fuller = hearth.FILES[CODES] + "TEA-0004\n"
    assert playbook.load(hearth.write(tmp_path / "b", {CODES: fuller})).digest == digest
    dearer = hearth.replaced(GIFTS, "worth: 5", "worth: 6")
    assert playbook.load(hearth.write(tmp_path / "c", dearer)).digest != digest
