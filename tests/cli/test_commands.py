"""Every command: what it prints, what it refuses, how it exits."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Ran

Touchline = Callable[..., Ran]


@pytest.fixture
def retail(touchline: Touchline, tmp_path: Path) -> Path:
    """A fresh workspace from the retail template."""
    assert touchline("new", tmp_path / "w", "--template", "retail").code == 0
    return tmp_path / "w"


def _contacts(folder: Path, *lines: str) -> Path:
    path = folder / "contacts.csv"
    path.write_text("\n".join(["user_id,email,phone,name,told_at", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_new_workspace_has_no_faults(touchline: Touchline, tmp_path: Path) -> None:
    for template in ("blank", "retail", "warranty"):
        made = touchline("new", tmp_path / template, "--template", template, "--json")
        assert made.json == {"workspace": str(tmp_path / template), "template": template}
        found = touchline("check", "-w", tmp_path / template, "--json").json
        assert (found["faults"], found["gone"]) == ([], [])


def test_the_version_is_said_in_words_or_as_one_object(touchline: Touchline) -> None:
    number = metadata.version("touchline")
    assert touchline("--version").out == f"touchline {number}\n"
    assert touchline("--version", "--json").json == {"name": "touchline", "version": number}


def test_json_before_the_command_is_wrong_use_and_not_passed_over(touchline: Touchline, retail: Path) -> None:
    told = touchline("--json", "check", "-w", retail)
    assert told.code == 2
    assert "behind the command" in told.err


def test_new_says_what_to_edit_first(touchline: Touchline, tmp_path: Path) -> None:
    for template, name in (("blank", "Our organisation"), ("retail", "Fern & Field")):
        told = touchline("new", tmp_path / template, "--template", template)
        assert f"It is called {name} until you edit touchline.yaml" in told.out
        assert "# Edit this file first" in (tmp_path / template / "touchline.yaml").read_text(encoding="utf-8")


def test_an_unknown_engine_is_refused_before_anything_is_opened(
    touchline: Touchline, retail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOUCHLINE_ENGINE", "spark")
    for command in (("check",), ("sql", "SELECT 1"), ("relationships",)):
        told = touchline(*command, "-w", retail)
        assert told.code == 2
        assert "engine 'spark'" in told.err
        assert "TOUCHLINE_ENGINE to one of polars, duckdb" in told.err
    assert not (retail / ".touchline").exists()


def test_a_folder_in_use_is_never_overwritten(touchline: Touchline, retail: Path) -> None:
    again = touchline("new", retail)
    assert again.code == 2
    assert "not empty" in again.err


def test_check_says_file_line_what_and_remedy_and_exits_with_one(touchline: Touchline, retail: Path) -> None:
    stages = retail / "playbook" / "stages.yaml"
    stages.write_text(stages.read_text(encoding="utf-8").replace("count.bought", "count.bougt"), encoding="utf-8")
    told = touchline("check", "-w", retail, "--json")
    assert told.code == 1
    fault = told.json["faults"][0]
    assert fault["file"] == "playbook/stages.yaml"
    assert fault["line"] > 0
    assert "count.bought" in fault["remedy"]


def test_no_workspace_is_a_sentence_with_a_remedy(
    touchline: Touchline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = touchline("relationships")
    assert told.code == 2
    assert "touchline new DIR" in told.err
    assert touchline("relationships", "--json").json["error"]["code"] == "no_workspace"


def test_an_unknown_import_names_the_nearest(touchline: Touchline, retail: Path, tmp_path: Path) -> None:
    told = touchline("import", _contacts(tmp_path), "--as", "cdnowe", "-w", retail)
    assert told.code == 2
    assert "`cdnow`" in told.err


def test_an_instant_without_a_zone_is_refused(touchline: Touchline, retail: Path) -> None:
    told = touchline("decide", "--as-of", "2026-01-01T00:00:00", "-w", retail)
    assert told.code == 2
    assert "no zone" in told.err


def test_a_blank_workspace_decides_nothing_for_nobody(touchline: Touchline, tmp_path: Path) -> None:
    touchline("new", tmp_path / "b")
    told = touchline("decide", "-w", tmp_path / "b", "--json")
    assert told.code == 0
    assert told.json == {"customers": 0, "eligible": 0, "decided": 0, "held": {}, "by_conversation": {}}
    assert touchline("verify", "-w", tmp_path / "b", "--json").json["faults"] == 0


def test_an_empty_workspace_answers_every_question(touchline: Touchline, retail: Path) -> None:
    assert touchline("relationships", "-w", retail, "--json").json == {"customers": 0, "rows": []}
    assert touchline("decide", "-w", retail, "--json").json["customers"] == 0
    assert touchline("sql", "SELECT count(*) AS n FROM interactions", "-w", retail, "--json").json == {
        "rows": [{"n": 0}]
    }
    assert touchline("sql", "SELECT count(*) AS n FROM relationships", "-w", retail, "--json").json == {
        "rows": [{"n": 0}]
    }
    assert touchline("sql", "SELECT count(*) AS n FROM decisions", "-w", retail, "--json").json == {"rows": [{"n": 0}]}
    assert touchline("verify", "-w", retail, "--json").json["faults"] == 0
    assert "No customer fits" in touchline("relationships", "-w", retail).out


@pytest.mark.parametrize(
    "query",
    [
        "DROP TABLE interactions",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO 'stolen.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "ATTACH 'other.db'",
        "PRAGMA database_list",
        "selec 1",
    ],
)
def test_sql_does_nothing_but_one_select(touchline: Touchline, retail: Path, query: str) -> None:
    told = touchline("sql", query, "-w", retail, "--json")
    assert told.code == 2
    assert told.json["error"]["code"] == "bad_query"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT kindd FROM interactions", "there is no column `kindd` in interactions\n  Did you mean `kind`?"),
        ("SELECT i.kindd FROM interactions i", "Did you mean `kind`? `DESCRIBE interactions` lists all."),
        ("SELECT * FROM interaction", "there is no table `interaction`\n  Did you mean `interactions`?"),
        ("SELECT * FROM elsewhere", "The tables are interactions, relationships, decisions."),
        ("DESCRIBE elsewhere", "there is no table `elsewhere`"),
        ("SELECT experience.overal FROM relationships", "Did you mean `experience.overall`?"),
        ("SELECT r.experience.overal FROM relationships r", "there is no column `experience.overal` in relationships"),
        ("SELECT cout.bought FROM relationships", "Did you mean `count.bought`?"),
        ("WITH x AS (SELECT 1 AS alpha) SELECT alpa FROM x", "there is no column `alpa`\n  Did you mean `alpha`?"),
        ("SELECT stage frm relationships", "`SHOW TABLES` says what can be asked for"),
    ],
)
def test_sql_of_what_is_not_there_names_the_nearest_and_where_to_look(
    touchline: Touchline, retail: Path, query: str, said: str
) -> None:
    told = touchline("sql", query, "-w", retail)
    assert told.code == 2
    assert "The query is refused: " in told.err
    assert said in told.err


def test_sql_says_which_tables_and_columns_there_are(touchline: Touchline, retail: Path) -> None:
    tables = touchline("sql", "SHOW TABLES", "-w", retail, "--json").json["rows"]
    assert [row["name"] for row in tables] == ["decisions", "interactions", "relationships"]
    for table in ("interactions", "decisions"):
        said = touchline("sql", f"describe {table};", "-w", retail, "--json").json["rows"]
        asked = f"DESCRIBE SELECT * FROM {table}"
        found = touchline("sql", asked, "-w", retail, "--json").json["rows"]
        assert said == [{name: row[name] for name in ("column_name", "column_type")} for row in found]
    measures = touchline("sql", "DESCRIBE relationships", "-w", retail, "--json").json["rows"]
    assert {"column_name": "experience.overall", "column_type": "DOUBLE"} in measures
    assert {"column_name": "sum.revenue", "column_type": "DECIMAL"} in measures


def _documented(table: str) -> list[tuple[str, str]]:
    page = Path(__file__).parents[2] / "docs" / "reference" / "tables.md"
    section = page.read_text(encoding="utf-8").split(f"## `{table}`")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| ([A-Z]+) \|", section, re.MULTILINE)


def test_the_reference_of_tables_lists_the_columns_that_there_are(touchline: Touchline, retail: Path) -> None:
    for table in ("interactions", "decisions"):
        said = touchline("sql", f"DESCRIBE {table}", "-w", retail, "--json").json["rows"]
        assert _documented(table) == [(row["column_name"], row["column_type"]) for row in said]
    measures = touchline("sql", "DESCRIBE relationships", "-w", retail, "--json").json["rows"]
    assert _documented("relationships") == [("customer", "BIGINT")]
    assert measures[0] == {"column_name": "customer", "column_type": "BIGINT"}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT r.stage, r.experience.overall FROM relationships r",
        "SELECT relationships.stage FROM relationships",
        "SELECT contact.email_14d FROM relationships",
        "SELECT experience FROM relationships",
        "WITH x AS (SELECT customer, sum.revenue AS money FROM relationships) SELECT x.money FROM x JOIN interactions i ON i.customer = x.customer",
        "SELECT customer, kind FROM interactions",
        "SELECT * FROM interactions",
    ],
)
def test_sql_knows_measures_under_any_alias(touchline: Touchline, retail: Path, query: str) -> None:
    assert touchline("sql", query, "-w", retail, "--json").json == {"rows": []}


def test_a_number_that_json_has_no_word_for_is_null(touchline: Touchline, retail: Path) -> None:
    told = touchline("sql", "SELECT 'nan'::DOUBLE AS x, 'inf'::DOUBLE AS y", "-w", retail, "--json")
    assert told.json == {"rows": [{"x": None, "y": None}]}


def test_decide_keeps_its_proposals_and_a_dry_run_keeps_nothing(touchline: Touchline, retail: Path) -> None:
    consents = retail / "data" / "cdnow_consents.csv"
    assert touchline("import", consents, "--as", "consents", "-w", retail).code == 0
    at = "1998-07-01T12:00:00Z"
    dry = touchline("decide", "--dry-run", "--as-of", at, "-w", retail, "--json").json
    assert set(dry) == {"customers", "eligible", "decided", "held", "by_conversation"}
    assert touchline("sql", "SELECT count(*) AS n FROM decisions", "-w", retail, "--json").json == {"rows": [{"n": 0}]}
    real = touchline("decide", "--as-of", at, "-w", retail, "--json").json
    assert real == dry
    kept = touchline("sql", "SELECT count(DISTINCT customer) AS n FROM decisions", "-w", retail, "--json").json
    assert kept == {"rows": [{"n": real["decided"]}]}
    assert sum(real["by_conversation"].values()) >= real["decided"]
    said = touchline("sql", "DESCRIBE decisions", "-w", retail, "--json").json["rows"]
    found = touchline("sql", "DESCRIBE SELECT * FROM decisions", "-w", retail, "--json").json["rows"]
    assert said == [{name: row[name] for name in ("column_name", "column_type")} for row in found]


def test_tables_are_written_as_csv_and_parquet_and_formulas_are_made_harmless(
    touchline: Touchline, retail: Path, tmp_path: Path
) -> None:
    query = "SELECT '=1+1' AS risky, 'plain' AS safe, 1.5 AS number"
    for name in ("out.csv", "out.parquet"):
        assert touchline("sql", query, "-w", retail, "--out", tmp_path / name).code == 0
    assert pl.read_csv(tmp_path / "out.csv").row(0) == ("'=1+1", "plain", 1.5)
    assert pl.read_parquet(tmp_path / "out.parquet")["risky"][0] == "=1+1"
    assert touchline("sql", query, "-w", retail, "--out", tmp_path / "out.xlsx").code == 2


def test_help_names_every_command(touchline: Touchline) -> None:
    told = touchline("--help").out
    for command in (
        "new",
        "check",
        "import",
        "relationships",
        "decide",
        "explain",
        "verify",
        "sql",
        "people",
        "bench",
        "demo",
    ):
        assert f" {command} " in told


def test_check_finds_what_only_the_plan_would_refuse(touchline: Touchline, retail: Path) -> None:
    policies = retail / "playbook" / "policies.yaml"
    many = "".join(f'  - {{name: own_{n}, blocks: "count.left > {n}"}}\n' for n in range(70))
    policies.write_text(policies.read_text(encoding="utf-8").split("own:")[0] + "own:\n" + many, encoding="utf-8")
    told = touchline("check", "-w", retail, "--json")
    assert told.code == 1
    assert told.json["faults"][0]["file"] == "playbook/policies.yaml"
    assert "at most 62" in told.json["faults"][0]["what"]
