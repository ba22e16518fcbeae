"""In: messages that are due, senders, how to render, how to look once more. Out: each message tried, put off or given up, and counts. Writes `sent` and `failed`.

A message that cannot be made ready, a sender that breaks, a customer who causes either: none of them stops the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from touchline.delivery import gifts, outbox, stops
from touchline.delivery.outbox import Leased, Outcome
from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import HOUR, MINUTE
from touchline.playbook.compiled import Playbook

HELD = HOUR
"""So long a message is held that lacks something, before it is looked at again."""
LOOK_AGAIN = MINUTE
LIMIT = 50
"""Messages of a channel that are looked at together: the look stays fresh."""


class Ready(Protocol):
    """What a sender is given; `senders.sender.Outgoing` is one."""

    @property
    def rendered(self) -> Any: ...

    @property
    def payload(self) -> Mapping[str, Any]: ...


class Sender(Protocol):
    """Whoever carries a channel's messages; it is open."""

    def send(self, outgoing: Any) -> Outcome:
        """Try once."""
        ...


@dataclass(frozen=True)
class Hold:
    """Why a message is not to go now.

    reason  the policy's name, or another word
    until   when to look again, microseconds UTC; None: what it rested on no longer holds, and it is given up
    """

    reason: str
    until: int | None = None


Render = Callable[[Leased], Ready]
Look = Callable[[Sequence[Leased]], Mapping[str, Hold]]
"""Messages of one channel -> by `message_id` those that are not to go now, by consent, suppression, quiet hours as they are."""


@dataclass(frozen=True)
class _Broke:
    """The outcome of a sender that gave none."""

    state: str = "uncertain"
    reason: str = "sender_broke"
    brief: str = ""


_COUNTED = {"reserved": "retry", "sending": "handed"}


def deliver(
    playbook: Playbook,
    senders: Mapping[str, Sender],
    render: Render,
    last_look: Look,
    *,
    worker: str,
    now: int,
    limit: int = LIMIT,
    rates: Mapping[str, int] | None = None,
    clock: Callable[[], int] | None = None,
) -> Counter[str]:
    """Try what is due, at most `limit` messages of each channel; what became of them -> how many.

    senders  channel -> whoever carries it
    worker   a name that no other worker has
    rates    channel -> how many may be begun in any minute
    clock    tells the instant of each try; without it all are tried at `now`

    Counted are sent, handed, retry, held, failed, uncertain, expired, and `lost`: another worker has it by now.
    """
    told: Counter[str] = Counter()
    tell = clock or (lambda: now)
    recovered = outbox.recover(now)
    told.update({"uncertain": recovered.uncertain, "expired": recovered.expired, "held": stops.hold(now)})
    for channel, sender in senders.items():
        leased = outbox.lease(worker, [channel], tell(), limit, rates)
        if not leased:
            continue
        try:
            looks = last_look(leased)
        except Exception:
            # Whatever kept the facts from being read: nothing goes without them.
            told["held"] += sum(outbox.put_off(each, "look_failed", tell() + LOOK_AGAIN) for each in leased)
            continue
        for message in leased:
            told[_tried(message, playbook, sender, render, looks.get(message.message_id), tell)] += 1
    return Counter({what: n for what, n in told.items() if n})


def _tried(
    message: Leased, playbook: Playbook, sender: Sender, render: Render, look: Hold | None, tell: Callable[[], int]
) -> str:
    """What became of one message."""
    if message.conversation not in playbook.conversations:
        look = Hold("conversation_gone")
    if look is not None and look.until is None:
        return "expired" if outbox.give_up(message, look.reason) else "lost"
    if look is not None and look.until is not None:
        return "held" if outbox.put_off(message, look.reason, look.until) else "lost"
    made = ready(message, playbook, render, tell())
    if isinstance(made, str):
        return "held" if outbox.put_off(message, made, tell() + HELD) else "lost"
    if not outbox.started(message, tell()):
        return _not_begun(message, tell())
    try:
        outcome = sender.send(made)
    except Exception:
        # It may have arrived before the sender broke.
        outcome = _Broke()
    state = outbox.finish(message, outcome, tell())
    return "lost" if state is None else _COUNTED.get(state, state)


def _not_begun(message: Leased, now: int) -> str:
    """What became of a message that may not begin: stopped under this worker's hands, or no longer its own."""
    if not stops.holds(message):
        return "lost"
    if message.reason == stops.UNKNOWN:
        return "held" if outbox.give_back(message) else "lost"
    return "held" if outbox.put_off(message, stops.BY_HAND, now) else "lost"


def ready(message: Leased, playbook: Playbook, render: Render, now: int) -> Ready | str:
    """The message made ready, with its code where it carries one; or what it lacks."""
    gift = playbook.conversations[message.conversation].gift
    try:
        if gift is not None:
            code = gifts.take(message.message_id, message.conversation, gift, playbook.pools[gift.pool], now)
            if code is None:
                return "gift_pool_empty"
            message = replace(message, gift_code=code)
        return render(message)
    except TouchlineError as fault:
        return f"{fault.code} {', '.join(getattr(fault, 'names', ()))}".strip()
    except Exception:
        # What one customer's data did to a template must not stop the others; its words stay out of the reason.
        return "cannot_be_rendered"
