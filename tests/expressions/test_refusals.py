"""What is refused, with a word on what to do instead; and that nothing from outside brings the checker down."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.expressions.frames import NAMES
from touchline.expressions import ExpressionFault, OpenNames, check
from touchline.expressions.functions import DEEPEST, DEEPEST_TREE, LONGEST_TEXT, MOST_NAMES
from touchline.kernel.types import Type


def faults(text: str, *, want: Type | None = None, dialect="mapping", names=NAMES) -> str:
    with pytest.raises(ExpressionFault) as refused:
        check(text, names, want=want, dialect=dialect)
    assert all(what and remedy for what, remedy in refused.value.faults)
    return " ".join(f"{what} {remedy}" for what, remedy in refused.value.faults)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("1 < x < 5", "BETWEEN"),
        ("x = y = 1", "parentheses"),
        ("x IS NULL IS NULL", "parentheses"),
        ("b = NOT care.due", "parentheses"),
        ("x BETWEEN 1 AND 5 = b", "parentheses"),
        ("30 days", "side by side"),
        ("x > 30 d", "side by side"),
        ("x y", "side by side"),
        ("s 'a'", "side by side"),
        ("'a' 'b'", "side by side"),
        ("E'a'", "side by side"),
        ("x NOT 3", "side by side"),
        ("30days > x", "is no number"),
        ("0x1F = i", "is no number"),
        ("1_000 = i", "is no number"),
        ("1.2.3 = x", "is no number"),
        ('s = "a"', "A text takes single quotes: 'a'; a name takes none: a."),
        ("`x` = 1", "wrong quotes"),
        ("1; 2", "Write one expression only"),
        ("1; DROP TABLE x", "Write one expression only"),
        ("x = 1 -- really", "comment"),
        ("x /* or y */ = 1", "comment"),
        ("x = 1 # really", "comment"),
        ("x != 1", "Write `<>`"),
        ("x == 1", "Write `=`"),
        ("s || 'a' = 'ba'", "CONCAT"),
        ("x::integer", "CAST"),
        ("x % 2 = 0", "no operator"),
        ("x ^ 2", "no operator"),
        ("s ~ 'a'", "no operator"),
        (":x = 1", "no operator"),
        ("x = ?", "no operator"),
        ("[1, 2]", "no operator"),
        ("x + ", "missing after `+`"),
        ("* 2", "missing before `*`"),
        ("x = AND b", "missing between `=` and `AND`"),
        ("x IN ()", "missing between"),
        ("LOWER()", "missing between"),
        ("COALESCE(x,)", "missing between"),
        ("(x", "never closed"),
        ("x)", "closes nothing"),
        ("CASE WHEN b THEN 1", "never closed"),
        ("x END", "closes nothing"),
        ("s = 'abc", "does not end"),
        ("a . b", "A dot stands alone"),
        ("naïve = 1", "U+00EF"),
        ("x \u00a0= 1", "U+00A0"),
        ("x \u200b= 1", "cannot be seen"),
        ("x = 1\u0000", "cannot be seen"),
        ("s = 'a\u0000b'", "control character"),
        ("s = 'a\nb'", "control character"),
        ("s = '\ud800'", "control character"),
        ("a.b.c.d = 1", "`a.b.c`"),
        ("x = 9007199254740993", "larger than 2^53"),
        ("x = " + "9" * 5000, "larger than 2^53"),
        ("x = 1e999", "larger than any number"),
        ("x IS 3", "IS NULL"),
        ("b IS TRUE", "a boolean stands alone"),
        ("x IN y", "IN stands without a list"),
        ("x IN (SELECT 1)", "side by side"),
        ("(x, y)", "no expression of this language"),
        ("x AS integer", "AS stands outside of CAST"),
        ("CAST(x)", "cannot be read"),
        ("CAST(x, y)", "cannot be read"),
        ("CAST(x AS decimal)", "`decimal` is no type"),
        ("CAST(x AS integre)", "Did you mean `integer`?"),
        ("CASE b END", "cannot be read"),
        ("CASE WHEN b ELSE 1 END", "cannot be read"),
        ("CASE WHEN b THEN 1 ELSE 2 ELSE 3 END", "cannot be read"),
        ("s LIKE topic.last", "Write it as a text"),
        ("s LIKE 'a!%' ESCAPE '!'", "side by side"),
        ("LOWRE(s) = 'a'", "Did you mean `LOWER`?"),
        ("NOW()", "missing between"),
        ("SUM(x) > 1", "There is no function `SUM`"),
        ("COUNT(DISTINCT x)", "side by side"),
        ("ABS(x, y)", "ABS takes 1 argument, not 2"),
        ("COALESCE(x)", "COALESCE takes 2 or more arguments, not 1"),
        ("NULLIF(x)", "NULLIF takes 2 arguments, not 1"),
        ("INSTANT(s, topic.last, 'UTC')", "format of INSTANT is not written out"),
        ("INSTANT(s)", "INSTANT takes 2 to 3 arguments, not 1"),
        ("days_sinc.left = t", "Did you mean `days_since.left`?"),
        ("X = 1", "There is no name `X`"),
        ("x = NULL", "IS NULL"),
        ("x IN (1, NULL)", "IS NULL"),
        ("x BETWEEN NULL AND 2", "IS NULL"),
        ("x + NULL", "IS NULL"),
        ("b AND NULL", "IS NULL"),
        ("COALESCE(x, NULL)", "IS NULL"),
        ("NULL", "has no type"),
        ("NULL IS NULL AND NULL", "IS NULL"),
        ("x = 'a'", "mixes number and text"),
        ("x IN (1, 'a')", "mixes number and text"),
        ("s BETWEEN 1 AND 2", "mixes text and integer"),
        ("CASE WHEN b THEN 1 ELSE 'a' END", "mixes integer and text"),
        ("LEAST(x, s)", "mixes number and text"),
        ("t = x", "mixes time and number"),
        ("t > '2020-01-01'", "INSTANT"),
        ("t + 1", "must be number"),
        ("t - 1", "must be time"),
        ("x - t", "must be time"),
        ("s + 1", "CAST(x AS number)"),
        ("-s", "must be number"),
        ("x AND b", "must be boolean"),
        ("NOT x", "must be boolean"),
        ("CASE WHEN x THEN 1 END", "must be boolean"),
        ("x LIKE 'a'", "must be text"),
        ("LOWER(x)", "must be text"),
        ("b > care.due", "which boolean is larger"),
        ("b BETWEEN FALSE AND TRUE", "which boolean is larger"),
        ("GREATEST(b, care.due)", "which boolean is larger"),
        ("CAST(x AS text)", "CAST it to integer first"),
        ("CAST(t AS text)", "cannot be cast"),
        ("CAST(x AS boolean)", "`x <> 0`"),
        ("CAST(s AS time)", "`time` is no type"),
        ("INSTANT(s, '%d.%m', 'UTC')", "needs %Y, %m and %d"),
        ("INSTANT(s, '%Y-%m-%d %Q', 'UTC')", "`%Q` is no part of a format"),
        ("INSTANT(s, '%Y-%m-%d %H', 'UTC')", "%H without %M"),
        ("INSTANT(s, '%Y-%m-%d %d', 'UTC')", "twice"),
        ("INSTANT(s, '%Y-%m-%d')", "Name one"),
        ("INSTANT(s, '%Y-%m-%d', 'Europe/Berln')", "Did you mean `Europe/Berlin`?"),
        ("INSTANT(s, '%Y-%m-%d', 'localtime')", "There is no zone"),
        ("INSTANT(x, '%Y-%m-%d', 'UTC')", "must be text"),
    ],
)
def test_what_the_language_has_not_is_refused_with_a_remedy(text: str, said: str) -> None:
    assert said in faults(text)


@pytest.mark.parametrize("text", ["CAST(s AS number) > 1", "INSTANT(s, '%Y-%m-%d', 'UTC') > t"])
def test_a_condition_has_no_cast_and_no_instant(text: str) -> None:
    assert "no place in a condition" in faults(text, dialect="condition")
    assert check(text, NAMES, dialect="mapping").type is Type.BOOLEAN


def test_a_wanted_type_is_demanded() -> None:
    assert "must be boolean, but `x` is number" in faults("x", want=Type.BOOLEAN)
    assert "CAST(x AS integer)" in faults("i + 1", want=Type.INTEGER)
    assert check("i", NAMES, want=Type.NUMBER).type is Type.INTEGER
    assert check("NULL", NAMES, want=Type.NUMBER).type is Type.NUMBER


def test_all_faults_of_a_text_are_told_at_once() -> None:
    told = faults("stag = 1 AND LOWRE(s) = 'a' AND x != 3 AND i = 'a' AND s = \"b\" AND x IS 5")
    for said in ("`stag`", "`LOWRE`", "`!=`", "mixes integer and text", "wrong quotes", "IS takes NULL only"):
        assert said in told


def test_one_fault_is_told_once() -> None:
    with pytest.raises(ExpressionFault) as refused:
        check("nobody = 1 OR nobody = 2", NAMES)
    assert len(refused.value.faults) == 1


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x" + ")" * 5000,
        "(" * 5000,
        "NOT " * 4000 + "b",
        "- " * 4000 + "x",
        "CASE WHEN b THEN " * 1000 + "1" + " END" * 1000,
        "LOWER(" * 3000 + "s" + ")" * 3000,
        "x" + " + x" * 4000,
        "x" + " - (x" * 500 + ")" * 500,
        "x IN (" * 1000 + "1" + ")" * 1000,
        "b = NOT " * 2000 + "b",
        "a" * (LONGEST_TEXT + 1),
        "x > 1 AND " * 200_000 + "b",
        "a." * 9000 + "a = 1",
        "LOWER(" * 19 + "s" + ")" * 19,
        "x / (" * 19 + "x" + ")" * 19,
        "CAST(" * 9 + "s" + " AS text)" * 9,
        "CASE " * 19 + "x" + " WHEN 1 THEN 1 WHEN 2 THEN 2 END" * 19,
        "NULLIF(" * 19 + "x" + ", 1)" * 19,
        " OR ".join(f"n{index} = 1" for index in range(MOST_NAMES + 1)),
    ],
)
def test_hostile_depth_and_length_are_faults(text: str) -> None:
    assert faults(text, names=OpenNames(""))


def test_what_is_within_the_limits_is_read() -> None:
    deep = "(" * (DEEPEST - 1) + "x" + ")" * (DEEPEST - 1)
    assert check(deep, NAMES).text == "x"
    assert check("x" + " + x" * (DEEPEST_TREE - 2), NAMES).type is Type.NUMBER
    assert check(" OR ".join(["x = 1"] * 2000), NAMES).type is Type.BOOLEAN
    assert check(f"s IN ({', '.join(['1'.join(chr(39) * 2)] * 3000)})", NAMES).type is Type.BOOLEAN


WORDS = st.sampled_from(
    """
    x i s b t care.due event.x AND OR NOT IN IS NULL LIKE BETWEEN CASE WHEN THEN ELSE END AS TRUE ( ) , + - * / = <> < <=
    LOWER( CAST( INSTANT( COALESCE( 'a' '%Y' 1 2.5 1e9 integer text " ' ; -- /* SELECT FROM . [ ] 'é' é
    """.split()  # noqa: SIM905 - as many quoted words would read worse
)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS, max_size=9).map("".join)
    )
)
@example("x IN (1) -")
@example("CASE CASE WHEN")
@example("INSTANT(INSTANT(s, 'a', 'b'), '%', '')")
@example("INSTANT('', '%Y%m%d%', 'UTC')")
@example("\ud800")
def test_any_text_is_an_expression_or_has_faults(text: str) -> None:
    for names in (NAMES, OpenNames("")):
        try:
            check(text, names, dialect="mapping")
        except ExpressionFault as refused:
            str(refused).encode()
