"""In: one SELECT. Out: its rows, from a locked-down DuckDB over the open tables. Writes no interactions.

`relationships` is derived for the query: only the measures that the text mentions, as fields of structs. `SHOW TABLES`
and `DESCRIBE TABLE` say what can be asked for; a name that is not there is refused with the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import duckdb
import polars as pl

from touchline.interactions import row
from touchline.interactions.row import SCHEMA
from touchline.kernel.errors import BadQuery
from touchline.kernel.measures import Measures
from touchline.kernel.names import did_you_mean, nearest
from touchline.kernel.types import Type

MONEY = ("sum.revenue", "sum.cost")
TIMES = ("occurred_at", "received_at", "term_start", "renewal_at", "about_at")
TABLES = ("interactions", "relationships", "decisions")
_LISTS = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_DESCRIBES = re.compile(r"\s*(?:describe|desc|show)\s+(?:table\s+)?(\w+)\s*;?\s*", re.IGNORECASE)
_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(
    r'Referenced column "(?P<column>.+?)" not found|does not have a column named "(?P<other>.+?)"'
    r'|Could not find key "(?P<member>.+?)" in struct|Referenced table "(?P<table>.+?)" not found'
)
_WHOSE = re.compile(r"\bcustomer\b|\*", re.IGNORECASE)
_GROUP = re.compile(r"[a-z_]+")


def query(
    text: str,
    *,
    interaction_files: Sequence[str],
    pending: pl.DataFrame,
    decision_files: Sequence[Path],
    relationships: Callable[[list[str]], pl.DataFrame],
    known: Iterable[str],
    measures: Measures,
    people: Callable[[], pl.DataFrame],
    cents: int,
) -> pl.DataFrame:
    """The rows of one read-only SELECT, or of SHOW TABLES or DESCRIBE TABLE.

    relationships   measures wanted -> frame with `customer` and a column a measure, named as the measure
    known           measures that are yielded where all are asked for
    measures        every measure that there is
    people          [persona_id, customer]
    cents           digits behind the point of the currency: money is DECIMAL here, so that its sums are exact
    Raises BadQuery for anything but one SELECT, for a file or address in it, and for DuckDB's own faults.
    """
    if _LISTS.fullmatch(text):
        return pl.DataFrame({"name": sorted(TABLES)})
    described = _DESCRIBES.fullmatch(text)
    if described is not None:
        return columns_of(described[1].lower(), known, measures)
    names: set[str] = set()
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        names = _tables(connection, text)
        if "interactions" in names:
            _interactions(connection, interaction_files, pending, people() if _WHOSE.search(text) else None)
        if "decisions" in names:
            _decisions(connection, decision_files)
        if "relationships" in names:
            wanted = mentioned(text, known, measures)
            _relationships(connection, relationships(wanted), cents)
        allowed = [*interaction_files, *(str(path) for path in decision_files)]
        connection.execute(f"SET allowed_paths = [{', '.join(_quoted(path) for path in allowed)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        result = pl.from_arrow(connection.sql(text).to_arrow_table())
    except duckdb.Error as fault:
        raise _refusal(str(fault), text, names, known, measures) from None
    finally:
        connection.close()
    return result if isinstance(result, pl.DataFrame) else pl.DataFrame(result)


def columns_of(table: str, known: Iterable[str], measures: Measures) -> pl.DataFrame:
    """[column_name, column_type] of an open table, measures under their whole names; raises BadQuery for another."""
    if table not in TABLES:
        raise _no_table(table)
    if table == "relationships":
        types = ((name, "DECIMAL" if name in MONEY else _SQL[measures.type_of(name) or Type.TEXT]) for name in known)
        rows = [("customer", "BIGINT"), *types]
    else:
        with duckdb.connect(":memory:") as connection:
            if table == "interactions":
                nobody = pl.DataFrame(schema={"persona_id": pl.Int64, "customer": pl.Int64})
                _interactions(connection, [], pl.DataFrame(row.empty()), nobody)
            else:
                _decisions(connection, [])
            rows = [found[:2] for found in connection.sql(f"DESCRIBE {table}").fetchall()]
    return pl.DataFrame(rows, schema={"column_name": pl.String, "column_type": pl.String}, orient="row")


_SQL = {
    Type.NUMBER: "DOUBLE", Type.INTEGER: "BIGINT", Type.TEXT: "VARCHAR", Type.BOOLEAN: "BOOLEAN", Type.TIME: "TIMESTAMP",
}  # fmt: skip


def _refusal(said: str, text: str, names: set[str], known: Iterable[str], measures: Measures) -> BadQuery:
    """DuckDB's own words as a sentence with a remedy: the nearest name where one is not there."""
    if found := _NO_TABLE.search(said):
        return _no_table(found[1])
    asked = [name for name in TABLES if name in names]
    where = " or ".join(f"`DESCRIBE {name}`" for name in asked or TABLES)
    missing = _NO_COLUMN.search(said)
    if missing is None:
        return BadQuery(said.splitlines()[0], remedy=f"`SHOW TABLES` says what can be asked for, {where} its columns.")
    columns = [name for table in asked for name in columns_of(table, known, measures)["column_name"]]
    columns += re.findall(r'"(.+?)"', said.partition("Candidate bindings")[2])
    name = _whole(missing[missing.lastgroup or 0], missing.lastgroup, columns, text)
    place = f" in {' or '.join(asked)}" if asked else ""
    return BadQuery(f"there is no column `{name}`{place}", remedy=f"{did_you_mean(name, columns)} {where} lists all.")


