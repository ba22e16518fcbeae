"""Names are the playbook's, whatever SQL does with such words; open names take the type of their use."""

from __future__ import annotations

import pytest

from touchline.expressions import DeclaredNames, ExpressionFault, OpenNames, check
from touchline.kernel.measures import Measures
from touchline.kernel.types import Type

MEASURES = Measures(
    kinds=("asked", "left", "renewed", "bought", "visited", "joined", "complained", "answered"),
    purposes=("care", "selling"),
    channels=("email", "at", "phone"),
    places=("claims", "claim"),
)


WORDS = set(
    """
    left at current_date first last date time interval select from where group order table user values all any exists
    days_since.left count.asked sum.revenue experience.n days_since.asked event.visits clock.minute event.end event.case
    event.and true.false null.not event.order.by in.in like.like event.current_timestamp row lower coalesce cast
    instant array map struct if extract _x X event.claimNo unnest lateral distinct
    """.split()  # noqa: SIM905 - sixty quoted words would read worse
)


@pytest.mark.parametrize(
    "name",
    sorted(WORDS),
)
def test_words_of_sql_are_names_too(name: str) -> None:
    expression = check(f"{name} = 1 OR {name} IS NULL", OpenNames(""))
    assert expression.names == (name,)
    assert expression.text == f"{name} = 1 OR {name} IS NULL"


@pytest.mark.parametrize(
    "text",
    [
        "stage = 'renewal' AND experience.claims < -0.2 AND days_since.bought > 30",
        "days_since.left < COALESCE(days_since.renewed, 99999) AND days_to_renewal IS NULL",
        "days_since.asked <= 30 AND experience.claim IS NOT NULL AND care.due",
        "days_to_renewal BETWEEN 0 AND 60",
        "tenure_days < 45",
        "stage = 'renewal' AND NOT care.due",
        "count.joined > 0",
        "value.balance >= -0.2",
        "COALESCE(days_since.complained, 99999) < 60",
        "stage IN ('member', 'renewal') AND count.joined > 0",
        "count.answered = 0 OR days_since.answered > 90",
        "contact.email_7d < 2",
        "consent.care_email",
    ],
)
def test_the_conditions_of_the_documents_are_conditions(text: str) -> None:
    expression = check(text, MEASURES, want=Type.BOOLEAN)
    assert expression.type is Type.BOOLEAN
    assert expression.text == text
    assert expression.inferred == {}


def test_a_misspelt_measure_is_told_with_the_nearest_one() -> None:
    with pytest.raises(ExpressionFault, match=r"Did you mean `experience\.claims`"):
        check("experience.clams < 0", MEASURES, want=Type.BOOLEAN)


def test_keywords_are_read_in_any_case_and_names_in_their_own() -> None:
    assert check("not a and B or lower(s) in ('x')", OpenNames("")).text == "NOT a AND B OR LOWER(s) IN ('x')"


@pytest.mark.parametrize(
    ("text", "want", "types"),
    [
        ("event.arrived_on = event.agreed_on", Type.BOOLEAN, {"event.arrived_on": "text", "event.agreed_on": "text"}),
        (
            "CASE WHEN event.visits = 1 THEN 0.5 WHEN event.visits > 2 THEN -0.6 END",
            Type.NUMBER,
            {"event.visits": "number"},
        ),
        ("event.premium", Type.NUMBER, {"event.premium": "number"}),
        ("event.step", Type.INTEGER, {"event.step": "integer"}),
        ("event.starts_on", Type.TIME, {"event.starts_on": "time"}),
        ("event.solved", Type.BOOLEAN, {"event.solved": "boolean"}),
        ("event.contract_no", Type.TEXT, {"event.contract_no": "text"}),
        ("event.anything", None, {"event.anything": "text"}),
        ("event.a AND NOT event.b", None, {"event.a": "boolean", "event.b": "boolean"}),
        (
            "event.a = event.b AND event.b = event.c AND event.c > 3",
            None,
            dict.fromkeys(("event.a", "event.b", "event.c"), "number"),
        ),
        ("CASE WHEN event.x THEN event.y END", Type.TIME, {"event.x": "boolean", "event.y": "time"}),
        ("COALESCE(event.n, event.m)", Type.INTEGER, {"event.n": "integer", "event.m": "integer"}),
        ("COALESCE(NULLIF(event.n, event.m), 2.5)", None, {"event.n": "number", "event.m": "number"}),
        ("LENGTH(event.s) > LEAST(event.n, 5)", None, {"event.s": "text", "event.n": "number"}),
        ("event.a IN ('x', 'y') OR event.b LIKE 'x%'", None, {"event.a": "text", "event.b": "text"}),
        ("event.a BETWEEN event.b AND 3", None, {"event.a": "number", "event.b": "number"}),
        ("event.a = (event.b IS NULL)", None, {"event.a": "boolean", "event.b": "text"}),
        ("INSTANT(event.at, '%Y%m%d', 'UTC') > event.seen", None, {"event.at": "text", "event.seen": "time"}),
        ("event.start - INSTANT(event.at, '%Y%m%d', 'UTC') > 3", None, {"event.at": "text", "event.start": "time"}),
        ("CAST(event.n AS number) + event.m", None, {"event.n": "text", "event.m": "number"}),
    ],
)
def test_an_open_name_has_the_type_of_its_use(text: str, want: Type | None, types: dict[str, str]) -> None:
    assert check(text, OpenNames(), want=want, dialect="mapping").inferred == types


