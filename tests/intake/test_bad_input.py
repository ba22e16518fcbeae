"""Whatever a file holds, the bad line is named with its number and reason and every other line comes in."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from tests.intake.builder import importer
from tests.intake.files import BOUGHT, PURCHASE, parquet, purchases, reasons, rejects, run, stored
from touchline.intake import lines, readers
from touchline.kernel.errors import BadFile

pytestmark = pytest.mark.usefixtures("database")

HEADER = b"customer,at,amount,words\n"
GOOD = b"c1,2026-01-02T10:00:00Z,1.50,first\n"
LAST = b"c2,2026-01-03T10:00:00Z,2.50,last\n"


BAD_LINES: list[tuple[bytes, str]] = [
    (b"c9,2026-01-02T10:00:00Z,1.50,a,b\n", "wrong_field_count"),
    (b"c9,2026-01-02T10:00:00Z\n", "wrong_field_count"),
    (b'c9,2026-01-02T10:00:00Z,1.50,"never closed\n', "bad_quotes"),
    (b'c9,2026-01-02T10:00:00Z,1.50,"closed" and more\n', "bad_quotes"),
    (b"c9,2026-01-02T10:00:00Z,1.50,\xff\xfe\n", "not_utf8"),
    (b"c9,2026-01-02T10:00:00Z,1.50,a\x00b\n", "null_character"),
    (b"c9,2026-01-02T10:00:00Z,1.50," + b"x" * 10_000_000 + b"\n", "line_too_long"),
    (b"c9,2026-01-02T10:00:00Z,1.50," + b"x" * 2_000_000 + b"\n", "field_too_long"),
    (b"c9,2026-01-02T10:00:00Z,1.50," + b"x" * 40_000 + b"\n", "too_long"),
    (b"c" * 10_000 + b",2026-01-02T10:00:00Z,1.50,x\n", "bad_identifier"),
    (b"c9,2026-02-30T10:00:00Z,1.50,x\n", "bad_time"),
    (b"c9,2026-13-01T10:00:00Z,1.50,x\n", "bad_time"),
    (b"c9,yesterday,1.50,x\n", "bad_time"),
    (b"c9,2026-01-02T10:00:00,1.50,x\n", "naive_time"),
    (b"c9,2026-01-02,1.50,x\n", "naive_time"),
    (b"c9,,1.50,x\n", "bad_time"),
    (b"c9,2026-11-02T12:00:01Z,1.50,x\n", "time_in_future"),
    (b"c9,1899-12-31T23:59:59Z,1.50,x\n", "time_before_1900"),
    (b"c9,2026-01-02T10:00:00Z,NaN,x\n", "not_finite"),
    (b"c9,2026-01-02T10:00:00Z,-inf,x\n", "not_finite"),
    (b"c9,2026-01-02T10:00:00Z,1e999,x\n", "not_finite"),
    (b"c9,2026-01-02T10:00:00Z,1e200,x\n", "amount_too_large"),
    (b"c9,2026-01-02T10:00:00Z,twelve,x\n", "bad_number"),
    (b'c9,2026-01-02T10:00:00Z,"1,50",x\n', "bad_number"),
    (b"c9,2026-01-02T10:00:00Z,-0.01,x\n", "negative_revenue"),
    (b"c9,2026-01-02T10:00:00Z,,x\n", "missing_value"),
    (b",2026-01-02T10:00:00Z,1.50,x\n", "no_identifier"),
    (b"   ,2026-01-02T10:00:00Z,1.50,x\n", "no_identifier"),
    (b"c9,2026-01-02T10:00:00Z,1.50,a\x1fb\n", "separator_character"),
]


def test_a_bad_line_is_named_and_costs_no_other(tmp_path: Path) -> None:
    data = (
        HEADER
        + b"".join(b"c1,2026-01-02T10:00:00Z,1.50,before %d\n" % i + line for i, (line, _) in enumerate(BAD_LINES))
        + LAST
    )
    result = run(tmp_path, data, purchases())
    n = len(BAD_LINES)
    assert (result.read, result.accepted, result.rejected) == (2 * n + 1, n + 1, n)
    assert reasons(result) == {2 * i + 2: reason for i, (_, reason) in enumerate(BAD_LINES)}
    assert {int(one["line"]) for one in rejects(result)} == {2 * i + 3 for i in range(n)}
    assert stored(tmp_path)["text"].to_list() == [*(f"before {i}" for i in range(n)), "last"]


def test_every_reason_says_what_it_means(tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + b"c9,yesterday,1.50,x\n", purchases())
    assert rejects(result)[0]["means"] == "The value is no time, or one that cannot be."
    assert rejects(result)[0]["column"] == "at"


def test_the_rejects_file_repeats_no_content(tmp_path: Path) -> None:
    result = run(tmp_path, HEADER + b"Erika Mustermann,yesterday,1.50,x\n", purchases())
    assert result.rejects_file is not None
    assert "Erika" not in result.rejects_file.read_text(encoding="utf-8")
    assert result.rejects_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_a_spreadsheet_formula_is_stored_as_it_is_and_guarded_where_it_is_exported(tmp_path: Path, cell: str) -> None:
    from touchline.kernel.spreadsheets import guarded, guarded_frame

    result = run(tmp_path, HEADER + f'c1,2026-01-02T10:00:00Z,1.50,"{cell}"\n'.encode(), purchases())
    assert result.accepted == 1
    assert stored(tmp_path)["text"].to_list() == [cell]
    assert guarded(cell) == f"'{cell}"
    assert guarded_frame(pl.DataFrame({"a": [cell, "plain", None], "b": [1, 2, 3]}))["a"].to_list() == [
        f"'{cell}",
        "plain",
        None,
    ]


def test_a_file_whose_name_is_a_formula_is_guarded_in_the_rejects_file(tmp_path: Path) -> None:
    path = tmp_path / "=cmd.csv"
    path.write_bytes(HEADER + b"c9,yesterday,1.50,x\n")
    assert rejects(run(tmp_path, path, purchases()))[0]["file"] == "'=cmd.csv"


def test_a_quoted_field_may_go_over_lines_and_numbers_stay_exact(tmp_path: Path) -> None:
    data = HEADER + b'c1,2026-01-02T10:00:00Z,1,"two\nlines, and ""more"""\n' + b"c1,nonsense,1,x\n" + LAST
    result = run(tmp_path, data, purchases())
    assert (result.read, result.accepted) == (3, 2)
    assert [(one["row_number"], one["line"]) for one in rejects(result)] == [("2", "4")]
    assert stored(tmp_path)["text"].to_list() == ['two\nlines, and "more"', "last"]


