"""In: one row of the ledger. Out: its reading, and its mark on the line with the words for it. Writes no interactions.

Nothing is invented: a mark says what the row holds, in the catalogue's words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from touchline.interactions.catalogue import KINDS
from touchline.interactions.row import PRINCIPLES, READINGS
from touchline.report import figures
from touchline.report.curve import Curve
from touchline.report.setting import Setting
from touchline.report.view import Mark

Row = Mapping[str, Any]
"""A row of the ledger by column."""

_TELLING = {
    "complained": 0.6,
    "left": 0.6,
    "case_resolved": 0.4,
    "reported_spam": 0.5,
    "renewed": 0.3,
    "joined": 0.3,
    "praised": 0.3,
    "said": 0.25,
    "gave": 0.2,
}
"""How much a kind deserves a label beside what it did to the curve."""

_LABELS = {
    "case_resolved": "put right",
    "complained": "complained",
    "left": "left",
    "renewed": "renewed",
    "joined": "joined",
    "praised": "praised us",
    "reported_spam": "called us spam",
    "gave": "a gift",
    "refunded": "money back",
    "answered": "survey",
    "opted_out": "opted out",
    "came_back": "came back",
}


_SUBJECTS = {
    "case_resolved": "a resolved case",
    "refunded": "a refund",
    "praised": "praise",
    "gave": "a gift",
    "came_back": "coming back",
    "referred": "a recommendation",
    "reported_spam": "a spam report",
    "replied": "a reply",
}


def reading_of(row: Row, side: str) -> float | None:
    """The row's reading of one side: a principle, emotional, tangible or overall; None where it is unknown."""
    if side in READINGS:
        value = row[side]
        return None if value is None else float(value)
    known = [float(row[name]) for name in PRINCIPLES if row[name] is not None]
    tangible = sum(known) / len(known) if known else None
    if side == "tangible":
        return tangible
    parts = [value for value in (row["emotional"], tangible) if value is not None]
    return sum(float(value) for value in parts) / len(parts) if parts else None


def mark_of(index: int, row: Row, curve: Curve, setting: Setting, told: Mapping[str, str]) -> Mark:
    """The mark of one row.

    curve   of all the customer's readings, for what this one did to it
    told    message -> that a person opened it, from `messages_opened`
    """
    kind = KINDS[row["kind"]]
    reading = reading_of(row, "overall")
    at = row["occurred_at"]
    effect = None
    if reading is not None:
        after, before = curve.at(at), curve.before(at)
        effect = (after.value if after else 0.0) - (before.value if before else 0.0)
    given, asked = float(row["given"] or 0.0), float(row["asked"] or 0.0)
    gift = kind.name == "gave" or (kind.way == "out" and given >= 2)
    touchpoint = row["touchpoint"] or (row["about_touchpoint"] if row["about"] else None)
    place = figures.words(touchpoint) if touchpoint else ""
    text = row["text"] if kind.way == "in" else None
    matters = (
        (abs(effect or 0.0) + _TELLING.get(kind.name, 0.0) + (0.15 if text else 0.0))
        if reading is not None or kind.name in _TELLING
        else 0.0
    )
    return Mark(
        id=f"e{index}",
        at=at,
        whose="organisation" if kind.way == "out" else "customer",
        channel=row["channel"] or setting.channel(touchpoint),
        what=_what(row, setting),
        where=place,
        reading=reading,
        words=text,
        label=_label(row, place, text),
        subject=_subject(row, place),
        matters=matters,
        effect=effect,
        gift=gift,
        ask=kind.name == "asked_for" or (kind.way == "out" and asked >= 1 and asked > given),
        facts=tuple(fact for fact in (told.get(row["message_id"] or ""), _judged(row)) if fact)
        if kind.name in ("sent", "called") or row["about"]
        else (),
    )


def _what(row: Row, setting: Setting) -> str:
    """The catalogue's phrase with what the row adds to it."""
    kind = row["kind"]
    phrase = KINDS[kind].means.split(";")[0]
    if kind == "sent" and row["conversation"]:
        phrase = f"was sent {figures.words(row['conversation'])}"
    if kind == "answered":
        asked = (
            f": {figures.words(row['question'])} {figures.number(row['answer'])}"
            if row["question"] and row["answer"] is not None
            else ""
        )
        phrase = f"answered the survey {figures.words(row['survey'])}{asked}"
    if kind in ("opted_in", "opted_out"):
        phrase = (
            f"{'agreed to' if kind == 'opted_in' else 'withdrew agreement to'} {row['purpose']} by {row['channel']}"
        )
    if kind == "preferred" and row["name"]:
        phrase = f"told a preference, {figures.words(row['name'])}"
    if kind == "acted" and row["name"]:
        phrase = row["name"]
    amount = row["revenue_minor"]
    if amount:
        money = figures.money(abs(amount) / setting.minor_units, setting.currency)
        phrase = {"bought": f"paid {money}", "refunded": f"got {money} back"}.get(kind, f"{phrase}, {money}")
    return figures.upper(phrase)


def _judged(row: Row) -> str | None:
    """What the row is about: `about order o17`, `about delivery`, `about an earlier encounter, help mail`."""
    if row["about"] is None:
        return None
    sort, _, which = row["about"].partition(":")
    place = figures.words(row["about_touchpoint"] or "")
    match sort:
        case "touchpoint":
            return f"about {place or figures.words(which)}"
        case "episode":
            return f"about {figures.words(row['about_episode_type'] or 'episode')} {which}"
    return f"about an earlier encounter, {place}" if place else "about an earlier encounter"


def _label(row: Row, place: str, text: str | None) -> str | None:
    if text and len(text) <= 34:
        return f"“{text}”"
    if row["kind"] in ("served", "answered_to"):
        return place or None
    if row["kind"] == "said" and text:
        return f"“{text[:30].rsplit(' ', 1)[0]}…”"
    if row["kind"] == "case_resolved" and (reading_of(row, "overall") or 0.0) <= 0:
        return "case closed"
    return _LABELS.get(row["kind"])


def _subject(row: Row, place: str) -> str | None:
    """The row as the subject of a sentence; None where the catalogue's own phrase has to do."""
    about = figures.words(row["about_touchpoint"] or row["about_episode_type"] or "") if row["about"] else ""
    judged = f" about {about}" if about else ""
    match row["kind"]:
        case "served":
            return place or None
        case "answered_to":
            return f"an answer by {place}"
        case "complained":
            return f"a complaint{judged or f' at {place}'}"
        case "answered":
            return f"a survey answer{judged}"
        case "said":
            return f"what they wrote{judged}"
        case kind:
            return _SUBJECTS.get(kind)


def messages_opened(rows: Sequence[Row]) -> dict[str, str]:
    """Message -> that a person opened it or followed its link, and when; machines do not count."""
    sent = {row["message_id"]: row["occurred_at"] for row in rows if row["kind"] == "sent"}
    made: dict[str, str] = {}
    for row in rows:
        if row["kind"] in ("opened", "clicked") and not row["machine"] and row["message_id"] in sent:
            after = figures.duration(row["occurred_at"] - sent[row["message_id"]])
            if row["kind"] == "clicked" or row["message_id"] not in made:
                made[row["message_id"]] = f"{row['kind']} after {after}"
    return made
