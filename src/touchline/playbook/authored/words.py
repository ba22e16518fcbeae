"""In: nothing. Out: the kinds of value that authored files are made of. Writes no interactions.

Each refuses what it is not with a sentence and a remedy, and says in JSON Schema what an editor should offer.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from touchline.interactions.catalogue import CHANNELS, IDENTIFIER_TYPES, KINDS, PURPOSES
from touchline.interactions.preferences import DAYS
from touchline.interactions.row import PRINCIPLES
from touchline.kernel.names import NAME, did_you_mean, nearest
from touchline.kernel.times import YEAR, parse_duration
from touchline.kernel.types import Type
from touchline.playbook.standards import COUNTRIES, CURRENCIES

LONGEST_DURATION = 200 * YEAR
LONGEST_EXPRESSION = 4_000
"""Characters of one expression."""


class Authored(BaseModel):
    """A mapping that a person wrote: unknown keys are refused, and nothing is converted in silence."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def wrong(what: str, remedy: str, near: str | None = None) -> PydanticCustomError:
    """The error by which a value is refused: what is wrong, what to do, and what was probably meant."""
    return PydanticCustomError("authored", "{what}", {"what": what, "remedy": remedy, "near": near})


def shown(value: object) -> str:
    """A value as faults quote it: in backticks, at most 60 characters, on one line."""
    text = " ".join(str(value).split())
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


class OneOf:
    """Marks a text that must be one of those known; offers the nearest one for a misspelt.

    noun     what they are called in a fault, with its article
    listed   whether editors are given the whole list
    """

    def __init__(self, noun: str, known: Collection[str], *, listed: bool = True) -> None:
        self.noun = noun
        self.known = known
        self.listed = listed

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        offered = dict(handler(schema))
        if self.listed:
            offered["enum"] = list(self.known)
        return offered

    def _check(self, value: str) -> str:
        if value not in self.known:
            raise wrong(
                f"{shown(value)} is not {self.noun}.", did_you_mean(value, self.known), nearest(value, self.known)
            )
        return value


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise wrong(
            f"{shown(value)} cannot be a name.",
            "Write it in small letters, digits and underscores, beginning with a letter, at most 63 long.",
        )
    return value


def _expression(value: object) -> object:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value) if isinstance(value, int | float) else value


def _duration(value: str) -> str:
    micros = parse_duration(value)
    if micros is None:
        raise wrong(
            f"{shown(value)} is not a duration.",
            "Write a whole number and a unit, for example `30 min`, `4 h`, `7 d` or `1 y`.",
        )
    if abs(micros) > LONGEST_DURATION:
        raise wrong(f"{shown(value)} is longer than 200 years.", "Give a shorter duration.")
    return value


def _not_negative(value: str) -> str:
    if (parse_duration(value) or 0) < 0:
        raise wrong(f"{shown(value)} lies in the past.", "Give a duration that is not negative.")
    return value


def _positive(value: str) -> str:
    if (parse_duration(value) or 0) <= 0:
        raise wrong(f"{shown(value)} is no time at all.", "Give a duration longer than nothing.")
    return value


def _time_of_day(value: str) -> str:
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value)
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise wrong(
            f"{shown(value)} is not a time of day.", 'Write hours and minutes in quotes, for example `"20:00"`.'
        )
    return value


def minute_of_day(time_of_day: str) -> int:
    """`20:30` is 1230; `24:00` is 1440."""
    hours, _, minutes = time_of_day.partition(":")
    return int(hours) * 60 + int(minutes)


def _file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*", value):
        raise wrong(
            f"{shown(value)} is not the name of a template.",
            "Name a file inside playbook/templates by letters, digits, `.`, `-` and `_`.",
        )
    return value


_DURATION_PATTERN = r"^\s*[+-]?\d{1,9}\s*(min|h|d|y)\s*$"

Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME.pattern}$"})]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Note = Annotated[str, Field(max_length=2_000)]
"""What the authors want to say to each other; nothing reads it."""

ExpressionText = Annotated[
    str,
    BeforeValidator(_expression),
    Field(min_length=1, max_length=LONGEST_EXPRESSION),
    WithJsonSchema(
        {"type": ["string", "number", "boolean"], "description": "An expression: docs/reference/expressions."}
    ),
]
AnyDuration = Annotated[
    str, AfterValidator(_duration), WithJsonSchema({"type": "string", "pattern": _DURATION_PATTERN})
]
Duration = Annotated[AnyDuration, AfterValidator(_positive)]
Wait = Annotated[AnyDuration, AfterValidator(_not_negative)]
TimeOfDay = Annotated[
    str, AfterValidator(_time_of_day), WithJsonSchema({"type": "string", "pattern": r"^\d{1,2}:\d{2}$"})
]
Share = Annotated[float, Field(ge=0, le=1)]
Reading = Annotated[float, Field(ge=-1, le=1)]
Points = Annotated[float, Field(ge=0, le=1_000)]
TemplateName = Annotated[str, Field(max_length=200), AfterValidator(_file_name)]

Kind = Annotated[str, OneOf("a kind of interaction", tuple(KINDS))]
Channel = Annotated[str, OneOf("a channel", CHANNELS)]
Purpose = Annotated[str, OneOf("a purpose", tuple(PURPOSES))]
Principle = Annotated[str, OneOf("a principle", PRINCIPLES)]
IdentifierType = Annotated[str, OneOf("a type of identifier", IDENTIFIER_TYPES)]
ColumnType = Annotated[str, OneOf("a type", tuple(Type))]
Day = Annotated[str, OneOf("a day of the week", DAYS)]
Zone = Annotated[str, OneOf("an IANA time zone", available_timezones(), listed=False)]
Currency = Annotated[str, OneOf("an ISO 4217 currency", CURRENCIES)]
Country = Annotated[str, OneOf("an ISO 3166 country", COUNTRIES)]
