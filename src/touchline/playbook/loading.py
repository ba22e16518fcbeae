"""In: one authored YAML file. Out: plain data with the line of every key and value, or faults. Writes no interactions.

YAML 1.2, so that `no`, `on` and `21:00` stay text. What a playbook has no use for is refused: anchors, tags, keys given
twice, several documents, files and nestings that are too large to have been written by a person.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from touchline.kernel.errors import Fault

LARGEST_FILE = 1024 * 1024
"""Bytes of one authored file."""

LARGEST_REMEMBERED = 64 * 1024
"""Bytes of a file that is not parsed again while it is what it was."""

DEEPEST = 16
MOST_NODES = 50_000

Data = dict[str, Any] | list[Any] | str | int | float | bool | None
Place = tuple[str | int, ...]
"""Where a value stands in its file: keys, and numbers in lists."""

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,30}|[0-9]{1,30}(\.[0-9]{0,30})?)([eE][-+]?[0-9]{1,3})?")

_REMEDIES = {
    "mapping values are not allowed here": "Put a text that contains `: ` in quotes, and give each key its own line.",
    "found character '\\t' that cannot start any token": "Indent with spaces; YAML refuses tabs.",
    "found unexpected end of stream": "Close the quotes that were opened here.",
}


@dataclass(frozen=True)
class Source:
    """One file as it was read.

    file       path relative to the workspace, with forward slashes
    data       what it says; mappings have text keys
    keys       1-based line of the key at a place; `values` likewise of the value
    stand_ins  places whose faulty value was replaced, so that the rest can still be checked
    """

    file: str
    data: Data
    keys: Mapping[Place, int] = field(default_factory=dict)
    values: Mapping[Place, int] = field(default_factory=dict)
    stand_ins: frozenset[Place] = frozenset()

    def without(self, place: Place) -> Source:
        """The same file without what stands there; later items of a list move up and keep their lines."""
        data, holder = self._copied(place)
        del holder[place[-1]]
        return self._moved(data, partial(_moved_up, gone=place, in_list=isinstance(holder, list)))

    def with_stand_in(self, place: Place, value: Data) -> Source:
        """The same file with another value there, of which nothing is said further on."""
        data, holder = self._copied(place)
        holder[place[-1]] = value
        return replace(self, data=data, stand_ins=self.stand_ins | {place})

    def with_key(self, place: Place, key: str) -> Source:
        """The same file with the value there under another key."""
        data, holder = self._copied(place)
        holder[key] = holder.pop(place[-1])
        depth = len(place) - 1
        return self._moved(
            data, lambda here: (*place[:-1], key, *here[depth + 1 :]) if here[: depth + 1] == place else here
        )

    def is_stand_in(self, place: Place) -> bool:
        """Whether the value there, or one that holds it, is not what was written."""
        return any(place[:depth] in self.stand_ins for depth in range(len(place) + 1))

    def _copied(self, place: Place) -> tuple[Data, Any]:
        data = copy.deepcopy(self.data)
        holder: Any = data
        for step in place[:-1]:
            holder = holder[step]
        return data, holder

    def _moved(self, data: Data, there: Callable[[Place], Place | None]) -> Source:
        def lines(old: Mapping[Place, int]) -> dict[Place, int]:
            return {new: line for here, line in old.items() if (new := there(here)) is not None}

        stand_ins = frozenset(new for here in self.stand_ins if (new := there(here)) is not None)
        return Source(self.file, data, lines(self.keys), lines(self.values), stand_ins)

    def line_of_key(self, place: Place) -> int:
        """The line where the key stands; of the nearest thing above it where it has none."""
        return self.keys.get(place) or self.line_of(place)

    def line_of(self, place: Place) -> int:
        """The line where the value begins; of the nearest thing above it that is there."""
        while place and place not in self.values:
            place = place[:-1]
        return self.keys.get(place) or self.values.get(place, 1)


def _moved_up(here: Place, gone: Place, in_list: bool) -> Place | None:
    depth = len(gone) - 1
    if here[:depth] != gone[:depth] or len(here) <= depth:
        return here
    step, last = here[depth], gone[depth]
    if step == last:
        return None
    if in_list and isinstance(step, int) and isinstance(last, int) and step > last:
        return (*here[:depth], step - 1, *here[depth + 1 :])
    return here


def read(path: Path, file: str) -> Source | list[Fault]:
    """Read one file of a workspace; `file` is what faults call it."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_FILE else b""
    except OSError as error:
        return [
            Fault(
                file,
                0,
                f"The file cannot be read ({error.strerror}).",
                "See to it that it is a file that you may read.",
            )
        ]
    if size > LARGEST_FILE:
        return [
            Fault(file, 0, f"The file has {size:,} bytes, more than the {LARGEST_FILE:,} that are read.", "Split it.")
        ]
    if len(content) > LARGEST_REMEMBERED:
        return parse(content, file)
    found = _remembered(content, file)
    return found if isinstance(found, Source) else list(found)


