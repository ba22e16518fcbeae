"""In: an authored playbook. Out: every name that it declares, and faults for those that clash. Writes no interactions.

A name counts as declared where it is written, even when what it names is faulty: one fault does not make others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from touchline.interactions.catalogue import CHANNELS, KINDS, PURPOSES
from touchline.kernel.measures import EXPERIENCE_MEMBERS, PROGRAMME, Measures
from touchline.kernel.names import NAME
from touchline.kernel.types import Type
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.findings import Findings
from touchline.playbook.folder import (
    AUDIENCES,
    CONVERSATIONS,
    GIFTS,
    ORGANISATION,
    PROGRAMMES,
    STAGES,
    TOUCHPOINTS,
    AuthoredPlaybook,
)

Known = frozenset[str] | None
"""Declared names; None where the file that declares them cannot be read, so that any name may be one."""


_LANGUAGE = re.compile(r"[a-z]{2}")


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
    conversations: Known
    pools: Known
    steps: Mapping[str, tuple[Mapping[str, Any], ...]]
    """Programme's file -> its steps as written, or none."""
    types_of_imports: Mapping[str, Any]
    """Import's file -> its `types` as written."""
    measures: Measures
    unread: bool
    """Whether touchpoints.yaml cannot be read, so that any `experience.NAME` may be one."""
    unread_programmes: bool = False
    """Whether the name of a programme cannot be read, so that any `programme.NAME` may be one."""

    def type_of(self, name: str) -> Type | None:
        """The measure's type; a place, topic or programme of a file that cannot be read is taken as one."""
        known = self.measures.type_of(name)
        if known is None and self.unread:
            group, _, member = name.partition(".")
            if group == "experience" and member:
                return Type.NUMBER
            if group == "prefers" and member.startswith("topic_"):
                return Type.BOOLEAN
        if known is None and self.unread_programmes and name.startswith("programme."):
            return PROGRAMME.get(name.rpartition(".")[2])
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
    programmes = _named(playbook, PROGRAMMES)
    return Declared(
        touchpoints=touchpoints,
        departments=departments,
        topics=topics,
        episodes=episodes,
        stages=_stages(playbook),
        audiences=None if playbook.audiences is None else _sound(playbook.declared.get(AUDIENCES) or (), NAME),
        brands=_keys(organisation, "brands"),
        languages=_items(organisation, "languages", of=_LANGUAGE),
        conversations=_named(playbook, CONVERSATIONS),
        pools=_pools(playbook),
        steps={file: _steps(data) for file, data in playbook.declared.items() if file.startswith(f"{PROGRAMMES}/")},
        types_of_imports={
            file: data.get("types") for file, data in playbook.declared.items() if isinstance(data, dict)
        },
        measures=Measures(
            kinds=tuple(KINDS),
            purposes=tuple(PURPOSES),
            channels=CHANNELS,
            places=(*_sorted(touchpoints), *channels, *_sorted(departments), *_sorted(episodes)),
            topics=_sorted(topics),
            conversations=tuple(dict.fromkeys(names)),
            programmes=_sorted(programmes) or tuple(dict.fromkeys(one.name for one in playbook.programmes.values())),
        ),
        unread=touchpoints is None or departments is None or episodes is None or topics is None,
        unread_programmes=programmes is None,
    )


def check_names(playbook: AuthoredPlaybook, findings: Findings) -> None:
    """Faults of names that are used twice, or taken by the vocabulary."""
    places = playbook.touchpoints
    if places is not None:
        taken = dict.fromkeys(CHANNELS, "a channel") | dict.fromkeys(EXPERIENCE_MEMBERS, "a measure of `experience`")
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
                findings.fault(
                    (STAGES, (number, "stage")),
                    f"{shown(stage.stage)} is a stage already.",
                    "Rename one, or join their conditions by OR.",
                )
            seen.add(stage.stage)
    measures = {"stage", "hand_raiser", "tenure_days", "days_to_renewal"}
    for name in playbook.audiences.root if playbook.audiences is not None else ():
        if name in measures:
            findings.fault(
                (AUDIENCES, (name,)),
                f"{shown(name)} is a measure already.",
                "Give the audience another name.",
                of_key=True,
            )
    _check_names_of_files(findings, playbook.conversations, "conversation")
    _check_names_of_files(findings, playbook.programmes, "programme")
    _check_names_of_files(findings, playbook.imports, "import")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _check_names_of_files(findings: Findings, named: Mapping[str, _Named], noun: str) -> None:
    files: dict[str, str] = {}
    for file, one in named.items():
        first = files.setdefault(one.name, file)
        if first != file:
            findings.fault(
                (file, ("name",)),
                f"{shown(one.name)} is the name of {first} already.",
                f"Give this {noun} another name.",
            )


def _claim(findings: Findings, taken: dict[str, str], name: str, noun: str, place: tuple[str | int, ...]) -> None:
    if name in taken:
        what = noun.partition(" ")[2]
        remedy = f"Rename the {what}: channels, departments, touchpoints and episode types share one set of names."
        findings.fault((TOUCHPOINTS, place), f"{shown(name)} is {taken[name]} already.", remedy, of_key=True)
    taken.setdefault(name, noun)


def _stages(playbook: AuthoredPlaybook) -> Known:
    data = playbook.declared.get(STAGES)
    if not isinstance(data, list):
        return None
    return _sound((str(one["stage"]) for one in data if isinstance(one, dict) and "stage" in one), NAME)


def _named(playbook: AuthoredPlaybook, folder: str) -> Known:
    """The names that the files of a folder bear; None where one cannot be read."""
    if any(file.startswith(f"{folder}/") for file in playbook.unread):
        return None
    said = [data for file, data in playbook.declared.items() if file.startswith(f"{folder}/")]
    if not all(isinstance(data, dict) and isinstance(data.get("name"), str) for data in said):
        return None
    return _sound((data["name"] for data in said), NAME)


def _steps(data: Any) -> tuple[Mapping[str, Any], ...]:
    """The steps as written; none where one of them is no step at all, so that none is held against its neighbours."""
    steps = data.get("steps") if isinstance(data, dict) else None
    sound = isinstance(steps, list) and all(isinstance(step, dict) for step in steps)
    return tuple(steps or ()) if sound else ()


def _pools(playbook: AuthoredPlaybook) -> Known:
    data = playbook.declared.get(GIFTS)
    if GIFTS in playbook.unread or not isinstance(data, dict | None):
        return None
    return _sound(data or (), NAME)


def _keys(data: Any, key: str, absent: Known = None) -> Known:
    found = data.get(key) if isinstance(data, dict) else None
    if isinstance(found, dict):
        return _sound(found, NAME)
    return absent if isinstance(data, dict) and found is None else None


def _items(data: Any, key: str, absent: Known = None, of: re.Pattern[str] = NAME) -> Known:
    found = data.get(key) if isinstance(data, dict) else None
    if isinstance(found, list):
        return _sound((str(one) for one in found), of)
    return absent if isinstance(data, dict) and found is None else None


def _sound(names: Iterable[str], of: re.Pattern[str]) -> Known:
    """The names; None where one is written wrongly, so that whoever means it is not told off as well."""
    known = frozenset(names)
    return known if all(of.fullmatch(name) for name in known) else None


def _sorted(names: Known) -> tuple[str, ...]:
    return tuple(sorted(names or ()))
