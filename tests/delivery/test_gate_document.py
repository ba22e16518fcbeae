"""docs/reference/gate.md says what the code does, name by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from touchline.delivery import failpoints, outbox
from touchline.delivery.gate import LASTING
from touchline.delivery.states import SAID, STATES, WAITING
from touchline.kernel.times import DAY, HOUR, MINUTE

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "gate.md").read_text(encoding="utf-8")


def test_every_state_is_described_with_whether_it_counts() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (yes|no|a bounced)", TEXT, re.MULTILINE))
    assert set(told) == set(STATES)
    assert {state for state, counts in told.items() if counts == "yes"} == {*WAITING, *SAID}


def test_every_failpoint_is_named() -> None:
    assert all(f"`{name}`" in TEXT for name in failpoints.NAMES)


def test_its_numbers_are_those_of_the_outbox() -> None:
    assert (outbox.LEASE, outbox.LONGEST_WAIT, outbox.FIRST_WAIT, LASTING) == (10 * MINUTE, 4 * HOUR, MINUTE, 3 * DAY)
    assert "10 minutes" in TEXT
    assert "at most 4 hours" in TEXT
    assert "three days after its reservation" in TEXT


def test_the_facts_of_every_policy_have_a_store_and_an_age() -> None:
    policies = (Path(__file__).parents[2] / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")
    read = {
        name.partition(".")[0]
        for told in re.findall(r"Reads? ([^\n]+(?:\n[^\n#]+)*)", policies)
        for name in re.findall(r"`([a-z_]+\.[A-Za-z_.]+)`", told)
    }
    table = TEXT.partition("| facts | from | its age |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines() if "|" in row for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert {"consent", "contact", "care", "clock", "programme"} <= read
    assert read - listed - {"own", "cap", "holdout", "cool_off"} == set()


@pytest.mark.usefixtures("database")
def test_every_table_that_it_names_is_one() -> None:
    from django.apps import apps

    tables = {model._meta.db_table for model in apps.get_models()}
    assert set(re.findall(r"`((?:delivery|recognition|permission|intake)_\w+)`", TEXT)) <= tables
