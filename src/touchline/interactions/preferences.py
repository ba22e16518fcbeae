"""In: what a customer told us they prefer. Out: `preferred` rows' name and answer. Writes no interactions itself.

A preference is one `preferred` row: `name` is its key, `answer` its value as an integer below 2^20, so that the
latest by time is a maximum and the relationship stays a row of fixed width. The words as told stay in `payload`.
"""

from __future__ import annotations

import re
import zlib
from zoneinfo import available_timezones

from touchline.interactions.catalogue import CHANNELS

DAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LIMIT = 2**20

KEYS: tuple[str, ...] = ("max_per_week", "days", "hours", "zone", "language")
"""Keys beside `topic_TOPIC`, `likes_CHANNEL` and `refuses_CHANNEL`, which are 0 or 1."""

ALLOWED: dict[str, str] = {
    "max_per_week": "a whole number from 0 to 999",
    "days": "days of the week, as in mon,tue,sat",
    "hours": "two times of day, as in 09:00-18:00",
    "zone": "an IANA time zone, as in Europe/Berlin",
    "language": "a language tag, as in de or pt-BR",
}
"""Key -> what may be told; every other takes YES_OR_NO."""

YES_OR_NO = "yes or no"

_LANGUAGE = re.compile(r"([a-z]{2,3})(-[a-z0-9]{2,8})*")
"""As in BCP 47, in small letters: a primary tag of ISO 639, then script, region, variant."""

_OF_TWO = 26 * 26
"""Languages of two letters; the codes of those of three follow."""

_TRUE, _FALSE = {"1", "true", "yes", "y"}, {"0", "false", "no", "n"}


def is_key(key: str) -> bool:
    """Whether a preference may be called that; topics are checked by the playbook."""
    group, _, member = key.partition("_")
    if group == "topic":
        return bool(member)
    return key in KEYS or (group in ("likes", "refuses") and member in CHANNELS)


def encode(key: str, told: str) -> int | None:
    """The answer for what was told; None where it makes no sense.

    max_per_week '3' | days 'mon,tue,sat' as bits from Monday | hours '09:00-18:00' as half-hours, 64 * from + until |
    zone 'Europe/Berlin' as a 20-bit checksum | language 'pt-BR' by its primary tag in base 26, those of three letters after those of two | others yes or no.
    """
    text = told.strip().lower()
    if key == "max_per_week":
        return int(text) if text.isdecimal() and int(text) < 1000 else None
    if key == "days":
        days = [day.strip()[:3] for day in text.split(",") if day.strip()]
        return sum(1 << DAYS.index(day) for day in set(days)) if all(day in DAYS for day in days) else None
    if key == "hours":
        start, dash, end = text.partition("-")
        first, last = _half_hours(start), _half_hours(end)
        return 64 * first + last if dash and first is not None and last is not None else None
    if key == "zone":
        return zone_code(told.strip()) if told.strip() in available_timezones() else None
    if key == "language":
        tag = _LANGUAGE.fullmatch(text)
        return None if tag is None else _language_code(tag[1])
    return 1 if text in _TRUE else 0 if text in _FALSE else None


def zone_code(zone: str) -> int:
    """A zone's stable 20-bit code; a test holds that no two known zones share one."""
    return zlib.crc32(zone.encode()) % LIMIT


def zone_codes() -> dict[int, str]:
    """Code -> IANA zone, for every zone that this machine knows."""
    return {zone_code(zone): zone for zone in sorted(available_timezones())}


def _language_code(primary: str) -> int:
    code = 0
    for letter in primary:
        code = code * 26 + ord(letter) - 97
    return code if len(primary) == 2 else _OF_TWO + code


def language_of(answer: int) -> str:
    """The two letters of an encoded language below 26 * 26; one of three letters is none that a playbook can speak."""
    return chr(answer // 26 + 97) + chr(answer % 26 + 97)


def _half_hours(text: str) -> int | None:
    hours, _, minutes = text.strip().partition(":")
    if not hours.isdecimal() or not (minutes or "0").isdecimal():
        return None
    halves = int(hours) * 2 + int(minutes or "0") // 30
    return halves if 0 <= halves <= 48 else None
