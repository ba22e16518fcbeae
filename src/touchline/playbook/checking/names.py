"""In: an authored playbook. Out: every name that it declares, and faults for those that clash. Writes no interactions.

A name counts as declared where it is written, even when what it names is faulty, so that one fault does not make others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.measures import EXPERIENCE_MEMBERS, Measures
from touchline.kernel.types import Type
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings
from touchline.playbook.folder import AUDIENCES, ORGANISATION, STAGES, TOUCHPOINTS, AuthoredPlaybook

Known = frozenset[str] | None
"""Declared names; None where the file that declares them cannot be read, so that any name may be one."""


@dataclass(frozen=True)
class Declared:
    """Names across the files."""

    touchpoints: Known
    departments: Known
    topics: Known
    episodes: Known
    stages: Known
    audiences: Known
    brands: Known
    languages: Known
    measures: Measures
    unread: bool
    """Whether touchpoints.yaml cannot be read, so that any `experience.NAME` may be one."""

    def type_of(self, name: str) -> Type | None:
        """The measure's type; a place or topic of a file that cannot be read is taken as one."""
        known = self.measures.type_of(name)
        if known is None and self.unread:
            group, _, member = name.partition(".")
            if group == "experience" and member:
                return Type.NUMBER
            if group == "prefers" and member.startswith("topic_"):
                return Type.BOOLEAN
        return known

    def known(self) -> Iterable[str]:
        """Every measure."""
        return self.measures.known()


def declared(playbook: AuthoredPlaybook) -> Declared:
    """The names that the files declare."""
    places = playbook.declared.get(TOUCHPOINTS)
    organisation = playbook.declared.get(ORGANISATION)
    touchpoints = _keys(places, "touchpoints")
    departments = _items(places, "departments")
    topics = _items(places, "topics", absent=frozenset())
    episodes = _keys(places, "episodes", absent=frozenset())
    used = () if playbook.touchpoints is None else (one.channel for one in playbook.touchpoints.touchpoints.values())
    channels = tuple(dict.fromkeys(used))
    names = (conversation.name for conversation in playbook.conversations.values())
    return Declared(
        touchpoints=touchpoints,
        departments=departments,
        topics=topics,
        episodes=episodes,
        stages=_stages(playbook),
        audiences=_keys({"": playbook.declared.get(AUDIENCES, {})}, "", absent=frozenset()),
        brands=_keys(organisation, "brands"),
        languages=_items(organisation, "languages"),
        measures=Measures(
            kinds=tuple(KINDS),
            purposes=tuple(PURPOSES),
            channels=CHANNELS,
            places=(*_sorted(touchpoints), *channels, *_sorted(departments), *_sorted(episodes)),
            topics=_sorted(topics),
            conversations=tuple(dict.fromkeys(names)),
        ),
        unread=touchpoints is None or departments is None or episodes is None or topics is None,
    )


def check_names(playbook: AuthoredPlaybook, findings: Findings) -> None:
    """Faults of names that are used twice, or taken by the vocabulary."""
    places = playbook.touchpoints
    if places is not None:
        taken = {name: "a channel" for name in CHANNELS} | {name: "a measure of `experience`" for name in EXPERIENCE_MEMBERS}
        for number, name in enumerate(places.departments):
            _claim(findings, taken, name, "a department", ("departments", number))
        for name in places.episodes:
            _claim(findings, taken, name, "an episode type", ("episodes", name))
        for name in places.touchpoints:
            _claim(findings, taken, name, "a touchpoint", ("touchpoints", name))
        findings.once_each((TOUCHPOINTS, ("topics",)), places.topics, "a topic")
    if playbook.stages is not None:
        seen: set[str] = set()
        for number, stage in enumerate(playbook.stages.root):
            if stage.stage in seen:
                findings.fault((STAGES, (number, "stage")), f"{shown(stage.stage)} is a stage already.", "Rename one, or join their conditions by OR.")
            seen.add(stage.stage)
    measures = {"stage", "hand_raiser", "tenure_days", "days_to_renewal"}
    for name in playbook.audiences.root if playbook.audiences is not None else ():
        if name in measures:
            findings.fault((AUDIENCES, (name,)), f"{shown(name)} is a measure already.", "Give the audience another name.", of_key=True)
    files: dict[str, str] = {}
    for file, conversation in playbook.conversations.items():
        first = files.setdefault(conversation.name, file)
        if first != file:
            findings.fault((file, ("name",)), f"{shown(conversation.name)} is the name of {first} already.", "Give this conversation another name.")
    files = {}
    for file, one in playbook.imports.items():
        first = files.setdefault(one.name, file)
        if first != file:
            findings.fault((file, ("name",)), f"{shown(one.name)} is the name of {first} already.", "Give this import another name.")


def _claim(findings: Findings, taken: dict[str, str], name: str, noun: str, place: tuple[str | int, ...]) -> None:
    if name in taken:
        remedy = f"Give {noun.partition(' ')[2]} {shown(name)} another name: channels, departments, touchpoints and episode types share one set of names."
        findings.fault((TOUCHPOINTS, place), f"{shown(name)} is {taken[name]} already.", remedy, of_key=True)
    taken.setdefault(name, noun)


def _stages(playbook: AuthoredPlaybook) -> Known:
    data = playbook.declared.get(STAGES)
    if not isinstance(data, list):
        return None
    return frozenset(str(one["stage"]) for one in data if isinstance(one, dict) and "stage" in one)


def _keys(data: Any, key: str, absent: Known = None) -> Known:
    if not isinstance(data, dict):
        return None
    found = data.get(key, absent)
    return frozenset(found) if isinstance(found, dict | frozenset) else None if found is not None else absent


def _items(data: Any, key: str, absent: Known = None) -> Known:
    if not isinstance(data, dict):
        return None
    found = data.get(key, absent)
    return frozenset(str(one) for one in found) if isinstance(found, list | frozenset) else None if found is not None else absent


def _sorted(names: Known) -> tuple[str, ...]:
    return tuple(sorted(names or ()))
