"""In: a link to somebody's wishes. Out: their wishes, saved as they tap. Writes `preferred`, `opted_in`, `opted_out`.

Each section is a form of its own, so that it saves by itself with htmx and by its button without any script. A yes here is
evidence: whoever taps it holds the link that was sent to the address.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from touchline import permission, recognition
from touchline.interactions.catalogue import REACHED_BY
from touchline.interactions.preferences import DAYS, language_of, zone_codes
from touchline.kernel.errors import UnknownName
from touchline.pages.visits import SPOKEN, Visit, page, shown, visited
from touchline.playbook.compiled import Playbook
from touchline.report.figures import upper
from touchline.workspace import asking
from touchline.workspace.sentences import CHANNELS, DAY_NAMES, LANGUAGES, PURPOSES, words
from touchline.workspace.wishes import REFUSABLE, BadWish, Pair

SOURCE = "pages"
MOST_A_WEEK: tuple[tuple[str, str], ...] = (
    ("1", noop("One")), ("2", noop("Two")), ("3", noop("Three")), ("5", noop("Five")), ("999", noop("As it comes")),
)  # fmt: skip
HOURS: tuple[str, ...] = tuple(f"{hour:02}:00" for hour in range(25))
GIVES: Mapping[str, str] = {
    "what": noop("You hear what you said yes to, and nothing else."),
    "topics": noop("You hear about what matters to you, and nothing about the rest."),
    "timing": noop("We come when it suits you."),
    "frequency": noop("We count for you: never more than you say."),
    "media": noop("We use the way that you like, and leave the others alone."),
    "language": noop("We write in the language that you read most easily."),
}
"""Section -> what one gets for telling; the playbook's own words take their place in its first language."""


@dataclass(frozen=True)
class Option:
    """One thing to tap: the form's value, what it says, whether it is chosen, and a line more."""

    value: str
    says: str
    chosen: bool
    more: str = ""


@dataclass(frozen=True)
class Section:
    """One form of the page.

    name      as the form tells it
    title     a question
    gives     what one gets for telling
    options   to tap
    saved     whether it was saved just now
    fault     why it was not
    """

    name: str
    title: str
    gives: str
    options: list[Option] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    saved: bool = False
    fault: str = ""


