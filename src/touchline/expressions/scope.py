"""In: what a place in the playbook knows. Out: the names an expression there may use. Writes no interactions.

A closed scope knows every name and its type; an open one (properties of incoming events) takes any name of its prefix
and learns the type from use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from touchline.kernel.types import Type


class Names(Protocol):
    """Whoever knows names; kernel.measures.Measures is one."""

    def type_of(self, name: str) -> Type | None:
        """The name's type; None where there is no such name."""
        ...

    def known(self) -> Iterable[str]:
        """Every name, for the nearest one to a misspelt."""
        ...


@dataclass(frozen=True)
class DeclaredNames:
    """A closed scope of names written down one by one, for example a file's columns."""

    types: Mapping[str, Type]

    def type_of(self, name: str) -> Type | None:
        """The declared type."""
        return self.types.get(name)

    def known(self) -> Iterable[str]:
        """The declared names."""
        return self.types


@dataclass(frozen=True)
class OpenNames:
    """An open scope: any name that begins with `prefix`; its type is inferred from use, text where use does not tell.

    prefix    for example `event.`; '' opens every name
    declared  names with a fixed type, inside the prefix or beside it
    """

    prefix: str = "event."
    declared: Mapping[str, Type] = field(default_factory=dict)

    def type_of(self, name: str) -> Type | None:
        """The declared type; None for a name that is open or unknown."""
        return self.declared.get(name)

    def is_open(self, name: str) -> bool:
        """Whether the name's type is inferred from use."""
        return name not in self.declared and name.startswith(self.prefix) and len(name) > len(self.prefix)

    def known(self) -> Iterable[str]:
        """The declared names, and the prefix to show how an open one begins."""
        return [*self.declared, f"{self.prefix}NAME"]
