"""In: pyproject.toml and requirements.lock. Out: on standard output, the pins of the lock that serving and building need, with their hashes.

The lock holds everything that anybody needs, tests and browsers too. What a service needs follows from it: the project's own requirements, those
of PostgreSQL, those of its build, and whatever these require, which the lock says beside each pin. Nothing but the standard library is used.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("postgres",)
"""Optional requirements that a service has."""
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_DIRECT = "touchline (pyproject.toml)"


def pins(lock: str) -> dict[str, str]:
    """Name of each package in the lock -> its lines."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        begins = _PIN.match(line)
        if begins:
            name = normal(begins[1])
        if name:
            found[name] = found.get(name, "") + line
    return found


def parents(lines: str) -> set[str]:
    """Who requires a package, as the comment below its pin says; `_DIRECT` for the project itself."""
    told = lines.partition("# via")[2]
    return {
        name if name == _DIRECT else normal(name) for name in (each.strip(" #") for each in told.splitlines()) if name
    }


def direct(pyproject: str) -> set[str]:
    """What the project, the extras of a service and its build require by themselves."""
    project = tomllib.loads(pyproject)
    told = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in EXTRAS:
        told += project["project"]["optional-dependencies"][extra]
    return {normal(found[0]) for each in told if (found := _NAME.match(each))}


def needed(lock: str, pyproject: str) -> dict[str, str]:
    """Name -> lines of every pin that is needed; ends with a word where the lock is older than the requirements."""
    known, wanted = pins(lock), direct(pyproject)
    if wanted - set(known):
        sys.exit(f"requirements.lock lacks {', '.join(sorted(wanted - set(known)))}: renew it with `make lock`")
    while True:
        more = {name for name, lines in known.items() if name not in wanted and parents(lines) & wanted}
        if not more:
            return {name: known[name] for name in sorted(wanted)}
        wanted |= more


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    root = Path(sys.argv[1])
    found = needed((root / "requirements.lock").read_text("utf-8"), (root / "pyproject.toml").read_text("utf-8"))
    sys.stdout.write("".join(found.values()))
