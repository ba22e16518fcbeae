"""In: a workspace folder. Out: the authored playbook with its lines, and the faults of reading. Writes no interactions.

A part that cannot be read is None; what other files say about it is then not held against them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from touchline.kernel.errors import Fault, NotAWorkspace
from touchline.kernel.names import did_you_mean
from touchline.playbook import authored
from touchline.playbook.codes import read_codes
from touchline.playbook.loading import LARGEST_FILE, Source, read
from touchline.playbook.validation import validate

ORGANISATION = "touchline.yaml"
PLAYBOOK = "playbook"
TOUCHPOINTS = "playbook/touchpoints.yaml"
MAPPING = "playbook/mapping.yaml"
STAGES = "playbook/stages.yaml"
AUDIENCES = "playbook/audiences.yaml"
POLICIES = "playbook/policies.yaml"
GIFTS = "playbook/gifts.yaml"
CONVERSATIONS = "playbook/conversations"
PROGRAMMES = "playbook/programmes"
IMPORTS = "playbook/imports"
TEMPLATES = "playbook/templates"

REQUIRED = (ORGANISATION, TOUCHPOINTS, MAPPING, STAGES)
FILES = (*REQUIRED, AUDIENCES, POLICIES, GIFTS)
FOLDERS = (CONVERSATIONS, PROGRAMMES, IMPORTS, TEMPLATES)
LATER = {"playbook/surveys": "surveys"}
"""What the specification has and a later version will."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class AuthoredPlaybook:
    """Everything that the folder says, file by file.

    conversations, programmes, imports   file -> what it says
    templates                            name -> SHA-256 of its text with line ends as LF, hex
    codes                                file of a pool -> how many codes it holds; None where there is no such file
    sources                              file -> its lines, fitting what is authored
    declared                             file -> its data as written, also where it is faulty
    unread                               files that are there, and make no sense at all
    """

    organisation: authored.Organisation | None
    touchpoints: authored.Touchpoints | None
    mapping: authored.Mapping | None
    stages: authored.Stages | None
    audiences: authored.Audiences | None
    policies: authored.Policies | None
    conversations: Mapping[str, authored.Conversation]
    imports: Mapping[str, authored.Import]
    programmes: Mapping[str, authored.Programme] = field(default_factory=dict)
    gifts: authored.Gifts | None = None
    templates: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, int | None] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()


def read_folder(root: Path) -> tuple[AuthoredPlaybook, list[Fault]]:
    """Read every file of the workspace; raises NotAWorkspace where touchline.yaml is missing."""
    if not (root / ORGANISATION).is_file():
        raise NotAWorkspace(f"there is no {ORGANISATION} in {root}")
    reading = _Reading(root)
    gifts = reading.one(GIFTS, authored.Gifts, absent=authored.Gifts({}))
    playbook = AuthoredPlaybook(
        organisation=reading.one(ORGANISATION, authored.Organisation),
        touchpoints=reading.one(TOUCHPOINTS, authored.Touchpoints),
        mapping=reading.one(MAPPING, authored.Mapping),
        stages=reading.one(STAGES, authored.Stages),
        audiences=reading.one(AUDIENCES, authored.Audiences, absent=authored.Audiences({})),
        policies=reading.one(POLICIES, authored.Policies, absent=authored.Policies()),
        conversations=reading.many(CONVERSATIONS, authored.Conversation),
        imports=reading.many(IMPORTS, authored.Import),
        programmes=reading.many(PROGRAMMES, authored.Programme),
        gifts=gifts,
        templates=reading.templates(),
        codes={} if gifts is None else reading.codes({pool.file for pool in gifts.root.values()}),
        sources=reading.sources,
        declared=reading.declared,
        unread=frozenset(reading.unread),
    )
    reading.refuse_others()
    return playbook, reading.faults


