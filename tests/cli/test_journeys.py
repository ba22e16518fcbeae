"""Whole journeys at the terminal over a few people who can be checked by hand: bring in, look, explain, put right, verify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from tests import stores
from tests.cli.conftest import Ran
from touchline import playbook
from touchline.kernel.times import FixedClock, parse_instant
from touchline.site.entry import open_workspace

Touchline = Callable[..., Ran]

AT = "2026-06-24T08:00:00Z"
HEADERS = {
    "contacts": "user_id,account,email,phone,address,name,language,zone,told_at",
    "consents": "user_id,account,email,phone,address,zone,purpose,channel,answer,told_at,evidence",
}
# Ada stands there twice, under two numbers and two addresses; Bo took his consent back.
CONTACTS = (
    "u1,,ada@home.example,+33612345678,,Ada,fr,Europe/Paris,2026-01-05T10:00:00Z",
    "u2,,ada@work.example,,,Ada L.,,,2026-01-06T10:00:00Z",
    "u3,,bo@home.example,,,Bo,en,,2026-02-01T09:00:00Z",
    "u4,,cy@home.example,,,Cy,,,2026-03-01T09:00:00Z",
)
CONSENTS = (
    "u1,,ada@home.example,,,,selling,email,yes,2026-01-05T10:00:00Z,form 1",
    "u3,,bo@home.example,,,,selling,email,yes,2026-02-01T09:00:00Z,form 2",
    "u3,,bo@home.example,,,,selling,email,no,2026-02-20T09:00:00Z,letter",
)
PEOPLE = 4


def _file(folder: Path, name: str, *lines: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text("\n".join([HEADERS[name], *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def _told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retail workspace with four people in it, brought in once."""
    from django.db import connections

    folder = tmp_path_factory.mktemp("journeys")
    root = folder / "w"
    playbook.new(root, "retail")
    opened = open_workspace(root, FixedClock(parse_instant(AT)))
    opened.import_files([_file(folder, "contacts", *CONTACTS)], "contacts")
    opened.import_files([_file(folder, "consents", *CONSENTS)], "consents")
    connections.close_all()
    return root