@lru_cache(maxsize=512)
def _remembered(content: bytes, file: str) -> Source | list[Fault]:
    """A playbook is read again and again while somebody writes one of its files; nobody changes what was read."""
    return parse(content, file)


def parse(content: bytes, file: str) -> Source | list[Fault]:
    """Read one file's bytes: its data with lines, or every fault up to where it stops making sense."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return [Fault(file, line, "This is not UTF-8 text.", "Save the file as UTF-8.")]
    composer = _Composer(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            if not composer.take(event):
                break
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = (error.problem or "it is not YAML").replace("'\t'", "'\\t'")
        remedy = _REMEDIES.get(problem, "Mend the YAML; quotes around a text often do.")
        while_ = f" {error.context}" if error.context else ""
        line = 1 + (mark.line if mark else 0)
        composer.faults.append(
            Fault(file, min(line, text.count("\n") + 1), f"The YAML cannot be read: {problem}{while_}.", remedy)
        )
    except YAMLError as error:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        composer.faults.append(
            Fault(file, line, "The YAML cannot be read: it holds a control character.", "Remove it.")
        )
    if composer.faults:
        return composer.faults
    return Source(file, composer.root, composer.keys, composer.values)


class _Composer:
    """Builds data from YAML events with a stack of its own, so that no nesting can exhaust Python's."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.root: Data = None
        self.keys: dict[Place, int] = {}
        self.values: dict[Place, int] = {}
        self._stack: list[tuple[Place, dict[str, Any] | list[Any]]] = []
        self._key: list[str | None] = []
        self._documents = 0
        self._nodes = 0

    def take(self, event: object) -> bool:
        """Take the next event; False when the rest is not worth reading."""
        if isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                return self._refuse(
                    event, "A second document begins here.", "Keep one document in a file: remove the line `---`."
                )
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._stack.pop()
            self._key.pop()
        elif isinstance(event, AliasEvent):
            return self._refuse(
                event, f"`*{event.anchor}` refers to an anchor.", "Write the value out: a playbook has no anchors."
            )
        elif isinstance(event, NodeEvent):
            return self._node(event)
        return True

    def _node(self, event: NodeEvent) -> bool:
        line = event.start_mark.line + 1
        self._nodes += 1
        if self._nodes > MOST_NODES:
            return self._refuse(event, f"The file holds more than {MOST_NODES:,} values.", "Split it.")
        if event.anchor is not None:
            self._refuse(
                event, f"`&{event.anchor}` is an anchor.", "Remove it and write the value out where it is needed."
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._refuse(event, f"`{tag}` is a YAML tag.", "Remove it: text, numbers, lists and mappings need none.")
        if self._expects_key():
            if not isinstance(event, ScalarEvent):
                return self._refuse(
                    event, "A key must be a text on one line.", "Give the entry a name followed by a colon."
                )
            return self._take_key(event.value, line)
        path = self._place(line)
        value: Data
        if isinstance(event, ScalarEvent):
            value = _scalar(event.value) if event.implicit[0] else event.value
            self._put(value)
            return True
        value = {} if isinstance(event, MappingStartEvent) else cast("Data", [])
        assert isinstance(event, MappingStartEvent | SequenceStartEvent)
        self._put(value)
        self._stack.append((path, cast("dict[str, Any] | list[Any]", value)))
        self._key.append(None)
        if len(self._stack) > DEEPEST:
            return self._refuse(
                event, f"Values are nested more than {DEEPEST} deep.", "Flatten them: no part of a playbook is so deep."
            )
        return True

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1][1], dict) and self._key[-1] is None

    def _take_key(self, key: str, line: int) -> bool:
        path, mapping = self._stack[-1]
        if key in mapping:
            first = self.keys[(*path, key)]
            self.faults.append(
                Fault(
                    self.file,
                    line,
                    f"The key `{key[:60]}` is given twice; the first is on line {first}.",
                    "Remove one, or rename it.",
                )
            )
        self._key[-1] = key
        self.keys.setdefault((*path, key), line)
        return True

    def _place(self, line: int) -> Place:
        if not self._stack:
            path: Place = ()
        else:
            above, holder = self._stack[-1]
            step = len(holder) if isinstance(holder, list) else cast("str", self._key[-1])
            path = (*above, step)
        self.values.setdefault(path, line)
        return path

    def _put(self, value: Data) -> None:
        if not self._stack:
            self.root = value
            return
        holder = self._stack[-1][1]
        if isinstance(holder, list):
            holder.append(value)
        else:
            holder.setdefault(cast("str", self._key[-1]), value)
            self._key[-1] = None

    def _refuse(self, event: Any, what: str, remedy: str) -> bool:
        self.faults.append(Fault(self.file, event.start_mark.line + 1, what, remedy))
        return False


def _scalar(text: str) -> Data:
    """A plain scalar by YAML 1.2's core rules, without octal, hexadecimal, infinity and NaN, which stay text."""
    for words, value in ((_NULL, None), (_TRUE, True), (_FALSE, False)):
        if text in words:
            return cast("Data", value)
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
