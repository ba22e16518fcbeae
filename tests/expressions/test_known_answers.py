"""Known answers, the same by row, on Polars and on DuckDB."""

from __future__ import annotations

import narwhals as nw
import pytest

from tests.expressions.frames import ENGINES, NAMES, everywhere, table
from touchline.expressions import check, matching, to_frame
from touchline.expressions.functions import DEEPEST, DEEPEST_TREE

T, F, N = True, False, None


def test_and_or_and_not_are_those_of_kleene() -> None:
    left, right = [T, T, T, F, F, F, N, N, N], [T, F, N, T, F, N, T, F, N]
    rows = {"b": left, "care.due": right}
    assert everywhere("b AND care.due", rows) == [T, F, N, F, F, F, N, F, N]
    assert everywhere("b OR care.due", rows) == [T, T, T, T, F, N, T, N, N]
    assert everywhere("NOT b", rows) == [F, F, F, T, T, T, N, N, N]
    assert everywhere("b = care.due", rows) == [T, F, N, F, T, N, N, N, N]
    assert everywhere("b <> care.due", rows) == [F, T, N, T, F, N, N, N, N]


@pytest.mark.parametrize("sign", ["=", "<>", "<", "<=", ">", ">="])
def test_a_comparison_with_the_unknown_is_unknown(sign: str) -> None:
    for name, value in (("x", 1.0), ("i", 1), ("s", "a"), ("t", 1)):
        assert everywhere(f"{name} {sign} {name}", {name: [None]}) == [None]
        assert everywhere(f"{name} {sign} {name}", {name: [value]}) == [sign in ("=", "<=", ">=")]


def test_in_and_between_are_made_of_comparisons() -> None:
    rows = {"x": [1.0, 3.0, N, 1.0], "y": [N, N, 1.0, 2.0]}
    assert everywhere("x IN (1, 2)", rows) == [T, F, N, T]
    assert everywhere("x NOT IN (1, 2)", rows) == [F, T, N, F]
    assert everywhere("x IN (y, 1)", rows) == [T, N, N, T]
    assert everywhere("x NOT IN (y, 1)", rows) == [F, N, N, F]
    assert everywhere("x BETWEEN 2 AND y", rows) == [F, N, N, F]
    assert everywhere("x BETWEEN y AND 2", rows) == [N, F, N, F]
    assert everywhere("s IN ('a', 'b')", {"s": ["a", "c", N]}) == [T, F, N]
    assert everywhere("b IN (TRUE)", {"b": [T, F, N]}) == [T, F, N]


def test_is_null_is_never_unknown() -> None:
    assert everywhere("x + 1 IS NULL", {"x": [1.0, N]}) == [F, T]
    assert everywhere("(x = 1) IS NOT NULL", {"x": [1.0, N]}) == [T, F]


def test_case_takes_the_first_branch_that_is_true() -> None:
    rows = {"x": [1.0, 5.0, N, -1.0]}
    assert everywhere("CASE WHEN x > 3 THEN 'high' WHEN x > 0 THEN 'low' END", rows) == ["low", "high", N, N]
    assert everywhere("CASE WHEN NOT x > 0 THEN 1 ELSE 0 END", rows) == [0, 0, 0, 1]
    assert everywhere("CASE x WHEN 1 THEN 1 ELSE 2.5 END", rows) == [1.0, 2.5, 2.5, 2.5]
    assert everywhere("CASE WHEN x > 0 THEN NULL ELSE 'a' END", rows) == [N, N, "a", "a"]


def test_coalesce_nullif_least_and_greatest() -> None:
    rows = {"x": [1.0, N, N], "y": [3.0, 2.0, N]}
    assert everywhere("COALESCE(x, y)", rows) == [1.0, 2.0, N]
    assert everywhere("NULLIF(y, 3)", rows) == [N, 2.0, N]
    assert everywhere("LEAST(x, y)", rows) == [1.0, 2.0, N]
    assert everywhere("GREATEST(x, y)", rows) == [3.0, 2.0, N]
    assert everywhere("GREATEST(s, 'b')", {"s": ["a", "Z", "ß", N]}) == ["b", "b", "ß", "b"]


