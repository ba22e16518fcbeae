"""A file's interactions are in the ledger once, however often, in whatever pieces and after whatever crash it is imported."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import examples
from tests.intake.builder import NOW, importer, playbook
from tests.intake.files import BOUGHT, PURCHASE, ledger, parquet, purchases, reasons, rejects, run, stored
from touchline.intake import Progress, import_file
from touchline.intake.rows import minor
from touchline.interactions import preferences
from touchline.kernel.engines import Engine
from touchline.kernel.ids import interaction_id
from touchline.recognition import identifiers, people

pytestmark = pytest.mark.usefixtures("database")

HEADER = b"customer,at,amount,words\n"
AT = "2026-01-02T10:00:00Z"


def _line(customer: str, amount: str = "1", words: str = "w", at: str = AT) -> bytes:
    return f"{customer},{at},{amount},{words}\n".encode()


def test_the_same_file_twice_adds_nothing_and_counts_its_customers_again(tmp_path: Path) -> None:
    data = HEADER + b"".join(_line(f"c{i % 7}", str(i)) for i in range(50))
    first, second = run(tmp_path, data, purchases()), run(tmp_path, data, purchases())
    assert (first.read, first.accepted, first.duplicates, first.customers) == (50, 50, 0, 7)
    assert (second.read, second.accepted, second.duplicates, second.customers) == (50, 0, 50, 7)
    assert len(stored(tmp_path)) == 50


def test_an_id_is_the_hash_of_import_name_key_as_read_and_number(tmp_path: Path) -> None:
    run(tmp_path, HEADER + _line("c1", "1.50") + _line("c1", "1.5"), purchases())
    wanted = [interaction_id("shop", "c1", AT, amount, "w", "0") for amount in ("1.50", "1.5")]
    assert stored(tmp_path)["id"].to_list() == wanted


def test_ids_of_many_rows_are_those_of_the_kernel(tmp_path: Path) -> None:
    file = parquet(
        tmp_path / "in.parquet",
        {
            "customer": [f"ü{i}" for i in range(6_000)],
            "at": [AT] * 6_000,
            "amount": [1.0] * 6_000,
            "words": [None] * 6_000,
        },
    )
    run(tmp_path, file, purchases(format_="parquet"))
    wanted = {interaction_id("shop", f"ü{i}", AT, "1.0", "", "0") for i in range(6_000)}
    assert set(stored(tmp_path)["id"]) == wanted


def test_an_equal_key_is_a_duplicate_within_a_file_too(tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + _line("c1") + _line("c2") + _line("c1"), purchases())
    assert (result.read, result.accepted, result.duplicates) == (3, 2, 1)


def test_a_line_of_an_equal_key_that_says_something_else_is_counted_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imp = replace(purchases(), key=("customer", "at"))
    first, same = _line("c1", "1", "first"), _line("c2", "5", "same")
    data = HEADER + first + same + _line("c1", "2", "first") + _line("c1", "1", "other") + same + first + _line("c3")
    for rows in (1_000_000, 2):
        monkeypatch.setattr("touchline.intake.imports.CHUNK_ROWS", rows)
        monkeypatch.setattr("touchline.intake.lines.BLOCK", 64)
        folder = tmp_path / str(rows)
        folder.mkdir()
        dry = run(folder, data, imp, dry_run=True)
        result = run(folder, data, imp)
        assert (result.accepted, result.duplicates, result.differing) == (dry.accepted, dry.duplicates, dry.differing)
        assert (result.accepted, result.duplicates, result.differing) == (3, 4, 2)
        assert stored(folder, ["text"]).to_series().to_list() == ["first", "same", "w"]
        again = run(folder, data, imp)
        assert (again.accepted, again.duplicates, again.differing) == (0, 7, 2)


def test_an_equal_key_of_somebody_else_says_something_else(tmp_path: Path) -> None:
    imp = replace(purchases(), key=("words",))
    result = run(tmp_path, HEADER + _line("c1") + _line("c2") + _line("c1"), imp)
    assert (result.accepted, result.duplicates, result.differing) == (1, 2, 1)


def test_equal_keys_that_are_numbered_differ_from_nothing(tmp_path: Path) -> None:
    result = run(
        tmp_path, HEADER + _line("c1") + _line("c1", "2"), replace(purchases(occurrence=True), key=("customer",))
    )
    assert (result.accepted, result.duplicates, result.differing) == (2, 0, 0)


def test_a_duplicate_of_a_rejected_line_is_not_lost(tmp_path: Path) -> None:
    imp = importer(PURCHASE, [BOUGHT], ["customer"])
    result = run(tmp_path, HEADER + _line("c1", "-1") + _line("c1", "2") + _line("c1", "3"), imp)
    assert (result.read, result.accepted, result.duplicates, result.rejected) == (3, 1, 1, 1)
    assert stored(tmp_path)["revenue_minor"].to_list() == [200]


def test_equal_keys_far_apart_are_numbered_where_the_mapping_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("touchline.intake.readers.CHUNK_ROWS", 10)
    monkeypatch.setattr("touchline.intake.imports.CHUNK_ROWS", 10)
    customers = [f"c{i}" for i in range(40)] + ["c3"] + [f"d{i}" for i in range(40)] + ["c3", "c7"]
    n = len(customers)
    file = parquet(
        tmp_path / "in.parquet", {"customer": customers, "at": [AT] * n, "amount": [1] * n, "words": ["w"] * n}
    )
    imp = purchases(format_="parquet", occurrence=True)
    result = run(tmp_path, file, imp)
    assert (result.accepted, result.duplicates) == (n, 0)
    third = {interaction_id("shop", "c3", AT, "1", "w", str(nth)) for nth in range(3)}
    assert third < set(stored(tmp_path)["id"])
    assert run(tmp_path, file, imp).accepted == 0


@settings(max_examples=examples(15))
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40), st.integers(1, 9))
def test_numbers_of_equal_keys_do_not_depend_on_chunks(keys: list[tuple[int, int]], size: int) -> None:
    from touchline.intake.occurrence import NTH, Occurrences
    from touchline.intake.readers import NUMBER

    frame = (
        pl.DataFrame(keys, schema=["a", "b"], orient="row")
        .cast(pl.String)
        .with_columns(pl.int_range(1, len(keys) + 1).alias(NUMBER))
    )
    occurrences = Occurrences(Path("/tmp"))
    parts = [frame.slice(i, size) for i in range(0, len(keys), size)]
    for part in parts:
        occurrences.note(part.select("a", "b"), part[NUMBER])
    occurrences.settle()
    found = pl.concat([occurrences.numbered(part) for part in parts])[NTH].fill_null(0).to_list()
    occurrences.close()
    assert found == [keys[:i].count(key) for i, key in enumerate(keys)]


def test_two_files_in_one_run_are_as_one_after_the_other(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_bytes(HEADER + _line("c1") + _line("c2"))
    b.write_bytes(HEADER + _line("c2") + _line("c3"))
    result = import_file([a, b], purchases(), playbook(), ledger(tmp_path), received_at=NOW)
    assert (result.read, result.accepted, result.duplicates, result.customers) == (4, 3, 1, 3)


def test_a_wrong_second_file_keeps_the_first_out_too(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_bytes(HEADER + _line("c1"))
    b.write_bytes(b"something,else\n1,2\n")
    with pytest.raises(Exception, match=r"b\.csv"):
        import_file([a, b], purchases(), playbook(), ledger(tmp_path), received_at=NOW)
    assert stored(tmp_path).is_empty()


def test_a_dry_run_counts_the_same_and_leaves_no_trace(tmp_path: Path) -> None:
    data = HEADER + _line("c1") + _line("c1") + _line("c2") + _line("c3", "x")
    dry = run(tmp_path, data, purchases(), dry_run=True)
    assert stored(tmp_path).is_empty()
    assert people().is_empty()
    assert dry.rejects_file is None
    assert not (tmp_path / "rejects").exists()
    real = run(tmp_path, data, purchases())
    assert (dry.read, dry.accepted, dry.duplicates, dry.rejected, dry.customers) == (4, 2, 1, 1, 2)
    assert (real.read, real.accepted, real.duplicates, real.rejected, real.customers) == (4, 2, 1, 1, 2)


def test_progress_tells_share_rate_and_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("touchline.intake.lines.BLOCK", 200)
    monkeypatch.setattr("touchline.intake.imports.CHUNK_ROWS", 5)
    told: list[Progress] = []
    run(tmp_path, HEADER + b"".join(_line(f"c{i}") for i in range(50)), purchases(), progress=told.append)
    assert len(told) > 3
    assert [one.share for one in told] == sorted(one.share for one in told)
    assert (told[-1].share, told[-1].read, told[-1].seconds_left) == (1.0, 50, 0.0)
    assert all(one.rate > 0 for one in told)


def test_seq_follows_the_file_and_goes_on_from_import_to_import(tmp_path: Path) -> None:
    run(tmp_path, HEADER + b"".join(_line(f"c{i}", words=f"a{i}") for i in range(5)), purchases())
    run(tmp_path, HEADER + b"".join(_line(f"c{i}", words=f"b{i}") for i in range(5)), purchases())
    rows = stored(tmp_path)
    assert rows["text"].to_list() == [f"{letter}{i}" for letter in "ab" for i in range(5)]
    assert rows["seq"].is_unique().all()


def test_a_row_has_its_catalogues_defaults(tmp_path: Path) -> None:
    rows = [{"kind": f"'{kind}'", "touchpoint": "'shop'", "occurred_at": "at", "revenue": "-1", "case_id": "'k'", "in_reply_to": "'q'"}
            for kind in ("refunded", "complained", "served", "answered_to")]  # fmt: skip
    run(tmp_path, HEADER + _line("c1"), importer(PURCHASE, rows, ["customer"]))
    told = {
        row["kind"]: (row["emotional"], row["given"], row["asked"]) for row in stored(tmp_path).iter_rows(named=True)
    }
    assert told["refunded"] == (pytest.approx(-0.2), 0.0, 0.0)
    assert told["complained"] == (pytest.approx(-0.7), 0.0, 0.0)
    assert told["served"] == (None, 1.0, 0.0)
    assert told["answered_to"] == (None, 1.0, 0.0)
    row = stored(tmp_path).row(0, named=True)
    assert (row["version"], row["source"], row["digest"], row["machine"], row["received_at"]) == (
        1,
        "shop",
        "0123456789abcdef",
        False,
        NOW,
    )


def test_a_reading_that_the_file_gives_goes_before_the_default(tmp_path: Path) -> None:
    row = {
        "kind": "'complained'",
        "touchpoint": "'shop'",
        "occurred_at": "at",
        "emotional": "CASE WHEN amount > 0 THEN 0 - 0.1 END",
    }
    run(tmp_path, HEADER + _line("c1", "1") + _line("c2", "0"), importer(PURCHASE, [row], ["customer"]))
    assert stored(tmp_path)["emotional"].to_list() == [pytest.approx(-0.1), pytest.approx(-0.7)]


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        (1.005, 101),
        (-1.005, -101),
        (0.125, 13),
        (11.77, 1177),
        (4.35, 435),
        (1.0049, 100),
        (1e12 + 0.01, 100_000_000_000_001),
        (0.0, 0),
        (-0.004, 0),
    ],
)
def test_half_a_cent_goes_away_from_zero_as_it_was_written(amount: float, cents: int) -> None:
    assert pl.select(minor(pl.lit(amount), 100)).item() == cents


@settings(max_examples=examples(60))
@given(st.integers(-(10**12), 10**12))
def test_whole_cents_survive_exactly(cents: int) -> None:
    assert pl.select(minor(pl.lit(cents / 100), 100)).item() == cents


def test_a_promise_that_says_itself_whether_it_was_kept_gives_its_reading(tmp_path: Path) -> None:
    row = {"kind": "'served'", "touchpoint": "CASE WHEN amount = 9 THEN 'shop' ELSE 'visit' END", "occurred_at": "at"}
    imp = importer({**PURCHASE, "arrived_on": "text", "agreed_on": "text"}, [row], ["row_number"])
    header = HEADER.replace(b"\n", b",arrived_on,agreed_on\n")
    days = [b"1,w,mon,mon\n", b"2,w,tue,mon\n", b"3,w,,mon\n", b"9,w,mon,mon\n"]
    run(tmp_path, header + b"".join(f"c1,{AT},".encode() + day for day in days), imp)
    assert stored(tmp_path)["reliability"].to_list() == [pytest.approx(0.4), pytest.approx(-0.8), None, None]


def test_what_is_told_about_a_touchpoint_counts_there(tmp_path: Path) -> None:
    row = {
        "kind": "'answered'",
        "occurred_at": "at",
        "survey": "'s'",
        "about": "CASE WHEN amount = 1 THEN 'touchpoint:desk' ELSE 'none' END",
        "emotional": "0.5",
    }
    run(tmp_path, HEADER + _line("c1", "1") + _line("c1", "2"), importer(PURCHASE, [row], ["amount"]))
    rows = stored(tmp_path)
    assert rows["about_touchpoint"].to_list() == ["desk", None]
    assert rows["about"].to_list() == ["touchpoint:desk", None]
    assert rows["about_at"].to_list() == [rows["occurred_at"][0], None]


CONSENT = {"account": "text", "email": "text", "phone": "text", "answer": "text", "at": "time", "evidence": "text"}
CONSENTS = importer(
    CONSENT,
    [{
        "kind": "CASE WHEN answer = 'yes' THEN 'opted_in' ELSE 'opted_out' END", "occurred_at": "at", "purpose": "'selling'",
        "channel": "CASE WHEN email IS NOT NULL THEN 'email' ELSE 'sms' END", "identifier": "COALESCE(email, phone)", "evidence": "evidence",
    }],
    ["account", "email", "phone", "at"], name="consents", persona=(("account", "account", "shop"), ("email", "email"), ("phone", "phone")),
)  # fmt: skip


def test_a_consent_belongs_to_the_persona_of_its_address_and_without_evidence_has_none(tmp_path: Path) -> None:
    data = (
        b"account,email,phone,answer,at,evidence\n"
        b"a1, Ann@Example.com ,,yes,2026-01-02T10:00:00Z,form 7\n"
        b"a1,,030 123456,yes,2026-01-02T10:00:00Z,\n"
        b"a2,not an address,,yes,2026-01-02T10:00:00Z,\n"
    )
    result = run(tmp_path, data, CONSENTS)
    assert (result.accepted, result.customers) == (2, 1)
    assert reasons(result) == {3: "bad_identifier"}
    rows = stored(tmp_path).filter(pl.col("kind") == "opted_in")
    assert rows["identifier"].to_list() == ["ann@example.com", "+4930123456"]
    assert rows["evidence"].to_list() == ["form 7", None]
    of = {one["type"]: one["persona_id"] for one in identifiers([int(people()["customer"][0])]).iter_rows(named=True)}
    assert rows["persona_id"].to_list() == [of["email"], of["phone"]]
    assert of["account"] not in rows["persona_id"].to_list()


def test_links_found_on_the_way_are_in_the_ledger_after_the_import(tmp_path: Path) -> None:
    run(tmp_path, b"account,email,phone,answer,at,evidence\na1,ann@example.com,,yes,2026-01-02T10:00:00Z,x\n", CONSENTS)
    linked = stored(tmp_path).filter(pl.col("kind") == "linked")
    assert len(linked) == 1
    assert {json.loads(linked["payload"][0])[side] for side in "ab"} == set(people()["persona_id"])


def test_preferences_become_one_row_each_and_nonsense_is_named(tmp_path: Path) -> None:
    row = {
        "kind": "'preferred'",
        "occurred_at": "at",
        "preference.days": "words",
        "preference.max_per_week": "CAST(amount AS text)",
    }
    imp = importer({**PURCHASE, "amount": "integer"}, [row], ["customer"])
    result = run(
        tmp_path, HEADER + _line("c1", "3", "mon") + _line("c2", "", "sat") + _line("c3", "1", "holidays"), imp
    )
    assert (result.read, result.accepted) == (3, 3)
    assert reasons(result) == {3: "unknown_preference"}
    rows = stored(tmp_path)
    assert rows.select("name", "answer", "payload").rows() == [
        ("days", 1.0, '{"days":"mon"}'), ("max_per_week", 3.0, '{"max_per_week":"3"}'), ("days", 32.0, '{"days":"sat"}'),
    ]  # fmt: skip


TOLD: list[tuple[str, str, str]] = [
    ("max_per_week", "often", "a whole number from 0 to 999"),
    ("days", "mon,someday", "days of the week, as in mon,tue,sat"),
    ("hours", "mornings", "two times of day, as in 09:00-18:00"),
    ("zone", "Europe/Atlantis", "an IANA time zone, as in Europe/Berlin"),
    ("language", "de_DE", "a language tag, as in de or pt-BR"),
    ("refuses_email", "perhaps", "yes or no"),
]


@pytest.mark.parametrize(("key", "value", "allowed"), TOLD)
def test_a_preference_that_makes_no_sense_rejects_its_line_and_says_what_is_allowed(
    tmp_path: Path, key: str, value: str, allowed: str
) -> None:
    row = {"kind": "'preferred'", "occurred_at": "at", f"preference.{key}": "words"}
    imp = importer(PURCHASE, [row], ["customer", "words"])
    result = run(tmp_path, HEADER + f'c1,{AT},1,"{value}"\n'.encode(), imp)
    assert (result.accepted, result.rejected) == (0, 1)
    told = rejects(result)[0]
    assert (told["reason"], told["column"]) == ("unknown_preference", f"preference.{key}")
    assert told["means"] == f"The value makes no sense for the preference {key}: allowed is {allowed}."


@pytest.mark.parametrize("told", ["de", "DE", "de-AT", "De-at", "zh-Hant-TW", " de ", "gsw", "GSW-CH"])
def test_a_language_tag_is_taken_whatever_its_case_and_region(told: str) -> None:
    code = preferences.encode("language", told)
    assert code == preferences.encode("language", told.strip().split("-")[0].lower())
    assert code is not None
    assert (code < 26 * 26) is (len(told.strip().split("-")[0]) == 2)


@pytest.mark.parametrize("told", ["german", "d", "de_DE", "de-", "-de", "de-a", "d3", "dé", "de fr", "de-toolongtag"])
def test_what_is_no_language_tag_is_no_language(told: str) -> None:
    assert preferences.encode("language", told) is None


def test_no_two_languages_share_a_code() -> None:
    letters = "abcxyz"
    tags = [a + b + c for a in letters for b in letters for c in ("", *letters)]
    codes = [preferences.encode("language", tag) for tag in tags]
    assert len(set(codes)) == len(tags)
    assert all(code is not None and code < preferences.LIMIT for code in codes)


def test_a_message_of_a_former_tool_has_the_channel_of_its_touchpoint(tmp_path: Path) -> None:
    row = {
        "kind": "'sent'", "occurred_at": "at", "touchpoint": "'mail'", "message_id": "words", "conversation": "'old_news'",
        "purpose": "'information'", "identifier": "customer",
    }  # fmt: skip
    imp = importer(PURCHASE, [row], ["words"], persona=(("email", "customer"),))
    run(tmp_path, HEADER + _line("ann@example.com"), imp)
    assert stored(tmp_path).select("channel", "identifier", "conversation").row(0) == (
        "email",
        "ann@example.com",
        "old_news",
    )


def test_an_empty_file_with_its_header_is_no_fault(tmp_path: Path) -> None:
    result = run(tmp_path, HEADER, purchases())
    assert (result.read, result.accepted, result.customers) == (0, 0, 0)


def test_a_line_that_makes_nothing_is_read_and_that_is_all(tmp_path: Path) -> None:
    imp = importer(PURCHASE, [{**BOUGHT, "when": "amount > 1"}], ["customer"])
    result = run(tmp_path, HEADER + _line("c1", "1") + _line("c2", "2"), imp)
    assert (result.read, result.accepted, result.duplicates, result.rejected) == (2, 1, 0, 0)


def test_rows_can_be_read_on_duckdb_as_on_polars(tmp_path: Path) -> None:
    run(tmp_path, HEADER + _line("c1", "1.50"), purchases())
    for name in ("polars", "duckdb"):
        engine = Engine(name)
        assert engine.collect(ledger(tmp_path).frame(engine, ["revenue_minor"]))["revenue_minor"].to_list() == [150]