def test_a_quote_that_never_ends_loses_only_its_own_line(tmp_path: Path) -> None:
    many = b"".join(b"c%d,2026-01-02T10:00:00Z,1,w%d\n" % (i, i) for i in range(500))
    result = run(tmp_path, HEADER + GOOD + b'c9,2026-01-02T10:00:00Z,1,"open\n' + many, purchases())
    assert (result.read, result.accepted, result.rejected) == (502, 501, 1)
    assert reasons(result) == {2: "bad_quotes"}


def test_blocks_of_any_size_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        b'c%d,2026-01-02T10:00:00Z,%d,"w\n%d"\n' % (i, i, i)
        if i % 3
        else b"c%d,2026-01-02T10:00:00Z,%d,plain\n" % (i, i)
        for i in range(200)
    ]
    rows[50], rows[99] = b"c,c\n", b'c9,2026-01-02T10:00:00Z,1,"\xff"\n'
    (tmp_path / "whole").mkdir()
    whole = run(tmp_path / "whole", HEADER + b"".join(rows), purchases())
    monkeypatch.setattr(lines, "BLOCK", 61)
    monkeypatch.setattr("touchline.intake.imports.CHUNK_ROWS", 7)
    (tmp_path / "parts").mkdir()
    parts = run(tmp_path / "parts", HEADER + b"".join(rows), purchases())
    assert whole.accepted == 198
    assert (whole.read, whole.accepted, reasons(whole)) == (parts.read, parts.accepted, reasons(parts))
    assert stored(tmp_path / "whole", ["id", "text"]).equals(stored(tmp_path / "parts", ["id", "text"]))


