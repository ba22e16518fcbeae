"""In: what somebody asks to read. Out: customers, relationships, interactions, decisions and consents, page by page. Writes no interactions."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Query, Router

from touchline.api.asked import caller
from touchline.api.doors import Key
from touchline.api.shapes import (
    MOST,
    Consents,
    Customers,
    CustomerShown,
    Decision,
    InteractionsShown,
    OneIdentifier,
    Relationship,
    Relationships,
    Whose,
)
from touchline.workspace import paging
from touchline.workspace.recognised import person

router = Router(auth=Key("read"))

Number = Annotated[int, Path(ge=1, lt=2**63)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="items of a page")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]
Measures = Annotated[
    str | None, Query(max_length=2_000, description="names, parted by commas; a summary where none is named")
]


@router.get("/customers", response=Customers, operation_id="customers", summary="Who somebody is")
def customers(request: HttpRequest, whose: Query[Whose], limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """The customer whom an identifier means, none where nobody has it; without one everybody, by number. Scope `read`."""
    workspace, given = caller(request).workspace, whose.given
    if len(given) > 1:
        raise OneIdentifier
    if given:
        who = person(workspace, given[0])
        return {"items": [] if who is None else paging.customers(workspace, [who.customer]), "next": None}
    numbers, following = paging.numbers(workspace, cursor, limit)
    return {"items": paging.customers(workspace, numbers), "next": following}


@router.get("/customers/{number}", response=CustomerShown, operation_id="customer", summary="One customer")
def customer(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Who that is, by number. Scope `read`."""
    return paging.customer(caller(request).workspace, number)


@router.get(
    "/customers/{number}/relationship", response=Relationship, operation_id="relationship", summary="One relationship"
)
def relationship(request: HttpRequest, number: Number, measures: Measures = None) -> dict[str, Any]:
    """A customer's relationship as of now. Scope `read`."""
    workspace = caller(request).workspace
    paging.customer(workspace, number)
    found = paging.relationships(workspace, [number], measures)
    return found[0] if found else {"customer": number, "measures": {}}


@router.get("/relationships", response=Relationships, operation_id="relationships", summary="Relationships")
def relationships(
    request: HttpRequest, measures: Measures = None, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Relationships as of now, by customer's number. Scope `read`."""
    workspace = caller(request).workspace
    numbers, following = paging.numbers(workspace, cursor, limit)
    return {"items": paging.relationships(workspace, numbers, measures), "next": following}


@router.get(
    "/customers/{number}/interactions",
    response=InteractionsShown,
    operation_id="interactions",
    summary="A customer's interactions",
)
def interactions(
    request: HttpRequest,
    number: Number,
    kind: Annotated[str | None, Query(max_length=40, description="a kind of interaction")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every encounter with a customer, the latest first; of one kind where it is named. Scope `read`."""
    items, following = paging.interactions(caller(request).workspace, number, kind, cursor, limit)
    return {"items": items, "next": following}


@router.get("/customers/{number}/decision", response=Decision, operation_id="decision", summary="Explain a decision")
def decision(request: HttpRequest, number: Number) -> dict[str, Any]:
    """What is to be said to a customer now and why not the others: every candidate with each policy's answer. Scope `read`."""
    return paging.decision(caller(request).workspace, number)


@router.get("/customers/{number}/consents", response=Consents, operation_id="consents", summary="A customer's consents")
def consents(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Every consent that a customer's addresses gave or withdrew. Scope `read`."""
    return {"items": paging.consents(caller(request).workspace, number)}
