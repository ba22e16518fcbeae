"""In: a plan, one of its conversations, a policy. Out: the condition that lists whom it fits, or whom the policy holds it from. Writes no interactions.

The conditions are the plan's own, joined as a decision joins them, so that the page Customers lists whom a decision counts. Where a
programme moves somebody on in the next tick, the decision counts them where they will be, the list where they are.
"""

from __future__ import annotations

from touchline.decision.plan import Candidate, Plan


def fits(plan: Plan, conversation: str) -> str | None:
    """Whom it is meant for now: audience, trigger and step; None where no decision is made about it."""
    ways = _ways(plan, conversation)
    if not ways:
        return None
    first = ways[0]  # all ways of a conversation share these three
    parts = [one.text for one in (first.audience, first.due, first.stands) if one is not None]
    return parts[0] if len(parts) == 1 else " AND ".join(f"({part})" for part in parts)


def held(plan: Plan, conversation: str, policy: str) -> str | None:
    """From whom of those the policy holds it, on any of its channels: what is unknown holds as well."""
    whom = fits(plan, conversation)
    blocks = dict.fromkeys(
        rule.blocks.text for way in _ways(plan, conversation) for rule in way.rules if rule.policy == policy
    )
    if whom is None or not blocks:
        return None
    either = " OR ".join(f"COALESCE({text}, TRUE)" for text in blocks)
    return f"({whom}) AND ({either})"


def _ways(plan: Plan, conversation: str) -> list[Candidate]:
    return [candidate for candidate in plan.candidates if candidate.conversation == conversation]
