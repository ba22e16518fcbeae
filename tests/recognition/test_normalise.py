"""Identifiers have one normal form each, or a word for why they have none."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchline.recognition.normalise import STRENGTH, name_normalised, normalised

_SCHEMA = {"type": pl.String, "scope": pl.String, "value": pl.String}


def _one(
    kind: str | None, value: str | None, *, scope: str | None = None, region: str | None = None
) -> tuple[str | None, str | None]:
    """(normal form, reason) of one identifier."""
    frame = normalised(pl.DataFrame([(kind, scope, value)], schema=_SCHEMA, orient="row"), region)
    return frame.select("value_normalised", "reason").row(0)


@pytest.mark.parametrize(
    ("kind", "value", "normal"),
    [
        ("email", " Ann.Lee+Shop@Example.ORG ", "ann.lee+shop@example.org"),
        ("email", "ann\u200b@example.org", "ann@example.org"),
        ("email", "jose\u0301@example.org", "josé@example.org"),
        ("email", "ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("email", "ann@Straße.example", "ann@strasse.example"),
        ("phone", "+49 (0)30 / 90 18 20", "+4930901820"),
        ("phone", "\u202a+49 30 901820\u202c", "+4930901820"),
        ("user_id", " 007 ", "007"),
        ("account", "Café", "Café"),
        ("account", "Cafe\u0301", "Café"),
        ("social", "@TouchLine", "touchline"),
        ("social", "mastodon/@Ann", "mastodon/ann"),
        ("social", "@\u202a@Ann", "ann"),
        ("user_id", " \u202a0\u202c", "0"),
        ("postal", "Ring 1,\r\n 10115  Berlin ", "ring 1 10115 berlin"),
        ("anonymous_id", "a1-B2", "a1-B2"),
    ],
)
def test_one_address_in_many_spellings_is_one_identifier(kind: str, value: str, normal: str) -> None:
    assert _one(kind, value) == (normal, None)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("email", "ann.example.org", "bad_email"),
        ("email", "ann@@example.org", "bad_email"),
        ("email", "ann@bob@example.org", "bad_email"),
        ("email", "ann@localhost", "bad_email"),
        ("email", "@example.org", "bad_email"),
        ("email", ".ann@example.org", "bad_email"),
        ("email", "ann..lee@example.org", "bad_email"),
        ("email", "ann@example.org.", "bad_email"),
        ("email", "ann@-x.example", "bad_email"),
        ("email", "ann lee@example.org", "bad_email"),
        ("email", f"{'a' * 65}@example.org", "bad_email"),
        ("email", f"ann@{'b' * 64}.example", "bad_email"),
        ("email", f"ann@{'b.' * 125}example", "bad_email"),
        ("email", "ann@a\u0300..example", "bad_email"),
        ("phone", "030 901820", "phone_without_country"),
        ("phone", "+49 1", "bad_phone"),
        ("phone", "+1 555 0123", "bad_phone"),
        ("phone", "+ring me", "bad_phone"),
        ("phone", "+49 30 901820 ext. 5", "bad_phone"),
        ("user_id", "a\x00b", "control_character"),
        ("user_id", "a\x1fb", "control_character"),
        ("user_id", "a\nb", "control_character"),
        ("user_id", "u" * 513, "too_long"),
        ("user_id", "é" * 10_000, "too_long"),
        ("email", "a" * 10_000 + "@example.org", "too_long"),
        ("user_id", "", "missing"),
        ("user_id", " \t\ufeff", "missing"),
        ("social", "@", "missing"),
        ("user_id", None, "missing"),
        ("passport", "X1", "unknown_type"),
        (None, "X1", "unknown_type"),
    ],
)
def test_what_cannot_be_an_identifier_is_refused_with_its_reason(
    kind: str | None, value: str | None, reason: str
) -> None:
    assert _one(kind, value) == (None, reason)


def test_a_number_without_a_country_belongs_where_the_organisation_is() -> None:
    assert _one("phone", "030 901820", region="DE") == ("+4930901820", None)
    assert _one("phone", "(212) 555-0123", region="US") == ("+12125550123", None)
    assert _one("phone", "+4930901820", region="US") == ("+4930901820", None)


def test_a_scope_is_for_user_ids_and_accounts() -> None:
    assert _one("account", "7", scope="shop") == ("7", None)
    assert _one("email", "ann@example.org", scope="shop") == (None, "bad_scope")
    assert _one("account", "7", scope="s" * 129) == (None, "bad_scope")
    assert _one("account", "7", scope="a\x1fb") == (None, "control_character")


def test_names_are_told_apart_by_their_words_alone() -> None:
    spellings = ["Ann Lee", "LEE, Ann", "  ann\tlee. ", "Ann  Lee"]
    forms = pl.DataFrame({"name": [*spellings, "Ann Leeds", "-"]}).select(name_normalised(pl.col("name"))).to_series()
    assert forms.to_list() == ["ann lee"] * 4 + ["ann leeds", ""]


_TEXTS = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\A[A-Za-zÄß.+]{1,8}@[A-Za-zäÖ-]{1,8}\.[a-zA-Z]{2,4}\Z"),
    st.from_regex(r"\A\+?[0-9 ()/-]{5,16}\Z"),
    st.text(alphabet="aİıſß\u0301\u200b@.x\ufeff\u202a ", max_size=12),
)


@given(kind=st.sampled_from(STRENGTH), value=_TEXTS, region=st.none() | st.sampled_from(["DE", "US"]))
def test_a_normal_form_is_its_own_normal_form(kind: str, value: str, region: str | None) -> None:
    normal, reason = _one(kind, value, region=region)
    assert (normal is None) != (reason is None)
    if normal is not None:
        assert _one(kind, normal, region=region) == (normal, None)
        assert 0 < len(normal) <= 512
        assert "\x1f" not in normal


@given(values=st.lists(st.tuples(st.sampled_from(STRENGTH), _TEXTS), max_size=8))
def test_an_identifier_is_looked_at_by_itself(values: list[tuple[str, str]]) -> None:
    rows = [(kind, None, value) for kind, value in values]
    frame = normalised(pl.DataFrame(rows, schema=_SCHEMA, orient="row"), "DE")
    assert frame.select("value_normalised", "reason").rows() == [
        _one(kind, value, region="DE") for kind, value in values
    ]
