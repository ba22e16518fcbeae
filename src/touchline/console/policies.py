"""In: a workspace. Out: every policy that is in force, in words: what it is set to and where, what it reads, how many it holds now. Writes no interactions.

How many needs the whole base, and loads by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from touchline.console.answering import answers
from touchline.decision.rules import POLICIES, Policy
from touchline.interactions.preferences import DAYS
from touchline.playbook import folder, loading
from touchline.playbook.compiled import Policies
from touchline.report import figures
from touchline.report.holds import policy_words
from touchline.workspace import outlook
from touchline.workspace.opened import Workspace

TOGETHER = 3
"""Facts of one group from which only their number is told."""

NOTHING: dict[str, str] = {
    "quiet_hours": "Write `quiet_hours` to let people sleep.",
    "balance": "Write `balance` so that nobody is asked for more than they were given.",
    "cool_off": "Write `cool_off` so that selling waits after an encounter.",
    "cap": "Write `caps` so that nobody hears too much.",
    "own": "Write rules of your own under `own`.",
}
"""What to do about a policy that the playbook leaves out."""


@answers()
@require_safe
def show(request: HttpRequest, ws: Workspace) -> HttpResponse:
    """The page; how many each holds loads by itself."""
    loaded = bool(request.htmx) or request.GET.get("now") == "1"  # type: ignore[attr-defined] # django-htmx's
    now = outlook.outlook(ws) if loaded else None
    plan = ws.plan
    reads: defaultdict[str, set[str]] = defaultdict(set)
    talks: defaultdict[str, set[str]] = defaultdict(set)
    for candidate in plan.candidates:
        for rule in candidate.rules:
            reads[rule.policy] |= set(rule.blocks.names)
            talks[rule.policy].add(candidate.conversation)
    settings, lines = ws.playbook.policies, _lines(ws)
    rows = [
        {
            "name": name,
            "words": policy_words(name),
            "means": "" if _kind(name).name == kind else _kind(name).means,
            "set": _set(name, settings, ws),
            "href": _where(name, settings, lines, ws),
            "reads": _facts(reads[name]),
            "talks": len(talks[name]),
            "held": None if now is None else now.held.get(name, 0),
        }
        for kind, name in zip(["", *(_kind(one).name for one in plan.policies)], plan.policies, strict=False)
    ]
    there = {_kind(name).name for name in plan.policies}
    context = {
        "nav": "policies",
        "answer": _answer(rows, now),
        "rows": rows,
        "absent": [
            (policy_words(one.name), one.means, NOTHING.get(one.name, "")) for one in POLICIES if one.name not in there
        ],
        "now": now,
        "loaded": loaded,
        "total": len(plan.conversations),
    }
    whole = "console/policies_table.html" if request.htmx else "console/policies.html"  # type: ignore[attr-defined] # as above
    return render(request, whole, context)


def _kind(name: str) -> Policy:
    """Of which kind a policy is: `cap.email` is a `cap`."""
    known = {one.name: one for one in POLICIES}
    return known.get(name) or known[name.partition(".")[0]]


def _facts(names: Iterable[str]) -> list[str]:
    """The facts that it reads; many of one group as `consent.… (12)`."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.partition(".")[0]].append(name)
    found: list[str] = []
    for group, members in groups.items():
        found += members if len(members) <= TOGETHER else [f"{group}.… ({len(members)})"]
    return found


def _set(name: str, settings: Policies, ws: Workspace) -> list[str]:
    """What it is set to, in short sentences."""
    kind, _, member = name.partition(".")
    said = _SETTINGS.get(kind)
    if kind == "holdout" and member:
        share = ws.playbook.programmes[member].holdout
        return [f"{figures.percent(share, 0)} of those who enter {figures.words(member)}"]
    return [] if said is None else said(settings, member)


def _consent(settings: Policies, _: str) -> list[str]:
    told = []
    if settings.consent_without_evidence:
        told.append(f"{_and(settings.consent_without_evidence)} may rest on an imported consent without evidence")
    if settings.soft_opt_in:
        when = settings.soft_opt_in_when
        told.append(f"{_do(settings.soft_opt_in, 'needs', 'need')} no opt-in{f' where {when.text}' if when else ''}")
    return told


