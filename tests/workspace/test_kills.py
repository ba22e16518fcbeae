"""Real worker processes die in front of a real mail server: nothing of classes 2 to 5 arrives twice, nothing of class 1 is lost."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Started
from tests.workspace import lively
from tests.workspace.mailbox import Mailbox, serving
from touchline.delivery import outbox
from touchline.delivery.failpoints import NAMES
from touchline.delivery.states import SAID
from touchline.kernel.times import MINUTE, FixedClock
from touchline.recognition.staging import execute
from touchline.site.entry import open_workspace

pytestmark = pytest.mark.network

CUSTOMERS = 20
OWED, ONCE = "Your terms change", "Thank you, Ada"


@pytest.fixture
def post() -> Iterator[tuple[Mailbox, str]]:
    """A mail server, and its address."""
    with serving() as both:
        yield both


def work(root: str, at: int, careless: bool) -> None:
    """What a worker process does: the loop, until nothing is left to do."""
    if careless:
        outbox.recover = _without_care(outbox.recover)
    open_workspace(root, FixedClock(at)).run(until_idle=True)


def _without_care(recover: Callable[[int], Any]) -> Callable[[int], Any]:
    def without(now: int) -> Any:
        execute(
            "UPDATE delivery_message SET state = 'reserved', worker = NULL, lease_until = NULL WHERE state = 'sending'",
            [],
        )
        return recover(now)

    return without


def worker(root: Path, url: str, number: int, *, failpoint: str = "", careless: bool = False) -> Started:
    """A worker process, the `number`-th: each comes after the leases of the one before have run out."""
    environment = {"TOUCHLINE_SMTP_URL": url, "TOUCHLINE_FAILPOINT": failpoint, "DATABASE_URL": ""}
    return Started(work, str(root), lively.NOW + number * 11 * MINUTE, careless, environment=environment)


def arrived(mailbox: Mailbox) -> tuple[Counter[str], Counter[str]]:
    """How often each address got what is owed, and what is said at most once."""
    owed, once = Counter[str](), Counter[str]()
    for (address, subject), n in mailbox.subjects().items():
        (owed if subject == OWED else once)[address] += n
    return owed, once


def states(root: Path) -> dict[str, int]:
    """State -> how many messages are in it."""
    from django.db import connections

    opened = open_workspace(root, FixedClock(lively.NOW))
    found = opened.message_counts()
    connections.close_all()
    return found


LATER = ("outbox.started", "smtp.after_data", "outbox.after_finish")
"""Failpoints that are also died at in the second batch, after much has been sent."""
FAILPOINTS = [(name, number) for name in NAMES for number in ((1, CUSTOMERS + 10) if name in LATER else (1,))]
"""Each place, at a notice that is owed and, those going first, at a thank-you; leases are taken once for each channel."""


@pytest.mark.parametrize(("name", "number"), FAILPOINTS)
def test_a_worker_that_dies_at_a_failpoint_costs_nothing_and_repeats_nothing(
    name: str, number: int, tmp_path: Path, post: tuple[Mailbox, str]
) -> None:
    mailbox, url = post
    root = lively.make(tmp_path / "w", customers=CUSTOMERS)
    died = worker(root, url, 0, failpoint=f"{name}:{number}")
    assert died.ended() == -signal.SIGKILL, died.said()
    worker(root, url, 1).well()
    owed, once = arrived(mailbox)
    assert len(owed) == CUSTOMERS, "something that is owed was lost"
    assert not {address: n for address, n in once.items() if n > 1}, "something was said twice"
    assert len(once) >= CUSTOMERS - 1, "one message at most may be uncertain"
    assert set(states(root)) <= set(SAID)
    before = mailbox.subjects()
    worker(root, url, 2).well()
    assert mailbox.subjects() == before, "a run after the last one sent something"


def test_without_its_safeguard_a_message_arrives_twice(tmp_path: Path, post: tuple[Mailbox, str]) -> None:
    mailbox, url = post
    root = lively.make(tmp_path / "w", customers=CUSTOMERS)
    # The notices come first; the fiftieth message handed over is a thank-you.
    worker(root, url, 0, failpoint=f"smtp.after_data:{CUSTOMERS + 10}").ended()
    worker(root, url, 1, careless=True).well()
    assert max(arrived(mailbox)[1].values()) == 2, "the test cannot tell a worker with care from one without"


def test_thirty_kills_at_random_moments_lose_and_repeat_nothing(tmp_path: Path, post: tuple[Mailbox, str]) -> None:
    mailbox, url = post
    mailbox.slow = 0.01
    customers, moments = 400, random.Random(30)
    root = lively.make(tmp_path / "w", customers=customers)
    killed = 0
    for number in range(30):
        process = worker(root, url, number)
        time.sleep(moments.uniform(0.2, 1.8))
        if process.code is None:
            process.kill()
            killed += 1
        process.ended()
    mailbox.slow = 0.0
    worker(root, url, 30).well()
    worker(root, url, 31).well()
    owed, once = arrived(mailbox)
    assert killed > 15, "most workers were still at work"
    assert len(owed) == customers, "something that is owed was lost"
    assert not {address: n for address, n in once.items() if n > 1}, "something was said twice"
    found = states(root)
    assert set(found) <= set(SAID)
    assert len(once) >= customers - found.get("uncertain", 0)
