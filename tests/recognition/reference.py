"""A second, slow telling of who is one customer: straight from the rules, over plain Python values."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tests.recognition.people import Identifier, Row
from touchline.kernel import ids
from touchline.recognition.normalise import STRENGTH


def customers(rows: Sequence[Row]) -> set[frozenset[str]]:
    """What rules alone make of these rows, whose identifiers are in their normal form."""
    rows = [replace(row, identifiers=_at_home(row)) for row in rows]
    everyone = {identifier for row in rows for identifier in row.identifiers}
    first_at: dict[tuple[Identifier, Identifier], int] = {}
    names: dict[Identifier, set[str]] = defaultdict(set)
    for row in rows:
        telling = sorted(row.identifiers, key=lambda i: STRENGTH.index(i[0]))
        for weak in telling[1:]:
            if weak != telling[0]:
                same = weak[0] == telling[0][0]
                pair = (min(weak, telling[0]), max(weak, telling[0])) if same else (telling[0], weak)
                first_at[pair] = min(row.at, first_at.get(pair, row.at))
        for identifier in telling:
            if row.name and identifier[0] != "user_id":
                names[identifier].add(row.name)
    shared = {identifier for identifier, known in names.items() if len(known) > 3}
    users: dict[tuple[Identifier, str], set[Identifier]] = defaultdict(set)
    for one, other in [*first_at, *((weak, strong) for strong, weak in first_at)]:
        if one[0] == "user_id":
            users[other, one[1]].add(one)
    shared |= {weak for (weak, _), known in users.items() if len(known) > 3}

    groups = {identifier: {identifier} for identifier in everyone}
    order = sorted(first_at, key=lambda pair: (first_at[pair], ids.draw(*pair[0]), ids.draw(*pair[1])))
    for strong, weak in order:
        if strong in shared or weak in shared or groups[strong] is groups[weak]:
            continue
        joined = groups[strong] | groups[weak]
        scopes = [identifier[1] for identifier in joined if identifier[0] == "user_id"]
        if len(scopes) == len(set(scopes)):
            for identifier in joined:
                groups[identifier] = joined
    return {frozenset(_text(identifier) for identifier in group) for group in map(frozenset, groups.values())}


def _at_home(row: Row) -> tuple[Identifier, ...]:
    """The row's identifiers, a postal address beside others being that of the strongest of them alone."""
    owner = min((i for i in row.identifiers if i[0] != "postal"), key=lambda i: STRENGTH.index(i[0]), default=None)
    if owner is None:
        return row.identifiers
    own = "of:" + hashlib.sha256(ids.SEPARATOR.join(owner).encode()).hexdigest()[:32]
    return tuple((kind, scope + own if kind == "postal" else scope, value) for kind, scope, value in row.identifiers)


def _text(identifier: Identifier) -> str:
    kind, scope, value = identifier
    return f"{kind}:{value}" + (f"@@{scope}" if scope else "")
