"""In: an encounter with a customer, as the member of the team who had it tells of it. Out: its rows.
Writes `asked`, `complained`, `praised`, `said`, `served` and `answered_to`, through intake's buffer.

One form, at most two rows: what the customer did, and what we did about it. An answer names the question that it answers, so
that dialogue and care follow by the same rules as everywhere else.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from django.db import transaction

from touchline import recognition
from touchline.decision.explaining import Explained
from touchline.intake import buffer
from touchline.interactions.catalogue import IDENTIFIER_TYPES, KINDS, REACHED_BY, VERSION
from touchline.kernel.errors import TouchlineError
from touchline.kernel.ids import interaction_id
from touchline.recognition.locking import hold
from touchline.report.marks import Row
from touchline.workspace import acting, wishes

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace
    from touchline.workspace.portrait import Portrait

SOURCE = "desk"
CHANNELS: tuple[str, ...] = ("desk", "phone", "chat", "store", "field", "meeting", "event")
"""Where somebody is there to be served."""

ABOUT: dict[str, str] = {
    "asked": "asked something",
    "complained": "complained",
    "praised": "praised us",
    "said": "said something",
    "served": "was only served",
}
"""What an encounter was about -> the words for it; the first four are kinds of the customer's acts."""

OUTCOMES: dict[str, str] = {"solved": "settled now", "open": "stays open"}
LONGEST = 4_000
"""Characters of the words and of the note."""

ELSEWHERE = ("consent", "cap.", "quiet", "one_a_day", "preference", "own.", "suppression")
"""Policies on messages: who stands here is not written to, and may be asked in spite of them."""


class BadEncounter(TouchlineError):
    """The encounter cannot be noted that way."""

    code = "bad_encounter"


@dataclass(frozen=True)
class Encounter:
    """One encounter at a touchpoint, told by whoever had it.

    about       one of ABOUT
    touchpoint  of the playbook, on one of CHANNELS
    outcome     one of OUTCOMES
    words       the customer's own, as they said them
    note        what a colleague should know
    answers     id of an earlier question that was answered in it
    once        what tells this encounter from every other, so that a form sent twice is noted once; drawn where it is empty
    """

    about: str
    touchpoint: str
    outcome: str = "solved"
    words: str = ""
    note: str = ""
    answers: str | None = None
    once: str = ""


@dataclass(frozen=True)
class Offer:
    """An opt-in that the playbook finds fitting now: which conversation asks for it, for which purposes, by which channels and addresses."""

    conversation: str
    pairs: tuple[tuple[str, str, int, str], ...]


def places(workspace: Workspace) -> list[str]:
    """Touchpoints at which somebody can be served, in the playbook's order."""
    touchpoints = workspace.playbook.touchpoints
    return [name for name, one in touchpoints.items() if one.channel in CHANNELS]


def note(workspace: Workspace, customer: int, encounter: Encounter) -> list[str]:
    """Write the encounter down; the ids of its rows. Raises BadEncounter, and UnknownName where they were erased meanwhile."""
    check(workspace, encounter)
    people = recognition.people(of=pl.Series([customer], dtype=pl.Int64))
    if people.is_empty():
        raise BadEncounter(f"customer {customer}", remedy="Recognise them first.")
    order = {name: place for place, name in enumerate(IDENTIFIER_TYPES)}
    who = min(people.to_dicts(), key=lambda one: (order[one["type"]], one["persona_id"]))
    with transaction.atomic():
        hold(people["bucket"].unique().to_list())
        wishes.owner(who["persona_id"])
        now = workspace.clock.now()
        rows = _rows(workspace, who, encounter, now)
        buffer.accept_rows(rows, received_at=now)
        acting.note(f"customer {customer}", what=encounter.about, outcome=encounter.outcome)
    return [str(row["id"]) for row in rows]


