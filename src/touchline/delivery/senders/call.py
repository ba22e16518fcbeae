"""In: calls to make. Out: a task with its brief, for a person. Writes no interactions; closing a task does.

A brief says who is called, why, what happened before, what to say, and what not to ask again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from touchline.delivery.senders.sender import Outcome, Outgoing

Brief = dict[str, object]

MOST_BEFORE = 20
"""Latest interactions that a brief shows."""


class CallSender:
    """Hands each call to a person, with its brief; the outbox opens the task as it writes down that it is handed."""

    def __init__(self) -> None:
        self.name = "call"
        self.channel = "phone"

    def open(self) -> None:
        """Nothing to make ready."""

    def send(self, message: Outgoing) -> Outcome:
        """Put the call on the list; somebody has it then."""
        if message.rendered.call is None:
            return Outcome("failed", "no_brief")
        return Outcome("handed", brief=json.dumps(brief(message), sort_keys=True, default=str))

    def close(self) -> None:
        """Nothing to let go of."""


def brief(message: Outgoing) -> Brief:
    """What a call's task shows, ready for JSON.

    who        `number`, `language`, and what `payload["who"]` tells of the customer, for example a name
    why        purpose, brand and the author's own words
    before     the latest interactions, the latest first, as `payload["before"]` gives them
    say        what to say
    never_ask  what is known already, with its value where `payload["known"]` has it
    """
    call = message.rendered.call
    known = message.payload.get("known")
    before = message.payload.get("before")
    who = message.payload.get("who")
    facts = known if isinstance(known, Mapping) else {}
    return {
        "who": {
            **(dict(who) if isinstance(who, Mapping) else {}),
            "number": message.address,
            "language": message.language,
        },
        "why": {
            "purpose": message.purpose,
            "brand": message.brand.name,
            "words": call.purpose if call is not None else "",
        },
        "before": list(before)[:MOST_BEFORE] if isinstance(before, list | tuple) else [],
        "say": list(call.say) if call is not None else [],
        "never_ask": {name: facts.get(name) for name in (call.never_ask if call is not None else ())},
    }