@pytest.fixture
def told(_told: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of it."""
    from django.db import connections

    stores.copied(_told, tmp_path / "w")
    yield tmp_path / "w"
    connections.close_all()


def _people(workspace: Path) -> dict[int, int]:
    """Each persona and the customer it belongs to."""
    return dict(open_workspace(workspace).people().select("persona_id", "customer").sort("persona_id").iter_rows())


def _number(workspace: Path, who: str) -> int:
    return open_workspace(workspace).customer(who)


def test_explain_says_in_words_why_nothing_goes(touchline: Touchline, told: Path) -> None:
    words = touchline("explain", "ada@home.example", "--all", "-w", told, "--as-of", AT)
    assert words.code == 0
    assert "new_arrivals by email (selling, class 5): not offered" in words.out
    assert "audience does not hold: stage IN ('active', 'loyal')" in words.out


def test_explain_shows_what_goes_and_what_is_held_and_folds_the_rest_into_one_line(
    touchline: Touchline, told: Path
) -> None:
    asked = ("explain", "u1", "-w", told, "--as-of", AT)
    short, whole = touchline(*asked).out.splitlines(), touchline(*asked, "--all").out.splitlines()
    candidates = touchline(*asked, "--json").json["candidates"]
    held = [f"{one['conversation']} by {one['channel']} " for one in candidates if one["reached"]]
    left_out = {one["conversation"] for one in candidates if not one["reached"]}
    folded = [line for line in short if line.startswith("not offered")]
    assert held
    assert left_out
    assert all(any(line.startswith(name) for line in short) for name in held)
    assert len(folded) == 1
    assert all(name in folded[0] for name in left_out)
    assert "--all" in folded[0]
    assert not any(line.endswith(": not offered") for line in short)
    assert sum(line.endswith(": not offered") for line in whole) == len(candidates) - len(held)
    named = touchline(*asked, "--conversation", "new_arrivals").out
    assert "new_arrivals by email (selling, class 5): not offered" in named


def test_explain_of_one_conversation_tells_of_its_candidates_only(touchline: Touchline, told: Path) -> None:
    found = touchline("explain", "u3", "--conversation", "new_arrivals", "-w", told, "--as-of", AT, "--json").json
    assert {"customer", "as_of", "digest", "segment", "candidates", "lines"} <= set(found)
    assert found["customer"] == _number(told, "bo@home.example")
    assert found["as_of"].startswith("2026-06-24T08:00:00")
    by_channel = {one["channel"]: one for one in found["candidates"]}
    assert set(by_channel) == {"email", "sms"}
    assert {one["conversation"] for one in found["candidates"]} == {"new_arrivals"}
    consent = next(policy for policy in by_channel["email"]["policies"] if policy["policy"] == "consent")
    assert consent["blocks"] is True
    assert consent["facts"]["consent.selling_email"] is False


def test_explain_of_a_conversation_that_is_not_there_names_the_nearest(touchline: Touchline, told: Path) -> None:
    asked = ("explain", "u1", "--conversation", "come_agian", "-w", told, "--as-of", AT)
    refused = touchline(*asked)
    assert refused.code == 2
    assert "Did you mean `come_again`?" in refused.err
    assert refused.out == ""


@pytest.mark.parametrize("who", ["nobody@home.example", "99", "-1"])
def test_explain_of_nobody_says_how_to_name_a_customer(touchline: Touchline, told: Path, who: str) -> None:
    refused = touchline("explain", "-w", told, "--json", "--", who)
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert "touchline relationships" in refused.json["error"]["remedy"]


def test_a_merge_makes_one_customer_and_a_split_takes_it_apart_again(touchline: Touchline, told: Path) -> None:
    before = _people(told)
    assert len(set(before.values())) == PEOPLE
    first, second = (_number(told, who) for who in ("u1", "u2"))
    merged = touchline("people", "merge", "u1", "u2", "--why", "the same Ada", "-w", told, "--json")
    assert (merged.code, merged.json) == (0, {"customer": first, "merged": [first, second], "links": 1})
    assert touchline("relationships", "-w", told, "--columns", "stage", "--json").json["customers"] == PEOPLE - 1
    assert _number(told, "ada@work.example") == first
    parted = touchline("people", "split", str(second), "--why", "her sister", "-w", told, "--json")
    assert (parted.code, parted.json["customers"]) == (0, [first, second])
    assert _people(told) == before


@pytest.mark.parametrize("verb", ["merge", "split"])
def test_nobody_can_be_neither_merged_nor_split(touchline: Touchline, told: Path, verb: str) -> None:
    before = _people(told)
    refused = touchline("people", verb, "u1", "nobody@home.example", "-w", told, "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert _people(told) == before


def test_relationships_are_those_where_the_condition_holds_with_the_columns_asked_for(
    touchline: Touchline, told: Path
) -> None:
    bo = _number(told, "u3")
    asked = ("relationships", "-w", told, "--where", "count.opted_out = 1", "--columns", "stage, count.opted_in")
    found = touchline(*asked, "--as-of", AT, "--json")
    row = {"customer": bo, "stage": "prospect", "count.opted_in": 1}
    assert found.json == {"customers": 1, "rows": [row]}


def test_relationships_are_written_to_a_file(touchline: Touchline, told: Path, tmp_path: Path) -> None:
    out = tmp_path / "tables" / "out.csv"
    asked = ("relationships", "-w", told, "--where", "count.opted_in > 0", "--columns", "stage,count.opted_in")
    assert touchline(*asked, "--out", out, "--json").json == {"customers": 2}
    who = sorted(_number(told, each) for each in ("u1", "u3"))
    assert pl.read_csv(out).sort("customer").to_dict(as_series=False) == {
        "customer": who,
        "stage": ["prospect", "prospect"],
        "count.opted_in": [1, 1],
    }
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]


def test_a_condition_or_column_that_does_not_exist_names_the_nearest(touchline: Touchline, told: Path) -> None:
    for option, text in (("--where", "stag = 'active'"), ("--columns", "stag")):
        refused = touchline("relationships", "-w", told, option, text)
        assert refused.code == 2
        assert "Did you mean `stage`?" in refused.err


def test_a_stage_that_does_not_exist_is_refused_in_where_as_in_the_playbook(touchline: Touchline, told: Path) -> None:
    refused = touchline("relationships", "-w", told, "--where", "stage IN ('actve', 'lapsed') OR loyalty.type = 'tru'")
    assert refused.code == 2
    assert "`actve` is not a stage. Did you mean `active`?" in refused.err
    assert "`tru` is not a type of loyalty. Did you mean `true`?" in refused.err
    assert "lapsed" not in refused.err
    audiences = told / "playbook" / "audiences.yaml"
    audiences.write_text(audiences.read_text(encoding="utf-8") + "mine: stage = 'actve'\n", encoding="utf-8")
    assert touchline("check", "-w", told, "--json").json["faults"][0]["remedy"] == "Did you mean `active`?"


def test_lines_that_are_rejected_are_kept_in_a_file_with_their_reason(
    touchline: Touchline, told: Path, tmp_path: Path
) -> None:
    file = _file(
        tmp_path,
        "contacts",
        CONTACTS[0],
        "u5,,dee@home.example,,,Dee,,,2026-04-01T09:00:00Z",
        ",,,,,Nobody,,,2026-04-02T09:00:00Z",
    )
    ran = touchline("import", file, "--as", "contacts", "-w", told, "--json")
    assert ran.code == 0
    counted = {name: ran.json[name] for name in ("read", "accepted", "rejected", "customers", "reasons")}
    assert counted == {"read": 3, "accepted": 1, "rejected": 1, "customers": 2, "reasons": {"nobody": 1}}
    rejects = Path(ran.json["rejects_file"])
    assert told in rejects.parents
    text = rejects.read_text(encoding="utf-8")
    assert text.splitlines()[1].startswith("contacts.csv,3,4,nobody,")
    assert "dee@home.example" not in text
    words = touchline("import", file, "--as", "contacts", "-w", told)
    assert words.code == 0
    assert "3 lines read, 1 rejected; 0 interactions accepted, 4 known already" in words.out
    assert "1 nobody" in words.out
    assert "Their numbers: " in words.out
    assert len(set(_people(told).values())) == PEOPLE + 1


def test_a_line_whose_key_stood_earlier_with_other_content_is_told_apart(
    touchline: Touchline, told: Path, tmp_path: Path
) -> None:
    lines = (
        "u8,,gil@home.example,,,Gil,de,,2026-04-01T09:00:00Z",
        "u8,,gil@home.example,,,Gilbert,de,,2026-04-01T09:00:00Z",
    )
    file = _file(tmp_path, "contacts", *lines)
    ran = touchline("import", file, "--as", "contacts", "-w", told, "--json", "--dry-run").json
    assert {name: ran[name] for name in ("accepted", "duplicates", "differing")} == {
        "accepted": 2, "duplicates": 2, "differing": 1,
    }  # fmt: skip
    words = touchline("import", file, "--as", "contacts", "-w", told).out
    assert "2 known already by their key" in words
    assert "1 of those with the key of an earlier line of the file, but other content" in words


def test_a_file_with_other_columns_is_refused_with_those_that_were_expected(
    touchline: Touchline, told: Path, tmp_path: Path
) -> None:
    file = _file(tmp_path, "consents", *CONSENTS)
    refused = touchline("import", file, "--as", "contacts", "-w", told)
    assert refused.code == 2
    assert "missing: name, language; not expected: purpose, channel, answer, evidence" in refused.err
    assert "Expected are: user_id, account, email, phone, address, name, language, zone, told_at." in refused.err
    error = touchline("import", file, "--as", "contacts", "-w", told, "--json").json["error"]
    assert error["code"] == "bad_file"
    assert len(set(_people(told).values())) == PEOPLE
    assert not list(told.rglob("rejects/*"))


def test_an_unknown_benchmark_is_refused_before_anything_is_measured(touchline: Touchline) -> None:
    refused = touchline("bench", "B99", "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert "B4" in refused.json["error"]["remedy"]


def test_verify_exits_with_one_on_a_fault_and_tells_of_it(touchline: Touchline, told: Path) -> None:
    from django.db import connection

    first, second = (_number(told, who) for who in ("u1", "u2"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recognition_persona SET customer = %s WHERE persona_id = %s", [first, second])
        assert cursor.rowcount == 1
    faulty = touchline("verify", "-w", told, "--json")
    assert faulty.code == 1
    assert faulty.json["faults"] > 0
    sentences = {check["check"]: check["faults"] for check in faulty.json["checks"]}["identity"]
    assert f"persona {second} is served as customer {first}; the ledger's links make it {second}" in sentences