@page
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The preference centre; a POST saves one section, leaves everything, or sends the link to what is known."""
    visit = visited(token, "preferences")
    told: dict[str, Any] = {
        "token": token,
        "state": "",
        "can_show": asking.can_mail(visit.workspace, visit.person.persona_id, "known"),
    }
    saved, fault = "", ""
    if request.method == "POST":
        name = request.POST.get("section", "")
        if name == "leave":
            _leave(visit)
            told["state"] = "left"
        elif name == "known":
            try:
                visit.workspace.send_link(visit.person.persona_id, "known")
                told["state"] = "sent"
            except UnknownName:
                told["can_show"] = False
        elif name in _SAVED:
            try:
                _SAVED[name](visit, request)
                saved = name
            except BadWish:
                saved, fault = name, _("That could not be read; please choose again.")
            if name == "language":
                translation.activate(_spoken(request))
    sections = _sections(visit, saved, fault)
    if getattr(request, "htmx", False) and saved:
        one = next((section for section in sections if section.name == saved), None)
        return shown(request, "section", {"section": one, "token": token})
    return shown(request, "preferences", {**told, "sections": sections, "address": _masked(visit)})


def _masked(visit: Visit) -> str:
    """Enough of the address for its owner to know it by: whoever was forwarded a message sees this page, too."""
    value = visit.person.value
    local, at, domain = value.rpartition("@")
    if visit.person.type == "email" and local:
        return f"{local[0]}…{at}{domain}"
    return f"…{value[-2:]}" if len(value) > 4 else "…"


def _sections(visit: Visit, saved: str, fault: str) -> list[Section]:
    playbook = visit.workspace.playbook
    known = _permissions(visit)
    answers = {key: int(answer) for key, answer in known.preferences.select("key", "answer").iter_rows()}
    allowed, refused = _standing(visit, known)
    made = [
        Section("what", _("What may we write about?"), "", _purposes(visit, allowed, refused)),
        Section("topics", _("Which topics are for you?"), "", [
            Option(topic, upper(words(topic)), answers.get(f"topic_{topic}", 1) == 1) for topic in playbook.topics
        ]),
        Section("timing", _("When does it suit you?"), "", [
            Option(one, _(DAY_NAMES[one]), bool(answers.get("days", 127) >> place & 1)) for place, one in enumerate(DAYS)
        ], _timing(answers, playbook)),
        Section("frequency", _("How often at most, in a week?"), "", [
            Option(value, _(says), str(answers.get("max_per_week", 999)) == value) for value, says in MOST_A_WEEK
        ]),
        Section("media", _("Which ways do you like?"), "", more={"channels": _media(playbook, answers)}),
        Section("language", _("Which language?"), "", [
            Option(code, _(LANGUAGES[code]), _language(answers, playbook) == code)
            for code in playbook.organisation.languages if code in LANGUAGES
        ]),
    ]  # fmt: skip
    return [
        Section(
            one.name,
            one.title,
            _gives(one.name, playbook),
            one.options,
            one.more,
            one.name == saved and not fault,
            fault if one.name == saved else "",
        )
        for one in made
        if one.options or one.more.get("channels")
    ]


def _permissions(visit: Visit) -> permission.Permissions:
    return permission.permissions(recognition.people(of=pl.Series([visit.person.customer], dtype=pl.Int64)))


def _standing(visit: Visit, known: permission.Permissions) -> tuple[set[Pair], set[Pair]]:
    """What this address allowed, and what the person refused and this address has not allowed since."""
    own = known.consents.filter((pl.col("persona_id") == visit.person.persona_id) & pl.col("in_force"))
    allowed = set(own.select("purpose", "channel").iter_rows())
    withdrawn = known.consents.filter(pl.col("withdrawn_at").is_not_null())
    return allowed, set(withdrawn.select("purpose", "channel").iter_rows()) - allowed


def _purposes(visit: Visit, allowed: set[Pair], refused: set[Pair]) -> list[Option]:
    """Each refusable purpose on each channel that reaches this address and that the playbook talks by."""
    return [
        Option(
            ".".join(pair), upper(_(PURPOSES[pair[0]])), _is_yes(visit, pair, allowed, refused), _(CHANNELS[pair[1]])
        )
        for pair in _pairs(visit)
    ]


def _is_yes(visit: Visit, pair: Pair, allowed: set[Pair], refused: set[Pair]) -> bool:
    """Whether it may come: what needs no agreement, or not of customers, goes on until it is refused."""
    free = pair[0] == "listening" or pair[0] in visit.workspace.playbook.policies.soft_opt_in
    return pair in allowed or (free and pair not in refused)


def _pairs(visit: Visit) -> list[Pair]:
    talks = visit.workspace.playbook.conversations.values()
    used = {
        (talk.purpose, way.channel)
        for talk in talks
        for way in talk.ways
        if REACHED_BY.get(way.channel) == visit.person.type
    }
    return sorted((pair for pair in used if pair[0] in REFUSABLE), key=lambda pair: (REFUSABLE.index(pair[0]), pair[1]))


def _timing(answers: Mapping[str, int], playbook: Playbook) -> dict[str, Any]:
    hours = answers.get("hours", 48)
    home = zone_codes().get(answers.get("zone", -1), playbook.organisation.zone)
    area = {home.partition("/")[0], playbook.organisation.zone.partition("/")[0]}
    zones = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in area and "/" in zone)
    return {
        "hours": HOURS,
        "start": f"{hours // 64 // 2:02}:00",
        "end": f"{hours % 64 // 2:02}:00",
        "zone": home,
        "zones": [(zone, zone.partition("/")[2].replace("_", " ")) for zone in zones],
    }


def _media(playbook: Playbook, answers: Mapping[str, int]) -> list[dict[str, Any]]:
    used = sorted({way.channel for talk in playbook.conversations.values() for way in talk.ways})
    return [
        {
            "name": channel,
            "says": upper(_(CHANNELS[channel])),
            "likes": answers.get(f"likes_{channel}", 0) == 1 and answers.get(f"refuses_{channel}", 0) != 1,
            "refuses": answers.get(f"refuses_{channel}", 0) == 1,
        }
        for channel in used
    ]


def _language(answers: Mapping[str, int], playbook: Playbook) -> str:
    told = answers.get("language")
    return language_of(told) if told is not None and told < 26 * 26 else playbook.organisation.languages[0]


def _gives(name: str, playbook: Playbook) -> str:
    own = playbook.organisation.reciprocity.get(name)
    if own is not None and translation.get_language() == playbook.organisation.languages[0]:
        return own
    return _(GIVES[name])


def _save_what(visit: Visit, request: HttpRequest) -> None:
    """Only what differs from what the page showed: a box that somebody left alone is no act of theirs."""
    yes = set(request.POST.getlist("what"))
    allowed, refused = _standing(visit, _permissions(visit))
    for allow in (True, False):
        pairs = [
            pair
            for pair in _pairs(visit)
            if (".".join(pair) in yes) is allow and _is_yes(visit, pair, allowed, refused) is not allow
        ]
        if pairs:
            said = _("Yes, write to me about this.") if allow else _("No, do not write to me about this.")
            visit.workspace.opt(
                visit.person.persona_id,
                pairs,
                allow=allow,
                evidence={"page": "preferences", "words": said},
                source=SOURCE,
            )


def _save_topics(visit: Visit, request: HttpRequest) -> None:
    yes = set(request.POST.getlist("topics"))
    _prefer(visit, {f"topic_{topic}": "yes" if topic in yes else "no" for topic in visit.workspace.playbook.topics})


def _save_timing(visit: Visit, request: HttpRequest) -> None:
    days = [one for one in DAYS if one in request.POST.getlist("timing")]
    start, end = request.POST.get("start", ""), request.POST.get("end", "")
    if start not in HOURS or end not in HOURS or start >= end or not days:
        raise BadWish("hours")
    _prefer(visit, {"days": ",".join(days), "hours": f"{start}-{end}", "zone": request.POST.get("zone", "")[:64]})


def _save_frequency(visit: Visit, request: HttpRequest) -> None:
    _prefer(visit, {"max_per_week": request.POST.get("frequency", "")[:8]})


def _save_media(visit: Visit, request: HttpRequest) -> None:
    told = {}
    for channel in _media(visit.workspace.playbook, {}):
        name = channel["name"]
        answer = request.POST.get(f"media.{name}", "")
        if answer not in ("likes", "fine", "refuses"):
            raise BadWish("media")
        told[f"likes_{name}"] = "yes" if answer == "likes" else "no"
        told[f"refuses_{name}"] = "yes" if answer == "refuses" else "no"
    _prefer(visit, told)


def _save_language(visit: Visit, request: HttpRequest) -> None:
    code = request.POST.get("language", "")
    if code not in visit.workspace.playbook.organisation.languages:
        raise BadWish("language")
    _prefer(visit, {"language": code})


def _spoken(request: HttpRequest) -> str:
    asked = request.POST.get("language", "")
    return asked if asked in SPOKEN else translation.get_language() or SPOKEN[0]


def _prefer(visit: Visit, told: Mapping[str, str]) -> None:
    visit.workspace.prefer(visit.person.persona_id, told, source=SOURCE)


def _leave(visit: Visit) -> None:
    """No to everything that can be refused, by this address."""
    channels = [channel for channel, kind in REACHED_BY.items() if kind == visit.person.type]
    pairs = [(purpose, channel) for purpose in REFUSABLE for channel in channels]
    visit.workspace.opt(
        visit.person.persona_id,
        pairs,
        allow=False,
        evidence={"page": "preferences", "words": _("Nothing more to this address.")},
        source=SOURCE,
    )


_SAVED: Mapping[str, Callable[[Visit, HttpRequest], None]] = {
    "what": _save_what,
    "topics": _save_topics,
    "timing": _save_timing,
    "frequency": _save_frequency,
    "media": _save_media,
    "language": _save_language,
}
