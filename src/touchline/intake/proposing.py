"""In: what a file's beginning shows, and the playbook. Out: the text of an import that would read it, for its author to correct. Writes no interactions.

What a column holds is tried with the very rules by which an import reads it; whose name or number it is, is guessed from its name.
The text has no faults of its own; whether it says what is meant, only its author knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import polars as pl

from touchline.expressions.instants import instant
from touchline.expressions.lexing import KEYWORDS
from touchline.intake.casting import cast
from touchline.intake.heads import Head, Seen
from touchline.intake.readers import LINE, NUMBER
from touchline.interactions.catalogue import IDENTIFIER_TYPES, KINDS
from touchline.kernel.names import NAME
from touchline.playbook.compiled import Playbook

MOST = 60
"""Columns that a proposal reads; a file of more is proposed with `others: ignore`."""
FORMATS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y/%m/%d",
)
"""Of times that are not ISO 8601, tried in this order: where day and month could be either, the day comes first."""

_WORDS: Mapping[str, frozenset[str]] = {
    "email": frozenset(("email", "mail", "e")),
    "phone": frozenset(("phone", "tel", "telephone", "telefon", "mobile", "cell", "handy", "msisdn")),
    "postal": frozenset(("address", "postal", "street", "anschrift", "adresse", "strasse")),
    "anonymous_id": frozenset(("anonymous", "cookie", "device", "visitor")),
    "social": frozenset(("handle", "social")),
    "account": frozenset(("account", "contract", "card", "policy", "loyalty", "konto", "vertrag", "vertrags", "karte")),
    "user_id": frozenset(("customer", "user", "client", "member", "person", "buyer", "kunde", "kunden", "cust", "userid", "customerid")),
}  # fmt: skip
_NUMBERED = frozenset(("id", "no", "nr", "number", "num", "nummer", "key", "code"))
_NAMES = frozenset(("name", "firstname", "lastname", "surname", "forename", "fullname", "vorname", "nachname"))
_AMOUNTS = ("amount", "revenue", "total", "paid", "betrag", "umsatz", "sum", "spend", "price", "value")
_HAPPENED = (
    "occurred",
    "happened",
    "ordered",
    "bought",
    "told",
    "timestamp",
    "created",
    "at",
    "date",
    "day",
    "datum",
    "time",
)
_EVENTS = frozenset(
    (
        "invoice",
        "order",
        "receipt",
        "event",
        "transaction",
        "booking",
        "ticket",
        "case",
        "id",
        "rechnung",
        "beleg",
        "bon",
    )
)
_MAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_DIALLED = re.compile(r"\+?[0-9][0-9 ()/.-]{5,24}")
_NESTED = ("List", "Array", "Struct", "Binary", "Object")
"""How Parquet's types begin that an import does not read."""
_UNSAFE = frozenset(word.lower() for word in KEYWORDS) | {"yes", "no", "on", "off", "y", "n", NUMBER, LINE}
"""What is no plain name in an expression, or in YAML."""


@dataclass(frozen=True)
class Guess:
    """What a column seems to hold.

    seen    the column
    name    in expressions
    type    of `types`
    format  of a time that is not ISO 8601; empty else
    naive   whether its times carry no zone
    role    type of identifier, `kind`, `amount`, `time`, `name`; empty: something else
    """

    seen: Seen
    name: str
    type: str
    format: str = ""
    naive: bool = False
    role: str = ""

    @property
    def words(self) -> frozenset[str]:
        """The words of its name."""
        return frozenset(self.name.split("_"))


def guesses(head: Head) -> list[Guess]:
    """What each of the first MOST columns seems to hold; columns whose names cannot be written are left out."""
    taken: set[str] = set()
    found = []
    # Without a header the columns are told apart by their number alone, so that none may be left out.
    usable = [one for one in head.columns if one.exact and one.name and not one.type.startswith(_NESTED)]
    for seen in usable[:MOST] if head.titled else usable:
        name = _named(seen.name, taken)
        taken.add(name)
        found.append(_guess(seen, name))
    return found


def proposal(head: Head, playbook: Playbook, called: str) -> tuple[str, str]:
    """(name of a new import, its YAML) for a file of that name; empty where the file has no column that can be named."""
    columns = guesses(head)
    name = _named(called.rpartition(".")[0] or called or "file", playbook.imports)
    return name, "\n".join(_lines(head, columns, name, playbook)) + "\n" if columns else ""


