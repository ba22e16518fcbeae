"""In: one file's data with lines, and its model. Out: its authored form, and its faults. Writes no interactions.

What is wrong is reported once and taken out, so that what remains can still be checked against the other files.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, RootModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from touchline.kernel.errors import Fault
from touchline.kernel.names import did_you_mean, nearest
from touchline.playbook.authored.words import shown
from touchline.playbook.loading import Place, Source

MOST_REPAIRS = 100
"""Faulty parts that are taken out of one file before it is given up."""

LATER: Mapping[tuple[str, str], str] = {
    ("Conversation", "sample"): "Remove `sample`: this version of Touchline does not know surveys yet.",
    ("Conversation", "questions"): "Remove `questions`: this version of Touchline does not know surveys yet.",
}
"""(model, key) that the specification has and a later version will: the remedy."""

M = TypeVar("M", bound=BaseModel)


def validate(source: Source, model: type[M]) -> tuple[M | None, Source, list[Fault]]:
    """(authored form of what is right in the file, the source that fits it, faults); None where nothing is right."""
    if source.data is None:
        source = replace(source, data=[] if _is_list(model) else {})
    faults: list[Fault] = []
    for repair in range(MOST_REPAIRS):
        try:
            return model.model_validate(source.data), source, faults
        except ValidationError as error:
            errors = error.errors(include_url=False)
        if repair == 0:
            faults = [_fault(source, model, one) for one in errors if not _is_explained(model, one, errors)]
        if len(errors) > MOST_REPAIRS:
            break
        misspelt = (one for one in errors if one["type"] == "extra_forbidden")
        repaired = _repaired(source, model, next(misspelt, errors[0]))
        if repaired is None:
            break
        source = repaired
    return None, source, faults


def _is_explained(model: type[BaseModel], error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether a key is missing only because it is misspelt beside."""
    place = error["loc"]
    return error["type"] == "missing" and any(
        other["type"] == "extra_forbidden"
        and other["loc"][:-1] == place[:-1]
        and _near_key(model, other["loc"]) == place[-1]
        for other in errors
    )


def _repaired(source: Source, model: type[BaseModel], error: ErrorDetails) -> Source | None:
    """The source without this error: with what was probably meant, with a stand-in, or without the faulty part."""
    place = error["loc"]
    near: object = error.get("ctx", {}).get("near")
    if error["type"] == "extra_forbidden":
        near = _near_key(model, place)
    elif place and place[-1] == "[key]":
        place = place[:-1]
    elif place and not source.is_stand_in(place):
        stand_in = near if isinstance(near, str) else _stand_in(model, place)
        if stand_in is not None and _is_there(source.data, place[:-1]):
            return source.with_stand_in(place, stand_in)
        near = None
    else:
        near = None
    if error["type"] == "missing" or (place and not _is_there(source.data, place)):
        place = place[:-1]
    if not place or not _is_there(source.data, place):
        return None
    if isinstance(near, str) and not _is_there(source.data, (*place[:-1], near)):
        return source.with_key(place, near)
    return source.without(place)


_STAND_INS: tuple[Any, ...] = (
    "stand_in",
    "1 d",
    "once",
    "09:00",
    "acted",
    "service",
    "web",
    "reliability",
    "text",
    "UTC",
    "EUR",
    "en",
    1,
    0.5,
    False,
)
"""One of these suits every required value that is not a list or a mapping."""


def _stand_in(model: type[BaseModel], place: Place) -> Any:
    """A value that the field at a place accepts; None where it is no field, or none is known."""
    owner = _model_at(model, place[:-1])
    info = (
        None
        if owner is None
        else next((i for name, i in owner.model_fields.items() if (i.alias or name) == place[-1]), None)
    )
    if info is None:
        return None
    annotation: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    for candidate in _STAND_INS:
        try:
            adapter.validate_python(candidate, strict=True)
        except ValidationError:
            continue
        return candidate
    return None


def _near_key(model: type[BaseModel], place: Place) -> str | None:
    owner = _model_at(model, place[:-1])
    if owner is None or (owner.__name__, str(place[-1])) in LATER:
        return None
    return nearest(str(place[-1]), _keys(owner))


def _is_there(data: Any, place: Place) -> bool:
    for step in place:
        if isinstance(data, dict):
            if step not in data:
                return False
        elif not isinstance(data, list) or not isinstance(step, int) or step >= len(data):
            return False
        data = data[step]
    return True


def _fault(source: Source, model: type[BaseModel], error: ErrorDetails) -> Fault:
    place = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        what, remedy = _unknown_key(model, place)
        return Fault(source.file, source.line_of_key(place), what, remedy)
    if kind == "missing":
        return Fault(source.file, source.line_of_key(place[:-1]), *_missing(model, place))
    if place and place[-1] == "[key]":
        return Fault(source.file, source.line_of_key(place[:-1]), *_sentences(error, shown(place[-2])))
    label = _label(place)
    label = label[0].upper() + label[1:]
    return Fault(source.file, source.line_of(place), *_sentences(error, label))