def test_a_line_longer_than_memory_allows_is_skipped_up_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK", 64)
    monkeypatch.setattr(lines, "LINE_LIMIT", 100)
    result = run(tmp_path, HEADER + GOOD + b"c9,2026-01-02T10:00:00Z,1," + b"x" * 5_000 + b"\n" + LAST, purchases())
    assert (result.read, result.accepted) == (3, 2)
    assert reasons(result) == {2: "line_too_long"}


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + HEADER + GOOD + LAST,
        (HEADER + GOOD + LAST).replace(b"\n", b"\r\n"),
        (HEADER + GOOD + LAST).removesuffix(b"\n"),
        HEADER + b"\n" + GOOD + b"\n\n" + LAST + b"\n",
        gzip.compress(HEADER + GOOD + LAST),
    ],
    ids=["byte order mark", "carriage returns", "no last line end", "blank lines", "gzip"],
)
def test_a_file_may_be_written_in_any_common_way(tmp_path: Path, data: bytes) -> None:
    result = run(tmp_path, data, purchases())
    assert (result.read, result.accepted, result.rejected) == (2, 2, 0)
    assert stored(tmp_path)["text"].to_list() == ["first", "last"]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"customer,at,amount\n", "missing: words"),
        (b"customer,at,amount,wrods\n", "Did you mean `wrods`?"),
        (b"customer,at,amount,words,more\n", "not expected: more"),
        (b"customer,at,amount,words,words\n", "there twice: words"),
        (b"", "is empty"),
    ],
)
def test_a_file_with_the_wrong_columns_is_refused_whole(tmp_path: Path, header: bytes, told: str) -> None:
    with pytest.raises(BadFile) as refused:
        run(tmp_path, header + GOOD if header else b"", purchases())
    assert told in str(refused.value)
    assert "customer, at, amount, words" in str(refused.value)
    assert stored(tmp_path).is_empty()


@pytest.mark.parametrize(("separator", "shown"), [(";", '";"'), ("\t", '"\\t"'), ("|", '"|"')])
def test_a_file_with_another_separator_is_refused_with_a_hint_of_which(
    tmp_path: Path, separator: str, shown: str
) -> None:
    with pytest.raises(BadFile) as refused:
        run(tmp_path, HEADER.replace(b",", separator.encode()), purchases())
    assert f"This looks separated by {shown}" in refused.value.how
    assert f"separator: {shown}" in refused.value.how


