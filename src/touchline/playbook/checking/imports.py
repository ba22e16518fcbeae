"""In: an import's file. Out: faults, and typed expressions over its columns. Writes no interactions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from touchline.expressions import Names, OpenNames
from touchline.interactions.catalogue import KINDS
from touchline.kernel.names import NAME
from touchline.kernel.types import Type
from touchline.playbook.authored.imports import Format, Import, Row
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings, results
from touchline.playbook.checking.names import Declared
from touchline.playbook.checking.rows import check_kind, check_preferences, check_results, columns_of, type_of_column
from touchline.playbook.loading import Place

ROW_NUMBER = "row_number"
"""The line's number in its file, from 1; an integer beside the file's own columns."""

WHITESPACE = "whitespace"


def rows_of(one: Import) -> list[tuple[Place, Row]]:
    """The rows with their places: `row`, or those of `rows`."""
    if one.row is not None:
        return [(("row",), one.row)]
    return [(("rows", number), row) for number, row in enumerate(one.rows or ())]


def names_of(one: Import) -> dict[str, str]:
    """Column as in the file -> its name in expressions."""
    return {column: one.format.names.get(column, column) for column in one.expect.columns}


def check_import(file: str, one: Import, declared: Declared, findings: Findings) -> None:
    """The import reads columns that it expects, and makes whole interactions of what it reads."""
    _check_format(file, one.format, findings)
    _check_columns(file, one, findings)
    if (one.row is None) == (one.rows is None):
        findings.fault((file, ()), "An import has either `row` or `rows`.", "Give exactly one of the two.")
    names = _names(file, one, declared)
    for number, rule in enumerate(one.persona):
        findings.expression((file, ("persona", number, "value")), rule.value, names, Type.TEXT, "mapping")
    for number, rejection in enumerate(one.reject_when):
        findings.expression((file, ("reject_when", number, "when")), rejection.when, names, Type.BOOLEAN, "mapping")
    for number, key in enumerate(one.id.key):
        findings.one_of((file, ("id", "key", number)), key, "a column of `types`", (*one.types, ROW_NUMBER))
    for place, row in rows_of(one):
        _check_row(file, place, row, names, declared, findings)


@dataclass(frozen=True)
class _Columns(OpenNames):
    """The declared columns; those whose own type is faulty are open, so that one fault does not make others."""

    prefix: str = ""
    faulty: frozenset[str] = frozenset()

    def is_open(self, name: str) -> bool:
        """Whether the column has a faulty type."""
        return name in self.faulty

    def known(self) -> Iterable[str]:
        """The declared names."""
        return self.declared


def _names(file: str, one: Import, declared: Declared) -> Names:
    written = declared.types_of_imports.get(file)
    faulty = (
        {name for name, type_ in written.items() if one.types.get(name) != type_}
        if isinstance(written, dict)
        else set()
    )
    types = {name: Type(type_) for name, type_ in one.types.items() if name not in faulty}
    return _Columns(declared={**types, ROW_NUMBER: Type.INTEGER}, faulty=frozenset(faulty))


def _check_row(file: str, place: Place, row: Row, names: Names, declared: Declared, findings: Findings) -> None:
    findings.expression((file, (*place, "when")), row.when, names, Type.BOOLEAN, "mapping")
    columns: set[str] = set()
    kinds: list[str] = []
    for column, inner, text in columns_of(row):
        columns.add(column)
        where = (file, (*place, *inner))
        expression = findings.expression(where, text, names, type_of_column(column), "mapping")
        if expression is None:
            continue
        if column == "kind":
            kinds = results(expression)
        else:
            check_results(findings, where, column, results(expression), declared)
    check_preferences(findings, (file, (*place, "preference")), row.preference, declared)
    for kind in kinds:
        check_kind(findings, (file, (*place, "kind")), kind, columns)
    if row.preference and any(kind in KINDS and kind != "preferred" for kind in kinds):
        findings.fault(
            (file, (*place, "preference")),
            "Only the kind `preferred` tells a preference.",
            "Make the kind 'preferred', or use `payload`.",
        )


def _check_format(file: str, format_: Format, findings: Findings) -> None:
    where = (file, ("format", "separator"))
    separator = format_.separator
    if format_.type == "parquet" and format_.encoding != "utf-8":
        findings.fault((file, ("format", "encoding")), "A parquet file has no encoding.", "Remove `encoding`.")
    if separator is None:
        return
    if format_.type == "csv" and (len(separator) != 1 or separator in '"\r\n'):
        findings.fault(
            where,
            f"{shown(separator)} cannot separate the columns of a CSV file.",
            'Give one character, for example `","`, `";"` or `"\\t"`.',
        )
    elif format_.type == "text" and separator != WHITESPACE:
        findings.fault(
            where,
            f"{shown(separator)} does not separate a text file's columns.",
            f"Write `{WHITESPACE}`, or make the type `csv`.",
        )
    elif format_.type in ("parquet", "ndjson"):
        findings.fault(where, f"A {format_.type} file has no separator.", "Remove `separator`.")


def _check_columns(file: str, one: Import, findings: Findings) -> None:
    findings.once_each((file, ("expect", "columns")), one.expect.columns, "a column")
    for column in one.format.names:
        spot = (file, ("format", "names", column))
        findings.one_of(spot, column, "a column of `expect.columns`", one.expect.columns)
    named = names_of(one)
    for column, name in one.format.names.items():
        if _is_taken(name, column, named):
            findings.fault(
                (file, ("format", "names", column)),
                f"{shown(name)} is the name of another column already.",
                "Give this one another name.",
            )
    for name in one.types:
        where = (file, ("types", name))
        if name == ROW_NUMBER:
            findings.fault(
                where,
                f"`{ROW_NUMBER}` is the line's own number.",
                "Give the file's column another name by `format.names`.",
                of_key=True,
            )
        elif name not in named.values():
            known = [known for known in named.values() if NAME.fullmatch(known)]
            findings.one_of(where, name, "an expected column, nor another name of one", known)


def _is_taken(name: str, column: str, named: dict[str, str]) -> bool:
    others: Collection[str] = [other for file_column, other in named.items() if file_column != column]
    return name in others
