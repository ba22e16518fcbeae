"""In: touchline.yaml. Out: its authored form. Writes no interactions."""

from __future__ import annotations

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
    note: Note = ""
    """For the authors."""
