"""In: what is known of a customer. Out: sentences to read, in the language that is switched on. Writes no interactions.

Spoken to the customer, in the playbook's own names: a place is called what the organisation calls it. What nobody but a
machine needs to know is not said here; it is in the export all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import dates, formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from touchline.interactions.preferences import DAYS
from touchline.interactions.row import COMPLETION
from touchline.kernel.times import from_micros
from touchline.playbook.compiled import Playbook
from touchline.workspace.known import Known

MOST_A_GROUP = 40
"""Sentences of one month that are written out; how many more there are is said."""

_SAID: Mapping[str, str] = {
    "visited": noop("You came by."),
    "acted": noop("You did something here."),
    "bought": noop("You paid {money}."),
    "refunded": noop("You got {money} back."),
    "came_back": noop("You came back."),
    "asked": noop("You asked us something."),
    "replied": noop("You answered a message of ours."),
    "complained": noop("You told us that something went wrong."),
    "praised": noop("You praised us."),
    "said": noop("You wrote about us."),
    "answered": noop("You answered a survey."),
    "opted_in": noop("You said yes to {purpose} by {channel}."),
    "opted_out": noop("You said no to {purpose} by {channel}."),
    "preferred": noop("You told us a wish: {wish}."),
    "identified": noop("You told us about yourself: {traits}."),
    "referred": noop("You recommended us."),
    "joined": noop("Your contract began."),
    "renewed": noop("You renewed your contract."),
    "left": noop("You ended your contract."),
    "contributed": noop("You gave us an idea."),
    "reported_spam": noop("You called a message of ours spam."),
    "assigned": noop("We drew by lot whether you take part in the series “{programme}”."),
    "sent": noop("We sent you “{conversation}”."),
    "failed": noop("A message to you did not arrive."),
    "called": noop("We called you about “{conversation}”."),
    "answered_to": noop("We answered you."),
    "served": noop("We were at your service."),
    "gave": noop("We gave you something."),
    "asked_for": noop("We asked you for something."),
    "case_opened": noop("We opened a case for you."),
    "case_resolved": noop("We closed your case."),
    "improved": noop("We improved something because of you."),
    "told": noop("We told you what became of it."),
    "opened": noop("You opened a message."),
    "clicked": noop("You followed a link in a message."),
    "suppressed": noop("You are not to be written to."),
    "released": noop("You may be written to again."),
    "redeemed": noop("You used a gift code."),
}
"""Kind -> sentence. Kinds that are not here are a machine's bookkeeping: steps, links, deliveries."""

PURPOSES: Mapping[str, str] = {
    "service": noop("service notices"),
    "recovery": noop("putting things right"),
    "care": noop("advice and care"),
    "listening": noop("questions to you"),
    "information": noop("information"),
    "community": noop("community"),
    "selling": noop("offers"),
}
CHANNELS: Mapping[str, str] = {
    "web": noop("website"), "app": noop("app"), "push": noop("push message"), "email": noop("e-mail"), "sms": noop("text message"),
    "phone": noop("telephone"), "chat": noop("chat"), "store": noop("shop"), "field": noop("visit"), "desk": noop("desk"),
    "post": noop("letter"), "print": noop("print"), "social": noop("social media"), "event": noop("event"),
    "meeting": noop("meeting"), "community": noop("community"),
}  # fmt: skip
IDENTIFIERS: Mapping[str, str] = {
    "user_id": noop("Customer number"), "account": noop("Account"), "email": noop("E-mail address"), "phone": noop("Telephone"),
    "social": noop("Social media"), "postal": noop("Postal address"), "anonymous_id": noop("Device"),
}  # fmt: skip
DAY_NAMES: Mapping[str, str] = {
    "mon": noop("Monday"), "tue": noop("Tuesday"), "wed": noop("Wednesday"), "thu": noop("Thursday"),
    "fri": noop("Friday"), "sat": noop("Saturday"), "sun": noop("Sunday"),
}  # fmt: skip
LANGUAGES: Mapping[str, str] = {"en": noop("English"), "de": noop("German")}


