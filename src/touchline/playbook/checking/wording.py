"""In: an authored playbook, and its templates. Out: faults of the wording, and what may hold a message. Writes no interactions.

Each text is read as it will be said: its names, its filters, and a rehearsal with invented values where it becomes HTML or a letter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import mjml
from liquid.exceptions import LiquidError

from touchline.interactions.catalogue import PURPOSES
from touchline.kernel.errors import Fault
from touchline.kernel.names import did_you_mean, nearest
from touchline.kernel.types import Type
from touchline.playbook import wording
from touchline.playbook.authored.conversations import Conversation, Variant
from touchline.playbook.authored.organisation import Organisation
from touchline.playbook.authored.words import shown
from touchline.playbook.checking.names import Declared, declared
from touchline.playbook.folder import TEMPLATES, AuthoredPlaybook
from touchline.playbook.plaintext import Unsafe, plain_text
from touchline.playbook.sandbox import Read, Sandbox, Unsayable, line_of
from touchline.playbook.typesetting import NotSet, Press
from touchline.playbook.values import Value, nested

ALWAYS: Mapping[str, str] = {
    "organisation.name": "Hearth",
    "brand.name": "Hearth",
    "language": "en",
    "today": "2026-03-01",
    "address": "ann@customer.example",
    "preferences_url": "https://hearth.example/u/p/1",
}
"""Variables that every message has, with a value for rehearsals."""

SOMETIMES: Mapping[str, str] = {
    "brand.postal": "Hearth, Ringstr. 1, 10115 Berlin",
    "brand.from_email": "care@hearth.example",
    "unsubscribe_url": "https://hearth.example/u/1",
    "link_url": "https://hearth.example/u/c/1",
    "gift.code": "TEA-1",
}
"""Variables that a message has by its brand, purpose or gift."""

PROFILE = "profile"
"""What customers told of themselves; any name under it may be one."""

NOTICE = "notice"
"""What the organisation's own system told with a notice; any name under it may be one, in what is owed."""

MOST_SOUND = 2_000
"""Letters that a process remembers to have set."""

_sound: set[str] = set()
_NEVER_NULL = ("count.", "sum.", "contact.", "consent.", "evidence.", "withdrawn.", "reach.", "suppressed.", "care.")
_SAMPLES: Mapping[Type, Value] = {Type.NUMBER: 1, Type.INTEGER: 1, Type.BOOLEAN: True, Type.TEXT: "x", Type.TIME: 0}


@dataclass(frozen=True, order=True)
class MayHold:
    """A value that a text reads without a `default`: a message to a customer who has none is held."""

    file: str
    line: int
    name: str


@dataclass(frozen=True)
class _Text:
    """A text and where it is read: in the template `file`, or, where `line` is given, in a conversation's own file."""

    source: str
    file: str
    conversation: Conversation
    brand: str | None
    line: int = 0


def check_wording(root: Path, playbook: AuthoredPlaybook) -> list[Fault]:
    """Every fault of the texts that conversations name: syntax, names, filters, what cannot be set or laid out."""
    return _Checking(root, playbook).faults()


def may_hold(root: Path, playbook: AuthoredPlaybook) -> list[MayHold]:
    """What texts read without a `default` although it may be missing."""
    return _Checking(root, playbook).may_hold()