def _lines(head: Head, columns: Sequence[Guess], name: str, playbook: Playbook) -> list[str]:
    zone = playbook.organisation.zone
    named = any(one.role in IDENTIFIER_TYPES for one in columns)
    if not named:  # whoever it is, a line is somebody's: the likeliest column, as a text
        likeliest = min(columns, key=lambda one: ("text", "integer", "number", "boolean", "time").index(one.type))
        columns = [replace(one, type="text", format="", role="user_id") if one is likeliest else one for one in columns]
    when = _first([one for one in columns if one.role == "time"], _HAPPENED)
    amount = _first([one for one in columns if one.role == "amount"], _AMOUNTS)
    who = [one for kind in IDENTIFIER_TYPES for one in columns if one.role == kind]
    kind = next((one for one in columns if one.role == "kind"), None)
    used = {one.name for one in (*who, when, amount, kind) if one is not None}
    rest = [one for one in columns if one.name not in used]
    tells = not amount and not kind and bool(who) and all(one.role in ("name", "time") for one in rest)
    told = [
        "# yaml-language-server: $schema=../../.schemas/import.json",
        "# Proposed from the names and first lines of a file. Read each line before you use it: only you know what is meant.",
        f"name: {name}",
        f"format: {_format(head, columns)}",
        f"types: {_mapping((one.name, one.type) for one in columns)}",
        f"expect: {_expect(head, columns)}",
    ]
    if when is not None and not when.format and when.naive:
        told.append(f"zone: {zone}")
    told.append("persona:" if named else "persona:          # no column plainly names anybody: say whose line it is")
    told += [f"  - {{type: {one.role}, value: {_text(one)}}}" for one in who[:20]]
    told += ["row:", *(f"  {line}" for line in _row(kind, amount, when, rest, playbook, tells=tells))]
    told.append(_key(columns, who, when))
    return told


def _row(
    kind: Guess | None,
    amount: Guess | None,
    when: Guess | None,
    rest: Sequence[Guess],
    playbook: Playbook,
    *,
    tells: bool,
) -> list[str]:
    zone = playbook.organisation.zone
    if kind is not None:
        said = f"kind: {kind.name}"
    else:
        said = "kind: \"'bought'\"" if amount else "kind: \"'identified'\"" if tells else "kind: \"'acted'\""
    told = [said]
    if not tells and playbook.touchpoints:
        some = ", ".join(list(playbook.touchpoints)[:8])
        told.append(f"touchpoint: \"'{next(iter(playbook.touchpoints))}'\"          # where it happened: {some}")
    if when is None:
        told.append("occurred_at: \"INSTANT('2000-01-01', '%Y-%m-%d', 'UTC')\"          # no column tells: say when")
    elif when.format:
        told.append(f"occurred_at: {_quoted(f'INSTANT({when.name}, {_sql(when.format)}, {_sql(zone)})')}")
    else:
        told.append(f"occurred_at: {when.name}")
    if amount is not None:
        told.append(f"revenue: {amount.name}")
    if rest:
        told.append(f"payload: {_mapping((one.name, one.name) for one in rest)}")
    elif tells:
        told.append("payload: {known: \"'yes'\"}")
    return told


def _key(columns: Sequence[Guess], who: Sequence[Guess], when: Guess | None) -> str:
    """What tells lines apart: a number of its own where a column seems to hold one, else what the line says."""
    for one in columns:
        own = one.words & _EVENTS and (one.words & _NUMBERED or len(one.words) == 1)
        if one not in who and own and len(one.seen.values) > 1 and one.role != "kind":
            return f"id: {{key: [{one.name}], occurrence: within_file}}          # without `occurrence` where no number comes twice"
    told = list(dict.fromkeys(one.name for one in (*who, *([when] if when else []), *columns)))[:20]
    return f"id: {{key: [{', '.join(told)}], occurrence: within_file}}"


