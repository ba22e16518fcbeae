"""In: what is known of a customer, by dotted names. Out: the same as texts read it, plain and without what is blank. Writes no interactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LARGEST = 512 * 1024
"""Characters of a value, and bytes of a text that is made of values."""

_MOST_VALUES = 10_000
_DEEPEST_VALUE = 8

Value = str | int | float | bool | None | list["Value"] | dict[str, "Value"]


def nested(values: Mapping[str, object]) -> dict[str, Value]:
    """Values by dotted name as Liquid and Typst read them: `{"profile.name": "Ann"}` is `{"profile": {"name": "Ann"}}`.

    What is missing or blank is left out, so that it is noticed. Numbers without a fraction lose their `.0`.
    """
    tree: dict[str, Value] = {}
    for name, value in sorted(values.items()):
        plain = _plain(value, 0)
        if plain is None or (isinstance(plain, str) and not plain.strip()):
            continue
        *groups, last = name.split(".")
        place = tree
        for group in groups:
            below = place.setdefault(group, {})
            if not isinstance(below, dict):
                break
            place = below
        else:
            place[last] = plain
    return tree


def _plain(value: object, depth: int) -> Value:
    """A value as JSON knows it, without control characters; NULL where it is none, too deep or too large."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, str):
        text = str.__str__(value).encode("utf-8", "replace").decode("utf-8")
        text = "".join(c if c in "\n\t" or (c >= " " and not "\x7f" <= c <= "\x9f") else " " for c in text)
        return text if len(text) <= LARGEST else None
    if depth >= _DEEPEST_VALUE:
        return None
    if isinstance(value, Mapping) and len(value) <= _MOST_VALUES:
        return {str(key): _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, Sequence) and len(value) <= _MOST_VALUES:
        return [_plain(one, depth + 1) for one in value]
    return None