@dataclass(frozen=True)
class Sentence:
    """One thing that happened: `when` as a day and time, `said` about it, the customer's or our own `words`."""

    when: str
    said: str
    words: str = ""


@dataclass(frozen=True)
class Group:
    """What happened in one month at one place."""

    when: str
    where: str
    sentences: list[Sentence]
    more: int = 0


@dataclass(frozen=True)
class Fact:
    """A name and what is known under it."""

    name: str
    value: str
    key: str = ""


@dataclass(frozen=True)
class Told:
    """What is known, to be read.

    answer    the page's one sentence
    who       identifiers
    traits    what they told of themselves; the key is the trait's own name
    allowed   purposes and channels, each a sentence
    wishes    preferences, each a sentence
    groups    what happened, latest month first
    derived   what was worked out from it
    """

    answer: str
    who: list[Fact]
    traits: list[Fact]
    allowed: list[str]
    wishes: list[str]
    groups: list[Group]
    derived: list[str]


def told(known: Known, playbook: Playbook) -> Told:
    """What is known, in sentences."""
    zone = playbook.organisation.zone
    first = known.interactions[-1]["occurred_at"] if known.interactions else known.as_of
    count = len(known.interactions)
    return Told(
        answer=_("{count} things since {day}.").format(count=count, day=day(first, zone))
        if count
        else _("We know nothing that happened."),
        who=[Fact(_(IDENTIFIERS[one["type"]]), one["value"]) for one in known.identifiers],
        traits=[Fact(words(name), str(value), name) for name, value in sorted(known.profile.items())],
        allowed=list(_allowed(known, zone)),
        wishes=[f"{wish(one['key'], one.get('told', ''))} ({day(one['told_at'], zone)})" for one in known.preferences],
        groups=_groups(known, playbook),
        derived=list(_derived(known, playbook)),
    )


def words(name: str) -> str:
    """A name of the playbook, or of a trait, as words."""
    return name.replace("_", " ").replace(".", " ")


def day(instant: int, zone: str) -> str:
    """The day on that zone's calendar, as the language writes it: 18 November 2026."""
    return formats.date_format(_local(instant, zone), _("j F Y"))


def wish(key: str, payload: str) -> str:
    """A preference as a phrase."""
    value = _payload(payload).get(key, "")
    text = str(value)
    yes = text.strip().lower() in ("1", "true", "yes", "y")
    group, _sep, member = key.partition("_")
    if group == "topic":
        return (_("yes to the topic {topic}") if yes else _("no to the topic {topic}")).format(topic=words(member))
    if group == "likes" and member in CHANNELS:
        return (_("you like {channel}") if yes else _("no preference for {channel}")).format(
            channel=_(CHANNELS[member])
        )
    if group == "refuses" and member in CHANNELS:
        return (_("nothing by {channel}") if yes else _("{channel} is welcome")).format(channel=_(CHANNELS[member]))
    match key:
        case "max_per_week":
            return _("at most {count} messages a week").format(count=text or "?")
        case "days":
            days = [one.strip()[:3] for one in text.split(",")]
            return _("on {days}").format(
                days=", ".join(_(DAY_NAMES[one]) for one in DAYS if one in days) or _("no day")
            )
        case "hours":
            return _("between {hours}").format(hours=text.replace("-", " – "))
        case "zone":
            return _("by the clock of {zone}").format(zone=words(text.rpartition("/")[2]))
        case "language":
            return _("in {language}").format(language=_(LANGUAGES[text]) if text in LANGUAGES else text)
        case _other:
            return f"{words(key)} {text}".strip()


def _allowed(known: Known, zone: str) -> Iterator[str]:
    for one in known.consents:
        purpose, channel = _(PURPOSES[one["purpose"]]), _(CHANNELS[one["channel"]])
        if one.get("in_force"):
            yield _("Yes to {purpose} by {channel}, since {day}.").format(
                purpose=purpose, channel=channel, day=day(one["granted_at"], zone)
            )
        elif "withdrawn_at" in one:
            yield _("No to {purpose} by {channel}, since {day}.").format(
                purpose=purpose, channel=channel, day=day(one["withdrawn_at"], zone)
            )
    if known.suppressions:
        yield _("You are on the list of those who are not written to.")


