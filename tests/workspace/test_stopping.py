"""One press stops what goes out, for worker processes that have it in their hands, and nothing that waits is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workspace import lively
from tests.workspace.mailbox import Mailbox, serving
from touchline.delivery import stops
from touchline.delivery.senders import ConsoleSender, LetterSender
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import DAY, HOUR, FixedClock
from touchline.site.entry import open_workspace
from touchline.team import audit
from touchline.workspace.opened import Workspace

CUSTOMERS, WORKERS = 60, 2
NOTICE = "Your terms change"

WORKER = """
import sys
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace import carrying
carrying.BATCH = 40  # so that each worker has some of what is stopped in its hands
open_workspace(sys.argv[1], FixedClock(int(sys.argv[2]))).run(until_idle=True)
"""


def workers(root: Path, url: str) -> list[subprocess.Popen[str]]:
    environment = {**os.environ, "TOUCHLINE_SMTP_URL": url}
    arguments = [sys.executable, "-c", WORKER, str(root), str(lively.NOW)]
    return [
        subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(WORKERS)
    ]


def ended(processes: list[subprocess.Popen[str]]) -> None:
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * WORKERS, said


def arrived(mailbox: Mailbox) -> Counter[str]:
    """How often each address got the notice."""
    return Counter({address: n for (address, subject), n in mailbox.subjects().items() if subject == NOTICE})


@pytest.mark.network
@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_two_workers_hand_over_nothing_more_once_it_is_stopped_and_the_rest_once_it_is_resumed(
    store: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres") if store == "postgresql" else "")
    root = lively.make(tmp_path / "w", customers=CUSTOMERS)
    office = open_workspace(root, FixedClock(lively.NOW))
    assert office.run(until_idle=True, senders={}).reserved == 2 * CUSTOMERS
    with serving() as (mailbox, url):
        mailbox.slow = 0.05
        running = workers(root, url)
        try:
            while sum(arrived(mailbox).values()) < 6:
                assert all(process.poll() is None for process in running)
                time.sleep(0.01)
            assert office.stop_sending("conversation", "notice")
            before = sum(arrived(mailbox).values())
            mailbox.slow = 0.0
            ended(running)
        finally:
            for process in running:
                process.kill()
                process.wait()
        owed = arrived(mailbox)
        assert before < CUSTOMERS // 2, "there was something to stop"
        assert sum(owed.values()) <= before + WORKERS, "each worker had begun one at most"
        assert len(mailbox.ids()) - len(owed) == CUSTOMERS, "everything else went on"
        waiting = office.messages("held").filter(reason=stops.BY_HAND).height
        assert waiting == CUSTOMERS - len(owed)
        assert office.resume_sending("conversation", "notice")
        ended(workers(root, url))
    assert arrived(mailbox) == Counter({f"ada{n}@lantern.example": 1 for n in range(CUSTOMERS)})
    assert max(mailbox.ids().values()) == 1
    assert office.verify()["faults"] == 0


@pytest.fixture
def walking(tmp_path: Path) -> Iterator[Workspace]:
    """Customers in a programme: a call, a letter within 48 hours, a fortnight, a thank-you."""
    from django.db import connections

    root = lively.make(tmp_path / "w", customers=8, programme=True)
    yield open_workspace(root, FixedClock(lively.NOW))
    connections.close_all()


def test_what_is_stopped_takes_nobodys_turn_and_is_explained_without_a_name(walking: Workspace) -> None:
    customer = str(walking.people()["customer"][0])
    going = walking.decide(dry_run=True).summary["by_conversation"]
    assert {name for name, n in going.items() if n} == {"notice", "hello_call"}
    walking.stop_sending("conversation", "notice")
    walking.stop_sending("programme", "hello")
    done = walking.run(until_idle=True, senders={})
    assert (done.reserved, dict(done.refused)) == (0, {})
    assert done.steps > 0, "programmes go on"
    told = walking.explain(customer)
    assert told["stopped"].keys() == {"notice", "hello_call", "hello_letter", "thanks"}
    assert told["stopped"]["thanks"]["sort"] == "programme"
    assert (
        "stopped by hand since 2026-06-24T08:00:00Z: notice; none is reserved, and what waits is held" in told["lines"]
    )
    assert "terminal" not in str(told["stopped"])
    walking.resume_sending("programme", "hello")
    assert walking.run(until_idle=True, senders={}).reserved > 0
    assert set(walking.messages()["conversation"]) == {"hello_call"}
    entries = [(one.operation, one.about) for one in audit.entries(operation="sending.", limit=9)]
    assert entries == [
        ("sending.resume", "programme hello"),
        ("sending.stop", "programme hello"),
        ("sending.stop", "conversation notice"),
    ]


def test_a_steps_time_runs_on_while_it_is_stopped(walking: Workspace) -> None:
    assert isinstance(walking.clock, FixedClock)
    walking.stop_sending("programme", "hello")
    walking.run(until_idle=True, senders={"email": ConsoleSender("email")})
    walking.clock.instant += 7 * DAY + HOUR
    walking.run(until_idle=True, senders={})
    assert walking.relationships_table(measures=["programme.hello.step"])[
        "programme.hello.step"
    ].unique().to_list() == [2]
    walking.resume_sending("programme", "hello")
    letters = LetterSender(walking.settings.letters, walking.clock)
    walking.run(until_idle=True, senders={"post": letters})
    assert set(walking.messages("sent")["conversation"]) == {"notice", "hello_letter"}, "the call was missed"


def test_only_what_the_playbook_has_is_stopped(walking: Workspace) -> None:
    for sort, name in (("conversation", "notise"), ("programme", "notice"), ("channel", "email")):
        with pytest.raises(UnknownName):
            walking.stop_sending(sort, name)
    assert walking.stops() == []
    assert not walking.resume_sending("conversation", "notice")
