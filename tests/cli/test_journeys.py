"""Whole journeys at the terminal over a few people who can be checked by hand: bring in, look, explain, put right, verify."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

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

    shutil.copytree(_told, tmp_path / "w")
    yield tmp_path / "w"
    connections.close_all()


def _customers(touchline: Touchline, workspace: Path) -> list[dict[str, object]]:
    found = touchline("relationships", "-w", workspace, "--columns", "stage,count.opted_in,tenure_days", "--as-of", AT, "--json")
    assert found.code == 0
    rows = found.json["rows"]
    assert found.json["customers"] == len(rows)
    return sorted(rows, key=lambda row: row["customer"])


def _number(touchline: Touchline, workspace: Path, who: str) -> int:
    found = touchline("relationships", "-w", workspace, "--customer", who, "--columns", "stage", "--json")
    assert found.json["customers"] == 1
    return int(found.json["rows"][0]["customer"])


def test_explain_says_in_words_and_as_json_why_nothing_goes(touchline: Touchline, told: Path) -> None:
    words = touchline("explain", "ada@home.example", "-w", told, "--as-of", AT)
    assert words.code == 0
    assert "new_arrivals by email (selling, class 5): not offered" in words.out
    found = touchline("explain", "ada@home.example", "-w", told, "--as-of", AT, "--json").json
    assert found["customer"] == _number(touchline, told, "u1")
    assert found["as_of"].startswith("2026-06-24T08:00:00")
    assert {"digest", "segment", "candidates", "lines"} <= set(found)
    for line in found["lines"]:
        assert line in words.out


def test_explain_of_one_conversation_tells_of_its_candidates_only(touchline: Touchline, told: Path) -> None:
    asked = ("--conversation", "new_arrivals", "-w", told, "--as-of", AT, "--json")
    ada, bo = (touchline("explain", who, *asked).json["candidates"] for who in ("u1", "u3"))
    assert {(one["conversation"], one["channel"]) for one in ada} == {("new_arrivals", "email"), ("new_arrivals", "sms")}

    def consent(candidates: list[dict[str, object]]) -> dict[str, object]:
        by_email = next(one for one in candidates if one["channel"] == "email")
        policies = by_email["policies"]
        assert isinstance(policies, list)
        return next(policy for policy in policies if policy["policy"] == "consent")

    assert consent(ada)["blocks"] is False
    assert consent(bo)["blocks"] is True
    assert consent(bo)["facts"]["consent.selling_email"] is False  # type: ignore[index] # facts is an object


def test_explain_of_a_conversation_that_is_not_there_names_the_nearest(touchline: Touchline, told: Path) -> None:
    asked = ("explain", "u1", "--conversation", "come_agian", "-w", told, "--as-of", AT)
    refused = touchline(*asked)
    assert refused.code == 2
    assert "Did you mean `come_again`?" in refused.err
    assert refused.out == ""
    error = touchline(*asked, "--json").json["error"]
    assert error["code"] == "unknown_name"
    assert "`come_again`" in error["remedy"]


@pytest.mark.parametrize("who", ["nobody@home.example", "99", "-1"])
def test_explain_of_nobody_says_how_to_name_a_customer(touchline: Touchline, told: Path, who: str) -> None:
    refused = touchline("explain", "-w", told, "--json", "--", who)
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert "touchline relationships" in refused.json["error"]["remedy"]


def test_a_merge_makes_one_customer_and_a_split_takes_it_apart_again(touchline: Touchline, told: Path) -> None:
    before = _customers(touchline, told)
    assert len(before) == PEOPLE
    first, second = (_number(touchline, told, who) for who in ("u1", "u2"))
    merged = touchline("people", "merge", "u1", "u2", "--why", "the same Ada", "-w", told, "--json")
    assert (merged.code, merged.json) == (0, {"customer": first, "merged": [first, second], "links": 1})
    assert len(_customers(touchline, told)) == PEOPLE - 1
    assert _number(touchline, told, "ada@work.example") == first
    parted = touchline("people", "split", str(second), "--why", "her sister", "-w", told, "--json")
    assert (parted.code, parted.json["customers"]) == (0, [first, second])
    assert _customers(touchline, told) == before
    assert touchline("verify", "-w", told, "--json").json["faults"] == 0


def test_a_merge_and_a_split_say_in_words_who_is_who(touchline: Touchline, told: Path) -> None:
    first, second = (_number(touchline, told, who) for who in ("u1", "u2"))
    merged = touchline("people", "merge", "u1", "u2", "-w", told)
    assert (merged.code, merged.out) == (0, f"Customers {first}, {second} are now customer {first}.\n")
    parted = touchline("people", "split", str(second), "-w", told)
    assert (parted.code, parted.out) == (0, f"Parted: now customers {first}, {second}.\n")


@pytest.mark.parametrize("verb", ["merge", "split"])
def test_nobody_can_be_neither_merged_nor_split(touchline: Touchline, told: Path, verb: str) -> None:
    before = _customers(touchline, told)
    refused = touchline("people", verb, "u1", "nobody@home.example", "-w", told, "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert _customers(touchline, told) == before


def test_relationships_are_those_where_the_condition_holds_with_the_columns_asked_for(
    touchline: Touchline, told: Path
) -> None:
    bo = _number(touchline, told, "u3")
    asked = ("relationships", "-w", told, "--where", "count.opted_out = 1", "--columns", "stage, count.opted_in")
    found = touchline(*asked, "--as-of", AT, "--json")
    row = {"customer": bo, "stage": "prospect", "count.opted_in": 1}
    assert found.json == {"customers": 1, "rows": [row]}
    # As of before the withdrawal, it had not been.
    assert touchline(*asked, "--as-of", "2026-02-10T00:00:00Z", "--json").json == {"customers": 0, "rows": []}


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_relationships_are_written_to_a_file(touchline: Touchline, told: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "tables" / name
    asked = ("relationships", "-w", told, "--where", "count.opted_in > 0", "--columns", "stage,count.opted_in")
    assert touchline(*asked, "--out", out, "--json").json == {"customers": 2}
    frame = pl.read_csv(out) if out.suffix == ".csv" else pl.read_parquet(out)
    who = sorted(_number(touchline, told, each) for each in ("u1", "u3"))
    assert frame.sort("customer").to_dict(as_series=False) == {
        "customer": who,
        "stage": ["prospect", "prospect"],
        "count.opted_in": [1, 1],
    }
    assert [path.name for path in out.parent.iterdir()] == [name]


def test_a_condition_or_column_that_does_not_exist_names_the_nearest(touchline: Touchline, told: Path) -> None:
    for option, text in (("--where", "stag = 'active'"), ("--columns", "stag")):
        refused = touchline("relationships", "-w", told, option, text)
        assert refused.code == 2
        assert "Did you mean `stage`?" in refused.err


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
    assert "nobody" in text
    assert "2026-04-02T09:00:00Z" in text
    assert "dee@home.example" not in text
    words = touchline("import", file, "--as", "contacts", "-w", told)
    assert words.code == 0
    assert "3 read, 0 accepted" in words.out
    assert "What was rejected, and why: " in words.out
    assert len(_customers(touchline, told)) == PEOPLE + 1


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
    assert len(_customers(touchline, told)) == PEOPLE
    assert not list(told.rglob("rejects/*"))


def test_an_unknown_benchmark_is_refused_before_anything_is_measured(touchline: Touchline) -> None:
    refused = touchline("bench", "B99", "--json")
    assert refused.code == 2
    assert refused.json["error"]["code"] == "unknown_name"
    assert "B4" in refused.json["error"]["remedy"]


def test_verify_agrees_with_a_sound_workspace_and_exits_with_one_on_a_fault(touchline: Touchline, told: Path) -> None:
    from django.db import connection

    sound = touchline("verify", "-w", told)
    assert sound.code == 0
    assert sound.out.endswith("Everything agrees with the ledger.\n")
    first, second = (_number(touchline, told, who) for who in ("u1", "u2"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recognition_persona SET customer = %s WHERE persona_id = %s", [first, second])
        assert cursor.rowcount == 1
    faulty = touchline("verify", "-w", told, "--json")
    assert faulty.code == 1
    assert faulty.json["faults"] > 0
    sentences = {check["check"]: check["faults"] for check in faulty.json["checks"]}["identity"]
    assert f"persona {second} is served as customer {first}; the ledger's links make it {second}" in sentences
    words = touchline("verify", "-w", told)
    assert words.code == 1
    assert sentences[0] in words.out
