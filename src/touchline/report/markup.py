"""In: element names, attributes, children. Out: well-formed XML text, outside text escaped. Writes no interactions.

A child that is a plain string is text and is always escaped; only what these functions made is markup. So no
customer's name or words can become an element, whatever they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NOT_XML = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_DIRECTION = re.compile("[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ufeff]")
_VOID = frozenset({"meta", "br", "hr", "link"})


@dataclass(frozen=True)
class Markup:
    """Text that is already markup; made only by `element`, `fragment` and `raw_style`."""

    text: str

    def __str__(self) -> str:
        return self.text


Child = Markup | str | int | None


def clean(text: str) -> str:
    """Text without what XML forbids and without direction controls, which could turn a page's order round."""
    return _DIRECTION.sub("", _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def escaped(text: str) -> str:
    """Text as it stands in markup, in an element or in a quoted attribute."""
    made = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return made.replace('"', "&quot;").replace("'", "&#39;")


def element(
    name: str, attributes: dict[str, str | int | float | None] | None = None, *children: Child | Iterable[Child]
) -> Markup:
    """`<name attributes>children</name>`; an attribute of None is left out, numbers are written short."""
    written = "".join(
        f' {key}="{escaped(figure(value))}"' for key, value in (attributes or {}).items() if value is not None
    )
    inner = _inner(children)
    if name in _VOID:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{inner}</{name}>")


def fragment(*children: Child | Iterable[Child]) -> Markup:
    """Children in a row without an element round them."""
    return Markup(_inner(children))


def figure(value: str | int | float) -> str:
    """An attribute's value: floats with at most two decimals, so that drawings stay small and the same everywhere."""
    if isinstance(value, float):
        text = f"{value:.2f}".rstrip("0").rstrip(".")
        return "0" if text in ("-0", "") else text
    return str(value)


def raw_style(css: str) -> Markup:
    """The page's own style element; the text is the program's, never a customer's."""
    if "</" in css:
        raise ValueError("a style sheet must not close its element")
    return Markup(f"<style>{css}</style>")


def _inner(children: Iterable[Child | Iterable[Child]]) -> str:
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child.text)
        elif isinstance(child, str):
            parts.append(escaped(child))
        elif isinstance(child, int):
            parts.append(str(child))
        else:
            parts.append(_inner(child))
    return "".join(parts)
