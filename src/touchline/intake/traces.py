"""In: a person's identifiers and personas. Out: what intake still keeps of them: events on their way, events refused, rows that wait. Writes no interactions.

What is kept here is as senders wrote it, so that a person is looked for in every spelling: an id where ids stand, an
address wherever a text holds it. Whole events go, since nobody can say what else in them is the person's.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import phonenumbers
import polars as pl
from django.db import connection, transaction

from touchline.kernel.ids import SEPARATOR
from touchline.recognition.hashing import heads
from touchline.recognition.staging import execute, read, staged

_IDS = ("userId", "anonymousId", "previousId", "groupId")
"""Fields of an event that hold an id of a system."""
_AT_ONCE = 1_000
_FEWEST_DIGITS = 7
"""A run of fewer digits is a telephone number only with its country's prefix."""
_MOST_DIGITS = 15
"""Of a telephone number with its country's prefix (E.164)."""
_BETWEEN = r"[\s()/.\-\u2010-\u2015]"
"""What people write between digits."""
_ABROAD = re.compile(rf"(?:\+|\b00)(?:{_BETWEEN}*\d)+{_BETWEEN}*\Z")
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_AT_NETWORK = re.compile(r"(^|/)[@\s]+")
_BLANKS = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class Sought:
    """Whom to look for.

    personas      numbers
    ids           values of user ids, accounts and anonymous ids, as they are
    addresses     e-mail and postal addresses as `_plain` writes them, a foreign domain in both of its spellings
    handles       social handles, likewise, without `@`
    numbers       telephone numbers: (country's prefix, number within the country), digits alone
    """

    personas: frozenset[int]
    ids: frozenset[str] = field(repr=False)
    addresses: frozenset[str] = field(repr=False)
    handles: frozenset[str] = field(repr=False)
    numbers: frozenset[tuple[str, str]] = field(repr=False)

    @classmethod
    def of(cls, personas: Collection[int], identifiers: Iterable[tuple[str, str]]) -> Sought:
        """From (type, normalised value) pairs."""
        told = list(identifiers)
        emails = {value for kind, value in told if kind == "email"}
        postal = {value for kind, value in told if kind == "postal"}
        return cls(
            personas=frozenset(personas),
            ids=frozenset(value for kind, value in told if kind in ("user_id", "account", "anonymous_id")),
            addresses=frozenset(_plain(value) for value in emails | {_read(value) for value in emails} | postal) - {""},
            handles=frozenset(_handle(_plain(value)) for kind, value in told if kind == "social") - {""},
            numbers=frozenset(_number(value) for kind, value in told if kind == "phone") - {("", "")},
        )

    def is_in(self, body: str) -> bool:
        """Whether a kept body, JSON of an event or of a ledger row, is about them."""
        try:
            told = json.loads(body)
        except ValueError:
            return self._is_in_text(body)
        if isinstance(told, dict):
            if told.get("persona_id") in self.personas:
                return True
            if any(str(told[name]).strip() in self.ids for name in _IDS if told.get(name) is not None):
                return True
        return any(self._is_in_text(text, whole=whole) for text, whole in _texts(told))

    def _is_in_text(self, text: str, *, whole: bool = True) -> bool:
        """Whether a text is about them; `whole` where it is a value, of which a handle may be the whole."""
        plain = _plain(text)
        if whole and _handle(plain) in self.handles:
            return True
        if self._address is not None and self._address.search(plain):
            return True
        if self._telephone is None:
            return False
        folded = _folded(text)
        return any(_is_complete(folded, found) for found in self._telephone.finditer(folded))

    @cached_property
    def _address(self) -> re.Pattern[str] | None:
        """Any of the addresses, and not as a part of somebody else's."""
        parts = [
            rf"(?<![\w.+%-]){re.escape(one)}(?![\w-]|\.\w)" if "@" in one else rf"(?<!\w){re.escape(one)}(?!\w)"
            for one in sorted(self.addresses)
        ]
        return re.compile("|".join(parts)) if parts else None

    @cached_property
    def _telephone(self) -> re.Pattern[str] | None:
        """Any of the numbers, as one writes it at home or abroad, however its digits are grouped."""
        parts = []
        for country, home in sorted(self.numbers):
            prefix = f"(?:{_spaced(f'00{country}')}|{_spaced(f'011{country}')}|(?:\\+{_BETWEEN}*)?{_spaced(country)}){_BETWEEN}*"
            missing = "?" if len(home) >= _FEWEST_DIGITS or not country else ""
            parts.append(rf"(?:{prefix}){missing}(?:(?:0|06|1|8){_BETWEEN}*)?{_spaced(home)}")
        return re.compile(f"{_NO_LETTER_BEFORE}(?:{'|'.join(parts)}){_NO_LETTER_AFTER}") if parts else None


@dataclass(frozen=True)
class Found:
    """What was kept, as it was kept: bodies by where they were."""

    waiting: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def found(sought: Sought) -> Found:
    """What intake keeps of the person and the ledger does not show: events on their way, events that were refused."""
    waiting = tuple(body for _, body in _rows(_WAITING) if sought.is_in(body))
    refused = tuple(body for _, _, body in _rows(_REFUSED) if sought.is_in(body))
    return Found(waiting, refused)


