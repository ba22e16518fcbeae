"""The list of customers: search, condition, order, columns, pages, the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.test import Client

from touchline.workspace import listing
from touchline.workspace import portrait as portraits

if TYPE_CHECKING:
    from touchline.workspace.opened import Workspace

As = Callable[..., Client]
HTMX = {"HX-Request": "true"}


def numbers(page: str) -> list[int]:
    """Customers of a table, in its order."""
    return [int(one) for one in re.findall(r'<th scope="row"><a href="/customers/(\d+)/">', page)]


def test_an_identifier_as_somebody_spells_it_leads_straight_to_its_customer(company: Workspace, client_of: As) -> None:
    customer = int(company.people()["customer"].unique().sort()[3])
    for one in portraits.portrait(company, customer).personas:
        if one["shared"] or one["type"] == "postal":
            continue
        spelt = one["value"].upper() if one["type"] == "email" else one["value"]
        answer = client_of("viewer").get("/customers/", {"q": f" {spelt} "})
        assert answer.headers.get("Location") == f"/customers/{customer}/", one


def test_the_beginning_of_a_name_finds_who_told_it(company: Workspace, client_of: As) -> None:
    customer = int(company.people()["customer"].unique().sort()[5])
    name = portraits.portrait(company, customer).name
    for part in (name[:4], name.split()[-1][:5].upper()):
        assert customer in listing.found(company, part), part
    assert listing.found(company, "no such person at all") == []
    page = client_of("viewer").get("/customers/", {"q": "no such person at all"}).content.decode()
    assert "Nobody is known by that" in page


def test_a_condition_chooses_whom_it_holds_for_in_the_order_asked(company: Workspace, client_of: As) -> None:
    where = "experience.overall < 0.2"
    query = {"where": where, "order": "experience.overall"}
    page = client_of("viewer").get("/customers/", query, headers=HTMX).content.decode()
    table = company.relationships_table(where=where, measures=["experience.overall"])
    wanted = table.sort("experience.overall", "customer")["customer"].to_list()
    assert numbers(page) == wanted[:25]
    second = client_of("viewer").get("/customers/", {**query, "page": "2"}, headers=HTMX).content.decode()
    assert numbers(second) == wanted[25:50]
    assert listing.counted(company, where) == len(wanted)


def test_what_needs_a_scan_loads_by_itself(client_of: As) -> None:
    page = client_of("viewer").get("/customers/", {"where": "care.due"}).content.decode()
    assert 'hx-get="/customers/?where=care.due"' in page
    assert not numbers(page)
    assert "now=1" in page  # the way without script


def test_a_faulty_condition_is_told_beside_its_field_and_never_runs(client_of: As) -> None:
    for where in ("experience.overal < 0", "stage = ", "care.due AND (", "stage = 3", "x" * 5000, "'\x00"):
        typed = client_of("viewer").get("/customers/count", {"where": where})
        assert (typed.status_code, b'class="fault"' in typed.content) == (200, True), where
        whole = client_of("viewer").get("/customers/", {"where": where})
        assert (whole.status_code, b'aria-invalid="true"' in whole.content) == (200, True), where
    assert client_of("viewer").get("/customers/", {"order": "no.measure"}).status_code == 404
    assert client_of("viewer").get("/customers/", {"page": "-3x"}).status_code == 200


def test_the_builder_writes_the_condition_into_the_address(client_of: As) -> None:
    told = {"measure": "stage", "compared": "=", "value": "it's", "where": "care.due"}
    answer = client_of("viewer").get("/customers/", told)
    assert answer.headers["Location"] == "/customers/?" + urlencode({"where": "(care.due) AND stage = 'it''s'"})


def test_the_file_holds_the_chosen_columns_and_nothing_a_spreadsheet_would_run(
    company: Workspace, client_of: As
) -> None:
    query = {"where": "experience.overall < 0.2", "order": "experience.overall", "col": ["experience.overall", "stage"]}
    answer = client_of("marketer").get("/customers/export", query)
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows[0] == ["customer", "experience.overall", "stage"]
    assert [int(row[0]) for row in rows[1:]] == listing.chosen(company, query["where"], "experience.overall")  # type: ignore[arg-type] # a list of one text
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert company.audit()[0].operation == "export.customers"
    assert client_of("agent").get("/customers/export", query).status_code == 403
