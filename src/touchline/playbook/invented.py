"""In: nothing. Out: a file of invented addresses and consents for some of CDNOW's customers. Writes no interactions.

Every value is a function of the customer's number, so that the file is the same on every machine. Addresses lie at
example.com, and telephone numbers among those that North America keeps for fiction, so that nobody is ever written to.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

CUSTOMERS = 2_000
"""Customers of the file, of CDNOW's 23,570."""

COLUMNS = (
    "user_id", "account", "email", "phone", "address", "zone", "purpose", "channel", "answer", "told_at", "evidence",
)  # fmt: skip

_ALL = 23_570
_FIRST, _DAYS = datetime(1997, 4, 2, 14, 0, tzinfo=UTC), 420
_LAST_DAY = datetime(1998, 6, 28, 18, 0, tzinfo=UTC)
_ZONES = ("America/New_York", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
_AREAS = ("202", "212", "305", "312", "404", "415", "503", "602", "617", "713")
_AGREED = {
    ("care", "email"): 78, ("selling", "email"): 62, ("information", "email"): 46, ("community", "email"): 30,
    ("care", "sms"): 55, ("selling", "sms"): 34, ("care", "phone"): 30,
}  # fmt: skip
"""(purpose, channel) -> per cent who agreed, of those with an address there."""

_WITHDREW, _WITHOUT_EVIDENCE = 6, 15
"""Per cent who took it back later; per cent of agreements whose evidence is lost."""


def write_cdnow_consents(path: Path) -> None:
    """Write the file: one line for each agreement or withdrawal, columns as in the import `consents`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for place, customer in enumerate(_chosen()):
            writer.writerows(_lines(customer, place))


def _chosen() -> list[int]:
    return sorted(sorted(range(1, _ALL + 1), key=lambda customer: (_draw(customer, "chosen"), customer))[:CUSTOMERS])


def _lines(customer: int, place: int) -> Iterator[tuple[str, ...]]:
    account = f"{customer:05d}"
    email = f"listener.{account}@example.com" if _happens(customer, "email", 90) else ""
    area, number = divmod(place // 2, 100)
    phone = f"+1{_AREAS[area]}55501{number:02d}" if place % 2 == 0 else ""
    zone = _ZONES[_draw(customer, "zone") % len(_ZONES)]
    reached = {"email": email, "sms": phone, "phone": phone}
    day = _FIRST + timedelta(days=_draw(customer, "day") % _DAYS, minutes=_draw(customer, "minute") % 400)
    for (purpose, channel), per_cent in _AGREED.items():
        what = f"{purpose} {channel}"
        if not reached[channel] or not _happens(customer, what, per_cent):
            continue
        evidence = "" if _happens(customer, f"{what} evidence", _WITHOUT_EVIDENCE) else "form checkout, wording 3"
        known = ("", account, email, phone, "", zone, purpose, channel)
        yield (*known, "yes", _written(day), evidence)
        if _happens(customer, f"{what} withdrawn", _WITHDREW):
            later = min(day + timedelta(days=1 + _draw(customer, f"{what} later") % 200), _LAST_DAY)
            yield (*known, "no", _written(later), "link in a message")
        zone = ""


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _happens(customer: int, what: str, per_cent: int) -> bool:
    return _draw(customer, what) % 100 < per_cent


def _draw(customer: int, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{customer} {what}".encode()).digest()[:6], "big")
