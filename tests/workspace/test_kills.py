"""Real worker processes die in front of a real mail server: nothing of classes 2 to 5 arrives twice, nothing of class 1 is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workspace import lively
from tests.workspace.mailbox import Mailbox, serving
from touchline.delivery.failpoints import NAMES
from touchline.delivery.states import SAID
from touchline.kernel.times import MINUTE, FixedClock
from touchline.site.entry import open_workspace

pytestmark = pytest.mark.network

CUSTOMERS = 20
OWED, ONCE = "Your terms change", "Thank you, Ada"

WORKER = """
import sys
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
open_workspace(sys.argv[1], FixedClock(int(sys.argv[2]))).run(until_idle=True)
"""

CARELESS = """
import touchline.site.entry
from touchline.delivery import outbox
from touchline.recognition.staging import execute
with_care = outbox.recover
def without(now):
    execute("UPDATE delivery_message SET state = 'reserved', worker = NULL, lease_until = NULL WHERE state = 'sending'", [])
    return with_care(now)
outbox.recover = without
"""


@pytest.fixture
def post() -> Iterator[tuple[Mailbox, str]]:
    """A mail server, and its address."""
    with serving() as both:
        yield both


def worker(root: Path, url: str, number: int, *, failpoint: str = "", before: str = "") -> subprocess.Popen[bytes]:
    """A worker process, the `number`-th: each comes after the leases of the one before have run out."""
    environment = {**os.environ, "TOUCHLINE_SMTP_URL": url, "TOUCHLINE_FAILPOINT": failpoint, "DATABASE_URL": ""}
    arguments = [sys.executable, "-c", before + WORKER, str(root), str(lively.NOW + number * 11 * MINUTE)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finished(process: subprocess.Popen[bytes]) -> None:
    """The worker came to rest by itself."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said.decode()


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
    died.communicate(timeout=120)
    assert died.returncode == -signal.SIGKILL
    finished(worker(root, url, 1))
    owed, once = arrived(mailbox)
    assert len(owed) == CUSTOMERS, "something that is owed was lost"
    assert not {address: n for address, n in once.items() if n > 1}, "something was said twice"
    assert len(once) >= CUSTOMERS - 1, "one message at most may be uncertain"
    assert set(states(root)) <= set(SAID)
    before = mailbox.subjects()
    finished(worker(root, url, 2))
    assert mailbox.subjects() == before, "a run after the last one sent something"


def test_without_its_safeguard_a_message_arrives_twice(tmp_path: Path, post: tuple[Mailbox, str]) -> None:
    mailbox, url = post
    root = lively.make(tmp_path / "w", customers=CUSTOMERS)
    # The notices come first; the fiftieth message handed over is a thank-you.
    worker(root, url, 0, failpoint=f"smtp.after_data:{CUSTOMERS + 10}").communicate(timeout=120)
    finished(worker(root, url, 1, before=CARELESS))
    assert max(arrived(mailbox)[1].values()) == 2, "the test cannot tell a worker with care from one without"


def test_thirty_kills_at_random_moments_lose_and_repeat_nothing(tmp_path: Path, post: tuple[Mailbox, str]) -> None:
    mailbox, url = post
    mailbox.slow = 0.01
    customers, moments = 400, random.Random(30)
    root = lively.make(tmp_path / "w", customers=customers)
    killed = 0
    for number in range(30):
        process = worker(root, url, number)
        time.sleep(moments.uniform(0.8, 3.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate(timeout=60)
    mailbox.slow = 0.0
    finished(worker(root, url, 30))
    finished(worker(root, url, 31))
    owed, once = arrived(mailbox)
    assert killed > 15, "most workers were still at work"
    assert len(owed) == customers, "something that is owed was lost"
    assert not {address: n for address, n in once.items() if n > 1}, "something was said twice"
    found = states(root)
    assert set(found) <= set(SAID)
    assert len(once) >= customers - found.get("uncertain", 0)
