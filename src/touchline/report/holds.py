"""In: a decision's summary. Out: who is held by what, and what goes to how many, as rows to draw. Writes no
interactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from touchline.decision.rules import POLICIES
from touchline.decision.summary import Summary
from touchline.interactions.catalogue import PURPOSES
from touchline.report.figures import Estimate, share_of, words
from touchline.report.setting import Setting


@dataclass(frozen=True)
class Held:
    """One policy: customers it holds back from at least one conversation in whose audience they are, and what it
    says."""

    policy: str
    customers: int
    share: Estimate | None
    says: str


@dataclass(frozen=True)
class Proposed:
    """One conversation: to how many it goes now."""

    conversation: str
    purpose: str
    class_: int
    customers: int
    share: Estimate | None


@dataclass(frozen=True)
class Holds:
    """A decision over the base in numbers of customers; rows with most customers first, conversations by class."""

    customers: int
    eligible: int
    decided: int
    held: tuple[Held, ...]
    proposed: tuple[Proposed, ...]


def holds_of(summary: Summary, setting: Setting) -> Holds:
    """The rows of a summary."""
    n = summary.customers
    held = [Held(policy, count, share_of(count, n), says(policy)) for policy, count in summary.held.items()]
    proposed = [
        Proposed(
            name,
            setting.purposes.get(name, ""),
            PURPOSES.get(setting.purposes.get(name, ""), 9),
            count,
            share_of(count, n),
        )
        for name, count in summary.by_conversation.items()
    ]
    return Holds(
        customers=n,
        eligible=summary.eligible,
        decided=summary.decided,
        held=tuple(sorted(held, key=lambda one: (-one.customers, one.policy))),
        proposed=tuple(sorted(proposed, key=lambda one: (one.class_, -one.customers, one.conversation))),
    )


def says(policy: str) -> str:
    """What a policy means, in the decision room's own sentence; a name of the organisation's own explains itself."""
    known: Mapping[str, str] = {one.name: one.means for one in POLICIES}
    return known.get(policy) or known.get(policy.split(".")[0], "")


def policy_words(policy: str) -> str:
    """A policy's name as words: `cap.overall` is `cap: overall`, `own.no_offer` is `no offer`."""
    kind, _, name = policy.partition(".")
    return words(kind if not name else name if kind == "own" else f"{kind}: {name}")
