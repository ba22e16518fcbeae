"""In: a role. Out: the rights that it gives. Writes no interactions.

Rights are few and stand for what somebody is trusted with, not for single buttons: a verb of the workspace names the one
right that it needs, and nothing else decides.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a member of the team is there for; each has at least the rights of VIEWER."""

    VIEWER = "viewer"
    AGENT = "agent"
    MARKETER = "marketer"
    ADMIN = "admin"


class Right(StrEnum):
    """What may be done.

    SEE         look at everything that the console shows
    SERVE       a customer who is there: notes, outcomes, opt-ins, calls, gifts, preferences
    CONVERSE    what goes out to many: conversations, programmes, the playbook, releasing and stopping messages, imports
    IDENTIFY    say that customers are one person, or are not
    EXPORT      take many customers' data out
    ERASE       a person's rights: erase what is known about them
    ADMINISTER  team, keys, settings
    """

    SEE = "see"
    SERVE = "serve"
    CONVERSE = "converse"
    IDENTIFY = "identify"
    EXPORT = "export"
    ERASE = "erase"
    ADMINISTER = "administer"


EVERYTHING = frozenset(Right)

_AGENT = frozenset({Right.SEE, Right.SERVE, Right.IDENTIFY})
_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.SEE}),
    Role.AGENT: _AGENT,
    Role.MARKETER: _AGENT | {Right.CONVERSE, Right.EXPORT},
    Role.ADMIN: EVERYTHING,
}


def rights_of(role: Role) -> frozenset[Right]:
    """What a role may do."""
    return _RIGHTS[role]
