"""In: a conversation, a customer, the member of the team who asks. Out: the message as that customer would read it, sent to the member alone. Writes no interactions.

A test needs no reservation, leaves no row in the ledger, gives no code away, and carries no link by which anybody could act for the
customer. The address is the member's own as the team knows it; nothing that comes with the request names one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction

from touchline.delivery.senders import Outgoing
from touchline.interactions.catalogue import PURPOSES
from touchline.kernel.errors import TouchlineError
from touchline.kernel.times import MINUTE
from touchline.recognition.locking import hold_name
from touchline.team import audit, members
from touchline.workspace import acting, carrying, previewing

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

MARK = "[test]"
"""Before the subject of every test."""

AT_MOST = 5
WITHIN = MINUTE
"""So many tests a member may ask for in any such time."""

PATIENCE = 10.0
"""Seconds that a server is waited for while somebody waits at a screen."""

OPERATION = "messages.test"


class TrialFault(TouchlineError):
    """No test can be sent."""

    code = "no_test"


@dataclass(frozen=True)
class Trial:
    """What became of a test.

    to      the member's own address
    state   as a sender says: sent | retry | failed | uncertain
    reason  one word, as of a message
    """

    to: str
    subject: str
    state: str
    reason: str


def send(
    workspace: Workspace,
    conversation: str,
    customer: int,
    *,
    channel: str | None = None,
    variant: str | None = None,
    language: str | None = None,
) -> Trial:
    """Send it by the server that carries e-mails; raises TrialFault where that cannot be, UnknownName."""
    way, wording = previewing.chosen(workspace, conversation, channel, variant)
    address = _own_address(workspace)
    if way.channel != "email":
        raise TrialFault(
            f"by {way.channel} there is no test", remedy="A letter is a PDF and a call a brief: both stand on the page."
        )
    sender = carrying.mail_sender(workspace, seconds=PATIENCE)
    if sender is None:
        raise TrialFault(
            "no server takes e-mail", remedy="Set TOUCHLINE_SMTP_URL, as for the messages themselves, and start again."
        )
    _counted(workspace, conversation, customer)
    with carrying.opened(workspace, {}) as carried:
        seen = carried.preview(customer, conversation, way.channel, wording, language, address)
        brand = carried.brand(seen.words)
    if seen.rendered is None:
        raise TrialFault(
            f"of this customer {', '.join(seen.missing)} is not known",
            remedy="Their message would be held; try another customer.",
        )
    subject = f"{MARK} {seen.rendered.subject or ''}".strip()
    outgoing = Outgoing(
        message_id=f"test-{uuid4().hex}",
        channel=way.channel,
        address=address,
        class_=PURPOSES[seen.words.purpose],
        purpose=seen.words.purpose,
        brand=brand,
        language=seen.words.language,
        rendered=replace(seen.rendered, subject=subject),
        unsubscribe_url=None,
    )
    sender.open()
    try:
        outcome = sender.send(outgoing)
    finally:
        sender.close()
    return Trial(address, subject, outcome.state, outcome.reason)


def _own_address(workspace: Workspace) -> str:
    """The address of the member in whose name this is asked; raises TrialFault for anybody else."""
    actor = workspace.actor
    if actor.kind != "user" or actor.id is None:
        raise TrialFault("a test goes to whoever asks for it", remedy="Sign in to the console, and ask there.")
    member = members.found(actor.id)
    if not member.is_active:
        raise TrialFault("a test goes to members of the team", remedy="An admin can let you in again.")
    return str(member.email)


def _counted(workspace: Workspace, conversation: str, customer: int) -> None:
    """Write the test down before it is sent; raises TrialFault where this member has asked for too many."""
    actor = workspace.actor
    with transaction.atomic():
        hold_name(f"tests of {actor.id}")
        lately = audit.entries(operation=OPERATION, actor_kind=actor.kind, actor_id=actor.id, limit=AT_MOST)
        if len([one for one in lately if one.at > audit.now() - WITHIN]) >= AT_MOST:
            raise TrialFault(
                f"{AT_MOST} tests a minute are enough", remedy="Wait a minute; looking at the page is not limited."
            )
        acting.note(f"conversation {conversation}", customer=customer)