def test_arithmetic_is_in_numbers_and_what_is_not_finite_is_unknown() -> None:
    rows = {"x": [7.0, 1e308, 0.0, N], "y": [2.0, -1e308, 0.0, 1.0], "i": [2**62, 2**63 - 1, -(2**63), 3]}
    assert everywhere("x / y", rows) == [3.5, -1.0, N, N]
    assert everywhere("x * y", rows) == [14.0, N, 0.0, N]
    assert everywhere("x - y", rows) == [5.0, N, 0.0, N]
    assert everywhere("x * 10 / 100", rows) == [0.7, N, 0.0, N]
    assert everywhere("1 / (x * 10)", rows) == [1 / 70, N, N, N]
    assert everywhere("x / 0", rows) == [N, N, N, N]
    assert everywhere("i + 1", rows) == [float(2**62), float(2**63), float(-(2**63)), 4.0]
    assert everywhere("i * i", rows) == [float(2**124), float(2**126), float(2**126), 9.0]
    assert everywhere("-i", rows) == [-float(2**62), -float(2**63), float(2**63), -3.0]
    assert everywhere("ABS(i)", rows) == [float(2**62), float(2**63), float(2**63), 3.0]
    assert everywhere("i / 2", rows) == [float(2**61), float(2**62), -float(2**62), 1.5]


def test_a_number_divided_by_itself_is_one() -> None:
    rows = {"x": [float(n) for n in range(1, 200)], "i": list(range(1, 200))}
    assert everywhere("x / 49", rows)[48] == 1.0
    assert everywhere("(i + 0) / 103", rows)[102] == 1.0
    assert everywhere("i / 93", rows)[92] == 1.0
    assert everywhere("i / COALESCE(y, 49)", rows)[48] == 1.0
    assert everywhere("i / CASE WHEN b THEN 1 ELSE 107 END", rows)[106] == 1.0


def test_a_stored_reading_is_compared_as_it_is_stored() -> None:
    assert everywhere("narrow.reading < -0.2", {"narrow.reading": [-0.2, -0.3, 0.0]}) == [T, T, F]
    assert everywhere("narrow.reading IN (0.5, 0.1)", {"narrow.reading": [0.5, 0.1, N]}) == [T, F, N]


def test_texts_compare_by_code_point() -> None:
    rows = {"s": ["Z", "a", "é", "z", "日", "\U0001f600", "\uffee", ""]}
    assert everywhere("s < 'a'", rows) == [T, F, F, F, F, F, F, T]
    assert everywhere("s > '\uffee'", rows) == [F, F, F, F, F, T, F, F]


def test_like_is_case_sensitive_and_knows_two_wildcards_only() -> None:
    rows = {"s": ["abc", "ABC", "a.c", "a%c", "a\nc", "日本", "a\\c", "", N]}
    assert everywhere("s LIKE 'a%'", rows) == [T, F, T, T, T, F, T, F, N]
    assert everywhere("s LIKE '%c'", rows) == [T, F, T, T, T, F, T, F, N]
    assert everywhere("s LIKE '%b%'", rows) == [T, F, F, F, F, F, F, F, N]
    assert everywhere("s LIKE 'a_c'", rows) == [T, F, T, T, T, F, T, F, N]
    assert everywhere("s LIKE 'a.c'", rows) == [F, F, T, F, F, F, F, F, N]
    assert everywhere("s LIKE 'a.%c'", rows) == [F, F, T, F, F, F, F, F, N]
    assert everywhere("s LIKE '__'", rows) == [F, F, F, F, F, T, F, F, N]
    assert everywhere("s LIKE 'a\\_'", rows) == [F, F, F, F, F, F, T, F, N]
    assert everywhere("s LIKE '%'", rows) == [T, T, T, T, T, T, T, T, N]
    assert everywhere("s LIKE ''", rows) == [F, F, F, F, F, F, F, T, N]
    assert everywhere("s NOT LIKE 'a%c'", rows) == [F, T, F, F, F, T, F, T, N]


def test_texts_are_changed_alike() -> None:
    rows = {"s": [" Ärger ", "ΟΔΟΣ", "İstanbul", "straße", "ﬁn", "\t a \n", "e\u0301", N]}
    assert everywhere("LOWER(s)", rows) == [" ärger ", "οδοσ", "istanbul", "straße", "ﬁn", "\t a \n", "e\u0301", N]
    assert everywhere("UPPER(s)", rows) == [" ÄRGER ", "ΟΔΟΣ", "İSTANBUL", "STRASSE", N, "\t A \n", "E\u0301", N]
    assert everywhere("TRIM(s)", rows) == ["Ärger", "ΟΔΟΣ", "İstanbul", "straße", "ﬁn", "\t a \n", "e\u0301", N]
    assert everywhere("LENGTH(s)", rows) == [7, 4, 8, 6, 2, 5, 2, N]
    assert everywhere("CONCAT(s, '!')", {"s": ["a", N]}) == ["a!", N]