def test_a_single_column_of_another_name_is_no_matter_of_separators(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refused:
        run(tmp_path, b"customer;x\n", purchases())
    assert "separated" not in refused.value.how


WORDS = "Müller – für 5 €, naïve"


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-8", WORDS),
        ("utf-8-sig", WORDS),
        ("windows-1252", WORDS),
        ("cp1252", WORDS),
        ("latin-1", "Müller für naïve"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_file_is_read_in_the_encoding_that_the_import_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, words: str, quote: str
) -> None:
    monkeypatch.setattr(lines, "BLOCK", 16)
    words = words.replace(",", "") if not quote else words
    text = HEADER.decode() + f"c1,2026-01-02T10:00:00Z,1.50,{quote}{words}{quote}\n"
    result = run(tmp_path, text.encode(encoding), purchases(encoding=encoding))
    assert (result.accepted, result.rejected) == (1, 0)
    assert stored(tmp_path)["text"].to_list() == [words]


def test_a_byte_that_the_encoding_does_not_know_costs_its_line_only(tmp_path: Path) -> None:
    bad = b"c9,2026-01-02T10:00:00Z,1.50,\xe9\x81\n"
    result = run(tmp_path, HEADER + GOOD + bad + LAST, purchases(encoding="windows-1252"))
    assert reasons(result) == {2: "not_utf8"}
    assert "encoding" in rejects(result)[0]["means"]
    assert result.accepted == 2


def test_a_file_in_another_encoding_than_the_import_says_is_refused_whole(tmp_path: Path) -> None:
    text = HEADER.decode() + f"c1,2026-01-02T10:00:00Z,1.50,{WORDS}\n"
    for encoding in ("latin-1", "windows-1252", "cp1252"):
        with pytest.raises(BadFile, match="is written in UTF-8, and the import says " + encoding):
            run(tmp_path, text.encode(), purchases(encoding=encoding))
    with pytest.raises(BadFile, match="is written in UTF-16"):
        run(tmp_path, text.encode("utf-16"), purchases())
    with pytest.raises(BadFile, match="its header is no utf-8 text") as refused:
        run(tmp_path, text.replace("words", "wörter").encode("cp1252"), purchases())
    assert "encoding: windows-1252" in refused.value.how


def test_a_column_more_is_allowed_where_the_mapping_says_so(tmp_path: Path) -> None:
    data = b"customer,more,at,amount,words\nc1,x,2026-01-02T10:00:00Z,1,w\n"
    assert run(tmp_path, data, purchases(exact=False)).accepted == 1


def test_a_naive_time_takes_the_mappings_zone(tmp_path: Path) -> None:
    data = HEADER + b"c1,2026-07-02T10:00:00,1,a\nc1,2026-07-02,1,b\nc1,2026-03-29T02:30:00,1,c\n"
    result = run(tmp_path, data, purchases(zone="Europe/Berlin"))
    times = pl.from_epoch(stored(tmp_path)["occurred_at"], time_unit="us").to_list()
    assert [str(time) for time in times] == ["2026-07-02 08:00:00", "2026-07-02 10:00:00"]  # a date is its local noon
    assert reasons(result) == {3: "bad_time"}  # the clocks skipped that half hour


def test_json_lines_are_checked_one_by_one(tmp_path: Path) -> None:
    lines_ = [
        b'{"customer":"c1","at":"2026-01-02T10:00:00Z","amount":1.50,"words":"first"}',
        b'{"customer":"c9","at":',
        b"[1,2]",
        b'{"customer":"c9","at":"2026-01-02T10:00:00Z","amount":NaN,"words":"x"}',
        b'{"customer":"c9","at":"2026-01-02T10:00:00Z","amount":1,"words":"x","strange":1}',
        b'{"customer":"c9","at":"2026-01-02T10:00:00Z","amount":"one","words":"x"}',
        b'{"customer":"c9","at":"2026-01-02T10:00:00Z","amount":1,"words":"\xff"}',
        b'{"customer":"c9","at":"2026-01-02T10:00:00Z","amount":1,"words":"' + b"x" * 2_000_000 + b'"}',
        b'{"customer":"c2","at":"2026-01-03T10:00:00Z","amount":2.5,"words":"last"}',
    ]
    result = run(tmp_path, b"\n".join(lines_), purchases(format_="ndjson"))
    assert (result.read, result.accepted) == (9, 2)
    assert reasons(result) == {
        2: "bad_json", 3: "bad_json", 4: "not_finite", 5: "unknown_field", 6: "bad_number", 7: "not_utf8", 8: "field_too_long",
    }  # fmt: skip
    assert next(one["column"] for one in rejects(result) if one["reason"] == "unknown_field") == "strange"
    assert stored(tmp_path)["revenue_minor"].to_list() == [150, 250]


def test_a_nested_field_is_named_with_dots(tmp_path: Path) -> None:
    imp = purchases(format_="ndjson", names={"order.total": "amount"}, expect=("customer", "at", "order", "words"))
    data = b'{"customer":"c1","at":"2026-01-02T10:00:00Z","order":{"total":3,"id":7},"words":"w"}\n'
    assert run(tmp_path, data, imp).accepted == 1
    assert stored(tmp_path)["revenue_minor"].to_list() == [300]


def test_parquet_may_hold_anything_and_is_checked_as_well(tmp_path: Path) -> None:
    file = parquet(tmp_path / "in.parquet", {
        "customer": ["c1", "c9", "c9", "c9", None, "x" * 10_000, "c9"],
        "at": [None if i == 3 else f"2026-01-0{i + 1}T10:00:00Z" for i in range(7)],
        "amount": [1.5, float("nan"), float("inf"), 1.0, 1.0, 1.0, -1.0],
        "words": ["w", "w", "w", "w", "w", "w", "a"],
    })  # fmt: skip
    result = run(tmp_path, file, purchases(format_="parquet"))
    assert (result.read, result.accepted) == (7, 1)
    assert reasons(result) == {
        2: "not_finite", 3: "not_finite", 4: "bad_time", 5: "no_identifier", 6: "bad_identifier", 7: "negative_revenue",
    }  # fmt: skip


def test_a_file_that_is_no_parquet_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="no Parquet file"):
        run(tmp_path, b"customer,at,amount,words\n", purchases(format_="parquet"))


