"""In: touchline.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from touchline.playbook.authored.words import (
    Authored,
    Country,
    Currency,
    Duration,
    Name,
    Note,
    Text,
    Zone,
    shown,
    wrong,
)


def _language(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.islower()):
        raise wrong(
            f"{shown(value)} is not a language.", "Write two small letters of ISO 639-1, for example `en` or `de`."
        )
    return value


def _address(value: str) -> str:
    if value.count("@") != 1 or value.startswith("@") or value.endswith("@") or any(c.isspace() for c in value):
        raise wrong(f"{shown(value)} is not an e-mail address.", "Write it as `care@hearth.example`.")
    return value


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise wrong(
            f"{shown(value)} is not a colour.",
            'Write red, green and blue in hex and in quotes, for example `"#0b6462"`.',
        )
    return value.lower()


def _logo(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.(svg|png|jpg|webp)", value):
        raise wrong(
            f"{shown(value)} is not the name of a picture.",
            "Name a file beside touchline.yaml that ends in .svg, .png, .jpg or .webp.",
        )
    return value


Colour = Annotated[str, AfterValidator(_colour), WithJsonSchema({"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"})]
Logo = Annotated[str, Field(max_length=200), AfterValidator(_logo)]
Answer = Literal["topics", "timing", "frequency", "media", "language"]
Reply = Annotated[str, Field(min_length=1, max_length=300)]
Language = Annotated[str, AfterValidator(_language), WithJsonSchema({"type": "string", "pattern": "^[a-z]{2}$"})]
Address = Annotated[str, Field(max_length=254), AfterValidator(_address)]


class Brand(Authored):
    """A name under which the organisation speaks."""

    name: Text
    """As customers read it."""
    from_email: Address | None = None
    """Sender of its e-mails."""
    postal: Text | None = None
    """Postal address, shown where the law wants one."""


class Organisation(Authored):
    """The organisation and what holds for all of its playbook."""

    version: Literal[1]
    """Of the playbook's form; 1."""
    organisation: Text
    """Its name."""
    zone: Zone
    """IANA time zone, used where a customer's own is unknown."""
    currency: Currency
    """ISO 4217; the only one, rows in another are rejected."""
    country: Country | None = None
    """ISO 3166 alpha-2: where telephone numbers without a country code belong. Without it they are refused."""
    half_life: Duration = "180 d"
    """After this time an experience weighs half."""
    languages: Annotated[list[Language], Field(min_length=1, max_length=50)]
    """Of its messages; the first is the default."""
    brands: Annotated[dict[Name, Brand], Field(min_length=1, max_length=100)]
    """The names under which it speaks."""
    colour: Colour | None = None
    """Of customers' own pages, `"#rrggbb"`; where text on it could not be read, the pages use their ink."""
    logo: Logo | None = None
    """Of customers' own pages: a picture beside touchline.yaml, at most 256 KB."""
    reciprocity: dict[Answer, Reply] = Field(default_factory=dict)
    """What customers get for telling `topics`, `timing`, `frequency`, `media` or `language`: a line each in the preference centre."""
    note: Note = ""
    """For the authors."""