def test_a_text_is_cast_only_where_it_is_such_a_value() -> None:
    rows = {
        "s": ["12", " 12", "1.5", "-0", "+7", "1e3", ".5", "5.", "1,5", "nan", "inf", "1e999", "9" * 19, "", "١", N]
    }
    assert everywhere("CAST(s AS integer)", rows) == [12, N, N, 0, 7, N, N, N, N, N, N, N, N, N, N, N]
    numbers = [12.0, N, 1.5, -0.0, 7.0, 1000.0, 0.5, 5.0, N, N, N, N, 1e19, N, N, N]
    assert everywhere("CAST(s AS number)", rows) == numbers
    forms = {"s": ["true", "TRUE", "Yes", "y", "1", "false", "No", "0", "t", "on", "tRue", "", N]}
    assert everywhere("CAST(s AS boolean)", forms) == [T, T, T, T, T, F, F, F, N, N, N, N, N]


def test_a_number_is_cast_to_an_integer_by_dropping_its_fraction() -> None:
    rows = {"x": [1.5, 2.5, -1.5, -0.2, 1e300, float(2**53), 2.0**53 - 1, N]}
    assert everywhere("CAST(x AS integer)", rows) == [1, 2, -1, 0, N, N, 2**53 - 1, N]
    assert everywhere("CAST(i AS text)", {"i": [0, -5, 2**63 - 1, N]}) == ["0", "-5", str(2**63 - 1), N]
    assert everywhere("CAST(b AS integer)", {"b": [T, F, N]}) == [1, 0, N]
    assert everywhere("CAST(b AS text)", {"b": [T, F, N]}) == ["true", "false", N]


def test_a_difference_of_times_is_a_number_of_days() -> None:
    day = 86_400_000_000
    assert everywhere("t - days_since.left", {"t": [3 * day, day // 2, N], "days_since.left": [day, day, day]}) == [
        2.0,
        -0.5,
        N,
    ]


def test_constants_fill_every_row() -> None:
    for text in (
        "TRUE",
        "1 + 1",
        "CASE WHEN 1 > 2 THEN 'a' END",
        "COALESCE(CASE WHEN FALSE THEN 1 END, 2)",
        "LOWER('A')",
    ):
        told = everywhere(text, {"x": [1.0, 2.0, 3.0]})
        assert len(told) == 3
        assert len(set(told)) == 1


def test_a_condition_filters_what_is_true() -> None:
    frame = table({"x": [1.0, 5.0, None]})
    for engine in ENGINES:
        for text, kept in (
            ("x > 2", [5.0]),
            ("NOT x > 2", [1.0]),
            ("x IS NULL OR x > 2", [5.0, None]),
            ("TRUE", [1.0, 5.0, None]),
        ):
            found = engine.collect(matching(engine.lazy(frame), check(text, NAMES)).select("x"))
            assert found["x"].to_list() == kept


def test_thousands_of_alternatives_run_on_every_engine() -> None:
    text = " OR ".join(f"x = {n}" for n in range(1500))
    assert everywhere(text, {"x": [1499.0, 1500.0, N]}) == [T, F, N]


def test_the_deepest_expressions_run_on_every_engine() -> None:
    rows = {"x": [1.0, N], "b": [T, F]}
    assert everywhere("x" + " + x" * (DEEPEST_TREE - 2), rows) == [DEEPEST_TREE - 1.0, N]
    assert everywhere("x + (" * (DEEPEST - 1) + "x" + ")" * (DEEPEST - 1), rows) == [float(DEEPEST), N]
    assert everywhere("x / (" * 7 + "x" + ")" * 7, rows) == [1.0, N]
    nested = "CASE WHEN b THEN " * (DEEPEST - 1) + "x" + " ELSE 0 END" * (DEEPEST - 1)
    assert everywhere(nested, rows) == [1.0, 0.0]


def test_columns_are_named_as_the_caller_says() -> None:
    frame = table({"x": [1.0, 5.0]}).rename({"x": "other"})
    for engine in ENGINES:
        named = to_frame(check("x > 2", NAMES), column=lambda name: {"x": "other"}[name])
        assert engine.collect(engine.lazy(frame).select(named.alias("r")))["r"].to_list() == [F, T]


def test_a_result_is_as_wide_as_its_type_says() -> None:
    frame = table({"narrow.reading": [0.5], "count.asked": [3], "i": [1]})
    for engine in ENGINES:
        for text, dtype in (
            ("narrow.reading", nw.Float64),
            ("count.asked", nw.Int64),
            ("COALESCE(narrow.reading, narrow.reading)", nw.Float64),
            ("LENGTH('a')", nw.Int64),
            ("CASE WHEN b THEN count.asked END", nw.Int64),
            ("-count.asked", nw.Float64),
        ):
            schema = engine.lazy(frame).select(to_frame(check(text, NAMES)).alias("r")).collect_schema()
            assert schema["r"] == dtype