def test_a_nested_parquet_column_is_refused_whole(tmp_path: Path) -> None:
    file = parquet(tmp_path / "in.parquet", {"customer": [["c1"]], "at": ["x"], "amount": [1.0], "words": ["w"]})
    with pytest.raises(BadFile, match="Flatten it"):
        run(tmp_path, file, purchases(format_="parquet"))


BAD_VALUES: list[tuple[str, str, str]] = [
    ("kind", "words", "unknown_kind"),
    ("touchpoint", "words", "unknown_touchpoint"),
    ("channel", "words", "unknown_channel"),
    ("purpose", "words", "unknown_purpose"),
    ("episode_type", "words", "unknown_episode_type"),
    ("about", "words", "unknown_target"),
    ("about", "CONCAT('touchpoint:', words)", "unknown_target"),
    ("emotional", "amount", "reading_out_of_range"),
    ("relevance", "-amount", "reading_out_of_range"),
    ("step", "amount * 100000", "number_too_large"),
    ("agreement_id", "CONCAT(words, '" + "x" * 600 + "')", "too_long"),
]


def test_a_value_that_its_ledger_column_cannot_hold_is_named(tmp_path: Path) -> None:
    row = {"kind": "'bought'", "touchpoint": "'shop'", "occurred_at": "at", "revenue": "1"}
    for column in dict.fromkeys(column for column, _, _ in BAD_VALUES):
        tried = " ".join(
            f"WHEN row_number = {i} THEN {text}" for i, (name, text, _) in enumerate(BAD_VALUES, 1) if name == column
        )
        row[column] = f"CASE {tried}{f' ELSE {row[column]}' if column in row else ''} END"
    lines_ = b"c1,2026-01-02T10:00:00Z,1.5,bought_not\n" * (len(BAD_VALUES) + 1)
    result = run(tmp_path, HEADER + lines_, importer(PURCHASE, [row], ["row_number"]))
    assert result.accepted == 1
    assert reasons(result) == {i: reason for i, (_, _, reason) in enumerate(BAD_VALUES, 1)}


def test_a_line_is_taken_whole_or_not_at_all(tmp_path: Path) -> None:
    rating = {
        "kind": "'answered'",
        "occurred_at": "at",
        "survey": "'s'",
        "about": "'touchpoint:shop'",
        "emotional": "amount",
    }
    result = run(
        tmp_path,
        HEADER + GOOD.replace(b"1.50", b"0.5") + LAST,
        importer(PURCHASE, [BOUGHT, rating], ["customer", "at"]),
    )
    assert (result.read, result.accepted, result.rejected) == (2, 2, 1)
    assert reasons(result) == {2: "reading_out_of_range"}


def test_the_mappings_own_reasons_are_told(tmp_path: Path) -> None:
    imp = purchases(reject_when=[("words = 'first'", "not_this"), ("amount > 2", "too_dear")])
    result = run(tmp_path, HEADER + GOOD + LAST, imp)
    assert reasons(result) == {1: "not_this", 2: "too_dear"}


def test_wide_rows_make_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "CHUNK_BYTES", 4_000)
    file = parquet(
        tmp_path / "in.parquet",
        {"customer": ["c"] * 40, "at": ["x"] * 40, "amount": [1.0] * 40, "words": [str(i) * 900 for i in range(40)]},
    )
    reader = readers.open_file(file, purchases(format_="parquet"))
    sizes = [chunk.frame.height for chunk in reader.chunks(["words"])]
    assert sum(sizes) == 40
    assert max(sizes) < 40