def erase(sought: Sought, rows: Sequence[str] = ()) -> int:
    """Delete every event on its way, refused event and waiting row about the person, in one transaction; how many.

    rows    ids of ledger rows of others that tell of the person: they go where they are not drained yet
    """
    with transaction.atomic():
        if rows:
            with staged("told_of", pl.DataFrame({"row_id": rows}, schema={"row_id": pl.String}), key=["row_id"]):
                execute(
                    "DELETE FROM intake_event WHERE drained_at IS NULL AND ready = %s"
                    " AND message_id IN (SELECT row_id FROM told_of)",
                    [True],
                )
        events = [(event,) for event, body in _rows(_WAITING) if sought.is_in(body)]
        refused = [(source, id_) for source, id_, body in _rows(_REFUSED) if sought.is_in(body)]
        awaited = [(row, target) for row, target, body in _rows(_AWAITED) if sought.is_in(body)]
        for statement, keys in (
            ("DELETE FROM intake_event WHERE event_id = %s", events),
            ("DELETE FROM intake_rejected WHERE source = %s AND message_id = %s", refused),
            ("DELETE FROM intake_awaited WHERE row_id = %s AND target = %s", awaited),
        ):
            if keys:
                with connection.cursor() as cursor:
                    cursor.executemany(statement, keys)
        _unname(sought)
        return len(events) + len(refused) + len(awaited)


def erase_rows(ids: Sequence[str]) -> None:
    """Forget what is kept for de-duplication and completion of these ledger rows: senders' message ids, rows that waited.

    A drained event keeps its id only, whose hash with its source is the row's; the sender may have put anything into it.
    """
    if not ids:
        return
    wanted = pl.DataFrame({"row_id": ids}, schema={"row_id": pl.String})
    with transaction.atomic():
        with staged("rows_gone", wanted, key=["row_id"]):
            execute("DELETE FROM intake_awaited WHERE row_id IN (SELECT row_id FROM rows_gone)")
        drained = read(
            "SELECT event_id, source, message_id FROM intake_event WHERE drained_at IS NOT NULL",
            {"event_id": pl.Int64, "source": pl.String, "message_id": pl.String},
        )
        if drained.is_empty():
            return
        key = drained.select(pl.concat_str("source", "message_id", separator=SEPARATOR)).to_series()
        theirs = drained.with_columns(row_id=heads(key, 32)).join(wanted, on="row_id", how="semi")
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE intake_event SET message_id = %s WHERE event_id = %s",
                [(f"erased-{event}", event) for event in theirs["event_id"]],
            )


_WAITING = "SELECT event_id, body FROM intake_event WHERE drained_at IS NULL"
_REFUSED = "SELECT source, message_id, body FROM intake_rejected"
_AWAITED = "SELECT row_id, target, held FROM intake_awaited"


def _unname(sought: Sought) -> None:
    """Drained events whose message id holds an address of theirs get another one: nobody asks for it again."""
    for address in sorted(sought.addresses):
        like = "%" + address.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        found = read(
            "SELECT event_id, message_id FROM intake_event"
            " WHERE drained_at IS NOT NULL AND lower(message_id) LIKE %s ESCAPE '\\'",
            {"event_id": pl.Int64, "message_id": pl.String},
            [like],
        )
        alone = re.compile(f"{_NO_LETTER_BEFORE}{re.escape(address)}{_NO_LETTER_AFTER}")  # ids are built with hyphens
        for event, message in found.iter_rows():
            if alone.search(message.lower()):
                execute("UPDATE intake_event SET message_id = %s WHERE event_id = %s", [f"erased-{event}", event])


def _rows(query: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        while some := cursor.fetchmany(_AT_ONCE):
            yield from some


def _texts(value: Any) -> Iterator[tuple[str, bool]]:
    """Every text and number in a JSON value, and whether it is a value: keys of objects may hold an address, too."""
    if isinstance(value, str):
        yield value, True
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key, False
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value), True


def _folded(text: str) -> str:
    """One spelling of what looks alike: small letters, composed, without characters that nobody sees."""
    if text.isascii():
        return text.casefold()
    seen = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())


def _plain(text: str) -> str:
    """The same with single blanks."""
    return _BLANKS.sub(" ", _folded(text)).strip()


def _handle(plain: str) -> str:
    """A handle as recognition keeps it."""
    return _AT_NETWORK.sub(r"\1", plain)


def _read(address: str) -> str:
    """An e-mail address with its domain as people read it, where it is kept as `xn--`."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('ascii').decode('idna')}"
    except UnicodeError:
        return address


def _number(value: str) -> tuple[str, str]:
    """(country's prefix, number within the country) of a normalised number; ("", "") of what is none."""
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        digits = re.sub(r"\D", "", value)
        return ("", digits) if len(digits) >= _FEWEST_DIGITS else ("", "")
    return str(number.country_code), phonenumbers.national_significant_number(number)


def _spaced(digits: str) -> str:
    return f"{_BETWEEN}*".join(digits)


def _is_complete(text: str, found: re.Match[str]) -> bool:
    """Whether a match is not the end of another country's number, which may have the same digits."""
    if found[0].startswith(("+", "00")):
        return True
    before = _ABROAD.search(text[max(0, found.start() - 40) : found.start()])
    return before is None or sum(one.isdigit() for one in before[0] + found[0]) > _MOST_DIGITS