def check(workspace: Workspace, encounter: Encounter) -> None:
    """Raise BadEncounter where it cannot be noted that way; nothing is written."""
    if encounter.about not in ABOUT or encounter.outcome not in OUTCOMES:
        raise BadEncounter("what it was about", remedy=f"Choose one of {', '.join(ABOUT)}, {' or '.join(OUTCOMES)}.")
    if encounter.touchpoint not in places(workspace):
        raise BadEncounter(
            "where it was", remedy="Choose a touchpoint on desk, phone, chat, store, field, meeting or event."
        )
    for text in (encounter.words, encounter.note):
        if len(text) > LONGEST or "\x00" in text:
            raise BadEncounter("the text", remedy=f"Keep it to {LONGEST} characters.")
    if encounter.about == "said" and not encounter.words.strip():
        raise BadEncounter("nothing was said", remedy="Write down what they said.")


def _rows(workspace: Workspace, who: dict[str, Any], encounter: Encounter, now: int) -> list[dict[str, Any]]:
    by = {"by": workspace.actor.name, **({"note": encounter.note.strip()} if encounter.note.strip() else {})}
    once = encounter.once or secrets.token_hex(16)
    told = None if encounter.about == "served" else _row(who, encounter.about, encounter.touchpoint, now - 1, once)
    rows = [] if told is None else [{**told, "text": encounter.words.strip() or None}]
    answered = encounter.answers or (told["id"] if told and encounter.about in ("asked", "complained") else None)
    if encounter.outcome == "solved" and answered is not None:
        rows.append({**_row(who, "answered_to", encounter.touchpoint, now, once), "in_reply_to": answered})
    elif encounter.about == "served" or encounter.outcome == "solved":
        rows.append(_row(who, "served", encounter.touchpoint, now, once))
    rows[-1]["payload"] = json.dumps(by, ensure_ascii=False)
    columns = {name for row in rows for name in row}
    return [{name: row.get(name) for name in sorted(columns)} for row in rows]


def _row(who: dict[str, Any], kind: str, touchpoint: str, at: int, once: str) -> dict[str, Any]:
    """A row with the catalogue's own reading and value of its kind."""
    known = KINDS[kind]
    return {
        "id": interaction_id(SOURCE, kind, str(who["persona_id"]), once),
        "version": VERSION,
        "kind": kind,
        "persona_id": who["persona_id"],
        "bucket": who["bucket"],
        "role": who["role"],
        "source": SOURCE,
        "occurred_at": at,
        "touchpoint": touchpoint,
        "emotional": known.emotional,
        "given": known.given,
        "asked": known.asked,
    }


def open_questions(rows: Sequence[Row]) -> list[Row]:
    """What the customer asked or complained of and nobody has answered, the latest first."""
    answered = {row["in_reply_to"] for row in rows if row["kind"] == "answered_to"}
    closed = max((row["occurred_at"] for row in rows if KINDS[row["kind"]].resolves), default=0)
    return [
        row
        for row in reversed(rows)
        if not row["machine"]
        and row["id"] not in answered
        and (row["kind"] == "asked" or (row["kind"] == "complained" and row["occurred_at"] > closed))
    ]


def offers(workspace: Workspace, portrait: Portrait) -> list[Offer]:
    """Opt-ins to ask for now: of conversations whose goal is one, whose audience and trigger hold, and that no policy holds
    but those on messages. Which purposes, on which channels, is what the audience asks about."""
    if portrait.explanation is None:
        return []
    made: dict[str, Offer] = {}
    for candidate in portrait.explanation.candidates:
        conversation = workspace.playbook.conversations[candidate.conversation]
        asks = conversation.goal is not None and conversation.goal.kind == "opted_in"
        if not asks or not candidate.reached or _held(candidate) or candidate.conversation in made:
            continue
        wanted = [
            name.removeprefix("consent.").rpartition("_")
            for name in conversation.audience.names
            if name.startswith("consent.")
        ] or [(conversation.purpose, "_", candidate.channel)]
        pairs = tuple(
            (purpose, channel, owner["persona_id"], owner["value"])
            for purpose, _, channel in wanted
            for owner in portrait.personas
            if owner["type"] == REACHED_BY.get(channel) and not owner["shared"]
        )
        if pairs:
            made[candidate.conversation] = Offer(candidate.conversation, pairs)
    return list(made.values())


def _held(candidate: Explained) -> bool:
    return any(answer.blocks and not answer.policy.startswith(ELSEWHERE) for answer in candidate.policies)