class _Checking:
    def __init__(self, root: Path, playbook: AuthoredPlaybook) -> None:
        self._playbook = playbook
        self._texts = wording.read_texts(root)
        self._digest = _digest(self._texts)
        self._sandbox = Sandbox(self._texts)
        self._names: Declared = declared(playbook)

    def faults(self) -> list[Fault]:
        found: dict[Fault, None] = {}
        letters: list[tuple[_Text, dict[str, Value]]] = []
        for file, conversation in self._playbook.conversations.items():
            found.update(dict.fromkeys(self._misfits(file, conversation)))
        for text in self._said():
            try:
                reads = wording.reads(self._sandbox, text.source, text.file)
                strange = self._strange_filters(text)
            except LiquidError as error:
                found[self._syntax(text, error)] = None
                continue
            found.update(dict.fromkeys([*self._unknown(text, reads), *strange]))
            if not any(one.file == _place(text) for one in found):
                values = self._sample(reads)
                if wording.form_of(text.file) == "typst":
                    letters.append((text, values))
                else:
                    found.update(dict.fromkeys(self._rehearsed(text, values)))
        unset = [(text, values, key) for text, values in letters if (key := self._key(text, values)) not in _sound]
        if unset:
            with Press() as press:
                for text, values, key in unset:
                    faults = list(self._set(press, text, values))
                    found.update(dict.fromkeys(faults))
                    if not faults:
                        _remember(key)
        return sorted(found)

    def may_hold(self) -> list[MayHold]:
        found = set()
        for text in self._said():
            try:
                reads = wording.reads(self._sandbox, text.source, text.file)
            except LiquidError:
                continue
            for read in reads:
                if not read.guarded and _nullable(read.name):
                    found.add(MayHold(*self._where(text, read.file, read.line), read.name))
        return sorted(found)

    def _said(self) -> Iterator[_Text]:
        """Every text of every conversation, in each of its languages; one that is not there was faulted elsewhere."""
        organisation = self._playbook.organisation
        for file, conversation in self._playbook.conversations.items():
            brand = conversation.brand or (next(iter(organisation.brands)) if organisation is not None else None)
            languages = conversation.languages or (organisation.languages if organisation is not None else [])
            for way in conversation.channels.values():
                for variant in way.variants:
                    for name in dict.fromkeys(
                        wording.in_language(template, language, self._texts)
                        for template in (variant.template, variant.subject)
                        if template is not None
                        for language in languages
                    ):
                        if name in self._texts:
                            yield _Text(self._texts[name], name, conversation, brand)
            source = self._playbook.sources.get(file)
            for number, said in enumerate(conversation.call.say if conversation.call is not None else ()):
                line = source.line_of(("call", "say", number)) if source is not None else 0
                yield _Text(said, file, conversation, brand, line)

    def _misfits(self, file: str, conversation: Conversation) -> Iterator[Fault]:
        """Templates whose form does not go with their channel, and e-mails without a subject."""
        source = self._playbook.sources.get(file)
        for channel, way in conversation.channels.items():
            for number, variant in enumerate(way.variants):
                place = ("channels", channel, "variants", number)
                line = source.line_of(place) if source is not None else 0
                wrong = _misfit(channel, variant)
                if wrong is not None:
                    yield Fault(file, line, *wrong)

    def _strange_filters(self, text: _Text) -> list[Fault]:
        if wording.form_of(text.file) == "typst":
            return []
        return [
            Fault(
                *self._where(text, file, line),
                f"{shown(name)} is not a filter.",
                did_you_mean(name, self._sandbox.filters),
            )
            for name, line, file in self._sandbox.strange_filters(text.source, text.file, markup=_is_markup(text))
        ]

    def _unknown(self, text: _Text, reads: list[Read]) -> Iterator[Fault]:
        for read in reads:
            where = self._where(text, read.file, read.line)
            never = self._never(text, read.name)
            if never is not None:
                yield Fault(*where, f"{shown(read.name)} is not there in this message.", never)
            elif not self._is_known(read.name):
                yield Fault(*where, f"{shown(read.name)} is not a variable of messages.", self._instead(read.name))

    def _instead(self, name: str) -> str:
        """What was probably meant by a variable that there is not."""
        names = (*ALWAYS, *SOMETIMES, *self._names.measures.known())
        if nearest(name, names) is not None:
            return did_you_mean(name, names)
        told = f"{PROFILE}.{name.rpartition('.')[2]}"
        return f"Name a measure, or what customers told of themselves, for example {shown(told)}."

    def _is_known(self, name: str) -> bool:
        group, _, member = name.partition(".")
        if group in (PROFILE, NOTICE):
            return True
        if name in ALWAYS or name in SOMETIMES or self._names.type_of(name) is not None:
            return True
        # A property of a text or list, and the group itself in a test of Typst.
        return member in ("size", "first", "last") and self._names.type_of(group) is not None

    def _never(self, text: _Text, name: str) -> str | None:
        """What to do about a variable that this conversation's messages never have; None where they may."""
        organisation: Organisation | None = self._playbook.organisation
        purpose = text.conversation.purpose
        if name == "unsubscribe_url" and purpose not in wording.UNSUBSCRIBABLE:
            return f"Remove it: a message of purpose {shown(purpose)} cannot be refused."
        if name.startswith(f"{NOTICE}.") and PURPOSES[purpose] > 1:
            return f"Remove it: a message of purpose {shown(purpose)} is decided on, and not sent as a notice."
        if name == "link_url" and text.conversation.name not in wording.OWN_LINKS:
            return f"Remove it: only {', '.join(map(shown, wording.OWN_LINKS))} carry a link that was asked for."
        if name == "gift.code" and text.conversation.gift is None:
            return "Give the conversation a `gift`, or remove it."
        brand = organisation.brands.get(text.brand or "") if organisation is not None else None
        for member in ("postal", "from_email"):
            if name == f"brand.{member}" and brand is not None and getattr(brand, member) is None:
                return f"Add `{member}` to the brand {shown(text.brand)} in touchline.yaml."
        return None

    def _sample(self, reads: list[Read]) -> dict[str, Value]:
        values: dict[str, object] = {**ALWAYS, **SOMETIMES}
        for read in reads:
            if read.name not in values:
                kind = self._names.type_of(read.name)
                values[read.name] = "x" if kind is None else _SAMPLES[kind]
        return nested(values)

    def _rehearsed(self, text: _Text, values: dict[str, Value]) -> Iterator[Fault]:
        """The faults that only show once it is said; what invented values alone bring about is none."""
        form = wording.form_of(text.file)
        try:
            said, missing = self._sandbox.say(text.source, values, text.file, markup=_is_markup(text))
        except Unsayable as error:
            if error.limit:
                what = f"It was stopped: {error.detail.partition(': ')[2]}."
                yield Fault(*self._where(text, text.file, 0), what, "Shorten it, its loops, or what it renders.")
            return
        if missing or form not in ("html", "mjml"):
            return
        try:
            plain_text(said if form == "html" else mjml.mjml2html(said))
        except ValueError as error:
            what = f"MJML cannot read it: {error}."
            yield Fault(_place(text), 0, what, "Mend its tags: each is closed, in its order.")
        except Unsafe as error:
            yield Fault(_place(text), 0, f"Messages do not carry {error.detail}.", "Take it out.")

    def _key(self, text: _Text, values: dict[str, Value]) -> str:
        """What a letter is set from: every file that it may read, and its values."""
        return _digest([self._digest, text.file, text.source, values])

    def _set(self, press: Press, text: _Text, values: dict[str, Value]) -> Iterator[Fault]:
        try:
            press.pdf(self._texts, text.file, values, said=wording.without_comments(text.source))
        except NotSet as error:
            file = f"{TEMPLATES}/{error.file}" if error.file else _place(text)
            yield Fault(
                file, error.line, f"Typst cannot set it: {error.fault}.", "Mend it, or test whether it is there."
            )

    def _syntax(self, text: _Text, error: LiquidError) -> Fault:
        file = str(error.template_name or text.file)
        what = str(error.message or "a fault").partition("\n")[0].rstrip(".")
        return Fault(
            *self._where(text, file, line_of(error, self._texts.get(file, text.source))),
            f"Liquid cannot read it: {what}.",
            "Mend it there.",
        )

    def _where(self, text: _Text, file: str, line: int) -> tuple[str, int]:
        if text.line and file == text.file:
            return text.file, text.line
        return f"{TEMPLATES}/{file}", line


