"""`touchline explain` says why each message went or waits, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.workspace import lively
from touchline.cli import session
from touchline.delivery.gate import LASTING
from touchline.delivery.senders import ConsoleSender, Outcome, Outgoing
from touchline.kernel.times import FixedClock
from touchline.site.entry import open_workspace
from touchline.workspace.opened import Workspace

RESERVED = "reserved 2026-06-24T08:00:00Z"


def _answer(message: Outgoing) -> Outcome:
    """The second address is refused; after the third the sender breaks."""
    if message.address.startswith("ada2@"):
        raise OSError("gone")
    return Outcome("failed", "smtp_550") if message.address.startswith("ada1@") else Outcome("sent")


def test_explain_says_why_each_message_went_or_waits(touchline: Callable[..., Any], tmp_path: Path) -> None:
    clock, root = FixedClock(lively.NOW), lively.make(tmp_path / "w", customers=4, nameless=1)

    def opened(folder: Path | None) -> Workspace:
        return open_workspace(folder, clock)

    session.install(opened)
    office = opened(root)

    def explained(who: str, conversation: str) -> tuple[str, str]:
        """State and reason of its one message, whose sentence is among the words that the terminal prints."""
        (told,) = office.explain(who, conversation=conversation)["messages"]
        assert told["conversation"] == conversation
        said = [line.strip() for line in touchline("explain", who, "-w", root).out.splitlines()]
        sentence = f"{conversation} by email, {RESERVED}: {WORDS[told['state'], told['reason']]}"
        assert sentence in said
        assert told["line"] == sentence
        return told["state"], told["reason"]

    office.run(until_idle=True, senders={})
    assert {explained("u0", name) for name in ("notice", "thanks")} == {("reserved", "")}
    office.stop_sending("conversation", "notice")
    office.run(until_idle=True, senders={"email": ConsoleSender("email", answer=_answer)})
    assert [explained(f"u{n}", "thanks") for n in range(4)] == [
        ("sent", ""), ("failed", "smtp_550"), ("uncertain", "sender_broke"), ("held", "missing profile.name"),
    ]  # fmt: skip
    assert explained("u0", "notice") == ("held", "stopped_by_hand")
    clock.instant += LASTING
    office.run(until_idle=True, senders={})
    assert explained("u0", "notice") == ("expired", "stopped_by_hand")


WORDS = {
    ("reserved", ""): "is reserved and waits for its sender",
    ("sent", ""): "went",
    ("failed", "smtp_550"): "did not arrive (smtp_550)",
    ("uncertain", "sender_broke"): "may have arrived; it is not sent again, and counts as sent (sender_broke)",
    ("held", "missing profile.name"): "waits (missing profile.name), again from 2026-06-24T09:00:00Z",
    ("held", "stopped_by_hand"): "waits (stopped_by_hand), until somebody resumes it",
    ("expired", "stopped_by_hand"): "was not said in time, or what it rested on ended (stopped_by_hand)",
}
