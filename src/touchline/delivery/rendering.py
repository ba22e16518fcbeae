"""In: the words of a conversation, and what is known of one customer. Out: the message as it will be read. Writes no interactions.

A value that is needed and not there holds the message; it is never printed as nothing. Every value is escaped where it enters HTML,
and is data, not markup, where it enters a letter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import mjml

from touchline.kernel.errors import TouchlineError
from touchline.playbook import wording
from touchline.playbook.plaintext import Unsafe, plain_text
from touchline.playbook.sandbox import MOST_OUTPUT, Sandbox, Unsayable
from touchline.playbook.typesetting import Press
from touchline.playbook.values import Value, nested
from touchline.playbook.wording import Wordings, Words

LONGEST_SUBJECT = 200
"""Characters."""

# A letter that is written as plain text is set as one: no template of Typst is needed to write three sentences.
_PLAIN_LETTER = """\
#let data = json(bytes(sys.inputs.data))
#set page(paper: "a4", margin: (x: 25mm, top: 20mm, bottom: 25mm))
#set text(lang: data.language, size: 11pt)
#text(size: 8pt, data.sender)
#v(15mm)
#data.address
#v(20mm)
#for paragraph in data.paragraphs [#paragraph #parbreak()]
"""


class Missing(TouchlineError):
    """The message needs what is not known of this customer."""

    code = "missing"
    remedy = "Give the variable a `default` in the template, or wait until it is known."

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(", ".join(names))


@dataclass(frozen=True)
class Brief:
    """What a call task says beside who is called.

    purpose    the template's text: why this call is made
    say        what to say
    never_ask  what is known already
    """

    purpose: str
    say: tuple[str, ...]
    never_ask: tuple[str, ...]


@dataclass(frozen=True)
class Rendered:
    """A message as it will be read; each channel uses its part.

    subject   of an e-mail; one line
    text      plain text; of an e-mail in HTML, made from it
    html      of an e-mail; None where it is plain text only
    pdf       of a letter
    call      of a call
    """

    subject: str | None = None
    text: str = ""
    html: str | None = None
    pdf: bytes | None = None
    call: Brief | None = None


@dataclass(frozen=True)
class Preview:
    """How a message would look: `rendered`, or, where it would be held, the names that are missing."""

    words: Words
    rendered: Rendered | None
    missing: tuple[str, ...]


class Named(Protocol):
    """A brand as messages show it; playbook's Brand is one."""

    @property
    def name(self) -> str:
        """As customers read it."""
        ...

    @property
    def from_email(self) -> str | None:
        """Sender of its e-mails."""
        ...

    @property
    def postal(self) -> str | None:
        """Its postal address."""
        ...


class Renderer:
    """Makes messages of words; it holds the process that sets letters, which `close` ends."""

    def __init__(self, wordings: Wordings) -> None:
        self.wordings = wordings
        self._press = Press()

    def render(self, words: Words, variables: Mapping[str, object]) -> Rendered:
        """The message; `variables` by dotted name, a NULL counts as not there. Raises Missing, Unsayable, NotSet."""
        saying = _Saying(self.wordings.sandbox, nested({**variables, "language": words.language}))
        subject = None if words.subject is None else _one_line(saying.text(words.subject, words.subject_file or ""))
        if words.form == "typst":
            pdf = self._letter(words, saying)
            saying.complete()
            return Rendered(subject=subject, pdf=pdf)
        said = saying.text(words.source, words.file, markup=words.form in ("html", "mjml"))
        brief = None
        if words.channel == "phone":
            says = tuple(_one_line(saying.text(one, words.conversation), LONGEST_SUBJECT * 5) for one in words.say)
            brief = Brief(said.strip(), says, words.never_ask)
        saying.complete()
        if words.form == "text":
            pdf = None
            if words.channel in ("post", "print"):
                pdf = self._plain_letter(said, saying.values, words.language)
            return Rendered(subject=subject, text=_tidy(said), pdf=pdf, call=brief)
        html = _html(said, words)
        try:
            return Rendered(subject=subject, text=plain_text(html), html=html)
        except Unsafe as error:
            raise Unsayable(f"{words.file}: {error}") from None

    def preview(
        self,
        conversation: str,
        channel: str,
        variant: str,
        language: str | None,
        variables: Mapping[str, object],
    ) -> Preview:
        """How the message to somebody would look, or why it would be held; raises UnknownName, Unsayable, NotSet."""
        words = self.wordings.find(conversation, channel, variant, language)
        try:
            return Preview(words, self.render(words, variables), ())
        except Missing as error:
            return Preview(words, None, error.names)

    def close(self) -> None:
        """End the process that sets letters."""
        self._press.close()

    def _letter(self, words: Words, saying: _Saying) -> bytes | None:
        """The PDF; None where something is missing, which is noted."""
        # What another file of the letter reads is needed as much as what the letter itself does.
        letters = {name: text for name, text in self.wordings.texts.items() if wording.form_of(name) == "typst"}
        reads = wording.typst_reads(words.source, words.file)
        for name, text in letters.items():
            if name != words.file and f'"{name.rpartition("/")[2]}"' in words.source:
                reads += wording.typst_reads(text, name)
        for read in reads:
            saying.need(read.name, guarded=read.guarded)
        if saying.missing:
            return None
        data = {**{group: {} for group in ("profile", "brand", "organisation", "gift")}, **saying.values}
        files = {**self.wordings.texts, words.file: words.source}
        said = json.dumps([saying.value(read.name) for read in reads], ensure_ascii=False)
        return self._press.pdf(files, words.file, data, _seconds_of_day(saying.values), said)

    def _plain_letter(self, said: str, values: Mapping[str, Value], language: str) -> bytes:
        brand = values.get("brand")
        sender = str(brand.get("postal") or brand.get("name") or "") if isinstance(brand, dict) else ""
        address = str(values.get("address") or "")
        paragraphs = [one.strip() for one in _tidy(said).split("\n\n") if one.strip()]
        data = {"language": language, "sender": sender, "address": address, "paragraphs": paragraphs}
        shown = "".join([sender, address, *paragraphs])
        return self._press.pdf({"main.typ": _PLAIN_LETTER}, "main.typ", data, _seconds_of_day(values), shown)