def _no_table(name: str) -> BadQuery:
    near = nearest(name, TABLES)
    meant = "" if near is None else f"Did you mean `{near}`? "
    return BadQuery(f"there is no table `{name}`", remedy=f"{meant}The tables are {', '.join(TABLES)}.")


def _whole(name: str, part: str | None, columns: Sequence[str], text: str) -> str:
    """A measure as the query writes it, of which DuckDB names one part: `experience` or `claimz` of `experience.claimz`."""
    pattern = re.escape(name)
    if part == "member":
        pattern = rf"\w+\.{pattern}"
    elif part == "table" or any(column.startswith(f"{name}.") for column in columns):
        pattern = rf"{pattern}\.\w+"
    found = re.search(rf"\b{pattern}\b", text, re.IGNORECASE)
    return found[0] if found else name


def mentioned(text: str, known: Iterable[str], measures: Measures) -> list[str]:
    """The measures that a query may mean; all of them where it says `*` (other than count(*)) or a group by itself.

    A measure is meant where its words stand in the text, with whatever alias before them: too many cost a little, too few
    would refuse a good query. Windows (`contact.email_14d`) are meant where they are said.
    """
    everything = list(known)
    lowered = text.lower()
    if "*" in re.sub(r"count\s*\(\s*\*\s*\)", "", lowered):
        return everything
    words = set(re.findall(r"[a-z_][a-z0-9_]*", lowered))
    alone = set(re.findall(r"([a-z_][a-z0-9_]*)\b(?!\s*[.(])", lowered))
    windows = (name for word in sorted(words) if measures.window(name := f"contact.{word}") is not None)
    meant = [name for name in everything if set(name.split(".")) <= words or name.split(".")[0] in alone]
    return list(dict.fromkeys((*meant, *windows)))


def _tables(connection: duckdb.DuckDBPyConnection, text: str) -> set[str]:
    statements = connection.extract_statements(text)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise BadQuery("it is not one SELECT")
    names = {name.lower() for name in connection.get_table_names(text)}
    strange = names - set(TABLES)
    if any(re.search(r"[./\\:]", name) for name in strange):
        raise BadQuery("it reads a file or an address")
    return names


def _interactions(
    connection: duckdb.DuckDBPyConnection, files: Sequence[str], pending: pl.DataFrame, people: pl.DataFrame | None
) -> None:
    """The view; with `customer`, whose row it is today, where the query asks for it."""
    shown = ", ".join(f"make_timestamp({n}) AS {n}" if n in TIMES else n for n in SCHEMA.names)
    connection.register("_pending", pending.select(SCHEMA.names).to_arrow())
    source = "SELECT * FROM _pending"
    if files:
        listed = ", ".join(_quoted(path) for path in files)
        source = f"SELECT {', '.join(SCHEMA.names)} FROM read_parquet([{listed}]) UNION ALL {source}"  # noqa: S608 - paths are our own and quoted
    if people is not None:
        connection.register("_people", people.select("persona_id", "customer").to_arrow())
        shown = f"customer, {shown}"
        source = f"SELECT * FROM ({source}) LEFT JOIN _people USING (persona_id)"  # noqa: S608 - made above
    connection.execute(f"CREATE VIEW interactions AS SELECT {shown} FROM ({source})")  # noqa: S608 - column names of the schema


def _decisions(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    if not files:
        connection.execute(
            "CREATE TABLE decisions (customer BIGINT, conversation VARCHAR, channel VARCHAR, touchpoint VARCHAR, variant VARCHAR, "
            "purpose VARCHAR, class BIGINT, priority DOUBLE, programme VARCHAR, recurrence VARCHAR, given DOUBLE, asked DOUBLE, "
            "segment SMALLINT, decided_at TIMESTAMP, expires_at BIGINT, digest VARCHAR)"
        )
        return
    listed = ", ".join(_quoted(str(path)) for path in files)
    connection.execute(
        f"CREATE VIEW decisions AS SELECT * REPLACE (make_timestamp(decided_at) AS decided_at) FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608 - our own paths, quoted
    )


def _relationships(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame, cents: int) -> None:
    money = [name for name in frame.columns if name in MONEY]
    frame = frame.with_columns(pl.col(name).round(cents).cast(pl.Decimal(18, cents)) for name in money)
    connection.register("_relationships", frame.select(*_nested("", frame.columns)).to_arrow())
    connection.execute("CREATE VIEW relationships AS SELECT * FROM _relationships")


def _nested(before: str, names: Sequence[str]) -> list[pl.Expr]:
    """Columns named by dots as structs, `programme.renewal.step` as a struct in a struct."""
    groups: dict[str, list[str]] = {}
    for name in names:
        head, dot, rest = name.partition(".")
        groups.setdefault(head, [])
        if dot:
            groups[head].append(rest)
    return [
        (pl.struct(_nested(f"{before}{head}.", rest)) if rest else pl.col(f"{before}{head}")).alias(head)
        for head, rest in groups.items()
        if not rest or _GROUP.fullmatch(head)
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