def test_an_open_name_used_in_two_ways_is_a_fault() -> None:
    with pytest.raises(ExpressionFault, match="mixes number and text"):
        check("event.x > 1 AND event.x = 'a'", OpenNames())


def test_an_open_scope_is_open_for_its_prefix_only() -> None:
    with pytest.raises(ExpressionFault, match=r"There is no name `order\.total`"):
        check("order.total > 1", OpenNames())
    scope = OpenNames(declared={"event.kind": Type.TEXT, "row_number": Type.INTEGER})
    assert check("event.kind = 'a' AND row_number = 1 AND event.x = 1", scope).inferred == {"event.x": Type.NUMBER}


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("i", Type.INTEGER),
        ("-3", Type.INTEGER),
        ("i + i", Type.NUMBER),
        ("-i", Type.NUMBER),
        ("ABS(i)", Type.NUMBER),
        ("LEAST(i, 3)", Type.INTEGER),
        ("COALESCE(i, 2.5)", Type.NUMBER),
        ("CASE WHEN TRUE THEN 1 ELSE NULL END", Type.INTEGER),
        ("LENGTH('a')", Type.INTEGER),
        ("t - t", Type.NUMBER),
        ("LEAST(t, t)", Type.TIME),
        ("CAST(x AS integer)", Type.INTEGER),
    ],
)
def test_results_have_these_types(text: str, type_: Type) -> None:
    names = DeclaredNames({"i": Type.INTEGER, "t": Type.TIME, "x": Type.NUMBER})
    assert check(text, names, dialect="mapping").type is type_


def test_equal_expressions_are_equal_however_they_are_written() -> None:
    names = OpenNames("")
    one, other = check("a  =  1 and (b or c)", names), check("(a = 1) AND (b OR (c))", names)
    assert one == other
    assert hash(one) == hash(other)
    assert one != check("a = 1 AND b OR c", names)
    assert check("a AND (b AND c)", names) == check("(a AND b) AND c", names)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a OR b AND c", "a OR (b AND c)"),
        ("NOT a = 1", "NOT (a = 1)"),
        ("NOT a AND b", "(NOT a) AND b"),
        ("NOT a IS NULL", "a IS NOT NULL"),
        ("a - b - c", "(a - b) - c"),
        ("a + b * c", "a + (b * c)"),
        ("a / b * c", "(a / b) * c"),
        ("-a * b", "(-a) * b"),
        ("- -a", "-(-a)"),
        ("a + 1 > b * 2", "(a + 1) > (b * 2)"),
        ("a BETWEEN 1 AND 2 AND b", "(a BETWEEN 1 AND 2) AND b"),
        ("a NOT IN (1) OR b", "(NOT (a IN (1))) OR b"),
        ("CASE a WHEN 1 THEN b ELSE c END", "CASE WHEN a = 1 THEN b ELSE c END"),
    ],
)
def test_operators_bind_as_in_sql(text: str, meant: str) -> None:
    assert check(text, OpenNames("")) == check(meant, OpenNames(""))