def preview(
    wordings: Wordings,
    conversation: str,
    channel: str,
    variant: str,
    language: str | None,
    variables: Mapping[str, object],
) -> Preview:
    """How one message would look, or why it would be held; for many, keep a Renderer and ask it."""
    renderer = Renderer(wordings)
    try:
        return renderer.preview(conversation, channel, variant, language, variables)
    finally:
        renderer.close()


def variables(
    organisation: str,
    brand: Named,
    *,
    today: datetime,
    address: str,
    measures: Mapping[str, object],
    profile: Mapping[str, object],
    unsubscribe_url: str | None = None,
    preferences_url: str | None = None,
    link_url: str | None = None,
    gift_code: str | None = None,
) -> dict[str, object]:
    """Every variable of a message by its dotted name.

    today     the instant whose day it is, on the organisation's wall clock
    measures  as conditions name them
    profile   what the customer told of themselves; a dot in a name becomes `_`, as a text could not read it
    """
    return {
        **measures,
        **{f"profile.{name.replace('.', '_')}": value for name, value in profile.items()},
        "organisation.name": organisation,
        "brand.name": brand.name,
        "brand.postal": brand.postal,
        "brand.from_email": brand.from_email,
        "today": today.date().isoformat(),
        "address": address,
        "unsubscribe_url": unsubscribe_url,
        "preferences_url": preferences_url,
        "link_url": link_url,
        "gift.code": gift_code,
    }


class _Saying:
    """The texts of one message: what each says, and what all of them miss."""

    def __init__(self, sandbox: Sandbox, values: dict[str, Value]) -> None:
        self._sandbox = sandbox
        self.values = values
        self.missing: dict[str, None] = {}

    def text(self, source: str, file: str, *, markup: bool = False) -> str:
        """What it says; what is missing is noted."""
        said, missing = self._sandbox.say(source, self.values, file, markup=markup)
        self.missing.update(dict.fromkeys(missing))
        return said

    def need(self, name: str, *, guarded: bool) -> None:
        """Note the name where no value has it."""
        if not guarded and self.value(name) is None:
            self.missing[name] = None

    def value(self, name: str) -> Value:
        """The value of that name; NULL where there is none."""
        place: Value = self.values
        for part in name.split("."):
            if not isinstance(place, dict) or part not in place:
                return None
            place = place[part]
        return place

    def complete(self) -> None:
        """Raise Missing where anything is."""
        if self.missing:
            raise Missing(tuple(self.missing))


def _html(said: str, words: Words) -> str:
    if words.form == "html":
        return said
    try:
        html = mjml.mjml2html(said)
    except ValueError:
        # MJML's own message quotes the text, and so perhaps a person's data.
        raise Unsayable(f"{words.file}: MJML cannot read it with these values") from None
    if len(html) > 4 * MOST_OUTPUT:
        raise Unsayable(f"{words.file}: the text is too long")
    return html


def _one_line(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """The text on one line, so that no value can begin a header of its own."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _tidy(text: str) -> str:
    """Plain text without blanks at line ends and without more than one empty line."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        bare = line.rstrip()
        if bare or (lines and lines[-1]):
            lines.append(bare)
    return "\n".join(lines) + "\n"


def _seconds_of_day(values: Mapping[str, Value]) -> int:
    """Seconds since 1970 of the message's `today`, which a letter may show."""
    try:
        return int(datetime.fromisoformat(str(values.get("today"))).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0
