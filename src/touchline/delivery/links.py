"""In: a persona and what a link is for. Out: a signed link, and what it says when it comes back. Writes no interactions.

A link is for one thing, ends at an instant, and carries a number and nothing personal. What is changed, too old, of
another purpose or of another workspace is no link, and nobody is told which.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core import signing

from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import DAY, SECOND

LASTING: dict[str, int] = {
    "unsubscribe": 3 * 365 * DAY,
    "preferences": 365 * DAY,
    "confirm": 7 * DAY,
    "known": 3 * DAY,
    "erase": DAY,
}
"""What a link is for -> how long it lasts, microseconds. Leaving stays possible longest; what shows most ends soonest."""

PATHS: dict[str, str] = {"unsubscribe": "", "preferences": "p/", "confirm": "c/", "known": "k/", "erase": "e/"}
"""What a link is for -> where it lies under /u/."""

LONGEST = 800
"""Characters of a token."""


class NoLink(TouchlineError):
    """This is no link, or none any more."""

    code = "no_link"
    remedy = "Ask for a new one."


@dataclass(frozen=True)
class Link:
    """What a link says.

    use      key of LASTING
    persona  whose address it was sent to
    expires  microseconds UTC
    about    `unsubscribe`: purpose, channel; `confirm`: channel, purposes; else nothing
    """

    use: str
    persona: int
    expires: int
    about: tuple[str, ...] = ()


def token(use: str, persona: int, now: int, about: tuple[str, ...] = ()) -> str:
    """The signed text of a link that begins to last now."""
    said = [persona, (now + LASTING[use]) // SECOND, *about]
    return signing.dumps(said, salt=f"touchline.{use}", compress=True)


def url(public_url: str, use: str, persona: int, now: int, about: tuple[str, ...] = ()) -> str:
    """The whole address of the link."""
    return f"{public_url}/u/{PATHS[use]}{token(use, persona, now, about)}"


def read(text: str, use: str, now: int) -> Link:
    """What a link for that use says; raises NoLink for anything else, and for one that has ended."""
    if len(text) > LONGEST:
        raise NoLink
    try:
        persona, expires, *about = signing.loads(text, salt=f"touchline.{use}")
    except (signing.BadSignature, ValueError, TypeError):
        raise NoLink from None
    if now >= expires * SECOND:
        raise NoLink
    return Link(use, persona, expires * SECOND, tuple(about))


def recurrence(use: str, about: tuple[str, ...], nonce: str) -> str:
    """What a message that carries such a link recurs by: the link itself is made when it is rendered, and kept nowhere."""
    return ":".join(("link", use, "+".join(about), nonce))


def asked_for(text: str) -> tuple[str, tuple[str, ...]] | None:
    """The use and the rest of a link that a message's recurrence asks for; None where it asks for none."""
    mark, _, rest = text.partition(":")
    use, _, rest = rest.partition(":")
    if mark != "link" or use not in LASTING:
        return None
    about = rest.partition(":")[0]
    return use, tuple(about.split("+")) if about else ()
