"""In: an e-mail in HTML. Out: the same as plain text, for those who read that. Writes no interactions."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from touchline.kernel.errors import TouchlineError

SCHEMES: tuple[str, ...] = ("http", "https", "mailto", "tel", "cid")
"""What a link or picture of a message may begin with."""

_SILENT = frozenset({"head", "script", "style", "template", "title"})
_ACTIVE = frozenset({"script", "iframe", "object", "embed", "form", "base", "svg", "math"})
_VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
_BLOCKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "div",
        "dl",
        "dt",
        "dd",
        "fieldset",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    }
    | {"header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "tr", "ul"}
)
_APART = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"})
_LINKS = frozenset({"action", "background", "formaction", "href", "poster", "src"})
_SCHEME = re.compile(r"[\s\x00-\x20]*([a-zA-Z][a-zA-Z0-9+.\-\s]*):")
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


class Unsafe(TouchlineError):
    """The message would carry what acts by itself."""

    code = "unsafe_html"
    remedy = "Take it out of the template; a value of a customer is no address to go to."


def plain_text(html: str) -> str:
    """The text of a message: paragraphs apart, links with their address, hidden parts left out.

    Raises Unsafe where the HTML has scripts, event handlers, or addresses that are neither web, mail nor telephone.
    """
    reading = _Reading()
    reading.feed(html)
    reading.close()
    return reading.text()


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[tuple[str, bool]] = []  # element, and whether it is silent
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self._refuse_active(tag, attrs)
        given = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._void(tag, given)
            return
        silent = self._silent or tag in _SILENT or "hidden" in given or bool(_HIDDEN.search(given.get("style", "")))
        self._open.append((tag, silent))
        if silent:
            return
        if tag in _BLOCKS:
            self._parts.append("\n\n" if tag in _APART else "\n")
        if tag == "li":
            self._parts.append("- ")
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag == "a":
            self._links.append((given.get("href", "").strip(), len(self._parts)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that is written as `<br/>`: HTML knows only the void ones as such."""
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and those inside it that were left open."""
        if all(name != tag for name, _ in self._open):
            return
        silent = False
        while self._open:
            name, silent = self._open.pop()
            if name == tag:
                break
        if silent:
            return
        if tag == "a" and self._links:
            self._end_link()
        if tag in _BLOCKS:
            self._parts.append("\n\n" if tag in _APART else "\n")

    def handle_data(self, data: str) -> None:
        """Text; its line ends are blanks."""
        if not self._silent:
            self._parts.append(re.sub(r"[ \t\r\n\f]+", " ", data))

    def text(self) -> str:
        """All of it, tidied."""
        lines: list[str] = []
        for line in "".join(self._parts).splitlines():
            bare = re.sub(r"[ \t]+", " ", line).strip()
            if bare or (lines and lines[-1]):
                lines.append(bare)
        return "\n".join(lines).strip("\n") + "\n"

    @property
    def _silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _void(self, tag: str, given: dict[str, str]) -> None:
        if self._silent:
            return
        if tag == "br":
            self._parts.append("\n")
        elif tag == "hr":
            self._parts.append("\n\n----\n\n")
        elif tag == "img" and given.get("alt", "").strip():
            self._parts.append(" ".join(given["alt"].split()))

    def _end_link(self) -> None:
        address, start = self._links.pop()
        said = "".join(self._parts[start:]).strip()
        bare = address.removeprefix("mailto:").removeprefix("tel:")
        if bare and not bare.startswith("#") and said != bare:
            self._parts.append(f" ({bare})" if said else bare)

    def _refuse_active(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _ACTIVE:
            raise Unsafe(f"the element <{tag}>")
        for name, value in attrs:
            if name.startswith("on"):
                raise Unsafe(f"the attribute `{name}` of <{tag}>")
            if tag == "meta" and name == "http-equiv" and (value or "").strip().lower() == "refresh":
                raise Unsafe("a <meta> that goes elsewhere")
            scheme = _SCHEME.match(value or "") if name in _LINKS else None
            if scheme is not None and "".join(scheme[1].split()).lower() not in SCHEMES:
                raise Unsafe(f"an address of <{tag}> that is neither web, mail nor telephone")