class _Reading:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self.sources: dict[str, Source] = {}
        self.declared: dict[str, Any] = {}
        self.unread: set[str] = set()
        self._of_codes: set[str] = set()

    def one(self, file: str, model: type[M], absent: M | None = None) -> M | None:
        """What a file says; `absent` where there is none."""
        path = self.root / file
        if not path.exists():
            if absent is None:
                self._fault(file, "The file is missing.", "Make it; `touchline new` shows what belongs into it.")
            return absent
        source = read(path, file)
        if isinstance(source, list):
            self.faults += source
            self.unread.add(file)
            return None
        self.declared[file] = source.data
        said, self.sources[file], faults = validate(source, model)
        self.faults += faults
        return said

    def many(self, folder: str, model: type[M]) -> dict[str, M]:
        """What each YAML file of a folder says, in order of file names."""
        found = {}
        for path in self._listed(folder):
            file = f"{folder}/{path.name}"
            if path.is_dir():
                self._fault(file, "Folders in here are not read.", f"Move its files into {folder}.")
            elif path.suffix == ".yaml":
                said = self.one(file, model)
                if said is not None:
                    found[file] = said
            else:
                self._refuse_unless_note(path, file)
        return found

    def templates(self) -> dict[str, str]:
        """The digest of every template; one that is too large or not UTF-8 is a fault."""
        digests = {}
        folder = self.root / TEMPLATES
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or path.name.startswith("."):
                continue
            file = f"{TEMPLATES}/{name}"
            if not path.resolve().is_relative_to(folder.resolve()):
                self._fault(
                    file, "The template lies outside the folder of templates.", "Put the file itself there, not a link."
                )
            elif path.stat().st_size > LARGEST_FILE:
                self._fault(file, f"The template has more than {LARGEST_FILE:,} bytes.", "Shorten it.")
            else:
                digests[name] = self._digest(path, file)
        return digests

    def codes(self, files: Collection[str]) -> dict[str, int | None]:
        """How many codes each file holds, None where it is missing; what is wrong in one is a fault of that file."""
        found: dict[str, int | None] = {}
        for file in sorted(files):
            path = self.root / PLAYBOOK / file
            self._of_codes.add(f"{PLAYBOOK}/{file.partition('/')[0]}")
            if path.is_file() and path.resolve().is_relative_to((self.root / PLAYBOOK).resolve()):
                codes, faults = read_codes(path, f"{PLAYBOOK}/{file}")
                found[file] = len(codes)
                self.faults += faults
            else:
                found[file] = None
        return found

    def refuse_others(self) -> None:
        """A fault for every YAML file that nothing reads, so that a misspelt one is not passed over in silence."""
        for path in self._listed(PLAYBOOK):
            file = f"{PLAYBOOK}/{path.name}"
            if file in LATER:
                for found in self._yaml_files(path):
                    self._fault(
                        found.relative_to(self.root).as_posix(),
                        f"This version of Touchline does not know {LATER[file]} yet.",
                        "Remove the file, or use a later version.",
                    )
            elif path.is_dir():
                if file not in FOLDERS and file not in self._of_codes:
                    names = (folder.rpartition("/")[2] for folder in FOLDERS)
                    self._fault(file, "This folder is not one of a playbook's.", did_you_mean(path.name, names))
            elif file not in FILES:
                self._refuse_unless_note(path, file)

    def _refuse_unless_note(self, path: Path, file: str) -> None:
        if path.suffix == ".yml":
            self._fault(file, "Files that end in `.yml` are not read.", f"Rename it to {path.stem}.yaml.")
        elif path.suffix in (".yaml", ".json", ".toml"):
            known = [name.rpartition("/")[2] for name in FILES if name.startswith(f"{PLAYBOOK}/")]
            self._fault(file, "This file is not one of a playbook's.", did_you_mean(path.name, known))

    def _yaml_files(self, path: Path) -> list[Path]:
        return sorted(path.rglob("*.yaml")) if path.is_dir() else [path]

    def _listed(self, folder: str) -> list[Path]:
        path = self.root / folder
        return sorted(one for one in path.iterdir() if not one.name.startswith(".")) if path.is_dir() else []

    def _digest(self, path: Path, file: str) -> str:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.faults.append(Fault(file, line, "The template is not UTF-8 text.", "Save the file as UTF-8."))
        return hashlib.sha256(content).hexdigest()

    def _fault(self, file: str, what: str, remedy: str) -> None:
        self.faults.append(Fault(file, 0, what, remedy))
