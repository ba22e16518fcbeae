"""What tests of the faces stand on is what it says."""

from __future__ import annotations

from touchline.workspace import serving


def test_the_company_has_lived_and_is_served(company) -> None:
    assert serving.current() is company
    assert company.relationships_table().height >= 300
    assert sum(company.message_counts().values()) > 50


def test_members_sign_in_with_their_role(client_of) -> None:
    assert client_of("agent").get("/accounts/login/").status_code == 302
