"""In: nothing. Out: the shapes of what `/api` takes and answers. Writes no interactions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field

from touchline.kernel.errors import TouchlineError
from touchline.workspace.recognised import Identifier

MOST = 100
"""Items of one page."""

Text = Annotated[str, Field(min_length=1, max_length=512)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Instant = Annotated[str, Field(description="ISO 8601, UTC")]


class OneIdentifier(TouchlineError):
    """Exactly one identifier says who is meant."""

    code = "one_identifier"
    remedy = "Send one of user_id, email, phone, anonymous_id."


class Whose(Schema):
    """Who is meant: exactly one of these."""

    user_id: Text | None = Field(None, description="of the organisation's own systems")
    email: Text | None = None
    phone: Text | None = Field(None, description="with its country code, or as dialled in the organisation's country")
    anonymous_id: Text | None = Field(None, description="of a browser, an app, a till")

    @property
    def given(self) -> list[Identifier]:
        """The identifiers that were sent."""
        told = {name: getattr(self, name) for name in ("user_id", "email", "phone", "anonymous_id")}
        return [Identifier(kind, value) for kind, value in told.items() if value is not None]

    @property
    def identifier(self) -> Identifier:
        """The one; raises OneIdentifier."""
        given = self.given
        if len(given) != 1:
            raise OneIdentifier
        return given[0]


class To(Whose):
    """Who is meant: exactly one of these."""

    model_config = ConfigDict(extra="forbid")


class AskNext(Whose):
    """Who is there, and where."""

    channel: Name | None = Field(
        None, description="web, app, chat, store, field, desk, event or meeting; a touchpoint's own, else web"
    )
    touchpoint: Name | None = Field(None, description="of the playbook: only what is said there")


class Spoken(Schema):
    """What to say."""

    message_id: str
    name: str = Field(description="of the conversation in the playbook")
    purpose: str
    channel: str
    touchpoint: str | None
    variant: str | None
    language: str
    subject: str | None
    text: str = Field(description="plain text: escape it where it enters HTML")
    gift_code: str | None
    until: Instant = Field(
        description="so long the same is answered again, and counts as said after it unless told otherwise"
    )


class NextAnswer(Schema):
    """What to say now, or null."""

    conversation: Spoken | None
    held: list[str] = Field(
        description="for a key of scope serve: what holds it; else empty, as for somebody who is not known"
    )


class Outcome(Schema):
    """What became of it."""

    model_config = ConfigDict(extra="forbid")

    outcome: Literal["shown", "accepted", "declined", "not_shown"]


class OutcomeTaken(Schema):
    """It is written down."""

    message_id: str
    outcome: str
    news: bool = Field(description="false where the same was told before")


Value = (
    Annotated[str, Field(max_length=2_000)]
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True, ge=-(2**53), le=2**53)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
)


class NoticeBody(Schema):
    """A notice of the organisation's own to one customer."""

    model_config = ConfigDict(extra="forbid")

    conversation: Name = Field(description="of purpose service or recovery")
    to: To
    channel: Name | None = Field(None, description="one of the conversation's; else whichever is open")
    variables: dict[Annotated[str, Field(min_length=1, max_length=64)], Value] = Field(
        default={}, max_length=50, description="what its words read as `notice.NAME`"
    )


class NoticeTaken(Schema):
    """The message that carries it: the same answer each time that it is sent under its key."""

    message_id: str
    conversation: str
    channel: str
    reserved_at: Instant


class IdentifierShown(Schema):
    """One identifier of a customer."""

    persona: int
    type: str
    value: str
    shared: bool = Field(description="used by so many people that it links nobody")


class CustomerShown(Schema):
    """Who somebody is."""

    customer: int
    identifiers: list[IdentifierShown]


class Customers(Schema):
    """A page of customers."""

    items: list[CustomerShown]
    next: str | None = Field(description="`cursor` of the next page")


class Relationship(Schema):
    """A customer's relationship as of now; empty for somebody of whom nothing but a name is known."""

    customer: int
    measures: dict[str, Any]


class Relationships(Schema):
    """A page of relationships, of customers who have any."""

    items: list[Relationship]
    next: str | None = Field(description="`cursor` of the next page")


class InteractionsShown(Schema):
    """A page of a customer's interactions, the latest first."""

    items: list[dict[str, Any]] = Field(description="columns of the ledger that hold something; times in ISO 8601")
    next: str | None = Field(description="`cursor` of the next page")


class Decision(Schema):
    """What is to be said to a customer now, and why not the others; nothing is reserved by it."""

    customer: int
    digest: str = Field(description="of the playbook that decided")
    proposed: list[dict[str, Any]]
    candidates: list[dict[str, Any]]
    programmes: list[dict[str, Any]]
    stopped: list[str] = Field(description="conversations that the team has stopped")


class ConsentShown(Schema):
    """What one address was asked for one purpose on one channel."""

    persona: int
    type: str
    address: str
    purpose: str
    channel: str
    in_force: bool
    granted_at: str | None
    withdrawn_at: str | None
    evidenced: bool


class Consents(Schema):
    """Every consent of a customer, given or withdrawn."""

    items: list[ConsentShown]


class ConsentBody(Schema):
    """Consent that one address gave or withdrew."""

    model_config = ConfigDict(extra="forbid")

    to: To
    purpose: Name
    channel: Name
    allow: Annotated[bool, Field(strict=True)]
    evidence: dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=2_000)]] = Field(
        min_length=1, max_length=20, description="what shows it: the words they agreed to, the form, the page"
    )


class ConsentTaken(Schema):
    """It is in force."""

    changed: bool = Field(description="false where it was so before")
