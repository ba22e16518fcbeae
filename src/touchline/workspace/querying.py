"""In: one SELECT. Out: its rows, from a locked-down DuckDB over the open tables. Writes no interactions.

`relationships` is derived for the query: only the measures that the text mentions, as fields of structs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import duckdb
import polars as pl

from touchline.interactions.row import SCHEMA
from touchline.kernel.errors import BadQuery
from touchline.kernel.measures import Measures

MONEY = ("sum.revenue", "sum.cost")
TIMES = ("occurred_at", "received_at", "term_start", "renewal_at", "about_at")
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
    """The rows of one read-only SELECT.

    relationships   measures wanted -> frame with `customer` and a column a measure, named as the measure
    known           measures that are yielded where all are asked for
    measures        every measure that there is
    people          [persona_id, customer]
    cents           digits behind the point of the currency: money is DECIMAL here, so that its sums are exact
    Raises BadQuery for anything but one SELECT, for a file or address in it, and for DuckDB's own faults.
    """
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
        raise BadQuery(
            str(fault).splitlines()[0],
            remedy="`SELECT * FROM interactions LIMIT 1` (or relationships, decisions) shows what can be asked for.",
        ) from None
    finally:
        connection.close()
    return result if isinstance(result, pl.DataFrame) else pl.DataFrame(result)


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
    strange = names - {"interactions", "relationships", "decisions"}
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
            "CREATE TABLE decisions (customer BIGINT, decided_at TIMESTAMP, conversation VARCHAR, channel VARCHAR, touchpoint VARCHAR, "
            "variant VARCHAR, purpose VARCHAR, class INTEGER, priority BIGINT, digest VARCHAR)"
        )
        return
    listed = ", ".join(_quoted(str(path)) for path in files)
    connection.execute(
        f"CREATE VIEW decisions AS SELECT * REPLACE (make_timestamp(decided_at) AS decided_at) FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608 - our own paths, quoted
    )


def _relationships(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame, cents: int) -> None:
    money = [name for name in frame.columns if name in MONEY]
    frame = frame.with_columns(pl.col(name).round(cents).cast(pl.Decimal(18, cents)) for name in money)
    groups: dict[str, list[str]] = {}
    alone: list[str] = []
    for name in frame.columns:
        group, dot, member = name.partition(".")
        if dot:
            groups.setdefault(group, []).append(member)
        else:
            alone.append(name)
    structs = [
        pl.struct(pl.col(f"{group}.{member}").alias(member) for member in members).alias(group)
        for group, members in groups.items()
        if _GROUP.fullmatch(group)
    ]
    connection.register("_relationships", frame.select(*alone, *structs).to_arrow())
    connection.execute("CREATE VIEW relationships AS SELECT * FROM _relationships")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