def _remember(key: str) -> None:
    """A letter that was set is not set again while nothing that it is made of has changed: that takes the longest of all."""
    if len(_sound) >= MOST_SOUND:
        _sound.clear()
    _sound.add(key)


def _digest(values: object) -> str:
    told = json.dumps(values, sort_keys=True, default=repr)
    return hashlib.sha256(told.encode()).hexdigest()


def _place(text: _Text) -> str:
    return text.file if text.line else f"{TEMPLATES}/{text.file}"


def _is_markup(text: _Text) -> bool:
    return wording.form_of(text.file) in ("html", "mjml")


def _nullable(name: str) -> bool:
    return name not in ALWAYS and name not in SOMETIMES and not name.startswith(_NEVER_NULL)


def _misfit(channel: str, variant: Variant) -> tuple[str, str] | None:
    """What is wrong with a variant on its channel, and what to do; None where they go together."""
    form = wording.form_of(variant.template)
    if form == "typst" and channel not in ("post", "print"):
        return (
            f"{shown(variant.template)} is a letter, and {shown(channel)} carries none.",
            "Name a template that ends in .liquid, or in .mjml for an e-mail.",
        )
    if form in ("html", "mjml") and channel != "email":
        return (
            f"{shown(variant.template)} is an e-mail, and {shown(channel)} carries none.",
            "Name a template that ends in .liquid, or in .typ for a letter.",
        )
    if channel == "email" and variant.subject is None:
        return f"The variant {shown(variant.name)} has no `subject`, and an e-mail needs one.", "Add `subject:`."
    return None