def _cap(settings: Policies, member: str) -> list[str]:
    cap = next(one for one in settings.caps if one.name == member)
    what = f" by {cap.channel}" if cap.channel else f" for {cap.purpose}" if cap.purpose else ""
    return [f"at most {figures.plural(cap.at_most, 'message')}{what} in {figures.duration(cap.every)}"]


def _quiet(settings: Policies, _: str) -> list[str]:
    if settings.quiet is None:
        return []
    start, end, days = settings.quiet
    told = [] if start == end else [f"from {_clock(start)} until {_clock(end)}"]
    told += [f"all day on {_and([figures.upper(DAYS[day]) for day in days])}"] if days else []
    return [*told, f"by the clock of the {'customer' if settings.quiet_zone_of_customer else 'organisation'}"]


def _care(settings: Policies, _: str) -> list[str]:
    return [
        f"a reading of {figures.signed(settings.care_reading)} or worse needs care",
        f"until {_or([figures.words(kind) for kind in settings.care_resolved_by])}",
        f"missed after {figures.duration(settings.care_missed_after)}",
    ]


def _cool(settings: Policies, _: str) -> list[str]:
    ramp = f", then comes back over {figures.duration(settings.cool_off_ramp)}" if settings.cool_off_ramp else ""
    return [f"{_do(settings.cool_off_purposes, 'waits', 'wait')} {figures.duration(settings.cool_off_after)}{ramp}"]


def _own(settings: Policies, member: str) -> list[str]:
    own = next(one for one in settings.own if one.name == member)
    told = [f"{_do(own.purposes or ('everything',), 'waits', 'wait')} where {own.blocks.text}"]
    return [*told, f"told as: {own.says}"] if own.says else told


_SETTINGS: Mapping[str, Callable[[Policies, str], list[str]]] = {
    "consent": _consent,
    "cap": _cap,
    "one_a_day": lambda settings, _: [f"classes {_and([str(one) for one in settings.one_a_day])}"],
    "quiet_hours": _quiet,
    "care_first": _care,
    "cool_off": _cool,
    "balance": lambda settings, _: [f"an ask needs {settings.balance.text}"] if settings.balance else [],
    "recurrence": lambda *_: ["each conversation says how often: once, an episode, a term, or so many days"],
    "holdout": lambda settings, _: [f"{figures.percent(settings.holdout_global, 0)} of all customers, drawn each year"],
    "own": _own,
}
"""Kind -> what it is set to; the others have no settings."""

_PLACES: Mapping[str, str] = {"cap": "caps", "own": "own"}


def _lines(ws: Workspace) -> loading.Source | None:
    found = loading.read(ws.settings.root / folder.POLICIES, folder.POLICIES)
    return found if isinstance(found, loading.Source) else None


def _where(name: str, settings: Policies, lines: loading.Source | None, ws: Workspace) -> str:
    """Where it is written; empty where nothing of it is."""
    kind, _, member = name.partition(".")
    if kind == "holdout" and member:
        file = f"{folder.PROGRAMMES}/{member}.yaml"
        return reverse("playbook-file", args=[file]) if (ws.settings.root / file).is_file() else ""
    place: loading.Place = (kind,)
    if member and kind in _PLACES:
        names = [one.name for one in (settings.caps if kind == "cap" else settings.own)]
        place = (_PLACES[kind], names.index(member))
    if lines is None or not (place in lines.keys or place in lines.values):
        return ""
    return f"{reverse('playbook-file', args=[folder.POLICIES])}#L{lines.line_of_key(place)}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _and(names: Iterable[str]) -> str:
    return _joined(list(names), "and")


def _do(names: Sequence[str], one: str, many: str) -> str:
    """`selling waits`, `selling and community wait`."""
    return f"{_and(names)} {one if len(names) == 1 else many}"


def _or(names: Iterable[str]) -> str:
    return _joined(list(names), "or")


def _joined(names: list[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}" if names else ""


def _answer(rows: list[dict[str, Any]], now: outlook.Outlook | None) -> str:
    if not rows:
        return "No policy is in force: there is nothing to say yet"
    head = f"{figures.plural(len(rows), 'policy', 'policies')} may hold what would be said"
    most = max(rows, key=lambda row: row["held"] or 0)
    if now is None or not most["held"]:
        return head
    return f"{head}; {most['words']} holds the most, {figures.plural(most['held'], 'customer')}"


urlpatterns = [path("policies/", show, name="policies")]