def _groups(known: Known, playbook: Playbook) -> list[Group]:
    zone = playbook.organisation.zone
    found: dict[tuple[str, str], list[Sentence]] = {}
    for row in known.interactions:
        sentence = _sentence(row, playbook)
        if sentence is None:
            continue
        moment = _local(row["occurred_at"], zone)
        month = _month(moment)
        place = row.get("touchpoint") or row.get("about_touchpoint") or ""
        found.setdefault(
            (month, words(place) if place else _(CHANNELS.get(row.get("channel", ""), noop("Elsewhere")))),
            [],
        ).append(sentence)
    groups = [
        Group(month, where[:1].upper() + where[1:], said[:MOST_A_GROUP], max(0, len(said) - MOST_A_GROUP))
        for (month, where), said in found.items()
    ]
    noted = [call for call in known.calls if call.get("note")]
    groups += [
        Group(
            _month(_local(call["opened_at"], zone)),
            _("Note of a call"),
            [Sentence(day(call["opened_at"], zone), _("We wrote down after a call:"), call["note"])],
        )
        for call in noted
    ]
    return groups


def _sentence(row: Mapping[str, Any], playbook: Playbook) -> Sentence | None:
    template = _SAID.get(row["kind"])
    if template is None or row.get("machine") or row["source"] == COMPLETION:
        return None
    organisation = playbook.organisation
    amount = row.get("revenue_minor")
    payload = _payload(row.get("payload", ""))
    values = {
        "money": f"{formats.number_format(abs(amount or 0) / organisation.minor_units, len(str(organisation.minor_units)) - 1)} {organisation.currency}",
        "purpose": _(PURPOSES.get(row.get("purpose", ""), noop("messages"))),
        "channel": _(CHANNELS.get(row.get("channel", ""), noop("message"))),
        "conversation": words(row.get("conversation") or ""),
        "programme": words(row.get("programme") or ""),
        "wish": wish(row.get("name", ""), row.get("payload", "")) if row["kind"] == "preferred" else "",
        "traits": ", ".join(f"{words(name)} {value}" for name, value in payload.items())
        if row["kind"] == "identified"
        else "",
    }
    if row["kind"] == "answered" and row.get("question") and row.get("answer") is not None:
        template = noop("You answered “{question}” with {answer}.")
        values["question"], values["answer"] = words(row["question"]), f"{row['answer']:g}"
    said = _(template).format(**values)
    name = row.get("name")
    if row["kind"] == "acted" and name:
        said = f"{said} ({name})"
    moment = _local(row["occurred_at"], organisation.zone)
    return Sentence(f"{formats.date_format(moment, _('j F Y'))}, {moment:%H:%M}", said, str(row.get("text") or ""))


def _derived(known: Known, playbook: Playbook) -> Iterator[str]:
    measures = known.measures
    stage = measures.get("stage")
    if stage:
        yield _("We count you as: {stage}.").format(stage=words(str(stage)))
    experience = measures.get("experience.overall")
    if experience is not None:
        mood = _("good") if experience > 0.1 else _("not good") if experience < -0.1 else _("mixed")
        yield _(
            "From what happened we gather that your experience with us was {mood} ({value}, from {count} readings)."
        ).format(mood=mood, value=formats.number_format(experience, 2), count=measures.get("experience.n", 0))
    if measures.get("care.due"):
        yield _("Something is still to be put right for you; until then we hold back other messages.")
    spent = measures.get("sum.revenue")
    if spent:
        yield _("You paid us {money} in all.").format(
            money=f"{formats.number_format(spent, 2)} {playbook.organisation.currency}"
        )
    yield _("In all we have worked out {count} such figures; the export lists every one.").format(count=len(measures))


def _month(moment: datetime) -> str:
    return f"{dates.MONTHS[moment.month]} {moment.year}"


def _payload(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _local(instant: int, zone: str) -> datetime:
    return from_micros(instant).astimezone(ZoneInfo(zone))