def _unknown_key(model: type[BaseModel], place: Place) -> tuple[str, str]:
    owner = _model_at(model, place[:-1])
    key = str(place[-1])
    what = f"{shown(key)} is not a key {_of(place[:-1])}."
    if owner is None:
        return what, "Remove it."
    return what, LATER.get((owner.__name__, key)) or did_you_mean(key, _keys(owner))


def _missing(model: type[BaseModel], place: Place) -> tuple[str, str]:
    key = str(place[-1])
    owner = _model_at(model, place[:-1])
    means = ""
    if owner is not None:
        info = next((info for name, info in owner.model_fields.items() if (info.alias or name) == key), None)
        means = f" {info.description}" if info is not None and info.description else ""
    return f"The key {shown(key)} is missing {_in(place[:-1])}.", f"Add `{key}:`.{means}"


def _of(place: Place) -> str:
    return "of this file" if not place else f"of {_label(place)}"


def _in(place: Place) -> str:
    return "in this file" if not place else f"in {_label(place)}"


def _label(place: Place) -> str:
    """How a fault calls a value: by its key, or by its number in the list."""
    if not place:
        return "this file"
    if isinstance(place[-1], int):
        return f"item {place[-1] + 1} of {_label(place[:-1])}"
    return shown(place[-1])


_SORTS: dict[str, tuple[str, str]] = {
    "string_type": ("a text", "Put it in quotes."),
    "int_type": ("a whole number", "Write it in digits, without quotes."),
    "float_type": ("a number", "Write it in digits, without quotes."),
    "bool_type": ("`true` or `false`", "Write `true` or `false`, without quotes."),
    "list_type": ("a list", "Write its items in `[ ]`, or each on a line of its own after `- `."),
    "dict_type": ("a mapping", "Write `key: value` pairs, in `{ }` or each on a line of its own."),
    "model_type": ("a mapping", "Write `key: value` pairs, in `{ }` or each on a line of its own."),
    "model_attributes_type": ("a mapping", "Write `key: value` pairs, in `{ }` or each on a line of its own."),
}

_LIMITS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "greater_than_equal": lambda c: (f"is below {c['ge']:g}", f"Give a number of {c['ge']:g} or more."),
    "greater_than": lambda c: (f"is not above {c['gt']:g}", f"Give a number above {c['gt']:g}."),
    "less_than_equal": lambda c: (f"is above {c['le']:g}", f"Give a number of {c['le']:g} or less."),
    "less_than": lambda c: (f"is not below {c['lt']:g}", f"Give a number below {c['lt']:g}."),
    "string_too_short": lambda _: ("is empty", "Write something, or leave the key out where it may be."),
    "string_too_long": lambda c: (f"is longer than {c['max_length']:,} characters", "Shorten it."),
    "too_short": lambda c: ("has too few entries", f"Give at least {c['min_length']}."),
    "too_long": lambda c: (f"has more than {c['max_length']:,} entries", "Remove some."),
    "string_pattern_mismatch": lambda _: (
        "has characters that it must not have",
        "Use small letters, digits and underscores.",
    ),
    "finite_number": lambda _: ("is not finite", "Give a finite number."),
}


def _sentences(error: ErrorDetails, label: str) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "authored":
        what, remedy = str(context["what"]), str(context["remedy"])
        return what, remedy
    if kind == "literal_error":
        allowed = _listed(str(context["expected"]))
        return f"{label}: {shown(error['input'])} is not allowed.", did_you_mean(str(error["input"]), allowed)
    if kind in _SORTS:
        wanted, remedy = _SORTS[kind]
        return f"{label} must be {wanted}, not {_sort(error['input'])}.", remedy
    if kind in _LIMITS:
        what, remedy = _LIMITS[kind](context)
        return f"{label} {what}.", remedy
    return f"{label}: {error['msg']}.", "Compare it with the reference of the playbook."


def _listed(expected: str) -> list[str]:
    """Pydantic says `'a', 'b' or 'c'`."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _sort(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else shown(value)


def _is_list(model: type[BaseModel]) -> bool:
    return issubclass(model, RootModel) and _stripped(model.model_fields["root"].annotation)[0] is list


def _keys(model: type[BaseModel]) -> Iterable[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel], place: Place) -> type[BaseModel] | None:
    """The model that the value at a place must be; None where it is none."""
    annotation: Any = model
    for step in (None, *place):
        if step is not None:
            annotation = _below(annotation, step)
        while isinstance(annotation, type) and issubclass(annotation, RootModel):
            annotation = annotation.model_fields["root"].annotation
    _, inner = _stripped(annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _below(annotation: Any, step: str | int) -> Any:
    origin, inner = _stripped(annotation)
    if origin is list:
        return get_args(inner)[0]
    if origin is dict:
        return get_args(inner)[1]
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return next(
            (info.annotation for name, info in inner.model_fields.items() if (info.alias or name) == step), None
        )
    return None


def _stripped(annotation: Any) -> tuple[Any, Any]:
    """(origin, annotation) without `Annotated` and `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(one for one in get_args(annotation) if one is not type(None))
        else:
            return origin, annotation
