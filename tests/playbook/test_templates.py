"""The packaged templates make workspaces that load, and what they ship is invented."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import phonenumbers
import polars as pl
import pytest

from tests.realdata import real_data
from touchline import playbook
from touchline.interactions.catalogue import CHANNELS, PURPOSES
from touchline.kernel.errors import UnknownName
from touchline.kernel.times import parse_instant
from touchline.playbook.compiled import Playbook
from touchline.playbook.templates import FolderInUse
from touchline.world.retail import FILES, live

SHIPPED = {
    "cdnow",
    "online_retail",
    "bank_marketing",
    "helpdesk",
    "airline",
    "contacts",
    "consents",
    "preferences",
    "suppressions",
    "contact_history",
    *FILES,
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return playbook.new(tmp_path_factory.mktemp("retail") / "w", "retail")


@pytest.fixture(scope="module")
def retail(workspace: Path) -> Playbook:
    return playbook.load(workspace)


@pytest.mark.parametrize("template", playbook.template_names())
def test_a_template_has_no_fault(template: str, tmp_path: Path) -> None:
    assert playbook.check(playbook.new(tmp_path / "w", template)) == []


def test_blank_ships_the_touchpoint_site_and_maps_every_event_there(tmp_path: Path) -> None:
    blank = playbook.load(playbook.new(tmp_path / "w"))
    assert list(blank.touchpoints) == ["site"]
    assert (blank.default_event.kind, blank.default_event.touchpoint) == ("acted", "site")
    assert blank.events == {}


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FolderInUse):
        playbook.new(tmp_path, "blank")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(FolderInUse):
        playbook.new(tmp_path / "mine.txt", "blank")


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    assert playbook.check(playbook.new(tmp_path, "blank")) == []


def test_an_unknown_template_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="`retail`"):
        playbook.new(tmp_path / "w", "retial")
    assert not (tmp_path / "w").exists()


def test_the_stores_are_kept_out_of_version_control(workspace: Path) -> None:
    assert ".touchline/" in (workspace / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_retail_talks_for_every_purpose_on_the_channels_that_a_shop_has(retail: Playbook) -> None:
    assert 10 <= len(retail.conversations) <= 14
    assert {one.purpose for one in retail.conversations.values()} == set(PURPOSES)
    assert {way.channel for one in retail.conversations.values() for way in one.ways} == {
        "email",
        "sms",
        "phone",
        "post",
    }
    assert {"web", "app", "email", "sms", "phone", "chat", "store", "post", "social"} <= set(retail.channels)
    assert {"sales", "service", "logistics", "billing", "marketing"} <= set(retail.departments)
    assert {"order", "ticket", "onboarding"} == set(retail.episodes)


def test_retail_has_every_policy_of_the_vocabulary(retail: Playbook) -> None:
    policies = retail.policies
    assert policies.quiet is not None
    assert policies.balance is not None
    assert policies.soft_opt_in_when is not None
    assert policies.cool_off_after > 0
    assert policies.holdout_global > 0
    assert policies.one_a_day == (3, 4, 5)
    assert {cap.channel or cap.purpose or "overall" for cap in policies.caps} >= {
        "overall",
        "email",
        "selling",
        "listening",
    }
    assert policies.own


def test_every_template_text_is_used_and_speaks_every_language(workspace: Path, retail: Playbook) -> None:
    variants = [variant for one in retail.conversations.values() for way in one.ways for variant in way.variants]
    used = {name for variant in variants for name in (variant.template, variant.subject) if name is not None}
    there = {path.name: path.read_text(encoding="utf-8") for path in (workspace / "playbook/templates").iterdir()}
    assert used == set(there)
    for text in there.values():
        assert '{% when "fr" %}' in text
        assert '{% when "de" %}' in text
        assert text.rstrip().endswith("{% endcase %}")


def test_every_e_mail_has_a_subject(retail: Playbook) -> None:
    ways = [way for one in retail.conversations.values() for way in one.ways if way.channel == "email"]
    assert all(variant.subject is not None for way in ways for variant in way.variants)


def test_retail_ships_its_imports(retail: Playbook) -> None:
    assert set(retail.imports) == SHIPPED


def test_no_import_looks_at_how_long_the_bank_talked(retail: Playbook) -> None:
    bank = retail.imports["bank_marketing"]
    assert "duration" not in bank.types
    assert "duration" not in bank.expect


def test_the_demonstrations_files_have_the_columns_that_their_imports_expect(retail: Playbook) -> None:
    world = live(40, 60, 3, until=parse_instant("2026-06-24T08:00:00Z"))
    for name, frame in world.files.items():
        assert set(frame.columns) == set(retail.imports[name].expect), name


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("online_retail", "online_retail/online_retail_2009_2010.parquet"),
        ("bank_marketing", "bank_marketing/bank_additional_full.parquet"),
        ("helpdesk", "service_logs/helpdesk.parquet"),
        ("airline", "airline_satisfaction/airline_passenger_satisfaction.parquet"),
    ],
)
@pytest.mark.data
def test_the_real_files_have_the_columns_that_their_imports_expect(name: str, file: str, retail: Playbook) -> None:
    columns = pl.read_parquet_schema(real_data(file))
    expected = retail.imports[name]
    assert set(expected.expect) <= set(columns)
    assert not expected.exact or set(expected.expect) == set(columns)


def test_fourteen_places_of_the_airline_are_judged_and_one_answer_is_about_none(retail: Playbook) -> None:
    about = [row.columns["about"].text for row in retail.imports["airline"].rows]
    places = [re.fullmatch(r"'touchpoint:(\w+)'", text) for text in about]
    assert len({place[1] for place in places if place}) == 14
    assert about[-1] == "'none'"


def _consents(workspace: Path) -> list[dict[str, str]]:
    with (workspace / "data/cdnow_consents.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_generated_consents_are_the_same_on_every_machine(workspace: Path, tmp_path: Path) -> None:
    again = playbook.new(tmp_path / "w", "retail")
    file = "data/cdnow_consents.csv"
    assert (again / file).read_bytes() == (workspace / file).read_bytes()


def test_the_generated_consents_fit_their_import_and_lie_before_the_decisions(
    workspace: Path, retail: Playbook
) -> None:
    lines = _consents(workspace)
    assert list(lines[0]) == list(retail.imports["consents"].expect)
    assert 1_800 <= len({line["account"] for line in lines}) <= 2_000
    assert all(re.fullmatch(r"\d{5}", line["account"]) and 1 <= int(line["account"]) <= 23_570 for line in lines)
    assert {line["purpose"] for line in lines} <= set(PURPOSES)
    assert {line["channel"] for line in lines} <= set(CHANNELS)
    assert {line["answer"] for line in lines} == {"yes", "no"}
    assert max(parse_instant(line["told_at"]) for line in lines) < parse_instant("1998-07-01T00:00:00Z")
    without = [line for line in lines if line["answer"] == "yes" and not line["evidence"]]
    assert 0.05 < len(without) / len(lines) < 0.3, "some consent came without evidence"


def test_a_consent_is_taken_back_after_it_was_given(workspace: Path) -> None:
    given: dict[tuple[str, str, str], str] = {}
    for line in _consents(workspace):
        key = (line["account"], line["purpose"], line["channel"])
        if line["answer"] == "yes":
            given[key] = line["told_at"]
        else:
            assert given[key] < line["told_at"]


def test_nobody_can_be_reached_at_a_generated_address(workspace: Path) -> None:
    lines = _consents(workspace)
    assert all(line["email"] == "" or line["email"].endswith("@example.com") for line in lines)
    numbers = {line["phone"] for line in lines if line["phone"]}
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", number) for number in numbers), "555-01xx is kept for fiction"
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number)) for number in numbers)


def test_one_generated_address_belongs_to_one_customer(workspace: Path) -> None:
    for column in ("email", "phone"):
        owners: dict[str, set[str]] = {}
        for line in _consents(workspace):
            if line[column]:
                owners.setdefault(line[column], set()).add(line["account"])
        assert all(len(accounts) == 1 for accounts in owners.values()), column
