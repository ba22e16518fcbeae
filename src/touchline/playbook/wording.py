"""In: a workspace's templates and its compiled playbook. Out: the words of every conversation. Writes no interactions.

A template `X.liquid` is the text for every language that has no `X.de.liquid` beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from touchline.kernel.errors import Fault, FaultsFound, UnknownName
from touchline.kernel.names import did_you_mean
from touchline.playbook.compiled import Playbook
from touchline.playbook.folder import TEMPLATES
from touchline.playbook.sandbox import Read, Sandbox

Form = Literal["text", "html", "mjml", "typst"]

UNSUBSCRIBABLE: frozenset[str] = frozenset({"care", "listening", "information", "community", "selling"})
"""Purposes whose messages can be refused; a notice that the contract demands, or a recovery, cannot."""

OWN_LINKS: tuple[str, ...] = ("confirm_opt_in", "your_data", "confirm_erasure")
"""Conversations of purpose `service` that carry, as `link_url`, the one link that a customer asked for. The loop says them to nobody."""

_TYPST_READ = re.compile(
    r"(?<![\w.\-])data((?:\.[A-Za-z_][A-Za-z0-9_-]*)+)(\s*\()?(?:\s*\"([^\"\n]*)\"(\s*,\s*default\s*:)?)?"
)
_TYPST_COMMENT = re.compile(r"/\*.*?\*/|(?<!:)//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Words:
    """One variant of a conversation on a channel, in one language.

    file, subject_file   names in playbook/templates; the subject is an e-mail's
    say, never_ask       of a call: what to say (Liquid), what is known and not to be asked again
    """

    conversation: str
    channel: str
    variant: str
    language: str
    purpose: str
    brand: str
    form: Form
    file: str
    source: str
    subject_file: str | None = None
    subject: str | None = None
    say: tuple[str, ...] = ()
    never_ask: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wordings:
    """The words of every conversation, and the texts that they may render."""

    words: Mapping[tuple[str, str, str, str], Words]
    texts: Mapping[str, str]
    sandbox: Sandbox = field(compare=False)

    def find(self, conversation: str, channel: str, variant: str, language: str | None = None) -> Words:
        """The words in that language, or in the conversation's first one where it has none; raises UnknownName."""
        languages = {key[3]: words for key, words in self.words.items() if key[:3] == (conversation, channel, variant)}
        if not languages:
            known = (f"{a} {b} {c}" for a, b, c, _ in self.words)
            wanted = f"{conversation} {channel} {variant}"
            raise UnknownName(f"no words for {wanted}", remedy=did_you_mean(wanted, known))
        return languages.get(language or "") or next(iter(languages.values()))


def load(root: Path, playbook: Playbook) -> Wordings:
    """The words of a checked playbook; raises FaultsFound where a template has gone since."""
    texts = read_texts(root)
    words: dict[tuple[str, str, str, str], Words] = {}
    gone = []
    for conversation in playbook.conversations.values():
        call = conversation.call
        for way in conversation.ways:
            for variant in way.variants:
                for language in conversation.languages:
                    file = in_language(variant.template, language, texts)
                    subject = None if variant.subject is None else in_language(variant.subject, language, texts)
                    missing = [name for name in (file, subject) if name is not None and name not in texts]
                    gone += [
                        Fault(f"{TEMPLATES}/{name}", 0, "The file is missing.", "Put it back.") for name in missing
                    ]
                    if missing:
                        continue
                    words[conversation.name, way.channel, variant.name, language] = Words(
                        conversation=conversation.name,
                        channel=way.channel,
                        variant=variant.name,
                        language=language,
                        purpose=conversation.purpose,
                        brand=conversation.brand,
                        form=form_of(file),
                        file=file,
                        source=texts[file],
                        subject_file=subject,
                        subject=None if subject is None else texts[subject],
                        say=call.say if call is not None and way.channel == "phone" else (),
                        never_ask=call.never_ask if call is not None and way.channel == "phone" else (),
                    )
    if gone:
        raise FaultsFound(list(set(gone)))
    return Wordings(words, texts, Sandbox(texts))


def read_texts(root: Path) -> dict[str, str]:
    """Every template of a workspace by its name, line ends as LF; what `check` faults is left out."""
    folder = root / TEMPLATES
    texts = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        inside = path.is_file() and path.resolve().is_relative_to(folder.resolve())
        if inside and not path.name.startswith("."):
            try:
                text = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError:
                continue
            texts[path.relative_to(folder).as_posix()] = text.replace("\r\n", "\n")
    return texts


def in_language(file: str, language: str, texts: Iterable[str]) -> str:
    """The file beside it in that language where there is one, else the file: `a.de.liquid` beside `a.liquid`."""
    stem, dot, suffix = file.rpartition(".")
    beside = f"{stem}.{language}{dot}{suffix}"
    return beside if beside in texts else file


def form_of(file: str) -> Form:
    """What a template is written in, by its suffix; Liquid is in all but Typst."""
    name = file.removesuffix(".liquid")
    if name.endswith(".mjml"):
        return "mjml"
    if name.endswith((".html", ".htm")):
        return "html"
    return "typst" if name.endswith(".typ") else "text"


def reads(sandbox: Sandbox, source: str, file: str) -> list[Read]:
    """Every value that a template reads, whatever it is written in; raises LiquidError."""
    form = form_of(file)
    if form == "typst":
        return typst_reads(source, file)
    return sandbox.reads(source, file, markup=form in ("html", "mjml"))


def without_comments(source: str) -> str:
    """A letter's Typst without what only its authors read; its lines stay where they are."""
    return _TYPST_COMMENT.sub(lambda found: "\n" * found[0].count("\n"), source)


def typst_reads(source: str, file: str) -> list[Read]:
    """`data.profile.name` of a letter in Typst; `.at("name", default: …)` is guarded."""
    text = without_comments(source)
    found = []
    for match in _TYPST_READ.finditer(text):
        parts = match[1][1:].split(".")
        called, key, guarded = match[2] is not None, match[3], match[4] is not None
        if called:
            method = parts.pop()
            if method == "at" and key is not None:
                parts.append(key)
            else:
                guarded = False
        if parts:
            line = text.count("\n", 0, match.start()) + 1
            found.append(Read(".".join(parts), line, file, called and guarded))
    return found
