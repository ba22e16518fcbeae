"""As much of JSON Schema as the exported schemas use; a keyword that is not known here fails the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

SAYS_NOTHING = {"$schema", "$defs", "title", "description", "default"}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "") -> Iterator[str]:
    """What in the value the schema does not allow."""
    if "$ref" in schema:
        yield from faults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, place)
    for keyword, wanted in schema.items():
        if keyword in SAYS_NOTHING or keyword == "$ref":
            continue
        if not _holds(keyword, wanted, value, schema, root):
            yield f"{place or '.'}: {keyword} {wanted!r:.80}"
    if isinstance(value, dict):
        for key, inner in value.items():
            patterns = (one for pattern, one in schema.get("patternProperties", {}).items() if re.search(pattern, key))
            below = schema.get("properties", {}).get(key) or next(patterns, schema.get("additionalProperties"))
            if isinstance(below, dict):
                yield from faults(inner, below, root, f"{place}.{key}")
    elif isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from faults(inner, schema["items"], root, f"{place}[{number}]")


def _holds(keyword: str, wanted: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if keyword == "anyOf":
        return any(not list(faults(value, one, root)) for one in wanted)
    if keyword == "oneOf":
        return sum(not list(faults(value, one, root)) for one in wanted) == 1
    if keyword == "propertyNames":
        return not isinstance(value, dict) or all(not list(faults(key, wanted, root)) for key in value)
    if keyword == "additionalProperties":
        return wanted is not False or not isinstance(value, dict) or all(_is_named(key, schema) for key in value)
    assert keyword in KEYWORDS, f"the keyword {keyword!r} is not known here"
    of, holds = KEYWORDS[keyword]
    return not isinstance(value, of) or (isinstance(value, bool) and of == (int, float)) or holds(value, wanted)


KEYWORDS: dict[str, tuple[type | tuple[type, ...], Callable[[Any, Any], bool]]] = {
    "type": (
        object,
        lambda value, wanted: any(_is(value, one) for one in ([wanted] if isinstance(wanted, str) else wanted)),
    ),
    "enum": (object, lambda value, wanted: value in wanted),
    "const": (object, lambda value, wanted: bool(value == wanted)),
    "pattern": (str, lambda value, wanted: re.search(wanted, value) is not None),
    "required": (dict, lambda value, wanted: set(wanted) <= set(value)),
    "minimum": ((int, float), lambda value, wanted: value >= wanted),
    "maximum": ((int, float), lambda value, wanted: value <= wanted),
    "exclusiveMaximum": ((int, float), lambda value, wanted: value < wanted),
    "minLength": (str, lambda value, wanted: len(value) >= wanted),
    "maxLength": (str, lambda value, wanted: len(value) <= wanted),
    "minItems": (list, lambda value, wanted: len(value) >= wanted),
    "maxItems": (list, lambda value, wanted: len(value) <= wanted),
    "minProperties": (dict, lambda value, wanted: len(value) >= wanted),
    "maxProperties": (dict, lambda value, wanted: len(value) <= wanted),
    "properties": (object, lambda value, wanted: True),
    "patternProperties": (object, lambda value, wanted: True),
    "items": (object, lambda value, wanted: True),
}
"""Keyword -> (what it is about, whether a value of that sort holds to it)."""


def _is_named(key: str, schema: dict[str, Any]) -> bool:
    named = key in schema.get("properties", {})
    return named or any(re.search(pattern, key) for pattern in schema.get("patternProperties", {}))


def _is(value: Any, name: str) -> bool:
    sorts: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "boolean": (bool,),
        "integer": (int,),
        "number": (int, float),
        "null": (type(None),),
    }
    if isinstance(value, bool) and name in ("integer", "number"):
        return False
    return isinstance(value, sorts[name])
