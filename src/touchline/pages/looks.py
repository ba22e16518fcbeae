"""In: what touchline.yaml says of the organisation. Out: name, colours and logo of the customers' pages. Writes no interactions.

The authored colour is used where text in it, and text on it, can be read (WCAG 2.2 AA, 4.5 to 1); else ink takes its place.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from touchline.playbook.compiled import Playbook
from touchline.report.tokens import DARK, LIGHT, contrast
from touchline.workspace import serving

ENOUGH = 4.5
"""Contrast of text and ground."""

TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}
_LARGEST = 256 * 1024
_COLOURS = ("paper", "ink", "soft", "rule", "wash", "good", "act")


@dataclass(frozen=True)
class Look:
    """The organisation as its customers see it: name, whether there is a logo, and the style's version."""

    name: str
    has_logo: bool
    style: str


def look(playbook: Playbook) -> Look:
    """The look of a playbook's organisation."""
    organisation = playbook.organisation
    version = hashlib.sha256(sheet(organisation.colour).encode()).hexdigest()[:8]
    return Look(organisation.name, organisation.logo is not None, version)


def accent(colour: str | None, theme: dict[str, str]) -> str:
    """The colour of buttons and links: the authored one where it can be read on paper and wash, else ink."""
    if colour is None:
        colour = theme["accent"]
    readable = all(contrast(colour, theme[ground]) >= ENOUGH for ground in ("paper", "wash"))
    return colour if readable else theme["ink"]


def sheet(colour: str | None) -> str:
    """The whole style sheet, light and dark."""
    rules = files("touchline.pages").joinpath("sheet.css").read_text(encoding="utf-8")
    light, dark = (_variables(colour, theme) for theme in (LIGHT, DARK))
    return f":root{{color-scheme:light dark;{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}"


@require_safe
def style(_request: HttpRequest) -> HttpResponse:
    """The style sheet, with the organisation's colour."""
    text = sheet(serving.current().playbook.organisation.colour)
    return HttpResponse(text, "text/css; charset=utf-8", headers={"Cache-Control": "public, max-age=3600"})


@require_safe
def logo(_request: HttpRequest) -> HttpResponse:
    """The organisation's logo; a picture with a script in it runs none."""
    workspace = serving.current()
    name = workspace.playbook.organisation.logo
    root = workspace.settings.root.resolve()
    path = None if name is None else (root / name).resolve()
    if path is None or not path.is_relative_to(root) or not _is_picture(path):
        return HttpResponse(status=404)
    guards = {
        "Cache-Control": "public, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(path.read_bytes(), TYPES[path.suffix], headers=guards)


def _is_picture(path: Path) -> bool:
    return path.suffix in TYPES and path.is_file() and path.stat().st_size <= _LARGEST


def _variables(colour: str | None, theme: dict[str, str]) -> str:
    named = {**{name: theme[name] for name in _COLOURS}, "accent": accent(colour, theme)}
    return "".join(f"--{name}:{value};" for name, value in named.items())
