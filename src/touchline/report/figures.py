"""In: numbers, instants, names. Out: the words and figures that a reader sees, with intervals of proportions and
means. Writes no interactions.

Minus is U+2212, thousands are parted by a thin space, and an estimate is never written without its n and interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from touchline.kernel.times import DAY, HOUR, MINUTE, from_micros

Z95 = 1.959963984540054
THIN = "\N{NARROW NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Estimate:
    """A number with what it rests on: value, 95 % interval, n."""

    value: float
    low: float
    high: float
    n: int


def mean_of(mean: float | None, deviation: float | None, n: int) -> Estimate | None:
    """A mean with its 95 % interval by the normal approximation, clipped to [-1, 1] by nobody; None without values."""
    if mean is None or n == 0:
        return None
    error = Z95 * (deviation or 0.0) / math.sqrt(n) if n > 1 else math.inf
    return Estimate(mean, mean - error, mean + error, n)


def share_of(count: int, n: int) -> Estimate | None:
    """A proportion with its 95 % Wilson interval (Wilson 1927); None without observations."""
    if n == 0:
        return None
    p, z = count / n, Z95
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(p, max(0.0, centre - half), min(1.0, centre + half), n)


def number(value: float, decimals: int = 0) -> str:
    """12 345, or −0.31 with decimals; never −0.00."""
    text = f"{abs(value):,.{decimals}f}".replace(",", THIN)
    negative = value < 0 and any(digit in "123456789" for digit in text)
    return f"{MINUS}{text}" if negative else text


def signed(value: float, decimals: int = 2) -> str:
    """+0.31 or −0.31; a value that rounds to zero has no sign."""
    text = number(value, decimals)
    return text if text.startswith(MINUS) or not any(digit in "123456789" for digit in text) else f"+{text}"


def percent(value: float, decimals: int = 1) -> str:
    """0.183 as 18.3 %."""
    return f"{number(100 * value, decimals)}{THIN}%"


def interval(estimate: Estimate, decimals: int = 2) -> str:
    """`0.08 to 0.31`, with as many more decimals as it takes to tell the ends apart; or that one value has none."""
    if math.isinf(estimate.low):
        return "no interval from one"
    low, high = number(estimate.low, decimals), number(estimate.high, decimals)
    if low == high and estimate.low < estimate.high and decimals < 5:
        return interval(estimate, decimals + 1)
    return f"{low} to {high}"


def share_interval(estimate: Estimate) -> str:
    """`17.1 to 19.6 %`."""
    return f"{number(100 * estimate.low, 1)} to {percent(estimate.high)}"


def money(amount: float, currency: str) -> str:
    """€54.90; currencies without a sign of their own are written as their code."""
    sign = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}.get(currency, f"{currency} ")
    text = number(abs(amount), 0 if float(amount).is_integer() and abs(amount) >= 1000 else 2)
    return f"{MINUS if amount < 0 else ''}{sign}{text}"


def local(instant: int, zone: str) -> datetime:
    """The instant on that zone's wall clock."""
    return from_micros(instant).astimezone(ZoneInfo(zone))


def date(instant: int, zone: str) -> str:
    """18 Nov 2026."""
    moment = local(instant, zone)
    return f"{moment.day} {moment:%b %Y}"


def date_time(instant: int, zone: str) -> str:
    """18 Nov 2026, 10:00."""
    return f"{date(instant, zone)}, {local(instant, zone):%H:%M}"


def month(instant: int, zone: str) -> str:
    """November 2026."""
    return f"{local(instant, zone):%B %Y}"


def ago(instant: int, now: int) -> str:
    """`20 days ago`, `today`."""
    days = (now - instant) // DAY
    if days < 1:
        return "today"
    if days < 60:
        return "yesterday" if days == 1 else f"{days} days ago"
    months = round(days / 30.44)
    return f"{months} months ago" if months < 24 else f"{days // 365} years ago"


def duration(micros: int) -> str:
    """`40 min`, `2 h 10 min`, `3 days`."""
    if micros < HOUR:
        return f"{max(1, micros // MINUTE)} min"
    if micros < 2 * DAY:
        hours, rest = divmod(micros, HOUR)
        minutes = rest // MINUTE
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{round(micros / DAY)} days"


def shown(value: object, unknown: str = "unknown") -> str:
    """A fact of whatever type as a reader sees it: yes, 12 345, −0.31, or the text itself."""
    match value:
        case None:
            return unknown
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value, 2)
        case int():
            return number(value)
    return str(value)


def words(name: str) -> str:
    """A playbook's name as words: help_line is `help line`."""
    return name.replace("_", " ")


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 reading`, `18 readings`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def backing(estimate: Estimate, of: str, decimals: int = 2) -> str:
    """What an estimate rests on: `95 % 0.08 to 0.31, 18 readings`."""
    return f"95\N{NARROW NO-BREAK SPACE}% {interval(estimate, decimals)}, {plural(estimate.n, of)}"


def upper(text: str) -> str:
    """The text with a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def lower(text: str) -> str:
    """The text with a small first letter, the rest as it is."""
    return text[:1].lower() + text[1:]