def _guess(seen: Seen, name: str) -> Guess:
    words = frozenset(name.split("_"))
    values = pl.Series("value", seen.values, dtype=pl.String)
    some = len(values) > 0
    whose = _whose(words, seen.values)
    if whose:
        # A number that a table keeps as a fraction (1.0) is one for all that.
        return Guess(seen, name, "integer" if seen.type.startswith("Float") else "text", role=whose)
    if seen.type.startswith(("Datetime", "Date")):
        return Guess(seen, name, "time", naive="time_zone='" not in seen.type, role="time")
    if some and all(value in KINDS for value in seen.values):
        return Guess(seen, name, "text", role="kind")
    amount = bool(words & set(_AMOUNTS))
    for type_ in ("integer", "number", "boolean"):
        if some and _takes(values, type_, None):
            return Guess(seen, name, type_, role="amount" if amount and type_ != "boolean" else "")
    for zone in (None, "UTC"):
        if some and _takes(values, "time", zone):
            return Guess(seen, name, "time", naive=zone is not None, role="time")
    for format_ in FORMATS if some else ():
        found = nw.from_native(values.to_frame()).select(instant(nw.col("value"), format_, "UTC").alias("value"))
        if _most(int(found["value"].is_null().sum()), len(values)):
            return Guess(seen, name, "text", format_, role="time")
    return Guess(seen, name, "text", role="name" if words & _NAMES else "")


def _whose(words: frozenset[str], values: Sequence[str]) -> str:
    """The type of identifier that a column seems to hold."""
    if values and all(_MAIL.fullmatch(value.strip()) for value in values):
        return "email"
    if words & _WORDS["phone"] and values and all(_DIALLED.fullmatch(value.strip()) for value in values):
        return "phone"
    if words & _NAMES:
        return ""
    for type_ in ("anonymous_id", "social", "account", "user_id"):
        if words & _WORDS[type_] and (words & _NUMBERED or words <= _WORDS[type_]):
            return type_
    return "postal" if words & _WORDS["postal"] and not words & {"ip", "mail", "email"} else ""


def _takes(values: pl.Series, type_: str, zone: str | None) -> bool:
    """Whether an import would read these values as that type."""
    frame = (
        values.to_frame()
        .with_row_index(NUMBER, 1)
        .with_columns(pl.col(NUMBER).cast(pl.Int64), pl.lit(None, pl.Int64).alias(LINE))
    )
    wrong = cast(frame, {"value": type_}, [], zone).rejected.height
    return wrong == 0 or (type_ in ("number", "time") and _most(wrong, len(values)))


def _most(wrong: int, of: int) -> bool:
    """Whether all but a few strays are right: one bad line does not make a time a text."""
    return wrong * 10 <= of


def _first(found: Sequence[Guess], hints: Sequence[str]) -> Guess | None:
    """The one whose name says most plainly that it is meant: hints are the plainest first."""
    places = {hint: place for place, hint in enumerate(hints)}
    return min(found, key=lambda one: min((places.get(word, 99) for word in one.words), default=99), default=None)


def _format(head: Head, columns: Sequence[Guess]) -> str:
    told = [("type", head.format)]
    if head.format == "csv" and head.separator != ",":
        told.append(("separator", json.dumps(head.separator)))
    if head.format == "csv" and not head.titled:
        told.append(("header", "0"))
    if head.encoding != "utf-8":
        told.append(("encoding", head.encoding))
    renamed = [(_quoted(one.seen.name), one.name) for one in columns if one.seen.name != one.name]
    if renamed:
        told.append(("names", _mapping(renamed)))
    return _mapping(told)


def _expect(head: Head, columns: Sequence[Guess]) -> str:
    listed = ", ".join(_quoted(one.seen.name) for one in columns)
    whole = len(columns) == len(head.columns) and not head.more
    return f"{{columns: [{listed}]}}" if whole else f"{{columns: [{listed}], others: ignore}}"


def _mapping(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


def _text(one: Guess) -> str:
    """An identifier's value, a text."""
    return one.name if one.type == "text" else f"CAST({one.name} AS text)"


def _quoted(text: str) -> str:
    """The text as YAML reads it back: every JSON text is one."""
    return (
        text
        if NAME.fullmatch(text) and text not in _UNSAFE and text not in ("null", "true", "false")
        else json.dumps(text, ensure_ascii=False)
    )


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _named(text: str, taken: Collection[str]) -> str:
    """A name for expressions that says the same and is not taken."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in _spelt(text).lower())
    name = re.sub(r"_+", "_", letters).strip("_")[:50]
    if not name or not name[0].isalpha() or name in _UNSAFE:
        name = f"column_{name}".rstrip("_")
    wanted, number = name, 1
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _spelt(text: str) -> str:
    """CustomerID as customer_ID, and letters of German with their usual spelling in ASCII."""
    for letter, spelt in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(letter, spelt).replace(letter.upper(), spelt)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
